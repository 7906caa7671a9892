/* SPDX-License-Identifier: Apache-2.0 */
/* A start: quick where it can be, by everything that is there where it must,
 * and with words where it is refused. */
#include "gateway/stream/opening.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/snapshot.h"
#include "gateway/stream/full_check.h"
#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)

static struct opening_options options_of(struct fixture *f) {
    return (struct opening_options){
        .platform = &f->platform,
        .config = &f->config,
        .stream = f->settings,
        .dir = FIXTURE_DIR,
        .known_end = f->known_end,
    };
}

static err_t try_run(struct fixture *f, struct opened *ret,
                     struct reason *reason) {
    const struct opening_options options = options_of(f);
    *reason = (struct reason){""};
    return opening_run(&options, ret, reason);
}

static struct opened run(struct fixture *f) {
    struct opened opened;
    struct reason reason;
    if (try_run(f, &opened, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    return opened;
}

static void end(struct opened *opened) {
    state_free(opened->state);
    journal_close(opened->journal);
}

static void refuses(struct fixture *f, err_t err, const char *words) {
    struct opened opened;
    struct reason reason;
    assert_int_equal(try_run(f, &opened, &reason), err);
    if (strstr(reason.text, words) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", reason.text, words);
    }
}

/* A stream that was closed in order; with the shop it has snapshots. */
static void write_events(struct fixture *f, uint64_t count) {
    fixture_open(f);
    if (f->settings->shop) {
        fixture_commit_orders(f, 0, count);
    } else {
        fixture_commit_large(f, 0, count);
    }
    fixture_close(f);
}

static void snapshot_path(struct fixture *f, size_t nth, char ret[64]) {
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    assert_int_equal(snapshot_list(&f->disk, FIXTURE_DIR, seqs, &count),
                     ERR_OK);
    assert_true(nth < count);
    snprintf(ret, 64, FIXTURE_DIR "/%020d.snap", (int)seqs[nth]);
}

/* Goal: the first start finds nothing, and says so. */
static void test_an_empty_folder(void **state) {
    struct fixture *f = *state;
    struct opened opened = run(f);
    assert_int_equal(journal_next_seq(opened.journal), 0);
    assert_int_equal(opened.snapshot_bytes, 0);
    assert_int_equal(opened.covered, 0);
    assert_int_equal(opened.replayed_bytes, 0);
    assert_int_equal(opened.unread_end, 0);
    end(&opened);
}

/* Goal: a start takes the newest snapshot and reads what is behind it, and
 * only that. */
static void test_a_quick_start(void **state) {
    struct fixture *f = *state;
    write_events(f, 45);
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    assert_int_equal(snapshot_list(&f->disk, FIXTURE_DIR, seqs, &count),
                     ERR_OK);
    assert_int_equal(count, 2);
    struct opened opened = run(f);
    assert_int_equal(opened.unread_end, seqs[0]);
    assert_int_equal(opened.covered, seqs[1]);
    assert_true(opened.snapshot_bytes > 0);
    assert_true(opened.replayed_bytes > (45 - seqs[0]) * FIXTURE_LARGE);
    assert_true(opened.replayed_bytes < (46 - seqs[0]) * FIXTURE_LARGE);
    end(&opened);
}

/* Goal: `on_rot: stop` reads everything, and refuses what is damaged. */
static void test_on_rot_stop(void **state) {
    struct fixture *f = *state;
    f->settings->on_rot = CONFIG_ROT_STOP;
    write_events(f, 45);
    struct opened opened = run(f);
    assert_int_equal(opened.unread_end, 0);
    end(&opened);
    fixture_damage(f, 3);
    refuses(f, ERR_CORRUPT, FIXTURE_DIR);
}

/* Goal: damage in what is replayed leads to a full check, which sets it aside;
 * damage before that is left for the scrubber. */
static void test_damage_behind_the_snapshot(void **state) {
    struct fixture *f = *state;
    write_events(f, 45);
    fixture_damage(f, 3);
    struct opened opened = run(f);
    size_t count;
    (void)journal_gaps(opened.journal, &count);
    assert_int_equal(count, 0);
    end(&opened);
    fixture_damage(f, 43);
    opened = run(f);
    const struct journal_gap *gaps = journal_gaps(opened.journal, &count);
    assert_int_equal(count, 2);
    assert_int_equal(gaps[0].first, 3);
    assert_int_equal(gaps[1].first, 43);
    assert_int_equal(opened.unread_end, 0);
    end(&opened);
}

/* Goal: the mark makes a start read everything, once; marking twice is one
 * mark. */
static void test_the_mark_for_a_full_check(void **state) {
    struct fixture *f = *state;
    write_events(f, 45);
    assert_false(full_check_is_due(&f->disk, FIXTURE_DIR));
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DIR), ERR_OK);
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DIR), ERR_OK);
    fake_disk_power_cut(f->fake, FAKE_DROP); /* it is there for good */
    assert_true(full_check_is_due(&f->disk, FIXTURE_DIR));
    struct opened opened = run(f);
    assert_int_equal(opened.unread_end, 0);
    end(&opened);
    assert_false(full_check_is_due(&f->disk, FIXTURE_DIR));
    opened = run(f);
    assert_true(opened.unread_end > 0);
    end(&opened);
    fake_disk_fail_at(f->fake, FAKE_CREATE, 1, ERR_FULL);
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DIR), ERR_FULL);
    fake_disk_fail_at(f->fake, FAKE_SYNC_DIR, 1, ERR_IO);
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DIR), ERR_IO);
}

