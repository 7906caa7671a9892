/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on the real disk: what was committed comes back, in order, over
 * restarts and segments; bounds and refusals are as the header says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/journal/reader.h"
#include "tests/simulation/support.h"

enum { SMALL_SEGMENT = 16 * 1024 };

struct fixture {
    struct platform platform;
    char base[256];
    char dir[300];
    struct journal_options options;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->platform = platform_real();
    support_dir_make(f->base, sizeof f->base);
    snprintf(f->dir, sizeof f->dir, "%s/orders", f->base);
    f->options = (struct journal_options){.platform = &f->platform,
                                          .dir = f->dir,
                                          .store = "store-7",
                                          .stream = "orders"};
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    support_dir_remove(f->base);
    free(f);
    return 0;
}

static size_t length_of(uint64_t value) {
    return 8 + (size_t)(value * 37 % 900);
}

/* Appends and commits the values [from, to) in batches of `batch`. */
static void write_values(struct journal *journal, uint64_t from, uint64_t to,
                         uint64_t batch) {
    uint8_t buf[1024];
    for (uint64_t value = from; value < to; value++) {
        if ((value - from) % batch == 0) {
            journal_begin(journal);
        }
        uint64_t seq = support_append(
            journal, support_record(value, length_of(value), buf));
        assert_int_equal(seq, value);
        if ((value - from) % batch == batch - 1 || value + 1 == to) {
            support_commit(journal);
        }
    }
}

static void expect_next(struct journal_reader *reader, uint64_t from,
                        uint64_t to, uint64_t end_seq) {
    struct journal_record record;
    for (uint64_t value = from; value < to; value++) {
        assert_int_equal(journal_reader_next(reader, end_seq, &record), ERR_OK);
        assert_int_equal(record.seq, value);
        assert_true(support_record_is(record.bytes, value, length_of(value)));
    }
    assert_int_equal(journal_reader_next(reader, end_seq, &record), ERR_END);
}

static void expect_values(const struct fixture *f, uint64_t from, uint64_t to,
                          uint64_t end_seq) {
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, from);
    expect_next(reader, from, to, end_seq);
    journal_reader_close(reader);
}

static void expect_refused(const struct fixture *f, err_t wanted,
                           const char *word) {
    struct journal *journal = NULL;
    struct reason reason = {""};
    assert_int_equal(journal_open(&f->options, &journal, &reason), wanted);
    assert_null(journal);
    assert_non_null(strstr(reason.text, word));
}

/* The records [from, to) were appended by the run that has `journal` open. */
static void expect_life(const struct fixture *f, const struct journal *journal,
                        uint64_t from, uint64_t to) {
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, 0);
    struct journal_record record;
    while (journal_reader_next(reader, UINT64_MAX, &record) == ERR_OK) {
        bool same =
            memcmp(record.life, journal_life(journal), JOURNAL_ID_SIZE) == 0;
        assert_int_equal(same, record.seq >= from && record.seq < to);
    }
    journal_reader_close(reader);
}

/* Goal: what was committed is read back, from any place, also after a close and
 * an open; the journal's id stays, its incarnation goes up by one, and each
 * record has the life of its own run. */
static void reopen_gives_the_same(void **state) {
    struct fixture *f = *state;
    uint8_t id[JOURNAL_ID_SIZE] = {0};
    uint64_t next = 0;
    for (uint32_t round = 1; round <= 5; round++) {
        struct journal *journal = support_open(&f->options);
        assert_int_equal(journal_next_seq(journal), next);
        assert_int_equal(support_incarnation(&f->platform.disk, f->dir), round);
        if (round == 1) {
            memcpy(id, journal_id(journal), sizeof id);
        }
        assert_memory_equal(journal_id(journal), id, sizeof id);
        write_values(journal, next, next + 100, 7);
        expect_life(f, journal, next, next + 100);
        next += 100;
        assert_int_equal(atomic_load(&journal_position(journal)->end), next);
        expect_values(f, 0, next, next);
        expect_values(f, 0, next, UINT64_MAX);
        journal_close(journal);
        expect_values(f, 0, next, UINT64_MAX);
        expect_values(f, next - 3, next, next);
        expect_values(f, next, next, next);
    }
}

