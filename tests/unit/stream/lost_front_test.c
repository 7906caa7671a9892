/* SPDX-License-Identifier: Apache-2.0 */
/* What is gone between the cloud's cursor and the journal's first record is
 * announced, whatever took it and the record of it: once, and nothing else. */
#include "gateway/stream/lost_front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)
#define DROPPED FIXTURE_DIR "/dropped"

enum { PER_SEGMENT = 14 };

static uint64_t number_in(const struct fixture_record *record,
                          const char *name) {
    const char *at = strstr(record->data, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

/* The first segment is gone; where the second one begins. */
static uint64_t remove_first(struct fixture *f) {
    const struct disk *disk = &f->disk;
    uint64_t begins;
    assert_int_equal(
        disk->unlink(disk->self, FIXTURE_DIR "/00000000000000000000.seg"),
        ERR_OK);
    assert_int_equal(disk->sync_dir(disk->self, FIXTURE_DIR), ERR_OK);
    assert_int_equal(journal_begins(disk, FIXTURE_DIR, &begins, NULL), ERR_OK);
    return begins;
}

static void expect_said(struct fixture *f, const char *type, size_t nth,
                        uint64_t first, uint64_t end) {
    fixture_read_from(f, fixture_start(f));
    assert_int_equal(fixture_count(f, type), nth + 1);
    const struct fixture_record *said = fixture_find(f, type, nth);
    assert_non_null(said);
    assert_int_equal(number_in(said, "\"first\":"), first);
    assert_int_equal(number_in(said, "\"last\":"), end - 1);
}

/* Goal: a file that is missing at the front is damage, of the records that the
 * cloud does not have; the next start says nothing more. */
static void test_a_missing_first_file(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_commit_large(f, 0, 2 * PER_SEGMENT + 5);
    fixture_close(f);
    uint64_t begins = remove_first(f);
    f->known_end = 3;
    for (int start = 0; start < 3; start++) {
        fixture_open(f);
        expect_said(f, "JournalDamaged", 0, 3, begins);
        size_t count;
        const struct journal_gap *gaps = stream_gaps(f->stream, &count);
        assert_int_equal(count, 1);
        assert_int_equal(gaps[0].end, begins);
        if (start == 1) {
            fixture_crash(f, FAKE_DROP);
        } else {
            fixture_close(f);
        }
    }
    f->settings->on_rot = CONFIG_ROT_STOP; /* it is no new damage */
    fixture_open(f);
}

/* Goal: a store that was never online loses its first file: the cloud has
 * nothing of it, as its cursor says. Without a cursor nobody can tell. */
static void test_nothing_was_ever_sent(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_commit_large(f, 0, 2 * PER_SEGMENT + 5);
    fixture_close(f);
    uint64_t begins = remove_first(f);
    for (int start = 0; start < 4; start++) {
        f->cursor_known = start > 0;
        fixture_open(f);
        if (start == 0) {
            fixture_read_from(f, begins);
            assert_int_equal(fixture_count(f, "JournalDamaged"), 0);
        } else {
            expect_said(f, "JournalDamaged", 0, 0, begins);
        }
        fixture_close(f);
    }
}

/* Goal: the same of a stream that may drop, with a ledger that says nothing. */
static void test_nothing_was_sent_or_dropped(void **state) {
    struct fixture *f = *state;
    f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    fixture_open(f);
    fixture_commit_large(f, 0, 2 * PER_SEGMENT + 5);
    fixture_close(f);
    uint64_t begins = remove_first(f);
    f->cursor_known = true;
    for (int start = 0; start < 3; start++) {
        fixture_open(f);
        expect_said(f, "EventsDropped", 0, 0, begins);
        fixture_close(f);
    }
}

/* Goal: what the cloud has may be gone, and who refuses damage is refused. */
static void test_no_more_than_that(void **state) {
    struct fixture *f = *state;
    struct reason reason;
    fixture_open(f);
    fixture_commit_large(f, 0, 2 * PER_SEGMENT + 5);
    fixture_close(f);
    uint64_t begins = remove_first(f);
    f->known_end = begins;
    f->settings->on_rot = CONFIG_ROT_STOP;
    fixture_open(f);
    fixture_read_from(f, begins);
    assert_int_equal(fixture_count(f, "JournalDamaged"), 0);
    fixture_close(f);
    f->known_end = begins - 1;
    assert_int_equal(fixture_try_open(f, &reason), ERR_CORRUPT);
    assert_non_null(strstr(reason.text, "journal repair"));
}

/* Goal: a shop whose first file is gone goes on from its snapshots. */
static void test_a_shop(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    f->settings->keep = 0;
    fixture_open(f);
    uint64_t number = 0;
    while (fixture_start(f) == 0) {
        fixture_commit_orders(f, number++, 1);
        stream_tick(f->stream, fixture_end(f));
        fixture_settle(f);
    }
    uint64_t hash = fixture_hash(f);
    uint64_t start = fixture_start(f);
    fixture_close(f);
    f->known_end = start - 2;
    fixture_open(f);
    expect_said(f, "JournalDamaged", 0, start - 2, start);
    assert_true(fixture_hash(f) != 0 && hash != 0);
    fixture_commit_orders(f, number, 1); /* it sells */
}

/* --- A stream that may drop ------------------------------------------------
 */

static void drop_some(struct fixture *f) {
    f->settings->capacity = 4 * MIB;
    f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    fixture_open(f);
    uint64_t number = 0;
    while (fixture_start(f) == 0) {
        fixture_commit_large(f, number++, 1);
    }
    fixture_commit_large(f, number, 2);
    assert_int_equal(fixture_check_named(f), fixture_start(f));
}

/* Goal: with its ledger nothing is said twice; without it, rotten or removed,
 * all that is missing is named anew, and then no more. */
static void check_ledger(struct fixture *f, int harm, uint64_t delivered) {
    drop_some(f);
    uint64_t start = fixture_start(f);
    size_t named = fixture_count(f, "EventsDropped");
    fixture_close(f);
    f->known_end = delivered;
    if (harm == 1) {
        const uint8_t zeros[8192] = {0};
        fake_disk_put(f->fake, DROPPED, slice_of(zeros, sizeof zeros));
    } else if (harm == 2) {
        assert_int_equal(f->disk.unlink(f->disk.self, DROPPED), ERR_OK);
    }
    for (int again = 0; again < 3; again++) {
        fixture_open(f);
        if (harm == 0) {
            fixture_read_from(f, fixture_start(f));
            assert_int_equal(fixture_count(f, "EventsDropped"), named);
        } else {
            expect_said(f, "EventsDropped", named, delivered, start);
        }
        assert_int_equal(fixture_count(f, "JournalDamaged"), 0);
        if (again == 1) {
            fixture_kill(f);
        } else {
            fixture_close(f);
        }
    }
}

static void test_the_ledger(void **state) {
    (void)state;
    for (int harm = 0; harm < 3; harm++) {
        for (uint64_t delivered = 0; delivered < 6; delivered += 5) {
            struct fixture *f = fixture_new(11);
            check_ledger(f, harm, delivered);
            fixture_free(f);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_missing_first_file),
        FIXTURE_TEST(test_nothing_was_ever_sent),
        FIXTURE_TEST(test_nothing_was_sent_or_dropped),
        FIXTURE_TEST(test_no_more_than_that),
        FIXTURE_TEST(test_a_shop),
        cmocka_unit_test(test_the_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
