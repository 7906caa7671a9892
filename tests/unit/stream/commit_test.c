/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/commit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/stream/gaps.h"
#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)

struct world {
    struct fixture *f;
    struct journal *journal;
    struct drop_ledger *ledger;
    struct retention *retention;
    struct commit commit;
};

static int setup(void **state) {
    static struct world w;
    w = (struct world){.f = fixture_new(5)};
    w.f->settings->capacity = 4 * MIB;
    w.journal = fixture_journal(w.f);
    w.ledger = fixture_ledger(w.f, w.journal);
    const struct retention_options options = {
        .platform = &w.f->platform,
        .stream = w.f->settings,
        .dir = FIXTURE_DIR,
        .journal = w.journal,
        .ledger = w.ledger,
    };
    assert_int_equal(retention_new(&options, &w.retention), ERR_OK);
    assert_int_equal(commit_init(&w.commit, w.journal, w.retention), ERR_OK);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    commit_free(&w->commit);
    retention_free(w->retention);
    drop_ledger_close(w->ledger);
    journal_close(w->journal);
    fixture_free(w->f);
    return 0;
}

static void hand_over(struct world *w, size_t len) {
    static uint8_t memory[SUPPORT_RECORD_MAX];
    journal_begin(w->journal);
    (void)support_append(w->journal, support_record(1, len, memory));
    journal_hand_over(w->journal);
}

static uint64_t durable(const struct world *w) {
    return atomic_load(&journal_position(w->journal)->end);
}

/* Goal: it commits what is handed over, and says how the journal stands. */
static void test_commits_what_is_handed_over(void **state) {
    struct world *w = *state;
    hand_over(w, 100);
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK);
    assert_int_equal(durable(w), 1);
    assert_int_equal(w->commit.stats.commits, 1);
    assert_int_equal(w->commit.unnamed.count, 0);
    commit_run(&w->commit); /* nothing is asked */
    assert_int_equal(w->commit.err, ERR_OK);
    assert_int_equal(w->commit.stats.commits, 1);
}

static void notice(struct world *w, uint64_t first, uint64_t end) {
    w->commit.noticed[w->commit.noticed_count++] =
        (struct journal_gap){first, end, JOURNAL_UNTOLD};
}

/* Goal: what was noticed is recorded afterwards, beside what was. */
static void test_notes_damage(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 10; i++) {
        hand_over(w, 100);
        commit_run(&w->commit);
    }
    notice(w, 5, 7);
    notice(w, 1, 2);
    commit_run(&w->commit);
    assert_int_equal(w->commit.note_err, ERR_OK);
    assert_int_equal(w->commit.gaps.count, 2);
    assert_int_equal(w->commit.gaps.list[0].first, 1);
    w->commit.noticed_count = 0;
    notice(w, 0, 9);
    fake_disk_fail_at(w->f->fake, FAKE_RENAME, 1, ERR_IO);
    hand_over(w, 100);
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK); /* the batch is none the worse */
    assert_int_equal(w->commit.note_err, ERR_IO);
    assert_true(w->commit.note_reason.text[0] != '\0');
    assert_int_equal(w->commit.gaps.count, 2);
    commit_run(&w->commit);
    assert_int_equal(w->commit.note_err, ERR_OK);
    assert_int_equal(w->commit.note_reason.text[0], '\0');
    assert_int_equal(w->commit.gaps.count, 5);
}

/* Goal: the mark is durable before the batch is: if it cannot be, the batch is
 * not committed. */
static void test_the_mark_comes_first(void **state) {
    struct world *w = *state;
    hand_over(w, 100);
    commit_run(&w->commit);
    notice(w, 0, 1);
    commit_run(&w->commit);
    w->commit.noticed_count = 0;
    hand_over(w, 100);
    assert_int_equal(commit_gaps_reserve(&w->commit.told, 1), ERR_OK);
    w->commit.told.list[0] = (struct journal_gap){0, 1, 1};
    w->commit.told.count = 1;
    fake_disk_fail_at(w->f->fake, FAKE_RENAME, 1, ERR_FULL);
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_FULL);
    assert_int_equal(durable(w), 1);
    assert_int_equal(w->commit.told.count, 1); /* once more, next time */
    assert_false(journal_gap_is_told(&w->commit.gaps.list[0]));
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK);
    assert_int_equal(durable(w), 2);
    assert_int_equal(w->commit.told.count, 0);
    assert_int_equal(w->commit.gaps.list[0].told_at, 1);
}

