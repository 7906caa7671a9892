/* SPDX-License-Identifier: Apache-2.0 */
/* The set of files on a real disk: modes, owner, what is carried over, what is
 * left, and a reader beside the writer. */
#include "gateway/identity/identity_set.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OTHER_USER = 12345 };

static char *folder_new(void) {
    char path[] = "/tmp/identity-set-XXXXXX";
    char *folder = mkdtemp(path);
    assert_non_null(folder);
    return strdup(folder);
}

static void folder_free(char *folder) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    free(folder);
}

static uint64_t put(const char *data, const char *name, const char *text) {
    struct identity_file file = {name, slice_from_str(text)};
    struct reason reason;
    uint64_t number = 0;
    err_t err = identity_set_write(data, &file, 1, &number, &reason);
    if (err != ERR_OK) {
        print_error("%s\n", reason.text);
        fail();
    }
    return number;
}

static void assert_is(const char *data, const char *name, const char *text) {
    uint8_t *bytes;
    size_t len;
    struct reason reason;
    err_t err = identity_set_read(data, name, &bytes, &len, &reason);
    if (text == NULL) {
        assert_int_equal(err, ERR_NOT_FOUND);
        return;
    }
    assert_int_equal(err, ERR_OK);
    assert_true(slice_eq_str(slice_of(bytes, len), text));
    free(bytes);
}

static struct stat stat_of(const char *data, const char *rest) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/identity%s", data, rest);
    assert_int_equal(lstat(path, &st), 0);
    return st;
}

/* Goal: a change replaces, leaves out, and takes over. */
static void test_changes(void **state) {
    (void)state;
    char *data = folder_new();
    struct reason reason;
    uint64_t number = 7;
    assert_int_equal(identity_set_number(data, &number, &reason), ERR_OK);
    assert_int_equal(number, 0);
    assert_is(data, "accounts", NULL);
    assert_int_equal(put(data, "accounts", "one"), 1);
    assert_int_equal(put(data, "server.pem", "a certificate"), 2);
    assert_int_equal(put(data, "accounts", "two"), 3);
    assert_is(data, "accounts", "two");
    assert_is(data, "server.pem", "a certificate");
    assert_int_equal(put(data, "server.pem", ""), 4);
    assert_is(data, "server.pem", NULL);
    assert_is(data, "accounts", "two");
    assert_int_equal(identity_set_number(data, &number, &reason), ERR_OK);
    assert_int_equal(number, 4);
    char path[IDENTITY_PATH_MAX];
    identity_set_path(data, "accounts", path);
    assert_int_equal(access(path, R_OK), 0);
    identity_set_path(data, NULL, path);
    assert_int_equal(access(path, R_OK), 0);
    folder_free(data);
}

/* Goal: two files that belong together are read of one set, though it is
 * replaced in between; and what an editor left in a set is in nobody's way. */
static void test_one_set(void **state) {
    (void)state;
    char *data = folder_new();
    char path[256];
    struct reason reason;
    uint8_t *bytes;
    size_t len;
    assert_int_equal(put(data, "accounts", "one"), 1);
    snprintf(path, sizeof path, "%s/identity/current/.accounts.swp", data);
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(put(data, "accounts", "two"), 2);
    assert_int_equal(
        identity_set_read_of(data, 1, "accounts", &bytes, &len, &reason),
        ERR_OK);
    assert_true(slice_eq_str(slice_of(bytes, len), "one"));
    free(bytes);
    assert_int_equal(put(data, "accounts", "three"), 3);
    assert_int_equal(
        identity_set_read_of(data, 1, "accounts", &bytes, &len, &reason),
        ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s/identity/sets/0000000001", data);
    assert_int_equal(access(path, F_OK), -1);
    folder_free(data);
}

/* Goal: whatever the umask, others see nothing; and the link is relative, so
 * the data folder may be moved. */
static void test_modes(void **state) {
    (void)state;
    char *data = folder_new();
    mode_t before = umask(0);
    put(data, "accounts", "one");
    umask(before);
    assert_int_equal(stat_of(data, "").st_mode & 07777, 0700);
    assert_int_equal(stat_of(data, "/sets").st_mode & 07777, 0700);
    assert_int_equal(stat_of(data, "/sets/0000000001").st_mode & 07777, 0700);
    assert_int_equal(stat_of(data, "/sets/0000000001/accounts").st_mode & 07777,
                     0600);
    assert_true(S_ISLNK(stat_of(data, "/current").st_mode));
    char moved[128];
    snprintf(moved, sizeof moved, "%s-moved", data);
    assert_int_equal(rename(data, moved), 0);
    assert_is(moved, "accounts", "one");
    assert_int_equal(rename(moved, data), 0);
    folder_free(data);
}

/* Goal: what root writes belongs to who owns the data folder; others can only
 * write their own. */
static void test_owner(void **state) {
    static const char *const paths[] = {
        "",         "/sets", "/sets/0000000001", "/sets/0000000001/accounts",
        "/current",
    };
    (void)state;
    char *data = folder_new();
    if (geteuid() == 0) {
        assert_int_equal(chown(data, OTHER_USER, OTHER_USER + 1), 0);
    }
    struct stat owner;
    assert_int_equal(stat(data, &owner), 0);
    put(data, "accounts", "one");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat st = stat_of(data, paths[i]);
        assert_int_equal(st.st_uid, owner.st_uid);
        assert_int_equal(st.st_gid, owner.st_gid);
    }
    folder_free(data);
}

