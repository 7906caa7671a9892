/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged journal: told apart into what a power cut leaves and what only a
 * failing medium does; never a wrong record, and nothing changed when refused.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>

#include "gateway/journal/frame.h"
#include "gateway/journal/page.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/segment.h"
#include "tests/simulation/fake_disk.h"

enum {
    SEED = 20250101,
    STEP = TEST_SHARE,
    SMALL_SEGMENT = 12 * 1024, /* header, one frame of a page, seal */
    RECORD_BYTES = 100,
};

#define DIR "/orders"
#define FIRST DIR "/00000000000000000000.seg"

struct fixture {
    struct fake_disk *fake;
    struct support_random random;
    struct platform platform;
    struct journal_options options;
    int64_t now_us;
};

static int64_t fixture_clock(void *self) {
    struct fixture *f = self;
    return f->now_us++;
}

static void fixture_fill(void *self, void *buf, size_t len) {
    struct fixture *f = self;
    struct writer writer = writer_over(buf, len);
    while (writer.len < len) {
        writer_u8(&writer, (uint8_t)support_next(&f->random));
    }
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->fake = fake_disk_new(SEED);
    f->random.state = SEED;
    f->platform = (struct platform){
        .disk = fake_disk_table(f->fake),
        .clock = {f, fixture_clock, fixture_clock},
        .entropy = {f, fixture_fill},
    };
    f->options = (struct journal_options){.platform = &f->platform,
                                          .dir = DIR,
                                          .store = "store-7",
                                          .stream = "orders",
                                          .segment_bytes = 32 * 1024,
                                          .batch_events_max = 16,
                                          .batch_bytes_max = 128 * 1024};
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    fake_disk_free(f->fake);
    free(f);
    return 0;
}

/* Each value is a frame of its own. */
static void write_values(struct journal *journal, uint64_t from, uint64_t to) {
    uint8_t buf[RECORD_BYTES];
    for (uint64_t value = from; value < to; value++) {
        journal_begin(journal);
        support_append(journal, support_record(value, sizeof buf, buf));
        support_commit(journal);
    }
}

/* How many of the values from 0 on a reader gives before it gives none; fails
 * the test on a wrong one. `*ret` is how it ended. */
static uint64_t read_values(struct fixture *f, uint64_t end_seq, err_t *ret) {
    struct journal_reader *reader;
    *ret = journal_reader_open(&f->platform.disk, DIR, 0, &reader, NULL);
    if (*ret != ERR_OK) {
        return 0;
    }
    uint64_t value = 0;
    struct journal_record record;
    *ret = journal_reader_next(reader, end_seq, &record);
    while (*ret == ERR_OK) {
        assert_int_equal(record.seq, value);
        assert_true(support_record_is(record.bytes, value, RECORD_BYTES));
        value++;
        *ret = journal_reader_next(reader, end_seq, &record);
    }
    journal_reader_close(reader);
    return value;
}

/* The process is killed; nothing of the journal is on the way any more. */
static void kill_journal(struct fixture *f, struct journal *journal) {
    journal_begin(journal);
    support_append(journal, SLICE("lost"));
    fake_disk_stop(f->fake);
    assert_int_equal(journal_commit(journal, NULL), ERR_IO);
    journal_close(journal);
    fake_disk_power_cut(f->fake, FAKE_DROP);
}

/* Opens, expects ERR_CORRUPT with these words, and that nothing was changed. */
static void expect_corrupt(struct fixture *f, const char *words) {
    struct journal *journal = NULL;
    struct reason reason = {""};
    uint64_t calls = fake_disk_calls(f->fake);
    assert_int_equal(journal_open(&f->options, &journal, &reason), ERR_CORRUPT);
    assert_int_equal(fake_disk_calls(f->fake), calls);
    if (strstr(reason.text, words) == NULL) {
        print_error("'%s' is not in '%s'\n", words, reason.text);
    }
    assert_non_null(strstr(reason.text, words));
}

