/* SPDX-License-Identifier: Apache-2.0 */
/* Journals that were written when format 1 was frozen (the folder format-1) are
 * read, opened and gone on with for ever: `closed` was closed in order and has
 * a snapshot, `killed` belongs to a process that ended without that. The files
 * are never made again; `--write DIRECTORY` is how they were. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/journal/reader.h"
#include "gateway/journal/snapshot.h"
#include "tests/simulation/support.h"

enum {
    LIVES = 3, /* times that a journal was opened */
    COMMITS = 8,
    BATCH = 4,
    LIFE = COMMITS * BATCH, /* records */
    RECORDS = LIVES * LIFE,
    SEGMENT_BYTES = 32 * 1024,
    FILE_BYTES_MAX = 64 * 1024,
    PATH_BYTES = 600,
};

static const char snapshot_text[] = "what was made of the records";

static size_t length_of(uint64_t seq) {
    return 8 + (size_t)(seq * 37 % 900);
}

static struct journal_options options_of(const struct platform *platform,
                                         const char *dir) {
    return (struct journal_options){.platform = platform,
                                    .dir = dir,
                                    .store = "store-7",
                                    .stream = "orders",
                                    .segment_bytes = SEGMENT_BYTES};
}

static void append(struct journal *journal, uint64_t count) {
    uint8_t buf[1024];
    for (uint64_t i = 0; i < count; i++) {
        if (i % BATCH == 0) {
            journal_begin(journal);
        }
        uint64_t seq = journal_next_seq(journal);
        support_append(journal, support_record(seq + 1, length_of(seq), buf));
        if (i % BATCH == BATCH - 1) {
            support_commit(journal);
        }
    }
}

/* Goal: a life has one id, and each life another. */
static void expect_life(struct journal_record *before,
                        const struct journal_record *now) {
    bool same = memcmp(before->life, now->life, JOURNAL_ID_SIZE) == 0;
    assert_int_equal(same, now->seq % LIFE != 0);
    *before = *now;
}

/* All records [0, end) are there, and none behind them. */
static void expect_records(const struct disk *disk, const char *dir,
                           uint64_t end) {
    struct journal_reader *reader = support_reader(disk, dir, 0);
    struct journal_record record;
    struct journal_record before = {0};
    for (uint64_t seq = 0; seq < end; seq++) {
        assert_int_equal(journal_reader_next(reader, UINT64_MAX, &record),
                         ERR_OK);
        assert_int_equal(record.seq, seq);
        assert_int_equal(record.incarnation, seq / LIFE + 1);
        expect_life(&before, &record);
        assert_true(support_record_is(record.bytes, seq + 1, length_of(seq)));
    }
    assert_int_equal(journal_reader_next(reader, UINT64_MAX, &record), ERR_END);
    journal_reader_close(reader);
}

static void copy_file(const char *from, const char *to) {
    static uint8_t bytes[FILE_BYTES_MAX];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    size_t len = fread(bytes, 1, sizeof bytes, in);
    assert_in_range(len, 1, sizeof bytes - 1);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
    fclose(in);
}

static void copy_dir(const char *from, const char *to) {
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *dir = opendir(from);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char source[PATH_BYTES];
        char target[PATH_BYTES];
        if (entry->d_name[0] != '.') {
            snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
            snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
            copy_file(source, target);
        }
    }
    closedir(dir);
}

struct fixture {
    struct platform platform;
    char base[256];
    char dir[300];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->platform = platform_real();
    support_dir_make(f->base, sizeof f->base);
    snprintf(f->dir, sizeof f->dir, "%s/orders", f->base);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    support_dir_remove(f->base);
    free(f);
    return 0;
}

/* Goal: the files as they lie there are read without a write. */
static void test_reads(void **state) {
    struct fixture *f = *state;
    expect_records(&f->platform.disk, FORMAT_1 "/closed", RECORDS);
    expect_records(&f->platform.disk, FORMAT_1 "/killed", RECORDS);
}

/* Goal: a copy is opened as sound, nothing is lost, and what is appended
 * follows under the next incarnation. */
static void check_goes_on(struct fixture *f, const char *from) {
    copy_dir(from, f->dir);
    struct journal_options options = options_of(&f->platform, f->dir);
    options.whole = true;
    options.known_end = RECORDS;
    struct journal *journal = support_open(&options);
    size_t gaps;
    (void)journal_gaps(journal, &gaps);
    assert_int_equal(gaps, 0);
    assert_int_equal(journal_position(journal)->end, RECORDS);
    assert_int_equal(support_incarnation(&f->platform.disk, f->dir), LIVES + 1);
    append(journal, LIFE);
    journal_close(journal);
    journal = support_open(&options);
    append(journal, BATCH);
    journal_close(journal);
    expect_records(&f->platform.disk, f->dir, RECORDS + LIFE + BATCH);
}

static void test_closed_goes_on(void **state) {
    check_goes_on(*state, FORMAT_1 "/closed");
}

static void test_killed_goes_on(void **state) {
    check_goes_on(*state, FORMAT_1 "/killed");
}

static err_t take(void *context, uint64_t seq, struct slice content) {
    bool *taken = context;
    assert_int_equal(seq, RECORDS);
    assert_true(slice_eq(content, slice_from_str(snapshot_text)));
    *taken = true;
    return ERR_OK;
}

/* Goal: a snapshot of format 1 is loaded. */
static void test_snapshot(void **state) {
    struct fixture *f = *state;
    copy_dir(FORMAT_1 "/closed", f->dir);
    struct journal_options options = options_of(&f->platform, f->dir);
    struct journal *journal = support_open(&options);
    bool taken = false;
    struct reason reason = {""};
    assert_int_equal(snapshot_load(&f->platform.disk, f->dir,
                                   journal_id(journal), RECORDS, take, &taken,
                                   &reason),
                     ERR_OK);
    assert_true(taken);
    journal_close(journal);
}

/* One life of the writer, in a process of its own. */
static int write_life(const struct journal_options *options, bool killed,
                      bool last) {
    pid_t child = fork();
    if (child != 0) {
        int status;
        waitpid(child, &status, 0);
        return status;
    }
    struct journal *journal = support_open(options);
    append(journal, LIFE);
    if (killed && last) {
        _exit(0);
    }
    struct reason reason = {""};
    const struct snapshot_about about = {journal_id(journal), RECORDS};
    if (last &&
        snapshot_write(&options->platform->disk, options->dir, &about, RECORDS,
                       slice_from_str(snapshot_text), &reason) != ERR_OK) {
        _exit(1);
    }
    journal_close(journal);
    _exit(0);
}

static int write_journals(const char *base) {
    struct platform platform = platform_real();
    static const char *const names[] = {"closed", "killed"};
    for (int killed = 0; killed < 2; killed++) {
        char dir[PATH_BYTES];
        snprintf(dir, sizeof dir, "%s/%s", base, names[killed]);
        struct journal_options options = options_of(&platform, dir);
        for (int life = 1; life <= LIVES; life++) {
            if (write_life(&options, killed == 1, life == LIVES) != 0) {
                return 1;
            }
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        return write_journals(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
