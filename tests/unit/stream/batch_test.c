/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

struct world {
    struct fixture *f;
    struct journal *journal;
    struct batch *batch;
};

static int setup(void **state) {
    static struct world w;
    w.f = fixture_new(5);
    w.journal = fixture_journal(w.f);
    assert_int_equal(batch_new(w.journal, FIXTURE_EVENT_BYTES, &w.batch),
                     ERR_OK);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    batch_free(w->batch);
    batch_free(NULL);
    journal_close(w->journal);
    fixture_free(w->f);
    return 0;
}

static struct event event_of(struct slice data) {
    return (struct event){
        .id = SLICE("a"),
        .source = SLICE("/s/meter-1"),
        .type = SLICE("Reading"),
        .data_kind = EVENT_DATA_JSON,
        .data = data,
    };
}

static struct shop_stamp append(struct world *w, size_t len) {
    static char data[FIXTURE_EVENT_BYTES];
    memset(data, '7', sizeof data);
    struct event event = event_of(slice_of(data, len));
    struct shop_stamp stamp;
    assert_int_equal(batch_append(w->batch, &event, &stamp), ERR_OK);
    return stamp;
}

/* Goal: numbers go on from batch to batch, and all records of one have its
 * time, which it takes when it begins. */
static void test_numbers_and_time(void **state) {
    struct world *w = *state;
    int64_t began_us = w->f->wall_us;
    assert_int_equal(append(w, 1).seq, 0);
    w->f->wall_us += 1000;
    struct shop_stamp second = append(w, 1);
    assert_int_equal(second.seq, 1);
    assert_true(second.wall_us == began_us);
    assert_true(batch_begin(w->batch).wall_us == began_us);
    assert_int_equal(batch_events(w->batch), 2);
    assert_int_equal(batch_end(w->batch), 2);
    uint64_t bytes = batch_bytes_ever(w->batch);
    assert_true(bytes > 0);

    batch_hand_over(w->batch);
    assert_int_equal(batch_events(w->batch), 0);
    assert_int_equal(batch_end(w->batch), 2);
    assert_true(batch_begin(w->batch).wall_us == began_us + 1000);
    w->f->wall_us += 1000;
    assert_true(batch_begin(w->batch).wall_us == began_us + 2000);
    struct shop_stamp third = append(w, 1);
    assert_int_equal(third.seq, 2);
    assert_true(third.wall_us == began_us + 2000);
    assert_int_equal(journal_commit_handed(w->journal, NULL), ERR_OK);
    assert_int_equal(atomic_load(&journal_position(w->journal)->end), 2);
    assert_int_equal(2 * batch_bytes_ever(w->batch), 3 * bytes);
}

/* Goal: an event as the world sees it names its place and time. */
static void test_rendering(void **state) {
    struct world *w = *state;
    const struct event event = event_of(SLICE("1"));
    struct slice json;
    const struct shop_stamp stamp = {7, 0};
    assert_int_equal(batch_render(w->batch, &event, stamp, &json), ERR_OK);
    char text[512];
    assert_int_equal(slice_to_str(json, text, sizeof text), ERR_OK);
    assert_non_null(
        strstr(text, "\"journalsequence\":\"00000000000000000007\""));
    assert_non_null(
        strstr(text, "\"recordedtime\":\"1970-01-01T00:00:00.000000Z\""));
}

/* Goal: a batch that says it takes a message does take the largest, with all
 * that follows from it, in its frame and on the disk. */
static void test_it_takes_what_it_says(void **state) {
    struct world *w = *state;
    uint32_t largest = batch_message_bytes_max(FIXTURE_EVENT_BYTES);
    uint64_t messages = 0;
    for (int batch = 0; batch < 20; batch++) {
        while (batch_takes_message(w->batch)) {
            uint64_t before = batch_bytes_ever(w->batch);
            while (batch_bytes_ever(w->batch) - before + 60000 < largest) {
                append(w, 59000);
            }
            messages++;
        }
        batch_hand_over(w->batch);
        assert_int_equal(journal_commit_handed(w->journal, NULL), ERR_OK);
        batch_look(w->batch);
        if (!batch_has_room(w->batch)) {
            assert_int_equal(journal_preallocate(w->journal, NULL), ERR_OK);
            batch_look(w->batch);
        }
        assert_true(batch_has_room(w->batch));
    }
    assert_true(messages >= 20);
}

/* Goal: the count of records is bounded as their bytes are. */
static void test_it_takes_so_many_events(void **state) {
    struct world *w = *state;
    uint32_t events = 0;
    while (batch_takes_message(w->batch)) {
        append(w, 1);
        events++;
    }
    uint32_t more = 1 + SHOP_OUTPUTS_MAX + BATCH_OWN_EVENTS_MAX;
    assert_int_equal(events, BATCH_EVENTS_MAX - more + 1);
    assert_true(batch_has_room(w->batch)); /* it is not the disk */
    for (uint32_t i = 1; i < more; i++) {
        append(w, 1);
    }
    struct event event = event_of(SLICE("1"));
    struct shop_stamp stamp;
    assert_int_equal(batch_append(w->batch, &event, &stamp), ERR_FULL);
}

/* Goal: of its own events an empty batch takes many, one that has messages few,
 * and none where the next message would lose its room. */
static void test_room_for_its_own(void **state) {
    struct world *w = *state;
    assert_true(batch_takes_own(w->batch) > 100);
    append(w, 1);
    assert_int_equal(batch_takes_own(w->batch), 8);
    while (batch_takes_message(w->batch)) {
        append(w, 20000);
    }
    assert_int_equal(batch_takes_own(w->batch), 0);
    batch_hand_over(w->batch);
    assert_true(batch_takes_own(w->batch) > 100); /* the reserve is for these */
}

/* Goal: behind a batch that is handed over there is only the room that is sure,
 * and a look after the commit sees what there is. */
static void test_room_behind_a_batch(void **state) {
    struct world *w = *state;
    append(w, 60000);
    while (batch_has_room(w->batch)) {
        append(w, 60000);
    }
    batch_hand_over(w->batch);
    assert_false(batch_has_room(w->batch));
    assert_int_equal(journal_commit_handed(w->journal, NULL), ERR_OK);
    assert_int_equal(journal_preallocate(w->journal, NULL), ERR_OK);
    assert_false(batch_has_room(w->batch)); /* it was not looked at */
    batch_look(w->batch);
    assert_true(batch_has_room(w->batch));
}

/* Goal: an event that no batch takes is refused and leaves no trace. */
static void test_an_event_too_large(void **state) {
    struct world *w = *state;
    size_t len = 3 * FIXTURE_EVENT_BYTES;
    char *data = malloc(len);
    assert_non_null(data);
    memset(data, '7', len);
    struct event event = event_of(slice_of(data, len));
    struct shop_stamp stamp = {0, 0};
    struct slice json;
    assert_int_equal(batch_append(w->batch, &event, &stamp), ERR_FULL);
    assert_int_equal(batch_render(w->batch, &event, stamp, &json), ERR_FULL);
    assert_int_equal(batch_events(w->batch), 0);
    free(data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_and_time),      TEST(test_rendering),
        TEST(test_it_takes_what_it_says), TEST(test_it_takes_so_many_events),
        TEST(test_room_for_its_own),      TEST(test_room_behind_a_batch),
        TEST(test_an_event_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
