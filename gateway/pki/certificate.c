/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/certificate.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "gateway/pki/when.h"

struct extension {
    int nid;
    const char *value;
};

enum { EXTENSIONS_MAX = 5 };

/* In the words of x509v3_config(5). The subject's key identifier comes before
 * the authority's, which of a certificate that signs itself is the same. */
static const struct extension extensions[CERTIFICATE_KINDS][EXTENSIONS_MAX] = {
    [CERTIFICATE_CA] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                        {NID_key_usage, "critical,keyCertSign,cRLSign"},
                        {NID_subject_key_identifier, "hash"},
                        {NID_authority_key_identifier, "keyid:always"}},
    [CERTIFICATE_SERVER] = {{NID_basic_constraints, "critical,CA:FALSE"},
                            {NID_key_usage, "critical,digitalSignature"},
                            {NID_ext_key_usage, "serverAuth"},
                            {NID_subject_key_identifier, "hash"},
                            {NID_authority_key_identifier, "keyid:always"}},
    [CERTIFICATE_DEVICE] = {{NID_basic_constraints, "critical,CA:FALSE"},
                            {NID_key_usage, "critical,digitalSignature"},
                            {NID_ext_key_usage, "clientAuth"},
                            {NID_subject_key_identifier, "hash"},
                            {NID_authority_key_identifier, "keyid:always"}},
};

const char *certificate_kind_name(enum certificate_kind kind) {
    static const char *const names[] = {"ca", "server", "device"};
    assert((unsigned)kind < CERTIFICATE_KINDS);
    return names[kind];
}

err_t certificate_failed(struct reason *reason, const char *what) {
    unsigned long code = ERR_peek_last_error();
    const char *why = code == 0 ? NULL : ERR_reason_error_string(code);
    ERR_clear_error();
    return reason_set(reason, ERR_IO, "cannot %s: %s", what,
                      why != NULL ? why : "libcrypto does not say why");
}

void certificate_free(X509 **certificate) {
    X509_free(*certificate);
}

void certificate_key_free(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}

/* --- Made ------------------------------------------------------------------
 */

err_t certificate_make_key(EVP_PKEY **ret, struct reason *reason) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        return certificate_failed(reason, "make a key");
    }
    *ret = key;
    return ERR_OK;
}

void certificate_make_serial(const struct entropy *entropy,
                             uint8_t ret[static CERTIFICATE_SERIAL_BYTES]) {
    entropy->fill(entropy->self, ret, CERTIFICATE_SERIAL_BYTES);
    /* Neither negative nor shorter: it reads the same everywhere. */
    ret[0] = (uint8_t)((ret[0] & 0x3f) | 0x40);
}

static bool add_extension(X509 *certificate, X509 *issuer,
                          const struct extension *extension) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *made =
        X509V3_EXT_conf_nid(NULL, &context, extension->nid, extension->value);
    bool ok = made != NULL && X509_add_ext(certificate, made, -1) == 1;
    X509_EXTENSION_free(made);
    return ok;
}

static bool set_extensions(X509 *certificate,
                           const struct certificate_order *order) {
    X509 *issuer = order->issuer != NULL ? order->issuer : certificate;
    const struct extension *list = extensions[order->kind];
    bool ok = true;
    for (size_t i = 0; ok && i < EXTENSIONS_MAX && list[i].value != NULL; i++) {
        ok = add_extension(certificate, issuer, &list[i]);
    }
    if (ok && order->names != NULL) {
        void *names = NULL; /* which the library takes as not const */
        memcpy(&names, &order->names, sizeof names);
        ok = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0,
                               X509V3_ADD_APPEND) == 1;
    }
    return ok;
}

static bool set_subject(X509 *certificate, const char *name) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1,
                                      0) == 1;
}