/* Goal: a journal that is opened and closed with nothing in between stays
 * openable, and a reader that stood at its end goes on from there. */
static void nothing_between(void **state) {
    struct fixture *f = *state;
    journal_close(support_open(&f->options));
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, 0);
    expect_next(reader, 0, 0, UINT64_MAX);
    journal_close(support_open(&f->options));
    expect_next(reader, 0, 0, UINT64_MAX);
    struct journal *journal = support_open(&f->options);
    assert_int_equal(support_incarnation(&f->platform.disk, f->dir), 3);
    write_values(journal, 0, 10, 10);
    expect_next(reader, 0, 10, 10);
    journal_close(journal);
    journal_close(support_open(&f->options));
    expect_next(reader, 10, 10, UINT64_MAX);
    journal = support_open(&f->options);
    write_values(journal, 10, 20, 3);
    expect_next(reader, 10, 20, UINT64_MAX);
    journal_reader_close(reader);
    journal_close(journal);
}

/* Goal: many small segments, rolled over in the middle of everything, read as
 * one sequence from any start; the figures add up. */
static void rolls_over_segments(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = SMALL_SEGMENT;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 150, 3);
    struct journal_stats stats = journal_stats(journal);
    assert_int_equal(stats.commits, 50);
    assert_true(stats.segments > 12);
    assert_true(stats.bytes >= stats.segments * 3 * JOURNAL_PAGE);
    assert_true(stats.commit_us_max >= stats.commit_us_last);
    /* Fifty frames of a page; a header and, but for the last, a seal for each
     * segment. What is written is what they take, the last seal's page not. */
    assert_int_equal(stats.frames, 50 * JOURNAL_PAGE);
    assert_int_equal(stats.written,
                     stats.frames + (2 * stats.segments - 1) * JOURNAL_PAGE);
    assert_int_equal(stats.space, stats.written);
    assert_true(stats.payload > 0 && stats.payload < stats.frames);
    for (uint64_t from = 0; from <= 150; from += 13) {
        expect_values(f, from, 150, 150);
    }
    journal_close(journal);
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 150);
    write_values(journal, 150, 170, 5);
    expect_values(f, 0, 170, UINT64_MAX);
    journal_close(journal);
}

/* Goal: a frame larger than a segment has its place, be it first, between or
 * last, and so has an empty record. */
static void frames_larger_than_a_segment(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = SMALL_SEGMENT;
    static const size_t sizes[] = {60000, 10, 50000, 0, 16000, 64000, 1, 30000};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    uint8_t *buf = malloc(SUPPORT_RECORD_MAX);
    assert_non_null(buf);
    memset(buf, 'x', SUPPORT_RECORD_MAX);
    struct journal *journal = support_open(&f->options);
    for (size_t i = 0; i < COUNT; i++) {
        journal_begin(journal);
        support_append(journal, slice_of(buf, sizes[i]));
        support_commit(journal);
    }
    journal_close(journal);
    journal_close(support_open(&f->options));
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, 0);
    struct journal_record record;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(journal_reader_next(reader, COUNT, &record), ERR_OK);
        assert_true(slice_eq(record.bytes, slice_of(buf, sizes[i])));
    }
    journal_reader_close(reader);
    free(buf);
}

/* Goal: a batch takes what its options say to the byte and the record, and no
 * more; what is not committed is not there, and an empty commit does nothing.
 */
