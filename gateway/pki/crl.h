/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists (CRL, RFC 5280): our own, and those of whatever
 * CA a store has. */
#ifndef GATEWAY_PKI_CRL_H
#define GATEWAY_PKI_CRL_H

#include "gateway/pki/issued.h"

/* Signs the list of what is revoked, as PEM. It never ends (nextUpdate is the
 * last second of 9999): a box that nobody visits must not shut its devices out.
 * ERR_IO if the library fails. */
err_t crl_make(const struct issued *issued, X509 *ca, EVP_PKEY *key,
               int64_t now_us, struct octets *ret,
               struct reason *reason) MUST_USE;

/* Reads a file with one list or several (PEM), or one (DER), for the CAs that
 * `authorities` holds. Each list must be signed by one of them; of the lists of
 * one CA the newest counts. The serials of all CAs are one set: a number that
 * two CAs have used is revoked if either says so. `ret->expires_us` is the
 * nearest end. `*ret_lists` is how many counted. ERR_PARSE for what is no list,
 * ERR_REFUSED for one that nobody here has signed, ERR_UNSUPPORTED for a delta
 * or an indirect list, ERR_FULL past REVOKED_MAX, ERR_MEMORY; the reason says
 * what to do. */
err_t crl_read(struct slice bytes, const STACK_OF(X509) * authorities,
               struct revoked *ret, uint32_t *ret_lists,
               struct reason *reason) MUST_USE;

#endif
