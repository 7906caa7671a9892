/* SPDX-License-Identifier: Apache-2.0 */
/* A sender with everything around it simulated: disk, clock, executor, network.
 * What is sent, when, what is saved, what is said; and that no disk that hangs
 * stops what need not wait for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/cursor.h"
#include "bridge/cursor_saver.h"
#include "bridge/feed.h"
#include "bridge/forwarder.h"
#include "bridge/sender.h"
#include "tests/unit/bridge/fake_network.h"
#include "tests/unit/bridge/room.h"

#define SECOND_US ((int64_t)1000000)

struct bench {
    struct room room;
    struct fake_network network;
    struct credentials credentials;
    uint32_t refused_serial; /* of the last refusal */
    bool refused_expired;
    struct config config;
    struct config_stream stream;
    struct sender_context context;
    struct sender *sender;
    uint32_t turns;
    int64_t offset_us;
    struct bridge_stream_status status;
    /* Letters handed over, and what is answered at once (-1: nothing). */
    bool takes_letters;
    struct dead_letter letters[8];
    char letter_words[8][160];
    uint32_t letter_count;
    int settles;
    const uint64_t *dead;
    size_t dead_count;
};

static void on_letter(void *self, const struct dead_letter *letter) {
    struct bench *bench = self;
    assert_true(bench->letter_count < 8);
    snprintf(bench->letter_words[bench->letter_count],
             sizeof bench->letter_words[0], "%s|%s", letter->code,
             letter->words);
    bench->letters[bench->letter_count++] = *letter;
    if (bench->settles >= 0) {
        sender_settle(bench->sender, letter->seq, (enum settle)bench->settles);
    }
}

static void on_turn(void *self) {
    struct bench *bench = self;
    bench->turns++;
}

static void on_clock(void *self, int64_t offset_us) {
    struct bench *bench = self;
    bench->offset_us = offset_us;
}

static struct bench *bench_new(enum config_sink sink) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    room_init(&bench->room, 2048);
    fake_network_init(&bench->network);
    strcpy(bench->credentials.access_key, "AKID");
    strcpy(bench->credentials.secret_key, "secret");
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.cloud.region, "eu-central-1");
    strcpy(bench->config.cloud.source_prefix, "com.shopme");
    strcpy(bench->config.cloud.endpoint, "https://localhost:1");
    strcpy(bench->stream.name, "orders");
    strcpy(bench->stream.sink_name, "a-bus");
    bench->stream.sink = sink;
    bench->stream.on_rot = CONFIG_ROT_QUARANTINE;
    bench->context = (struct sender_context){
        .platform = &bench->room.platform,
        .config = &bench->config,
        .credentials = &bench->credentials,
        .connector = fake_network_connector(&bench->network),
        .executor = fake_executor(&bench->room.executor),
    };
    return bench;
}

static void on_refused(void *self, const struct exchange_result *result) {
    struct bench *bench = self;
    bench->refused_serial = result->signed_serial;
    bench->refused_expired = result->answer.expired;
}

static err_t try_start(struct bench *bench, struct reason *reason) {
    struct sender_options options = {
        .context = &bench->context,
        .stream = &bench->stream,
        .dir = ROOM_DIR,
        .journal_id = journal_id(bench->room.journal),
        .position = bench->room.position,
        .turn = on_turn,
        .clock_learned = on_clock,
        .letter = bench->takes_letters ? on_letter : NULL,
        .letters = bench->dead,
        .letter_count = bench->dead_count,
        .credentials_refused = on_refused,
        .self = bench,
    };
    room_loop_ends(&bench->room);
    err_t err = sender_new(&options, &bench->sender, reason);
    room_loop_begins(&bench->room);
    return err;
}

static void start(struct bench *bench) {
    struct reason reason = {""};
    assert_int_equal(try_start(bench, &reason), ERR_OK);
}

/* As the bridge does it: hang up, jobs end, the last save. */
static void stop(struct bench *bench) {
    if (bench->sender != NULL) {
        sender_hang_up(bench->sender);
        room_settle(&bench->room);
        room_loop_ends(&bench->room);
        sender_finish(bench->sender);
        sender_free(bench->sender);
        bench->sender = NULL;
    }
}

static void bench_free(struct bench *bench) {
    stop(bench);
    room_loop_ends(&bench->room);
    room_free(&bench->room);
    fake_network_free(&bench->network);
    free(bench);
}

static int tear_down(void **state) {
    bench_free(*state);
    return 0;
}

static int set_up_eventbridge(void **state) {
    *state = bench_new(CONFIG_SINK_EVENTBRIDGE);
    return 0;
}

static int set_up_kinesis(void **state) {
    *state = bench_new(CONFIG_SINK_KINESIS);
    return 0;
}

static int set_up_none(void **state) {
    *state = bench_new(CONFIG_SINK_NONE);
    return 0;
}

static const struct bridge_stream_status *look(struct bench *bench) {
    (void)sender_status(bench->sender, &bench->status);
    return &bench->status;
}

/* One turn of the loop. */
static void turn(struct bench *bench) {
    sender_work(bench->sender);
    sender_send(bench->sender, bench->offset_us);
}

/* Turns and jobs until a request is in flight; false if none is. */
static bool turn_to_request(struct bench *bench) {
    for (int i = 0; i < 20 && !bench->network.in_flight; i++) {
        turn(bench);
        if (!bench->network.in_flight) {
            room_settle(&bench->room);
        }
    }
    return bench->network.in_flight;
}

