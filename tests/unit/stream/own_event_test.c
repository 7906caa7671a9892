/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/own_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

enum { GAPS = 300 };

struct world {
    struct fixture *f;
    struct journal *journal;
    struct batch *batch;
    struct own_event own;
};

static int setup(void **state) {
    static struct world w;
    w.f = fixture_new(5);
    w.journal = fixture_journal(w.f);
    assert_int_equal(batch_new(w.journal, FIXTURE_EVENT_BYTES, &w.batch),
                     ERR_OK);
    w.own = (struct own_event){
        .store = "s",
        .stream = "orders",
        .life = journal_life(w.journal),
        .batch = w.batch,
    };
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    batch_free(w->batch);
    journal_close(w->journal);
    fixture_free(w->f);
    return 0;
}

/* Commits the batch, and gives its nth event's id and data. */
static void commit(struct world *w) {
    batch_hand_over(w->batch);
    assert_int_equal(journal_commit_handed_reserved(w->journal, NULL), ERR_OK);
    batch_look(w->batch);
}

static void is(struct world *w, uint64_t seq, const char *type, char mark,
               const char *data) {
    struct journal_reader *reader =
        support_reader(&w->f->disk, FIXTURE_DIR, seq);
    struct journal_record record;
    struct event event;
    assert_int_equal(journal_reader_next(reader, UINT64_MAX, &record), ERR_OK);
    assert_int_equal(event_load(record.bytes, &event), ERR_OK);
    assert_true(slice_eq_str(event.type, type));
    assert_true(slice_eq_str(event.source, "/s/gateway"));
    char found[512];
    assert_int_equal(slice_to_str(event.data, found, sizeof found), ERR_OK);
    assert_string_equal(found, data);
    char wanted[64];
    struct writer id = writer_over(wanted, sizeof wanted);
    event_life_write(&id, event_life_of(journal_life(w->journal)));
    writer_printf(&id, "-%d-%c", (int)seq, mark);
    assert_true(slice_eq(event.id, writer_slice(&id)));
    journal_reader_close(reader);
}

/* Goal: what was dropped is named by its first, its last and how many; a single
 * one as well. */
static void test_dropped(void **state) {
    struct world *w = *state;
    const struct own_event_range single = {7, 8, 1};
    const struct own_event_range some = {8, 20, 10};
    assert_int_equal(own_event_dropped(&w->own, &single), ERR_OK);
    assert_int_equal(own_event_dropped(&w->own, &some), ERR_OK);
    commit(w);
    is(w, 0, "EventsDropped", 'd',
       "{\"stream\":\"orders\",\"first\":7,\"last\":7,\"count\":1}");
    is(w, 1, "EventsDropped", 'd',
       "{\"stream\":\"orders\",\"first\":8,\"last\":19,\"count\":10}");
}

/* Goal: who, which and why, whatever is in them. */
static void test_rejected(void **state) {
    struct world *w = *state;
    assert_int_equal(own_event_rejected(&w->own, SLICE("till \"1\""),
                                        SLICE("e-1"), "because\n"),
                     ERR_OK);
    assert_int_equal(
        own_event_rejected(&w->own, SLICE("till-1"), SLICE_EMPTY, "no id"),
        ERR_OK);
    commit(w);
    is(w, 0, "EventRejected", 'r',
       "{\"device\":\"till \\\"1\\\"\",\"eventId\":\"e-1\",\"reason\":"
       "\"because\\u000a\"}");
    is(w, 1, "EventRejected", 'r',
       "{\"device\":\"till-1\",\"eventId\":null,\"reason\":\"no id\"}");
}

