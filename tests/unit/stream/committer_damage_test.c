/* SPDX-License-Identifier: Apache-2.0 */
/* Damage is recorded and announced once, whatever goes on meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)

/* Goal: noted while a batch fills it is announced in that batch, once, and the
 * door still ends the batch. */
static void test_damage_while_a_batch_fills(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fixture_small(f, 1);
    fixture_note(f, 0, 1);
    fixture_settle(f);
    fixture_note(f, 0, 1);
    assert_int_equal(f->commit.given_count, 0); /* it is recorded */
    fixture_small(f, 2);
    assert_int_equal(fixture_end(f), 1);
    fixture_commit(f);
    assert_int_equal(fixture_damaged_count(f), 1);
    assert_string_equal(f->records[2].type, "JournalDamaged");
    assert_non_null(strstr(f->records[2].data, "\"first\":0,\"last\":0"));
    for (int restart = 0; restart < 2; restart++) {
        fixture_close(f);
        fixture_open(f);
        fixture_note(f, 0, 1);
        fixture_settle(f);
        assert_int_equal(fixture_damaged_count(f), 1);
        size_t count;
        assert_int_equal(stream_gaps(f->stream, &count)->told_at, 2);
    }
}

/* Goal: noted while a commit runs it is recorded by the next job and
 * announced, once, though it is noted again and again. */
static void test_damage_while_a_commit_runs(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_ask(f);
    for (int i = 0; i < 20; i++) {
        fixture_note(f, 0, 1);
    }
    assert_true(fixture_work(f));
    fixture_note(f, 0, 1);
    assert_true(fixture_done(f));
    fixture_note(f, 0, 1); /* the job that notes it runs now */
    fixture_settle(f);
    assert_int_equal(fixture_damaged_count(f), 1);
    size_t count;
    assert_int_equal(stream_gaps(f->stream, &count)->told_at, 1);
    assert_int_equal(count, 1);
}

/* Goal: damage beside or around what an uncommitted batch already tells of is
 * announced for itself, and each number once. */
static void test_damage_that_adjoins(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    for (uint64_t i = 0; i < 6; i++) {
        fixture_small(f, i);
        fixture_commit(f);
    }
    fixture_small(f, 6); /* the batch that tells stays open */
    fixture_note(f, 2, 3);
    fixture_settle(f);
    fixture_note(f, 1, 4);
    fixture_settle(f);
    fixture_commit(f);
    assert_int_equal(fixture_damaged_count(f), 3);
    /* All of it is recorded now, in three parts: there is nothing to do. */
    uint32_t jobs = f->commit_jobs;
    fixture_note(f, 1, 4);
    fixture_note(f, 2, 4);
    fixture_settle(f);
    assert_int_equal(f->commit_jobs, jobs);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(fixture_damaged_count(f), 3);
}

/* Goal: more ranges than one job takes are noted when they are told again. */
static void test_many_ranges(void **state) {
    enum { RANGES = 20 };
    struct fixture *f = *state;
    fixture_open(f);
    for (uint64_t i = 0; i <= 2 * RANGES; i++) {
        fixture_small(f, i);
    }
    fixture_commit(f);
    struct journal_gap gaps[RANGES];
    for (uint64_t i = 0; i < RANGES; i++) {
        gaps[i] = (struct journal_gap){2 * i, 2 * i + 1, JOURNAL_UNTOLD};
    }
    for (int tick = 0; tick < 3; tick++) {
        stream_note_damage(f->stream, gaps, RANGES);
        fixture_settle(f);
    }
    size_t count;
    (void)stream_gaps(f->stream, &count);
    assert_int_equal(count, RANGES);
    assert_int_equal(fixture_damaged_count(f), RANGES);
    uint32_t jobs = f->commit_jobs;
    stream_note_damage(f->stream, gaps, RANGES);
    fixture_settle(f);
    assert_int_equal(f->commit_jobs, jobs);
}

/* Goal: damage that cannot be recorded is announced nowhere, commits go on,
 * and it is put there when it is noted again. */
static void test_damage_that_cannot_be_noted(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fake_disk_fail_at(f->fake, FAKE_RENAME, 1, ERR_IO);
    fixture_note(f, 0, 1);
    fixture_settle(f);
    assert_int_equal(fixture_damaged_count(f), 0);
    fixture_small(f, 1);
    fixture_commit(f);
    assert_int_equal(fixture_damaged_count(f), 0);
    fixture_note(f, 0, 1);
    fixture_settle(f);
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: noting damage looks for no room that nobody asked for: it drops nothing
 * for the message that might come behind a batch that fills. */
static void test_noting_damage_drops_nothing(void **state) {
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    fixture_open(f);
    const struct journal_stats *stats = stream_journal_stats(f->stream);
    uint64_t number = 0;
    /* At the capacity, with no file made ahead, and room in the last one. */
    while (fixture_start(f) == 0 || stats->spare_bytes > 0 ||
           stats->bytes <= 3 * MIB || stream_is_full(f->stream)) {
        fixture_commit_large(f, number++, 1);
    }
    while (!stream_is_full(f->stream)) {
        fixture_large(f, number++);
    }
    uint64_t start = fixture_start(f);
    uint64_t seq = fixture_end(f) - 1;
    fixture_note(f, seq, seq + 1);
    fixture_settle(f);
    assert_int_equal(fixture_start(f), start);
    assert_null(stream_full_reason(f->stream));
    size_t gaps;
    (void)stream_gaps(f->stream, &gaps);
    assert_int_equal(gaps, 1);
}

/* Stops the world in the n-th call to the disk that telling of damage makes,
 * and starts again. False if there is no such call. */
static bool told_once_in_spite_of(uint64_t n, enum fake_fate fate) {
    struct fixture *f = fixture_new(n);
    fixture_open(f);
    for (uint64_t i = 0; i < 4; i++) {
        fixture_small(f, i);
        fixture_commit(f);
    }
    fixture_damage(f, 1);
    fixture_note(f, 1, 2);
    fake_disk_stop_at(f->fake, n);
    fixture_settle(f);
    bool stopped = fake_disk_stopped(f->fake);
    fixture_crash(f, fate);
    for (int restart = 0; restart < 2; restart++) {
        fixture_open(f);
        fixture_note(f, 1, 2); /* the bridge finds it, as it did */
        fixture_settle(f);
        assert_int_equal(fixture_damaged_count(f), 1);
        assert_int_equal(f->record_count, fixture_end(f) - 1);
        fixture_close(f);
    }
    fixture_free(f);
    return stopped;
}

/* Goal: the mark comes before the commit of what tells: wherever the power goes
 * between them, the damage is announced exactly once. */
static void test_told_once_over_power_cuts(void **state) {
    (void)state;
    for (enum fake_fate fate = FAKE_KEEP; fate <= FAKE_TEAR; fate++) {
        uint64_t n = 1;
        while (told_once_in_spite_of(n, fate)) {
            n++;
        }
        assert_true(n > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_damage_while_a_batch_fills),
        FIXTURE_TEST(test_damage_while_a_commit_runs),
        FIXTURE_TEST(test_damage_that_adjoins),
        FIXTURE_TEST(test_many_ranges),
        FIXTURE_TEST(test_damage_that_cannot_be_noted),
        FIXTURE_TEST(test_noting_damage_drops_nothing),
        FIXTURE_TEST(test_told_once_over_power_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