static void expect_length(struct fixture *f, uint64_t length) {
    struct journal *journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), length);
    err_t err;
    assert_int_equal(read_values(f, length, &err), length);
    assert_int_equal(err, ERR_END);
    journal_close(journal);
}

/* Goal: any flipped bit of a sealed segment is found by recovery, which names
 * the file and changes nothing, and by a reader, which gives no wrong record
 * and does not pass over a missing one; in the header none is missing. */
static void every_bit_of_a_sealed_segment(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = SMALL_SEGMENT;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    journal_close(journal);
    uint64_t size = 0;
    assert_non_null(fake_disk_bytes(f->fake, FIRST, &size));
    assert_int_equal(size, SMALL_SEGMENT);
    for (uint64_t bit = 0; bit < size * 8; bit += STEP) {
        fake_disk_flip(f->fake, FIRST, bit);
        expect_corrupt(f, "00000000000000000000.seg");
        err_t err;
        if (bit < JOURNAL_PAGE * 8) { /* the header can be told */
            assert_int_equal(read_values(f, 3, &err), 3);
            fake_disk_flip(f->fake, FIRST, bit);
            continue;
        }
        assert_true(read_values(f, 3, &err) < 3);
        assert_int_equal(err, ERR_CORRUPT);
        assert_true(read_values(f, UINT64_MAX, &err) < 3);
        assert_int_equal(err, ERR_CORRUPT);
        fake_disk_flip(f->fake, FIRST, bit);
    }
    expect_length(f, 3);
}

/* Goal: a middle segment that is cut short at any length is refused. */
static void every_length_of_a_sealed_segment(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = SMALL_SEGMENT;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    journal_close(journal);
    uint8_t copy[SMALL_SEGMENT];
    uint64_t size = 0;
    memcpy(copy, fake_disk_bytes(f->fake, FIRST, &size), sizeof copy);
    for (size_t len = 0; len < sizeof copy; len += STEP) {
        fake_disk_put(f->fake, FIRST, slice_of(copy, len));
        expect_corrupt(f, "00000000000000000000.seg");
    }
    fake_disk_put(f->fake, FIRST, slice_of(copy, sizeof copy));
    expect_length(f, 3);
}

/* Cuts the only segment, of 3 frames of a page, to every length. */
static void cut_everywhere(struct fixture *f) {
    uint64_t size = 0;
    const uint8_t *bytes = fake_disk_bytes(f->fake, FIRST, &size);
    assert_non_null(bytes);
    size_t used = 5 * JOURNAL_PAGE;
    uint8_t *copy = malloc(used);
    assert_non_null(copy);
    memcpy(copy, bytes, used);
    for (size_t len = 0; len <= used; len += STEP) {
        struct fixture *cut;
        assert_int_equal(setup((void **)&cut), 0);
        struct disk *disk = &cut->platform.disk;
        assert_int_equal(disk->make_dir(disk->self, DIR), ERR_OK);
        fake_disk_put(cut->fake, FIRST, slice_of(copy, len));
        if (len < JOURNAL_PAGE) {
            expect_corrupt(cut, "damaged at byte 0");
        } else {
            uint64_t frames = len / JOURNAL_PAGE - 1;
            expect_length(cut, frames < 3 ? frames : 3);
            expect_length(cut, frames < 3 ? frames : 3);
        }
        teardown((void **)&cut);
    }
    free(copy);
}

/* Goal: a last segment that is cut short at any length keeps the frames that
 * are whole, whether it had a seal or not. */
static void every_length_of_the_last_segment(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    kill_journal(f, journal);
    cut_everywhere(f);
}

static void every_length_of_a_closed_segment(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    journal_close(journal);
    cut_everywhere(f);
}

/* Goal: each flipped bit in the last frame that was written is a torn end: the
 * frames before it stay. (No one can tell it from a power cut.) */
