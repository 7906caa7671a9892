/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/tunnel.h"

#include <assert.h>
#include <stdio.h>

/* CONNECT wants the port, the default one too. */
static void write_target(const struct endpoint *where, struct writer *writer) {
    bool six = strchr(where->host, ':') != NULL;
    writer_str(writer, six ? "[" : "");
    writer_str(writer, where->host);
    writer_printf(writer, "%s:%u", six ? "]" : "", where->port);
}

void tunnel_write(const struct endpoint *where, struct writer *writer) {
    assert(where->proxy.host[0] != '\0');
    writer_str(writer, "CONNECT ");
    write_target(where, writer);
    writer_str(writer, " HTTP/1.1\r\nHost: ");
    write_target(where, writer);
    writer_str(writer, "\r\nUser-Agent: shopme-edge/" SHOPME_EDGE_VERSION);
    if (where->proxy.authorization[0] != '\0') {
        writer_str(writer, "\r\nProxy-Authorization: ");
        writer_str(writer, where->proxy.authorization);
    }
    writer_str(writer, "\r\n\r\n");
    assert(!writer->full);
}

/* 407: a login is wanted, or another one, or one of a kind we do not have. */
static err_t refuse_login(const struct endpoint *where,
                          const struct http_response *response,
                          struct reason *reason) {
    bool from_file = strcmp(where->proxy.from, "cloud.proxy") == 0;
    if (response->proxy_asks[0] != '\0' && !response->proxy_basic) {
        return reason_set(reason, ERR_NETWORK,
                          "the proxy wants a login of kind %s (HTTP 407), and "
                          "only Basic is spoken",
                          response->proxy_asks);
    }
    return reason_set(reason, ERR_NETWORK, "the proxy %s (HTTP 407): %s %s",
                      where->proxy.authorization[0] != '\0'
                          ? "refuses the user name or password"
                          : "asks for a user name and password",
                      where->proxy.authorization[0] != '\0' ? "check" : "set",
                      from_file ? "cloud.proxy_login_file" : where->proxy.from);
}

static err_t refuse(const struct endpoint *where,
                    const struct http_response *response,
                    struct reason *reason) {
    switch (response->status) {
    case 407:
        return refuse_login(where, response, reason);
    case 403:
    case 405:
        return reason_set(reason, ERR_NETWORK,
                          "the proxy does not allow it (HTTP %u): have the "
                          "host allowed there",
                          response->status);
    case 502:
    case 503:
    case 504:
        return reason_set(reason, ERR_NETWORK,
                          "the proxy cannot reach that host (HTTP %u)",
                          response->status);
    default:
        return reason_set(reason, ERR_NETWORK,
                          "the proxy opens no way there (HTTP %u)",
                          response->status);
    }
}

static bool has_head(const struct http_response *response) {
    return response->state != HTTP_STATUS_LINE &&
           response->state != HTTP_HEADER;
}

/* Byte by byte, since nothing behind the head may be read: an answer to CONNECT
 * has no body, whatever its head says. */
err_t tunnel_read(const struct endpoint *where, struct http_response *response,
                  struct slice bytes, struct reason *reason) {
    size_t at = 0;
    while (at < bytes.len && !has_head(response)) {
        size_t taken = 0;
        if (http_response_feed(response, slice_part(bytes, at, 1), &taken) !=
            ERR_OK) {
            return reason_set(reason, ERR_NETWORK,
                              "what answers there is no HTTP proxy, or says "
                              "too much");
        }
        at += taken;
    }
    if (!has_head(response)) {
        return ERR_AGAIN;
    }
    if (response->status >= 300) {
        return refuse(where, response, reason);
    }
    if (at < bytes.len) {
        return reason_set(reason, ERR_NETWORK,
                          "the proxy said more than that the way is open");
    }
    return ERR_OK;
}
