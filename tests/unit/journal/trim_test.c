/* SPDX-License-Identifier: Apache-2.0 */
/* A journal that is full, and one that trims its oldest segments. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/reader.h"
#include "gateway/journal/spares.h"
#include "tests/unit/journal/fixture.h"

enum {
    SEGMENT = 3 * JOURNAL_PAGE, /* one frame a segment */
    RECORD_BYTES = 100,
};

static int setup(void **state) {
    int failed = fixture_setup(state);
    struct fixture *f = *state;
    f->options.segment_bytes = SEGMENT;
    return failed;
}

static void append_value(struct journal *journal, uint64_t value) {
    uint8_t buf[RECORD_BYTES];
    journal_begin(journal);
    support_append(journal, support_record(value, RECORD_BYTES, buf));
}

/* One record a commit, and so one a segment. */
static void write_values(struct journal *journal, uint64_t from, uint64_t to) {
    for (uint64_t value = from; value < to; value++) {
        append_value(journal, value);
        assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    }
}

static uint64_t start_of(const struct journal *journal) {
    return atomic_load(&journal_position(journal)->start);
}

/* Reads on: [from, to) and nothing more, each with the value of its number. */
static void expect_records(struct journal_reader *reader, uint64_t from,
                           uint64_t to) {
    struct journal_record record;
    for (uint64_t seq = from; seq < to; seq++) {
        assert_int_equal(journal_reader_next(reader, to, &record), ERR_OK);
        assert_int_equal(record.seq, seq);
        assert_true(support_record_is(record.bytes, seq, RECORD_BYTES));
    }
    assert_int_equal(journal_reader_next(reader, to, &record), ERR_END);
}

static void expect_journal(struct fixture *f, uint64_t from, uint64_t to) {
    struct reason reason = {""};
    struct disk *disk = &f->platform.disk;
    uint64_t begins;
    assert_int_equal(journal_begins(disk, FIXTURE_DIR, &begins, &reason),
                     ERR_OK);
    assert_int_equal(begins, from);
    struct journal_reader *reader;
    assert_int_equal(
        journal_reader_open(disk, FIXTURE_DIR, from, &reader, &reason), ERR_OK);
    expect_records(reader, from, to);
    journal_reader_close(reader);
}

/* The commit finds no room; nothing is lost by that, and no sooner is a segment
 * trimmed than the same batch goes in. */
static void expect_full_then_room(struct fixture *f, struct journal *journal,
                                  const char *words) {
    uint64_t end = journal_next_seq(journal);
    struct reason reason = {""};
    append_value(journal, end);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_commit(journal, &reason), ERR_FULL);
        if (strstr(reason.text, words) == NULL) {
            print_error("'%s' is not in '%s'\n", words, reason.text);
            fail();
        }
        assert_int_equal(atomic_load(&journal_position(journal)->end), end);
        assert_int_equal(journal_next_seq(journal), end + 1);
        assert_true(journal_is_handed(journal));
    }
    expect_journal(f, start_of(journal), end);
}

/* Goal: at its capacity a journal refuses a further segment, stands as it was,
 * and goes on when one was trimmed. */
static void capacity(void **state) {
    struct fixture *f = *state;
    f->options.capacity = 4 * SEGMENT;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 4);
    assert_true(journal_stats(journal).bytes <= f->options.capacity);
    expect_full_then_room(f, journal, "(capacity)");
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    expect_journal(f, 1, 5);
    journal_close(journal);
    f->options.capacity = 0;
    journal = support_open(&f->options);
    assert_int_equal(start_of(journal), 1);
    expect_journal(f, 1, 5);
    write_values(journal, 5, 7);
    expect_journal(f, 1, 7);
    journal_close(journal);
}

enum {
    LARGE = 8 * JOURNAL_PAGE, /* a header, four frames, the reserve, a seal */
    RESERVE = 2 * JOURNAL_PAGE,
};

