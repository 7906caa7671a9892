/* SPDX-License-Identifier: Apache-2.0 */
/* Want of room delays and never loses; what is dropped is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)
#define SPARE FIXTURE_DIR "/18446744073709551615.spare"

/* Commits one by one until the stream waits for room with an empty batch. */
static uint64_t fill_up(struct fixture *f) {
    uint64_t number = 0;
    for (;;) {
        if (stream_is_full(f->stream)) {
            fixture_ask(f);
            fixture_settle(f);
            if (f->door.waits) {
                return number;
            }
        }
        assert_true(number < 1000);
        fixture_large(f, number++);
        fixture_commit(f);
    }
}

/* Goal: where nothing may go the stream waits, one try a tick; it tells the
 * door once there is room, and all it acknowledged is there. */
static void test_full_waits_for_room(void **state) {
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    fixture_open(f);
    uint64_t taken = fill_up(f);
    uint32_t told = f->door.told;
    uint32_t jobs = f->commit_jobs;
    assert_non_null(strstr(stream_full_reason(f->stream), "capacity"));
    for (uint32_t i = 1; i <= 5; i++) {
        stream_tick(f->stream, 0);
        fixture_settle(f);
        assert_int_equal(f->commit_jobs, jobs + i);
        assert_int_equal(f->door.told, told);
        assert_true(stream_is_full(f->stream));
    }
    assert_int_equal(f->seen.accepted_count, taken);
    stream_tick(f->stream, fixture_end(f));
    assert_true(f->door.waits); /* not by the tick itself */
    fixture_settle(f);
    assert_false(f->door.waits);
    assert_int_equal(f->door.err, ERR_OK);
    assert_null(stream_full_reason(f->stream));
    assert_false(stream_is_full(f->stream));
    assert_true(fixture_start(f) > 0);
    assert_int_equal(stream_counts(f->stream).dropped, 0);
    fixture_commit_large(f, taken, 5);
}

/* Goal: a stream that is full can still speak of itself, from the reserve when
 * all else is used, and says each thing once. */
static void test_the_reserve_lets_it_speak(void **state) {
    /* A page each: more than the room that is too little for a message. */
    enum { RANGES = 110 };
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    fixture_open(f);
    fill_up(f);
    for (uint64_t i = 0; i < RANGES; i++) {
        uint32_t jobs = f->commit_jobs;
        fixture_note(f, i, i + 1);
        fixture_settle(f);
        assert_int_equal(f->commit_jobs, jobs + 1); /* on record, no more */
        stream_tick(f->stream, 0);
        fixture_settle(f);
        /* It speaks, and looks for the door's room once more. */
        assert_int_equal(f->commit_jobs, jobs + 3);
        assert_true(f->door.waits);
        assert_true(stream_is_full(f->stream));
    }
    assert_int_equal(fixture_damaged_count(f), RANGES);
    for (uint64_t i = 0; i < 10; i++) {
        fixture_note(f, i, i + 1);
        stream_tick(f->stream, 0);
        fixture_settle(f);
    }
    assert_int_equal(fixture_damaged_count(f), RANGES);
    fixture_crash(f, FAKE_DROP);
    f->settings->capacity = 64 * MIB;
    fixture_open(f);
    assert_int_equal(fixture_damaged_count(f), RANGES);
}

/* Goal: one tick is enough once there is room, though the stream has something
 * to say first and the door waits for room as well. */