/* Goal: the longest that can be said fits. */
static void test_the_longest_rejection(void **state) {
    struct world *w = *state;
    char id[EVENT_ID_MAX];
    char device[SHOP_DEVICE_MAX];
    struct reason why;
    memset(id, 1, sizeof id); /* each becomes six bytes */
    memset(device, '"', sizeof device);
    memset(why.text, 1, sizeof why.text);
    why.text[sizeof why.text - 1] = '\0';
    assert_int_equal(own_event_rejected(&w->own,
                                        slice_of(device, sizeof device),
                                        slice_of(id, sizeof id), why.text),
                     ERR_OK);
    assert_int_equal(batch_events(w->batch), 1);
    assert_true(batch_bytes_ever(w->batch) <= BATCH_OWN_BYTES_MAX);
}

static size_t damaged(struct world *w, const struct journal_gap *gaps,
                      size_t count, struct journal_gap *ret_told) {
    size_t told = 0;
    assert_int_equal(own_event_damaged(&w->own, gaps, count, ret_told, &told),
                     ERR_OK);
    return told;
}

/* Goal: each gap is announced by a record of its own, with its number as the
 * mark; what is told already is not told again. */
static void test_damaged(void **state) {
    struct world *w = *state;
    const struct journal_gap gaps[] = {
        {0, 1, JOURNAL_UNTOLD}, {5, 7, 3}, {9, 12, JOURNAL_UNTOLD}};
    struct journal_gap told[3];
    assert_int_equal(damaged(w, gaps, 3, told), 2);
    assert_int_equal(told[0].first, 0);
    assert_int_equal(told[0].told_at, 0);
    assert_int_equal(told[1].first, 9);
    assert_int_equal(told[1].told_at, 1);
    commit(w);
    assert_int_equal(batch_end(w->batch), 2);
    is(w, 0, "JournalDamaged", 'x',
       "{\"stream\":\"orders\",\"first\":0,\"last\":0,\"count\":1}");
    is(w, 1, "JournalDamaged", 'x',
       "{\"stream\":\"orders\",\"first\":9,\"last\":11,\"count\":3}");
    assert_int_equal(damaged(w, told, 2, told), 0);
    assert_int_equal(batch_events(w->batch), 0);
    assert_int_equal(damaged(w, NULL, 0, told), 0);
}

/* Goal: more gaps than a batch takes events are all announced: the last event
 * speaks of the rest. */
static void test_more_gaps_than_events(void **state) {
    struct world *w = *state;
    struct journal_gap gaps[GAPS];
    struct journal_gap told[GAPS];
    for (uint64_t i = 0; i < GAPS; i++) {
        gaps[i] = (struct journal_gap){3 * i, 3 * i + 2, JOURNAL_UNTOLD};
    }
    uint32_t most = batch_takes_own(w->batch);
    assert_true(most < GAPS);
    assert_int_equal(damaged(w, gaps, GAPS, told), GAPS);
    assert_int_equal(batch_events(w->batch), most);
    for (uint64_t i = 0; i < GAPS; i++) {
        assert_int_equal(told[i].told_at, i < most ? i : most - 1);
    }
    commit(w);
    uint32_t last = most - 1;
    char data[128];
    snprintf(data, sizeof data,
             "{\"stream\":\"orders\",\"first\":%d,\"last\":%d,\"count\":%d}",
             (int)(3 * last), 3 * (GAPS - 1) + 1, (int)(2 * (GAPS - last)));
    is(w, last, "JournalDamaged", 'x', data);
}

/* Goal: a batch that has no room to spare tells of nothing. */
static void test_no_room_to_tell(void **state) {
    struct world *w = *state;
    const struct journal_gap gap = {0, 1, JOURNAL_UNTOLD};
    struct journal_gap told;
    while (batch_takes_own(w->batch) > 0) {
        const struct own_event_range range = {0, 1, 1};
        assert_int_equal(own_event_dropped(&w->own, &range), ERR_OK);
    }
    uint32_t events = batch_events(w->batch);
    assert_int_equal(damaged(w, &gap, 1, &told), 0);
    assert_int_equal(batch_events(w->batch), events);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_dropped),
        TEST(test_rejected),
        TEST(test_the_longest_rejection),
        TEST(test_damaged),
        TEST(test_more_gaps_than_events),
        TEST(test_no_room_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