/* A service that takes everything, until there is no more to send. */
static void drain(struct bench *bench) {
    while (turn_to_request(bench)) {
        fake_network_take(&bench->network);
    }
}

static struct cursor_owner owner_of(const struct bench *bench) {
    return (struct cursor_owner){journal_id(bench->room.journal),
                                 bench->stream.name};
}

static uint64_t cursor_on_disk(struct bench *bench, bool *ret_known) {
    uint64_t cursor;
    const struct cursor_owner owner = owner_of(bench);
    assert_int_equal(cursor_file_peek(&bench->room.inner, ROOM_DIR, &owner,
                                      &cursor, ret_known, NULL),
                     ERR_OK);
    return cursor;
}

static void put_cursor(struct bench *bench, uint64_t cursor) {
    struct cursor_file file;
    enum cursor_found found;
    const struct cursor_owner owner = owner_of(bench);
    assert_int_equal(cursor_file_open(&file, &bench->room.inner, ROOM_DIR,
                                      &owner, &found, NULL),
                     ERR_OK);
    assert_int_equal(cursor_file_save(&file, cursor, NULL), ERR_OK);
    cursor_file_close(&file);
}

/* --- carrying ----------------------------------------------------------- */

/* Goal: it asks whether the bus is there, then sends everything in order per
 * key, one request at a time, and the cursor follows what was confirmed. */
static void test_sends_everything(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 23, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    assert_true(
        fake_network_asks(&bench->network, "AWSEvents.DescribeEventBus"));
    assert_true(sender_is_busy(bench->sender));
    turn(bench); /* nothing more while it is in flight */
    assert_int_equal(bench->network.requests, 1);
    fake_network_take(&bench->network);
    uint64_t last[5] = {0};
    uint64_t seen = 0;
    while (turn_to_request(bench)) {
        assert_true(fake_network_asks(&bench->network, "AWSEvents.PutEvents"));
        assert_int_equal(look(bench)->cursor, seen);
        for (uint32_t i = 0; i < bench->network.seq_count; i++) {
            uint64_t seq = bench->network.seqs[i];
            assert_true(seq < 5 || seq == last[seq % 5] + 5);
            last[seq % 5] = seq;
        }
        seen += bench->network.seq_count;
        fake_network_take(&bench->network);
    }
    const struct bridge_stream_status *status = look(bench);
    assert_string_equal(status->name, "orders");
    assert_int_equal(status->link, BRIDGE_LINK_ONLINE);
    assert_int_equal(status->cursor, 23);
    assert_int_equal(status->end, 23);
    assert_int_equal(status->sent, 23);
    assert_int_equal(status->requests, bench->network.requests);
    assert_int_equal(status->failures, 0);
    assert_int_equal(status->confirmed_us, bench->room.wall_us);
    assert_string_equal(status->last_error, "");
    stop(bench);
    assert_int_equal(cursor_on_disk(bench, &(bool){false}), 23);
}

/* Goal: more than a window and many pages drain, and large events too. */
static void test_a_long_backlog(void **state) {
    struct bench *bench = *state;
    bench->room.keys = 700;
    for (int i = 0; i < 5; i++) {
        room_append(&bench->room, 1000, 10);
    }
    for (int i = 0; i < 8; i++) {
        room_append(&bench->room, 1, 700 * 1024);
    }
    start(bench);
    assert_true(turn_to_request(bench)); /* no question to Kinesis */
    assert_true(
        fake_network_asks(&bench->network, "Kinesis_20131202.PutRecords"));
    drain(bench);
    assert_int_equal(look(bench)->cursor, 5008);
    assert_int_equal(look(bench)->sent, 5008);
    assert_int_equal(look(bench)->repeated, 0);
}

/* Goal: a restart goes on at the cursor; one that is not readable begins at
 * 0. */
static void test_goes_on_at_the_cursor(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 12, 10);
    put_cursor(bench, 7);
    start(bench);
    assert_int_equal(look(bench)->cursor, 7);
    assert_int_equal(look(bench)->saved, 7);
    drain(bench);
    assert_int_equal(look(bench)->sent, 5);
    stop(bench);
    fake_disk_put(bench->room.fake, ROOM_DIR "/cursor", SLICE("no cursor"));
    start(bench);
    assert_int_equal(look(bench)->cursor, 0);
    drain(bench);
    assert_int_equal(look(bench)->sent, 12);
}

/* Goal: that nothing was sent yet is on the disk, once a sender ran over the
 * whole journal; over a trimmed one nobody knows. */
static void test_says_that_nothing_was_sent(void **state) {
    struct bench *bench = *state;
    bool known;
    room_append(&bench->room, 12, 10);
    assert_int_equal(cursor_on_disk(bench, &known), 0);
    assert_false(known);
    start(bench);
    stop(bench);
    assert_int_equal(cursor_on_disk(bench, &known), 0);
    assert_true(known);
    room_loop_ends(&bench->room);
    room_free(&bench->room);
    room_init(&bench->room, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 30);
    room_trim(&bench->room);
    start(bench);
    stop(bench);
    assert_int_equal(cursor_on_disk(bench, &known), 0);
    assert_false(known);
}

/* Goal: a cursor at the journal's end is right, one past it is refused with
 * words, and the file is left as it is. */