static void every_bit_of_the_last_frame(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    kill_journal(f, journal);
    uint64_t size = 0;
    const uint8_t *bytes = fake_disk_bytes(f->fake, FIRST, &size);
    size_t used = 4 * JOURNAL_PAGE;
    uint8_t *copy = malloc(used);
    assert_non_null(copy);
    memcpy(copy, bytes, used);
    for (uint64_t bit = 0; bit < JOURNAL_PAGE * 8; bit += STEP) {
        struct fixture *flipped;
        assert_int_equal(setup((void **)&flipped), 0);
        struct disk *disk = &flipped->platform.disk;
        assert_int_equal(disk->make_dir(disk->self, DIR), ERR_OK);
        fake_disk_put(flipped->fake, FIRST, slice_of(copy, used));
        fake_disk_flip(flipped->fake, FIRST,
                       (uint64_t)3 * JOURNAL_PAGE * 8 + bit);
        expect_length(flipped, 2);
        teardown((void **)&flipped);
    }
    free(copy);
}

/* Goal: damage with a good frame, or a good seal, behind it is no torn end: the
 * reason names file and byte, and nothing is changed. */
static void rot_in_the_last_segment(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    kill_journal(f, journal);
    uint64_t bit = (uint64_t)2 * JOURNAL_PAGE * 8 + 1000;
    fake_disk_flip(f->fake, FIRST, bit);
    expect_corrupt(f, "00000000000000000000.seg is damaged at byte 8192");
    expect_corrupt(f, "nothing was changed");
    err_t err;
    assert_int_equal(read_values(f, 3, &err), 1);
    assert_int_equal(err, ERR_CORRUPT);
    fake_disk_flip(f->fake, FIRST, bit);
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 3);
    write_values(journal, 3, 4);
    journal_close(journal);
    fake_disk_flip(f->fake, DIR "/00000000000000000003.seg",
                   (uint64_t)JOURNAL_PAGE * 8 + 1000);
    expect_corrupt(f, "00000000000000000003.seg is damaged at byte 4096");
}

/* Goal: a frame in another's place (a misdirected write) is rot. */
static void a_frame_in_anothers_place(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 3);
    kill_journal(f, journal);
    uint64_t size = 0;
    uint8_t *bytes = fake_disk_bytes(f->fake, FIRST, &size);
    memcpy(bytes + (size_t)3 * JOURNAL_PAGE, bytes + JOURNAL_PAGE,
           JOURNAL_PAGE);
    expect_corrupt(f, "damaged at byte 12288");
}

/* Goal: a segment that is missing, renamed, from another journal, or older than
 * its place, is refused. */
static void segments_out_of_place(void **state) {
    struct fixture *f = *state;
    f->options.segment_bytes = SMALL_SEGMENT;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 4);
    journal_close(journal);
    struct disk *disk = &f->platform.disk;
    static const char second[] = DIR "/00000000000000000001.seg";
    assert_int_equal(disk->rename(disk->self, second, DIR "/away"), ERR_OK);
    expect_corrupt(f, "records from 1 on are missing");
    err_t err;
    assert_int_equal(read_values(f, 4, &err), 1);
    assert_int_equal(err, ERR_CORRUPT);
    assert_int_equal(read_values(f, UINT64_MAX, &err), 1);
    assert_int_equal(err, ERR_CORRUPT);
    assert_int_equal(disk->rename(disk->self, DIR "/away", second), ERR_OK);
    assert_int_equal(disk->rename(disk->self, FIRST, DIR "/away"), ERR_OK);
    f->options.whole = true;
    expect_corrupt(f, "records from 0 on are missing");
    struct journal_reader *reader;
    assert_int_equal(journal_reader_open(disk, DIR, 0, &reader, NULL),
                     ERR_NOT_FOUND);
    uint64_t size = 0;
    const uint8_t *bytes = fake_disk_bytes(f->fake, second, &size);
    fake_disk_put(f->fake, FIRST, slice_of(bytes, (size_t)size));
    expect_corrupt(f, "was it renamed?");
}

