/* SPDX-License-Identifier: Apache-2.0 */
/* Issuing, renewing, revoking: each adds to the authority's change and index.
 */
#include "gateway/pki/authority.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gateway/identity/account.h"
#include "gateway/pki/authority_parts.h"
#include "gateway/pki/when.h"

/* --- Made ------------------------------------------------------------------
 */

/* The names of what belongs to a device, or to the server. */
static void file_name(const char *device, const char *end,
                      char ret[static STORE_NAME_MAX]) {
    int len = device == NULL
                  ? snprintf(ret, STORE_NAME_MAX, "server%s", end)
                  : snprintf(ret, STORE_NAME_MAX, "issued/%s%s", device, end);
    assert(len > 0 && len < STORE_NAME_MAX);
}

/* When it ends: as wished, but not after the CA. */
static int64_t end_of(const struct authority *authority, uint32_t days,
                      bool *ret_cut) {
    int64_t ca_from_us;
    int64_t ca_until_us;
    int64_t until_us = authority->now_us + (int64_t)days * WHEN_DAY_US;
    err_t err =
        certificate_dates(authority->certificate, &ca_from_us, &ca_until_us);
    *ret_cut = err == ERR_OK && until_us > ca_until_us;
    return *ret_cut ? ca_until_us : until_us;
}

struct making {
    enum certificate_kind kind;
    const char *name;   /* the common name */
    const char *device; /* NULL: the server */
    const GENERAL_NAMES *names;
    EVP_PKEY *public_key;
    EVP_PKEY *key; /* the same with its private half; NULL: not here */
    const struct authority_wish *wish;
    uint32_t days;
};

static err_t sign(struct authority *authority, const struct making *making,
                  X509 **ret, struct authority_made *made,
                  struct reason *reason) {
    uint8_t serial[CERTIFICATE_SERIAL_BYTES];
    int64_t ca_from_us;
    int64_t ca_until_us;
    TRY(certificate_dates(authority->certificate, &ca_from_us, &ca_until_us));
    certificate_make_serial(&authority->platform->entropy, serial);
    int64_t from_us = authority->now_us - AUTHORITY_EARLY_US;
    const struct certificate_order order = {
        .kind = making->kind,
        .name = making->name,
        .names = making->names,
        .serial = serial,
        .not_before_us = from_us < ca_from_us ? ca_from_us : from_us,
        .not_after_us = end_of(authority, making->days, &made->cut),
        .key = making->public_key,
        .issuer = authority->certificate,
        .issuer_key = authority->key,
    };
    return certificate_sign(&order, ret, reason);
}

/* A PKCS #12 file holds the certificate, so an old one must not stay. */
static err_t put_p12(struct authority *authority, const struct making *making,
                     X509 *certificate, struct authority_made *made,
                     struct reason *reason) {
    char name[STORE_NAME_MAX];
    CLEANUP(octets_free) struct octets p12 = {NULL, 0};
    file_name(making->device, ".p12", name);
    if (making->wish->p12_password == NULL || making->key == NULL) {
        return store_remove(&authority->change, name);
    }
    const struct p12_order order = {
        .name = making->name,
        .key = making->key,
        .certificate = certificate,
        .ca = authority->certificate,
        .password = making->wish->p12_password,
        .modern = making->wish->p12_modern,
    };
    TRY(p12_make(&order, &p12, reason));
    made->p12 = true;
    return store_put(&authority->change, name, octets_slice(&p12));
}

static err_t make(struct authority *authority, const struct making *making,
                  struct authority_made *made, struct reason *reason) {
    CLEANUP(certificate_free) X509 *certificate = NULL;
    char name[STORE_NAME_MAX];
    assert(making->public_key != NULL);
    TRY(sign(authority, making, &certificate, made, reason));
    assert(certificate != NULL);
    if (made->new_key) {
        file_name(making->device, ".key", name);
        TRY(authority_put_key(&authority->change, name, making->key));
    }
    file_name(making->device, ".pem", name);
    TRY(authority_put_certificate(&authority->change, name, certificate));
    if (making->device != NULL) {
        TRY(put_p12(authority, making, certificate, made, reason));
    }
    return authority_note(&authority->issued, making->kind, certificate,
                          making->name, &made->entry);
}

/* With a new key. */
static err_t make_new(struct authority *authority, struct making *making,
                      struct authority_made *made, struct reason *reason) {
    CLEANUP(certificate_key_free) EVP_PKEY *key = NULL;
    TRY(certificate_make_key(&key, reason));
    assert(making->wish != NULL);
    making->public_key = key;
    making->key = key;
    *made = (struct authority_made){.new_key = true};
    return make(authority, making, made, reason);
}

