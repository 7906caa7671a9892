/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged header takes no record with it as long as its salt is there. */
#include "gateway/journal/mend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/journal/fixture.h"

enum {
    RECORDS = 4, /* of each of the three lives */
    SALT_AT = 8,
    SALT_END = 16,
    FIELDS_END = 100,
    STEP = TEST_SHARE,
    SPARSE = 61 * TEST_SHARE, /* behind the fields, where all bits are alike */
};

static const struct mend_owner nobody = {NULL, NULL};
static const struct mend_owner ours = {"store-7", "orders"};

static uint64_t first_of(int life) {
    return (uint64_t)life * RECORDS;
}

static void three_lives(struct fixture *f) {
    fixture_life(f, RECORDS, false);
    fixture_life(f, RECORDS, true);
    fixture_life(f, RECORDS, false);
}

/* Noise in [from, to) of the header's page. */
static void spoil(struct fixture *f, uint64_t first, size_t from, size_t to) {
    struct support_random random = {first + from + to};
    char path[FIXTURE_PATH];
    fixture_segment(first, path);
    for (size_t i = from; i < to; i++) {
        uint8_t noise = (uint8_t)(1 + support_below(&random, 255));
        for (int bit = 0; bit < 8; bit++) {
            if ((noise >> bit & 1) != 0) {
                fake_disk_flip(f->fake, path, 8 * i + (uint64_t)bit);
            }
        }
    }
}

static err_t mend(struct fixture *f, uint64_t first, struct mend_owner owner,
                  struct segment_header *ret) {
    struct segment segment;
    TRY(mend_open(&f->platform.disk, FIXTURE_DIR, first, owner, &segment));
    *ret = segment.header;
    segment_close(&segment);
    return ERR_OK;
}

static void expect_same(const struct segment_header *one,
                        const struct segment_header *other) {
    assert_memory_equal(one->journal_id, other->journal_id, JOURNAL_ID_SIZE);
    assert_memory_equal(one->boot_id, other->boot_id, JOURNAL_ID_SIZE);
    assert_true(one->salt == other->salt);
    assert_true(one->first_seq == other->first_seq);
    assert_int_equal(one->incarnation, other->incarnation);
    assert_string_equal(one->store, other->store);
    assert_string_equal(one->stream, other->stream);
}

/* Goal: whichever bit of the page is flipped, the header is told as it was,
 * though it be the only one, and to one who does not know whose it is. */
static void one_bit(void **state) {
    struct fixture *f = *state;
    struct segment_header told;
    fixture_life(f, RECORDS, false);
    const struct segment_header was = fixture_header(f, 0);
    uint64_t bits = 8 * (uint64_t)JOURNAL_PAGE;
    for (uint64_t bit = 0; bit < bits;
         bit += bit < 8 * FIELDS_END || bit >= bits - 64 ? STEP : SPARSE) {
        fake_disk_flip(f->fake, FIXTURE_FIRST, bit);
        assert_int_equal(mend(f, 0, nobody, &told), ERR_OK);
        expect_same(&told, &was);
        fake_disk_flip(f->fake, FIXTURE_FIRST, bit);
    }
}

/* Goal: one field, or more of them, is gone altogether: it is known from
 * elsewhere, and the checksum says that it is right. */
static void fields(void **state) {
    (void)state;
    static const size_t gone[][2] = {
        {0, SALT_AT}, {17, 33},    {34, 50},   {50, 64},       {64, 100},
        {17, 33},     {100, 4088}, {50, 4088}, {SALT_END, 34},
    };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        for (int life = 0; life < 3; life++) {
            struct fixture *f;
            struct segment_header told;
            assert_int_equal(fixture_setup((void **)&f), 0);
            three_lives(f);
            const struct segment_header was = fixture_header(f, first_of(life));
            spoil(f, first_of(life), gone[i][0], gone[i][1]);
            assert_int_equal(mend(f, first_of(life), ours, &told), ERR_OK);
            if (gone[i][0] == 34) { /* the life, which only it knew */
                memcpy(told.boot_id, was.boot_id, JOURNAL_ID_SIZE);
            }
            expect_same(&told, &was);
            fixture_teardown((void **)&f);
        }
    }
}

