/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the data directory is removed, moved away or replaced under a running
 * journal, at each of its calls of the disk: nothing is acknowledged that lies
 * where no start would look for it. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulation/support.h"

enum {
    SEGMENT = 4 * JOURNAL_PAGE, /* two frames a segment */
    COMMITS = 7,
    COMMAND = 900,
};

enum strike { MOVED, REPLACED, EMPTIED, RESTORED, STRIKES };

struct fixture {
    struct disk real;
    struct platform platform;
    char base[256];
    char dir[300];
    struct journal_options options;
    enum strike strike;
    uint64_t strike_in; /* calls from now; 0: never, or it has struck */
    bool struck;
};

static void shell(const struct fixture *f, const char *commands) {
    char command[COMMAND];
    snprintf(command, sizeof command, "cd %s && %s", f->base, commands);
    assert_int_equal(system(command), 0);
}

static void strike(struct fixture *f) {
    static const char *const commands[STRIKES] = {
        [MOVED] = "mv data away",
        [REPLACED] = "mv data away && mkdir -p data/orders",
        [EMPTIED] = "rm -rf data/orders/*",
        [RESTORED] = "mv data away && cp -r away data",
    };
    shell(f, commands[f->strike]);
    f->struck = true;
}

static void before_call(struct fixture *f) {
    if (f->strike_in > 0 && --f->strike_in == 0) {
        strike(f);
    }
}

/* --- The disk, which strikes before a call --- */

static err_t hooked_open(void *self, const char *path, enum disk_open how,
                         int *ret_fd) {
    struct fixture *f = self;
    before_call(f);
    return f->real.open(f->real.self, path, how, ret_fd);
}

static err_t hooked_write(void *self, int fd, uint64_t offset,
                          struct slice bytes) {
    struct fixture *f = self;
    before_call(f);
    return f->real.write(f->real.self, fd, offset, bytes);
}

static err_t hooked_sync(void *self, int fd) {
    struct fixture *f = self;
    before_call(f);
    return f->real.sync(f->real.self, fd);
}

static err_t hooked_rename(void *self, const char *from, const char *to) {
    struct fixture *f = self;
    before_call(f);
    return f->real.rename(f->real.self, from, to);
}

static err_t hooked_sync_dir(void *self, const char *path) {
    struct fixture *f = self;
    before_call(f);
    return f->real.sync_dir(f->real.self, path);
}

static err_t hooked_names(void *self, const char *path, int fd, bool *ret) {
    struct fixture *f = self;
    before_call(f);
    return f->real.names(f->real.self, path, fd, ret);
}

static void remake(struct fixture *f) {
    shell(f, "rm -rf data away && mkdir data");
    f->struck = false;
    f->strike_in = 0;
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->platform = platform_real();
    f->real = f->platform.disk;
    struct disk *disk = &f->platform.disk;
    disk->self = f; /* the real table's functions ignore it */
    disk->open = hooked_open;
    disk->write = hooked_write;
    disk->sync = hooked_sync;
    disk->rename = hooked_rename;
    disk->sync_dir = hooked_sync_dir;
    disk->names = hooked_names;
    support_dir_make(f->base, sizeof f->base);
    snprintf(f->dir, sizeof f->dir, "%s/data/orders", f->base);
    f->options = (struct journal_options){.platform = &f->platform,
                                          .dir = f->dir,
                                          .store = "store-7",
                                          .stream = "orders",
                                          .segment_bytes = SEGMENT};
    remake(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    support_dir_remove(f->base);
    free(f);
    return 0;
}

static err_t commit_one(struct journal *journal, struct reason *reason) {
    uint64_t seq;
    journal_begin(journal);
    TRY(journal_append(journal, SLICE("record"), &seq));
    return journal_commit(journal, reason);
}

/* True if it struck before all was committed. */
static bool struck_in_a_commit(struct fixture *f, uint64_t call) {
    struct reason reason = {""};
    remake(f);
    struct journal *journal = support_open(&f->options);
    f->strike_in = call;
    err_t err = ERR_OK;
    for (int i = 0; i < COMMITS && err == ERR_OK; i++) {
        err = commit_one(journal, &reason);
        assert_true(err != ERR_OK || !f->struck);
    }
    bool struck = f->struck;
    f->strike_in = 0;
    assert_int_equal(err, struck ? ERR_IO : ERR_OK);
    assert_true(!struck || reason.text[0] != '\0');
    assert_int_equal(commit_one(journal, NULL), struck ? ERR_IO : ERR_OK);
    journal_close(journal);
    return struck;
}

static void test_no_commit(void **state) {
    struct fixture *f = *state;
    for (f->strike = 0; f->strike < STRIKES; f->strike++) {
        uint64_t call = 1;
        while (struck_in_a_commit(f, call)) {
            call++;
        }
        assert_in_range(call, 4 * COMMITS, 20 * COMMITS);
    }
}

static uint64_t files_in(const char *dir) {
    uint64_t count = 0;
    DIR *listed = opendir(dir);
    while (listed != NULL && readdir(listed) != NULL) {
        count++;
    }
    if (listed != NULL) {
        closedir(listed);
    }
    return count;
}

/* Goal: between two commits: the next one says what to do, and what is there
 * now is not touched, by a trim or a preallocation least of all. */
static void test_what_is_there_now_stays(void **state) {
    struct fixture *f = *state;
    for (f->strike = 0; f->strike < STRIKES; f->strike++) {
        remake(f);
        struct reason reason = {""};
        struct journal *journal = support_open(&f->options);
        for (int i = 0; i < COMMITS; i++) {
            assert_int_equal(commit_one(journal, NULL), ERR_OK);
        }
        assert_int_equal(journal_check_place(journal, NULL), ERR_OK);
        strike(f);
        uint64_t files = files_in(f->dir);
        assert_int_equal(journal_check_place(journal, &reason), ERR_IO);
        assert_non_null(strstr(reason.text, "removed or replaced"));
        assert_non_null(strstr(reason.text, "start the gateway again"));
        assert_int_equal(journal_preallocate(journal, NULL), ERR_IO);
        assert_int_equal(journal_trim(journal, &reason), ERR_IO);
        assert_non_null(strstr(reason.text, "removed or replaced"));
        assert_int_equal(commit_one(journal, NULL), ERR_IO);
        journal_close(journal);
        assert_int_equal(files_in(f->dir), files);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_there_now_stays, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
