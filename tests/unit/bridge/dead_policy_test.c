/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes a dead letter, and what is held as a mistake of the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/dead_policy.h"

#define SECOND_US ((int64_t)1000 * 1000)

struct desk {
    struct dead_policy policy;
    int64_t now_us;
    uint64_t taken;
    uint64_t cursor;
};

static int set_up(void **state) {
    static struct desk desk;
    desk = (struct desk){.now_us = 3600 * SECOND_US};
    *state = &desk;
    return 0;
}

static int tear_down(void **state) {
    struct desk *desk = *state;
    dead_policy_free(&desk->policy);
    return 0;
}

static void look(struct desk *desk) {
    dead_policy_look(&desk->policy, desk->taken, desk->cursor, desk->now_us);
}

static void take(struct desk *desk, uint64_t events) {
    desk->taken += events;
    look(desk);
}

static enum dead_verdict refuse(struct desk *desk, uint64_t seq,
                                const char *code, bool together) {
    const struct dead_answer answer = {.seq = seq, .code = code};
    enum dead_verdict verdict;
    assert_int_equal(dead_policy_answer(&desk->policy, &answer, together,
                                        desk->now_us, &verdict),
                     ERR_OK);
    return verdict;
}

static uint32_t again(struct desk *desk) {
    uint64_t seq;
    uint32_t count = 0;
    while (dead_policy_next(&desk->policy, desk->now_us, &seq)) {
        count++;
        assert_true(count < 5000);
    }
    return count;
}

/* Goal: a malformed event is a letter at once, and nothing is held. */
static void test_a_malformed_event(void **state) {
    struct desk *desk = *state;
    assert_int_equal(refuse(desk, 7, "MalformedDetail", false), DEAD_WRITE);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_NONE);
    assert_int_equal(again(desk), 0);
    assert_true(dead_policy_due_us(&desk->policy) == INT64_MAX);
}

static void test_denials_by_name(void **state) {
    (void)state;
    static const char *const denials[] = {
        "AccessDenied", "AccessDeniedException", "InvalidAccountIdException",
        "NotAuthorizedForSourceException",
        "NotAuthorizedForDetailTypeException"};
    for (size_t i = 0; i < sizeof denials / sizeof *denials; i++) {
        assert_true(dead_policy_is_denial(denials[i]));
    }
    assert_false(dead_policy_is_denial("MalformedDetail"));
    assert_false(dead_policy_is_denial("InvalidArgument"));
    assert_false(dead_policy_is_denial(""));
}

/* Goal: while everything is denied, nothing becomes a letter, for an hour; one
 * is tried again every so often; when the service takes that, all are. */
static void test_all_denied(void **state) {
    struct desk *desk = *state;
    for (uint64_t seq = 0; seq < 300; seq++) {
        assert_int_equal(refuse(desk, seq, "AccessDeniedException", false),
                         DEAD_WAIT);
    }
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_DENIED);
    for (int i = 0; i < 240; i++) {
        uint64_t seq;
        desk->now_us += DEAD_PROBE_US - 1;
        look(desk);
        assert_int_equal(again(desk), 0);
        desk->now_us += 1;
        assert_true(dead_policy_due_us(&desk->policy) <= desk->now_us);
        assert_true(dead_policy_next(&desk->policy, desk->now_us, &seq));
        assert_int_equal(seq, 0); /* the lowest */
        assert_int_equal(again(desk), 0);
        assert_int_equal(refuse(desk, seq, "AccessDeniedException", false),
                         DEAD_WAIT);
    }
    desk->now_us += DEAD_PROBE_US;
    assert_int_equal(again(desk), 1);
    desk->now_us += SECOND_US;
    desk->cursor = 1;
    take(desk, 1);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_NONE);
    desk->now_us += DEAD_DENIED_US;
    assert_int_equal(again(desk), 299);
}

/* Goal: an event that is denied while others of the same answer are taken is a
 * letter at once. */
static void test_denied_beside_others(void **state) {
    struct desk *desk = *state;
    take(desk, 9);
    assert_int_equal(
        refuse(desk, 7, "NotAuthorizedForDetailTypeException", true),
        DEAD_WRITE);
}

/* Goal: one that is denied alone is a letter if it is denied again and others
 * were taken long after the first time; what was under way proves nothing. */
static void test_denied_again(void **state) {
    struct desk *desk = *state;
    assert_int_equal(refuse(desk, 7, "AccessDenied", false), DEAD_WAIT);
    desk->now_us += SECOND_US;
    take(desk, 50); /* was under way */
    assert_int_equal(again(desk), 0);
    desk->now_us += DEAD_DENIED_US;
    assert_int_equal(again(desk), 1);
    assert_int_equal(refuse(desk, 7, "AccessDenied", false), DEAD_WAIT);
    desk->now_us += DEAD_DENIED_US;
    take(desk, 1);
    assert_int_equal(again(desk), 1);
    assert_int_equal(refuse(desk, 7, "AccessDenied", false), DEAD_WRITE);
    assert_int_equal(desk->policy.count, 0);
}