static uint32_t days_of(const struct authority_wish *wish, uint32_t otherwise) {
    assert(wish->days <= AUTHORITY_DAYS_MAX);
    return wish->days != 0 ? wish->days : otherwise;
}

/* --- Issued, renewed, revoked ----------------------------------------------
 */

/* Names that differ by case only have files of one name on a FAT stick, and no
 * two devices have such. NULL if there is none with a certificate. */
static const char *find_like(const struct authority *authority,
                             const char *device) {
    assert(device[0] != '\0'); /* its name was checked */
    for (uint32_t i = 0; i < authority->issued.count; i++) {
        const struct issued_entry *entry = &authority->issued.list[i];
        if (entry->kind == CERTIFICATE_DEVICE && entry->revoked_us == 0 &&
            entry->not_after_us > authority->now_us &&
            strcasecmp(entry->name, device) == 0 &&
            strcmp(entry->name, device) != 0) {
            return entry->name;
        }
    }
    return NULL;
}

static err_t check_device(const struct authority *authority, const char *device,
                          bool again, struct reason *reason) {
    TRY(account_name_check(slice_from_str(device), reason));
    if (strcmp(device, "server") == 0) {
        return reason_set(reason, ERR_BUSY,
                          "\"server\" means the gateway here; give the device "
                          "another name");
    }
    const char *like = find_like(authority, device);
    if (like != NULL) {
        return reason_set(reason, ERR_BUSY,
                          "there is a device %s, whose name differs by case "
                          "only: choose another name",
                          like);
    }
    const struct issued_entry *entry =
        issued_newest(&authority->issued, CERTIFICATE_DEVICE, device);
    if (again || entry == NULL || entry->not_after_us <= authority->now_us) {
        return ERR_OK;
    }
    char until[WHEN_SIZE];
    when_text(entry->not_after_us, until);
    return reason_set(reason, ERR_BUSY,
                      "%s has a certificate until %s: `renew` it (same key), "
                      "`revoke` it if the device is lost, or issue another "
                      "with --again",
                      device, until);
}

err_t authority_issue(struct authority *authority, const char *device,
                      const struct authority_wish *wish,
                      struct authority_made *ret, struct reason *reason) {
    TRY(check_device(authority, device, wish->again, reason));
    struct making making = {
        .kind = CERTIFICATE_DEVICE,
        .name = device,
        .device = device,
        .wish = wish,
        .days = days_of(wish, AUTHORITY_DEVICE_DAYS),
    };
    return make_new(authority, &making, ret, reason);
}

err_t authority_issue_server(struct authority *authority,
                             const struct authority_wish *wish,
                             struct authority_made *ret,
                             struct reason *reason) {
    char name[CERTIFICATE_NAME_MAX];
    assert(wish->names != NULL);
    names_common(wish->names, name);
    struct making making = {
        .kind = CERTIFICATE_SERVER,
        .name = name,
        .names = wish->names,
        .wish = wish,
        .days = days_of(wish, AUTHORITY_SERVER_DAYS),
    };
    return make_new(authority, &making, ret, reason);
}

/* What a renewal begins from. */
struct old {
    X509 *certificate;
    EVP_PKEY *public_key;
    EVP_PKEY *key; /* NULL: it is not here any more */
    GENERAL_NAMES *names;
};

static void free_old(struct old *old) {
    X509_free(old->certificate);
    EVP_PKEY_free(old->public_key);
    EVP_PKEY_free(old->key);
    GENERAL_NAMES_free(old->names);
}

static err_t read_old_certificate(const struct authority *authority,
                                  const char *device, struct old *old,
                                  struct reason *reason) {
    char name[STORE_NAME_MAX];
    CLEANUP(octets_free) struct octets pem = {NULL, 0};
    file_name(device, ".pem", name);
    err_t err = store_read(&authority->platform->disk, authority->store.dir,
                           name, AUTHORITY_PEM_MAX, &pem, reason);
    if (err == ERR_NOT_FOUND) {
        return reason_set(reason, err,
                          "%s/%s is not there, so its key is not known: %s",
                          authority->store.dir, name,
                          device == NULL ? "make a new one with `pki server`"
                                         : "put it back, or `issue` a new one "
                                           "with --again");
    }
    TRY(err);
    if (certificate_read(octets_slice(&pem), &old->certificate) != ERR_OK ||
        X509_verify(old->certificate,
                    X509_get0_pubkey(authority->certificate)) != 1) {
        return reason_set(reason, ERR_REFUSED,
                          "%s/%s is no certificate of this CA: put the right "
                          "one there, or issue a new one",
                          authority->store.dir, name);
    }
    old->public_key = X509_get_pubkey(old->certificate);
    old->names = names_of(old->certificate);
    return old->public_key != NULL
               ? ERR_OK
               : certificate_failed(reason, "read the certificate's key");
}

