/* SPDX-License-Identifier: Apache-2.0 */
/* One job at a time makes batches durable: what is handed over never changes,
 * and what fails fails for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

/* Goal: the first frame holds exactly what was taken before the door asked, and
 * nothing of the second batch leaves before its own commit. */
static void test_a_handed_batch_never_changes(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    f->wall_us += 1000000;
    fixture_small(f, 1);
    fixture_ask(f);
    f->wall_us += 1000000;
    assert_int_equal(fixture_small(f, 2).needs_end, 3);
    assert_int_equal(f->seen.accepted_count, 0);
    assert_true(fixture_work(f));
    assert_int_equal(fixture_end(f), 2); /* durable, and the loop not told */
    assert_int_equal(f->seen.accepted_count, 0);
    fixture_small(f, 3);
    assert_true(fixture_done(f));

    assert_int_equal(f->door.told, 1);
    assert_int_equal(f->door.err, ERR_OK);
    assert_int_equal(f->seen.durable_calls, 1);
    assert_int_equal(f->seen.accepted_count, 2);
    assert_string_equal(f->seen.accepted[0].id, "m-0");
    assert_string_equal(f->seen.accepted[1].id, "m-1");
    assert_false(fixture_run(f)); /* the second is the door's to end */
    fixture_read(f);
    assert_int_equal(f->record_count, 2);
    assert_true(f->records[0].wall_us == f->records[1].wall_us);

    fixture_commit(f);
    assert_int_equal(f->seen.accepted_count, 4);
    assert_int_equal(f->seen.durable_calls, 2);
    fixture_read(f);
    assert_int_equal(f->record_count, 4);
    assert_true(f->records[2].wall_us > f->records[1].wall_us);
    assert_string_equal(f->records[3].id, "m-3");
}

/* Goal: a repeat of what is handed over, and not durable yet, is answered once
 * that is durable, and not before. */
static void test_a_duplicate_of_a_handed_batch_waits(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_small(f, 1);
    fixture_ask(f);
    struct stream_answer answer = fixture_small(f, 0);
    assert_true(answer.duplicate);
    assert_int_equal(answer.needs_end, 1);
    assert_int_equal(f->seen.accepted_count, 0);
    assert_true(fixture_work(f));
    assert_int_equal(f->seen.accepted_count, 0);
    assert_true(fixture_done(f));
    assert_int_equal(f->seen.accepted_count, 3);

    /* Behind an event of the second batch it waits for its neighbour. */
    fixture_small(f, 2);
    fixture_small(f, 1);
    assert_int_equal(f->seen.accepted_count, 3);
    fixture_commit(f);
    assert_int_equal(f->seen.accepted_count, 5);
}

/* Goal: duplicates alone are answered without a job. */
static void test_duplicates_alone_need_no_job(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    uint32_t jobs = f->commit_jobs;
    fixture_small(f, 0);
    fixture_ask(f);
    assert_int_equal(f->door.told, 2);
    assert_int_equal(f->seen.accepted_count, 2);
    assert_int_equal(f->commit.given_count, 0);
    assert_int_equal(f->commit_jobs, jobs);
}

/* Goal: with nothing taken a commit is done at once. */
static void test_nothing_to_commit(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_ask(f);
    assert_int_equal(f->door.told, 1);
    assert_int_equal(f->commit.given_count, 0);
    assert_true(stream_is_settled(f->stream));
    assert_true(stream_is_idle(f->stream));
}

/* Goal: while the disk is stuck the owner goes on until the batch is full, all
 * else returns, nothing leaves, and no second job is given away. */