static struct journal *open_with_reserve(struct fixture *f, uint64_t segments) {
    f->options.segment_bytes = LARGE;
    f->options.reserve = RESERVE;
    f->options.capacity = segments * LARGE;
    return support_open(&f->options);
}

/* Goal: where others find no room, what the owner has to say of itself does, as
 * long as the reserve lasts; each segment has one. */
static void reserve(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_reserve(f, 1);
    write_values(journal, 0, 4);
    expect_full_then_room(f, journal, "(capacity)");
    for (uint64_t end = 5; end <= 6; end++) { /* the batch that stands first */
        assert_int_equal(journal_commit_reserved(journal, NULL), ERR_OK);
        expect_journal(f, 0, end);
        append_value(journal, end);
    }
    assert_int_equal(journal_commit_reserved(journal, NULL), ERR_FULL);
    journal_close(journal);

    journal = open_with_reserve(f, 3);
    write_values(journal, 6, 10);
    assert_int_equal(journal_stats(journal).segments, 2);
    append_value(journal, 10);
    assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    assert_int_equal(journal_stats(journal).segments, 3);
    expect_journal(f, 0, 11);
    journal_close(journal);
}

/* The largest record that is sure to find room does; with one byte more it does
 * not. */
static void expect_room(struct journal *journal) {
    static uint8_t buf[LARGE];
    uint64_t room = journal_room(journal);
    size_t len = (size_t)room - 5; /* its head */
    uint64_t seq;
    journal_begin(journal);
    assert_int_equal(journal_append(journal, slice_of(buf, len), &seq), ERR_OK);
    assert_int_equal(journal_room(journal), 0);
    uint64_t bytes = journal_stats(journal).bytes;
    assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    assert_true(journal_stats(journal).bytes <= bytes);
    assert_int_equal(journal_room(journal), 0);
    journal_begin(journal);
    assert_int_equal(journal_append(journal, SLICE("x"), &seq), ERR_OK);
    assert_int_equal(journal_commit(journal, NULL), ERR_FULL);
    assert_int_equal(atomic_load(&journal_position(journal)->end), seq);
}

/* Goal: what journal_room() says is there, to the byte, in the segment and in
 * the one that was preallocated. */
static void room(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_reserve(f, 1);
    write_values(journal, 0, 1);
    assert_int_equal(journal_room(journal), 3 * JOURNAL_PAGE - 57);
    expect_room(journal);
    journal_close(journal);

    journal = open_with_reserve(f, 3); /* and a short one is there already */
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    assert_int_equal(journal_stats(journal).spare_bytes, LARGE);
    uint64_t bytes = journal_stats(journal).bytes;
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK); /* at once */
    assert_int_equal(journal_stats(journal).bytes, bytes);
    uint64_t next = journal_next_seq(journal);
    for (; journal_room(journal) == 4 * JOURNAL_PAGE - 57; next++) {
        append_value(journal, next);
        assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    }
    expect_room(journal);
    journal_close(journal);
}

/* Goal: nothing is preallocated beyond the capacity; a spare that is short is
 * made as large as a segment, one that somebody removed is made again. */
static void preallocate(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_reserve(f, 1);
    struct reason reason = {""};
    assert_int_equal(journal_preallocate(journal, &reason), ERR_FULL);
    assert_non_null(strstr(reason.text, "(capacity)"));
    assert_int_equal(journal_stats(journal).spare_bytes, 0);
    write_values(journal, 0, 4);
    journal_close(journal);

    journal = open_with_reserve(f, 3);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    uint64_t kept = journal_stats(journal).spare_bytes;
    assert_true(kept > 0 && kept < LARGE);
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    assert_int_equal(journal_stats(journal).spare_bytes, LARGE);
    journal_close(journal);

    journal = open_with_reserve(f, 3); /* begins in that */
    assert_int_equal(journal_stats(journal).spare_bytes, 0);
    write_values(journal, 4, 9);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_true(journal_stats(journal).spare_bytes > 0);
    const struct disk *disk = &f->platform.disk;
    const char *spare = FIXTURE_DIR "/00000000000000000004.spare";
    assert_int_equal(disk->unlink(disk->self, spare), ERR_OK);
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    assert_int_equal(journal_stats(journal).spare_bytes, LARGE);
    write_values(journal, 9, 14); /* goes on in it */
    assert_int_equal(journal_stats(journal).spare_bytes, 0);
    expect_journal(f, 8, 14);
    journal_close(journal);
}

