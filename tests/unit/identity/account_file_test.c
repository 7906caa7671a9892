/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts as text: read and written again, and each damage refused with
 * its line. */
#include "gateway/identity/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/identity/corrupt.h"

/* Of "a password of the store", by mosquitto_passwd. */
#define HASH                                                             \
    "$7$101$N0oXKIirlJ8HFMUv$+5XHoKaXHS/aaimrfrQjmW3ZSOYvTDQs3KmSNd3CML" \
    "ABfSHA/gnsSVkyudKmpYXgCPGCIiD5vWwpcAruFENT6A=="

static const char whole[] = "shopme-edge accounts 1\n"      /* 1 */
                            "device scale-1\n"              /* 2 */
                            " certificate\n"                /* 3 */
                            " added 1970-01-01T00:00:00Z\n" /* 4 */
                            "device till-1\n"               /* 5 */
                            " password " HASH "\n"          /* 6 */
                            " channel\n"                    /* 7 */
                            " topic kitchen/#\n"            /* 8 */
                            " topic bar/+/temperature\n"    /* 9 */
                            " added 2026-11-29T10:00:00Z\n" /* 10 */
                            "end 2\n";                      /* 11 */

static err_t again(struct slice text, char **ret, size_t *ret_len,
                   struct reason *reason) {
    struct accounts accounts = {.count = 77};
    err_t err = accounts_read(text, &accounts, reason);
    if (err != ERR_OK) {
        assert_int_equal(accounts.count, 77); /* untouched */
        return err;
    }
    err = accounts_write(&accounts, ret, ret_len);
    accounts_free(&accounts);
    return err;
}

/* Goal: damage is found, and where. */
static void test_corrupt(void **state) {
    static const struct corrupt_case cases[] = {
        {"accounts 1", "accounts 2", 1, "instead of"},
        {"shopme-edge", "", 1, "instead of"},
        {"device scale-1", "device scale 1", 2, "character 6 is another"},
        {"device scale-1", "device gateway", 2, "reserved"},
        {"device scale-1", "device ", 2, "1 to 64 characters"},
        {"device scale-1", "device till-1", 5, "not in the order"},
        {"device scale-1", "device z", 5, "not in the order"},
        {"device scale-1", "gadget scale-1", 2, "instead of \"end 0\""},
        {" certificate", " certificated", 3, "not an item of scale-1"},
        {" certificate\n", " certificate\n certificate\n", 4,
         "not an item of scale-1"},
        {" added 1970-01-01T00:00:00Z\n", "", 4, "not an item of scale-1"},
        {"1970-01-01T00:00:00Z", "1970-02-30T00:00:00Z", 4, "not a time"},
        {"1970-01-01T00:00:00Z", "1970-01-01T24:00:00Z", 4, "not a time"},
        {"1970-01-01T00:00:00Z", "1970-01-01 00:00:00Z", 4, "not a time"},
        {"1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", 4, "not a time"},
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.5Z", 4, "not a time"},
        {"$7$101$", "$6$101$", 6, "the password of till-1 has another form"},
        {"$7$101$", "$7$0$", 6, "the password of till-1 has another form"},
        {" channel\n", " topic a\n channel\n", 8, "not an item of till-1"},
        {"kitchen/#", "shopme/#", 8, "begins with shopme/"},
        {"kitchen/#", "#", 8, "begins with a wildcard"},
        {"end 2", " password " HASH, 11,
         "\" password ...\" instead of \"end 2\""},
        {"end 2", "end 3", 11, "\"end 3\" instead of \"end 2\""},
        {"end 2\n", "end 2", 11, "the file is cut"},
        {"end 2\n", "", 11, "the file is cut: \"end 2\" is missing"},
        {"end 2\n", "end 2\n\n", 12, "more after the end"},
    };
    (void)state;
    corrupt_check(again, "accounts", whole, cases,
                  sizeof cases / sizeof *cases);
}

/* Goal: no reason shows a password's hash. */
static void test_no_hash_in_a_reason(void **state) {
    (void)state;
    char text[sizeof whole + 16];
    struct reason reason;
    struct accounts accounts;
    for (size_t i = 0; i < 200; i++) { /* something in the way, at each place */
        const char *at = strstr(whole, " password") + i;
        struct writer writer = writer_over(text, sizeof text);
        writer_slice_add(&writer, slice_of(whole, (size_t)(at - whole)));
        writer_printf(&writer, "\n%s", at);
        assert_int_equal(
            accounts_read(writer_slice(&writer), &accounts, &reason),
            ERR_CORRUPT);
        assert_null(strstr(reason.text, "N0oXKIirlJ8HFMUv$"));
        assert_null(strstr(reason.text, "ABfSHA/gnsSVkyudKmpYX"));
    }
}