static void test_goes_on_at_one_tick(void **state) {
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    fixture_open(f);
    fill_up(f);
    fixture_note(f, 0, 1);
    fixture_settle(f);
    assert_true(f->door.waits);
    stream_tick(f->stream, fixture_end(f));
    fixture_settle(f);
    assert_false(f->door.waits);
    assert_int_equal(f->door.err, ERR_OK);
    assert_null(stream_full_reason(f->stream));
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Leaves a batch handed over that finds no room, since the file that was made
 * ahead for it is gone and the disk is full. */
static uint64_t wait_with_a_batch(struct fixture *f) {
    f->config.free_floor = 1;
    fixture_open(f);
    uint64_t number = 0;
    for (int batch = 0; batch < 2; batch++) {
        while (!stream_is_full(f->stream)) {
            fixture_large(f, number++);
        }
        fixture_ask(f);
        if (batch == 0) {
            fixture_settle(f);
            fixture_commit(f); /* makes a spare */
        }
    }
    assert_int_equal(f->disk.unlink(f->disk.self, SPARE), ERR_OK);
    fake_disk_set_free(f->fake, 0);
    fixture_settle(f);
    assert_true(f->door.waits);
    return number;
}

/* Goal: a batch whose room is gone waits, is tried at each tick, acknowledges
 * nothing meanwhile, and goes in as it was. */
static void test_a_batch_waits_for_room(void **state) {
    struct fixture *f = *state;
    uint64_t taken = wait_with_a_batch(f);
    uint64_t end = fixture_end(f);
    uint32_t jobs = f->commit_jobs;
    assert_int_equal(f->seen.accepted_count, end);
    for (uint32_t i = 1; i <= 3; i++) {
        stream_tick(f->stream, 0);
        fixture_settle(f);
        assert_int_equal(f->commit_jobs, jobs + i);
    }
    assert_int_equal(fixture_end(f), end);
    assert_int_equal(f->seen.accepted_count, end);
    fixture_note(f, 0, 1); /* behind the batch, which keeps its numbers */
    fixture_settle(f);
    fake_disk_set_free(f->fake, UINT64_MAX);
    stream_tick(f->stream, 0);
    fixture_settle(f);
    assert_false(f->door.waits);
    assert_int_equal(f->seen.accepted_count, taken);
    assert_int_equal(fixture_damaged_count(f), 1); /* at the same tick */
    assert_int_equal(fixture_find(f, "JournalDamaged", 0)->seq, taken);
}

/* Goal: a stop ends the wait of a door with ERR_FULL, and no job is begun. */
static void test_giving_up_while_full(void **state) {
    struct fixture *f = *state;
    wait_with_a_batch(f);
    uint32_t accepted = f->seen.accepted_count;
    stream_give_up(f->stream);
    assert_false(f->door.waits);
    assert_int_equal(f->door.err, ERR_FULL);
    assert_non_null(strstr(f->door.reason.text, "free"));
    assert_int_equal(f->seen.failed_calls, 0);
    stream_tick(f->stream, 0);
    fixture_note(f, 0, 1);
    assert_int_equal(f->commit.given_count, 0);
    assert_int_equal(f->seen.accepted_count, accepted);
    fake_disk_set_free(f->fake, UINT64_MAX);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(fixture_end(f), accepted);
}

/* Goal: the same while the job that finds no room still runs. */
static void test_giving_up_while_a_job_runs(void **state) {
    struct fixture *f = *state;
    wait_with_a_batch(f);
    stream_tick(f->stream, 0);
    stream_give_up(f->stream);
    assert_true(f->door.waits);
    fixture_settle(f);
    assert_false(f->door.waits);
    assert_int_equal(f->door.err, ERR_FULL);
    assert_int_equal(f->seen.failed_calls, 0);
}

/* Goal: the same while the job that runs ends well, and yet finds no room for
 * the door: it is told, or the process never stops. */
static void test_giving_up_while_the_stream_speaks(void **state) {
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    fixture_open(f);
    fill_up(f);
    fixture_note(f, 2, 3);
    fixture_settle(f);
    stream_tick(f->stream, 0); /* commits what tells of it, by the reserve */
    stream_give_up(f->stream);
    assert_true(f->door.waits);
    fixture_settle(f);
    assert_false(f->door.waits);
    assert_int_equal(f->door.err, ERR_FULL);
    assert_true(f->door.reason.text[0] != '\0');
    assert_int_equal(f->seen.failed_calls, 0);
    assert_int_equal(fixture_damaged_count(f), 1);
}

/* Goal: a commit that runs when the process is to stop ends as it would. */
static void test_giving_up_lets_a_commit_end(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_ask(f);
    stream_give_up(f->stream);
    fixture_settle(f);
    assert_int_equal(f->door.err, ERR_OK);
    assert_int_equal(f->seen.accepted_count, 1);
}

/* Goal: dropping while a second batch fills moves no number, and exactly what
 * is missing is named. */
static void test_dropping_while_a_batch_fills(void **state) {
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    fixture_open(f);
    uint64_t number = 0;
    for (int round = 0; round < 100; round++) {
        fixture_ask(f);
        int more = round % 4;
        while (more-- > 0 && !stream_is_full(f->stream)) {
            fixture_large(f, number++);
        }
        fixture_settle(f);
        assert_false(f->door.waits);
        assert_int_equal(fixture_check_named(f), fixture_start(f));
    }
    fixture_commit(f);
    assert_int_equal(fixture_check_named(f), fixture_start(f));
    assert_true(fixture_start(f) > 30);
    assert_true(stream_counts(f->stream).dropped > 30);
    for (uint32_t i = 0; i < f->seen.accepted_count; i++) {
        const struct fixture_answer *answer = &f->seen.accepted[i];
        if (answer->seq >= fixture_start(f)) {
            assert_string_equal(f->records[answer->seq - fixture_start(f)].id,
                                answer->id);
        }
    }
}

/* Goal: of what is dropped only what is not delivered is named, be it one
 * event, wherever the bridge has come to meanwhile. */
static void test_dropping_while_the_bridge_delivers(void **state) {
    struct fixture *f = *state;
    f->settings->capacity = 4 * MIB;
    f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    fixture_open(f);
    uint64_t number = 0;
    while (fixture_start(f) == 0) {
        fixture_commit_large(f, number++, 1);
    }
    uint64_t delivered = fixture_start(f);
    uint64_t dropped = stream_counts(f->stream).dropped;
    assert_int_equal(dropped, delivered);
    uint64_t singles = 0;
    for (int round = 0; round < 4; round++) {
        uint64_t start = fixture_start(f);
        struct reason reason;
        uint64_t next;
        /* All of the oldest segment but its last event. */
        assert_int_equal(journal_begins(&f->disk, FIXTURE_DIR, &next, &reason),
                         ERR_OK);
        assert_int_equal(next, start);
        char path[64];
        uint64_t size;
        for (next = start + 1;; next++) {
            snprintf(path, sizeof path, FIXTURE_DIR "/%020d.seg", (int)next);
            if (fake_disk_bytes(f->fake, path, &size) != NULL) {
                break;
            }
        }
        delivered = next - 1;
        stream_tick(f->stream, delivered);
        while (fixture_start(f) == start) {
            fixture_commit_large(f, number++, 1);
        }
        fixture_settle(f);
        fixture_commit(f);
        singles++;
        assert_int_equal(stream_counts(f->stream).dropped, dropped + singles);
        fixture_read(f);
        char said[128];
        snprintf(said, sizeof said, "\"first\":%d,\"last\":%d,\"count\":1}",
                 (int)delivered, (int)delivered);
        bool found = false;
        for (size_t i = 0; i < fixture_count(f, "EventsDropped"); i++) {
            found |=
                strstr(fixture_find(f, "EventsDropped", i)->data, said) != NULL;
        }
        assert_true(found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_full_waits_for_room),
        FIXTURE_TEST(test_the_reserve_lets_it_speak),
        FIXTURE_TEST(test_goes_on_at_one_tick),
        FIXTURE_TEST(test_a_batch_waits_for_room),
        FIXTURE_TEST(test_giving_up_while_full),
        FIXTURE_TEST(test_giving_up_while_a_job_runs),
        FIXTURE_TEST(test_giving_up_while_the_stream_speaks),
        FIXTURE_TEST(test_giving_up_lets_a_commit_end),
        FIXTURE_TEST(test_dropping_while_a_batch_fills),
        FIXTURE_TEST(test_dropping_while_the_bridge_delivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