/* Goal: where the disk has no room, what is preallocated leaves nothing behind,
 * and a spare is as it was. */
static void preallocate_on_a_full_disk(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_reserve(f, 0);
    struct reason reason = {""};
    uint64_t bytes = journal_stats(journal).bytes;
    fake_disk_fail_at(f->fake, FAKE_ALLOCATE, 1, ERR_FULL);
    assert_int_equal(journal_preallocate(journal, &reason), ERR_FULL);
    assert_non_null(strstr(reason.text, "cannot allocate"));
    assert_int_equal(journal_stats(journal).bytes, bytes);
    const struct disk *disk = &f->platform.disk;
    int fd;
    assert_int_equal(disk->open(disk->self,
                                FIXTURE_DIR "/18446744073709551615.spare",
                                DISK_READ, &fd),
                     ERR_NOT_FOUND);
    write_values(journal, 0, 5);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    uint64_t short_bytes = journal_stats(journal).spare_bytes;
    fake_disk_fail_at(f->fake, FAKE_ALLOCATE, 1, ERR_FULL);
    assert_int_equal(journal_preallocate(journal, &reason), ERR_FULL);
    assert_int_equal(journal_stats(journal).spare_bytes, short_bytes);
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    assert_int_equal(journal_stats(journal).spare_bytes, LARGE);
    write_values(journal, 5, 9);
    expect_journal(f, 4, 9);
    journal_close(journal);
}

/* Goal: the same for a disk whose free space is down to the floor. */
static void floor_of_free_space(void **state) {
    struct fixture *f = *state;
    f->options.free_floor = 1024 * 1024;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 2);
    fake_disk_set_free(f->fake, 1024 * 1024 + SEGMENT - 1);
    expect_full_then_room(f, journal, "bytes free");
    fake_disk_set_free(f->fake, 1024 * 1024 + SEGMENT);
    assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    expect_journal(f, 0, 3);
    journal_close(journal);
}

/* Goal: a disk that has no space for a further segment, at whichever call it
 * says so, is the same; a process that ends meanwhile leaves a whole journal.
 */
static void full_disk(void **state) {
    struct fixture *f = *state;
    static const enum fake_call calls[] = {FAKE_CREATE, FAKE_ALLOCATE,
                                           FAKE_WRITE};
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 1);
    uint64_t end = 1;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        append_value(journal, end);
        for (int again = 0; again < 2; again++) {
            struct reason reason = {""};
            fake_disk_fail_at(f->fake, calls[i], 1, ERR_FULL);
            assert_int_equal(journal_commit(journal, &reason), ERR_FULL);
            assert_non_null(strstr(reason.text, "No space left"));
        }
        assert_int_equal(journal_commit(journal, NULL), ERR_OK);
        end++;
    }
    expect_journal(f, 0, end);
    append_value(journal, end);
    fake_disk_fail_at(f->fake, FAKE_ALLOCATE, 1, ERR_FULL);
    assert_int_equal(journal_commit(journal, NULL), ERR_FULL);
    journal_close(journal);
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), end);
    expect_journal(f, 0, end);
    journal_close(journal);
}

/* Goal: no space where space was given before is not a full disk but a
 * failure, and for good. */