static void put(struct accounts *accounts, const struct account *account) {
    assert_int_equal(accounts_put(accounts, account), ERR_OK);
}

/* Goal: what is written is read again as it was, at all bounds. */
static void test_round_trip(void **state) {
    (void)state;
    char topic[ACCOUNT_TOPIC_MAX];
    char *topics[ACCOUNT_TOPICS_MAX];
    memset(topic, 'a', sizeof topic);
    topic[sizeof topic - 1] = '\0';
    for (int i = 0; i < ACCOUNT_TOPICS_MAX; i++) {
        topics[i] = topic;
    }
    struct account full = {.certificate = true,
                           .channel = true,
                           .password = HASH,
                           .topics = topics,
                           .topic_count = ACCOUNT_TOPICS_MAX,
                           .added_us = INT64_MAX};
    memset(full.name, 'n', sizeof full.name - 1);
    struct account least = {.name = "a", .added_us = 1999999};
    struct accounts accounts = {.count = 0};
    struct accounts read;
    struct reason reason;
    char *text;
    size_t len;
    put(&accounts, &full);
    put(&accounts, &least);
    assert_int_equal(accounts_write(&accounts, &text, &len), ERR_OK);
    assert_int_equal(accounts_read(slice_of(text, len), &read, &reason),
                     ERR_OK);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.list[0].added_us, 1000000); /* whole seconds */
    assert_string_equal(read.list[0].password, "");
    assert_false(read.list[0].certificate || read.list[0].channel);
    assert_true(read.list[1].certificate && read.list[1].channel);
    assert_string_equal(read.list[1].name, full.name);
    assert_string_equal(read.list[1].password, HASH);
    assert_int_equal(read.list[1].topic_count, ACCOUNT_TOPICS_MAX);
    assert_string_equal(read.list[1].topics[15], topic);
    assert_int_equal(read.list[1].added_us, 253402300799 * 1000000);
    free(text);
    accounts_free(&read);
    accounts_free(&accounts);
}

/* Goal: one topic or device too many is refused. */
static void test_too_many(void **state) {
    (void)state;
    struct reason reason;
    struct accounts accounts;
    struct writer text = writer_over(malloc(1 << 20), 1 << 20);
    assert_non_null(text.data);
    writer_str(&text, "shopme-edge accounts 1\ndevice a\n");
    for (int i = 0; i <= ACCOUNT_TOPICS_MAX; i++) {
        writer_printf(&text, " topic t/%d\n", i);
    }
    writer_str(&text, " added 1970-01-01T00:00:00Z\nend 1\n");
    assert_int_equal(accounts_read(writer_slice(&text), &accounts, &reason),
                     ERR_CORRUPT);
    assert_string_equal(reason.text,
                        "accounts, line 19: more than 16 topics of a");
    text.len = 0;
    writer_str(&text, "shopme-edge accounts 1\n");
    for (int i = 0; i <= ACCOUNTS_MAX; i++) {
        writer_printf(&text, "device d%05d\n added 1970-01-01T00:00:00Z\n", i);
    }
    writer_printf(&text, "end %d\n", ACCOUNTS_MAX + 1);
    assert_false(text.full);
    assert_int_equal(accounts_read(writer_slice(&text), &accounts, &reason),
                     ERR_CORRUPT);
    assert_string_equal(reason.text,
                        "accounts, line 20002: more than 10000 devices");
    free(text.data);
}

/* Goal: nobody is in an empty list, and no bytes are no list. */
static void test_empty(void **state) {
    (void)state;
    struct accounts none = {.count = 0};
    struct accounts read;
    struct reason reason;
    char *text;
    size_t len;
    assert_int_equal(accounts_write(&none, &text, &len), ERR_OK);
    assert_int_equal(accounts_read(slice_of(text, len), &read, &reason),
                     ERR_OK);
    assert_int_equal(read.count, 0);
    accounts_free(&read);
    free(text);
    assert_int_equal(accounts_read(SLICE_EMPTY, &read, &reason), ERR_CORRUPT);
    assert_string_equal(reason.text, "accounts, line 1: the file is cut: "
                                     "\"shopme-edge accounts 1\" is missing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_no_hash_in_a_reason),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
