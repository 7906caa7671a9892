/* SPDX-License-Identifier: Apache-2.0 */
/* TLS against a server of the test's own: which certificates are taken, and
 * what is said of those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "bridge/tls.h"
#include "gateway/base/platform.h"
#include "tls_peer.h"

static const char never[] = "20991231235959";
static const char long_ago[] = "20210101000000";

/* Shakes hands as a client that wants `host` and trusts `trusted`, with a
 * server that is `shown`. */
static err_t shake(const char *host, struct tls_peer_identity *trusted,
                   struct tls_peer_identity *shown, struct reason *reason) {
    char ca_file[] = "/tmp/tls-XXXXXX";
    int fd = mkstemp(ca_file);
    assert_true(fd >= 0);
    close(fd);
    tls_peer_identity_write(trusted, ca_file);
    struct platform platform = platform_real();
    struct tls_context *context;
    struct tls_memory *memory;
    struct tls *tls;
    assert_int_equal(
        tls_context_new(ca_file, &platform.entropy, &context, reason), ERR_OK);
    unlink(ca_file);
    assert_int_equal(tls_memory_new(&memory), ERR_OK);
    assert_int_equal(tls_new(context, memory, host, &tls, reason), ERR_OK);
    struct tls_peer *peer = tls_peer_new(shown);
    err_t err = tls_handshake(tls, reason);
    while (err == ERR_AGAIN) {
        struct slice output = tls_output(tls);
        assert_true(output.len > 0);
        tls_peer_feed(peer, output);
        tls_output_taken(tls);
        (void)tls_peer_handshake(peer);
        tls_feed(tls, tls_peer_output(peer));
        err = tls_handshake(tls, reason);
        tls_peer_output_taken(peer);
    }
    tls_peer_free(peer);
    tls_free(tls);
    tls_memory_free(memory);
    tls_context_free(context);
    return err;
}

static void assert_says(const struct reason *reason, const char *words) {
    if (strstr(reason->text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", reason->text, words);
    }
}

/* Goal: a certificate for the host that is asked for, from the authority that
 * is trusted, is taken. */
static void test_takes_the_right_name(void **state) {
    (void)state;
    struct reason reason = {""};
    struct tls_peer_identity *shown = tls_peer_identity_new("localhost", never);
    assert_int_equal(shake("localhost", shown, shown, &reason), ERR_OK);
    tls_peer_identity_free(shown);
}

/* Goal: the chain alone is not enough; the words name the one setting that may
 * be wrong and no other. */
static void test_refuses_another_name(void **state) {
    (void)state;
    struct reason reason = {""};
    struct tls_peer_identity *shown =
        tls_peer_identity_new("elsewhere.example", never);
    assert_int_equal(shake("localhost", shown, shown, &reason), ERR_NETWORK);
    assert_says(&reason, "certificate is not trusted");
    assert_says(&reason, "cloud.endpoint");
    assert_null(strstr(reason.text, "cloud.ca_file"));
    tls_peer_identity_free(shown);
}

/* Goal: an address is compared with the addresses of the certificate and with
 * nothing that only looks like one; of whichever kind, bit for bit. */
static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *host, *name;
        struct slice also;
        bool taken;
    } cases[] = {
        {"127.0.0.1",
         "x",
         {(const uint8_t *)"\x30\x06\x87\x04\x7f\0\0\x01", 8},
         true},
        {"127.0.0.2",
         "x",
         {(const uint8_t *)"\x30\x06\x87\x04\x7f\0\0\x01", 8},
         false},
        /* the second of two, behind a name */
        {"10.0.0.1",
         "x",
         {(const uint8_t *)"\x30\x0f\x82\x01x\x87\x04\x7f\0\0\x01"
                           "\x87\x04\x0a\0\0\x01",
          17},
         true},
        {"::1",
         "x",
         {(const uint8_t *)"\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
          20},
         true},
        {"::2",
         "x",
         {(const uint8_t *)"\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
          20},
         false},
        /* the first four bytes of an IPv6 address are no IPv4 address */
        {"0.0.0.0",
         "x",
         {(const uint8_t *)"\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
          20},
         false},
        /* names */
        {"127.0.0.1", "127.0.0.1", {NULL, 0}, false},
        {"127.0.0.1",
         "x",
         {(const uint8_t *)"\x30\x0b\x82\x09"
                           "127.0.0.1",
          13},
         false},
        {"::1", "::1", {NULL, 0}, false},
        /* an address does not stand for a name */
        {"localhost",
         "x",
         {(const uint8_t *)"\x30\x06\x87\x04\x7f\0\0\x01", 8},
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reason reason = {""};
        struct tls_peer_identity *shown =
            tls_peer_identity_also(cases[i].name, never, cases[i].also);
        err_t err = shake(cases[i].host, shown, shown, &reason);
        if ((err == ERR_OK) != cases[i].taken) {
            fail_msg("case %zu, %s: %s", i, cases[i].host, reason.text);
        }
        if (!cases[i].taken) {
            assert_says(&reason, "cloud.endpoint");
        }
        tls_peer_identity_free(shown);
    }
}

