/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/crl.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "gateway/pki/when.h"

enum { LISTS_MAX = 64 };

/* --- Made ------------------------------------------------------------------
 */

static void free_time(ASN1_TIME **time) {
    ASN1_TIME_free(*time);
}

static bool set_revoked(X509_REVOKED *revoked,
                        const struct issued_entry *entry) {
    CLEANUP(free_time) ASN1_TIME *time = ASN1_TIME_new();
    BIGNUM *number = NULL;
    ASN1_INTEGER *serial = NULL;
    bool ok = BN_hex2bn(&number, entry->serial) > 0 &&
              (serial = BN_to_ASN1_INTEGER(number, NULL)) != NULL &&
              X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
              time != NULL && when_to_asn1(entry->revoked_us, time) == ERR_OK &&
              X509_REVOKED_set_revocationDate(revoked, time) == 1;
    ASN1_INTEGER_free(serial);
    BN_free(number);
    return ok;
}

static bool add_revoked(X509_CRL *crl, const struct issued *issued) {
    for (uint32_t i = 0; i < issued->count; i++) {
        const struct issued_entry *entry = &issued->list[i];
        if (entry->revoked_us == 0) {
            continue;
        }
        X509_REVOKED *revoked = X509_REVOKED_new();
        if (revoked == NULL || !set_revoked(revoked, entry) ||
            X509_CRL_add0_revoked(crl, revoked) != 1) {
            X509_REVOKED_free(revoked);
            return false;
        }
    }
    return X509_CRL_sort(crl) == 1;
}

static bool set_times(X509_CRL *crl, int64_t now_us) {
    CLEANUP(free_time) ASN1_TIME *last = ASN1_TIME_new();
    CLEANUP(free_time) ASN1_TIME *next = ASN1_TIME_new();
    return last != NULL && next != NULL &&
           when_to_asn1(now_us, last) == ERR_OK &&
           when_to_asn1(WHEN_NEVER, next) == ERR_OK &&
           X509_CRL_set1_lastUpdate(crl, last) == 1 &&
           X509_CRL_set1_nextUpdate(crl, next) == 1;
}

static bool set_extensions(X509_CRL *crl, X509 *ca, uint64_t number) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, ca, NULL, NULL, crl, 0);
    X509_EXTENSION *key = X509V3_EXT_conf_nid(
        NULL, &context, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *count = ASN1_INTEGER_new();
    bool ok = key != NULL && X509_CRL_add_ext(crl, key, -1) == 1 &&
              count != NULL && ASN1_INTEGER_set_uint64(count, number) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, count, 0, 0) == 1;
    ASN1_INTEGER_free(count);
    X509_EXTENSION_free(key);
    return ok;
}

static void free_crl(X509_CRL **crl) {
    X509_CRL_free(*crl);
}

err_t crl_make(const struct issued *issued, X509 *ca, EVP_PKEY *key,
               int64_t now_us, struct octets *ret, struct reason *reason) {
    assert(issued->crl_number > 0);
    CLEANUP(free_crl) X509_CRL *crl = X509_CRL_new();
    CLEANUP(octets_bio_free) BIO *bio = BIO_new(BIO_s_mem());
    if (crl == NULL || bio == NULL ||
        X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) != 1 ||
        !set_times(crl, now_us) || !add_revoked(crl, issued) ||
        !set_extensions(crl, ca, issued->crl_number) ||
        X509_CRL_sign(crl, key, EVP_sha256()) == 0 ||
        PEM_write_bio_X509_CRL(bio, crl) != 1) {
        return certificate_failed(reason, "make the revocation list");
    }
    return octets_take(bio, ret);
}

/* --- Read: the lists of the file -------------------------------------------
 */

struct lists {
    X509_CRL *list[LISTS_MAX]; /* owned */
    size_t count;
};

static void free_lists(struct lists *lists) {
    for (size_t i = 0; i < lists->count; i++) {
        X509_CRL_free(lists->list[i]);
    }
}

static err_t not_a_list(struct reason *reason, size_t n) {
    ERR_clear_error();
    return reason_set(reason, ERR_PARSE,
                      "what comes as number %zu is no revocation list: put "
                      "the CA's CRL there, as PEM or DER",
                      n + 1);
}

static err_t read_der(struct slice bytes, struct lists *ret,
                      struct reason *reason) {
    const unsigned char *at = bytes.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)bytes.len);
    if (crl == NULL || at != bytes.data + bytes.len) {
        X509_CRL_free(crl);
        return not_a_list(reason, 0);
    }
    ret->list[ret->count++] = crl;
    return ERR_OK;
}

