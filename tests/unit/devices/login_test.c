/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: libmosquitto is given no client id that it would answer by closing
 * descriptor 0; failures are put into words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "devices/client/client.h"

static void test_client_ids(void **state) {
    (void)state;
    static char too_long[70000];
    memset(too_long, 'a', sizeof too_long - 1);
    const char *const bad[] = {"", "\xff", "till-\xc3", "a\x01z", too_long};
    mosquitto_lib_init();
    assert_true(fcntl(0, F_GETFD) >= 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(login_new(bad[i], true, NULL));
        assert_true(fcntl(0, F_GETFD) >= 0);
    }
    struct mosquitto *mosq = login_new("till-1", true, NULL);
    assert_non_null(mosq);
    mosquitto_destroy(mosq);
    mosquitto_lib_cleanup();
}

static void ignore_receipt(void *self, const struct client_receipt *receipt) {
    (void)self;
    (void)receipt;
}

/* A device with such a name never connects, tries again, and harms nothing. */
static void test_device_with_a_bad_name(void **state) {
    (void)state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    mosquitto_lib_init();
    struct log_limit limit = {0};
    const struct client_options options = {
        .host = "127.0.0.1",
        .port = 1,
        .mqtt = 3,
        .store = "s",
        .device = "till-\xff",
        .leaf = "orders",
        .log_limit = &limit,
    };
    const struct client_handler handler = {.receipt = ignore_receipt};
    struct client client;
    client_init(&client, &loop, &options, &handler);
    for (int i = 0; i < 3; i++) {
        client_tick(&client, client_now_us() + i * CLIENT_BACKOFF_MAX_US);
        assert_null(client.mosq);
        assert_true(fcntl(0, F_GETFD) >= 0);
    }
    client_free(&client);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    mosquitto_lib_cleanup();
}

/* With a name of its own the device's client id is that name, as the broker
 * asks of certificates; without one devices of two stores do not collide. */
static void test_client_id_of(void **state) {
    (void)state;
    const struct credentials nobody = {.tls = true};
    const struct credentials user = {.user = "till-1"};
    const struct credentials cert = {.tls = true, .cert = "c", .key = "k"};
    const struct {
        const struct credentials *credentials;
        const char *id;
    } cases[] = {{NULL, "s-till-1"},
                 {&nobody, "s-till-1"},
                 {&user, "till-1"},
                 {&cert, "till-1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct client_options options = {
            .host = "h",
            .store = "s",
            .device = "till-1",
            .leaf = "orders",
            .credentials = cases[i].credentials,
        };
        const struct client_handler handler = {.receipt = ignore_receipt};
        struct client client;
        client_init(&client, NULL, &options, &handler);
        assert_string_equal(client.name, cases[i].id);
    }
}

static void test_words(void **state) {
    (void)state;
    static const char lost[] = "The connection was lost.";
    const struct credentials plain = {.user = "u"};
    const struct credentials tls = {.tls = true};
    const struct credentials cert = {.tls = true, .cert = "/nowhere"};
    const struct {
        const struct credentials *credentials;
        const char *why;
        const char *said;
        const char *words;
    } cases[] = {
        {NULL, lost, "", lost},
        {&plain, lost, "something", lost},
        {&tls, lost, "", "does it want a certificate?"},
        {&cert, lost, "", "cannot read /nowhere: No such file"},
        {&tls, "Lookup error.", "", "Lookup error."},
        {&tls, "A TLS error occurred.",
         "OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number",
         "TLS: wrong version number: is this the broker's TLS port?"},
        {&tls, lost,
         "OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown "
         "ca",
         "TLS, the broker says: tlsv1 alert unknown ca: the broker does not "
         "know who made the certificate"},
        {&tls, lost, "Error: Unable to load client key file \"a:b\".",
         "TLS: Error: Unable to load client key file \"a:b\"."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char words[LOGIN_WORDS_SIZE];
        login_explain(NULL, cases[i].credentials, cases[i].why, cases[i].said,
                      words);
        if (strstr(words, cases[i].words) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", words, cases[i].words);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_ids),
        cmocka_unit_test(test_device_with_a_bad_name),
        cmocka_unit_test(test_client_id_of),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
