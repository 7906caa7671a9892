/* SPDX-License-Identifier: Apache-2.0 */
/* How long the bridge waits: within bounds, spread evenly, never overflowing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/retry.h"
#include "tests/unit/bridge/dice.h"

static void fill_with(void *self, void *buf, size_t len) {
    memset(buf, *(const int *)self, len);
}

/* Goal: with the dice at their ends the delay is 0 or exactly the bound, which
 * doubles until the cap and stays there however often it is tried. */
static void test_bounds_are_exact(void **state) {
    (void)state;
    static const struct retry_pace paces[] = {
        {50000, 20000000}, {1000000, 20000000}, {50000, 5000000}};
    int low = 0;
    int high = 0xff;
    struct entropy lowest = {&low, fill_with};
    struct entropy highest = {&high, fill_with};
    for (size_t i = 0; i < sizeof paces / sizeof paces[0]; i++) {
        int64_t bound = paces[i].base_us;
        for (uint32_t attempt = 0; attempt < 200; attempt++) {
            assert_int_equal(retry_delay_us(&lowest, paces[i], attempt), 0);
            assert_int_equal(retry_delay_us(&highest, paces[i], attempt),
                             bound);
            bound = 2 * bound < paces[i].cap_us ? 2 * bound : paces[i].cap_us;
        }
        assert_int_equal(retry_delay_us(&highest, paces[i], UINT32_MAX),
                         paces[i].cap_us);
    }
    int64_t bound = 50000;
    for (uint32_t attempt = 0; attempt < 200; attempt++) {
        assert_int_equal(retry_unreached_us(&lowest, attempt), bound / 2);
        assert_int_equal(retry_unreached_us(&highest, attempt), bound);
        bound = 2 * bound < 1000000 ? 2 * bound : 1000000;
    }
    assert_int_equal(retry_slow_us(&lowest), 10000000);
    assert_int_equal(retry_slow_us(&highest), 20000000);
}

/* Goal: the jitter is full: each tenth of the range gets its tenth, so that a
 * thousand stores do not come back in one second. */
static void test_jitter_is_even(void **state) {
    (void)state;
    enum { DRAWS = 20000, PARTS = 10 };
    struct dice dice = {20261123};
    struct entropy entropy = dice_entropy(&dice);
    uint32_t parts[PARTS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        int64_t delay = retry_delay_us(&entropy, RETRY_FAILED, 30);
        assert_in_range(delay, 0, 20000000);
        parts[delay * PARTS / 20000001]++;
    }
    for (int i = 0; i < PARTS; i++) {
        assert_in_range(parts[i], DRAWS / PARTS * 9 / 10,
                        DRAWS / PARTS * 11 / 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_are_exact),
        cmocka_unit_test(test_jitter_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