static void test_the_bound_of_the_cursor(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 4, 10);
    put_cursor(bench, 4);
    start(bench);
    assert_int_equal(look(bench)->cursor, 4);
    stop(bench);
    put_cursor(bench, 5);
    struct reason reason = {""};
    assert_int_equal(try_start(bench, &reason), ERR_CORRUPT);
    assert_null(bench->sender);
    assert_non_null(strstr(reason.text, "5 events were sent"));
    assert_non_null(strstr(reason.text, "remove that file"));
    assert_int_equal(cursor_on_disk(bench, &(bool){false}), 5);
}

/* Goal: starts that cannot work are refused: an endpoint that is none, a cursor
 * file that cannot be read, no memory for a connection. */
static void test_starts_that_are_refused(void **state) {
    struct bench *bench = *state;
    struct reason reason = {""};
    strcpy(bench->config.cloud.endpoint, "http://localhost");
    assert_int_equal(try_start(bench, &reason), ERR_CONFIG);
    strcpy(bench->config.cloud.endpoint, "https://localhost");
    bench->network.refuse = true;
    assert_int_equal(try_start(bench, &reason), ERR_MEMORY);
    bench->network.refuse = false;
    fake_disk_fail_at(bench->room.fake, FAKE_READ, 1, ERR_IO);
    assert_int_equal(try_start(bench, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "cursor"));
    start(bench);
}

/* Goal: a stream without a sink stays here: nothing is opened, asked for or
 * due, and nothing counts as backlog. */
static void test_a_stream_without_a_sink(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 3, 10);
    start(bench);
    assert_false(turn_to_request(bench));
    assert_int_equal(bench->room.executor.given_count, 0);
    assert_false(bench->network.open);
    assert_int_equal(look(bench)->cursor, 3);
    assert_int_equal(look(bench)->end, 3);
    assert_int_equal(sender_due_us(bench->sender, true), INT64_MAX);
    assert_false(sender_is_busy(bench->sender));
    sender_pause(bench->sender, true);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_PAUSED);
}

/* --- the cursor's saves ------------------------------------------------- */

/* Goal: the status says saved when the save has ended, durably; a second passes
 * between two. */
static void test_saved_follows_the_disk(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 10, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network); /* five keys, so five */
    turn(bench);
    assert_int_equal(look(bench)->cursor, 5);
    assert_int_equal(look(bench)->saved, 0);
    assert_true(room_work(&bench->room));
    assert_int_equal(cursor_on_disk(bench, &(bool){false}), 5);
    assert_int_equal(look(bench)->saved, 0);
    assert_true(room_done(&bench->room));
    assert_int_equal(look(bench)->saved, 5);
    drain(bench);
    room_settle(&bench->room);
    assert_int_equal(look(bench)->cursor, 10);
    assert_int_equal(look(bench)->saved, 5);
    int64_t due_us = sender_due_us(bench->sender, true);
    assert_int_equal(due_us, bench->room.mono_us + CURSOR_SAVE_US);
    bench->room.mono_us = due_us;
    turn(bench);
    room_settle(&bench->room);
    assert_int_equal(look(bench)->saved, 10);
    assert_int_equal(sender_due_us(bench->sender, true), INT64_MAX);
}

/* Goal: a save that hangs stops nothing but itself: events go on, saved stands
 * still, and what was confirmed meanwhile is saved when it comes back. */
static void test_a_save_that_hangs(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network);
    turn(bench);
    struct job *stuck = bench->room.executor.given[0];
    bench->room.executor.given_count = 0; /* it is with the disk */
    for (int i = 0; i < 5; i++) {
        room_append(&bench->room, 5, 10);
        bench->room.mono_us += 10 * CURSOR_SAVE_US;
        drain(bench);
    }
    assert_int_equal(look(bench)->cursor, 30);
    assert_int_equal(look(bench)->saved, 0);
    assert_string_equal(look(bench)->disk_job, "saving the cursor");
    assert_true(bench->room.mono_us - look(bench)->disk_since_us ==
                50 * CURSOR_SAVE_US);
    sender_pause(bench->sender, true);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_PAUSED);
    sender_pause(bench->sender, false);
    fake_executor(&bench->room.executor).submit(&bench->room.executor, stuck);
    room_settle(&bench->room);
    assert_int_equal(look(bench)->saved, 5);
    turn(bench);
    room_settle(&bench->room);
    assert_int_equal(look(bench)->saved, 30);
    assert_null(look(bench)->disk_job);
}

/* Goal: a save that fails moves nothing and is made again; the last one may
 * fail too, and all ends well. */
static void test_saves_that_fail(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network);
    turn(bench);
    fake_disk_fail_at(bench->room.fake, FAKE_SYNC, 1, ERR_IO);
    room_settle(&bench->room);
    assert_int_equal(look(bench)->saved, 0);
    bench->room.mono_us = sender_due_us(bench->sender, false);
    turn(bench);
    room_settle(&bench->room);
    assert_int_equal(look(bench)->saved, 5);
    room_append(&bench->room, 1, 10);
    drain(bench);
    fake_disk_fail_at(bench->room.fake, FAKE_WRITE, 1, ERR_FULL);
    stop(bench);
    /* What was confirmed before, or what a part of the write left. */
    uint64_t cursor = cursor_on_disk(bench, &(bool){false});
    assert_true(cursor == 5 || cursor == 6);
}

/* --- a disk that hangs, gaps, faults ------------------------------------ */

/* Goal: a journal read that hangs under one stream: the other one sends on, and
 * the one that hangs answers to pause and status. */
