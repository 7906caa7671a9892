/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/authority.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gateway/pki/authority_parts.h"
#include "gateway/pki/crl.h"
#include "gateway/pki/when.h"

#define BUILT_US ((int64_t)PKI_BUILT_S * WHEN_S_US)

enum {
    SERIAL_SHOWN = 8, /* of a CA's serial, in its name */
};

/* --- The clock -------------------------------------------------------------
 */

/* What a wrong clock signs is not valid yet, or ended long ago, and no device
 * says so. */
static err_t check_clock(int64_t now_us, struct reason *reason) {
    char now[WHEN_SIZE];
    when_text(now_us, now);
    if (now_us < BUILT_US) {
        return reason_set(reason, ERR_REFUSED,
                          "the clock says %s, which is before this program was "
                          "built: set it (an NTP client, or `date -s`), then "
                          "try again",
                          now);
    }
    return ERR_OK;
}

static err_t check_period(const struct authority *authority,
                          struct reason *reason) {
    int64_t from_us;
    int64_t until_us;
    char text[WHEN_SIZE];
    TRY(check_clock(authority->now_us, reason));
    if (certificate_dates(authority->certificate, &from_us, &until_us) !=
        ERR_OK) {
        return reason_set(reason, ERR_CORRUPT, "ca.pem has no readable dates");
    }
    if (authority->now_us < from_us) {
        when_text(from_us, text);
        return reason_set(reason, ERR_REFUSED,
                          "the CA begins at %s, after what the clock says: set "
                          "the clock, then try again",
                          text);
    }
    if (authority->now_us >= until_us) {
        when_text(until_us, text);
        return reason_set(reason, ERR_REFUSED,
                          "the CA has ended at %s: make a new one in another "
                          "folder (pki init --dir)",
                          text);
    }
    return ERR_OK;
}

/* --- The CA itself ---------------------------------------------------------
 */

/* Two CAs in one bundle are told apart by their names. */
static void name_of_ca(const char *wish, const uint8_t *serial,
                       char ret[static CERTIFICATE_NAME_MAX]) {
    int len = snprintf(ret, CERTIFICATE_NAME_MAX, "%.48s ", wish);
    for (size_t i = 0; i < SERIAL_SHOWN / 2; i++) {
        len += snprintf(ret + len, CERTIFICATE_NAME_MAX - (size_t)len, "%02X",
                        serial[i]);
    }
    str_mend_utf8(ret);
}

static err_t sign_ca(struct authority *authority, const char *wish,
                     uint32_t days, struct reason *reason) {
    uint8_t serial[CERTIFICATE_SERIAL_BYTES];
    char name[CERTIFICATE_NAME_MAX];
    struct issued_entry entry;
    TRY(certificate_make_key(&authority->key, reason));
    certificate_make_serial(&authority->platform->entropy, serial);
    name_of_ca(wish, serial, name);
    const struct certificate_order order = {
        .kind = CERTIFICATE_CA,
        .name = name,
        .serial = serial,
        .not_before_us = authority->now_us - AUTHORITY_EARLY_US,
        .not_after_us = authority->now_us + (int64_t)days * WHEN_DAY_US,
        .key = authority->key,
        .issuer_key = authority->key,
    };
    TRY(certificate_sign(&order, &authority->certificate, reason));
    TRY(authority_put_key(&authority->change, "ca.key", authority->key));
    TRY(authority_put_certificate(&authority->change, "ca.pem",
                                  authority->certificate));
    return authority_note(&authority->issued, CERTIFICATE_CA,
                          authority->certificate, name, &entry);
}

/* Whatever cannot be read is there, too. */
static bool has(const struct authority *authority, const char *name) {
    struct reason reason;
    CLEANUP(octets_free) struct octets bytes = {NULL, 0};
    return store_read(&authority->platform->disk, authority->store.dir, name,
                      AUTHORITY_PEM_MAX, &bytes, &reason) != ERR_NOT_FOUND;
}

static err_t check_none(const struct authority *authority,
                        struct reason *reason) {
    static const char *const names[] = {"ca.pem", "ca.key", "index"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (has(authority, names[i])) {
            return reason_set(reason, ERR_BUSY,
                              "%s/%s is there already: a second CA would make "
                              "all its certificates worthless; take another "
                              "folder with --dir, or move that one away",
                              authority->store.dir, names[i]);
        }
    }
    return ERR_OK;
}

err_t authority_create(const struct platform *platform, const char *dir,
                       const char *name, uint32_t days, struct reason *reason) {
    CLEANUP(authority_close)
    struct authority authority = {
        .platform = platform,
        .store = {.lock_fd = -1},
        .now_us = platform->clock.wall_us(platform->clock.self),
        .revokes = true,
    };
    assert(days <= AUTHORITY_DAYS_MAX);
    TRY(check_clock(authority.now_us, reason));
    TRY(store_open(&authority.store, &platform->disk, dir, true, reason));
    TRY(check_none(&authority, reason));
    TRY(sign_ca(&authority, name, days != 0 ? days : AUTHORITY_CA_DAYS,
                reason));
    return authority_commit(&authority, reason);
}

/* --- Opened ----------------------------------------------------------------
 */

