/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/reply_tls.h"

#include <inttypes.h>

#include "gateway/console/put.h"

static void put_end(struct writer *writer, const char *name, int64_t ends_us) {
    put_second(writer, name, ends_us == INT64_MAX ? 0 : ends_us);
}

static void put_who(struct writer *writer, const char *name, const char *who) {
    put_str(writer, name, who == NULL ? "" : who);
}

void reply_tls(const struct console_status *status, struct writer *writer) {
    const struct verdict_tls_facts *tls = &status->tls;
    put_name(writer, "tls");
    if (tls->server_ends_us == 0) {
        writer_str(writer, "null");
        return;
    }
    writer_str(writer, "{");
    put_end(writer, "server_ends", tls->server_ends_us);
    put_who(writer, "ca", tls->ca);
    put_end(writer, "ca_ends", tls->ca_ends_us);
    put_who(writer, "device", tls->device);
    put_end(writer, "device_ends", tls->device_ends_us);
    put_end(writer, "crl_ends", tls->crl_ends_us);
    writer_str(writer, "}");
}

void reply_tls_metrics(const struct console_status *status,
                       struct writer *writer) {
    static const char name[] = "shopme_edge_certificate_end_timestamp_seconds";
    const struct verdict_tls_facts *tls = &status->tls;
    const struct {
        const char *of;
        int64_t ends_us;
    } ends[] = {{"gateway", tls->server_ends_us},
                {"ca", tls->ca_ends_us},
                {"device", tls->device_ends_us},
                {"crl", tls->crl_ends_us}};
    writer_printf(writer,
                  "# HELP %s When the gateway's certificate, that of the CA "
                  "and of the device that end first, and the revocation list "
                  "end.\n# TYPE %s gauge\n",
                  name, name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (ends[i].ends_us != 0 && ends[i].ends_us != INT64_MAX) {
            writer_printf(writer, "%s{of=\"%s\"} %" PRId64 "\n", name,
                          ends[i].of, ends[i].ends_us / 1000000);
        }
    }
}
