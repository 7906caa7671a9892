/* SPDX-License-Identifier: Apache-2.0 */
/* The set of files on a simulated disk: the process ends or the power goes at
 * each step of a change, or a call fails there, and the old set stands or the
 * new one, whole. */
#include "gateway/identity/identity_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulation/fake_disk.h"

enum { SEEDS = 40, STEPS_MAX = 200 };

#define DATA "/data"
#define LONG_BYTES 9000 /* several sectors */

struct bench {
    struct fake_disk *fake;
    struct disk disk;
    struct identity_place place;
    char bytes[3][LONG_BYTES];
};

/* How a change is ended. */
enum ending { ENDING_PROCESS, ENDING_KEEP, ENDING_DROP, ENDING_TEAR, ENDINGS };

static void bench_init(struct bench *bench, uint64_t seed) {
    bench->fake = fake_disk_new(seed);
    bench->disk = fake_disk_table(bench->fake);
    bench->place = (struct identity_place){&bench->disk, DATA};
    assert_int_equal(bench->disk.make_dir(bench->disk.self, DATA), ERR_OK);
    assert_int_equal(bench->disk.sync_dir(bench->disk.self, "/"), ERR_OK);
    for (int i = 0; i < 3; i++) {
        memset(bench->bytes[i], '0' + i, LONG_BYTES);
    }
}

/* The accounts of the n-th set say n. */
static struct slice accounts_of(const struct bench *bench, uint64_t number) {
    return slice_of(bench->bytes[number % 3], LONG_BYTES);
}

static err_t write_number(struct bench *bench, uint64_t number, bool first,
                          struct reason *reason) {
    struct identity_file files[] = {
        {"accounts", accounts_of(bench, number)},
        {"server.key", SLICE("the key")},
    };
    uint64_t written = 0;
    reason->text[0] = '\0';
    err_t err = identity_set_write_at(bench->place, files, first ? 2 : 1,
                                      &written, reason);
    assert_int_equal(written, err == ERR_OK ? number : 0);
    return err;
}

static uint64_t number_now(struct bench *bench) {
    uint64_t number = 0;
    struct reason reason;
    err_t err = identity_set_number_at(bench->place, &number, &reason);
    if (err != ERR_OK) {
        print_error("%s\n", reason.text);
        fail();
    }
    return number;
}

static bool file_is(struct bench *bench, const char *name, struct slice is) {
    uint8_t *bytes;
    size_t len;
    struct reason reason;
    if (identity_set_read_at(bench->place, name, &bytes, &len, &reason) !=
        ERR_OK) {
        return false;
    }
    bool same = slice_eq(slice_of(bytes, len), is);
    free(bytes);
    return same;
}

/* Is what stands the old set or the new one, and whole? */
static bool is_whole(struct bench *bench, uint64_t old) {
    uint64_t now = number_now(bench);
    if (now != old && now != old + 1) {
        return false;
    }
    return now == 0 || (file_is(bench, "accounts", accounts_of(bench, now)) &&
                        file_is(bench, "server.key", SLICE("the key")));
}

static void count_name(void *context, const char *name) {
    *(int *)context += name[0] != '.';
}

static int sets_count(struct bench *bench) {
    int count = 0;
    assert_int_equal(bench->disk.list(bench->disk.self, DATA "/identity/sets",
                                      count_name, &count),
                     ERR_OK);
    return count;
}

static void end(struct bench *bench, enum ending ending) {
    static const enum fake_fate fates[] = {
        [ENDING_KEEP] = FAKE_KEEP,
        [ENDING_DROP] = FAKE_DROP,
        [ENDING_TEAR] = FAKE_TEAR,
    };
    if (ending == ENDING_PROCESS) {
        fake_disk_process_gone(bench->fake);
    } else {
        fake_disk_power_cut(bench->fake, fates[ending]);
    }
}

/* Whatever was left, the next change succeeds and clears it away. */
static bool goes_on(struct bench *bench) {
    struct reason reason;
    uint64_t now = number_now(bench);
    if (write_number(bench, now + 1, now == 0, &reason) != ERR_OK) {
        print_error("%s\n", reason.text);
        return false;
    }
    fake_disk_power_cut(bench->fake, FAKE_DROP);
    return is_whole(bench, now + 1) && number_now(bench) == now + 1 &&
           sets_count(bench) == (now == 0 ? 1 : 2);
}

/* One change from the set `old` that is ended in its n-th step; `*ret_more`
 * says whether there was such a step. */