static void batch_bounds(void **state) {
    struct fixture *f = *state;
    f->options.batch_events_max = 3;
    f->options.batch_bytes_max = 100;
    struct journal *journal = support_open(&f->options);
    uint8_t bytes[101] = {0};
    uint64_t seq = 77;
    journal_begin(journal);
    assert_int_equal(journal_batch_room(journal), 100);
    assert_int_equal(journal_append(journal, slice_of(bytes, 101), &seq),
                     ERR_RANGE);
    assert_int_equal(journal_append(journal, slice_of(bytes, 100), &seq),
                     ERR_OK);
    assert_int_equal(seq, 0);
    assert_int_equal(journal_batch_room(journal), 0);
    assert_int_equal(journal_append(journal, slice_of(bytes, 1), &seq),
                     ERR_FULL);
    assert_int_equal(journal_append(journal, SLICE_EMPTY, &seq), ERR_OK);
    assert_int_equal(journal_append(journal, SLICE_EMPTY, &seq), ERR_OK);
    assert_int_equal(journal_append(journal, SLICE_EMPTY, &seq), ERR_FULL);
    assert_int_equal(journal_batch_events(journal), 3);
    assert_int_equal(journal_next_seq(journal), 3);
    assert_int_equal(atomic_load(&journal_position(journal)->end), 0);
    support_commit(journal);
    assert_int_equal(atomic_load(&journal_position(journal)->end), 3);
    support_commit(journal);
    assert_int_equal(journal_stats(journal).commits, 1);
    journal_begin(journal);
    support_append(journal, slice_of(bytes, 50));
    assert_int_equal(journal_batch_room(journal), 50);
    journal_close(journal);
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 3);
    journal_close(journal);
}

/* Goal: all records of a batch bear the time at which it was begun, and each
 * the incarnation that wrote it. */
static void stamps_and_incarnations(void **state) {
    struct fixture *f = *state;
    struct journal_stamp stamps[2];
    for (int i = 0; i < 2; i++) {
        struct journal *journal = support_open(&f->options);
        journal_begin(journal);
        stamps[i] = journal_batch_stamp(journal);
        support_append(journal, SLICE("one"));
        support_append(journal, SLICE("two"));
        support_commit(journal);
        journal_close(journal);
    }
    assert_true(stamps[1].mono_us > stamps[0].mono_us);
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, 0);
    for (int i = 0; i < 4; i++) {
        struct journal_record record;
        assert_int_equal(journal_reader_next(reader, 4, &record), ERR_OK);
        assert_int_equal(record.wall_us, stamps[i / 2].wall_us);
        assert_int_equal(record.mono_us, stamps[i / 2].mono_us);
        assert_int_equal(record.incarnation, i / 2 + 1);
    }
    journal_reader_close(reader);
}

/* Goal: a journal has one owner, in this process and among processes, and is
 * free again once closed. */
static void one_owner(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    expect_refused(f, ERR_BUSY, "already running");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct journal *other;
        _exit(journal_open(&f->options, &other, NULL) == ERR_BUSY ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    journal_close(journal);
    journal_close(support_open(&f->options));
}

/* Goal: another store's or stream's journal is refused by both names, and is
 * unharmed. */
static void another_owner(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 5, 5);
    journal_close(journal);
    f->options.store = "store-8";
    expect_refused(f, ERR_REFUSED, "store store-7");
    f->options.store = "store-7";
    f->options.stream = "telemetry";
    expect_refused(f, ERR_REFUSED, "stream telemetry");
    f->options.stream = "orders";
    journal_close(support_open(&f->options));
    expect_values(f, 0, 5, 5);
}

/* Goal: options that cannot be are refused in words, and nothing is made. */
static void options_refused(void **state) {
    struct fixture *f = *state;
    char long_name[JOURNAL_NAME_MAX + 2];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    f->options.store = "";
    expect_refused(f, ERR_RANGE, "store");
    f->options.store = long_name;
    expect_refused(f, ERR_RANGE, "64 bytes");
    f->options.store = "\xff";
    expect_refused(f, ERR_RANGE, "UTF-8");
    f->options.store = "store-7";
    f->options.batch_bytes_max = UINT32_MAX;
    f->options.batch_events_max = 1;
    expect_refused(f, ERR_RANGE, "too large");
    f->options.batch_bytes_max = 0;
    f->options.batch_events_max = 0;
    char long_dir[1200];
    memset(long_dir, '/', sizeof long_dir - 1);
    long_dir[sizeof long_dir - 1] = '\0';
    f->options.dir = long_dir;
    expect_refused(f, ERR_RANGE, "directory name");
    f->options.dir = "";
    expect_refused(f, ERR_RANGE, "directory name");
    struct journal_reader *reader = NULL;
    assert_int_equal(
        journal_reader_open(&f->platform.disk, long_dir, 0, &reader, NULL),
        ERR_RANGE);
    assert_int_not_equal(access(f->dir, F_OK), 0);
}

