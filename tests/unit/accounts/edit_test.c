/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: changes go to the disk as one set, and only if something changed; a set
 * that is damaged is left as it is, with its place in the reason; one writer at
 * a time. */
#include "gateway/identity/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128 };

static char data[] = "/tmp/edit_test_XXXXXX";
static struct reason reason;

static int setup(void **state) {
    (void)state;
    snprintf(data, sizeof data, "/tmp/edit_test_XXXXXX");
    return mkdtemp(data) == NULL;
}

static int teardown(void **state) {
    (void)state;
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "rm -rf '%s'", data);
    return system(command);
}

static struct identity_change change_of(enum identity_op op, const char *name,
                                        bool fresh) {
    struct identity_change change = {.op = op, .fresh = fresh};
    snprintf(change.name, sizeof change.name, "%s", name);
    return change;
}

static uint64_t edit(struct identity_edit *edits, size_t count, err_t wanted) {
    uint64_t set = 0;
    reason = (struct reason){""};
    assert_int_equal(identity_edit(data, 1000000, true, edits, count, NULL, 0,
                                   &set, &reason),
                     wanted);
    return set;
}

static uint32_t count_accounts(void) {
    struct accounts accounts = {0};
    assert_int_equal(identity_accounts_load(data, &accounts, &reason), ERR_OK);
    uint32_t count = accounts.count;
    accounts_free(&accounts);
    return count;
}

static void test_many_at_once(void **state) {
    (void)state;
    struct identity_change changes[] = {
        change_of(IDENTITY_PUT, "a", true), change_of(IDENTITY_PUT, "b", true),
        change_of(IDENTITY_PUT, "a", true), change_of(IDENTITY_RELOAD, "", 0),
        change_of(IDENTITY_REMOVE, "b", 0), change_of(IDENTITY_PUT, "c", true),
    };
    struct identity_edit edits[6] = {0};
    for (size_t i = 0; i < 6; i++) {
        edits[i].change = &changes[i];
    }
    assert_int_equal(count_accounts(), 0);
    assert_int_equal(edit(edits, 6, ERR_OK), 1);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(edits[i].err, i == 2 ? ERR_BUSY : ERR_OK);
    }
    assert_int_equal(count_accounts(), 2);
}

static void test_nothing_changed(void **state) {
    (void)state;
    assert_int_equal(edit(NULL, 0, ERR_OK), 1); /* the first */
    assert_int_equal(edit(NULL, 0, ERR_OK), 1);
    struct identity_change change = change_of(IDENTITY_RELOAD, "", false);
    struct identity_edit reload = {.change = &change};
    assert_int_equal(edit(&reload, 1, ERR_OK), 1);
    change = change_of(IDENTITY_REMOVE, "a", false);
    struct identity_edit remove = {.change = &change};
    assert_int_equal(edit(&remove, 1, ERR_OK), 1);
    assert_int_equal(remove.err, ERR_NOT_FOUND);
}

static void test_damaged(void **state) {
    (void)state;
    char path[IDENTITY_PATH_MAX];
    struct accounts accounts;
    struct identity_change change = change_of(IDENTITY_PUT, "a", true);
    struct identity_edit add = {.change = &change};
    assert_int_equal(edit(&add, 1, ERR_OK), 1);
    identity_set_path(data, "accounts", path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fputs("shopme-edge account ", file);
    fclose(file);
    change = change_of(IDENTITY_PUT, "b", true);
    (void)edit(&add, 1, ERR_CORRUPT);
    assert_non_null(strstr(reason.text, path));
    assert_int_equal(identity_accounts_load(data, &accounts, &reason),
                     ERR_CORRUPT);
    uint64_t set;
    assert_int_equal(identity_set_number(data, &set, &reason), ERR_OK);
    assert_int_equal(set, 1);
    assert_int_equal(unlink(path), 0); /* as the condition advises */
    assert_int_equal(edit(&add, 1, ERR_OK), 2);
    assert_int_equal(count_accounts(), 1);
}

static void test_one_writer(void **state) {
    (void)state;
    int first = -1;
    int second = -1;
    struct stat st;
    char path[PATH_SIZE];
    assert_int_equal(identity_lock(data, &first, &reason), ERR_OK);
    assert_int_equal(identity_lock(data, &second, &reason), ERR_BUSY);
    identity_unlock(&first);
    assert_int_equal(identity_lock(data, &second, &reason), ERR_OK);
    identity_unlock(&second);
    snprintf(path, sizeof path, "%s/identity", data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(identity_lock("/nowhere", &first, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "/nowhere/identity"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_writer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
