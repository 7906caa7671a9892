/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what was there is due after its time and not before, whatever is marked
 * and however much; and never twice a number that goes back. */
#include "gateway/stream/deadlines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LIMIT_US = 90 * 1000 * 1000, SECOND_US = 1000 * 1000 };

static void test_due_after_its_time(void **state) {
    (void)state;
    struct deadlines *d = calloc(1, sizeof *d);
    assert_non_null(d);
    assert_int_equal(deadlines_due(d, 0, LIMIT_US), 0);
    deadlines_mark(d, 10, 0);
    deadlines_mark(d, 10, SECOND_US); /* nothing came since */
    deadlines_mark(d, 25, 2 * SECOND_US);
    assert_int_equal(deadlines_due(d, LIMIT_US - 1, LIMIT_US), 0);
    assert_int_equal(deadlines_due(d, LIMIT_US, LIMIT_US), 10);
    assert_int_equal(deadlines_due(d, LIMIT_US + SECOND_US, LIMIT_US), 10);
    assert_int_equal(deadlines_due(d, LIMIT_US + 2 * SECOND_US, LIMIT_US), 25);
    assert_int_equal(d->count, 0);
    deadlines_mark(d, 20, LIMIT_US + 3 * SECOND_US);
    assert_int_equal(d->count, 0);
    free(d);
}

/* A time that goes back waits as long as the one before it. */
static void test_time_goes_back(void **state) {
    (void)state;
    struct deadlines *d = calloc(1, sizeof *d);
    assert_non_null(d);
    deadlines_mark(d, 1, 5 * SECOND_US);
    deadlines_mark(d, 2, SECOND_US);
    assert_int_equal(deadlines_due(d, 4 * SECOND_US + LIMIT_US, LIMIT_US), 0);
    assert_int_equal(deadlines_due(d, 5 * SECOND_US + LIMIT_US, LIMIT_US), 2);
    free(d);
}

static void test_too_many_marks(void **state) {
    (void)state;
    struct deadlines *d = calloc(1, sizeof *d);
    assert_non_null(d);
    for (uint64_t i = 1; i <= DEADLINES_MARKS_MAX + 100; i++) {
        deadlines_mark(d, i, (int64_t)i * SECOND_US);
    }
    assert_int_equal(d->count, DEADLINES_MARKS_MAX);
    assert_int_equal(deadlines_due(d, SECOND_US + LIMIT_US, LIMIT_US), 1);
    int64_t last_us = (DEADLINES_MARKS_MAX + 100) * (int64_t)SECOND_US;
    assert_int_equal(deadlines_due(d, last_us + LIMIT_US - 1, LIMIT_US),
                     DEADLINES_MARKS_MAX - 1);
    assert_int_equal(deadlines_due(d, last_us + LIMIT_US, LIMIT_US),
                     DEADLINES_MARKS_MAX + 100);
    free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due_after_its_time),
        cmocka_unit_test(test_time_goes_back),
        cmocka_unit_test(test_too_many_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
