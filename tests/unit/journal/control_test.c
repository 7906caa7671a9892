/* SPDX-License-Identifier: Apache-2.0 */
/* A negative control: this program is linked with a journal that breaks one
 * rule on purpose, and the harness must see it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/journal/power.h"

enum { SEEDS_MAX = 200 };

/* Goal: the broken rule is caught within the usual number of seeds. */
static void it_is_caught(void **state) {
    (void)state;
    struct power_counts counts = {0};
    uint64_t caught = 0;
    for (uint64_t seed = 1; seed <= SEEDS_MAX; seed++) {
        struct reason violation = {""};
        if (!power_random_run(seed, &counts, &violation)) {
            if (caught == 0) {
                printf("seed %" PRIu64 ": %s\n", seed, violation.text);
            }
            caught++;
        }
    }
    printf("caught in %" PRIu64 " of %d runs, %" PRIu64 " power cuts\n", caught,
           SEEDS_MAX, counts.power_cuts);
    assert_true(caught > SEEDS_MAX / 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
