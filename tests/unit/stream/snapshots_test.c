/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot is the state between two batches, is written when its records are
 * durable, and the journal is kept as far back as the older of two reaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/snapshot.h"
#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)
#define SPARE FIXTURE_DIR "/18446744073709551615.spare"

static size_t list(struct fixture *f, uint64_t seqs[SNAPSHOTS_KEPT]) {
    size_t count;
    assert_int_equal(snapshot_list(&f->disk, FIXTURE_DIR, seqs, &count),
                     ERR_OK);
    return count;
}

static void commit_order(struct fixture *f, uint64_t number) {
    if (stream_is_full(f->stream)) {
        fixture_ask(f); /* for room */
        assert_true(fixture_run(f));
    }
    fixture_large_order(f, number);
    fixture_ask(f);
    assert_true(fixture_run(f));
}

/* How many orders it takes until a snapshot is due. */
static uint64_t orders_to_a_snapshot(void) {
    struct fixture *f = fixture_new(3);
    f->settings->shop = true;
    fixture_open(f);
    uint64_t count = 0;
    while (f->shared.given_count == 0) {
        commit_order(f, count++);
    }
    fixture_close(f);
    fixture_free(f);
    assert_true(count > 5 && count < 40);
    return count;
}

/* Leaves a batch to be handed over at which a snapshot is due: its end. */
static uint64_t until_one_is_due(struct fixture *f) {
    uint64_t due = orders_to_a_snapshot();
    f->settings->shop = true;
    fixture_open(f);
    for (uint64_t number = 1; number < due; number++) {
        commit_order(f, number);
        assert_int_equal(f->shared.given_count, 0);
    }
    assert_false(stream_is_full(f->stream));
    return fixture_large_order(f, due).needs_end;
}

/* Goal: with a second batch filling the snapshot is of exactly the records
 * before its number, and written only after those are durable. */
static void test_a_snapshot_at_a_boundary(void **state) {
    struct fixture *f = *state;
    uint64_t seqs[SNAPSHOTS_KEPT];
    uint64_t boundary = until_one_is_due(f);
    fixture_ask(f);
    fixture_order(f, 60); /* changes the shop at once */
    assert_true(fixture_work(f));
    assert_int_equal(f->shared.given_count, 0);
    fixture_order(f, 61);
    assert_true(fixture_done(f));
    assert_int_equal(f->shared.given_count, 1);
    assert_false(stream_is_idle(f->stream));
    fixture_order(f, 62); /* while it is written */
    assert_true(fixture_run_shared(f));
    assert_int_equal(list(f, seqs), 1);
    assert_int_equal(seqs[0], boundary);
    fixture_commit(f);

    uint64_t snapshots;
    assert_true(fixture_replayed_hash(f, &snapshots) == fixture_hash(f));
    assert_int_equal(snapshots, 1);
    uint64_t hash = fixture_hash(f);
    fixture_crash(f, FAKE_DROP);
    fixture_open(f); /* from the snapshot */
    assert_true(fixture_hash(f) == hash);
}

static void cut_between(enum fake_fate fate, int stage) {
    struct fixture *f = fixture_new(7);
    uint64_t seqs[SNAPSHOTS_KEPT];
    uint64_t boundary = until_one_is_due(f);
    uint64_t durable = fixture_end(f);
    fixture_ask(f);
    fixture_order(f, 60);
    if (stage > 0) {
        assert_true(fixture_work(f));
    }
    if (stage > 1) {
        assert_true(fixture_done(f));
    }
    if (stage > 2) {
        fake_disk_stop_at(f->fake, 3); /* of what the snapshot does */
        assert_true(fixture_run_shared(f));
    }
    fixture_crash(f, fate);
    assert_true(list(f, seqs) == 0 || seqs[0] == boundary);
    fixture_open(f);
    assert_true(fixture_end(f) >= (stage > 0 ? boundary : durable));
    assert_true(fixture_end(f) <= boundary);
    assert_true(fixture_hash(f) == fixture_replayed_hash(f, NULL));
    fixture_order(f, 60); /* what was lost can be placed again */
    fixture_commit(f);
    assert_true(fixture_hash(f) == fixture_replayed_hash(f, NULL));
    fixture_close(f);
    fixture_free(f);
}

/* Goal: wherever the power goes between the copy and the file's name, the
 * journal replays to the same state. */
static void test_a_power_cut_between_copy_and_name(void **state) {
    (void)state;
    for (enum fake_fate fate = FAKE_KEEP; fate <= FAKE_TEAR; fate++) {
        for (int stage = 0; stage < 4; stage++) {
            cut_between(fate, stage);
        }
    }
}

/* Goal: while its batch waits for room, a snapshot waits too, whatever the
 * stream does besides. */
static void test_a_snapshot_of_a_batch_that_waits(void **state) {
    struct fixture *f = *state;
    uint64_t seqs[SNAPSHOTS_KEPT];
    f->config.free_floor = 1;
    fixture_open(f);
    fixture_commit_large(f, 0, 14); /* the segment is used up */
    fixture_commit(f);
    uint64_t number = 14;
    while (!stream_is_full(f->stream)) {
        fixture_large(f, number++);
    }
    assert_true(number * FIXTURE_LARGE > MIB);
    assert_int_equal(f->disk.unlink(f->disk.self, SPARE), ERR_OK);
    fake_disk_set_free(f->fake, 0);
    fixture_ask(f);
    fixture_settle(f);
    assert_true(f->door.waits);
    fixture_note(f, 1, 2);
    assert_true(fixture_run(f));
    assert_int_equal(f->shared.given_count, 0);
    assert_int_equal(list(f, seqs), 0);
    fake_disk_set_free(f->fake, UINT64_MAX);
    stream_tick(f->stream, 0);
    fixture_settle(f);
    assert_int_equal(list(f, seqs), 1);
    assert_int_equal(seqs[0], number);
}