/* Goal: a journal that ends before what the cloud has, or before the newest
 * snapshot, has lost its end, and its numbers are not used again. */
static void test_an_end_that_is_known(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    fixture_close(f);
    f->known_end = 5;
    struct opened opened = run(f);
    assert_int_equal(journal_next_seq(opened.journal), 5);
    size_t count;
    const struct journal_gap *gaps = journal_gaps(opened.journal, &count);
    assert_int_equal(count, 1);
    assert_int_equal(gaps[0].first, 1);
    assert_int_equal(gaps[0].end, 5);
    end(&opened);
}

static void test_an_end_that_a_snapshot_knows(void **state) {
    struct fixture *f = *state;
    static const uint8_t id[JOURNAL_ID_SIZE];
    fixture_open(f);
    fixture_small(f, 0);
    fixture_commit(f);
    const struct snapshot_about about = {stream_journal_id(f->stream), 7};
    assert_int_equal(snapshot_write(&f->disk, FIXTURE_DIR, &about, 7,
                                    slice_of(id, sizeof id), NULL),
                     ERR_OK);
    fixture_close(f);
    struct reason reason;
    f->settings->on_rot = CONFIG_ROT_STOP;
    assert_int_equal(fixture_try_open(f, &reason), ERR_CORRUPT);
    assert_non_null(strstr(reason.text, "all records before 7 existed"));
    f->settings->on_rot = CONFIG_ROT_QUARANTINE;
    struct opened opened = run(f);
    assert_int_equal(journal_next_seq(opened.journal), 7);
    end(&opened);
}

/* Goal: another journal's snapshot says nothing about this one's end; one that
 * is damaged does, since its name is not. */
static void test_another_journals_snapshot(void **state) {
    struct fixture *f = *state;
    static const uint8_t other[JOURNAL_ID_SIZE] = {1};
    const struct snapshot_about about = {other, 7};
    for (int damaged = 0; damaged < 2; damaged++) {
        fixture_open(f);
        fixture_small(f, (uint64_t)damaged);
        fixture_commit(f);
        uint64_t end_before = fixture_end(f);
        assert_int_equal(snapshot_write(&f->disk, FIXTURE_DIR, &about, 7,
                                        SLICE("a state"), NULL),
                         ERR_OK);
        fixture_close(f);
        if (damaged) {
            fake_disk_flip(f->fake, FIXTURE_DIR "/00000000000000000007.snap",
                           8 * 20);
        }
        struct opened opened = run(f);
        assert_int_equal(journal_next_seq(opened.journal),
                         damaged ? 7 : end_before);
        size_t count;
        (void)journal_gaps(opened.journal, &count);
        assert_int_equal(count, damaged);
        end(&opened); /* it was set aside */
    }
}

