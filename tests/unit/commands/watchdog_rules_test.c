/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a loop that stands still for ten ticks is found, a slow one is not;
 * WATCHDOG=1 is said only while every loop turns; more time is asked for only
 * while there is progress, or while a stop waits for the disk. */
#include "gateway/commands/watchdog_rules.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct watchdog_seen running(uint64_t first, uint64_t second) {
    return (struct watchdog_seen){
        .phase = WATCHDOG_RUNNING, .loop_count = 2, .turns = {first, second}};
}

/* The tick at which a loop is found to hang: the second turns only at each
 * `every`th tick. 0: at none of 1,000. */
static uint32_t hangs_at(uint32_t every) {
    struct watchdog_rules rules;
    watchdog_rules_init(&rules, 0);
    uint64_t second = 1;
    for (uint32_t tick = 1; tick <= 1000; tick++) {
        second += tick % every == 0 ? 1 : 0;
        struct watchdog_seen seen = running(tick, second);
        struct watchdog_does does = watchdog_rules_tick(&rules, &seen);
        assert_false(does.alive); /* nobody asked */
        assert_false(does.extend);
        if (does.hung >= 0) {
            assert_int_equal(does.hung, 1);
            return tick;
        }
    }
    return 0;
}

static void a_loop_that_stands_still(void **state) {
    (void)state;
    assert_int_equal(hangs_at(1), 0);
    assert_int_equal(hangs_at(10), 0); /* it turned in the tenth */
    assert_int_equal(hangs_at(11), 21);
    assert_int_equal(hangs_at(5000), 11); /* the first tick saw a turn */
}

static void only_while_running(void **state) {
    (void)state;
    struct watchdog_rules rules;
    watchdog_rules_init(&rules, 0);
    struct watchdog_seen seen = {.phase = WATCHDOG_STARTING, .loop_count = 2};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(watchdog_rules_tick(&rules, &seen).hung, -1);
    }
    seen = running(7, 7);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(watchdog_rules_tick(&rules, &seen).hung, -1);
    }
    seen.phase = WATCHDOG_STOPPING;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(watchdog_rules_tick(&rules, &seen).hung, -1);
    }
}

/* How often WATCHDOG=1 is said in 60 ticks. */
static uint32_t alive_of(uint64_t watchdog_us, uint32_t turns_until) {
    struct watchdog_rules rules;
    watchdog_rules_init(&rules, watchdog_us);
    uint32_t said = 0;
    for (uint32_t tick = 1; tick <= 60; tick++) {
        struct watchdog_seen seen =
            running(tick, tick < turns_until ? tick : turns_until);
        said += watchdog_rules_tick(&rules, &seen).alive ? 1 : 0;
    }
    return said;
}

static void alive_while_all_turn(void **state) {
    (void)state;
    assert_int_equal(alive_of(0, 60), 0);
    assert_int_equal(alive_of(20000000, 60), 6); /* at half of 20 s */
    assert_int_equal(alive_of(20000000, 25), 3); /* once since the last */
    assert_int_equal(alive_of(20000000, 1), 1);
    assert_int_equal(alive_of(1, 60), 60);
    assert_int_equal(alive_of(UINT64_MAX, 60), 0);
}

/* How often more time is asked for in `ticks`, with a call of the disk ended at
 * each `every`th. */
static uint32_t extended(enum watchdog_phase phase, uint32_t every, bool busy,
                         uint32_t ticks) {
    struct watchdog_rules rules;
    watchdog_rules_init(&rules, 0);
    uint32_t asked = 0;
    for (uint32_t tick = 1; tick <= ticks; tick++) {
        struct watchdog_seen seen = {
            .phase = phase, .disk_ended = tick / every, .disk_busy = busy};
        asked += watchdog_rules_tick(&rules, &seen).extend ? 1 : 0;
    }
    return asked;
}

static void time_is_asked_for(void **state) {
    (void)state;
    assert_int_equal(extended(WATCHDOG_STARTING, 1, true, 100), 20);
    assert_int_equal(extended(WATCHDOG_STARTING, 25, true, 100), 4);
    assert_int_equal(extended(WATCHDOG_STARTING, 1000, true, 100), 0);
    assert_int_equal(extended(WATCHDOG_RUNNING, 1, true, 100), 0);
    assert_int_equal(extended(WATCHDOG_STOPPING, 1, false, 100), 20);
    assert_int_equal(extended(WATCHDOG_STOPPING, 1000, false, 100), 0);
    /* A call that hangs is waited for, but not for ever. */
    assert_int_equal(extended(WATCHDOG_STOPPING, 100000, true, 10000),
                     WATCHDOG_STOP_TICKS_MAX / WATCHDOG_EXTEND_EVERY_TICKS - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_stands_still),
        cmocka_unit_test(only_while_running),
        cmocka_unit_test(alive_while_all_turn),
        cmocka_unit_test(time_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
