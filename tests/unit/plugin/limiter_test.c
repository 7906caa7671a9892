/* SPDX-License-Identifier: Apache-2.0 */
/* How many refusals are told, and that none is lost from the counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/plugin/limiter.h"

enum { SECOND = 1000000 };

static int setup(void **state) {
    struct limiter *limiter = NULL;
    assert_int_equal(limiter_new(&limiter), ERR_OK);
    *state = limiter;
    return 0;
}

static int teardown(void **state) {
    limiter_free(*state);
    return 0;
}

static struct report refused(const char *device, enum refusal refusal) {
    struct report report = {.kind = REPORT_REFUSED, .refusal = refusal};
    snprintf(report.device, sizeof report.device, "%s", device);
    return report;
}

/* The count that it is told with; 0: it is kept. */
static uint64_t take(struct limiter *limiter, const char *device,
                     enum refusal refusal, int64_t now_us) {
    struct report report = refused(device, refusal);
    uint64_t count = 0;
    return limiter_take(limiter, &report, now_us, &count) ? count : 0;
}

/* What is due, in all; how many reports. */
static uint64_t due(struct limiter *limiter, int64_t now_us, int *ret_reports) {
    struct report report;
    uint64_t count = 0;
    *ret_reports = 0;
    while (limiter_due(limiter, now_us, &report)) {
        assert_true(report.count > 0);
        count += report.count;
        ++*ret_reports;
    }
    return count;
}

/* Goal: the first of a second are told one by one, the rest in one. */
static void test_one_cause(void **state) {
    struct limiter *limiter = *state;
    int reports;
    for (int i = 0; i < LIMITER_CAUSE_A_SECOND; i++) {
        assert_int_equal(take(limiter, "a", REFUSAL_PASSWORD, SECOND + i), 1);
    }
    for (int i = 0; i < 30; i++) {
        assert_int_equal(take(limiter, "a", REFUSAL_PASSWORD, SECOND + 50), 0);
    }
    assert_int_equal(take(limiter, "a", REFUSAL_REVOKED, SECOND + 60), 1);
    assert_int_equal(take(limiter, "b", REFUSAL_PASSWORD, SECOND + 60), 1);
    assert_int_equal(due(limiter, 2 * SECOND - 1, &reports), 0);
    assert_int_equal(due(limiter, 2 * SECOND, &reports), 30);
    assert_int_equal(reports, 1);
    assert_int_equal(due(limiter, 9 * SECOND, &reports), 0);
}

/* Goal: what was kept goes with the next that is told. */
static void test_with_the_next(void **state) {
    struct limiter *limiter = *state;
    for (int i = 0; i < LIMITER_CAUSE_A_SECOND + 7; i++) {
        (void)take(limiter, "a", REFUSAL_PASSWORD, SECOND);
    }
    assert_int_equal(take(limiter, "a", REFUSAL_PASSWORD, 3 * SECOND), 8);
}

/* Goal: a flood under as many names as it likes makes no more reports than the
 * bound, and every refusal is counted. */
static void test_a_flood_of_names(void **state) {
    struct limiter *limiter = *state;
    uint64_t told = 0;
    uint64_t counted = 0;
    char name[16];
    const int all = 20000;
    for (int i = 0; i < all; i++) {
        int64_t now_us = SECOND + i * 100; /* two seconds */
        snprintf(name, sizeof name, "n-%d", i);
        uint64_t count = take(limiter, name, REFUSAL_OTHER_DEVICE, now_us);
        told += count > 0;
        counted += count;
    }
    assert_in_range(told, 1, 3 * LIMITER_ALL_A_SECOND);
    for (int second = 4; second < 20; second++) {
        int reports;
        counted += due(limiter, second * SECOND, &reports);
        assert_in_range(reports, 0, LIMITER_ALL_A_SECOND);
    }
    assert_int_equal(counted, all);
}

/* Goal: what a flood took no place of is told for nobody. */
static void test_no_place_no_name(void **state) {
    struct limiter *limiter = *state;
    char name[16];
    for (int i = 0; i < LIMITER_CAUSES_MAX; i++) {
        snprintf(name, sizeof name, "n-%d", i);
        (void)take(limiter, name, REFUSAL_OUTSIDE, SECOND);
    }
    for (int i = 0; i < 50; i++) {
        (void)take(limiter, "late", REFUSAL_OUTSIDE, SECOND);
    }
    struct report report;
    bool seen = false;
    for (int second = 3; second < 9; second++) {
        while (limiter_due(limiter, second * SECOND, &report)) {
            assert_string_not_equal(report.device, "late");
            seen |= report.device[0] == '\0' && report.count == 50;
        }
    }
    assert_true(seen);
}

/* Goal: a clock that goes back holds up nothing. */
static void test_clock(void **state) {
    struct limiter *limiter = *state;
    for (int i = 0; i < LIMITER_CAUSE_A_SECOND + 1; i++) {
        (void)take(limiter, "a", REFUSAL_PASSWORD, 100 * SECOND);
    }
    assert_int_equal(take(limiter, "a", REFUSAL_PASSWORD, SECOND), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_cause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_with_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flood_of_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_place_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
