/* SPDX-License-Identifier: Apache-2.0 */
/* The feed over a journal on a simulated disk: whatever the journal and the
 * disk do, each record comes once and in order, what is missing is named, and
 * the loop's side never calls the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/feed.h"
#include "bridge/reading.h"
#include "tests/unit/bridge/room.h"

struct bench {
    struct room room;
    struct feed *feed;
    uint32_t changes;
    bool pass_unknown;
};

static void on_changed(void *context) {
    struct bench *bench = context;
    bench->changes++;
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->pass_unknown = true;
    *state = bench;
    return 0;
}

static void begin(struct bench *bench, uint32_t segment_pages) {
    room_init(&bench->room, segment_pages);
}

static void open_feed(struct bench *bench, uint64_t next_seq) {
    struct feed_options options = {
        .disk = &bench->room.platform.disk,
        .executor = fake_executor(&bench->room.executor),
        .dir = ROOM_DIR,
        .position = bench->room.position,
        .pass_unknown = bench->pass_unknown,
        .changed = on_changed,
        .context = bench,
    };
    assert_int_equal(feed_new(&options, next_seq, &bench->feed), ERR_OK);
    room_loop_begins(&bench->room);
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    room_settle(&bench->room);
    room_loop_ends(&bench->room);
    feed_free(bench->feed);
    room_free(&bench->room);
    free(bench);
    return 0;
}

static enum feed_state look(struct bench *bench) {
    return feed_look(bench->feed, bench->room.mono_us);
}

/* Looks, with all jobs run that this asks for. */
static enum feed_state look_settled(struct bench *bench) {
    enum feed_state state = look(bench);
    while (state == FEED_NOTHING && bench->room.executor.given_count > 0) {
        room_settle(&bench->room);
        state = look(bench);
    }
    return state;
}

static void expect_records(struct bench *bench, uint64_t from, uint64_t to) {
    for (uint64_t seq = from; seq < to; seq++) {
        assert_int_equal(look_settled(bench), FEED_READY);
        struct feed_record record = feed_record(bench->feed);
        assert_int_equal(record.seq, seq);
        assert_int_equal(record.wall_us, bench->room.wall_us);
        assert_true(record.bytes.len > 0);
        feed_take(bench->feed);
    }
}

/* Passes a gap, with the job that it may take. */
static struct feed_gap pass(struct bench *bench) {
    struct feed_gap gap;
    err_t err = feed_pass(bench->feed, &gap);
    if (err == ERR_AGAIN) {
        assert_true(feed_is_busy(bench->feed));
        assert_int_equal(look(bench), FEED_NOTHING);
        room_settle(&bench->room);
        assert_int_equal(look(bench), FEED_GAP);
        err = feed_pass(bench->feed, &gap);
    }
    assert_int_equal(err, ERR_OK);
    return gap;
}

/* Goal: every durable record comes, once and in order, also those that become
 * durable later; in between there is nothing, and no job runs. */
static void test_hands_out_what_is_durable(void **state) {
    struct bench *bench = *state;
    begin(bench, 64);
    open_feed(bench, 0);
    assert_int_equal(look(bench), FEED_NOTHING);
    assert_int_equal(bench->room.executor.given_count, 0);
    room_append(&bench->room, 3, 10);
    assert_int_equal(look(bench), FEED_NOTHING);
    assert_true(feed_is_busy(bench->feed));
    room_settle(&bench->room);
    assert_int_equal(bench->changes, 1);
    expect_records(bench, 0, 3);
    assert_int_equal(look_settled(bench), FEED_NOTHING);
    assert_false(feed_is_busy(bench->feed));
    assert_int_equal(feed_due_us(bench->feed), INT64_MAX);
    room_append_frames(&bench->room, 20);
    expect_records(bench, 3, 23);
    assert_int_equal(look_settled(bench), FEED_NOTHING);
}

/* Goal: a start in the middle, of a frame too, begins exactly there. */
static void test_begins_at_the_cursor(void **state) {
    struct bench *bench = *state;
    begin(bench, 64);
    room_append(&bench->room, 5, 10);
    room_append(&bench->room, 5, 10);
    open_feed(bench, 7);
    expect_records(bench, 7, 10);
    assert_int_equal(look_settled(bench), FEED_NOTHING);
}