/* --- The shop's journal that was trimmed ---------------------------------- */

/* Leaves it beginning behind 0, with two snapshots. */
static void write_and_trim(struct fixture *f) {
    f->settings->shop = true;
    f->settings->keep = 0;
    fixture_open(f);
    uint64_t number = 0;
    while (fixture_start(f) == 0) {
        fixture_commit_orders(f, number++, 1);
        stream_tick(f->stream, fixture_end(f));
    }
    fixture_close(f);
}

/* Goal: without a snapshot that can be read it does not start, and says what to
 * do. */
static void test_no_snapshot_can_be_read(void **state) {
    struct fixture *f = *state;
    char path[64];
    write_and_trim(f);
    for (size_t nth = 0; nth < SNAPSHOTS_KEPT; nth++) {
        snapshot_path(f, nth, path);
        fake_disk_flip(f->fake, path, 8 * 60);
    }
    refuses(f, ERR_CORRUPT, "restore its .snap files");
    refuses(f, ERR_CORRUPT, "restore its .snap files"); /* nor later */
}

/* Goal: with the older one alone it does. */
static void test_the_older_snapshot_serves(void **state) {
    struct fixture *f = *state;
    char path[64];
    write_and_trim(f);
    struct opened opened = run(f);
    uint64_t hash = state_hash(opened.state);
    end(&opened);
    snapshot_path(f, 0, path);
    fake_disk_flip(f->fake, path, 8 * 60);
    opened = run(f);
    assert_true(state_hash(opened.state) == hash);
    assert_int_equal(opened.covered, 0); /* nothing may be trimmed by one */
    end(&opened);
}

/* Writes snapshots of another version of the state over both. */
static void of_another_version(struct fixture *f) {
    static const uint8_t content[] = {0, 0, 0, 99};
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    assert_int_equal(snapshot_list(&f->disk, FIXTURE_DIR, seqs, &count),
                     ERR_OK);
    struct opened opened = run(f);
    uint8_t id[JOURNAL_ID_SIZE];
    memcpy(id, journal_id(opened.journal), sizeof id);
    end(&opened);
    for (size_t i = count; i > 0; i--) {
        const struct snapshot_about about = {id, seqs[i - 1]};
        assert_int_equal(
            snapshot_write(&f->disk, FIXTURE_DIR, &about, UINT64_MAX,
                           slice_of(content, sizeof content), NULL),
            ERR_OK);
    }
}

/* Goal: a newer program's snapshots are left alone, and the words say which
 * program to run. */
static void test_snapshots_of_another_version(void **state) {
    struct fixture *f = *state;
    write_and_trim(f);
    of_another_version(f);
    refuses(f, ERR_UNSUPPORTED, "another version wrote");
}

/* Goal: where the journal has everything, snapshots nobody can read are no
 * harm. */
static void test_all_is_replayed_instead(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    write_events(f, 30);
    struct opened opened = run(f);
    uint64_t hash = state_hash(opened.state);
    end(&opened);
    of_another_version(f);
    opened = run(f);
    assert_true(state_hash(opened.state) == hash);
    assert_int_equal(opened.snapshot_bytes, 0);
    assert_int_equal(opened.unread_end, 0);
    end(&opened);
}

/* Goal: a snapshot of a stream that ran the shop does not serve one that does
 * not, and the other way round: everything is replayed. */