/* Rewrites the header of a segment file that holds nothing else. */
static void put_header(struct fixture *f, const struct segment_header *header,
                       uint16_t version) {
    uint8_t page[JOURNAL_PAGE];
    segment_header_write(header, page);
    struct writer front = writer_over(page, sizeof page);
    front.len = 5;
    writer_u16(&front, version);
    struct writer end = writer_over(page, sizeof page);
    end.len = JOURNAL_PAGE - 8;
    writer_u64(&end,
               XXH3_64bits_withSeed(page, JOURNAL_PAGE - 8, header->salt));
    fake_disk_put(f->fake, FIRST, slice_of(page, sizeof page));
}

/* Goal: a format that this program does not know is refused by its number, by
 * both who write and who read, and is not touched. */
static void newer_format(void **state) {
    struct fixture *f = *state;
    struct disk *disk = &f->platform.disk;
    assert_int_equal(disk->make_dir(disk->self, DIR), ERR_OK);
    struct segment_header header = {
        .salt = 7, .incarnation = 1, .store = "store-7", .stream = "orders"};
    put_header(f, &header, SEGMENT_FORMAT + 1);
    struct reason reason = {""};
    struct journal *journal = NULL;
    uint64_t calls = fake_disk_calls(f->fake);
    assert_int_equal(journal_open(&f->options, &journal, &reason),
                     ERR_UNSUPPORTED);
    assert_int_equal(fake_disk_calls(f->fake), calls);
    assert_non_null(strstr(reason.text, "journal format 2"));
    struct journal_reader *reader;
    assert_int_equal(journal_reader_open(disk, DIR, 0, &reader, &reason),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(reason.text, "journal format 2"));
    put_header(f, &header, SEGMENT_FORMAT);
    expect_length(f, 0);
}

/* Goal: incarnations only go up, start at one, and do not wrap. */
static void incarnations(void **state) {
    struct fixture *f = *state;
    struct disk *disk = &f->platform.disk;
    assert_int_equal(disk->make_dir(disk->self, DIR), ERR_OK);
    struct segment_header header = {
        .salt = 7, .store = "store-7", .stream = "orders"};
    put_header(f, &header, SEGMENT_FORMAT);
    expect_corrupt(f, "incarnation is lower");
    header.incarnation = UINT32_MAX;
    put_header(f, &header, SEGMENT_FORMAT);
    struct journal *journal;
    struct reason reason = {""};
    assert_int_equal(journal_open(&f->options, &journal, &reason), ERR_RANGE);
    assert_non_null(strstr(reason.text, "start a new one"));
    header.incarnation = UINT32_MAX - 1;
    put_header(f, &header, SEGMENT_FORMAT);
    expect_length(f, 0);
}

/* A frame of one record as another segment, or somebody who guesses, would have
 * it: right in all but the salt. */
static struct slice forged_frame(uint8_t *page, uint32_t incarnation,
                                 uint64_t seq, uint64_t salt) {
    struct writer frame = writer_over(page, JOURNAL_PAGE);
    frame_begin(&frame);
    frame_add(&frame, SLICE("forged"));
    struct frame_head head = {
        .incarnation = incarnation, .first_seq = seq, .count = 1};
    return frame_finish(&frame, &head, salt);
}

/* A record whose pages, once in the file, begin with frames and a seal that do
 * not belong there: forged ones, and a copy of the segment `stale`. */
static struct slice forged_record(uint8_t *buf, size_t len,
                                  struct slice stale) {
    struct writer writer = writer_over(buf, len);
    writer_fill(&writer, 0,
                JOURNAL_PAGE - FRAME_HEAD_SIZE - FRAME_ITEM_HEAD_SIZE);
    uint8_t page[JOURNAL_PAGE];
    for (uint64_t seq = 0; seq < 4; seq++) {
        for (uint32_t incarnation = 1; incarnation < 4; incarnation++) {
            writer_slice_add(&writer, forged_frame(page, incarnation, seq, 0));
        }
    }
    struct segment_seal seal = {.next_seq = 1, .clean_stop = true};
    segment_seal_write(&seal, 0, page);
    writer_slice_add(&writer, slice_of(page, sizeof page));
    writer_slice_add(&writer, stale);
    assert_false(writer.full);
    return writer_slice(&writer);
}