static void full_inside_a_segment(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = 64 * 1024;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 2);
    fake_disk_fail_at(f->fake, FAKE_WRITE, 1, ERR_FULL);
    append_value(journal, 2);
    struct reason reason = {""};
    assert_int_equal(journal_commit(journal, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "No space left"));
    assert_int_equal(journal_commit(journal, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "an earlier commit failed"));
    uint64_t seq;
    assert_int_equal(journal_append(journal, SLICE("y"), &seq), ERR_IO);
    assert_int_equal(journal_trim(journal, &reason), ERR_IO);
    assert_int_equal(atomic_load(&journal_position(journal)->end), 2);
    journal_close(journal);
    expect_journal(f, 0, 2);
}

/* Goal: segments go oldest first, and say what they hold; the one that is
 * written to stays. */
static void oldest_first(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    struct journal_segment oldest;
    assert_false(journal_oldest(journal, &oldest));
    assert_int_equal(journal_trim(journal, NULL), ERR_NOT_FOUND);
    write_values(journal, 0, 6);
    for (uint64_t seq = 0; seq < 5; seq++) {
        assert_true(journal_oldest(journal, &oldest));
        assert_int_equal(oldest.first_seq, seq);
        assert_int_equal(oldest.end_seq, seq + 1);
        assert_int_equal(oldest.bytes, SEGMENT);
        assert_int_equal(journal_trim(journal, NULL), ERR_OK);
        assert_int_equal(start_of(journal), seq + 1);
        expect_journal(f, seq + 1, 6);
    }
    assert_false(journal_oldest(journal, &oldest));
    assert_int_equal(journal_stats(journal).segments, 1);
    assert_int_equal(journal_stats(journal).trimmed, 5);
    assert_int_equal(journal_stats(journal).spare_bytes, SPARES_MAX * SEGMENT);
    assert_int_equal(journal_stats(journal).bytes, (SPARES_MAX + 1) * SEGMENT);
    write_values(journal, 6, 40); /* over the list's own moves */
    assert_int_equal(journal_stats(journal).recycled, SPARES_MAX);
    assert_int_equal(journal_stats(journal).spare_bytes, 0);
    expect_journal(f, 5, 40);
    journal_close(journal);
}

/* Goal: a reader of what is trimmed reads its file to the end, and then says
 * that the next is gone, if it is; the place to go on from is told. */
static void reader_meanwhile(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 6);
    struct disk *disk = &f->platform.disk;
    struct journal_reader *behind;
    struct journal_reader *ahead;
    assert_int_equal(journal_reader_open(disk, FIXTURE_DIR, 0, &behind, NULL),
                     ERR_OK);
    assert_int_equal(journal_reader_open(disk, FIXTURE_DIR, 2, &ahead, NULL),
                     ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    }
    struct journal_record record;
    assert_int_equal(journal_reader_next(behind, 6, &record), ERR_OK);
    assert_int_equal(record.seq, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(journal_reader_next(behind, 6, &record),
                         ERR_NOT_FOUND);
    }
    expect_records(ahead, 2, 6);
    write_values(journal, 6, 8);
    expect_records(ahead, 6, 8);
    journal_reader_close(ahead);
    journal_reader_close(behind);
    struct reason reason = {""};
    assert_int_equal(
        journal_reader_open(disk, FIXTURE_DIR, 2, &behind, &reason),
        ERR_NOT_FOUND);
    assert_non_null(strstr(reason.text, "begins at record 3"));
    journal_close(journal);
}

static uint64_t spare_files(struct fixture *f) {
    uint64_t count = 0;
    for (uint64_t seq = 0; seq < 40; seq++) {
        char path[SEGMENT_PATH_SIZE];
        segment_path(FIXTURE_DIR, seq, SEGMENT_SUFFIX_SPARE, path);
        uint64_t size;
        count += fake_disk_bytes(f->fake, path, &size) != NULL;
    }
    return count;
}

/* Goal: a reader whose file was written over gets no record that is not its
 * own: it is told that the next one is gone, and where to go on. */