static void test_a_read_that_hangs(void **state) {
    struct bench *bench = *state;
    struct bench *other = bench_new(CONFIG_SINK_KINESIS);
    room_append(&bench->room, 5, 10);
    start(bench);
    start(other);
    turn(bench); /* its job is never run */
    for (int i = 0; i < 10; i++) {
        room_append(&other->room, 5, 10);
        room_append(&bench->room, 5, 10);
        turn(bench);
        drain(other);
        bench->room.mono_us += SECOND_US;
        other->room.mono_us += SECOND_US;
    }
    assert_int_equal(look(other)->cursor, 50);
    assert_int_equal(look(bench)->cursor, 0);
    assert_int_equal(look(bench)->end, 55);
    assert_string_equal(look(bench)->disk_job,
                        "reading the journal for the cloud");
    assert_true(bench->room.mono_us - look(bench)->disk_since_us ==
                10 * SECOND_US);
    assert_false(sender_is_busy(bench->sender));
    assert_int_equal(sender_due_us(bench->sender, true), INT64_MAX);
    assert_int_equal(bench->room.executor.given_count, 1);
    sender_pause(bench->sender, true);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_PAUSED);
    sender_pause(bench->sender, false);
    drain(bench); /* the disk comes back */
    assert_int_equal(look(bench)->cursor, 55);
    bench_free(other);
}

/* Goal: damage is passed only when all before it is confirmed, also what is
 * held, for that is still there to be sent; then it is named. */
static void test_damage_waits_for_what_is_held(void **state) {
    struct bench *bench = *state;
    room_append_frames(&bench->room, 8);
    room_damage(&bench->room, 0, 5); /* event 4 */
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_take_but(&bench->network, 2, "AccessDenied");
    for (int i = 0; i < 5; i++) {
        assert_false(turn_to_request(bench));
        bench->room.mono_us += SECOND_US;
    }
    assert_int_equal(look(bench)->cursor, 2);
    assert_int_equal(look(bench)->refused, 1);
    assert_int_equal(look(bench)->gap_count, 0);
    assert_int_equal(look(bench)->lost, 0);
    assert_non_null(strstr(look(bench)->last_error, "AccessDenied"));
    bench->room.mono_us += FORWARDER_REFUSED_US;
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network);
    drain(bench);
    const struct bridge_stream_status *status = look(bench);
    assert_int_equal(status->cursor, 8);
    assert_int_equal(status->sent, 7);
    assert_int_equal(status->lost, 1);
    assert_int_equal(status->gap_count, 1);
    assert_int_equal(status->gaps[0].first, 4);
    assert_int_equal(status->gaps[0].end, 5);
}

/* Goal: damage that can be read after all when it is to be passed is none. */
static void test_damage_that_passed_by_itself(void **state) {
    struct bench *bench = *state;
    room_append_frames(&bench->room, 8);
    room_damage(&bench->room, 0, 5);
    start(bench);
    assert_true(turn_to_request(bench));
    turn(bench);
    room_damage(&bench->room, 0, 5); /* the same bit: it is right again */
    fake_network_take(&bench->network);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 8);
    assert_int_equal(look(bench)->sent, 8);
    assert_int_equal(look(bench)->lost, 0);
    assert_int_equal(look(bench)->gap_count, 0);
}

/* Goal: damage that is recorded already is passed and counted, and is not told
 * of again. */
static void test_known_damage_is_not_told_again(void **state) {
    struct bench *bench = *state;
    room_append_frames(&bench->room, 8);
    room_damage(&bench->room, 0, 5);
    struct reason reason = {""};
    assert_int_equal(journal_note_gap(bench->room.journal, 4, 5, &reason),
                     ERR_OK);
    bench->stream.on_rot = CONFIG_ROT_STOP;
    start(bench);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 8);
    assert_int_equal(look(bench)->lost, 1);
    assert_int_equal(look(bench)->gap_count, 0);
}

/* Goal: what was trimmed is passed when what is sent is confirmed; what is held
 * was trimmed with it and is forgotten. */
static void test_what_was_trimmed_is_lost(void **state) {
    struct bench *bench = *state;
    room_loop_ends(&bench->room);
    room_free(&bench->room);
    room_init(&bench->room, ROOM_SEGMENT_PAGES);
    room_append_frames(&bench->room, 4);
    start(bench);
    assert_true(turn_to_request(bench));
    room_append_frames(&bench->room, 30);
    while (bench->room.position->start < 12) {
        room_trim(&bench->room);
    }
    uint64_t trimmed = bench->room.position->start;
    turn(bench);
    assert_int_equal(look(bench)->lost, 0); /* a request is in flight */
    fake_network_take_but(&bench->network, 1, "AccessDenied");
    drain(bench);
    const struct bridge_stream_status *status = look(bench);
    assert_int_equal(status->cursor, 34);
    assert_int_equal(status->refused, 0);
    assert_int_equal(status->lost, trimmed - 4);
    assert_int_equal(status->gap_count, 0);
}

/* Goal: a journal that cannot be read is said in words, and read again after
 * ten seconds. */