static err_t read_old_key(const struct authority *authority, const char *device,
                          struct old *old, struct reason *reason) {
    char name[STORE_NAME_MAX];
    CLEANUP(octets_free) struct octets pem = {NULL, 0};
    file_name(device, ".key", name);
    err_t err = store_read(&authority->platform->disk, authority->store.dir,
                           name, AUTHORITY_PEM_MAX, &pem, reason);
    ENSURE(err != ERR_NOT_FOUND, ERR_OK);
    TRY(err);
    if (certificate_read_key(octets_slice(&pem), &old->key) != ERR_OK ||
        X509_check_private_key(old->certificate, old->key) != 1) {
        return reason_set(reason, ERR_CORRUPT,
                          "%s/%s is not the key of the certificate beside it: "
                          "remove it, or renew with --new-key",
                          authority->store.dir, name);
    }
    return ERR_OK;
}

/* Names given anew, or those it had. */
static const GENERAL_NAMES *renewed_names(const struct authority_wish *wish,
                                          const struct old *old) {
    return wish->names != NULL ? wish->names : old->names;
}

static err_t find_issued(const struct authority *authority, const char *device,
                         struct reason *reason) {
    enum certificate_kind kind =
        device == NULL ? CERTIFICATE_SERVER : CERTIFICATE_DEVICE;
    if (issued_newest(&authority->issued, kind, device) != NULL) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_NOT_FOUND,
                      "%s has no certificate of this CA that could be renewed: "
                      "make one with `shopme-edge pki %s%s`",
                      device == NULL ? "the gateway" : device,
                      device == NULL ? "server" : "issue ",
                      device == NULL ? "" : device);
}

err_t authority_renew(struct authority *authority, const char *device,
                      const struct authority_wish *wish,
                      struct authority_made *ret, struct reason *reason) {
    CLEANUP(free_old) struct old old = {.certificate = NULL};
    char name[CERTIFICATE_NAME_MAX];
    TRY(find_issued(authority, device, reason));
    TRY(read_old_certificate(authority, device, &old, reason));
    if (certificate_common_name(old.certificate, name) != ERR_OK ||
        (device != NULL && strcmp(name, device) != 0)) {
        return reason_set(reason, ERR_CORRUPT,
                          "the certificate of %s is of another name: put the "
                          "right one there, or issue a new one",
                          device == NULL ? "the gateway" : device);
    }
    struct making making = {
        .kind = device == NULL ? CERTIFICATE_SERVER : CERTIFICATE_DEVICE,
        .name = name,
        .device = device,
        .names = device == NULL ? renewed_names(wish, &old) : NULL,
        .wish = wish,
        .days = days_of(wish, device == NULL ? AUTHORITY_SERVER_DAYS
                                             : AUTHORITY_DEVICE_DAYS),
    };
    if (wish->new_key) {
        return make_new(authority, &making, ret, reason);
    }
    TRY(read_old_key(authority, device, &old, reason));
    making.public_key = old.public_key;
    making.key = old.key;
    *ret = (struct authority_made){.new_key = false};
    return make(authority, &making, ret, reason);
}

static bool is_meant(const struct issued_entry *entry, const char *device,
                     const char *serial) {
    return entry->kind != CERTIFICATE_CA &&
           (serial == NULL || strcmp(entry->serial, serial) == 0) &&
           (device == NULL || (entry->kind == CERTIFICATE_DEVICE &&
                               strcmp(entry->name, device) == 0));
}

/* What is revoked is not handed out any more. */
static err_t remove_files(struct authority *authority, const char *device) {
    static const char *const ends[] = {".pem", ".key", ".p12"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[STORE_NAME_MAX];
        file_name(device, ends[i], name);
        TRY(store_remove(&authority->change, name));
    }
    return ERR_OK;
}

err_t authority_revoke(struct authority *authority, const char *device,
                       const char *serial, uint32_t *ret_count,
                       struct reason *reason) {
    uint32_t count = 0;
    uint32_t before = 0;
    assert(device != NULL || serial != NULL);
    for (uint32_t i = 0; i < authority->issued.count; i++) {
        struct issued_entry *entry = &authority->issued.list[i];
        if (!is_meant(entry, device, serial)) {
            continue;
        }
        before += entry->revoked_us != 0;
        if (entry->revoked_us == 0) {
            entry->revoked_us = authority->now_us;
            count++;
        }
    }
    if (count == 0) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "%s %s; see `shopme-edge pki list`",
                          device != NULL ? device : serial,
                          before > 0 ? "is revoked already"
                                     : "is none that this CA has issued");
    }
    authority->revokes = true;
    *ret_count = count;
    return device != NULL && serial == NULL ? remove_files(authority, device)
                                            : ERR_OK;
}
