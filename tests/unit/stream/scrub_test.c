/* SPDX-License-Identifier: Apache-2.0 */
/* Behind a quick start everything is read once, a part at each tick: rot that
 * nobody meets is found and announced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

enum { EVENTS = 40 };

#define MIB ((uint64_t)1024 * 1024)
#define DOUBT "doubt"

/* A stream whose next start begins with a snapshot and reads little. */
static void write_some(struct fixture *f) {
    fixture_open(f);
    fixture_commit_large(f, 0, EVENTS);
    fixture_close(f);
}

/* Ticks until the scrubber has read all: how many jobs it took. */
static uint32_t scrub_all(struct fixture *f) {
    uint32_t jobs = 0;
    for (int tick = 0; tick < 100; tick++) {
        stream_tick(f->stream, 0);
        jobs += fixture_run_shared(f);
        fixture_settle(f);
    }
    stream_tick(f->stream, 0);
    assert_int_equal(f->shared.given_count, 0); /* it has come to its end */
    return jobs;
}

/* Goal: rot in what a start did not read is announced once, over restarts. */
static void test_rot_is_found_and_told_once(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_damage(f, 3);
    fixture_damage(f, 9);
    fixture_open(f);
    assert_int_equal(fixture_damaged_count(f), 0);
    (void)scrub_all(f);
    assert_int_equal(fixture_damaged_count(f), 2);
    size_t count;
    const struct journal_gap *gaps = stream_gaps(f->stream, &count);
    assert_int_equal(count, 2);
    assert_int_equal(gaps[0].first, 3);
    assert_int_equal(gaps[1].first, 9);
    fixture_close(f);
    fixture_open(f);
    (void)scrub_all(f);
    assert_int_equal(fixture_damaged_count(f), 2);
}

/* Goal: rot beside what the bridge met, in one piece for the scrubber, is put
 * recorded once, and the scrubber goes on behind it. */
static void test_rot_around_known_rot(void **state) {
    struct fixture *f = *state;
    write_some(f);
    for (uint64_t seq = 3; seq < 6; seq++) {
        fixture_damage(f, seq);
    }
    fixture_damage(f, 9);
    fixture_open(f);
    fixture_note(f, 4, 5);
    fixture_settle(f);
    (void)scrub_all(f);
    assert_int_equal(fixture_damaged_count(f), 4);
    uint32_t jobs = f->commit_jobs;
    (void)scrub_all(f);
    assert_int_equal(f->commit_jobs, jobs);
}

/* Goal: what was found waits until it is recorded, however long that takes. */
static void test_found_while_commits_are_stuck(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_damage(f, 3);
    fixture_open(f);
    fixture_small(f, 1000);
    fixture_ask(f);
    for (int tick = 0; tick < 20; tick++) {
        stream_tick(f->stream, 0);
        (void)fixture_run_shared(f);
    }
    assert_int_equal(f->commit.given_count, 1);
    fixture_settle(f);
    (void)scrub_all(f);
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: if it cannot be recorded it is told again until it is. */
static void test_found_and_not_noted(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_damage(f, 3);
    fixture_open(f);
    stream_tick(f->stream, 0);
    assert_true(fixture_run_shared(f));
    fake_disk_fail_at(f->fake, FAKE_RENAME, 1, ERR_IO);
    stream_tick(f->stream, 0);
    assert_true(fixture_run(f));
    assert_true(fake_disk_failed(f->fake));
    assert_int_equal(fixture_damaged_count(f), 0);
    (void)scrub_all(f);
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: a job that is still reading is left alone. */
static void test_one_job_at_a_time(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_open(f);
    for (int tick = 0; tick < 5; tick++) {
        stream_tick(f->stream, 0);
        assert_int_equal(f->shared.given_count, 1);
    }
    assert_false(stream_is_idle(f->stream));
    fixture_settle(f);
    assert_true(stream_is_idle(f->stream));
}

/* Goal: much is read in parts, so that no job takes long. */
static void test_a_part_at_each_tick(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_commit_large(f, 0, 400); /* 22 MiB */
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(scrub_all(f), 3);
}

/* Goal: so it is with few bytes of events on a slow disk, where each takes a
 * page of its own: a job that reads for ten seconds is a disk that hangs. */
static void test_a_part_on_a_slow_disk(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_open(f);
    f->mono_step_us = 100000;
    assert_true(scrub_all(f) >= EVENTS / 12);
    f->mono_step_us = 0;
}

/* Goal: what is trimmed meanwhile is passed over. */
static void test_trimmed_meanwhile(void **state) {
    struct fixture *f = *state;
    f->settings->keep = 0;
    write_some(f);
    fixture_damage(f, 3);
    fixture_open(f);
    stream_tick(f->stream, EVENTS - 5); /* the job is given, and waits */
    fixture_small(f, 1000);
    fixture_ask(f);
    assert_true(fixture_run(f));
    assert_true(fixture_start(f) > 3);
    (void)scrub_all(f);
    assert_int_equal(fixture_damaged_count(f), 0);
}

/* Goal: what the disk cannot read asks for a full check at the next start,
 * which sets it aside; the scrubber asks no more. */
static void test_what_the_disk_does_not_read(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_open(f);
    fake_disk_spoil(f->fake, FIXTURE_DIR "/00000000000000000000.seg",
                    5 * JOURNAL_PAGE);
    assert_true(scrub_all(f) <= 2);
    assert_true(fixture_has_file(f, DOUBT));
    fixture_small(f, 1000); /* it sells on */
    fixture_commit(f);
    fixture_close(f);
    fixture_open(f);
    assert_false(fixture_has_file(f, DOUBT));
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: the same if not even the mark can be made: the log says what to do. */
static void test_no_mark_can_be_made(void **state) {
    struct fixture *f = *state;
    write_some(f);
    fixture_open(f);
    fake_disk_spoil(f->fake, FIXTURE_DIR "/00000000000000000000.seg",
                    5 * JOURNAL_PAGE);
    fake_disk_fail_at(f->fake, FAKE_CREATE, 1, ERR_FULL);
    assert_true(scrub_all(f) <= 2);
    assert_false(fixture_has_file(f, DOUBT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_rot_is_found_and_told_once),
        FIXTURE_TEST(test_rot_around_known_rot),
        FIXTURE_TEST(test_found_while_commits_are_stuck),
        FIXTURE_TEST(test_found_and_not_noted),
        FIXTURE_TEST(test_one_job_at_a_time),
        FIXTURE_TEST(test_a_part_at_each_tick),
        FIXTURE_TEST(test_a_part_on_a_slow_disk),
        FIXTURE_TEST(test_trimmed_meanwhile),
        FIXTURE_TEST(test_what_the_disk_does_not_read),
        FIXTURE_TEST(test_no_mark_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
