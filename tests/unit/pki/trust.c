/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pki/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { TEXTS = 4, DAY_S = 24 * 60 * 60 };

static void add(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(made);
    assert_int_equal(X509_add_ext(certificate, made, -1), 1);
    X509_EXTENSION_free(made);
}

static void fill_in(X509 *made, const struct trust_order *order,
                    EVP_PKEY *key) {
    X509_NAME *name = X509_get_subject_name(made);
    X509 *issuer = order->issuer != NULL ? order->issuer : made;
    assert_int_equal(X509_set_version(made, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made), rand()), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(
                         name, "CN", MBSTRING_UTF8,
                         (const unsigned char *)order->name, -1, -1, 0),
                     1);
    X509_set_issuer_name(made, X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(made), -400L * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(made), (long)order->days * DAY_S);
    X509_set_pubkey(made, key);
    add(made, issuer, NID_basic_constraints,
        order->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add(made, issuer, NID_subject_key_identifier, "hash");
    if (order->ca) {
        add(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (order->use != NULL) {
        add(made, issuer, NID_ext_key_usage, order->use);
    }
}

struct trust trust_make(const struct trust_order *order) {
    struct trust trust = {.certificate = X509_new(), .key = order->key};
    if (trust.key == NULL) {
        trust.key = EVP_EC_gen("P-256");
    } else {
        EVP_PKEY_up_ref(trust.key);
    }
    assert_non_null(trust.certificate);
    assert_non_null(trust.key);
    fill_in(trust.certificate, order, trust.key);
    EVP_PKEY *by = order->issuer_key != NULL ? order->issuer_key : trust.key;
    assert_int_not_equal(X509_sign(trust.certificate, by,
                                   order->sha1 ? EVP_sha1() : EVP_sha256()),
                         0);
    return trust;
}

void trust_free(struct trust *trust) {
    X509_free(trust->certificate);
    EVP_PKEY_free(trust->key);
    *trust = (struct trust){NULL, NULL};
}

static void revoke(X509_CRL *list, long number, ASN1_TIME *when) {
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, number);
    X509_REVOKED_set_serialNumber(entry, serial);
    X509_REVOKED_set_revocationDate(entry, when);
    assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    ASN1_INTEGER_free(serial);
}

static void add_to_list(X509_CRL *list, X509 *ca, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, ca, NULL, NULL, list, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(made);
    assert_int_equal(X509_CRL_add_ext(list, made, -1), 1);
    X509_EXTENSION_free(made);
}

X509_CRL *trust_make_list(const struct trust_list *order) {
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, (long)order->from_days * DAY_S);
    ASN1_TIME *until = X509_gmtime_adj(NULL, (long)order->days * DAY_S);
    X509 *ca = order->ca->certificate;
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(ca));
    X509_CRL_set1_lastUpdate(list, from);
    if (order->days != 0) {
        X509_CRL_set1_nextUpdate(list, until);
    }
    for (const long *serial = order->serials; *serial != 0; serial++) {
        revoke(list, *serial, from);
    }
    if (order->scope != NULL) {
        add_to_list(list, ca, NID_issuing_distribution_point, order->scope);
    }
    if (order->delta) {
        ASN1_INTEGER *base = ASN1_INTEGER_new();
        ASN1_INTEGER_set(base, 1);
        X509_CRL_add1_ext_i2d(list, NID_delta_crl, base, 1, 0);
        ASN1_INTEGER_free(base);
    }
    assert_int_not_equal(X509_CRL_sign(list, order->ca->key, EVP_sha256()), 0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return list;
}

/* --- As text ---------------------------------------------------------------
 */

static struct slice keep(BIO *bio) {
    static uint8_t texts[TEXTS][16384];
    static size_t next;
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    uint8_t *text = texts[next++ % TEXTS];
    assert_true(len > 0 && (size_t)len < sizeof texts[0]);
    memcpy(text, data, (size_t)len);
    BIO_free(bio);
    return slice_of(text, (size_t)len);
}

struct slice trust_pem(X509 *certificate) {
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    return keep(bio);
}

struct slice trust_key_pem(EVP_PKEY *key, const char *password) {
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password != NULL ? EVP_aes_128_cbc() : NULL;
    int len = password != NULL ? (int)strlen(password) : 0;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password,
                                                   len, NULL, NULL),
                     1);
    return keep(bio);
}

struct slice trust_list_pem(X509_CRL *list) {
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_CRL(bio, list), 1);
    return keep(bio);
}

struct slice trust_list_der(X509_CRL *list) {
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(i2d_X509_CRL_bio(bio, list), 1);
    return keep(bio);
}