static void test_a_journal_that_cannot_be_read(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    fake_disk_fail_at(bench->room.fake, FAKE_READ, 1, ERR_IO);
    assert_false(turn_to_request(bench));
    assert_non_null(strstr(look(bench)->last_error, "cannot read the journal"));
    assert_non_null(strstr(look(bench)->last_error, ROOM_DIR));
    int64_t due_us = sender_due_us(bench->sender, true);
    assert_int_equal(due_us, bench->room.mono_us + FEED_RETRY_US);
    bench->room.mono_us = due_us;
    drain(bench);
    assert_int_equal(look(bench)->cursor, 5);
    assert_string_equal(look(bench)->last_error, "");
}

/* --- answers ------------------------------------------------------------ */

/* Goal: a network that is away is said, waited out, and tried again; lower
 * priorities have the line meanwhile. */
static void test_an_outage(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 15, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network);
    assert_true(turn_to_request(bench));
    uint32_t turns = bench->turns;
    fake_network_fail(&bench->network, "localhost: no route");
    assert_int_equal(bench->turns, turns + 1);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_OFFLINE);
    assert_int_equal(look(bench)->failures, 1);
    assert_string_equal(look(bench)->last_error, "localhost: no route");
    int64_t due_us = sender_due_us(bench->sender, true);
    assert_true(due_us < bench->room.mono_us + SECOND_US);
    bench->room.mono_us = due_us;
    drain(bench);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_ONLINE);
    assert_int_equal(look(bench)->cursor, 15);
    assert_int_equal(look(bench)->repeated, 5);
    assert_string_equal(look(bench)->last_error, "");
}

/* Goal: an endpoint that takes no connection is probed; while another stream
 * does that nothing is sent here, whatever the time, and once that has ended,
 * at once. */
static void test_another_stream_probes(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_null(sender_probes(bench->sender));
    assert_true(turn_to_request(bench));
    fake_network_refuse(&bench->network);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_OFFLINE);
    const struct endpoint *where = sender_probes(bench->sender);
    assert_non_null(where);
    assert_string_equal(where->authority, "localhost:1");
    sender_spare(bench->sender, true);
    bench->room.mono_us += 10 * SECOND_US;
    assert_int_equal(sender_due_us(bench->sender, true), INT64_MAX);
    assert_false(turn_to_request(bench));
    for (int i = 0; i < 10; i++) { /* so that there is a wait to cut short */
        sender_spare(bench->sender, false);
        assert_true(turn_to_request(bench));
        fake_network_refuse(&bench->network);
        sender_spare(bench->sender, true);
    }
    sender_spare(bench->sender, false);
    assert_null(sender_probes(bench->sender));
    drain(bench);
    assert_int_equal(look(bench)->cursor, 5);
}

/* Goal: whoever is paused or hung up probes for nobody; nor does a connection
 * that was taken and broke. */
static void test_who_does_not_probe(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_refuse(&bench->network);
    sender_pause(bench->sender, true);
    assert_null(sender_probes(bench->sender));
    sender_pause(bench->sender, false);
    assert_non_null(sender_probes(bench->sender));
    assert_true(turn_to_request(bench));
    assert_non_null(sender_probes(bench->sender));
    fake_network_fail(&bench->network, "no TLS handshake in time");
    assert_null(sender_probes(bench->sender));
    bench->room.mono_us += SECOND_US;
    assert_true(turn_to_request(bench));
    fake_network_refuse(&bench->network);
    assert_non_null(sender_probes(bench->sender));
    sender_hang_up(bench->sender);
    assert_null(sender_probes(bench->sender));
}

/* Goal: a status is new when something changed, and once. */
static void test_a_status_is_told_once(void **state) {
    struct bench *bench = *state;
    start(bench);
    struct bridge_stream_status status;
    assert_true(sender_status(bench->sender, &status));
    assert_false(sender_status(bench->sender, &status));
    room_append(&bench->room, 1, 10);
    sender_work(bench->sender);
    assert_true(sender_status(bench->sender, &status));
    assert_false(sender_status(bench->sender, &status));
}

/* Goal: paused, nothing is sent, and what is in flight is answered; a pause
 * again changes nothing. */
static void test_a_pause(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 10, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    sender_pause(bench->sender, true);
    sender_pause(bench->sender, true);
    fake_network_take(&bench->network);
    assert_int_equal(look(bench)->cursor, 5);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_PAUSED);
    assert_false(turn_to_request(bench));
    assert_int_equal(look(bench)->saved, 5); /* the cursor is saved still */
    sender_pause(bench->sender, false);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_IDLE);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 10);
}

/* Goal: credentials that are expired are told apart from others that are
 * refused, and no longer once the service answers. */
static void test_expired_credentials(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"ExpiredTokenException\"}");
    assert_int_equal(look(bench)->link, BRIDGE_LINK_REFUSED);
    assert_true(look(bench)->expired);
    assert_non_null(strstr(look(bench)->last_error, "renew the AWS"));
    bench->room.mono_us = sender_due_us(bench->sender, true);
    assert_true(turn_to_request(bench));
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"AccessDeniedException\"}");
    assert_int_equal(look(bench)->link, BRIDGE_LINK_REFUSED);
    assert_false(look(bench)->expired);
    assert_false(bench->refused_expired);
}

/* Goal: who keeps the credentials is told which ones were refused, even if
 * there are others by then; without any the link says so; and with new ones
 * the events are sent at once, with nothing lost. */
