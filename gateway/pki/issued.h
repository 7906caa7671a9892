/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA has issued, so that it can be listed, renewed and revoked after the
 * files have gone to the devices. Text, in the order of issue:
 *
 *     shopme-edge issued 1
 *     crl 3                            (the newest list's number)
 *     certificate 4F0C...              (serial, upper-case hexadecimal)
 *      device till-1                   (or: server NAME, ca NAME)
 *      from 2026-11-29T10:00:00Z
 *      until 2029-11-28T10:00:00Z
 *      revoked 2026-12-01T10:00:00Z    (only if it is)
 *     end 1                            (how many certificates)
 */
#ifndef GATEWAY_PKI_ISSUED_H
#define GATEWAY_PKI_ISSUED_H

#include "gateway/pki/certificate.h"

enum { ISSUED_MAX = REVOKED_MAX };

struct issued_entry {
    char serial[REVOKED_SERIAL_MAX];
    enum certificate_kind kind;
    char name[CERTIFICATE_NAME_MAX];
    int64_t not_before_us;
    int64_t not_after_us;
    int64_t revoked_us; /* 0 = it is not */
};

struct issued {
    uint64_t crl_number;
    uint32_t count;
    uint32_t room;
    struct issued_entry *list; /* owned */
};

/* ERR_CORRUPT with the line and what is wrong, ERR_MEMORY. */
err_t issued_read(struct slice text, struct issued *ret,
                  struct reason *reason) MUST_USE;
err_t issued_write(const struct issued *issued,
                   struct octets *ret) MUST_USE; /* ERR_MEMORY */
/* ERR_FULL, ERR_MEMORY. */
err_t issued_add(struct issued *issued,
                 const struct issued_entry *entry) MUST_USE;
void issued_free(struct issued *issued); /* leaves an empty one */

/* That of this kind and name (NULL: any) which is not revoked and lasts
 * longest; NULL if there is none. */
const struct issued_entry *issued_newest(const struct issued *issued,
                                         enum certificate_kind kind,
                                         const char *name);
/* Of the devices' newest certificates that which ends first; NULL if there is
 * none. `ret_ending` counts those that end before `before_us`. */
const struct issued_entry *issued_nearest(const struct issued *issued,
                                          int64_t before_us,
                                          uint32_t *ret_ending);

#endif