/* Goal: it reads in pages, one ahead of the one in hand, and no further; far
 * fewer jobs than records. */
static void test_reads_ahead_by_a_page(void **state) {
    struct bench *bench = *state;
    begin(bench, 256);
    room_append(&bench->room, 1000, 10);
    room_append(&bench->room, 1000, 10);
    open_feed(bench, 0);
    assert_int_equal(look(bench), FEED_NOTHING);
    room_settle(&bench->room);
    assert_int_equal(look(bench), FEED_READY); /* the first page, and a job */
    assert_int_equal(bench->room.executor.given_count, 1);
    room_settle(&bench->room);
    expect_records(bench, 0, READING_RECORDS_MAX);
    assert_int_equal(bench->room.executor.given_count, 0);
    assert_int_equal(bench->changes, 2);
    expect_records(bench, READING_RECORDS_MAX, 2000);
    assert_int_equal(bench->changes, (2000 - 1) / READING_RECORDS_MAX + 1);
}

/* Goal: pages are bounded in bytes too, and a record that is larger than any
 * page has one of its own. */
static void test_pages_are_bounded_in_bytes(void **state) {
    struct bench *bench = *state;
    begin(bench, 2048);
    for (int i = 0; i < 8; i++) {
        room_append(&bench->room, 1, 100 * 1024);
    }
    room_append(&bench->room, 1, 600 * 1024);
    room_append(&bench->room, 2, 10);
    open_feed(bench, 0);
    expect_records(bench, 0, 8);
    assert_true(bench->changes >= 4); /* two in a page */
    expect_records(bench, 8, 9);
    expect_records(bench, 9, 11);
    assert_int_equal(look_settled(bench), FEED_NOTHING);
}

/* Goal: a job that hangs leaves what was read before it to be handed out, and
 * then there is nothing, for as long as it takes. */
static void test_a_job_that_hangs(void **state) {
    struct bench *bench = *state;
    begin(bench, 256);
    room_append(&bench->room, 600, 10);
    open_feed(bench, 0);
    assert_int_equal(look(bench), FEED_NOTHING);
    room_settle(&bench->room);
    for (uint64_t seq = 0; seq < READING_RECORDS_MAX; seq++) {
        assert_int_equal(look(bench), FEED_READY);
        assert_int_equal(feed_record(bench->feed).seq, seq);
        feed_take(bench->feed);
    }
    for (int i = 0; i < 3; i++) {
        bench->room.mono_us += 3600 * (int64_t)1000000;
        assert_int_equal(look(bench), FEED_NOTHING);
        assert_true(feed_is_busy(bench->feed));
        assert_int_equal(feed_due_us(bench->feed), INT64_MAX);
        assert_int_equal(bench->room.executor.given_count, 1);
    }
    assert_true(room_work(&bench->room)); /* read, and not told yet */
    assert_int_equal(look(bench), FEED_NOTHING);
    assert_true(room_done(&bench->room));
    assert_int_equal(look(bench), FEED_READY);
    expect_records(bench, READING_RECORDS_MAX, 600);
}

/* Goal: what was trimmed before it was read is one gap, up to where the journal
 * begins; what was read before it was trimmed is handed out. */
static void test_what_was_trimmed_is_a_gap(void **state) {
    struct bench *bench = *state;
    begin(bench, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 40);
    open_feed(bench, 2);
    room_trim(&bench->room);
    room_trim(&bench->room);
    uint64_t start = bench->room.position->start;
    assert_int_equal(look_settled(bench), FEED_GAP);
    assert_int_equal(bench->changes, 0); /* by the position alone */
    assert_int_equal(feed_gap_cause(bench->feed), FEED_TRIMMED);
    struct feed_gap gap = pass(bench);
    assert_int_equal(gap.cause, FEED_TRIMMED);
    assert_int_equal(gap.range.first, 2);
    assert_int_equal(gap.range.end, start);
    assert_true(gap.known);
    expect_records(bench, start, start + 1);
    while (bench->room.position->start < 30) {
        room_trim(&bench->room);
    }
    expect_records(bench, start + 1, 40); /* all of it was read by then */
    assert_int_equal(look_settled(bench), FEED_NOTHING);
}