static void reader_overtaken(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = 5 * JOURNAL_PAGE; /* three frames */
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 7);
    struct disk *disk = &f->platform.disk;
    struct journal_reader *behind;
    struct journal_reader *at_end;
    assert_int_equal(journal_reader_open(disk, FIXTURE_DIR, 0, &behind, NULL),
                     ERR_OK);
    expect_records(behind, 0, 1);
    assert_int_equal(journal_reader_open(disk, FIXTURE_DIR, 0, &at_end, NULL),
                     ERR_OK);
    expect_records(at_end, 0, 3);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    write_values(journal, 7, 12); /* 9 to 11 in the file of 0 to 2 */
    assert_int_equal(journal_stats(journal).recycled, 1);
    struct journal_record record;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(journal_reader_next(behind, 12, &record),
                         ERR_NOT_FOUND);
        assert_int_equal(journal_reader_next(behind, UINT64_MAX, &record),
                         ERR_NOT_FOUND);
    }
    expect_records(at_end, 3, 12);
    journal_reader_close(at_end);
    journal_reader_close(behind);
    expect_journal(f, 3, 12);
    journal_close(journal);
}

/* Goal: a reader that begins where a header does not verify, while what was
 * before is trimmed, says damage, and passes it. */
static void reader_at_lost_header(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = 5 * JOURNAL_PAGE; /* three frames */
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 7);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    for (uint64_t bit = 64; bit < 128; bit += 2) { /* its salt is gone */
        fake_disk_flip(f->fake, FIXTURE_DIR "/00000000000000000003.seg", bit);
    }
    struct journal_reader *reader;
    struct journal_record record;
    struct journal_gap gap;
    bool known;
    assert_int_equal(
        journal_reader_open(&f->platform.disk, FIXTURE_DIR, 3, &reader, NULL),
        ERR_OK);
    assert_int_equal(journal_reader_next(reader, 7, &record), ERR_CORRUPT);
    assert_int_equal(journal_reader_pass(reader, 7, &gap, &known), ERR_OK);
    assert_int_equal(gap.first, 3);
    assert_int_equal(gap.end, 6);
    assert_false(known);
    expect_records(reader, 6, 7);
    journal_reader_close(reader);
    journal_close(journal);
}

/* Goal: a start keeps as many spares as are of use and removes the others: too
 * many, too short, too long; a journal of another segment size keeps none. */
static void spares_at_a_start(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 6);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    }
    journal_close(journal);
    assert_int_equal(spare_files(f), 3);
    static const uint8_t bytes[SEGMENT + 1];
    for (uint64_t i = 0; i < 20; i++) {
        char path[SEGMENT_PATH_SIZE];
        segment_path(FIXTURE_DIR, 10 + i, SEGMENT_SUFFIX_SPARE, path);
        fake_disk_put(f->fake, path,
                      slice_of(bytes, i % 3 == 0   ? SEGMENT
                                      : i % 3 == 1 ? SEGMENT + 1
                                                   : SEGMENT / 2 - 1));
    }
    journal = support_open(&f->options);
    /* The first segment of the start is made from one. */
    assert_int_equal(journal_stats(journal).recycled, 1);
    assert_int_equal(spare_files(f), SPARES_MAX - 1);
    expect_journal(f, 3, 6);
    journal_close(journal);
    f->options.segment_bytes = 8 * SEGMENT;
    journal = support_open(&f->options);
    assert_int_equal(spare_files(f), 0);
    assert_int_equal(journal_stats(journal).recycled, 0);
    expect_journal(f, 3, 6);
    journal_close(journal);
}

/* Goal: a spare that somebody removed is done without. */
static void spare_removed(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 4);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    struct disk *disk = &f->platform.disk;
    char path[SEGMENT_PATH_SIZE];
    segment_path(FIXTURE_DIR, 0, SEGMENT_SUFFIX_SPARE, path);
    assert_int_equal(disk->unlink(disk->self, path), ERR_OK);
    write_values(journal, 4, 7);
    assert_int_equal(journal_stats(journal).recycled, 1);
    assert_int_equal(spare_files(f), 0);
    expect_journal(f, 2, 7);
    journal_close(journal);
}