/* Whatever stands between the lists is passed over, as PEM has it; a list that
 * is cut or damaged is an error. */
static err_t read_pem(struct slice bytes, struct lists *ret,
                      struct reason *reason) {
    CLEANUP(octets_bio_free)
    BIO *bio = BIO_new_mem_buf(bytes.data, (int)bytes.len);
    ENSURE(bio != NULL, ERR_MEMORY);
    for (;;) {
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (crl == NULL) {
            break;
        }
        if (ret->count == LISTS_MAX) {
            X509_CRL_free(crl);
            return reason_set(reason, ERR_FULL, "more than %d lists",
                              LISTS_MAX);
        }
        ret->list[ret->count++] = crl;
    }
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return ended && ret->count > 0 ? ERR_OK : not_a_list(reason, ret->count);
}

static err_t read_lists(struct slice bytes, struct lists *ret,
                        struct reason *reason) {
    ERR_clear_error();
    if (bytes.len == 0 || bytes.len > INT32_MAX) {
        return not_a_list(reason, 0);
    }
    /* DER begins with a SEQUENCE of a long length. */
    bool der =
        bytes.data[0] == 0x30 && bytes.len > 1 && (bytes.data[1] & 0x80) != 0;
    return der ? read_der(bytes, ret, reason) : read_pem(bytes, ret, reason);
}

/* --- Read: is it ours, and do we understand it? ----------------------------
 */

static bool signed_by(X509_CRL *crl, X509 *ca) {
    bool good = X509_NAME_cmp(X509_CRL_get_issuer(crl),
                              X509_get_subject_name(ca)) == 0 &&
                (X509_get_key_usage(ca) & KU_CRL_SIGN) != 0;
#ifndef EDGE_CONTROL_TRUST_LIST
    good = good && X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;
#endif
    ERR_clear_error();
    return good;
}

/* Does the list say all about the certificates of one CA? A delta list does
 * not, nor one for some reasons or some kinds of certificates; an indirect one
 * speaks of other CAs' as well. A distribution point alone only names where the
 * list is to be had. */
static bool is_whole(const X509_CRL *crl) {
    const STACK_OF(X509_EXTENSION) *list = X509_CRL_get0_extensions(crl);
    for (int i = 0; i < X509v3_get_ext_count(list); i++) {
        X509_EXTENSION *extension = X509v3_get_ext(list, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid != NID_issuing_distribution_point) {
            if (nid == NID_delta_crl ||
                X509_EXTENSION_get_critical(extension)) {
                return false;
            }
            continue;
        }
        ISSUING_DIST_POINT *point = X509V3_EXT_d2i(extension);
        bool whole = point != NULL && point->indirectCRL <= 0 &&
                     point->onlyattr <= 0 && point->onlyCA <= 0 &&
                     point->onlysomereasons == NULL;
        ISSUING_DIST_POINT_free(point);
        if (!whole) {
            return false;
        }
    }
    return true;
}

static bool entry_is_plain(const X509_REVOKED *entry) {
    const STACK_OF(X509_EXTENSION) *list = X509_REVOKED_get0_extensions(entry);
    for (int i = 0; i < X509v3_get_ext_count(list); i++) {
        if (X509_EXTENSION_get_critical(X509v3_get_ext(list, i))) {
            return false;
        }
    }
    return true;
}

/* --- Read: what is revoked -------------------------------------------------
 */

static err_t too_many(struct reason *reason) {
    return reason_set(reason, ERR_FULL,
                      "the lists name more than %d certificates", REVOKED_MAX);
}

static err_t unsupported(struct reason *reason) {
    return reason_set(reason, ERR_UNSUPPORTED,
                      "a delta, an indirect or a partial revocation list "
                      "cannot be used: give the CA's complete list");
}

