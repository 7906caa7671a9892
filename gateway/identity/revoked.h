/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that are no longer trusted, by serial number, as the gateway
 * took them from a verified revocation list (CRL, RFC 5280). Text:
 *
 *     shopme-edge revoked 1
 *     expires 2026-12-29T10:00:00Z     (the list's nextUpdate; "never")
 *     refuse-expired                   (tls.crl_expired: refuse)
 *     serial 0A1B...                   (whole bytes in capital hexadecimal,
 *                                       no zero byte in front, in order)
 *     end 1
 */
#ifndef GATEWAY_IDENTITY_REVOKED_H
#define GATEWAY_IDENTITY_REVOKED_H

#include "gateway/base/base.h"

enum {
    REVOKED_SERIAL_MAX = 41, /* with its NUL: 20 bytes, as RFC 5280 allows */
    REVOKED_MAX = 100000,
};

struct revoked {
    int64_t expires_us; /* since 1970; INT64_MAX = never */
    bool refuse_expired;
    uint32_t count;
    char (*serials)[REVOKED_SERIAL_MAX]; /* in order; owned */
};

err_t revoked_read(
    struct slice text, struct revoked *ret,
    struct reason *reason) MUST_USE; /* ERR_CORRUPT, ERR_MEMORY */
/* The serials may be in any order, in small letters, or with zeros in front.
 * The text is allocated; the caller frees it. ERR_RANGE for what is no number
 * of at most 20 bytes, ERR_FULL, ERR_MEMORY. */
err_t revoked_write(const struct revoked *revoked, char **ret,
                    size_t *ret_len) MUST_USE;
/* However the number is written. */
bool revoked_has(const struct revoked *revoked, const char *serial);
void revoked_free(struct revoked *revoked);

#endif