/* Goal: the same with a reader that is open where the journal was trimmed. */
static void test_trimmed_under_an_open_reader(void **state) {
    struct bench *bench = *state;
    begin(bench, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 3);
    open_feed(bench, 0);
    expect_records(bench, 0, 3);
    room_append_frames(&bench->room, 10);
    room_trim(&bench->room);
    assert_int_equal(look_settled(bench), FEED_GAP);
    struct feed_gap gap = pass(bench);
    assert_int_equal(gap.range.first, 3);
    assert_int_equal(gap.range.end, bench->room.position->start);
    expect_records(bench, gap.range.end, 13);
}

/* Goal: the same when it is trimmed between the order to read it and the
 * reading, with the reader open and before it is. */
static void test_trimmed_while_a_job_waits(void **state) {
    struct bench *bench = *state;
    begin(bench, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 3);
    open_feed(bench, 0);
    expect_records(bench, 0, 3);
    room_append_frames(&bench->room, 30);
    assert_int_equal(look(bench), FEED_NOTHING);
    assert_true(feed_is_busy(bench->feed));
    while (bench->room.position->start < 18) {
        room_trim(&bench->room);
    }
    uint64_t start = bench->room.position->start;
    room_settle(&bench->room);
    uint64_t next = 3;
    while (look_settled(bench) == FEED_READY && next < start) {
        assert_int_equal(feed_record(bench->feed).seq, next++);
        feed_take(bench->feed);
    }
    if (next < start) { /* how much of an open file is read is not promised */
        struct feed_gap gap = pass(bench);
        assert_int_equal(gap.range.first, next);
        assert_int_equal(gap.range.end, start);
        next = start;
    }
    expect_records(bench, next, 33);
}

/* Goal: damage is a gap with its extent, which is looked for only when asked to
 * pass; behind it everything comes. */
static void test_damage_is_a_gap(void **state) {
    struct bench *bench = *state;
    begin(bench, 64);
    room_append_frames(&bench->room, 10);
    room_damage(&bench->room, 0, 5); /* frame n is at page n + 1 */
    open_feed(bench, 0);
    expect_records(bench, 0, 4);
    assert_int_equal(look_settled(bench), FEED_GAP);
    assert_int_equal(bench->room.executor.given_count, 0);
    assert_int_equal(look_settled(bench), FEED_GAP);
    assert_int_equal(feed_gap_cause(bench->feed), FEED_DAMAGED);
    struct feed_gap gap = pass(bench);
    assert_int_equal(gap.cause, FEED_DAMAGED);
    assert_int_equal(gap.range.first, 4);
    assert_int_equal(gap.range.end, 5);
    assert_false(gap.known);
    expect_records(bench, 5, 10);
    assert_int_equal(look_settled(bench), FEED_NOTHING);
}

/* Goal: damage to the very end is passed to the end, and what is written later
 * comes. */
static void test_damage_at_the_end(void **state) {
    struct bench *bench = *state;
    begin(bench, 64);
    room_append_frames(&bench->room, 6);
    room_damage(&bench->room, 0, 6);
    open_feed(bench, 0);
    expect_records(bench, 0, 5);
    assert_int_equal(look_settled(bench), FEED_GAP);
    struct feed_gap gap = pass(bench);
    assert_int_equal(gap.range.first, 5);
    assert_int_equal(gap.range.end, 6);
    assert_int_equal(look_settled(bench), FEED_NOTHING);
    room_append_frames(&bench->room, 3);
    expect_records(bench, 6, 9);
}

/* Goal: damage that is trimmed while its owner waits is a trimmed gap. */
static void test_damage_that_is_trimmed(void **state) {
    struct bench *bench = *state;
    begin(bench, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 20);
    room_damage(&bench->room, 0, 2);
    open_feed(bench, 0);
    expect_records(bench, 0, 1);
    assert_int_equal(look_settled(bench), FEED_GAP);
    assert_int_equal(feed_gap_cause(bench->feed), FEED_DAMAGED);
    room_trim(&bench->room);
    assert_int_equal(look_settled(bench), FEED_GAP);
    assert_int_equal(feed_gap_cause(bench->feed), FEED_TRIMMED);
    struct feed_gap gap = pass(bench);
    assert_int_equal(gap.range.first, 1);
    assert_int_equal(gap.range.end, bench->room.position->start);
    expect_records(bench, gap.range.end, 20);
}

