/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/certificate.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>
#include <time.h>

static void free_text(char **text) {
    OPENSSL_free(*text);
}

static void free_bytes(unsigned char **bytes) {
    OPENSSL_free(*bytes);
}

/* In UTF-8, whatever form it is in: the bytes of a BMPString of three
 * characters that are no device's name may be those of another's six. */
static void read_text(const ASN1_STRING *text,
                      char ret[static ACCOUNT_NAME_MAX]) {
    unsigned char *bytes CLEANUP(free_bytes) = NULL;
    int len = ASN1_STRING_to_UTF8(&bytes, text);
    ERR_clear_error();
    char copy[ACCOUNT_NAME_MAX];
    if (len >= 0 && slice_to_str(slice_of(bytes, (size_t)len), copy,
                                 sizeof copy) == ERR_OK) {
        memcpy(ret, copy, sizeof copy);
    }
}

/* Exactly one common name, and no NUL in it: what follows one would be seen by
 * the authority and not here. */
static void read_name(const X509 *x509, char ret[static ACCOUNT_NAME_MAX]) {
    const X509_NAME *subject = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    ret[0] = '\0';
    if (at >= 0 &&
        X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0) {
        read_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)),
                  ret);
    }
}

static void free_number(BIGNUM **number) {
    BN_free(*number);
}

static err_t read_serial(const X509 *x509,
                         char ret[static REVOKED_SERIAL_MAX]) {
    BIGNUM *number CLEANUP(free_number) =
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    ENSURE(number != NULL, ERR_PARSE);
    char *text CLEANUP(free_text) = BN_bn2hex(number);
    ENSURE(text != NULL && text[0] != '-', ERR_PARSE);
    ENSURE(strlen(text) < REVOKED_SERIAL_MAX, ERR_PARSE);
    memcpy(ret, text, strlen(text) + 1);
    return ERR_OK;
}

static err_t read_end(const X509 *x509, int64_t *ret_us) {
    struct tm when;
    ENSURE(ASN1_TIME_to_tm(X509_get0_notAfter(x509), &when) == 1, ERR_PARSE);
    *ret_us = (int64_t)timegm(&when) * 1000000;
    return ERR_OK;
}

err_t certificate_read(X509 *x509, struct certificate *ret) {
    struct certificate read;
    read_name(x509, read.name);
    TRY(read_serial(x509, read.serial));
    TRY(read_end(x509, &read.ends_us));
    *ret = read;
    return ERR_OK;
}
