/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whatever a backup, a copy or a restore does to the sets of files, the
 * devices are there again, or it is said that they are not; and nothing stays
 * open to others. */
#include "gateway/identity/mend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/identity/edit.h"

enum { PATH_SIZE = 128, OTHER_USER = 12345 };

static char data[] = "/tmp/mend_test_XXXXXX";
static struct reason said;
static struct reason reason;

static void run(const char *command) {
    char line[4 * PATH_SIZE];
    snprintf(line, sizeof line, "cd '%s/identity' && %s", data, command);
    assert_int_equal(system(line), 0);
}

static void add(const char *name) {
    struct identity_change change = {.op = IDENTITY_PUT, .fresh = true};
    struct identity_edit edit = {.change = &change};
    const struct identity_file key = {"server.key", SLICE("a key")};
    uint64_t set;
    snprintf(change.name, sizeof change.name, "%s", name);
    assert_int_equal(
        identity_edit(data, 1000000, true, &edit, 1, &key, 1, &set, &reason),
        ERR_OK);
    assert_int_equal(edit.err, ERR_OK);
}

static int setup(void **state) {
    (void)state;
    snprintf(data, sizeof data, "/tmp/mend_test_XXXXXX");
    assert_non_null(mkdtemp(data));
    add("till-1");
    add("till-2");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "rm -rf '%s'", data);
    return system(command);
}

static void mend(const char *says) {
    reason = (struct reason){""};
    err_t err = identity_mend(data, &said, &reason);
    if (err != ERR_OK) {
        print_error("%s\n", reason.text);
    }
    assert_int_equal(err, ERR_OK);
    if (says == NULL) {
        assert_string_equal(said.text, "");
    } else {
        assert_non_null(strstr(said.text, says));
    }
}

static mode_t mode_of(const char *rest) {
    char path[PATH_SIZE];
    struct stat st;
    snprintf(path, sizeof path, "%s/identity%s", data, rest);
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

static void assert_devices(uint32_t count) {
    struct accounts accounts = {0};
    assert_int_equal(identity_accounts_load(data, &accounts, &reason), ERR_OK);
    assert_int_equal(accounts.count, count);
    accounts_free(&accounts);
}

/* All are there, as before; the next change works; and it is said once. */
static void assert_whole(uint32_t count) {
    uint8_t *bytes;
    size_t len;
    assert_true(S_ISLNK(mode_of("/current")));
    assert_devices(count);
    assert_int_equal(
        identity_set_read(data, "server.key", &bytes, &len, &reason), ERR_OK);
    assert_true(slice_eq_str(slice_of(bytes, len), "a key"));
    free(bytes);
    mend(NULL);
    add("another");
    assert_devices(count + 1);
    run("test $(ls | wc -w) = 2 && test $(ls sets | wc -w) = 2");
}

static void test_nothing(void **state) {
    (void)state;
    mend(NULL);
    assert_whole(2);
    teardown(NULL);
    assert_int_equal(mkdir(data, 0700), 0);
    mend(NULL); /* there was no start yet */
    snprintf(said.text, sizeof said.text, "%s/identity", data);
    assert_int_equal(mkdir(said.text, 0700), 0);
    mend(NULL);
}

/* cp -rL, and what else follows links; with what may be beside it. */
static void test_folder(void **state) {
    (void)state;
    static const char *const copies[] = {
        "cp -rL current c && rm current && mv c current",
        "cp -rL current c && rm current && mv c current && rm -r sets",
        ("cp -rL current c && cp -rL current restored && rm current && "
         "mv c current && : > restored/accounts"),
    };
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        run(copies[i]);
        assert_true(S_ISDIR(mode_of("/current")));
        mend("was a folder");
        assert_whole(2);
        teardown(NULL);
        setup(NULL);
    }
}

/* A power cut between the steps of the above. */
static void test_cut(void **state) {
    (void)state;
    run("cp -rL current restored && rm current");
    mend("was a folder");
    assert_whole(2);
    run("cp -rL current restored && rm restored/accounts");
    mend(NULL); /* it was written, and not yet removed */
    assert_devices(3);
    run("test ! -e restored");
}

