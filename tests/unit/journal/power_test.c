/* SPDX-License-Identifier: Apache-2.0 */
/* P1 and P2 under power cuts and kills. With an argument: random runs from that
 * seed on, to repeat one (its number is printed when it fails) or to look
 * longer (a second argument is how many). */
#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/journal/power.h"

enum {
    SCRIPT_SEEDS = SUPPORT_SHARE == 1 ? 2 : 1,
    RANDOM_CUTS = 25000 / SUPPORT_SHARE,
};

static void print_counts(const struct power_counts *counts) {
    printf("power cuts %" PRIu64 ", kills %" PRIu64 ", in recovery %" PRIu64
           ", opens %" PRIu64 ", commits %" PRIu64 ", faults %" PRIu64
           ", dropped %" PRIu64 ", kept %" PRIu64 ", rolls %" PRIu64 "\n",
           counts->power_cuts, counts->processes_gone, counts->cuts_in_recovery,
           counts->opens, counts->commits, counts->faults,
           counts->recoveries_dropping, counts->recoveries_keeping,
           counts->rolls);
}

static bool run_script(uint64_t seed, uint64_t stop_at, uint64_t stop_again_at,
                       struct power_counts *counts, bool *ret_more) {
    bool more_again;
    struct reason violation = {""};
    bool held = power_script_run(seed, stop_at, stop_again_at, counts, ret_more,
                                 &more_again, &violation);
    if (!held) {
        print_error("seed %" PRIu64 ", stopped at call %" PRIu64
                    ", again at %" PRIu64 ": %s\n",
                    seed, stop_at, stop_again_at, violation.text);
    }
    assert_true(held);
    return more_again;
}

/* Goal: stopped at every single disk call of a script with rolls, a clean and
 * an unclean end, and then at every call of the recovery from that, the journal
 * keeps P1 and P2. */
static void every_call(void **state) {
    (void)state;
    struct power_counts counts = {0};
    uint64_t stops = 0;
    for (uint64_t seed = 1; seed <= SCRIPT_SEEDS; seed++) {
        bool more = true;
        for (uint64_t at = 1; more; at++) {
            bool more_again = true;
            for (uint64_t again = 0; again <= 1 || more_again; again++) {
                more_again = run_script(seed, at, again, &counts, &more);
                stops++;
            }
        }
    }
    printf("%" PRIu64 " stops\n", stops);
    print_counts(&counts);
    assert_true(stops > 1000);
    assert_true(counts.rolls > 0 && counts.cuts_in_recovery > 0);
}

/* Goal: the same over long lives with everything by chance: several processes
 * one after the other, faults that lose data while the page cache still
 * shows it, kills and power cuts mixed. */
static void by_chance(void **state) {
    (void)state;
    struct power_counts counts = {0};
    for (uint64_t seed = 1; counts.power_cuts < RANDOM_CUTS; seed++) {
        struct reason violation = {""};
        bool held = power_random_run(seed, &counts, &violation);
        if (!held) {
            print_error("seed %" PRIu64 ": %s\n", seed, violation.text);
        }
        assert_true(held);
    }
    print_counts(&counts);
    assert_true(counts.recoveries_dropping > 100 / SUPPORT_SHARE);
    assert_true(counts.recoveries_keeping > 100 / SUPPORT_SHARE);
    assert_true(counts.faults > 100 / SUPPORT_SHARE);
    assert_true(counts.cuts_in_recovery > 100 / SUPPORT_SHARE);
    assert_true(counts.rolls > 1000 / SUPPORT_SHARE);
}

struct fault {
    enum fake_call call;
    err_t err;
    const char *name;
};

/* Goal: whichever call fails, the n-th of its kind for every n, with an I/O
 * error or for want of space: the commit fails, everything after it fails, the
 * position stands still, and the next start has all that was acknowledged. A
 * sync that failed has thrown its data away, and is not asked again. */
static void every_fault(void **state) {
    (void)state;
    static const struct fault faults[] = {
        {FAKE_CREATE, ERR_IO, "create"},
        {FAKE_CREATE, ERR_FULL, "create, full"},
        {FAKE_WRITE, ERR_IO, "write"},
        {FAKE_WRITE, ERR_FULL, "write, full"},
        {FAKE_SYNC, ERR_IO, "sync"},
        {FAKE_SYNC, ERR_FULL, "sync, full"},
        {FAKE_ALLOCATE, ERR_IO, "allocate"},
        {FAKE_ALLOCATE, ERR_FULL, "allocate, full"},
        {FAKE_TRUNCATE, ERR_IO, "truncate"},
        {FAKE_RENAME, ERR_IO, "rename"},
        {FAKE_MAKE_DIR, ERR_IO, "make_dir"},
        {FAKE_SYNC_DIR, ERR_IO, "sync_dir"},
        {FAKE_READ, ERR_IO, "read"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct power_counts counts = {0};
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            struct reason violation = {""};
            bool held = power_fault_run(n, faults[i].call, n, faults[i].err,
                                        &counts, &more, &violation);
            if (!held) {
                print_error("%s %" PRIu64 ": %s\n", faults[i].name, n,
                            violation.text);
            }
            assert_true(held);
        }
        printf("%s: %" PRIu64 "\n", faults[i].name, counts.faults);
        assert_true(counts.faults > 0);
    }
}

static int repeat(uint64_t seed, uint64_t runs) {
    struct power_counts counts = {0};
    for (uint64_t i = 0; i < runs; i++) {
        struct reason violation = {""};
        if (!power_random_run(seed + i, &counts, &violation)) {
            printf("seed %" PRIu64 ": %s\n", seed + i, violation.text);
            return 1;
        }
    }
    print_counts(&counts);
    return 0;
}

int main(int argc, char **argv) {
    /* Thousands of small disks come and go: keep the memory. */
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
    if (argc > 1) {
        return repeat(strtoull(argv[1], NULL, 0),
                      argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call),
        cmocka_unit_test(every_fault),
        cmocka_unit_test(by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
