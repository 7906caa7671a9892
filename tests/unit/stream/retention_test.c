/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

enum { PER_SEGMENT = 10, RECORD = 60000, HOUR_MS = 3600 * 1000 };

#define MIB ((uint64_t)1024 * 1024)

/* Goal of all: what may go goes, oldest first, what may not stays. */
struct world {
    struct fixture *f;
    struct journal *journal;
    struct drop_ledger *ledger;
    struct retention *retention;
};

static int setup(void **state) {
    static struct world w;
    w = (struct world){.f = fixture_new(5)};
    w.f->settings->capacity = 0;
    w.f->settings->keep = 0;
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    retention_free(w->retention);
    retention_free(NULL);
    drop_ledger_close(w->ledger);
    drop_ledger_close(NULL);
    journal_close(w->journal);
    fixture_free(w->f);
    return 0;
}

static void begin(struct world *w) {
    w->journal = fixture_journal(w->f);
    w->ledger = fixture_ledger(w->f, w->journal);
    const struct retention_options options = {
        .platform = &w->f->platform,
        .stream = w->f->settings,
        .dir = FIXTURE_DIR,
        .journal = w->journal,
        .ledger = w->ledger,
    };
    assert_int_equal(retention_new(&options, &w->retention), ERR_OK);
}

static void append(struct world *w) {
    static uint8_t memory[RECORD];
    struct slice record =
        support_record(journal_next_seq(w->journal), RECORD, memory);
    if (journal_batch_events(w->journal) == 0) {
        journal_begin(w->journal);
    }
    (void)support_append(w->journal, record);
}

static err_t try_commit(struct world *w, struct reason *reason) {
    if (!journal_is_handed(w->journal)) {
        append(w);
        journal_hand_over(w->journal);
    }
    *reason = (struct reason){""};
    return retention_commit(w->retention, false, reason);
}

static void commit(struct world *w, uint64_t count) {
    struct reason reason;
    for (uint64_t i = 0; i < count; i++) {
        if (try_commit(w, &reason) != ERR_OK) {
            fail_msg("%s", reason.text);
        }
    }
}

static uint64_t start(const struct world *w) {
    return atomic_load(&journal_position(w->journal)->start);
}

static struct journal_segment oldest(const struct world *w) {
    struct journal_segment segment;
    assert_true(journal_oldest(w->journal, &segment));
    return segment;
}

/* Goal: a segment goes when all of it is delivered, not one event earlier. */
static void test_delivered_segments_go(void **state) {
    struct world *w = *state;
    begin(w);
    commit(w, 4 * PER_SEGMENT + 20);
    assert_int_equal(start(w), 0);
    uint64_t end = oldest(w).end_seq;
    retention_set_delivered(w->retention, end - 1);
    commit(w, 1);
    assert_int_equal(start(w), 0);
    retention_set_delivered(w->retention, end);
    commit(w, 1);
    assert_int_equal(start(w), end);
    assert_int_equal(retention_offer_dropped(w->retention).count, 0);
    assert_int_equal(retention_dropped_ever(w->retention), 0);
}

/* Goal: a commit trims a few segments, so that receipts do not wait for many.
 */
static void test_a_few_at_each_commit(void **state) {
    struct world *w = *state;
    begin(w);
    commit(w, 12 * 15);
    retention_set_delivered(w->retention, UINT64_MAX);
    uint64_t segments = journal_stats(w->journal).segments;
    commit(w, 1);
    uint64_t left = journal_stats(w->journal).segments;
    assert_true(segments - left >= 3 && segments - left <= 4);
    commit(w, 1);
    assert_true(left - journal_stats(w->journal).segments <= 4);
}

/* Goal: `keep` bytes of what is delivered stay. */
static void test_keep(void **state) {
    struct world *w = *state;
    w->f->settings->keep = 3 * MIB;
    begin(w);
    retention_set_delivered(w->retention, UINT64_MAX);
    commit(w, 100);
    struct journal_stats stats = journal_stats(w->journal);
    assert_true(start(w) > 0);
    assert_true(stats.bytes - stats.spare_bytes >= 3 * MIB);
    assert_true(stats.bytes - stats.spare_bytes < 5 * MIB);
}

