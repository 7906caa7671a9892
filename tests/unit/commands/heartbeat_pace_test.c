/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/heartbeat_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND ((int64_t)1000000)
#define EVERY (300 * SECOND)

/* One look a second, from `from` to `to`; how often it was due. */
static int look(struct heartbeat_pace *pace, int64_t from, int64_t to,
                uint64_t changes) {
    int due = 0;
    for (int64_t at = from; at < to; at++) {
        due += heartbeat_is_due(pace, EVERY, at * SECOND, (1000 + at) * SECOND,
                                changes)
                   ? 1
                   : 0;
    }
    return due;
}

static void test_regularly(void **state) {
    (void)state;
    struct heartbeat_pace pace = {0};
    assert_int_equal(look(&pace, 0, 10, 3), 0);
    assert_int_equal(look(&pace, 10, 11, 3), 1);
    assert_int_equal(look(&pace, 11, 310, 3), 0);
    assert_int_equal(look(&pace, 310, 311, 3), 1);
    assert_int_equal(look(&pace, 311, 311 + 3600, 3), 12);
    assert_int_equal(pace.said, 14);
}

/* Goal: a change is said soon; one that flaps, twice a minute. */
static void test_changes(void **state) {
    (void)state;
    struct heartbeat_pace pace = {0};
    assert_int_equal(look(&pace, 0, 60, 1), 1);
    assert_int_equal(look(&pace, 60, 61, 2), 1);
    assert_int_equal(look(&pace, 61, 120, 2), 0);
    int due = 0;
    for (int64_t at = 120; at < 720; at++) {
        due += look(&pace, at, at + 1, (uint64_t)at);
    }
    assert_int_equal(due, 20);
    /* The last one waits until it may. */
    assert_int_equal(look(&pace, 720, 721, 9999), 1);
    assert_int_equal(look(&pace, 721, 722, 10000), 0);
    assert_int_equal(look(&pace, 722, 760, 10000), 1);
}

static void test_never(void **state) {
    (void)state;
    struct heartbeat_pace pace = {0};
    for (int64_t at = 0; at < 10000; at++) {
        assert_false(
            heartbeat_is_due(&pace, 0, at * SECOND, at * SECOND, (uint64_t)at));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regularly),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