static bool change_at(uint64_t seed, uint64_t old, uint64_t step,
                      enum ending ending, const struct disk *worse,
                      bool *ret_more) {
    struct bench bench;
    struct reason reason;
    bench_init(&bench, seed);
    for (uint64_t i = 1; i <= old; i++) {
        assert_int_equal(write_number(&bench, i, i == 1, &reason), ERR_OK);
    }
    fake_disk_power_cut(bench.fake, FAKE_DROP);
    if (worse != NULL) { /* the control */
        bench.disk.sync = worse->sync != NULL ? worse->sync : bench.disk.sync;
        bench.disk.sync_dir =
            worse->sync_dir != NULL ? worse->sync_dir : bench.disk.sync_dir;
    }
    fake_disk_stop_at(bench.fake, step);
    err_t err = write_number(&bench, old + 1, old == 0, &reason);
    *ret_more = fake_disk_stopped(bench.fake);
    assert_int_equal(err == ERR_OK, !*ret_more);
    end(&bench, ending);
    bool held = is_whole(&bench, old) &&
                (*ret_more || number_now(&bench) == old + 1) && goes_on(&bench);
    fake_disk_free(bench.fake);
    return held;
}

/* How many broke, of all steps, endings and seeds. */
static size_t broken(uint64_t old, const struct disk *worse, size_t *ret_ways) {
    size_t count = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (int ending = 0; ending < ENDINGS; ending++) {
            bool more = true;
            for (uint64_t step = 1; more; step++) {
                assert_true(step < STEPS_MAX);
                bool held = change_at(seed, old, step, (enum ending)ending,
                                      worse, &more);
                if (!held && worse == NULL) {
                    print_error("seed %llu, from set %llu, ending %d, step "
                                "%llu\n",
                                (unsigned long long)seed,
                                (unsigned long long)old, ending,
                                (unsigned long long)step);
                }
                count += !held;
                ++*ret_ways;
            }
        }
    }
    return count;
}

static void test_every_step(void **state) {
    (void)state;
    size_t ways = 0;
    for (uint64_t old = 0; old <= 3; old++) {
        assert_int_equal(broken(old, NULL, &ways), 0);
    }
    print_message("figure: %zu ways to end a change, 0 broke it\n", ways);
}

static err_t no_sync(void *self, int fd) {
    (void)self;
    (void)fd;
    return ERR_OK;
}

static err_t no_sync_dir(void *self, const char *path) {
    (void)self;
    (void)path;
    return ERR_OK;
}

/* The control: without either kind of sync, the test above breaks. */
static void test_control(void **state) {
    (void)state;
    size_t ways = 0;
    struct disk files = {.sync = no_sync};
    struct disk folders = {.sync_dir = no_sync_dir};
    assert_true(broken(1, &files, &ways) > 0);
    assert_true(broken(1, &folders, &ways) > 0);
}

/* Goal: a call that fails is told with what it was about; the old set stands,
 * or the new one if only its last sync failed. */
static void test_failing_calls(void **state) {
    static const enum fake_call calls[] = {
        FAKE_CREATE,       FAKE_WRITE,    FAKE_SYNC,       FAKE_RENAME,
        FAKE_UNLINK,       FAKE_MAKE_DIR, FAKE_REMOVE_DIR, FAKE_MAKE_LINK,
        FAKE_MAKE_PRIVATE, FAKE_SYNC_DIR, FAKE_READ,
    };
    (void)state;
    size_t faults = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            struct bench bench;
            struct reason reason;
            err_t wanted = n % 2 == 0 ? ERR_FULL : ERR_IO;
            bench_init(&bench, n);
            assert_int_equal(write_number(&bench, 1, true, &reason), ERR_OK);
            assert_int_equal(write_number(&bench, 2, false, &reason), ERR_OK);
            fake_disk_fail_at(bench.fake, calls[i], n, wanted);
            err_t err = write_number(&bench, 3, false, &reason);
            more = fake_disk_failed(bench.fake);
            fake_disk_fail_at(bench.fake, FAKE_NONE, 0, ERR_OK);
            assert_int_equal(err, more ? wanted : ERR_OK);
            if (more) {
                assert_non_null(strstr(reason.text, DATA));
                faults++;
            }
            assert_true(is_whole(&bench, 2));
            assert_true(goes_on(&bench));
            fake_disk_free(bench.fake);
        }
        assert_true(faults > i); /* each kind of call is made */
    }
    print_message("figure: %zu failing calls\n", faults);
}

/* Goal: nobody else can read a file of the set. */
static void test_private(void **state) {
    (void)state;
    struct bench bench;
    struct reason reason;
    bench_init(&bench, 1);
    assert_int_equal(write_number(&bench, 1, true, &reason), ERR_OK);
    assert_int_equal(write_number(&bench, 2, false, &reason), ERR_OK);
    static const char *const paths[] = {
        "sets/0000000001/accounts",
        "sets/0000000001/server.key",
        "sets/0000000002/accounts",
        "sets/0000000002/server.key",
        "current",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/identity/%s", DATA, paths[i]);
        assert_true(fake_disk_is_private(bench.fake, path));
    }
    fake_disk_free(bench.fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
