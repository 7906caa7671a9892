/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whatever stands there gets the next number; the newest three stay, and
 * nothing of another name is touched. */
#include "gateway/mqtt/set_aside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128 };

static char folder[PATH_SIZE / 2];

static const char *in(const char *name, char ret[PATH_SIZE]) {
    snprintf(ret, PATH_SIZE, "%s/%s", folder, name);
    return ret;
}

static bool exists(const char *name) {
    char path[PATH_SIZE];
    struct stat st;
    return lstat(in(name, path), &st) == 0;
}

static void make(const char *name) {
    char path[PATH_SIZE];
    FILE *file = fopen(in(name, path), "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void expect(err_t expected, const char *path, const char *name) {
    char found[PATH_SIZE];
    char wanted[PATH_SIZE];
    struct reason reason = {""};
    assert_int_equal(set_aside(path, found, sizeof found, &reason), expected);
    if (expected == ERR_OK) {
        assert_string_equal(found, in(name, wanted));
        assert_true(exists(name));
    }
}

static void test_numbers(void **state) {
    (void)state;
    char path[PATH_SIZE];
    in("db", path);
    expect(ERR_NOT_FOUND, path, NULL);
    static const char *const others[] = {
        "db.bad-", "db.bad-x", "db.bad-1x", "db.new.bad-1", "adb.bad-1", "db2"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        make(others[i]);
    }
    static const char *const names[] = {"db.bad-1", "db.bad-2", "db.bad-3",
                                        "db.bad-4", "db.bad-5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        make("db");
        expect(ERR_OK, path, names[i]);
        assert_false(exists("db"));
    }
    assert_false(exists("db.bad-1"));
    assert_false(exists("db.bad-2"));
    assert_true(exists("db.bad-3"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(exists(others[i]));
    }
}

static void test_folders_and_long_names(void **state) {
    (void)state;
    char path[PATH_SIZE];
    char short_room[8];
    struct reason reason = {""};
    assert_int_equal(mkdir(in("folder", path), 0700), 0);
    assert_int_equal(set_aside(path, short_room, sizeof short_room, &reason),
                     ERR_IO);
    assert_true(exists("folder"));
    expect(ERR_OK, path, "folder.bad-1");
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/set-aside-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int teardown(void **state) {
    (void)state;
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_folders_and_long_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
