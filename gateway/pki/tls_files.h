/* SPDX-License-Identifier: Apache-2.0 */
/* The files of `broker.tls`, read and checked: what goes into the set of files
 * that the broker and its plugin use, and what the verdict wants to know. The
 * files may be our own CA's (authority.h) or a company's.
 *
 * What is refused is what Mosquitto would not start with, or no device could
 * come by: then the set before stays in force. What is only past its end is no
 * error but a fact: a device whose clock is wrong may still come. */
#ifndef GATEWAY_PKI_TLS_FILES_H
#define GATEWAY_PKI_TLS_FILES_H

#include "config/config.h"
#include "gateway/identity/revoked.h"
#include "gateway/pki/octets.h"
#include "gateway/pki/tls_check.h"

struct tls_files {
    struct octets certificate; /* of cert_file, PEM */
    struct octets key;
    struct octets ca;
    /* With `refuse_expired` as configured. If `crl_unusable` says why the list
     * could not be read, keep what is in force; if nothing is, this one stands:
     * it is empty and has ended, so `crl_expired: refuse` refuses everybody. */
    struct revoked revoked;
    struct reason crl_unusable; /* "" = it could */
    struct tls_facts facts;
};

/* Without a listener for certificates ca_file and crl_file are not looked at:
 * `ca` is empty. Waits for the disk: for a job. On an error the reason says
 * which file, what is wrong and what to do, and `ret` is untouched.
 * ERR_NOT_FOUND, ERR_REFUSED (permissions, or they do not belong together),
 * ERR_PARSE, ERR_RANGE (size or kind of a file), ERR_IO, ERR_MEMORY. */
err_t tls_files_read(const struct config_broker *broker, const char *data,
                     int64_t now_us, struct tls_files *ret,
                     struct reason *reason) MUST_USE;
void tls_files_free(struct tls_files *files); /* takes NULL; wipes the key */

#endif
