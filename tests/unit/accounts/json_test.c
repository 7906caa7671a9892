/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a change goes through its JSON whole; of what is damaged on the way,
 * nothing is accepted that does not pass the check, and reading it never goes
 * past its end. */
#include "gateway/console/identity_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUNDS = 50000 / TEST_SHARE, EDITS_MAX = 4 };

#define HASH                                                             \
    "$7$101$N0oXKIirlJ8HFMUv$+5XHoKaXHS/aaimrfrQjmW3ZSOYvTDQs3KmSNd3CML" \
    "ABfSHA/gnsSVkyudKmpYXgCPGCIiD5vWwpcAruFENT6A=="

static struct slice written(const struct identity_change *change,
                            uint8_t bytes[IDENTITY_JSON_MAX]) {
    struct writer writer = writer_over(bytes, IDENTITY_JSON_MAX);
    identity_json_write(change, &writer);
    assert_false(writer.full);
    return writer_slice(&writer);
}

static void goes_through(const struct identity_change *change) {
    uint8_t bytes[IDENTITY_JSON_MAX];
    struct identity_change read;
    struct reason reason;
    assert_int_equal(identity_json_read(written(change, bytes), &read, &reason),
                     ERR_OK);
    assert_memory_equal(&read, change, sizeof read);
}

static struct identity_change change_of(enum identity_op op, const char *name) {
    struct identity_change change;
    memset(&change, 0, sizeof change); /* with what is between its members */
    change.op = op;
    snprintf(change.name, sizeof change.name, "%s", name);
    return change;
}

static struct identity_change largest(void) {
    struct identity_change change = change_of(
        IDENTITY_PUT,
        "a123456789012345678901234567890123456789012345678901234567890123");
    change.fresh = change.has_password = true;
    snprintf(change.password, sizeof change.password, "%s", HASH);
    change.has_certificate = change.certificate = change.has_channel = true;
    change.has_topics = true;
    change.topic_count = ACCOUNT_TOPICS_MAX;
    for (uint32_t i = 0; i < ACCOUNT_TOPICS_MAX; i++) {
        memset(change.topics[i], '"', ACCOUNT_TOPIC_MAX - 1);
    }
    return change;
}

static void test_goes_through(void **state) {
    (void)state;
    struct identity_change change = largest();
    goes_through(&change);
    change = change_of(IDENTITY_PUT, "till-1");
    goes_through(&change);
    change.has_password = change.has_topics = true; /* both taken away */
    goes_through(&change);
    change = change_of(IDENTITY_REMOVE, "till-1");
    goes_through(&change);
    change = change_of(IDENTITY_RELOAD, "");
    goes_through(&change);
    change = change_of(IDENTITY_PASSWORD, "till-1");
    change.has_password = true;
    snprintf(change.password, sizeof change.password, "%s", HASH);
    goes_through(&change);
}

/* On the heap and cut to its length, where a sanitizer sees a byte too far. */
static void read_damaged(const uint8_t *from, size_t len) {
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct identity_change change;
    struct reason reason = {""};
    assert_non_null(copy);
    memcpy(copy, from, len);
    err_t err = identity_json_read(slice_of(copy, len), &change, &reason);
    if (err == ERR_OK) {
        assert_int_equal(identity_change_check(&change, &reason), ERR_OK);
        goes_through(&change);
    } else {
        assert_true(reason.text[0] != '\0');
    }
    free(copy);
}

static void test_damaged(void **state) {
    (void)state;
    unsigned seed = 10;
    struct identity_change change = largest();
    change.topic_count = 2;
    memset(change.topics[1], 'a', 3);
    change.topics[0][1] = change.topics[1][3] = '\0';
    memset(&change.topics[0][2], 0, ACCOUNT_TOPIC_MAX - 2);
    memset(&change.topics[1][4], 0, ACCOUNT_TOPIC_MAX - 4);
    memset(change.topics[2], 0,
           (ACCOUNT_TOPICS_MAX - 2) * sizeof change.topics[0]);
    uint8_t good[IDENTITY_JSON_MAX];
    uint8_t bad[IDENTITY_JSON_MAX];
    size_t len = written(&change, good).len;
    printf("seed %u\n", seed);
    for (int i = 0; i < ROUNDS; i++) {
        memcpy(bad, good, len);
        for (int k = 0; k <= rand_r(&seed) % EDITS_MAX; k++) {
            uint8_t byte = (uint8_t)rand_r(&seed);
            bad[(size_t)rand_r(&seed) % len] =
                byte < 128 ? (uint8_t) "{}[]\",:\\u0truefals"[byte % 18] : byte;
        }
        bool cut = rand_r(&seed) % 4 == 0;
        read_damaged(bad, cut ? (size_t)rand_r(&seed) % len : len);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_through),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