static err_t no_ca(const char *dir, struct reason *reason) {
    return reason_set(reason, ERR_NOT_FOUND,
                      "there is no CA in %s: make one with `shopme-edge pki "
                      "init`, or say where it is with --dir",
                      dir);
}

err_t authority_look(const struct disk *disk, const char *dir,
                     struct issued *ret_issued, X509 **ret_certificate,
                     struct reason *reason) {
    CLEANUP(octets_free) struct octets pem = {NULL, 0};
    CLEANUP(octets_free) struct octets index = {NULL, 0};
    X509 *certificate;
    err_t err =
        store_read(disk, dir, "ca.pem", AUTHORITY_PEM_MAX, &pem, reason);
    if (err == ERR_OK) {
        err = store_read(disk, dir, "index", STORE_BYTES_MAX, &index, reason);
    }
    if (err == ERR_NOT_FOUND) {
        return no_ca(dir, reason);
    }
    TRY(err);
    if (certificate_read(octets_slice(&pem), &certificate) != ERR_OK) {
        return reason_set(reason, ERR_CORRUPT,
                          "%s/ca.pem holds no certificate: restore it", dir);
    }
    struct reason why;
    err = issued_read(octets_slice(&index), ret_issued, &why);
    if (err != ERR_OK) {
        X509_free(certificate);
        return reason_set(reason, err, "%s/%s: restore it from a copy", dir,
                          why.text);
    }
    *ret_certificate = certificate;
    return ERR_OK;
}

static err_t read_key(struct authority *authority, struct reason *reason) {
    CLEANUP(octets_free) struct octets pem = {NULL, 0};
    const char *dir = authority->store.dir;
    err_t err = store_read(&authority->platform->disk, dir, "ca.key",
                           AUTHORITY_PEM_MAX, &pem, reason);
    if (err == ERR_NOT_FOUND) {
        return reason_set(reason, err,
                          "%s/ca.key is not there: do this where the CA's key "
                          "is kept, with --dir",
                          dir);
    }
    TRY(err);
    err = certificate_read_key(octets_slice(&pem), &authority->key);
    if (err != ERR_OK ||
        X509_check_private_key(authority->certificate, authority->key) != 1) {
        return reason_set(reason, ERR_CORRUPT,
                          "%s/ca.key is not the key of ca.pem beside it: "
                          "restore both from one copy",
                          dir);
    }
    return ERR_OK;
}

/* A list that is gone or damaged is made again by the next change. */
static bool has_list(const struct authority *authority) {
    CLEANUP(octets_free) struct octets bytes = {NULL, 0};
    struct revoked revoked = {.count = 0};
    struct reason reason;
    uint32_t lists = 0;
    STACK_OF(X509) *authorities = sk_X509_new_null();
    bool good =
        authorities != NULL &&
        sk_X509_push(authorities, authority->certificate) > 0 &&
        store_read(&authority->platform->disk, authority->store.dir, "crl.pem",
                   STORE_BYTES_MAX, &bytes, &reason) == ERR_OK &&
        crl_read(octets_slice(&bytes), authorities, &revoked, &lists,
                 &reason) == ERR_OK;
    revoked_free(&revoked);
    sk_X509_free(authorities);
    return good;
}

err_t authority_open(struct authority *authority,
                     const struct platform *platform, const char *dir,
                     enum authority_use use, struct reason *reason) {
    *authority = (struct authority){
        .platform = platform,
        .store = {.lock_fd = -1},
        .now_us = platform->clock.wall_us(platform->clock.self),
    };
    err_t err =
        store_open(&authority->store, &platform->disk, dir, false, reason);
    if (err == ERR_OK) {
        err = authority_look(&platform->disk, dir, &authority->issued,
                             &authority->certificate, reason);
    }
    if (err == ERR_OK) {
        err = read_key(authority, reason);
    }
    if (err == ERR_OK && use == AUTHORITY_ISSUE) {
        err = check_period(authority, reason);
    }
    if (err == ERR_OK && authority->now_us < BUILT_US) {
        authority->now_us = BUILT_US; /* nothing was revoked before that */
    }
    if (err != ERR_OK) {
        authority_close(authority);
        return err;
    }
    authority->revokes = !has_list(authority);
    return ERR_OK;
}

void authority_close(struct authority *authority) {
    store_close(&authority->store);
    store_change_free(&authority->change);
    issued_free(&authority->issued);
    certificate_free(&authority->certificate);
    certificate_key_free(&authority->key);
    authority->certificate = NULL;
    authority->key = NULL;
}

err_t authority_commit(struct authority *authority, struct reason *reason) {
    CLEANUP(octets_free) struct octets index = {NULL, 0};
    CLEANUP(octets_free) struct octets crl = {NULL, 0};
    if (authority->revokes) {
        authority->issued.crl_number++;
        TRY(crl_make(&authority->issued, authority->certificate, authority->key,
                     authority->now_us, &crl, reason));
        TRY(store_put(&authority->change, "crl.pem", octets_slice(&crl)));
    }
    TRY(issued_write(&authority->issued, &index));
    TRY(store_put(&authority->change, "index", octets_slice(&index)));
    return store_commit(&authority->store, &authority->change, reason);
}
