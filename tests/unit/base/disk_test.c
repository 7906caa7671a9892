/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that a path lies in, and the words for what a disk refuses; files
 * that are replaced as a whole are held against power cuts by the tests of
 * snapshots and of damage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/disk.h"

static err_t note(void *self, const char *path) {
    char *noted = self;
    snprintf(noted, 64, "%s", path);
    return ERR_OK;
}

/* Goal: it is the parent that is synced, however the path is written. */
static void syncs_the_parent(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a", "."},      {"a/", "."},  {"a/b", "a"},   {"a//b//", "a"},
        {"/a", "/"},     {"/a/", "/"}, {"/a/b", "/a"}, {"//a", "/"},
        {"./data", "."}, {"/", "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char noted[64] = "";
        const struct disk disk = {.self = noted, .sync_dir = note};
        assert_int_equal(disk_sync_parent(&disk, cases[i][0]), ERR_OK);
        assert_string_equal(noted, cases[i][1]);
    }
}

/* Goal: a refusal says what was refused and what the system said to it; an
 * error that no call gives is said by its class. */
static void words_of_a_refusal(void **state) {
    (void)state;
    static const struct {
        err_t err;
        int cause;
        const char *words;
    } cases[] = {
        {ERR_IO, EISDIR, "cannot read /data/x: Is a directory"},
        {ERR_IO, EACCES, "cannot read /data/x: Permission denied"},
        {ERR_FULL, ENOSPC, "cannot read /data/x: No space left on device"},
        {ERR_NOT_FOUND, ENOENT,
         "cannot read /data/x: No such file or directory"},
        {ERR_BUSY, EEXIST, "cannot read /data/x: File exists"},
        {ERR_IO, 0, "cannot read /data/x: io"},
        {ERR_MEMORY, EACCES, "cannot read /data/x: memory"},
        {ERR_CORRUPT, EACCES, "cannot read /data/x: corrupt"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reason reason = {""};
        errno = cases[i].cause;
        assert_int_equal(disk_failed(&reason, cases[i].err, "read", "/data/x"),
                         cases[i].err);
        assert_string_equal(reason.text, cases[i].words);
        errno = cases[i].cause;
        assert_string_equal(disk_cause(cases[i].err),
                            cases[i].words + strlen("cannot read /data/x: "));
    }
    errno = EACCES;
    assert_int_equal(disk_failed(NULL, ERR_IO, "read", "/data/x"), ERR_IO);
}

/* Goal: a long path leaves room for the cause, and its end is shown. */
static void words_of_a_long_path(void **state) {
    (void)state;
    char path[900];
    memset(path, 'd', sizeof path);
    strcpy(path + sizeof path - sizeof "/cursor", "/cursor");
    struct reason reason = {""};
    errno = EISDIR;
    assert_int_equal(
        disk_failed(&reason, ERR_IO, "read from byte 18446 of", path), ERR_IO);
    assert_non_null(strstr(reason.text, " ...ddd"));
    assert_non_null(strstr(reason.text, "d/cursor: Is a directory"));
}

/* Goal: a file that is none is refused with the system's own words: what closes
 * and frees on the way does not change them. */
static void a_directory_for_a_file(void **state) {
    (void)state;
    const struct platform platform = platform_real();
    const struct disk *disk = &platform.disk;
    char dir[] = "/tmp/disk-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    uint8_t *bytes;
    size_t len;
    struct reason reason = {""};
    err_t err = disk_read_whole(disk, dir, &bytes, &len);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(disk_failed(&reason, err, "read", dir), ERR_IO);
    assert_non_null(strstr(reason.text, ": Is a directory"));

    /* It is to be replaced: the rename fails, and then the file that was made
     * is removed, which succeeds. */
    char making[64];
    char path[64];
    snprintf(making, sizeof making, "%s/making", dir);
    snprintf(path, sizeof path, "%s/path", dir);
    assert_int_equal(disk->make_dir(disk->self, path), ERR_OK);
    const struct slice content = SLICE("content");
    err = disk_replace(disk, dir, making, path, &content, 1);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(access(making, F_OK), -1);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
    err = disk_replace(disk, dir, making, path, &content, 1);
    assert_int_equal(err, ERR_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
}

static err_t refuse_rename(void *self, const char *from, const char *to) {
    (void)self;
    (void)from;
    (void)to;
    errno = EXDEV;
    return ERR_IO;
}

static err_t refuse_unlink(void *self, const char *path) {
    (void)self;
    (void)path;
    errno = ENOENT;
    return ERR_NOT_FOUND;
}

static err_t make_file(void *self, const char *path, enum disk_open how,
                       int *ret_fd) {
    (void)self;
    (void)path;
    (void)how;
    *ret_fd = 3;
    return ERR_OK;
}

static err_t write_nothing(void *self, int fd, uint64_t offset,
                           struct slice bytes) {
    (void)self;
    (void)fd;
    (void)offset;
    (void)bytes;
    return ERR_OK;
}

static err_t sync_nothing(void *self, int fd) {
    (void)self;
    (void)fd;
    return ERR_OK;
}

static void close_nothing(void *self, int fd) {
    (void)self;
    (void)fd;
    errno = EBADF;
}

/* Goal: what is done after the call that failed does not change its words. */
static void the_cause_is_kept(void **state) {
    (void)state;
    const struct disk disk = {
        .open = make_file,
        .close = close_nothing,
        .write = write_nothing,
        .sync = sync_nothing,
        .rename = refuse_rename,
        .unlink = refuse_unlink,
    };
    const struct slice content = SLICE("content");
    errno = 0;
    assert_int_equal(disk_replace(&disk, "d", "d/a", "d/b", &content, 1),
                     ERR_IO);
    assert_int_equal(errno, EXDEV);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_refusal),
        cmocka_unit_test(words_of_a_long_path),
        cmocka_unit_test(a_directory_for_a_file),
        cmocka_unit_test(the_cause_is_kept),
        cmocka_unit_test(syncs_the_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