static bool set_serial(X509 *certificate, const uint8_t *serial) {
    BIGNUM *number = BN_bin2bn(serial, CERTIFICATE_SERIAL_BYTES, NULL);
    bool ok =
        number != NULL &&
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

static bool fill_in(X509 *certificate, const struct certificate_order *order) {
    const X509 *issuer = order->issuer != NULL ? order->issuer : certificate;
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           set_serial(certificate, order->serial) &&
           set_subject(certificate, order->name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) ==
               1 &&
           when_to_asn1(order->not_before_us,
                        X509_getm_notBefore(certificate)) == ERR_OK &&
           when_to_asn1(order->not_after_us, X509_getm_notAfter(certificate)) ==
               ERR_OK &&
           X509_set_pubkey(certificate, order->key) == 1 &&
           set_extensions(certificate, order);
}

err_t certificate_sign(const struct certificate_order *order, X509 **ret,
                       struct reason *reason) {
    assert(order->not_before_us < order->not_after_us);
    assert(strlen(order->name) < CERTIFICATE_NAME_MAX);
    X509 *certificate = X509_new();
    if (certificate == NULL || !fill_in(certificate, order) ||
        X509_sign(certificate, order->issuer_key, EVP_sha256()) == 0) {
        X509_free(certificate);
        return certificate_failed(reason, "make a certificate");
    }
    *ret = certificate;
    return ERR_OK;
}

/* --- Written and read ------------------------------------------------------
 */

err_t certificate_serial_text(const ASN1_INTEGER *serial,
                              char ret[static REVOKED_SERIAL_MAX]) {
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    bool good = number != NULL && !BN_is_negative(number) &&
                BN_num_bytes(number) <= (REVOKED_SERIAL_MAX - 1) / 2;
    char *text = good ? BN_bn2hex(number) : NULL;
    BN_free(number);
    ENSURE(text != NULL, ERR_RANGE);
    snprintf(ret, REVOKED_SERIAL_MAX, "%s", text);
    OPENSSL_free(text);
    return ERR_OK;
}

err_t certificate_write(const X509 *certificate, struct octets *ret) {
    CLEANUP(octets_bio_free) BIO *bio = BIO_new(BIO_s_mem());
    ENSURE(bio != NULL && PEM_write_bio_X509(bio, certificate) == 1,
           ERR_MEMORY);
    return octets_take(bio, ret);
}

err_t certificate_write_key(const EVP_PKEY *key, struct octets *ret) {
    CLEANUP(octets_bio_free) BIO *bio = BIO_new(BIO_s_secmem());
    ENSURE(bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0,
                                                        NULL, NULL) == 1,
           ERR_MEMORY);
    return octets_take(bio, ret);
}

static BIO *over(struct slice bytes) {
    return bytes.len == 0 || bytes.len > INT32_MAX
               ? NULL
               : BIO_new_mem_buf(bytes.data, (int)bytes.len);
}

err_t certificate_read(struct slice pem, X509 **ret) {
    CLEANUP(octets_bio_free) BIO *bio = over(pem);
    X509 *certificate =
        bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ERR_clear_error();
    ENSURE(certificate != NULL, ERR_PARSE);
    *ret = certificate;
    return ERR_OK;
}

/* Nobody is there to be asked. */
static int no_password(char *buf, int size, int rwflag, void *context) {
    (void)rwflag;
    if (size > 0) {
        buf[0] = '\0';
    }
    *(bool *)context = true;
    return -1;
}

err_t certificate_read_key(struct slice pem, EVP_PKEY **ret) {
    CLEANUP(octets_bio_free) BIO *bio = over(pem);
    bool asked = false;
    EVP_PKEY *key =
        bio == NULL ? NULL
                    : PEM_read_bio_PrivateKey(bio, NULL, no_password, &asked);
    ERR_clear_error();
    ENSURE(key != NULL, asked ? ERR_REFUSED : ERR_PARSE);
    *ret = key;
    return ERR_OK;
}

err_t certificate_common_name(const X509 *certificate,
                              char ret[static CERTIFICATE_NAME_MAX]) {
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    ENSURE(at >= 0 &&
               X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0,
           ERR_RANGE);
    const ASN1_STRING *value =
        X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, value);
    ERR_clear_error();
    ENSURE(len >= 0, ERR_RANGE);
    err_t err =
        slice_to_str(slice_of(text, (size_t)len), ret, CERTIFICATE_NAME_MAX);
    OPENSSL_free(text);
    return err == ERR_OK ? ERR_OK : ERR_RANGE;
}

err_t certificate_dates(const X509 *certificate, int64_t *ret_not_before_us,
                        int64_t *ret_not_after_us) {
    TRY(when_of_asn1(X509_get0_notBefore(certificate), ret_not_before_us));
    return when_of_asn1(X509_get0_notAfter(certificate), ret_not_after_us);
}
