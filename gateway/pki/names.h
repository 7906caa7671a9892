/* SPDX-License-Identifier: Apache-2.0 */
/* The names and addresses that a server's certificate is for (RFC 5280,
 * subjectAltName). */
#ifndef GATEWAY_PKI_NAMES_H
#define GATEWAY_PKI_NAMES_H

#include <openssl/x509v3.h>

#include "gateway/pki/certificate.h"

enum { NAMES_MAX = 64 };

/* Adds a DNS name, unless it is there already. ERR_RANGE for what is no name,
 * an address among them; ERR_FULL; ERR_MEMORY. */
err_t names_add_dns(GENERAL_NAMES *names, const char *name,
                    struct reason *reason) MUST_USE;
/* Adds an IPv4 or IPv6 address. Errors as above. */
err_t names_add_ip(GENERAL_NAMES *names, const char *address,
                   struct reason *reason) MUST_USE;
/* Adds localhost and its addresses; with `host` the host's own name before, and
 * that without its domain. */
err_t names_add_local(GENERAL_NAMES *names, bool host,
                      struct reason *reason) MUST_USE;

/* The common name to take: the first DNS name that fits. */
void names_common(const GENERAL_NAMES *names,
                  char ret[static CERTIFICATE_NAME_MAX]);
/* "store-7 localhost 127.0.0.1 ::1", cut to the buffer. */
void names_text(const GENERAL_NAMES *names, char *ret, size_t ret_size);
/* Those of a certificate; NULL if it has none. The caller frees them. */
GENERAL_NAMES *names_of(const X509 *certificate);

void names_free(GENERAL_NAMES **names); /* for CLEANUP() */

#endif