/* Goal: what is to be kept may change while it runs. */
static void test_kept_otherwise(void **state) {
    struct world *w = *state;
    w->f->settings->keep = 100 * MIB;
    begin(w);
    retention_set_delivered(w->retention, UINT64_MAX);
    commit(w, 60);
    assert_int_equal(start(w), 0);
    retention_set_kept(w->retention, 0, HOUR_MS);
    commit(w, 1);
    assert_int_equal(start(w), 0);
    retention_set_kept(w->retention, 0, 0);
    commit(w, 1);
    assert_true(start(w) > 0);
}

/* Goal: `keep_for` keeps a segment until its last event is that old. */
static void test_keep_for(void **state) {
    struct world *w = *state;
    w->f->settings->keep_for_ms = HOUR_MS;
    begin(w);
    retention_set_delivered(w->retention, UINT64_MAX);
    commit(w, 40);
    assert_int_equal(start(w), 0);
    w->f->wall_us += (int64_t)HOUR_MS * 1000 - 1;
    commit(w, 1);
    assert_int_equal(start(w), 0);
    w->f->wall_us += 1;
    commit(w, 1);
    assert_true(start(w) > 0);
    /* A clock that goes back makes nothing older. */
    uint64_t before = start(w);
    w->f->wall_us -= (int64_t)HOUR_MS * 5000;
    commit(w, 40);
    assert_int_equal(start(w), before);
}

/* Goal: where the age cannot be told, `keep` alone counts. */
static void test_keep_for_what_cannot_be_read(void **state) {
    struct world *w = *state;
    w->f->settings->keep_for_ms = HOUR_MS;
    begin(w);
    retention_set_delivered(w->retention, UINT64_MAX);
    for (int i = 0; i < 20; i++) {
        fake_disk_fail_at(w->f->fake, FAKE_READ, 1, ERR_IO);
        commit(w, 1);
    }
    assert_true(start(w) > 0);
}

/* Goal: the shop's journal is kept for its snapshots as well. */
static void test_covered(void **state) {
    struct world *w = *state;
    w->f->settings->shop = true;
    begin(w);
    commit(w, 50);
    uint64_t end = oldest(w).end_seq;
    retention_set_delivered(w->retention, UINT64_MAX);
    commit(w, 1);
    assert_int_equal(start(w), 0);
    retention_set_covered(w->retention, end - 1);
    commit(w, 1);
    assert_int_equal(start(w), 0);
    retention_set_covered(w->retention, end);
    commit(w, 1);
    assert_int_equal(start(w), end);
    retention_set_covered(w->retention, UINT64_MAX);
    retention_set_delivered(w->retention, 0);
    commit(w, 20);
    assert_int_equal(start(w), end);
}

/* Goal: at the capacity what is delivered goes, whatever was to be kept; where
 * nothing may go the batch stays handed over, as it was. */
static void test_full(void **state) {
    struct world *w = *state;
    struct reason reason;
    w->f->settings->capacity = 4 * MIB;
    w->f->settings->keep = 100 * MIB;
    begin(w);
    while (try_commit(w, &reason) == ERR_OK) {
    }
    assert_non_null(strstr(reason.text, "capacity"));
    uint64_t end = journal_next_seq(w->journal);
    assert_true(journal_is_handed(w->journal));
    assert_int_equal(retention_preallocate(w->retention, MIB / 2, &reason),
                     ERR_FULL);
    assert_int_equal(try_commit(w, &reason), ERR_FULL);
    assert_int_equal(start(w), 0);
    retention_set_delivered(w->retention, oldest(w).end_seq);
    commit(w, 1);
    assert_true(start(w) > 0);
    assert_int_equal(atomic_load(&journal_position(w->journal)->end), end);
}

/* What was dropped gets its name, a record that is not dropped here. */
static bool take_dropped(struct world *w, struct drop_range *ret) {
    struct reason reason;
    *ret = retention_offer_dropped(w->retention);
    if (ret->count == 0) {
        return false;
    }
    assert_int_equal(
        retention_name_dropped(w->retention, 1000 + ret->first, &reason),
        ERR_OK);
    return true;
}

/* Goal: what is dropped undelivered is remembered exactly: by where delivering
 * had come to, over several segments, and once. */
