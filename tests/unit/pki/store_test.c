/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the CA's files over a disk that stops at each of its calls, and
 * then loses its power or only its process. */
#include "gateway/pki/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulation/fake_disk.h"

static const char dir[] = "/data/pki";

enum { CHANGES = 3, CALLS_MAX = 1000 };

/* What a change puts: a certificate and a key of the same number; the second
 * one removes a third file. */
static err_t commit(struct store *store, int number, struct reason *reason) {
    CLEANUP(store_change_free) struct store_change change = {.items = NULL};
    char certificate[32];
    char key[32];
    snprintf(certificate, sizeof certificate, "certificate %d\n", number);
    snprintf(key, sizeof key, "key %d\n", number);
    TRY(store_put(&change, "issued/till-1.key", slice_from_str(key)));
    TRY(store_put(&change, "server.pem", slice_from_str(certificate)));
    if (number == 1) {
        TRY(store_put(&change, "issued/till-1.p12", SLICE("1")));
    } else {
        TRY(store_remove(&change, "issued/till-1.p12"));
    }
    return store_commit(store, &change, reason);
}

/* Makes the folder and the changes from `from` on; the number of the last one
 * that was said to be done. */
static int run(struct fake_disk *fake, int from) {
    const struct disk disk = fake_disk_table(fake);
    struct store store;
    struct reason reason;
    int done = from - 1;
    if (store_open(&store, &disk, dir, true, &reason) != ERR_OK) {
        return done;
    }
    for (int i = from; i <= CHANGES && commit(&store, i, &reason) == ERR_OK;
         i++) {
        done = i;
    }
    store_close(&store);
    return done;
}

/* The number in a file; 0 if it is not there. */
static int number_in(const struct disk *disk, const char *name) {
    CLEANUP(octets_free) struct octets bytes = {NULL, 0};
    struct reason reason;
    err_t err = store_read(disk, dir, name, 1000, &bytes, &reason);
    if (err == ERR_NOT_FOUND) {
        return 0;
    }
    assert_int_equal(err, ERR_OK);
    assert_true(bytes.len >= 2);
    return bytes.data[bytes.len - 2] - '0';
}

/* Do the files belong together? Then which change they are of. */
static bool whole(struct fake_disk *fake, int *ret) {
    const struct disk disk = fake_disk_table(fake);
    CLEANUP(octets_free) struct octets bytes = {NULL, 0};
    struct reason reason;
    int number = number_in(&disk, "server.pem");
    err_t err =
        store_read(&disk, dir, "issued/till-1.p12", 1000, &bytes, &reason);
    *ret = number;
    return number == number_in(&disk, "issued/till-1.key") &&
           err == (number == 1 ? ERR_OK : ERR_NOT_FOUND);
}

/* Goal: wherever it stops, whoever reads then and whoever goes on finds the
 * files before a change or after it, all of them; and what was said to be done
 * is. The control sees halves. */
static int stop_everywhere(enum fake_fate fate, bool power) {
    int halves = 0;
    uint64_t stops = 0;
    for (uint64_t at = 1; at < CALLS_MAX; at++, stops++) {
        struct fake_disk *fake = fake_disk_new(at);
        const struct disk disk = fake_disk_table(fake);
        assert_int_equal(disk.make_dir(disk.self, "/data"), ERR_OK);
        assert_int_equal(disk.sync_dir(disk.self, "/"), ERR_OK);
        fake_disk_stop_at(fake, at);
        int done = run(fake, 1);
        bool stopped = fake_disk_stopped(fake);
        if (power) {
            fake_disk_power_cut(fake, fate);
        } else {
            fake_disk_process_gone(fake);
        }
        int now = 0;
        halves += !whole(fake, &now) || now < done || now > done + 1;
        assert_int_equal(run(fake, now + 1), CHANGES);
        int last = 0;
        assert_true(whole(fake, &last));
        assert_int_equal(last, CHANGES);
        fake_disk_free(fake);
        if (!stopped) {
            break;
        }
    }
    print_message("figure: stopped at each of %d calls\n", (int)stops);
    assert_true(stops > 40 && stops < CALLS_MAX - 1);
    return halves;
}

static void assert_halves(int halves) {
#ifdef EDGE_CONTROL_NO_CHANGE_FILE
    assert_int_not_equal(halves, 0);
#else
    assert_int_equal(halves, 0);
#endif
}

static void test_kill(void **state) {
    (void)state;
    assert_halves(stop_everywhere(FAKE_KEEP, false));
}

static void test_power_cut(void **state) {
    (void)state;
    assert_halves(stop_everywhere(FAKE_DROP, true) +
                  stop_everywhere(FAKE_TEAR, true) +
                  stop_everywhere(FAKE_KEEP, true));
}

