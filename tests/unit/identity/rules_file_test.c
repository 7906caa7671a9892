/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as text: read and written again, and each damage refused with its
 * line. */
#include "gateway/identity/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/identity/corrupt.h"

#define HASH                                                             \
    "$7$101$N0oXKIirlJ8HFMUv$+5XHoKaXHS/aaimrfrQjmW3ZSOYvTDQs3KmSNd3CML" \
    "ABfSHA/gnsSVkyudKmpYXgCPGCIiD5vWwpcAruFENT6A=="

static const char whole[] = "shopme-edge rules 1\n"          /* 1 */
                            "store store-7\n"                /* 2 */
                            "stream orders\n"                /* 3 */
                            "stream telemetry\n"             /* 4 */
                            "anonymous\n"                    /* 5 */
                            "gateway gw-0123 " HASH "\n"     /* 6 */
                            "gateway-id shopme-edge a/b\n"   /* 7 */
                            "gateway-id shopme-edge-probe\n" /* 8 */
                            "session 1800000000 a b\n"       /* 9 */
                            "end\n";                         /* 9 */

static err_t again(struct slice text, char **ret, size_t *ret_len,
                   struct reason *reason) {
    struct rules rules = {.stream_count = 77};
    err_t err = rules_read(text, &rules, reason);
    if (err != ERR_OK) {
        assert_int_equal(rules.stream_count, 77); /* untouched */
        return err;
    }
    struct writer writer = writer_over(malloc(16 * 1024), 16 * 1024);
    assert_non_null(writer.data);
    rules_write(&rules, &writer);
    assert_false(writer.full);
    *ret = (char *)writer.data;
    *ret_len = writer.len;
    return ERR_OK;
}

static void test_corrupt(void **state) {
    static const struct corrupt_case cases[] = {
        {"rules 1", "rules 2", 1, "instead of"},
        {"store store-7\n", "", 2, "\"store\" is missing"},
        {"store store-7", "store ", 2, "not a name"},
        {"store store-7", "store +", 2, "not a name"},
        {"store store-7", "store a/b", 2, "not a name"},
        {"stream orders", "stream #", 3, "not a name"},
        {"stream orders", "stream \x01", 3, "not a name"},
        {"stream orders", "streams orders", 3, "\"gateway\" is missing"},
        {"anonymous\n", "anonymous\nanonymous\n", 6, "\"gateway\" is missing"},
        {"anonymous", "anonymous ", 5, "\"gateway\" is missing"},
        {"gateway gw-0123 " HASH, "gateway gw-0123", 6,
         "the gateway has no password"},
        {"gateway gw-0123 ", "gateway  ", 6, "not a name"},
        {"$7$101$", "$7$x$", 6, "the gateway's password has another form"},
        {"gateway gw-0123 " HASH "\n", "", 6, "\"gateway\" is missing"},
        {"gateway-id shopme-edge a/b", "gateway-id ", 7, "not a client id"},
        {"gateway-id shopme-edge a/b", "gateway-id \xff", 7, "not a client id"},
        {"session 1800000000 a b", "session ", 9, "not the end of a session"},
        {"session 1800000000 a b", "session 1", 9, "not the end of a session"},
        {"session 1800000000 a b", "session 1 ", 9, "not the end of a session"},
        {"session 1800000000 a b", "session 01 a", 9, "not the end of a"},
        {"session 1800000000 a b", "session  a", 9, "not the end of a"},
        {"session 1800000000 a b", "session 1234567890123 a", 9, "not the"},
        {"session 1800000000 a b", "session 1 \xff", 9, "not the end of a"},
        {"end\n", "gateway g " HASH "\nend\n", 10,
         "\"gateway g ...\" instead of \"end\""},
        {"end\n", "", 10, "the file is cut"},
        {"end\n", "end\nend\n", 11, "more after the end"},
        {"end\n", "end 2\n", 10, "instead of \"end\""},
    };
    (void)state;
    corrupt_check(again, "rules", whole, cases, sizeof cases / sizeof *cases);
}

static void test_read(void **state) {
    (void)state;
    struct rules rules;
    struct reason reason;
    assert_int_equal(rules_read(slice_from_str(whole), &rules, &reason),
                     ERR_OK);
    assert_string_equal(rules.store, "store-7");
    assert_int_equal(rules.stream_count, 2);
    assert_string_equal(rules.streams[1], "telemetry");
    assert_true(rules.anonymous);
    assert_string_equal(rules.gateway, "gw-0123");
    assert_string_equal(rules.gateway_password, HASH);
    assert_int_equal(rules.gateway_id_count, 2);
    assert_string_equal(rules.gateway_ids[0], "shopme-edge a/b");
    assert_int_equal(rules.session_count, 1);
    assert_int_equal(rules.sessions[0].ends_s, 1800000000);
    assert_string_equal(rules.sessions[0].client_id, "a b");
}

static void repeated(const char *line, int count, const char *says) {
    char text[16 * 1024];
    struct writer writer = writer_over(text, sizeof text);
    struct rules rules;
    struct reason reason;
    bool stream = strncmp(line, "stream", 6) == 0;
    writer_str(&writer, "shopme-edge rules 1\nstore s\n");
    for (int i = 0; stream && i < count; i++) {
        writer_str(&writer, line);
    }
    writer_str(&writer, "gateway gw " HASH "\n");
    for (int i = 0; !stream && i < count; i++) {
        writer_str(&writer, line);
    }
    writer_str(&writer, "end\n");
    assert_false(writer.full);
    err_t err = rules_read(writer_slice(&writer), &rules, &reason);
    assert_int_equal(err, says == NULL ? ERR_OK : ERR_CORRUPT);
    assert_true(says == NULL || strstr(reason.text, says) != NULL);
}

/* Goal: as many as there may be, and not one more. */
static void test_bounds(void **state) {
    (void)state;
    repeated("stream s\n", RULES_STREAMS_MAX, NULL);
    repeated("stream s\n", RULES_STREAMS_MAX + 1, "more than 16 streams");
    repeated("gateway-id i\n", RULES_GATEWAY_IDS_MAX, NULL);
    repeated("gateway-id i\n", RULES_GATEWAY_IDS_MAX + 1,
             "more than 24 client ids");
    repeated("session 1 s\n", RULES_SESSIONS_MAX, NULL);
    repeated("session 1 s\n", RULES_SESSIONS_MAX + 1, "more than 128 sessions");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
