/* SPDX-License-Identifier: Apache-2.0 */
/* Each gap is announced by exactly one record: marks of it on the disk,
 * whatever the power cuts off between the mark and the record. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>

#include "tests/unit/journal/fixture.h"

#define FIRST FIXTURE_FIRST
#define DAMAGE FIXTURE_DIR "/damage"

static int setup(void **state) {
    int failed = fixture_setup(state);
    struct fixture *f = *state;
    f->options.quarantine = true;
    return failed;
}

static void append_one(struct journal *journal) {
    journal_begin(journal);
    support_append(journal, SLICE("record"));
}

static struct journal_gap only_gap(const struct journal *journal) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    assert_int_equal(count, 1);
    return gaps[0];
}

static void expect_told_at(struct fixture *f, uint64_t told_at) {
    struct journal *journal = support_open(&f->options);
    const struct journal_gap gap = only_gap(journal);
    assert_int_equal(gap.told_at, told_at);
    assert_true(journal_gap_is_told(&gap) == (told_at != JOURNAL_UNTOLD));
    fixture_kill(f, journal);
}

/* A journal of five records in which [1, 2) is known to be gone. */
static struct journal *open_with_gap(struct fixture *f) {
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, 5);
    assert_int_equal(journal_note_gap(journal, 1, 2, NULL), ERR_OK);
    assert_int_equal(only_gap(journal).told_at, JOURNAL_UNTOLD);
    return journal;
}

static err_t mark(struct journal *journal, uint64_t told_at) {
    struct journal_gap told = only_gap(journal);
    told.told_at = told_at;
    return journal_mark_told(journal, &told, 1, NULL);
}

/* Goal: a gap is noted and announced beside a batch that fills; that stays
 * known over starts, and another note of it changes nothing. */
static void told_once(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, 5);
    append_one(journal);
    assert_int_equal(journal_note_gap(journal, 1, 2, NULL), ERR_OK);
    journal_hand_over(journal);
    append_one(journal); /* this one tells of it */
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(only_gap(journal).told_at, JOURNAL_UNTOLD);
    journal_hand_over(journal);
    assert_int_equal(mark(journal, 6), ERR_OK);
    append_one(journal); /* and another one fills */
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(journal_note_gap(journal, 1, 2, NULL), ERR_OK);
    assert_int_equal(only_gap(journal).told_at, 6);
    fixture_kill(f, journal);
    expect_told_at(f, 6);
    expect_told_at(f, 6);
}

/* Goal: a gap that is not announced stays so, whatever else is appended. */
static void untold_behind_records(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_gap(f);
    fixture_write(journal, 3);
    fixture_kill(f, journal);
    expect_told_at(f, JOURNAL_UNTOLD);
}

/* Goal: the mark of a record that was never committed is no mark, and does not
 * become one when another record gets its number. */
static void mark_without_its_record(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_gap(f);
    append_one(journal);
    assert_int_equal(mark(journal, 5), ERR_OK);
    fixture_kill(f, journal);
    journal = support_open(&f->options);
    assert_int_equal(only_gap(journal).told_at, JOURNAL_UNTOLD);
    fixture_write(journal, 3);
    fixture_kill(f, journal);
    expect_told_at(f, JOURNAL_UNTOLD);
    journal = support_open(&f->options);
    append_one(journal);
    assert_int_equal(mark(journal, 8), ERR_OK);
    support_commit(journal);
    fixture_kill(f, journal);
    expect_told_at(f, 8);
}

/* Goal: wherever the world ends while a gap is marked and announced, and while
 * the start after it is at work, it counts as told if the record is there. */
static void every_cut(void **state) {
    struct fixture *unused = *state;
    (void)unused;
    uint64_t told = 0;
    uint64_t untold = 0;
    bool through = false;
    for (uint64_t stop = 1; !through; stop++) {
        struct fixture *f;
        assert_int_equal(setup((void **)&f), 0);
        struct journal *journal = open_with_gap(f);
        append_one(journal);
        fake_disk_stop_at(f->fake, stop);
        err_t err = mark(journal, 5);
        err = err == ERR_OK ? journal_commit(journal, NULL) : err;
        through = err == ERR_OK;
        fixture_kill(f, journal);
        /* The next start is cut off as well, at each of its calls in turn. */
        for (uint64_t again = 1; again < 12; again++) {
            struct reason reason;
            fake_disk_stop_at(f->fake, again);
            if (journal_open(&f->options, &journal, &reason) == ERR_OK) {
                fixture_kill(f, journal);
            } else {
                fake_disk_power_cut(f->fake, FAKE_DROP);
            }
        }
        fake_disk_stop_at(f->fake, 0);
        journal = support_open(&f->options);
        bool is_there = journal_next_seq(journal) == 6;
        assert_int_equal(only_gap(journal).told_at,
                         is_there ? 5 : JOURNAL_UNTOLD);
        told += is_there;
        untold += !is_there;
        journal_close(journal);
        fixture_teardown((void **)&f);
    }
    assert_true(told > 0 && untold > 3);
}