/* Goal: of a life with more than one segment the other one knows the life. */
static void a_life_of_two_segments(void **state) {
    struct fixture *f = *state;
    struct segment_header told;
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, RECORDS);
    assert_int_equal(journal_roll(journal, NULL), ERR_OK);
    fixture_write(journal, RECORDS);
    journal_close(journal);
    for (uint64_t first = 0; first <= RECORDS; first += RECORDS) {
        const struct segment_header was = fixture_header(f, first);
        spoil(f, first, 34, 50);
        assert_int_equal(mend(f, first, nobody, &told), ERR_OK);
        expect_same(&told, &was);
        spoil(f, first, 34, 50); /* the same noise: it is whole again */
    }
}

static void records_are_read(struct fixture *f, uint64_t end) {
    struct journal_reader *reader =
        support_reader(&f->platform.disk, FIXTURE_DIR, 0);
    struct journal_record record;
    for (uint64_t seq = 0; seq < end; seq++) {
        assert_int_equal(journal_reader_next(reader, end, &record), ERR_OK);
        assert_int_equal(record.seq, seq);
    }
    journal_reader_close(reader);
}

/* Goal: all but the salt is noise: readers have every record, a start that sets
 * damage aside loses none, and one that does not refuses it. */
static void all_but_the_salt(void **state) {
    (void)state;
    for (int life = 0; life < 3; life++) {
        struct fixture *f;
        struct journal *journal;
        assert_int_equal(fixture_setup((void **)&f), 0);
        three_lives(f);
        spoil(f, first_of(life), 0, SALT_AT);
        spoil(f, first_of(life), SALT_END, JOURNAL_PAGE);
        records_are_read(f, 3 * RECORDS);
        uint64_t calls = fake_disk_calls(f->fake);
        assert_int_equal(journal_open(&f->options, &journal, NULL),
                         ERR_CORRUPT);
        assert_int_equal(fake_disk_calls(f->fake), calls);
        f->options.quarantine = true;
        for (int start = 0; start < 2; start++) {
            size_t gaps;
            journal = support_open(&f->options);
            (void)journal_gaps(journal, &gaps);
            assert_int_equal(gaps, 0);
            assert_int_equal(journal_next_seq(journal), 3 * RECORDS);
            records_are_read(f, 3 * RECORDS);
            journal_close(journal);
            f->options.quarantine = false; /* it is sound by now */
        }
        fixture_teardown((void **)&f);
    }
}

/* Goal: without the salt, and of a file with another's name, nothing is told.
 */
static void what_cannot_be_told(void **state) {
    struct fixture *f = *state;
    struct segment_header told;
    const struct disk *disk = &f->platform.disk;
    three_lives(f);
    assert_int_equal(mend(f, 0, ours, &told), ERR_CORRUPT); /* it is whole */
    spoil(f, first_of(1), SALT_AT, SALT_END);
    assert_int_equal(mend(f, first_of(1), ours, &told), ERR_CORRUPT);
    char other[FIXTURE_PATH];
    fixture_segment(99, other);
    assert_int_equal(disk->rename(disk->self, FIXTURE_FIRST, other), ERR_OK);
    assert_int_equal(mend(f, 99, ours, &told), ERR_CORRUPT);
    assert_int_equal(mend(f, 0, ours, &told), ERR_NOT_FOUND);
    fake_disk_put(f->fake, FIXTURE_FIRST, SLICE("short"));
    assert_int_equal(mend(f, 0, ours, &told), ERR_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_bit, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(fields),
        cmocka_unit_test_setup_teardown(a_life_of_two_segments, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(all_but_the_salt),
        cmocka_unit_test_setup_teardown(what_cannot_be_told, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