/* Goal: frames, forged or from an older segment, inside a record and at the
 * very offsets where recovery looks, are not taken for frames: with the
 * record's own frame torn in any one page the end is torn, and no rot. */
static void frames_inside_a_record(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 1);
    journal_close(journal);
    uint64_t size = 0;
    const uint8_t *bytes = fake_disk_bytes(f->fake, FIRST, &size);
    size_t cap = 32 * JOURNAL_PAGE;
    uint8_t *buf = malloc(cap);
    assert_non_null(buf);
    struct slice record =
        forged_record(buf, cap, slice_of(bytes, (size_t)size));

    journal = support_open(&f->options);
    journal_begin(journal);
    support_append(journal, record);
    support_commit(journal);
    kill_journal(f, journal);
    static const char path[] = DIR "/00000000000000000001.seg";
    size_t used = JOURNAL_PAGE + (size_t)frame_size(record.len + 5);
    uint8_t *copy = malloc(used);
    assert_non_null(copy);
    memcpy(copy, fake_disk_bytes(f->fake, path, &size), used);
    for (size_t at = JOURNAL_PAGE; at < used; at += JOURNAL_PAGE) {
        fake_disk_put(f->fake, path, slice_of(copy, used));
        uint8_t *torn = fake_disk_bytes(f->fake, path, &size);
        memset(torn + at, 0, JOURNAL_PAGE);
        expect_length(f, 1);
    }
    fake_disk_put(f->fake, path, slice_of(copy, used));
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 2);
    journal_close(journal);
    free(copy);
    free(buf);
}

/* Goal: a head that claims more than the file holds, or nonsense, costs no
 * memory and is no frame. */
static void heads_that_lie(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    write_values(journal, 0, 2);
    kill_journal(f, journal);
    uint64_t size = 0;
    uint8_t *page =
        fake_disk_bytes(f->fake, FIRST, &size) + (size_t)3 * JOURNAL_PAGE;
    forged_frame(page, 1, 2, 0);
    struct writer events_len = writer_over(page, JOURNAL_PAGE);
    events_len.len = FRAME_HEAD_SIZE - 4;
    writer_u32(&events_len, UINT32_MAX);
    expect_length(f, 2);
}

/* Goal: a reader's memory goes back after an unusually large frame. */
static void buffers_shrink(void **state) {
    (void)state;
    struct segment_buffer buffer;
    assert_int_equal(segment_buffer_init(&buffer), ERR_OK);
    size_t small = buffer.cap;
    segment_buffer_shrink(&buffer);
    assert_int_equal(buffer.cap, small);
    uint8_t *more = realloc(buffer.data, 2 * 1024 * 1024);
    assert_non_null(more);
    buffer.data = more;
    buffer.cap = 2 * 1024 * 1024;
    segment_buffer_shrink(&buffer);
    assert_int_equal(buffer.cap, small);
    segment_buffer_free(&buffer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    printf("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {
        TEST(every_bit_of_a_sealed_segment),
        TEST(every_length_of_a_sealed_segment),
        TEST(every_length_of_the_last_segment),
        TEST(every_length_of_a_closed_segment),
        TEST(every_bit_of_the_last_frame),
        TEST(rot_in_the_last_segment),
        TEST(a_frame_in_anothers_place),
        TEST(segments_out_of_place),
        TEST(newer_format),
        TEST(incarnations),
        TEST(frames_inside_a_record),
        TEST(heads_that_lie),
        TEST(buffers_shrink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