/* A copy that leaves links out. */
static void test_no_link(void **state) {
    (void)state;
    static const char *const copies[] = {
        "rm current",
        "ln -sfn sets/0000000001 current && rm -r sets/0000000001",
        "rm current && cp -r sets/0000000002 sets/zzz && rm sets/zzz/accounts",
    };
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        run(copies[i]);
        mend("the newest one now, sets/0000000002");
        run("rm -rf sets/zzz");
        assert_whole(2);
        teardown(NULL);
        setup(NULL);
    }
}

/* No older set: a device that was removed would be let in. It is kept for a
 * person to look at, and what was lost is said until one has. */
static void test_lost(void **state) {
    (void)state;
    static const struct {
        const char *copy;
        bool kept;
    } rows[] = {
        {"rm -r sets", false},
        {"rm -r sets/*", false},
        {"rm -r sets/0000000002", true},
        {"ln -sfn sets/0000000009 current", true},
        {"rm current && mkdir sets/0000000003", true},
        {"rm current && mkdir sets/0000000003 && "
         "head -c 40 sets/0000000002/accounts > sets/0000000003/accounts",
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run(rows[i].copy);
        mend("the accounts are lost");
        assert_devices(0);
        assert_true(identity_is_aside(data, &reason));
        run(rows[i].kept ? "grep -q 'device till-1' current/accounts.bad"
                         : "! grep -q till current/accounts.bad");
        mend(NULL);
        add("till-1");
        assert_devices(1);
        assert_true(identity_is_aside(data, &reason));
        teardown(NULL);
        setup(NULL);
    }
}

/* A first set that was not written to its end is nobody's. */
static void test_first_cut(void **state) {
    (void)state;
    run("rm -rf current sets && mkdir -m 700 sets && "
        "mkdir -m 700 sets/0000000001 && "
        "printf 'shopme-edge acc' > sets/0000000001/accounts && "
        "chmod 600 sets/0000000001/accounts");
    mend(NULL);
    assert_devices(0);
    assert_false(identity_is_aside(data, &reason));
}

static void test_modes(void **state) {
    (void)state;
    run("chmod 644 current/* && chmod 755 . sets sets/*");
    mend("open to other users");
    assert_int_equal(mode_of("") & 07777, 0700);
    assert_int_equal(mode_of("/sets") & 07777, 0700);
    assert_int_equal(mode_of("/sets/0000000002") & 07777, 0700);
    assert_int_equal(mode_of("/sets/0000000002/server.key") & 07777, 0600);
    assert_int_equal(mode_of("/sets/0000000002/accounts") & 07777, 0600);
    assert_whole(2);
}

static void test_owner(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: nobody else's files can be made\n");
        skip();
    }
    struct stat st;
    char path[PATH_SIZE];
    assert_int_equal(chown(data, OTHER_USER, OTHER_USER), 0);
    mend("the data folder's owner's alone now");
    snprintf(path, sizeof path, "%s/identity/current/accounts", data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, OTHER_USER);
    snprintf(path, sizeof path, "%s/identity", data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, OTHER_USER);
    mend(NULL);
}

/* A link to elsewhere is refused when it is read; what it names stays. */
static void test_elsewhere(void **state) {
    (void)state;
    uint64_t number;
    run("mkdir ../mine && chmod 755 ../mine && : > ../mine/file && "
        "chmod 644 ../mine/file && ln -sfn ../nowhere current");
    mend(NULL);
    run("ln -sfn ../mine current");
    mend(NULL);
    assert_int_equal(mode_of("/../mine/file") & 07777, 0644);
    assert_int_equal(identity_set_number(data, &number, &reason), ERR_CORRUPT);
}

/* What the gateway cannot put right it refuses by name. */
static void test_refused(void **state) {
    (void)state;
    run("cp -rL current c && rm current && mv c current && "
        "mkdir current/photos");
    assert_int_equal(identity_mend(data, &said, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "/photos"));
    run("rmdir restored/photos");
    mend("was a folder");
    assert_whole(2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