static void test_renewed_credentials(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    bench->credentials.serial = 7;
    assert_true(turn_to_request(bench));
    bench->credentials.serial = 8;
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"ExpiredTokenException\"}");
    assert_int_equal(bench->refused_serial, 7);
    assert_true(bench->refused_expired);
    sender_credentials(bench->sender, "waiting for new ones", true);
    assert_true(look(bench)->expired);
    assert_string_equal(look(bench)->last_error, "waiting for new ones");
    assert_true(sender_due_us(bench->sender, true) > bench->room.mono_us);
    sender_credentials(bench->sender, NULL, false);
    assert_true(turn_to_request(bench)); /* the clock stands */
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"ExpiredTokenException\"}");
    sender_credentials(bench->sender, NULL, false); /* the same: they wait */
    assert_true(sender_due_us(bench->sender, true) > bench->room.mono_us);
    bench->credentials.serial = 9;
    sender_credentials(bench->sender, NULL, false);
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network);
    drain(bench);
    assert_int_equal(look(bench)->sent, 5);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_ONLINE);
}

/* Goal: a service that throttles says so in the link, and the stream still goes
 * before those of lower priority; it is online again when it takes all. */
static void test_throttled(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_answer(
        &bench->network, 400,
        "{\"__type\":\"ProvisionedThroughputExceededException\"}");
    assert_int_equal(look(bench)->link, BRIDGE_LINK_THROTTLED);
    bench->room.mono_us = sender_due_us(bench->sender, true);
    drain(bench);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_THROTTLED);
    sender_wait(bench->sender, false);
    bench->room.mono_us = sender_due_us(bench->sender, true);
    while (look(bench)->link == BRIDGE_LINK_THROTTLED) {
        int64_t due_us = sender_due_us(bench->sender, true);
        assert_true(due_us != INT64_MAX);
        bench->room.mono_us = due_us;
        turn(bench);
        room_settle(&bench->room);
        sender_wait(bench->sender, false);
    }
    assert_int_equal(look(bench)->link, BRIDGE_LINK_ONLINE);
}

/* Goal: after an outage a stream that only waits for one of higher priority is
 * shown as waiting, not with the words of the outage. */
static void test_waits_for_its_turn(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_fail(&bench->network, "connection refused");
    assert_int_equal(look(bench)->link, BRIDGE_LINK_OFFLINE);
    sender_wait(bench->sender, true);
    int64_t due_us = sender_due_us(bench->sender, false);
    assert_true(due_us == bench->room.mono_us + SECOND_US);
    bench->room.mono_us = due_us;
    sender_work(bench->sender);
    sender_wait(bench->sender, true);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_WAITING);
    assert_string_equal(look(bench)->last_error, "");
    assert_int_equal(sender_due_us(bench->sender, false), INT64_MAX);
    bench->room.mono_us += 60 * SECOND_US;
    sender_wait(bench->sender, false);
    drain(bench);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_ONLINE);
    assert_int_equal(look(bench)->cursor, 5);
}

/* Goal: a refusal for which our clock is to blame teaches the server's time and
 * is tried again at once; with a clock that is right it is a refusal. */
static void test_a_clock_that_is_wrong(void **state) {
    struct bench *bench = *state;
    static const char refusal[] = "{\"__type\":\"InvalidSignatureException\"}";
    room_append(&bench->room, 5, 10);
    start(bench);
    bench->network.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_true(turn_to_request(bench));
    fake_network_answer(&bench->network, 403, refusal);
    assert_true(bench->offset_us < -SECOND_US * 3600);
    assert_non_null(strstr(look(bench)->last_error, "clock is wrong"));
    assert_int_equal(look(bench)->link, BRIDGE_LINK_IDLE);
    turn(bench);
    assert_true(bench->network.in_flight);
    assert_non_null(strstr(bench->network.head, "19941106T084937Z"));
    fake_network_answer(&bench->network, 403, refusal);
    assert_int_equal(look(bench)->link, BRIDGE_LINK_REFUSED);
    assert_non_null(strstr(look(bench)->last_error, "check the AWS"));
    turn(bench);
    assert_false(bench->network.in_flight);
}

/* Goal: a Date that jumps with every answer is no reason to ask without end. */
static void test_a_clock_that_jumps(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    while (turn_to_request(bench)) {
        assert_true(bench->network.requests < 10);
        bench->network.date = bench->network.requests % 2 == 0
                                  ? "Sun, 06 Nov 1994 08:49:37 GMT"
                                  : "Sun, 06 Nov 2011 08:49:37 GMT";
        fake_network_answer(&bench->network, 403,
                            "{\"__type\":\"InvalidSignatureException\"}");
    }
    assert_int_equal(look(bench)->link, BRIDGE_LINK_REFUSED);
    int64_t due_us = sender_due_us(bench->sender, true);
    assert_true(due_us >= bench->room.mono_us + 10 * SECOND_US);
}

/* Goal: who may not ask for the bus sends without; a bus that does not exist
 * holds, with words that name it. */
static void test_the_question(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 3, 10);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"ResourceNotFoundException\"}");
    assert_int_equal(look(bench)->link, BRIDGE_LINK_REFUSED);
    assert_non_null(strstr(look(bench)->last_error,
                           "event bus a-bus does not exist in region "
                           "eu-central-1: create it or fix"));
    turn(bench);
    assert_false(bench->network.in_flight);
    int64_t due_us = sender_due_us(bench->sender, true);
    assert_true(due_us >= bench->room.mono_us + 10 * SECOND_US);
    bench->room.mono_us = due_us;
    assert_true(turn_to_request(bench));
    assert_true(
        fake_network_asks(&bench->network, "AWSEvents.DescribeEventBus"));
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"AccessDeniedException\"}");
    assert_int_equal(look(bench)->link, BRIDGE_LINK_ONLINE);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 3);
}

