/* SPDX-License-Identifier: Apache-2.0 */
/* How streams share a line and an account, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/share.h"

#define SECOND_US ((int64_t)1000000)

enum { HIGH, LOW, LOWEST };

static void begin(struct share *share, uint64_t bandwidth, uint32_t requests) {
    share_init(share, bandwidth, requests, 0);
    assert_int_equal(share_add(share, 1), HIGH);
    assert_int_equal(share_add(share, 2), LOW);
    assert_int_equal(share_add(share, 3), LOWEST);
}

/* Goal: where nothing presses nobody waits, whatever the others send. */
static void test_nobody_waits(void **state) {
    (void)state;
    struct share share;
    begin(&share, 0, 0);
    for (int64_t now_us = 0; now_us < 10 * SECOND_US; now_us += 1000) {
        for (uint32_t i = 0; i < 3; i++) {
            share_press(&share, i, true, false, now_us);
            assert_false(share_yields(&share, i, now_us));
            assert_int_equal(share_due_us(&share, i, true, now_us), now_us);
            share_sent(&share, i, i == HIGH ? 1 : 1000000, true);
        }
    }
}

/* A line that carries `rate`, for `seconds`: each stream sends what it may, in
 * requests of `bytes`; the first stalls while the line is full. */
static void run_line(struct share *share, int64_t seconds, int64_t rate,
                     bool cap, uint64_t ret_sent[3]) {
    int64_t free_us = 0;
    for (int64_t now_us = 0; now_us < seconds * SECOND_US; now_us += 1000) {
        for (uint32_t i = 0; i < 3; i++) {
            share_press(share, i, true, !cap && free_us > now_us, now_us);
            bool may = share_due_us(share, i, false, now_us) <= now_us;
            if (may && (cap || free_us <= now_us || i > HIGH)) {
                share_sent(share, i, 10000, false);
                free_us = (free_us > now_us ? free_us : now_us) +
                          10000 * SECOND_US / rate;
                ret_sent[i] += 10000;
            }
        }
    }
}

/* Goal: where the line is the limit the highest goes first and each of the
 * others keeps about a tenth. */
static void test_the_line_is_the_limit(void **state) {
    (void)state;
    for (int cap = 0; cap < 2; cap++) {
        struct share share;
        begin(&share, cap ? 100000 : 0, 0);
        uint64_t sent[3] = {0};
        run_line(&share, 120, 100000, cap == 1, sent);
        uint64_t sum = sent[0] + sent[1] + sent[2];
        print_message("%llu %llu %llu\n", (unsigned long long)sent[0],
                      (unsigned long long)sent[1], (unsigned long long)sent[2]);
        assert_true(sent[HIGH] * 10 > sum * 6);
        for (uint32_t i = LOW; i <= LOWEST; i++) {
            assert_true(sent[i] * 100 > sum * 7 && sent[i] * 100 < sum * 16);
        }
        if (cap) {
            assert_true(sum < 120 * 100000 * 11 / 10);
            assert_true(sum > 120 * 100000 * 9 / 10);
        }
    }
}

/* Goal: who stands still does not press for long. */
static void test_who_hangs_blocks_nobody(void **state) {
    (void)state;
    struct share share;
    begin(&share, 0, 0);
    share_press(&share, HIGH, true, true, 0);
    share_sent(&share, HIGH, 100, false);
    share_sent(&share, LOW, 1000, false);
    assert_true(share_yields(&share, LOW, 1));
    assert_false(share_yields(&share, HIGH, 1));
    assert_true(share_due_us(&share, LOW, false, 1) > 1);
    share_press(&share, HIGH, true, false, 1); /* no progress: it hangs */
    int64_t later_us = SHARE_PRESS_US + 1;
    assert_false(share_yields(&share, LOW, later_us));
    assert_int_equal(share_due_us(&share, LOW, false, later_us), later_us);
}

static uint32_t requests_in(struct share *share, int64_t from_us,
                            int64_t until_us) {
    uint32_t count = 0;
    int64_t now_us = from_us;
    for (;;) {
        int64_t due_us = share_due_us(share, HIGH, true, now_us);
        if (due_us >= until_us) {
            return count;
        }
        if (due_us > now_us) {
            now_us = due_us;
            continue;
        }
        share_sent(share, HIGH, 1, true);
        count++;
    }
}

/* Goal: the budget holds; throttled it is halved, once for all that are under
 * way, and it rises within a minute. */
static void test_the_budget(void **state) {
    (void)state;
    struct share share;
    begin(&share, 0, 50);
    uint32_t first = requests_in(&share, 0, 10 * SECOND_US);
    assert_in_range(first, 500, 551); /* and a second's worth at once */
    int64_t now_us = 10 * SECOND_US;
    for (int i = 0; i < 8; i++) {
        share_throttled(&share, now_us);
    }
    assert_in_range(requests_in(&share, now_us, now_us + SECOND_US), 20, 27);
    now_us += 70 * SECOND_US;
    assert_in_range(requests_in(&share, now_us, now_us + 10 * SECOND_US), 500,
                    551);
    assert_int_equal(share_due_us(&share, HIGH, false, now_us), now_us);
    now_us += 100 * SECOND_US;
    for (int i = 0; i < 100; i++) {
        now_us += SECOND_US;
        share_throttled(&share, now_us);
    }
    assert_true(requests_in(&share, now_us, now_us + 5 * SECOND_US) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits),
        cmocka_unit_test(test_the_line_is_the_limit),
        cmocka_unit_test(test_who_hangs_blocks_nobody),
        cmocka_unit_test(test_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