/* Goal: damage that is not recorded is not passed where that is not allowed:
 * it is a fault, and tried again. */
static void test_unknown_damage_may_be_a_fault(void **state) {
    struct bench *bench = *state;
    bench->pass_unknown = false;
    begin(bench, 64);
    room_append_frames(&bench->room, 4);
    room_damage(&bench->room, 0, 2);
    open_feed(bench, 0);
    expect_records(bench, 0, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look_settled(bench), FEED_GAP);
        struct feed_gap gap;
        assert_int_equal(feed_pass(bench->feed, &gap), ERR_AGAIN);
        room_settle(&bench->room);
        assert_int_equal(look(bench), FEED_FAULT);
        assert_string_equal(feed_fault(bench->feed), err_name(ERR_CORRUPT));
        assert_int_equal(look(bench), FEED_NOTHING);
        bench->room.mono_us = feed_due_us(bench->feed);
    }
    room_damage(&bench->room, 0, 2); /* the same bit: it is right again */
    expect_records(bench, 1, 4);
}

/* Goal: a failed read is said once, waited out for ten seconds and not a
 * microsecond less, and tried again with a new reader. */
static void test_a_fault_is_waited_out(void **state) {
    struct bench *bench = *state;
    begin(bench, 64);
    room_append_frames(&bench->room, 2);
    open_feed(bench, 0);
    fake_disk_fail_at(bench->room.fake, FAKE_READ, 1, ERR_IO);
    assert_int_equal(look_settled(bench), FEED_FAULT);
    assert_true(feed_fault(bench->feed)[0] != '\0');
    assert_int_equal(feed_due_us(bench->feed),
                     bench->room.mono_us + FEED_RETRY_US);
    bench->room.mono_us += FEED_RETRY_US - 1;
    assert_int_equal(look_settled(bench), FEED_NOTHING);
    assert_false(feed_is_busy(bench->feed));
    bench->room.mono_us += 1;
    expect_records(bench, 0, 2);
    assert_int_equal(feed_due_us(bench->feed), INT64_MAX);

    room_append_frames(&bench->room, 2); /* the same with a reader open */
    fake_disk_fail_at(bench->room.fake, FAKE_READ, 1, ERR_IO);
    assert_int_equal(look_settled(bench), FEED_FAULT);
    assert_string_equal(feed_fault(bench->feed), "Input/output error");
    assert_int_equal(look(bench), FEED_NOTHING);
    bench->room.mono_us = feed_due_us(bench->feed);
    expect_records(bench, 2, 4);
}

/* Goal: what was trimmed during a fault is passed without waiting for it. */
static void test_a_fault_ends_by_a_trim(void **state) {
    struct bench *bench = *state;
    begin(bench, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 20);
    open_feed(bench, 0);
    fake_disk_fail_at(bench->room.fake, FAKE_READ, 1, ERR_IO);
    assert_int_equal(look_settled(bench), FEED_FAULT);
    room_trim(&bench->room);
    assert_int_equal(look_settled(bench), FEED_GAP);
    struct feed_gap gap = pass(bench);
    assert_int_equal(gap.range.first, 0);
    expect_records(bench, gap.range.end, 20);
}

int main(void) {
#define FEED_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FEED_TEST(test_hands_out_what_is_durable),
        FEED_TEST(test_begins_at_the_cursor),
        FEED_TEST(test_reads_ahead_by_a_page),
        FEED_TEST(test_pages_are_bounded_in_bytes),
        FEED_TEST(test_a_job_that_hangs),
        FEED_TEST(test_what_was_trimmed_is_a_gap),
        FEED_TEST(test_trimmed_under_an_open_reader),
        FEED_TEST(test_trimmed_while_a_job_waits),
        FEED_TEST(test_damage_is_a_gap),
        FEED_TEST(test_damage_at_the_end),
        FEED_TEST(test_damage_that_is_trimmed),
        FEED_TEST(test_unknown_damage_may_be_a_fault),
        FEED_TEST(test_a_fault_is_waited_out),
        FEED_TEST(test_a_fault_ends_by_a_trim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