/* Goal: a frame that no spare can hold gets a file of its own, and where there
 * is no room for that, the spares make it. */
static void spares_give_way(void **state) {
    struct fixture *f = *state;
    f->options.capacity = 6 * SEGMENT;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 6);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    }
    assert_int_equal(spare_files(f), 4);
    static uint8_t large[3 * SEGMENT];
    journal_begin(journal);
    support_append(journal, slice_of(large, sizeof large));
    assert_int_equal(journal_commit(journal, NULL), ERR_OK);
    assert_int_equal(spare_files(f), 0);
    assert_true(journal_stats(journal).bytes <= f->options.capacity);
    journal_close(journal);
    /* A journal that is to become smaller keeps none either. */
    f->options.capacity = 2 * SEGMENT;
    journal = support_open(&f->options);
    while (journal_trim(journal, NULL) == ERR_OK) {
        assert_true(spare_files(f) == 0 ||
                    journal_stats(journal).bytes <= f->options.capacity);
    }
    journal_close(journal);
}

static err_t commit_bytes(struct journal *journal, size_t len) {
    static uint8_t record[3 * JOURNAL_PAGE];
    assert_true(len <= sizeof record);
    if (!journal_is_handed(journal)) {
        journal_begin(journal);
        support_append(journal, slice_of(record, len));
    }
    return journal_commit(journal, NULL);
}

/* Goal: where the disk is down to its floor a spare is written to as it is,
 * without being made longer; where that is too short, it is given back. */
static void spare_at_the_floor(void **state) {
    struct fixture *f = *state;
    f->options.free_floor = 1024 * 1024;
    f->options.segment_bytes = 5 * JOURNAL_PAGE;
    struct journal *journal = support_open(&f->options);
    for (int i = 0; i < 4; i++) { /* sealed with a page to spare */
        assert_int_equal(commit_bytes(journal, 5000), ERR_OK);
    }
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_int_equal(journal_stats(journal).spare_bytes, 8 * JOURNAL_PAGE);
    fake_disk_set_free(f->fake, f->options.free_floor);
    uint64_t bytes = journal_stats(journal).bytes;
    assert_int_equal(commit_bytes(journal, 5000), ERR_OK);
    assert_int_equal(journal_stats(journal).recycled, 1);
    assert_true(journal_stats(journal).bytes < bytes);
    assert_int_equal(commit_bytes(journal, 2 * JOURNAL_PAGE), ERR_FULL);
    assert_int_equal(journal_stats(journal).spare_bytes, 0);
    assert_int_equal(spare_files(f), 0);
    fake_disk_set_free(f->fake, 2 * f->options.free_floor);
    assert_int_equal(commit_bytes(journal, 0), ERR_OK);
    assert_int_equal(journal_next_seq(journal), 6);
    journal_close(journal);
}

/* Goal: whichever call the world ends in while three segments are trimmed,
 * and whatever became of what was unsynced, the journal is whole afterwards:
 * without the segments that are surely gone, with all the later ones. */
static void power_cut_meanwhile(void **state) {
    struct fixture *f = *state;
    (void)f;
    uint64_t stops = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        bool more = true;
        for (uint64_t at = 1; more; at++) {
            void *inner = NULL;
            setup(&inner);
            struct fixture *g = inner;
            struct journal *journal = support_open(&g->options);
            write_values(journal, 0, 6);
            fake_disk_stop_at(g->fake, at);
            uint64_t gone = 0;
            while (gone < 3 && journal_trim(journal, NULL) == ERR_OK) {
                gone++;
            }
            more = gone < 3;
            fake_disk_stop(g->fake);
            journal_close(journal);
            fake_disk_power_cut(g->fake, seed == 0   ? FAKE_DROP
                                         : seed == 1 ? FAKE_KEEP
                                                     : FAKE_TEAR);
            journal = support_open(&g->options);
            uint64_t start = start_of(journal);
            assert_in_range(start, gone, gone + (more ? 1 : 0));
            expect_journal(g, start, 6);
            journal_close(journal);
            fixture_teardown(&inner);
            stops++;
        }
    }
    printf("%" PRIu64 " stops\n", stops);
}

