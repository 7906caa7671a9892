/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever ends a handshake, there are words for it. */
#include "bridge/tls_words.h"

#include <mbedtls/ssl.h>
#include <mbedtls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_alerts(void **state) {
    (void)state;
    static const struct {
        uint8_t description;
        const char *words;
    } rows[] = {
        {40, "ciphers"},
        {42, "client certificate"},
        {43, "client certificate"},
        {44, "client certificate"},
        {45, "client certificate"},
        {46, "client certificate"},
        {48, "client certificate"},
        {116, "client certificate"},
        {49, "denies access"},
        {70, "TLS 1.2"},
        {71, "stronger ciphers"},
        {80, "internal error"},
        {112, "host name"},
        {120, "HTTP/1.1"},
        {0, "broke off"},
        {255, "broke off"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *words = tls_words_of_alert(rows[i].description, false);
        assert_non_null(strstr(words, rows[i].words));
    }
    assert_non_null(strstr(tls_words_of_alert(40, true), "client certificate"));
}

static void test_codes(void **state) {
    (void)state;
    assert_non_null(
        strstr(tls_words_of_code(MBEDTLS_ERR_X509_FATAL_ERROR), "too long"));
    assert_non_null(strstr(
        tls_words_of_code(MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE), "in pieces"));
    assert_non_null(strstr(tls_words_of_code(MBEDTLS_ERR_SSL_INVALID_RECORD),
                           "does not speak TLS"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