/* Goal: one that cannot be written is no loss; the next is tried when as much
 * was appended again. */
static void test_a_snapshot_that_cannot_be_written(void **state) {
    struct fixture *f = *state;
    uint64_t seqs[SNAPSHOTS_KEPT];
    (void)until_one_is_due(f);
    fixture_ask(f);
    assert_true(fixture_run(f));
    fake_disk_fail_at(f->fake, FAKE_WRITE, 1, ERR_FULL);
    assert_true(fixture_run_shared(f));
    assert_true(fake_disk_failed(f->fake));
    assert_int_equal(list(f, seqs), 0);
    fixture_settle(f);
    fixture_commit_orders(f, 100, 10);
    assert_int_equal(list(f, seqs), 0); /* too early */
    fixture_commit_orders(f, 110, 10);
    assert_int_equal(list(f, seqs), 1);
}

/* Goal: while one is being written no other is begun, however much comes. */
static void test_one_at_a_time(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    uint64_t number = 0;
    while (number < 100) {
        if (!stream_is_full(f->stream)) {
            fixture_large(f, number++);
        }
        fixture_ask(f);
        while (fixture_run(f)) {
        }
    }
    assert_int_equal(f->shared.given_count, 1);
    fixture_settle(f);
    uint64_t seqs[SNAPSHOTS_KEPT];
    assert_int_equal(list(f, seqs), 1);
    assert_true(seqs[0] < 40);
    fixture_commit_large(f, number, 1);
    assert_int_equal(list(f, seqs), 2);
}

/* Goal: the shop's journal is trimmed only as far as the older of two
 * snapshots, whatever is delivered: a start succeeds if the newer one is bad.
 */
static void test_the_shops_journal_is_kept_for_snapshots(void **state) {
    struct fixture *f = *state;
    uint64_t seqs[SNAPSHOTS_KEPT];
    f->settings->shop = true;
    f->settings->keep = 0;
    fixture_open(f);
    for (uint64_t number = 0; number < 150; number++) {
        fixture_commit_orders(f, number, 1);
        stream_tick(f->stream, fixture_end(f));
        fixture_settle(f);
        uint64_t older = list(f, seqs) == 2 ? seqs[1] : 0;
        assert_true(fixture_start(f) <= older);
    }
    assert_int_equal(list(f, seqs), 2);
    assert_true(fixture_start(f) > 0);
    uint64_t hash = fixture_hash(f);
    fixture_close(f);

    char path[64];
    snprintf(path, sizeof path, FIXTURE_DIR "/%020d.snap", (int)seqs[0]);
    fake_disk_flip(f->fake, path, 8 * 100);
    fixture_open(f);
    assert_true(fixture_hash(f) == hash);
    /* One is left: nothing more is trimmed until there are two again. */
    uint64_t start = fixture_start(f);
    fixture_commit_orders(f, 500, 1);
    stream_tick(f->stream, fixture_end(f));
    fixture_settle(f);
    assert_int_equal(fixture_start(f), start);
}

/* Goal: without a snapshot the shop's journal keeps all, and waits when that is
 * too much. */
static void test_no_snapshot_no_trimming(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    f->settings->keep = 0;
    f->settings->capacity = 4 * MIB;
    fixture_open(f);
    uint64_t number = 0;
    while (!f->door.waits) {
        if (!stream_is_full(f->stream)) {
            fixture_large_order(f, number++);
        }
        fixture_ask(f);
        while (fixture_run(f)) {
        }
        stream_tick(f->stream, fixture_end(f));
        assert_true(number < 200);
    }
    assert_int_equal(fixture_start(f), 0);
    assert_true(stream_is_full(f->stream));
    while (fixture_run_shared(f)) { /* the first one alone helps not */
    }
    stream_tick(f->stream, fixture_end(f));
    while (fixture_run(f)) {
    }
    assert_int_equal(fixture_start(f), 0);
    assert_true(f->door.waits);
}

/* Goal: what was replayed counts: a start behind which much lies takes one
 * soon. */
static void test_what_was_replayed_counts(void **state) {
    struct fixture *f = *state;
    uint64_t seqs[SNAPSHOTS_KEPT];
    fixture_open(f);
    for (uint64_t number = 0; number < 30; number++) {
        if (stream_is_full(f->stream)) {
            fixture_ask(f);
            assert_true(fixture_run(f));
        }
        fixture_large(f, number);
        fixture_ask(f);
        assert_true(fixture_run(f));
    }
    fixture_crash(f, FAKE_DROP); /* no snapshot was written */
    assert_int_equal(list(f, seqs), 0);
    fixture_open(f);
    fixture_small(f, 100);
    fixture_commit(f);
    assert_int_equal(list(f, seqs), 1);
    assert_int_equal(seqs[0], 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_snapshot_at_a_boundary),
        cmocka_unit_test(test_a_power_cut_between_copy_and_name),
        FIXTURE_TEST(test_a_snapshot_of_a_batch_that_waits),
        FIXTURE_TEST(test_a_snapshot_that_cannot_be_written),
        FIXTURE_TEST(test_one_at_a_time),
        FIXTURE_TEST(test_the_shops_journal_is_kept_for_snapshots),
        FIXTURE_TEST(test_no_snapshot_no_trimming),
        FIXTURE_TEST(test_what_was_replayed_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