static void test_dropped(void **state) {
    struct world *w = *state;
    struct drop_range dropped;
    w->f->settings->capacity = 4 * MIB;
    w->f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    begin(w);
    while (start(w) == 0) {
        commit(w, 1);
    }
    assert_true(take_dropped(w, &dropped));
    assert_int_equal(dropped.first, 0);
    assert_int_equal(dropped.end, start(w));
    assert_int_equal(dropped.count, start(w));
    assert_false(take_dropped(w, &dropped));

    /* All but one of the next is delivered. */
    struct journal_segment next = oldest(w);
    retention_set_delivered(w->retention, next.end_seq - 1);
    while (start(w) == next.first_seq) {
        commit(w, 1);
    }
    assert_true(take_dropped(w, &dropped));
    assert_int_equal(dropped.first, next.end_seq - 1);
    assert_int_equal(dropped.end, next.end_seq);
    assert_int_equal(dropped.count, 1);

    /* Two go, and delivering moves on in between, into the second. */
    next = oldest(w);
    while (start(w) == next.first_seq) {
        commit(w, 1);
    }
    struct journal_segment second = oldest(w);
    retention_set_delivered(w->retention, second.first_seq + 3);
    while (start(w) == second.first_seq) {
        commit(w, 1);
    }
    assert_true(take_dropped(w, &dropped));
    assert_int_equal(dropped.first, next.first_seq);
    assert_int_equal(dropped.end, second.end_seq);
    assert_int_equal(dropped.count, second.end_seq - next.first_seq - 3);

    /* All of it is delivered: nothing is dropped. */
    next = oldest(w);
    retention_set_delivered(w->retention, next.end_seq);
    while (start(w) <= next.first_seq) {
        commit(w, 1);
    }
    assert_false(take_dropped(w, &dropped));
}

/* Goal: there is nothing to drop but what is sealed. */
static void test_nothing_to_drop(void **state) {
    struct world *w = *state;
    struct reason reason;
    w->f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    w->f->config.free_floor = 1;
    begin(w);
    fake_disk_set_free(w->f->fake, 0);
    err_t err = ERR_OK;
    while (err == ERR_OK && start(w) == 0) {
        err = try_commit(w, &reason);
    }
    assert_int_equal(err, ERR_FULL);
    assert_int_equal(retention_preallocate(w->retention, MIB / 2, &reason),
                     ERR_FULL);
}

/* Goal: room is found ahead: made, or by trimming what is delivered. */
static void test_preallocating(void **state) {
    struct world *w = *state;
    struct reason reason;
    w->f->settings->capacity = 4 * MIB;
    w->f->settings->keep = 100 * MIB;
    begin(w);
    assert_int_equal(retention_preallocate(w->retention, MIB / 2, &reason),
                     ERR_OK); /* it is there */
    assert_int_equal(journal_stats(w->journal).spare_bytes, 0);
    commit(w, 9);
    assert_true(journal_room(w->journal) < MIB / 2);
    assert_int_equal(retention_preallocate(w->retention, MIB / 2, &reason),
                     ERR_OK);
    assert_true(journal_room(w->journal) >= MIB / 2);
    assert_int_equal(journal_stats(w->journal).spare_bytes, MIB);
    while (try_commit(w, &reason) == ERR_OK) {
    }
    retention_set_delivered(w->retention, oldest(w).end_seq);
    commit(w, 1);
    while (journal_room(w->journal) >= MIB / 2) {
        commit(w, 1);
    }
    uint64_t before = start(w);
    retention_set_delivered(w->retention, UINT64_MAX);
    assert_int_equal(retention_preallocate(w->retention, MIB / 2, &reason),
                     ERR_OK);
    assert_true(start(w) > before);
}

/* Goal: a disk that fails while it trims or makes room is an error for good. */
static void test_a_disk_that_fails(void **state) {
    struct world *w = *state;
    struct reason reason;
    begin(w);
    commit(w, 9);
    fake_disk_fail_at(w->f->fake, FAKE_ALLOCATE, 1, ERR_IO);
    assert_int_equal(retention_preallocate(w->retention, MIB / 2, &reason),
                     ERR_IO);
    commit(w, 20);
    retention_set_delivered(w->retention, UINT64_MAX);
    fake_disk_fail_at(w->f->fake, FAKE_SYNC_DIR, 1, ERR_IO);
    assert_int_equal(try_commit(w, &reason), ERR_IO);
    assert_true(reason.text[0] != '\0');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_delivered_segments_go),
        TEST(test_a_few_at_each_commit),
        TEST(test_keep),
        TEST(test_kept_otherwise),
        TEST(test_keep_for),
        TEST(test_keep_for_what_cannot_be_read),
        TEST(test_covered),
        TEST(test_full),
        TEST(test_dropped),
        TEST(test_nothing_to_drop),
        TEST(test_preallocating),
        TEST(test_a_disk_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