static err_t add_serials(X509_CRL *crl, struct revoked *ret,
                         struct reason *reason) {
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);
    int count = list == NULL ? 0 : sk_X509_REVOKED_num(list);
    if (count > REVOKED_MAX || ret->count + (uint32_t)count > REVOKED_MAX) {
        return too_many(reason);
    }
    if (count == 0) {
        return ERR_OK;
    }
    char(*serials)[REVOKED_SERIAL_MAX] =
        realloc(ret->serials, (ret->count + (size_t)count) * sizeof *serials);
    ENSURE(serials != NULL, ERR_MEMORY);
    ret->serials = serials;
    for (int i = 0; i < count; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(list, i);
        if (!entry_is_plain(entry)) {
            return unsupported(reason);
        }
        if (certificate_serial_text(X509_REVOKED_get0_serialNumber(entry),
                                    serials[ret->count]) != ERR_OK) {
            return reason_set(reason, ERR_PARSE,
                              "entry %d has no serial number that a "
                              "certificate can have",
                              i + 1);
        }
        ret->count++;
    }
    return ERR_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void sort_serials(struct revoked *revoked) {
    uint32_t kept = 0;
    assert(revoked->count <= REVOKED_MAX);
    if (revoked->count == 0) {
        return;
    }
    qsort(revoked->serials, revoked->count, sizeof *revoked->serials, by_text);
    for (uint32_t i = 0; i < revoked->count; i++) {
        if (kept == 0 ||
            strcmp(revoked->serials[kept - 1], revoked->serials[i]) != 0) {
            memmove(revoked->serials[kept++], revoked->serials[i],
                    sizeof *revoked->serials);
        }
    }
    revoked->count = kept;
}

static err_t end_of(const X509_CRL *crl, int64_t *ret) {
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    *ret = WHEN_NEVER;
    return next == NULL ? ERR_OK : when_of_asn1(next, ret);
}

static bool is_newer(const X509_CRL *crl, const X509_CRL *than) {
    int64_t a = INT64_MIN;
    int64_t b = INT64_MIN;
    if (than == NULL) {
        return true;
    }
    return when_of_asn1(X509_CRL_get0_lastUpdate(crl), &a) == ERR_OK &&
           (when_of_asn1(X509_CRL_get0_lastUpdate(than), &b) != ERR_OK ||
            a >= b);
}

static err_t take_list(X509_CRL *crl, struct revoked *ret,
                       struct reason *reason) {
    int64_t end_us;
    if (!is_whole(crl)) {
        return unsupported(reason);
    }
    if (end_of(crl, &end_us) != ERR_OK) {
        return reason_set(reason, ERR_PARSE, "a list has no readable end");
    }
    ret->expires_us = end_us < ret->expires_us ? end_us : ret->expires_us;
    return add_serials(crl, ret, reason);
}

/* Marks the lists that this CA has signed, and takes the newest of them. */
static err_t take_lists_of(X509 *ca, const struct lists *lists, bool *ret_known,
                           struct revoked *ret, uint32_t *ret_lists,
                           struct reason *reason) {
    X509_CRL *newest = NULL;
    for (size_t i = 0; i < lists->count; i++) {
        if (signed_by(lists->list[i], ca)) {
            ret_known[i] = true;
            newest = is_newer(lists->list[i], newest) ? lists->list[i] : newest;
        }
    }
    if (newest == NULL) {
        return ERR_OK;
    }
    ++*ret_lists;
    return take_list(newest, ret, reason);
}

static err_t take_all(const struct lists *lists,
                      const STACK_OF(X509) * authorities, struct revoked *ret,
                      uint32_t *ret_lists, struct reason *reason) {
    assert(lists->count > 0 && lists->count <= LISTS_MAX);
    bool known[LISTS_MAX] = {false};
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        TRY(take_lists_of(sk_X509_value(authorities, i), lists, known, ret,
                          ret_lists, reason));
    }
    for (size_t i = 0; i < lists->count; i++) {
        if (!known[i]) {
            return reason_set(reason, ERR_REFUSED,
                              "list number %zu is not signed by any CA of "
                              "tls.ca_file: give that CA's own list",
                              i + 1);
        }
    }
    sort_serials(ret);
    return ERR_OK;
}

err_t crl_read(struct slice bytes, const STACK_OF(X509) * authorities,
               struct revoked *ret, uint32_t *ret_lists,
               struct reason *reason) {
    CLEANUP(free_lists) struct lists lists = {.count = 0};
    struct revoked revoked = {.expires_us = WHEN_NEVER};
    uint32_t count = 0;
    err_t err = read_lists(bytes, &lists, reason);
    if (err == ERR_OK) {
        err = take_all(&lists, authorities, &revoked, &count, reason);
    }
    if (err != ERR_OK) {
        revoked_free(&revoked);
        return err;
    }
    *ret = revoked;
    *ret_lists = count;
    return ERR_OK;
}