/* Goal: names of the greatest length fit; a directory may be written with a
 * slash at its end; one whose parent is missing is refused. */
static void names_at_their_bounds(void **state) {
    struct fixture *f = *state;
    char name[JOURNAL_NAME_MAX + 1];
    memset(name, 'n', JOURNAL_NAME_MAX);
    name[JOURNAL_NAME_MAX] = '\0';
    char dir[400];
    snprintf(dir, sizeof dir, "%s//", f->dir);
    f->options.dir = dir;
    f->options.store = name;
    f->options.stream = name;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 5, 5);
    journal_close(journal);
    journal_close(support_open(&f->options));
    expect_values(f, 0, 5, 5);
    snprintf(dir, sizeof dir, "%s/a/b", f->dir);
    expect_refused(f, ERR_NOT_FOUND, "cannot create the directory");
}

/* Goal: a reader says what it cannot do: no directory, no journal in it, a
 * start beyond the end. */
static void reader_refusals(void **state) {
    struct fixture *f = *state;
    struct journal_reader *reader = NULL;
    struct reason reason = {""};
    const struct disk *disk = &f->platform.disk;
    assert_int_equal(journal_reader_open(disk, f->dir, 0, &reader, &reason),
                     ERR_NOT_FOUND);
    assert_int_equal(journal_reader_open(disk, f->base, 0, &reader, &reason),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(reason.text, "no journal"));
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 5, 2);
    assert_int_equal(journal_reader_open(disk, f->dir, 6, &reader, &reason),
                     ERR_RANGE);
    assert_non_null(strstr(reason.text, "ends at record 5"));
    journal_close(journal);
    assert_int_equal(journal_reader_open(disk, f->dir, 6, &reader, &reason),
                     ERR_RANGE);
    assert_null(reader);
}

/* Goal: with an end, a reader gives what lies below it and nothing else, even
 * in the middle of a frame, and goes on when the end moves. */
static void reader_keeps_to_the_end(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 20, 10);
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, 0);
    expect_next(reader, 0, 0, 0);
    expect_next(reader, 0, 7, 7);
    expect_next(reader, 7, 10, 10);
    expect_next(reader, 10, 13, 13);
    expect_next(reader, 13, 20, UINT64_MAX);
    write_values(journal, 20, 23, 1);
    expect_next(reader, 20, 20, 20);
    expect_next(reader, 20, 23, 23);
    journal_reader_close(reader);
    journal_close(journal);
}

/* Goal: a reader at the tail of a journal whose process is killed goes on in
 * what recovery put in the place of the file that it had open. */
static void reader_over_a_recovery(void **state) {
    struct fixture *f = *state;
    struct journal_reader *readers[2];
    uint64_t next = 0;
    for (int round = 0; round < 4; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct journal *journal = support_open(&f->options);
            write_values(journal, next, next + 10, 4);
            _exit(0);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        for (int i = 0; round == 0 && i < 2; i++) {
            readers[i] = support_reader(&f->platform.disk, f->dir, 0);
        }
        expect_next(readers[0], next, next + 10, next + 10);
        expect_next(readers[1], next, next + 10, UINT64_MAX);
        next += 10;
    }
    journal_reader_close(readers[0]);
    journal_reader_close(readers[1]);
    expect_values(f, 0, next, UINT64_MAX);
}

/* Goal: closing nothing is allowed. */
static void close_nothing(void **state) {
    (void)state;
    journal_close(NULL);
    journal_reader_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reopen_gives_the_same),
        TEST(nothing_between),
        TEST(rolls_over_segments),
        TEST(frames_larger_than_a_segment),
        TEST(batch_bounds),
        TEST(stamps_and_incarnations),
        TEST(one_owner),
        TEST(another_owner),
        TEST(options_refused),
        TEST(names_at_their_bounds),
        TEST(reader_refusals),
        TEST(reader_keeps_to_the_end),
        TEST(reader_over_a_recovery),
        TEST(close_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