/* Goal: a call that fails is said, and the next command goes on. */
static void test_faults(void **state) {
    (void)state;
    for (int call = FAKE_CREATE; call < FAKE_CALLS; call++) {
        for (uint64_t n = 1; n < 40; n++) {
            struct fake_disk *fake = fake_disk_new(n);
            const struct disk disk = fake_disk_table(fake);
            assert_int_equal(disk.make_dir(disk.self, "/data"), ERR_OK);
            fake_disk_fail_at(fake, (enum fake_call)call, n, ERR_FULL);
            int done = run(fake, 1);
            fake_disk_fail_at(fake, FAKE_NONE, 0, ERR_OK);
            int now = 0;
            bool good = whole(fake, &now) && now >= done;
#ifdef EDGE_CONTROL_NO_CHANGE_FILE
            good = true; /* the first two tests are the control's */
#endif
            assert_true(good);
            assert_int_equal(run(fake, now + 1), CHANGES);
            fake_disk_free(fake);
        }
    }
}

static const struct {
    const char *text;
    err_t err; /* of looking for a.pem */
} changes[] = {
    {"shopme-edge change 1\nput a.pem 3\nabc\nend 1\n", ERR_OK},
    {"shopme-edge change 1\nremove a.pem\nend 1\n", ERR_END},
    {"shopme-edge change 1\nput b.pem 3\nabc\nend 1\n", ERR_NOT_FOUND},
    {"shopme-edge change 1\nend 0\n", ERR_NOT_FOUND},
    {"", ERR_CORRUPT},
    {"shopme-edge change 2\nend 0\n", ERR_CORRUPT},
    {"shopme-edge change 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem 3\nabc\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem 3\nabc\nend 2\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem 3\nabc\nend 1\nx", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem 4\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem 99\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem 99999999999\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem -1\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput a.pem\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput ../a.pem 3\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput issued/../a 3\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput issued/.. 3\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nput /etc/passwd 3\nabc\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nremove issued/\nend 1\n", ERR_CORRUPT},
    {"shopme-edge change 1\nmove a.pem\nend 1\n", ERR_CORRUPT},
};

/* Goal: a change is taken whole or not at all, and never leaves the folder. */
static void test_damaged(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct slice found = SLICE_EMPTY;
        err_t err =
            store_find(slice_from_str(changes[i].text), "a.pem", &found);
        assert_int_equal(err, changes[i].err);
        if (err == ERR_OK) {
            assert_true(slice_eq_str(found, "abc"));
        }
        struct fake_disk *fake = fake_disk_new(i);
        const struct disk disk = fake_disk_table(fake);
        struct store store;
        struct reason reason;
        assert_int_equal(disk.make_dir(disk.self, "/data"), ERR_OK);
        assert_int_equal(store_open(&store, &disk, dir, true, &reason), ERR_OK);
        store_close(&store);
        fake_disk_put(fake, "/data/pki/change",
                      slice_from_str(changes[i].text));
        err_t opened = store_open(&store, &disk, dir, false, &reason);
        assert_int_equal(opened,
                         changes[i].err == ERR_CORRUPT ? ERR_CORRUPT : ERR_OK);
        if (opened == ERR_CORRUPT) {
            assert_non_null(strstr(reason.text, "/data/pki/change is damaged"));
        }
        store_close(&store);
        fake_disk_free(fake);
    }
}

/* Goal: one writer at a time; a folder that is not there is said; all is
 * private. */
static void test_lock(void **state) {
    (void)state;
    struct fake_disk *fake = fake_disk_new(1);
    const struct disk disk = fake_disk_table(fake);
    struct store store;
    struct store other;
    struct reason reason;
    assert_int_equal(disk.make_dir(disk.self, "/data"), ERR_OK);
    assert_int_equal(store_open(&store, &disk, "", true, &reason), ERR_RANGE);
    assert_int_equal(store_open(&store, &disk, dir, true, &reason), ERR_OK);
    assert_int_equal(store_open(&other, &disk, dir, true, &reason), ERR_BUSY);
    assert_non_null(strstr(reason.text, "another command"));
    assert_int_equal(commit(&store, 1, &reason), ERR_OK);
    assert_true(fake_disk_is_private(fake, "/data/pki/server.pem"));
    assert_true(fake_disk_is_private(fake, "/data/pki/issued/till-1.key"));
    store_close(&store);
    assert_int_equal(store_open(&other, &disk, "/data/pki///", false, &reason),
                     ERR_OK);
    store_close(&other);
    fake_disk_free(fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill),   cmocka_unit_test(test_power_cut),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