static void test_a_commit_that_never_ends(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    fixture_open(f);
    fixture_order(f, 0);
    fixture_ask(f);
    uint64_t taken = 1;
    while (!stream_is_full(f->stream)) {
        fixture_order(f, taken++);
    }
    assert_true(taken > 100);
    assert_string_equal(stream_disk_job(f->stream).what, "a commit");
    int64_t since_us = f->mono_us;
    for (int i = 0; i < 100; i++) {
        f->mono_us += 100000;
        assert_true(stream_disk_job(f->stream).since_us == since_us);
        stream_tick(f->stream, 0);
        fixture_note(f, 0, 1);
        stream_repeat_payments(f->stream);
        size_t gaps;
        (void)stream_gaps(f->stream, &gaps);
        assert_int_equal(gaps, 0);
        assert_int_equal(stream_wait_ms(f->stream), 0);
        assert_null(stream_full_reason(f->stream));
        assert_false(stream_is_settled(f->stream));
        assert_false(stream_is_idle(f->stream));
        assert_int_equal(stream_journal_stats(f->stream)->commits, 0);
    }
    assert_int_equal(stream_counts(f->stream).accepted, taken);
    assert_int_equal(f->commit.given_count, 1);
    assert_int_equal(f->shared.given_count, 0);
    assert_int_equal(f->seen.accepted_count + f->seen.notice_count, 0);
    assert_int_equal(f->door.told, 0);
    fixture_settle(f);
    fixture_commit(f);
    assert_null(stream_disk_job(f->stream).what);
    assert_int_equal(f->seen.accepted_count, taken);
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: jobs that are stuck on the shared threads keep no commit. */
static void test_stuck_shared_jobs_keep_no_commit(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_commit_large(f, 0, 4);
    fixture_close(f);
    fixture_open(f);
    uint64_t number = 4;
    while (number < 60) {
        if (!stream_is_full(f->stream)) { /* else it asks for room */
            fixture_large(f, number++);
        }
        fixture_ask(f);
        while (fixture_run(f)) {
        }
        assert_int_equal(f->door.err, ERR_OK);
        assert_false(f->door.waits);
        stream_tick(f->stream, 0);
    }
    assert_int_equal(f->shared.given_count, 1); /* one snapshot, for ever */
    assert_int_equal(fixture_end(f), 60);
    assert_false(stream_is_idle(f->stream));
    assert_string_equal(stream_disk_job(f->stream).what, "writing a snapshot");
    assert_true(stream_disk_job(f->stream).since_us <= f->mono_us);
}

/* Goal: a door that asks while the stream commits something of its own gets
 * its turn. */
static void test_a_door_behind_the_streams_own_batch(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fixture_note(f, 0, 1);
    assert_true(fixture_run(f)); /* the damage is recorded */
    fixture_small(f, 1);         /* while the stream's own batch is committed */
    fixture_ask(f);
    assert_true(fixture_run(f));
    assert_true(f->door.waits);
    assert_int_equal(f->seen.accepted_count, 1);
    assert_true(fixture_run(f));
    assert_false(f->door.waits);
    assert_int_equal(f->seen.accepted_count, 2);
    assert_int_equal(fixture_damaged_count(f), 1);
}

static void fails_for_good(struct fixture *f, enum fake_call call) {
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fixture_small(f, 1);
    fixture_ask(f);
    fixture_small(f, 2);
    fake_disk_fail_at(f->fake, call, 1, ERR_IO);
    fixture_settle(f);
    assert_int_equal(f->door.told, 2);
    assert_int_equal(f->door.err, ERR_IO);
    assert_true(f->door.reason.text[0] != '\0');
    assert_int_equal(f->seen.accepted_count, 1);
    assert_int_equal(f->seen.durable_calls, 1);
    assert_int_equal(f->seen.failed_calls, 0);
    uint32_t jobs = f->commit_jobs;
    struct reason first = f->door.reason;
    for (int i = 0; i < 3; i++) {
        fixture_ask(f);
        assert_false(f->door.waits);
        assert_int_equal(f->door.err, ERR_IO);
        assert_string_equal(f->door.reason.text, first.text);
        stream_tick(f->stream, 0);
        fixture_note(f, 0, 1);
    }
    assert_int_equal(f->commit.given_count, 0);
    assert_int_equal(f->commit_jobs, jobs);
    assert_int_equal(f->seen.accepted_count, 1);
    fixture_kill(f);
    fixture_open(f);
    assert_true(fixture_end(f) <= 2); /* nothing of the second batch */
}

/* Goal: a failed write is final: the door is told, nothing leaves, every later
 * commit is refused with the same words. */
static void test_a_failed_write(void **state) {
    fails_for_good(*state, FAKE_WRITE);
}

/* Goal: the same of a failed sync. */
static void test_a_failed_sync(void **state) {
    fails_for_good(*state, FAKE_SYNC);
}

/* Goal: if no door waits, the owner is told of the failure, once. */
static void test_a_failure_without_a_door(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fixture_note(f, 0, 1);
    assert_true(fixture_run(f));
    fake_disk_fail_at(f->fake, FAKE_WRITE, 2, ERR_IO); /* behind the mark */
    assert_true(fixture_run(f));
    assert_int_equal(f->seen.failed_calls, 1);
    assert_true(f->seen.failed.text[0] != '\0');
    fixture_note(f, 1, 2);
    stream_tick(f->stream, 0);
    fixture_settle(f);
    assert_int_equal(f->seen.failed_calls, 1);
    fixture_kill(f);
    fixture_open(f);
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: that the process stops already hides no failure. */
static void test_a_failure_while_it_stops(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fixture_note(f, 0, 1);
    assert_true(fixture_run(f));
    stream_give_up(f->stream);
    fake_disk_fail_at(f->fake, FAKE_WRITE, 2, ERR_IO); /* behind the mark */
    fixture_settle(f);
    assert_int_equal(f->seen.failed_calls, 1);
}

/* Goal: what a failed batch leaves to be taken is refused at last. */
static void test_taking_after_a_failure(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_ask(f);
    fake_disk_fail_at(f->fake, FAKE_SYNC, 1, ERR_IO);
    fixture_settle(f);
    const struct stream_message message = {
        .device = SLICE("meter-1"),
        .payload = SLICE("{\"specversion\":\"1.0\",\"id\":\"x\",\"source\":"
                         "\"/s/meter-1\",\"type\":\"Reading\"}"),
    };
    struct stream_answer answer;
    assert_int_equal(stream_take(f->stream, &message, &answer), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_handed_batch_never_changes),
        FIXTURE_TEST(test_a_duplicate_of_a_handed_batch_waits),
        FIXTURE_TEST(test_duplicates_alone_need_no_job),
        FIXTURE_TEST(test_nothing_to_commit),
        FIXTURE_TEST(test_a_commit_that_never_ends),
        FIXTURE_TEST(test_stuck_shared_jobs_keep_no_commit),
        FIXTURE_TEST(test_a_door_behind_the_streams_own_batch),
        FIXTURE_TEST(test_a_failed_write),
        FIXTURE_TEST(test_a_failed_sync),
        FIXTURE_TEST(test_a_failure_without_a_door),
        FIXTURE_TEST(test_a_failure_while_it_stops),
        FIXTURE_TEST(test_taking_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