/* Goal: after an outage of more than ten minutes, and not of ten, the bus is
 * asked for again. */
static void test_asks_again_after_a_long_outage(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 10, 10);
    start(bench);
    drain(bench);
    for (int longer = 0; longer < 2; longer++) {
        room_append(&bench->room, 1, 10);
        assert_true(turn_to_request(bench));
        bench->room.mono_us += 600 * SECOND_US + longer;
        fake_network_fail(&bench->network, "away");
        bench->room.mono_us += SECOND_US;
        assert_true(turn_to_request(bench));
        assert_int_equal(
            fake_network_asks(&bench->network, "AWSEvents.DescribeEventBus"),
            longer == 1);
        drain(bench);
    }
    assert_int_equal(look(bench)->cursor, 12);
}

/* Goal: an event that the service can never take is held with its reason, its
 * key waits, and the others go on. */
static void test_what_can_never_be_sent(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 2, 10);
    room_append(&bench->room, 1, 300 * 1024);
    room_append(&bench->room, 7, 10);
    start(bench);
    drain(bench);
    const struct bridge_stream_status *status = look(bench);
    assert_int_equal(status->cursor, 2);
    assert_int_equal(status->sent, 8);
    assert_int_equal(status->refused, 1);
    assert_non_null(strstr(status->last_error, "event 2 (ReadingTaken)"));
}

/* Goal: with one key there is one event a request, and a window that is full
 * waits for room: all arrive, in order. */
static void test_a_full_window(void **state) {
    struct bench *bench = *state;
    bench->room.keys = 1;
    room_append(&bench->room, 1000, 10);
    room_append(&bench->room, 200, 10);
    start(bench);
    for (uint64_t seq = 0; seq < 1200; seq++) {
        assert_true(turn_to_request(bench));
        if (bench->network.seq_count == 0) { /* the question */
            fake_network_take(&bench->network);
            assert_true(turn_to_request(bench));
        }
        assert_int_equal(bench->network.seq_count, 1);
        assert_int_equal(bench->network.seqs[0], seq);
        fake_network_take(&bench->network);
    }
    assert_int_equal(look(bench)->cursor, 1200);
}

/* Goal: an event that no window can hold is said, and looked at again later;
 * what lies before it is sent. */
static void test_an_event_for_no_window(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 2, 10);
    room_append(&bench->room, 1, FORWARDER_BYTES_MAX / 2);
    start(bench);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 2);
    int64_t due_us = sender_due_us(bench->sender, false);
    assert_true(due_us > bench->room.mono_us);
    assert_false(turn_to_request(bench));
    bench->room.mono_us = due_us;
    assert_false(turn_to_request(bench));
    assert_true(sender_due_us(bench->sender, false) > due_us);
}

/* Goal: a request that cannot be built counts as a failure, with words, and is
 * tried again later. */
static void test_what_cannot_be_built(void **state) {
    struct bench *bench = *state;
    room_append(&bench->room, 5, 10);
    start(bench);
    bench->offset_us = INT64_MAX / 2; /* no date can be written for it */
    assert_false(turn_to_request(bench));
    assert_int_equal(look(bench)->link, BRIDGE_LINK_OFFLINE);
    assert_int_equal(look(bench)->requests, 0);
    assert_non_null(strstr(look(bench)->last_error, "cannot build a request"));
    bench->offset_us = 0;
    bench->room.mono_us = sender_due_us(bench->sender, true);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 5);
}

/* --- letters ------------------------------------------------------------ */

/* Refuses event 3 wherever it is, until nothing more is asked. */
static void drain_but_the_third(struct bench *bench) {
    while (turn_to_request(bench)) {
        uint32_t index = UINT32_MAX;
        for (uint32_t i = 0; i < bench->network.seq_count; i++) {
            index = bench->network.seqs[i] == 3 ? i : index;
        }
        fake_network_take_but(&bench->network, index, "MalformedDetail");
    }
}

/* Goal: an entry that is refused for good is handed over once, with the code;
 * its key and the cursor wait until it is settled as dead, and then go on. */
static void test_a_letter_is_settled(void **state) {
    struct bench *bench = *state;
    bench->takes_letters = true;
    bench->settles = -1;
    room_append(&bench->room, 12, 10);
    start(bench);
    drain_but_the_third(bench);
    assert_int_equal(bench->letter_count, 1);
    assert_int_equal(bench->letters[0].seq, 3);
    assert_int_equal(bench->letters[0].kind, LETTER_ENTRY);
    assert_int_equal(bench->letters[0].tries, 1);
    assert_true(bench->letters[0].bytes.len > 0);
    assert_string_equal(bench->letter_words[0], "MalformedDetail|");
    assert_int_equal(look(bench)->cursor, 3);
    assert_int_equal(look(bench)->sent, 10); /* not 3, and not 8 behind it */
    bench->room.mono_us += 10 * 60 * SECOND_US;
    drain_but_the_third(bench);
    assert_int_equal(bench->letter_count, 1);
    uint32_t turns = bench->turns;
    sender_settle(bench->sender, 3, SETTLE_DEAD);
    assert_int_equal(bench->turns, turns + 1);
    assert_int_equal(look(bench)->refused, 0);
    drain_but_the_third(bench);
    assert_int_equal(look(bench)->cursor, 12);
    assert_int_equal(look(bench)->sent, 11);
    sender_settle(bench->sender, 3, SETTLE_RETRY); /* long gone */
    assert_false(turn_to_request(bench));
}