/* Goal: a mark that cannot be written is none, in memory or on the disk. */
static void mark_that_fails(void **state) {
    struct fixture *f = *state;
    struct journal *journal = open_with_gap(f);
    append_one(journal);
    static const enum fake_call calls[] = {FAKE_CREATE, FAKE_WRITE, FAKE_SYNC,
                                           FAKE_RENAME};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        fake_disk_fail_at(f->fake, calls[i], 1, ERR_IO);
        assert_int_equal(mark(journal, 5), ERR_IO);
        assert_int_equal(only_gap(journal).told_at, JOURNAL_UNTOLD);
    }
    support_commit(journal);
    fixture_kill(f, journal);
    expect_told_at(f, JOURNAL_UNTOLD);
}

/* --- Damage to the record that tells ------------------------------------- */

/* Two gaps by damage: the frame of record 1, announced by record 5, and then
 * the frame of that. */
static void lose_the_teller(struct fixture *f, uint64_t known_end) {
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, 5);
    journal_close(journal);
    fake_disk_flip(f->fake, FIRST, (uint64_t)2 * JOURNAL_PAGE * 8 + 800);
    journal = support_open(&f->options);
    append_one(journal);
    assert_int_equal(mark(journal, 5), ERR_OK);
    support_commit(journal);
    fixture_write(journal, 1);
    journal_close(journal);
    fake_disk_flip(f->fake, FIXTURE_DIR "/00000000000000000005.seg",
                   (uint64_t)JOURNAL_PAGE * 8 + 800);
    f->options.known_end = known_end;
}

/* Goal: what announced a gap is gone and never reached the cloud: it is
 * announced again, once. */
static void teller_lost(void **state) {
    struct fixture *f = *state;
    lose_the_teller(f, 5);
    struct journal *journal = support_open(&f->options);
    size_t count;
    struct journal_gap told[2];
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(gaps[i].first, i == 0 ? 1 : 5);
        assert_int_equal(gaps[i].told_at, JOURNAL_UNTOLD);
        told[i] = gaps[i];
        told[i].told_at = 7;
    }
    append_one(journal);
    assert_int_equal(journal_mark_told(journal, told, 2, NULL), ERR_OK);
    support_commit(journal);
    journal_close(journal);
    journal = support_open(&f->options);
    gaps = journal_gaps(journal, &count);
    assert_int_equal(count, 2);
    assert_int_equal(gaps[0].told_at, 7);
    assert_int_equal(gaps[1].told_at, 7);
    journal_close(journal);
}

/* Goal: it did reach the cloud: it is not announced again. */
static void teller_lost_and_delivered(void **state) {
    struct fixture *f = *state;
    lose_the_teller(f, 6);
    struct journal *journal = support_open(&f->options);
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    assert_int_equal(count, 2);
    assert_int_equal(gaps[0].told_at, 5);
    assert_int_equal(gaps[1].told_at, JOURNAL_UNTOLD);
    journal_close(journal);
}

/* --- The file ------------------------------------------------------------- */

static void put_damage(struct fixture *f, uint32_t version, uint64_t third) {
    uint8_t bytes[64];
    struct writer writer = writer_over(bytes, sizeof bytes);
    writer_str(&writer, "SEDGEROT");
    writer_u32(&writer, version);
    writer_u32(&writer, 0);
    writer_u32(&writer, 1);
    writer_u64(&writer, 1);
    writer_u64(&writer, 2);
    writer_u64(&writer, third);
    writer_u64(&writer, XXH3_64bits(writer.data, writer.len));
    fake_disk_put(f->fake, DAMAGE, writer_slice(&writer));
}

static uint32_t damage_version(struct fixture *f) {
    uint64_t size;
    const uint8_t *bytes = fake_disk_bytes(f->fake, DAMAGE, &size);
    assert_non_null(bytes);
    assert_int_equal(size, 52);
    return bytes[11];
}

/* Goal: a file of version 1 says where the journal ended when the gap was
 * noticed. What the journal holds from there on announced it. */
static void version_1_told(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, 5);
    journal_close(journal);
    put_damage(f, 1, 4);
    expect_told_at(f, 4);
    expect_told_at(f, 4);
    assert_int_equal(damage_version(f), 1);
}

/* Goal: if there is nothing from there on, it is untold, and stays so when
 * something is appended. */
static void version_1_untold(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, 5);
    journal_close(journal);
    put_damage(f, 1, 5);
    journal = support_open(&f->options);
    assert_int_equal(only_gap(journal).told_at, JOURNAL_UNTOLD);
    fixture_write(journal, 3);
    fixture_kill(f, journal);
    assert_int_equal(damage_version(f), 2);
    expect_told_at(f, JOURNAL_UNTOLD);
}

/* Goal: a later version, and one that no program wrote, is refused by name, and
 * nothing is changed. */
static void other_versions(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, 5);
    journal_close(journal);
    static const uint32_t versions[] = {0, 3};
    for (size_t i = 0; i < 2; i++) {
        put_damage(f, versions[i], 4);
        uint64_t calls = fake_disk_calls(f->fake);
        struct reason reason = {""};
        assert_int_equal(journal_open(&f->options, &journal, &reason),
                         ERR_UNSUPPORTED);
        assert_non_null(strstr(reason.text, "/orders/damage"));
        assert_int_equal(fake_disk_calls(f->fake), calls);
    }
    put_damage(f, 2, 4);
    expect_told_at(f, 4);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(told_once),
        TEST(untold_behind_records),
        TEST(mark_without_its_record),
        TEST(every_cut),
        TEST(mark_that_fails),
        TEST(teller_lost),
        TEST(teller_lost_and_delivered),
        TEST(version_1_told),
        TEST(version_1_untold),
        TEST(other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