/* Goal: what lies in the way is refused by name, and nothing is guessed. */
static void test_in_the_way(void **state) {
    static const char *const targets[] = {"/etc",
                                          "sets/1",
                                          "sets/0000000000",
                                          "../sets/0000000001",
                                          "sets/0000000001/",
                                          "sets/000000000a"};
    (void)state;
    char path[256];
    struct reason reason;
    uint64_t number;
    for (size_t i = 0; i <= sizeof targets / sizeof *targets; i++) {
        char *data = folder_new();
        put(data, "accounts", "one");
        snprintf(path, sizeof path, "%s/identity/current", data);
        assert_int_equal(unlink(path), 0);
        bool link = i < sizeof targets / sizeof *targets;
        assert_int_equal(link ? symlink(targets[i], path) : mkdir(path, 0700),
                         0);
        struct identity_file file = {"accounts", SLICE("two")};
        assert_int_equal(identity_set_write(data, &file, 1, &number, &reason),
                         ERR_CORRUPT);
        assert_non_null(strstr(reason.text, "/identity/current is not a "));
        assert_int_equal(identity_set_number(data, &number, &reason),
                         ERR_CORRUPT);
        folder_free(data);
    }
}

/* Goal: a set that is gone or too large is told. */
static void test_refused(void **state) {
    (void)state;
    char *data = folder_new();
    char name[32];
    struct reason reason;
    uint64_t number = 0;
    for (int i = 0; i < IDENTITY_FILES_MAX; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        put(data, name, "x");
    }
    struct identity_file more = {"more", SLICE("x")};
    assert_int_equal(identity_set_write(data, &more, 1, &number, &reason),
                     ERR_FULL);
    assert_non_null(strstr(reason.text, "at most 8 files, not 9"));
    assert_is(data, "file-7", "x");
    assert_int_equal(put(data, "file-7", "y"), IDENTITY_FILES_MAX + 1);
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s/identity/sets/0000000009'",
             data);
    assert_int_equal(system(command), 0);
    assert_is(data, "file-7", NULL);
    assert_int_equal(identity_set_write(data, &more, 1, &number, &reason),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(reason.text, "sets/0000000009"));
    folder_free(data);
}

static void write_many(const char *data, int count) {
    for (int i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%d", i);
        put(data, "accounts", text);
    }
}

/* Goal: who reads while sets are replaced and removed always finds one, and
 * never an older one than before. */
static void test_reader_beside(void **state) {
    enum { COUNT = 200 };
    (void)state;
    char *data = folder_new();
    put(data, "accounts", "0");
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        write_many(data, COUNT);
        _exit(0);
    }
    int status = 0;
    long seen = -1;
    long reads = 0;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        uint8_t *bytes;
        size_t len;
        struct reason reason;
        char text[32];
        err_t err = identity_set_read(data, "accounts", &bytes, &len, &reason);
        if (err != ERR_OK) {
            print_error("%s\n", reason.text);
        }
        assert_int_equal(err, ERR_OK);
        assert_int_equal(slice_to_str(slice_of(bytes, len), text, sizeof text),
                         ERR_OK);
        free(bytes);
        assert_true(text[0] != '\0' && strtol(text, NULL, 10) >= seen);
        seen = strtol(text, NULL, 10);
        reads++;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    print_message("figure: %ld reads beside %d changes\n", reads, COUNT);
    assert_true(reads > 0);
    folder_free(data);
}

/* The accounts and the key of the current set. */
static bool is_pair(const char *data) {
    uint8_t *accounts;
    uint8_t *key;
    size_t accounts_len;
    size_t key_len;
    struct reason reason;
    if (identity_set_read(data, "accounts", &accounts, &accounts_len,
                          &reason) != ERR_OK) {
        return false;
    }
    bool pair = false;
    if (identity_set_read(data, "server.key", &key, &key_len, &reason) ==
        ERR_OK) {
        pair =
            slice_eq(slice_of(accounts, accounts_len), slice_of(key, key_len));
        free(key);
    }
    free(accounts);
    return pair;
}

static void write_pairs(const char *data) {
    static char text[64 * 1024];
    for (int i = 0;; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        struct slice bytes = slice_of(text, sizeof text);
        struct identity_file files[] = {{"accounts", bytes},
                                        {"server.key", bytes}};
        struct reason reason;
        uint64_t number;
        if (identity_set_write(data, files, 2, &number, &reason) != ERR_OK) {
            _exit(1);
        }
    }
}

/* Goal: a writer that is killed at any time leaves a whole set, from which the
 * next one goes on. */
static void test_killed(void **state) {
    enum { KILLS = 60, STEP_US = 700 };
    (void)state;
    char *data = folder_new();
    struct identity_file files[] = {{"accounts", SLICE("one")},
                                    {"server.key", SLICE("one")}};
    struct reason reason;
    uint64_t before;
    assert_int_equal(identity_set_write(data, files, 2, &before, &reason),
                     ERR_OK);
    uint64_t first = before;
    for (int i = 0; i < KILLS; i++) {
        int status;
        uint64_t now;
        pid_t writer = fork();
        assert_true(writer >= 0);
        if (writer == 0) {
            write_pairs(data);
        }
        usleep((useconds_t)(i * STEP_US));
        assert_int_equal(kill(writer, SIGKILL), 0);
        assert_int_equal(waitpid(writer, &status, 0), writer);
        assert_true(WIFSIGNALED(status)); /* it had not failed */
        assert_int_equal(identity_set_number(data, &now, &reason), ERR_OK);
        assert_true(now >= before);
        assert_true(is_pair(data));
        before = now;
    }
    print_message("figure: %d kills in %llu changes\n", KILLS,
                  (unsigned long long)(before - first));
    folder_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),       cmocka_unit_test(test_one_set),
        cmocka_unit_test(test_modes),         cmocka_unit_test(test_owner),
        cmocka_unit_test(test_in_the_way),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reader_beside), cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