static void test_the_shop_moves_to_another_stream(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    write_events(f, 30);
    f->settings->shop = false;
    struct opened opened = run(f);
    assert_int_equal(opened.snapshot_bytes, 0);
    assert_null(state_shop(opened.state));
    end(&opened);
}

/* Goal: what damage took in front of a trimmed journal, in parts that adjoin,
 * is known to be lost: it starts without a snapshot. */
static void test_what_is_missing_is_known_to_be_lost(void **state) {
    struct fixture *f = *state;
    char path[64];
    write_and_trim(f);
    struct opened opened = run(f);
    uint64_t start = atomic_load(&journal_position(opened.journal)->start);
    assert_true(start > 2);
    assert_int_equal(journal_note_gap(opened.journal, 1, 2, NULL), ERR_OK);
    assert_int_equal(journal_note_gap(opened.journal, 0, start, NULL), ERR_OK);
    size_t count;
    (void)journal_gaps(opened.journal, &count);
    assert_int_equal(count, 3);
    end(&opened);
    for (size_t nth = 0; nth < SNAPSHOTS_KEPT; nth++) {
        snapshot_path(f, nth, path);
        fake_disk_flip(f->fake, path, 8 * 60);
    }
    opened = run(f);
    assert_int_equal(opened.snapshot_bytes, 0);
    end(&opened);
}

/* --- The disk ------------------------------------------------------------- */

/* Goal: a start without room says how much to make, and where. */
static void test_no_room_to_start(void **state) {
    struct fixture *f = *state;
    write_events(f, 3);
    f->config.free_floor = MIB;
    fake_disk_set_free(f->fake, 0);
    fake_disk_fail_at(f->fake, FAKE_ALLOCATE, 1, ERR_FULL);
    refuses(f, ERR_FULL, "free 1 MiB or more on the disk of " FIXTURE_DIR);
}

/* Goal: a journal of another store is left alone. */
static void test_another_stores_journal(void **state) {
    struct fixture *f = *state;
    write_events(f, 3);
    snprintf(f->config.store, sizeof f->config.store, "other");
    refuses(f, ERR_REFUSED, "other");
}

/* Goal: repair opens the journal alone, reads all of it, and sets damage aside
 * whatever `on_rot` says. */
static void test_repair(void **state) {
    struct fixture *f = *state;
    f->settings->on_rot = CONFIG_ROT_STOP;
    write_events(f, 45);
    fixture_damage(f, 3);
    const struct opening_options options = options_of(f);
    struct journal *journal;
    struct reason reason;
    assert_int_equal(opening_repair(&options, &journal, &reason), ERR_OK);
    size_t count;
    (void)journal_gaps(journal, &count);
    assert_int_equal(count, 1);
    journal_close(journal);
    snprintf(f->config.store, sizeof f->config.store, "other");
    assert_int_equal(opening_repair(&options, &journal, &reason), ERR_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_an_empty_folder),
        FIXTURE_TEST(test_a_quick_start),
        FIXTURE_TEST(test_on_rot_stop),
        FIXTURE_TEST(test_damage_behind_the_snapshot),
        FIXTURE_TEST(test_the_mark_for_a_full_check),
        FIXTURE_TEST(test_an_end_that_is_known),
        FIXTURE_TEST(test_an_end_that_a_snapshot_knows),
        FIXTURE_TEST(test_another_journals_snapshot),
        FIXTURE_TEST(test_no_snapshot_can_be_read),
        FIXTURE_TEST(test_the_older_snapshot_serves),
        FIXTURE_TEST(test_snapshots_of_another_version),
        FIXTURE_TEST(test_all_is_replayed_instead),
        FIXTURE_TEST(test_the_shop_moves_to_another_stream),
        FIXTURE_TEST(test_what_is_missing_is_known_to_be_lost),
        FIXTURE_TEST(test_no_room_to_start),
        FIXTURE_TEST(test_another_stores_journal),
        FIXTURE_TEST(test_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
