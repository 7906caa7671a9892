/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the number of lanes: it waits until everything is confirmed, is
 * on the disk before anything is sent by it, and no held event stops a stream
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/lane_change.h"
#include "gateway/base/log.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fake_executor.h"
#include "tests/unit/bridge/dice.h"

struct bench {
    struct dice dice;
    struct entropy entropy;
    struct fake_disk *fake;
    struct disk disk;
    struct fake_executor executor;
    struct cursor_file file;
    struct cursor_saver saver;
    struct forwarder forwarder;
    struct lane_change change;
    int64_t now_us;
    uint64_t end; /* the journal's */
};

static const uint8_t ID[JOURNAL_ID_SIZE] = "a journal's id.";
static const struct cursor_owner OWNER = {ID, "orders"};

static void on_ended(void *context) {
    (void)context;
}

static void begin(struct bench *bench, uint32_t wanted) {
    enum cursor_found found;
    assert_int_equal(cursor_file_open(&bench->file, &bench->disk, "/data",
                                      &OWNER, &found, NULL),
                     ERR_OK);
    const struct forwarder_limits limits = {10, 1 << 20};
    forwarder_init(&bench->forwarder, &limits, &bench->entropy,
                   bench->file.saved);
    lane_change_begin(&bench->change, "orders", wanted, &bench->file,
                      bench->end, &bench->forwarder);
    cursor_saver_init(&bench->saver, &bench->file,
                      fake_executor(&bench->executor), CURSOR_SAVE_US, on_ended,
                      bench);
}

static void end(struct bench *bench) {
    assert_int_equal(
        cursor_saver_finish(&bench->saver, bench->forwarder.window.base, NULL),
        ERR_OK);
    cursor_file_close(&bench->file);
    forwarder_free(&bench->forwarder);
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->dice = (struct dice){20261129};
    bench->entropy = dice_entropy(&bench->dice);
    bench->fake = fake_disk_new(7);
    bench->disk = fake_disk_table(bench->fake);
    assert_int_equal(bench->disk.make_dir(bench->disk.self, "/data"), ERR_OK);
    log_set_level(LOG_ERROR);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    fake_disk_free(bench->fake);
    free(bench);
    return 0;
}

/* True if the window may be filled; then it is. */
static bool turn(struct bench *bench) {
    struct forwarder *forwarder = &bench->forwarder;
    bool fills =
        lane_change_turn(&bench->change, forwarder, &bench->saver, bench->end);
    while (fills && forwarder_next_seq(forwarder) < bench->end) {
        uint64_t seq = forwarder_next_seq(forwarder);
        const struct forwarder_record record = {
            .seq = seq, .key = seq, .size = 1, .sendable = true};
        assert_int_equal(forwarder_push(forwarder, &record), ERR_OK);
    }
    cursor_saver_work(&bench->saver, forwarder->window.base, bench->now_us);
    return fills;
}

/* One request, and its answer for each entry. */
static void send(struct bench *bench, enum forwarder_outcome first) {
    const struct forwarder_batch *batch;
    enum forwarder_outcome outcomes[10] = {first};
    assert_int_equal(forwarder_take(&bench->forwarder, bench->now_us, &batch),
                     ERR_OK);
    forwarder_answer(&bench->forwarder, batch, bench->now_us, CALL_ANSWERED,
                     outcomes);
}

static uint32_t lanes_on_disk(struct bench *bench) {
    struct cursor_file file;
    enum cursor_found found;
    assert_int_equal(
        cursor_file_open(&file, &bench->disk, "/data", &OWNER, &found, NULL),
        ERR_OK);
    cursor_file_close(&file);
    return file.lanes;
}

static void settle(struct bench *bench) {
    bench->now_us += CURSOR_SAVE_US;
    cursor_saver_work(&bench->saver, bench->forwarder.window.base,
                      bench->now_us);
    fake_executor_settle(&bench->executor);
}

/* Goal: a new file gets the number at once. */
static void test_a_new_file(void **state) {
    struct bench *bench = *state;
    bench->end = 3;
    begin(bench, 5);
    assert_int_equal(bench->forwarder.window.lanes, 5);
    assert_true(turn(bench));
    send(bench, ENTRY_CONFIRMED);
    settle(bench);
    assert_int_equal(lanes_on_disk(bench), 5);
    end(bench);
}

/* Goal: with events to be sent it stays as it was until they are confirmed;
 * then nothing is taken until the new number is on the disk, whether or not
 * more events have come. */
static void test_it_waits_until_all_is_confirmed(void **state) {
    struct bench *bench = *state;
    bench->end = 5;
    begin(bench, 3);
    turn(bench);
    send(bench, ENTRY_CONFIRMED);
    settle(bench);
    end(bench);

    bench->end = 10;
    begin(bench, 4);
    assert_int_equal(bench->forwarder.window.lanes, 3);
    assert_true(turn(bench));
    assert_true(lane_change_fills(&bench->change, &bench->forwarder));
    assert_false(turn(bench)); /* it has all there is */
    assert_false(lane_change_fills(&bench->change, &bench->forwarder));
    bench->end = 12;
    assert_false(turn(bench));
    send(bench, ENTRY_CONFIRMED);
    assert_int_equal(bench->forwarder.window.count, 0);
    assert_false(turn(bench));
    assert_false(turn(bench));
    assert_int_equal(bench->forwarder.window.lanes, 3);
    assert_int_equal(bench->forwarder.window.count, 0);
    settle(bench);
    assert_int_equal(lanes_on_disk(bench), 4);
    assert_true(turn(bench));
    assert_int_equal(bench->forwarder.window.lanes, 4);
    assert_int_equal(bench->forwarder.window.count, 2);
    send(bench, ENTRY_CONFIRMED);
    end(bench);
}

/* Goal: all was confirmed before the start: it is made at once. */
static void test_a_drained_stream(void **state) {
    struct bench *bench = *state;
    test_a_new_file(state);
    begin(bench, 64);
    assert_int_equal(bench->forwarder.window.lanes, 5);
    assert_false(turn(bench));
    settle(bench);
    assert_true(turn(bench));
    assert_int_equal(bench->forwarder.window.lanes, 64);
    end(bench);
}

/* Goal: an event that is held is no reason to take no more; the change waits
 * for it. */
static void test_a_held_event(void **state) {
    struct bench *bench = *state;
    bench->end = 5;
    begin(bench, 3);
    bench->file.lanes = 3; /* as a start saves it */
    assert_int_equal(cursor_file_save(&bench->file, 0, NULL), ERR_OK);
    end(bench);

    begin(bench, 4);
    turn(bench);
    send(bench, ENTRY_REFUSED);
    assert_int_equal(bench->forwarder.counts.refused, 1);
    (void)turn(bench); /* it has all there is */
    bench->end = 9;
    assert_true(turn(bench));
    assert_int_equal(forwarder_next_seq(&bench->forwarder), 9);
    assert_int_equal(bench->forwarder.window.lanes, 3);
    end(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_new_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_waits_until_all_is_confirmed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_drained_stream, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_held_event, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
