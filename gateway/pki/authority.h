/* SPDX-License-Identifier: Apache-2.0 */
/* A CA (certificate authority) of a store's own: makes the gateway's and the
 * devices' certificates, renews and revokes them. Its folder is drawn in
 * store.h. Changes are collected and take place, all of them, in
 * authority_commit().
 *
 * How long things last. The CA: 20 years, longer than a box stands in a store,
 * since to replace it every device has to be touched. The gateway's
 * certificate: 2 years, below the 825 days past which Apple's devices refuse a
 * server; it is renewed without touching a device. A device's: 3 years, since
 * somebody has to go there. None outlasts its CA, and each begins a day early:
 * a device's clock may be in another time zone. */
#ifndef GATEWAY_PKI_AUTHORITY_H
#define GATEWAY_PKI_AUTHORITY_H

#include "gateway/pki/issued.h"
#include "gateway/pki/names.h"
#include "gateway/pki/p12.h"
#include "gateway/pki/store.h"

enum {
    AUTHORITY_CA_DAYS = 7300,
    AUTHORITY_SERVER_DAYS = 730,
    AUTHORITY_DEVICE_DAYS = 1095,
    AUTHORITY_DAYS_MAX = 36500,
};

struct authority {
    const struct platform *platform;
    struct store store;
    struct issued issued;
    struct store_change change;
    bool revokes; /* the list has to be made again */
    int64_t now_us;
    X509 *certificate;
    EVP_PKEY *key;
};

/* Makes the CA in `dir`, with the empty revocation list. `days` 0: as above.
 * ERR_BUSY if there is one; ERR_REFUSED if the clock is behind the day on which
 * this program was built; others as store_open(). */
err_t authority_create(const struct platform *platform, const char *dir,
                       const char *name, uint32_t days,
                       struct reason *reason) MUST_USE;

enum authority_use {
    AUTHORITY_ISSUE,  /* refused if the clock cannot be right */
    AUTHORITY_REVOKE, /* must always be possible */
};

/* Locks it and reads its certificate, its key and the index. `platform` and
 * `dir` outlive it. ERR_NOT_FOUND if there is no CA or its key is elsewhere,
 * ERR_REFUSED by the clock, ERR_CORRUPT, ERR_IO, ERR_BUSY. */
err_t authority_open(struct authority *authority,
                     const struct platform *platform, const char *dir,
                     enum authority_use use, struct reason *reason) MUST_USE;
void authority_close(struct authority *authority);

struct authority_wish {
    uint32_t days;              /* 0: as above */
    const GENERAL_NAMES *names; /* of a server */
    bool new_key;               /* of a renewal */
    bool again;                 /* even if there is a valid one */
    const char *p12_password;   /* of a device; NULL: no PKCS #12 */
    bool p12_modern;
};

struct authority_made {
    struct issued_entry entry;
    bool cut;     /* it ends with the CA, earlier than wished */
    bool new_key; /* there is a new key file */
    bool p12;     /* and this */
};

/* A new key and a certificate for it. ERR_RANGE and ERR_BUSY of
 * account_name_check(); ERR_BUSY if it has a valid one and not `again`. */
err_t authority_issue(struct authority *authority, const char *device,
                      const struct authority_wish *wish,
                      struct authority_made *ret,
                      struct reason *reason) MUST_USE;
err_t authority_issue_server(struct authority *authority,
                             const struct authority_wish *wish,
                             struct authority_made *ret,
                             struct reason *reason) MUST_USE;
/* A new certificate for the same name and, unless `new_key`, the same key; the
 * one before stays valid until its end, so nobody is cut off. NULL: the
 * server's, with the same names. ERR_NOT_FOUND if none was issued, or its file
 * is gone. PKCS #12 only if the key is there; else an old one is removed. */
err_t authority_renew(struct authority *authority, const char *device,
                      const struct authority_wish *wish,
                      struct authority_made *ret,
                      struct reason *reason) MUST_USE;
/* Revokes all certificates of a device (NULL: any) or, if `serial` is not NULL,
 * this one. The device's files are removed. ERR_NOT_FOUND if there is none that
 * is not revoked already. */
err_t authority_revoke(struct authority *authority, const char *device,
                       const char *serial, uint32_t *ret_count,
                       struct reason *reason) MUST_USE;

/* Writes all of it. ERR_IO, ERR_FULL. */
err_t authority_commit(struct authority *authority,
                       struct reason *reason) MUST_USE;

/* For those who only look: the index and the CA's certificate, without a lock.
 * The caller frees both. ERR_NOT_FOUND if there is no CA. */
err_t authority_look(const struct disk *disk, const char *dir,
                     struct issued *ret_issued, X509 **ret_certificate,
                     struct reason *reason) MUST_USE;

#endif