/* Goal: the right address is not enough either. */
static void test_refuses_another_authority_of_an_address(void **state) {
    (void)state;
    struct reason reason = {""};
    struct slice also = {(const uint8_t *)"\x30\x06\x87\x04\x7f\0\0\x01", 8};
    struct tls_peer_identity *shown = tls_peer_identity_also("x", never, also);
    struct tls_peer_identity *trusted =
        tls_peer_identity_new("an authority", never);
    assert_int_equal(shake("127.0.0.1", trusted, shown, &reason), ERR_NETWORK);
    assert_says(&reason, "cloud.ca_file");
    tls_peer_identity_free(trusted);
    tls_peer_identity_free(shown);
}

/* Goal: the name alone is not enough either. */
static void test_refuses_another_authority(void **state) {
    (void)state;
    struct reason reason = {""};
    struct tls_peer_identity *shown = tls_peer_identity_new("localhost", never);
    struct tls_peer_identity *trusted =
        tls_peer_identity_new("an authority", never);
    assert_int_equal(shake("localhost", trusted, shown, &reason), ERR_NETWORK);
    assert_says(&reason, "certificate is not trusted");
    assert_says(&reason, "cloud.ca_file");
    assert_null(strstr(reason.text, "cloud.endpoint"));
    tls_peer_identity_free(trusted);
    tls_peer_identity_free(shown);
}

/* Goal: a certificate with every flaw at once is told of in one line, with what
 * to do in it. */
static void test_says_all_flaws_in_one_line(void **state) {
    (void)state;
    struct reason reason = {""};
    struct tls_peer_identity *shown =
        tls_peer_identity_new("elsewhere.example", long_ago);
    struct tls_peer_identity *trusted =
        tls_peer_identity_new("an authority", never);
    assert_int_equal(shake("localhost", trusted, shown, &reason), ERR_NETWORK);
    assert_says(&reason, "cloud.endpoint");
    assert_says(&reason, "cloud.ca_file and the box's clock");
    assert_says(&reason, "expired");
    assert_null(strchr(reason.text, '\n'));
    tls_peer_identity_free(trusted);
    tls_peer_identity_free(shown);
}

/* Writes a file for tls_context_new(). */
static void write_file(char *path, const char *text) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Goal: a CA file that holds nothing to trust is refused, and the words say
 * what to set. */
static void test_refuses_a_file_without_authorities(void **state) {
    (void)state;
    static const char *const texts[] = {
        "no certificate\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    };
    struct platform platform = platform_real();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char path[] = "/tmp/tls-XXXXXX";
        write_file(path, texts[i]);
        struct tls_context *context = NULL;
        struct reason reason = {""};
        assert_int_equal(
            tls_context_new(path, &platform.entropy, &context, &reason),
            ERR_CONFIG);
        unlink(path);
        assert_null(context);
        assert_says(&reason, path);
        assert_says(&reason, "cloud.ca_file");
    }
}

/* Goal: what answers without TLS is a failure, with words. */
static void test_refuses_a_server_without_tls(void **state) {
    (void)state;
    struct platform platform = platform_real();
    struct tls_peer_identity *trusted =
        tls_peer_identity_new("localhost", never);
    char path[] = "/tmp/tls-XXXXXX";
    write_file(path, "");
    tls_peer_identity_write(trusted, path);
    struct tls_context *context;
    struct tls_memory *memory;
    struct tls *tls;
    struct reason reason = {""};
    assert_int_equal(
        tls_context_new(path, &platform.entropy, &context, &reason), ERR_OK);
    unlink(path);
    assert_int_equal(tls_memory_new(&memory), ERR_OK);
    assert_int_equal(tls_new(context, memory, "localhost", &tls, &reason),
                     ERR_OK);
    assert_int_equal(tls_handshake(tls, &reason), ERR_AGAIN);
    tls_output_taken(tls);
    tls_feed(tls, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_int_equal(tls_handshake(tls, &reason), ERR_NETWORK);
    assert_says(&reason, "TLS handshake: ");
    tls_free(tls);
    tls_memory_free(memory);
    tls_context_free(context);
    tls_peer_identity_free(trusted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_the_right_name),
        cmocka_unit_test(test_refuses_another_name),
        cmocka_unit_test(test_refuses_another_authority),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refuses_another_authority_of_an_address),
        cmocka_unit_test(test_says_all_flaws_in_one_line),
        cmocka_unit_test(test_refuses_a_file_without_authorities),
        cmocka_unit_test(test_refuses_a_server_without_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
