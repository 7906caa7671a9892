/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a certificate; made here, as authorities make them and as an
 * attacker would. */
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/plugin/certificate.h"

struct name {
    const void *bytes;
    int len; /* -1: a string */
    int type;
};

static X509 *make(const struct name *names, int count, const char *serial,
                  const char *end) {
    X509 *x509 = X509_new();
    assert_non_null(x509);
    X509_NAME *subject = X509_NAME_new();
    assert_true(X509_NAME_add_entry_by_txt(
        subject, "O", MBSTRING_UTF8, (const unsigned char *)"Shop", -1, -1, 0));
    for (int i = 0; i < count; i++) {
        assert_true(X509_NAME_add_entry_by_NID(subject, NID_commonName,
                                               names[i].type, names[i].bytes,
                                               names[i].len, -1, 0));
    }
    assert_true(X509_set_subject_name(x509, subject));
    X509_NAME_free(subject);
    BIGNUM *number = NULL;
    assert_true(BN_hex2bn(&number, serial) > 0);
    assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
    BN_free(number);
    assert_true(ASN1_TIME_set_string(X509_getm_notAfter(x509), end));
    return x509;
}

static void expect(const struct name *names, int count, const char *name) {
    struct certificate read;
    X509 *x509 = make(names, count, "0A1B", "20361129100000Z");
    assert_int_equal(certificate_read(x509, &read), ERR_OK);
    assert_string_equal(read.name, name);
    assert_string_equal(read.serial, "0A1B");
    assert_int_equal(read.ends_us, 2111565600000000);
    X509_free(x509);
}

/* Goal: one name, whole, or none. */
static void test_names(void **state) {
    (void)state;
    const struct name till = {"till-1", -1, MBSTRING_UTF8};
    const struct name printable = {"till-1", -1, V_ASN1_PRINTABLESTRING};
    const struct name two[] = {till, {"till-2", -1, MBSTRING_UTF8}};
    const struct name with_nul = {"till-1\0.example", 15, V_ASN1_UTF8STRING};
    const struct name at_end = {"till-1\0", 7, V_ASN1_UTF8STRING};
    /* Two bytes a character, as some authorities of Windows write it. */
    const struct name wide = {"\0t\0i\0l\0l\0-\0"
                              "1",
                              12, V_ASN1_BMPSTRING};
    /* Three characters whose bytes are six others. */
    const struct name other = {"till-1", 6, V_ASN1_BMPSTRING};
    char long_name[ACCOUNT_NAME_MAX + 1];
    memset(long_name, 'x', sizeof long_name);
    const struct name too_long = {long_name, ACCOUNT_NAME_MAX,
                                  V_ASN1_UTF8STRING};
    expect(&till, 1, "till-1");
    expect(&printable, 1, "till-1");
    expect(NULL, 0, "");
    expect(two, 2, "");
    expect(&with_nul, 1, "");
    expect(&at_end, 1, "");
    expect(&wide, 1, "till-1");
    expect(&other, 1, "\xe7\x91\xa9\xe6\xb1\xac\xe2\xb4\xb1");
    expect(&too_long, 1, "");
}

/* Goal: the serial number in the one form that the revoked have; one that
 * cannot be is no certificate of ours. */
static void test_serials(void **state) {
    (void)state;
    static const char largest[] = "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
    const struct name till = {"till-1", -1, MBSTRING_UTF8};
    struct certificate read;
    X509 *x509 = make(&till, 1, largest, "20361129100000Z");
    assert_int_equal(certificate_read(x509, &read), ERR_OK);
    assert_string_equal(read.serial, largest);
    X509_free(x509);
    x509 = make(&till, 1, "-0A", "20361129100000Z");
    assert_int_equal(certificate_read(x509, &read), ERR_PARSE);
    X509_free(x509);
    char too_long[64];
    snprintf(too_long, sizeof too_long, "%sFF", largest);
    x509 = make(&till, 1, too_long, "20361129100000Z");
    assert_int_equal(certificate_read(x509, &read), ERR_PARSE);
    X509_free(x509);
}

/* Goal: an authority's "no end" (RFC 5280, 4.1.2.5) is far away. */
static void test_no_end(void **state) {
    (void)state;
    const struct name till = {"till-1", -1, MBSTRING_UTF8};
    struct certificate read;
    X509 *x509 = make(&till, 1, "01", "99991231235959Z");
    assert_int_equal(certificate_read(x509, &read), ERR_OK);
    assert_int_equal(read.ends_us, 253402300799000000);
    X509_free(x509);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