/* Goal: settled from within the call; a hold is tried again in a minute and
 * handed over again, a retry at once. */
static void test_a_letter_is_held_or_sent_again(void **state) {
    struct bench *bench = *state;
    bench->takes_letters = true;
    bench->settles = SETTLE_HOLD;
    room_append(&bench->room, 12, 10);
    start(bench);
    drain_but_the_third(bench);
    assert_int_equal(bench->letter_count, 1);
    assert_int_equal(look(bench)->refused, 1);
    bench->room.mono_us += FORWARDER_REFUSED_US;
    bench->settles = -1;
    drain_but_the_third(bench);
    assert_int_equal(bench->letter_count, 2);
    assert_int_equal(bench->letters[1].tries, 2);
    sender_settle(bench->sender, 3, SETTLE_RETRY);
    assert_true(turn_to_request(bench));
    assert_int_equal(bench->network.seqs[0], 3);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 12);
    assert_int_equal(look(bench)->sent, 12);
}

/* Goal: what was refused alone in a whole request, and what the sink can never
 * take, are letters too. */
static void test_other_letters(void **state) {
    struct bench *bench = *state;
    bench->takes_letters = true;
    bench->settles = SETTLE_DEAD;
    room_append(&bench->room, 1, 10);
    room_append(&bench->room, 1, 300 * 1024);
    start(bench);
    assert_true(turn_to_request(bench));
    fake_network_take(&bench->network); /* the question */
    assert_true(turn_to_request(bench));
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"ValidationException\","
                        "\"message\":\"no\"}");
    drain(bench);
    assert_int_equal(bench->letter_count, 2);
    assert_int_equal(bench->letters[0].kind, LETTER_INVALID);
    assert_string_equal(bench->letter_words[0],
                        "ValidationException|ValidationException: no");
    assert_int_equal(bench->letters[1].kind, LETTER_UNSENDABLE);
    assert_int_equal(bench->letters[1].tries, 0);
    assert_int_equal(look(bench)->cursor, 2);
    assert_int_equal(look(bench)->sent, 0);
}

/* Goal: letters of an earlier run are done: they are not sent again. */
static void test_letters_of_before(void **state) {
    struct bench *bench = *state;
    static const uint64_t dead[] = {0, 2, 4, 40};
    bench->takes_letters = true;
    bench->dead = dead;
    bench->dead_count = 4;
    put_cursor(bench, 1);
    room_append(&bench->room, 9, 10);
    start(bench);
    drain(bench);
    assert_int_equal(look(bench)->cursor, 9);
    assert_int_equal(look(bench)->sent, 6);
    assert_int_equal(bench->letter_count, 0);
}

int main(void) {
#define EVENTBRIDGE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up_eventbridge, tear_down)
#define KINESIS_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up_kinesis, tear_down)
    const struct CMUnitTest tests[] = {
        EVENTBRIDGE_TEST(test_sends_everything),
        KINESIS_TEST(test_a_long_backlog),
        KINESIS_TEST(test_goes_on_at_the_cursor),
        KINESIS_TEST(test_says_that_nothing_was_sent),
        KINESIS_TEST(test_the_bound_of_the_cursor),
        KINESIS_TEST(test_starts_that_are_refused),
        cmocka_unit_test_setup_teardown(test_a_stream_without_a_sink,
                                        set_up_none, tear_down),
        KINESIS_TEST(test_saved_follows_the_disk),
        KINESIS_TEST(test_a_save_that_hangs),
        KINESIS_TEST(test_saves_that_fail),
        KINESIS_TEST(test_a_read_that_hangs),
        KINESIS_TEST(test_damage_waits_for_what_is_held),
        KINESIS_TEST(test_damage_that_passed_by_itself),
        KINESIS_TEST(test_known_damage_is_not_told_again),
        KINESIS_TEST(test_what_was_trimmed_is_lost),
        KINESIS_TEST(test_a_journal_that_cannot_be_read),
        KINESIS_TEST(test_an_outage),
        KINESIS_TEST(test_another_stream_probes),
        KINESIS_TEST(test_who_does_not_probe),
        KINESIS_TEST(test_a_status_is_told_once),
        KINESIS_TEST(test_a_pause),
        KINESIS_TEST(test_expired_credentials),
        KINESIS_TEST(test_renewed_credentials),
        KINESIS_TEST(test_throttled),
        KINESIS_TEST(test_waits_for_its_turn),
        KINESIS_TEST(test_a_clock_that_is_wrong),
        KINESIS_TEST(test_a_clock_that_jumps),
        EVENTBRIDGE_TEST(test_the_question),
        EVENTBRIDGE_TEST(test_asks_again_after_a_long_outage),
        EVENTBRIDGE_TEST(test_what_can_never_be_sent),
        EVENTBRIDGE_TEST(test_a_full_window),
        KINESIS_TEST(test_an_event_for_no_window),
        KINESIS_TEST(test_what_cannot_be_built),
        EVENTBRIDGE_TEST(test_what_cannot_be_built),
        EVENTBRIDGE_TEST(test_a_letter_is_settled),
        EVENTBRIDGE_TEST(test_a_letter_is_held_or_sent_again),
        EVENTBRIDGE_TEST(test_other_letters),
        EVENTBRIDGE_TEST(test_letters_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