/* Goal: with nothing handed over it finds room, if it is to. */
static void test_finds_room(void **state) {
    struct world *w = *state;
    while (journal_room(w->journal) >= MIB / 2) {
        hand_over(w, 60000);
        commit_run(&w->commit);
    }
    assert_int_equal(w->commit.stats.spare_bytes, 0);
    commit_run(&w->commit);
    assert_int_equal(w->commit.stats.spare_bytes, 0);
    w->commit.room_bytes = MIB / 2;
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK);
    assert_int_equal(w->commit.stats.spare_bytes, MIB);
}

/* Goal: without room it says so, damage is noted all the same, and what was
 * dropped to find some is to be named until a batch does. */
static void test_without_room(void **state) {
    struct world *w = *state;
    w->commit.err = ERR_OK;
    while (w->commit.err == ERR_OK) {
        hand_over(w, 60000);
        commit_run(&w->commit);
    }
    assert_int_equal(w->commit.err, ERR_FULL);
    assert_non_null(strstr(w->commit.reason.text, "capacity"));
    notice(w, 3, 4);
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_FULL);
    assert_int_equal(w->commit.note_err, ERR_OK);
    assert_int_equal(w->commit.gaps.count, 1);
    w->commit.noticed_count = 0;
    w->f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK);
    const struct drop_range unnamed = w->commit.unnamed;
    assert_int_equal(unnamed.first, 0);
    assert_true(unnamed.end > 0);
    assert_int_equal(unnamed.count, unnamed.end);
    assert_int_equal(w->commit.dropped_ever, unnamed.count);
    commit_run(&w->commit);
    assert_memory_equal(&w->commit.unnamed, &unnamed, sizeof unnamed);
    w->commit.names_dropped_at = journal_next_seq(w->journal);
    commit_run(&w->commit); /* the batch that names it still fills */
    assert_int_equal(w->commit.unnamed.count, 0);
    assert_true(w->commit.names_dropped_at != COMMIT_NO_NAME);
    hand_over(w, 100);
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK);
    assert_int_equal(w->commit.names_dropped_at, COMMIT_NO_NAME);
    assert_int_equal(w->commit.unnamed.count, 0);
}

/* Goal: behind a failure nothing is noted. */
static void test_after_a_failure(void **state) {
    struct world *w = *state;
    hand_over(w, 100);
    notice(w, 0, 1);
    fake_disk_fail_at(w->f->fake, FAKE_SYNC, 1, ERR_IO);
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_IO);
    assert_int_equal(w->commit.gaps.count, 0);
}

/* Goal: the batch that is the stream's own may use the reserve. */
static void test_the_reserve(void **state) {
    struct world *w = *state;
    w->commit.err = ERR_OK;
    while (w->commit.err == ERR_OK) {
        hand_over(w, 4000);
        commit_run(&w->commit);
    }
    assert_int_equal(w->commit.err, ERR_FULL);
    w->commit.reserved = true;
    commit_run(&w->commit);
    assert_int_equal(w->commit.err, ERR_OK);
}

/* Goal: a range is held by the gaps together, and by nothing less. */
static void test_gaps_hold(void **state) {
    (void)state;
    const struct journal_gap gaps[] = {
        {1, 3, 0}, {3, 4, JOURNAL_UNTOLD}, {4, 6, 0}, {8, 9, 0}};
    static const struct {
        uint64_t first;
        uint64_t end;
        bool held;
    } rows[] = {{1, 3, true},  {2, 3, true},   {1, 6, true},  {2, 5, true},
                {0, 2, false}, {5, 7, false},  {5, 9, false}, {6, 8, false},
                {8, 9, true},  {8, 10, false}, {9, 10, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(gaps_hold(gaps, 4, rows[i].first, rows[i].end),
                         rows[i].held);
    }
    assert_false(gaps_hold(NULL, 0, 0, 1));
    assert_true(gaps_hold(NULL, 0, 1, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_commits_what_is_handed_over),
        TEST(test_notes_damage),
        TEST(test_the_mark_comes_first),
        TEST(test_finds_room),
        TEST(test_without_room),
        TEST(test_after_a_failure),
        TEST(test_the_reserve),
        cmocka_unit_test(test_gaps_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
