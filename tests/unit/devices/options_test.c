/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "devices/options.h"

enum { ARGS_MAX = 24 };

/* Parses a line of words, "--broker" and "--store" put before it. */
static err_t parse(const char *line, char *buf, size_t size,
                   struct options *ret, struct reason *reason) {
    char *argv[ARGS_MAX];
    int argc = 0;
    snprintf(buf, size, "shopme-devices %s", line);
    char *rest = buf;
    char *word;
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = word;
    }
    return options_parse(argc, argv, ret, reason);
}

#define NEEDED "--broker localhost:1883 --store s1 "

/* Every option lands where it belongs; the rest keep their defaults. */
static void test_accepted(void **state) {
    (void)state;
    char buf[512];
    struct options options;
    struct reason reason = {""};
    assert_int_equal(parse(NEEDED "--rate 2.5 --tills 3 --encoding cbor "
                                  "--mqtt 5 --quiet",
                           buf, sizeof buf, &options, &reason),
                     ERR_OK);
    assert_string_equal(options.host, "localhost");
    assert_int_equal(options.port, 1883);
    assert_string_equal(options.store, "s1");
    assert_true(options.rate == 2.5);
    assert_int_equal(options.tills, 3);
    assert_int_equal(options.sensors, 20);
    assert_int_equal(options.mqtt, 5);
    assert_true(options.cbor && options.quiet);

    assert_int_equal(parse("--broker [::1]:18 --store s --orders 7 "
                           "--seed 18446744073709551615 --id-prefix a.b_c-1",
                           buf, sizeof buf, &options, &reason),
                     ERR_OK);
    assert_string_equal(options.host, "::1");
    assert_int_equal(options.orders, 7);
    assert_true(options.seed == UINT64_MAX);
    assert_string_equal(options.id_prefix, "a.b_c-1");
    assert_int_equal(parse(NEEDED "--tls --ca ca --identity d", buf, sizeof buf,
                           &options, &reason),
                     ERR_OK);
    assert_true(options.tls);
    assert_string_equal(options.ca, "ca");
    assert_string_equal(options.identity, "d");
    assert_int_equal(parse(NEEDED "--tls --cert c --key k --user u "
                                  "--password-file p",
                           buf, sizeof buf, &options, &reason),
                     ERR_OK);
    assert_string_equal(options.cert, "c");
    assert_string_equal(options.key, "k");
    assert_string_equal(options.user, "u");
    assert_string_equal(options.password_file, "p");
    assert_int_equal(parse("--help", buf, sizeof buf, &options, &reason),
                     ERR_OK);
    assert_true(options.help);
}

/* Each wrong use is refused with words that name the option and the cure. */
static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *line;
        const char *words;
    } cases[] = {
        {"--store s1", "--broker 127.0.0.1:1883"},
        {"--broker h:1", "--store store-7"},
        {NEEDED "--color", "--color is not an option"},
        {NEEDED "--rate", "--rate needs a value"},
        {NEEDED "--rate -1", "number from 0 to"},
        {NEEDED "--rate fast", "number from 0 to"},
        {NEEDED "--rate nan", "number from 0 to"},
        {NEEDED "--tills 1e3", "whole number"},
        {NEEDED "--tills 1001", "from 0 to 1000"},
        {NEEDED "--seed -1", "whole number"},
        {NEEDED "--seed 18446744073709551616", "whole number"},
        {NEEDED "--encoding xml", "json or cbor"},
        {NEEDED "--mqtt 4", "3 or 5"},
        {NEEDED "--mqtt 35", "3 or 5"},
        {NEEDED "--id-prefix a/b", "letters"},
        {NEEDED "--id-prefix 123456789012345678901234567890123", "1 to 32"},
        {NEEDED "--orders 5 --rate 0", "--rate above 0"},
        {NEEDED "--orders 5 --tills 0", "--tills 0"},
        {"--broker localhost --store s", "HOST:PORT"},
        {"--broker :1883 --store s", "HOST:PORT"},
        {"--broker h:0 --store s", "1 to 65535"},
        {"--broker h:65536 --store s", "1 to 65535"},
        {"--broker h:18x --store s", "1 to 65535"},
        {"--broker h:1 --store a/b", "letters"},
        {"--broker h:1 --store +", "letters"},
        {NEEDED "--ca c", "--ca needs --tls"},
        {NEEDED "--cert c --key k", "--cert needs --tls"},
        {NEEDED "--tls --cert c", "--key FILE need each other"},
        {NEEDED "--tls --key k", "--key FILE need each other"},
        {NEEDED "--user u", "--password-file FILE need each"},
        {NEEDED "--password-file p", "--password-file FILE need each"},
        {NEEDED "--password secret", "--password is not an option"},
        {NEEDED "--identity d --user u --password-file p", "leave those out"},
        {NEEDED "--tls --identity d --cert c --key k", "leave those out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[512];
        struct options options;
        struct reason reason = {""};
        assert_int_equal(
            parse(cases[i].line, buf, sizeof buf, &options, &reason),
            ERR_REFUSED);
        if (strstr(reason.text, cases[i].words) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].line,
                     reason.text, cases[i].words);
        }
    }
}

/* Goal: the help says how long a signal leaves, which is longer than the five
 * seconds after which a till asks again. */
static void test_help(void **state) {
    (void)state;
    static char text[8192];
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    options_help(out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "waits for 8 seconds at most"));
    assert_int_equal(OPTIONS_SIGNALLED_PATIENCE_S, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