/* Goal: a call that fails while trimming ends the journal's work, as in a
 * commit; nothing that was not trimmed is lost. */
static void failing_meanwhile(void **state) {
    struct fixture *f = *state;
    static const enum fake_call calls[] = {FAKE_RENAME, FAKE_SYNC_DIR};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct journal *journal = support_open(&f->options);
        uint64_t next = journal_next_seq(journal);
        write_values(journal, next, next + 3);
        fake_disk_fail_at(f->fake, calls[i], 1, ERR_IO);
        struct reason reason = {""};
        assert_int_equal(journal_trim(journal, &reason), ERR_IO);
        assert_non_null(strstr(reason.text, "cannot trim"));
        uint64_t seq;
        journal_begin(journal);
        assert_int_equal(journal_append(journal, SLICE("x"), &seq), ERR_IO);
        assert_int_equal(journal_commit(journal, NULL), ERR_IO);
        journal_close(journal);
        fake_disk_process_gone(f->fake);
    }
    struct journal *journal = support_open(&f->options);
    expect_journal(f, start_of(journal), 6);
    journal_close(journal);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* Goal: short spares that take up the capacity keep no full one from being made
 * ahead: the newest of them go, until the oldest can be enlarged. With nothing
 * to trim, a journal would wait for ever otherwise. */
static void spares_make_way_for_each_other(void **state) {
    enum { PAGES = 16, SHORT = 10, RECORD = 63000 };
    struct fixture *f = *state;
    struct disk *disk = &f->platform.disk;
    uint8_t *bytes = calloc(SHORT, JOURNAL_PAGE);
    uint8_t *record = malloc(RECORD);
    assert_true(bytes != NULL && record != NULL);
    assert_int_equal(disk->make_dir(disk->self, FIXTURE_DIR), ERR_OK);
    for (int i = 1; i <= 4; i++) {
        char path[128];
        snprintf(path, sizeof path, FIXTURE_DIR "/%020d.spare", i);
        fake_disk_put(f->fake, path, slice_of(bytes, SHORT * JOURNAL_PAGE));
    }
    f->options.segment_bytes = PAGES * JOURNAL_PAGE;
    f->options.capacity = 4 * PAGES * JOURNAL_PAGE;
    struct journal *journal = support_open(&f->options);
    assert_int_equal(journal_stats(journal).spare_bytes,
                     3 * SHORT * JOURNAL_PAGE); /* it took one */
    journal_begin(journal); /* the open segment becomes twice as large */
    support_append(journal, support_record(1, RECORD, record));
    support_append(journal, support_record(2, RECORD, record));
    support_commit(journal);
    struct reason reason = {""};
    if (journal_preallocate(journal, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    assert_true(journal_stats(journal).bytes <= f->options.capacity);
    assert_true(journal_room(journal) > (PAGES - 3) * JOURNAL_PAGE);
    journal_close(journal);
    free(bytes);
    free(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(capacity),
        TEST(reserve),
        TEST(room),
        TEST(preallocate),
        TEST(spares_make_way_for_each_other),
        TEST(preallocate_on_a_full_disk),
        TEST(floor_of_free_space),
        TEST(full_disk),
        TEST(full_inside_a_segment),
        TEST(oldest_first),
        TEST(reader_meanwhile),
        TEST(failing_meanwhile),
        TEST(power_cut_meanwhile),
        TEST(reader_at_lost_header),
        TEST(reader_overtaken),
        TEST(spares_at_a_start),
        TEST(spare_removed),
        TEST(spares_give_way),
        TEST(spare_at_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