/* Goal: the hundredth final answer in a row is held, and so is what follows;
 * an event that is taken ends that, and all are sent again. */
static void test_in_a_row(void **state) {
    struct desk *desk = *state;
    for (uint64_t seq = 0; seq < 99; seq++) {
        assert_int_equal(refuse(desk, seq, "InvalidArgument", false),
                         DEAD_WRITE);
    }
    assert_int_equal(refuse(desk, 99, "InvalidArgument", false), DEAD_WAIT);
    assert_int_equal(refuse(desk, 100, "InvalidArgument", false), DEAD_WAIT);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_IN_ROW);
    desk->now_us += DEAD_PROBE_US;
    desk->cursor = 99;
    look(desk);
    assert_int_equal(again(desk), 1);
    desk->cursor = 100;
    take(desk, 1);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_NONE);
    assert_int_equal(again(desk), 1);
    assert_int_equal(refuse(desk, 100, "InvalidArgument", false), DEAD_WRITE);
}

/* Goal: others that are taken between end the row: no number of letters alone
 * is a mistake. */
static void test_a_row_that_is_broken(void **state) {
    struct desk *desk = *state;
    for (uint64_t seq = 0; seq < 990; seq++) {
        if (seq % 99 == 0) {
            take(desk, 1);
        }
        assert_int_equal(refuse(desk, seq, "MalformedDetail", false),
                         DEAD_WRITE);
    }
}

static void flood(struct desk *desk, uint64_t *seq, uint32_t count,
                  uint64_t taken_each) {
    for (uint32_t i = 0; i < count; i++) {
        take(desk, taken_each);
        assert_int_equal(refuse(desk, (*seq)++, "MalformedDetail", false),
                         DEAD_WRITE);
    }
}

/* Goal: more than 1,000 in ten minutes, and more than a tenth: held, also while
 * others are taken; it ends when one that was refused is taken. */
static void test_a_flood(void **state) {
    struct desk *desk = *state;
    uint64_t seq = 0;
    flood(desk, &seq, DEAD_FLOOD_MIN, 8);
    take(desk, 8);
    assert_int_equal(refuse(desk, seq, "MalformedDetail", false), DEAD_WAIT);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_FLOOD);
    take(desk, 1000);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_FLOOD);
    desk->now_us += DEAD_PROBE_US;
    desk->cursor = seq;
    look(desk);
    assert_int_equal(again(desk), 1);
    assert_int_equal(refuse(desk, seq, "MalformedDetail", true), DEAD_WAIT);
    desk->now_us += DEAD_PROBE_US;
    assert_int_equal(again(desk), 1);
    desk->cursor = seq + 1;
    take(desk, 1);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_NONE);
    assert_int_equal(refuse(desk, seq + 9, "MalformedDetail", true),
                     DEAD_WRITE);
}

/* Goal: a tenth or less is no flood, however many; nor are those of eleven
 * minutes. */
static void test_no_flood(void **state) {
    struct desk *desk = *state;
    uint64_t seq = 0;
    flood(desk, &seq, 3 * DEAD_FLOOD_MIN, 9);
    desk->now_us += (DEAD_MINUTES + 1) * 60 * SECOND_US;
    for (int minute = 0; minute < 30; minute++) {
        flood(desk, &seq, DEAD_FLOOD_MIN / DEAD_MINUTES - 1, 1);
        desk->now_us += 60 * SECOND_US;
    }
}

/* Goal: what the sink cannot take is no answer of the service: it is a letter
 * whatever holds, and counts for nothing. */
static void test_what_is_never_sent(void **state) {
    struct desk *desk = *state;
    for (uint64_t seq = 0; seq < 300; seq++) {
        const struct dead_answer answer = {
            .seq = seq, .code = "", .sent_never = true};
        enum dead_verdict verdict;
        assert_int_equal(dead_policy_answer(&desk->policy, &answer, false,
                                            desk->now_us, &verdict),
                         ERR_OK);
        assert_int_equal(verdict, DEAD_WRITE);
    }
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_NONE);
}

/* Goal: what the cursor has passed (it was trimmed) waits no longer. */
static void test_what_was_trimmed(void **state) {
    struct desk *desk = *state;
    assert_int_equal(refuse(desk, 7, "AccessDenied", false), DEAD_WAIT);
    assert_int_equal(refuse(desk, 9, "AccessDenied", false), DEAD_WAIT);
    desk->cursor = 8;
    look(desk);
    assert_int_equal(desk->policy.count, 1);
    desk->cursor = 10;
    look(desk);
    assert_int_equal(desk->policy.count, 0);
    assert_int_equal(dead_policy_held(&desk->policy), DEAD_HOLD_NONE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_malformed_event),
        TEST(test_denials_by_name),
        TEST(test_all_denied),
        TEST(test_denied_beside_others),
        TEST(test_denied_again),
        TEST(test_in_a_row),
        TEST(test_a_row_that_is_broken),
        TEST(test_a_flood),
        TEST(test_no_flood),
        TEST(test_what_is_never_sent),
        TEST(test_what_was_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
