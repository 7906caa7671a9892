/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/journal/snapshot.h"
#include "gateway/stream/dedupe.h"
#include "tests/simulation/support.h"

enum { STATE_VERSION = DEDUPE_SAVED_2, RECORDS = 20 };

struct fixture {
    char dir[256];
    struct platform platform;
    struct config config;
    uint8_t journal_id[JOURNAL_ID_SIZE];
    struct shop *states[RECORDS + 1]; /* n: before record n */
};

static struct shop *empty_shop(const struct fixture *f) {
    const struct shop_options options = {
        .store = SLICE("s"),
        .journal_id = f->journal_id,
    };
    struct shop *shop;
    assert_int_equal(shop_new(&options, &shop), ERR_OK);
    return shop;
}

/* Stock comes in: each record changes the state. */
static struct slice record_of(uint64_t seq, uint8_t *memory, size_t size,
                              struct event *ret) {
    static char id[32];
    static char data[64];
    snprintf(id, sizeof id, "e-%d", (int)seq);
    snprintf(data, sizeof data, "{\"items\":[{\"sku\":\"a\",\"quantity\":%d}]}",
             (int)seq + 1);
    *ret = (struct event){
        .id = slice_from_str(id),
        .source = SLICE("/s/scanner-1"),
        .type = SLICE("StockReceived"),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_from_str(data),
    };
    struct writer writer = writer_over(memory, size);
    event_store(ret, &writer);
    assert_false(writer.full);
    return writer_slice(&writer);
}

static void apply(struct shop *shop, uint64_t seq) {
    uint8_t memory[512];
    struct event event;
    struct event loaded;
    struct slice record = record_of(seq, memory, sizeof memory, &event);
    assert_int_equal(event_load(record, &loaded), ERR_OK);
    const struct shop_stamp stamp = {seq, 0};
    assert_int_equal(shop_apply(shop, &loaded, stamp), ERR_OK);
}

static void write_journal(struct fixture *f) {
    const struct journal_options options = {
        .platform = &f->platform,
        .dir = f->dir,
        .store = "s",
        .stream = "orders",
        .segment_bytes = 4 * JOURNAL_PAGE, /* two frames in each */
    };
    struct journal *journal = support_open(&options);
    for (uint64_t seq = 0; seq < RECORDS; seq++) {
        uint8_t memory[512];
        struct event event;
        journal_begin(journal);
        support_append(journal, record_of(seq, memory, sizeof memory, &event));
        support_commit(journal);
    }
    memcpy(f->journal_id, journal_id(journal), JOURNAL_ID_SIZE);
    journal_close(journal);
}

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){.platform = platform_real(),
                         .config = {.store = "s", .currency = "EUR"}};
    support_dir_make(f.dir, sizeof f.dir);
    write_journal(&f);
    for (uint64_t n = 0; n <= RECORDS; n++) {
        f.states[n] = empty_shop(&f);
        for (uint64_t seq = 0; seq < n; seq++) {
            apply(f.states[n], seq);
        }
    }
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (uint64_t n = 0; n <= RECORDS; n++) {
        shop_free(f->states[n]);
    }
    support_dir_remove(f->dir);
    return 0;
}

/* A snapshot before record `seq`, of the state before `of`. */
static void snapshot(const struct fixture *f, uint64_t seq, uint64_t of) {
    static uint8_t memory[65536];
    struct writer to = writer_over(memory, sizeof memory);
    struct dedupe *dedupe;
    assert_int_equal(dedupe_new(DEDUPE_IDS_MIN, &dedupe), ERR_OK);
    writer_u32(&to, STATE_VERSION);
    dedupe_save(dedupe, &to);
    dedupe_free(dedupe);
    shop_save(f->states[of], &to);
    const struct snapshot_about about = {f->journal_id, seq};
    assert_int_equal(snapshot_write(&f->platform.disk, f->dir, &about, RECORDS,
                                    writer_slice(&to), NULL),
                     ERR_OK);
}

/* The journal as if its first segments were trimmed. */
static void trim(const struct fixture *f, uint64_t before) {
    for (uint64_t seq = 0; seq < before; seq += 2) {
        char path[320];
        snprintf(path, sizeof path, "%s/%020d.seg", f->dir, (int)seq);
        assert_int_equal(remove(path), 0);
    }
}

static err_t run(const struct fixture *f, uint64_t end, struct replay *ret,
                 struct reason *reason) {
    const struct replay_options options = {
        .disk = &f->platform.disk,
        .dir = f->dir,
        .config = &f->config,
        .end = UINT64_MAX,
        .before = end,
    };
    *reason = (struct reason){""};
    return replay_run(&options, ret, reason);
}

static void gives(const struct fixture *f, uint64_t end, uint64_t from,
                  uint64_t state, uint64_t snapshots) {
    struct replay replay;
    struct reason reason;
    if (run(f, end, &replay, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    assert_int_equal(replay.from, from);
    assert_int_equal(replay.end, state);
    assert_int_equal(replay.snapshots, snapshots);
    assert_true(state_hash(replay.state) == shop_hash(f->states[state]));
    state_free(replay.state);
}

/* Goal: the state before any record, with an empty shop to begin with. */
static void before_each_record(void **state) {
    for (uint64_t end = 0; end <= RECORDS; end++) {
        gives(*state, end, 0, end, 0);
    }
    gives(*state, RECORDS + 1000, 0, RECORDS, 0);
    gives(*state, UINT64_MAX, 0, RECORDS, 0);
}

/* Goal: snapshots on the way are of the same state, and are where it begins if
 * the journal does not have what was before them. */
static void with_snapshots(void **state) {
    snapshot(*state, 6, 6);
    snapshot(*state, RECORDS, RECORDS);
    gives(*state, 5, 0, 5, 0);
    gives(*state, 6, 0, 6, 1);
    gives(*state, UINT64_MAX, 0, RECORDS, 2);
    trim(*state, 4);
    gives(*state, 7, 6, 7, 0);
    gives(*state, UINT64_MAX, 6, RECORDS, 1);
}

static void refuses(const struct fixture *f, uint64_t end, err_t err,
                    const char *words) {
    struct replay replay;
    struct reason reason;
    assert_int_equal(run(f, end, &replay, &reason), err);
    if (strstr(reason.text, words) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", reason.text, words);
    }
}

/* Goal: a snapshot of another state is seen, wherever it lies. */
static void a_snapshot_of_another_state(void **state) {
    snapshot(*state, 8, 8);
    snapshot(*state, 12, 11);
    gives(*state, 11, 0, 11, 1);
    refuses(*state, UINT64_MAX, ERR_CORRUPT, "before record 12 does not match");
    trim(*state, 6);
    refuses(*state, UINT64_MAX, ERR_CORRUPT, "before record 12 does not match");
}

/* Goal: what is not there is not made up. */
static void what_is_gone(void **state) {
    trim(*state, 4);
    refuses(*state, UINT64_MAX, ERR_NOT_FOUND,
            "no snapshot of what was before");
    refuses(*state, 3, ERR_RANGE, "begins with record 4");
    struct fixture elsewhere = *(struct fixture *)*state;
    strcat(elsewhere.dir, "-not-there");
    refuses(&elsewhere, UINT64_MAX, ERR_NOT_FOUND, "");
}

/* Goal: after damage the next snapshot is gone on from; without one, with what
 * is left. */
static void across_damage(void **state) {
    struct fixture *f = *state;
    char path[320];
    snprintf(path, sizeof path, "%s/%020d.seg", f->dir, 4);
    assert_int_equal(remove(path), 0);
    struct replay replay;
    struct reason reason;
    assert_int_equal(run(f, UINT64_MAX, &replay, &reason), ERR_OK);
    assert_int_equal(replay.lost, 2);
    assert_true(state_hash(replay.state) != shop_hash(f->states[RECORDS]));
    state_free(replay.state);
    snapshot(f, 10, 10);
    assert_int_equal(run(f, UINT64_MAX, &replay, &reason), ERR_OK);
    assert_int_equal(replay.lost, 2);
    assert_int_equal(replay.end, RECORDS);
    shop_pass_gap(f->states[RECORDS]);
    assert_true(state_hash(replay.state) == shop_hash(f->states[RECORDS]));
    state_free(replay.state);
}

static struct journal *open_again(const struct fixture *f) {
    const struct journal_options options = {
        .platform = &f->platform,
        .dir = f->dir,
        .store = "s",
        .stream = "orders",
        .segment_bytes = 4 * JOURNAL_PAGE,
    };
    return support_open(&options);
}

static void note_gap(const struct fixture *f, uint64_t first, uint64_t end) {
    struct journal *journal = open_again(f);
    assert_int_equal(journal_note_gap(journal, first, end, NULL), ERR_OK);
    journal_close(journal);
}

/* Goal: records known to be lost in front, even in parts, are passed over: it
 * begins empty behind it. */
static void test_a_front_that_is_known_to_be_lost(void **state) {
    struct fixture *f = *state;
    struct replay replay;
    struct reason reason;
    note_gap(f, 1, 3);
    note_gap(f, 0, 4);
    trim(f, 4);
    assert_int_equal(run(f, UINT64_MAX, &replay, &reason), ERR_OK);
    assert_int_equal(replay.from, 0);
    assert_int_equal(replay.lost, 4);
    assert_int_equal(replay.end, RECORDS);
    state_free(replay.state);
}

/* Goal: damage before the snapshot that it begins with is known to the state,
 * as it is to one that started there. */
static void test_damage_before_the_snapshot(void **state) {
    struct fixture *f = *state;
    struct replay replay;
    struct reason reason;
    note_gap(f, 1, 2);
    snapshot(f, 6, 6);
    trim(f, 4);
    assert_int_equal(run(f, UINT64_MAX, &replay, &reason), ERR_OK);
    assert_int_equal(replay.from, 6);
    shop_pass_gap(f->states[RECORDS]);
    assert_true(state_hash(replay.state) == shop_hash(f->states[RECORDS]));
    state_free(replay.state);
}

/* Goal: a snapshot that cannot be read is named. */
static void test_a_snapshot_that_cannot_be_read(void **state) {
    struct fixture *f = *state;
    static const uint8_t content[] = {0, 0, 0, 99};
    const struct snapshot_about about = {f->journal_id, 6};
    assert_int_equal(snapshot_write(&f->platform.disk, f->dir, &about, RECORDS,
                                    slice_of(content, sizeof content), NULL),
                     ERR_OK);
    refuses(f, UINT64_MAX, ERR_UNSUPPORTED,
            "cannot use the snapshot before record 6");
    trim(f, 4);
    refuses(f, UINT64_MAX, ERR_UNSUPPORTED,
            "cannot use the snapshot before record 6");
}

/* Goal: a record that cannot follow is named, with all before it fine. */
static void test_a_record_that_cannot_follow(void **state) {
    struct fixture *f = *state;
    uint8_t memory[512];
    const struct event event = {
        .id = SLICE("x"),
        .source = SLICE("/s/order"),
        .type = SLICE("OrderFulfiled"),
        .data_kind = EVENT_DATA_JSON,
        .data = SLICE("{\"orderId\":\"unknown\"}"),
    };
    struct writer out = writer_over(memory, sizeof memory);
    event_store(&event, &out);
    struct journal *journal = open_again(f);
    journal_begin(journal);
    support_append(journal, writer_slice(&out));
    support_commit(journal);
    journal_close(journal);
    refuses(f, UINT64_MAX, ERR_CORRUPT, "record 20 does not fit");
    gives(f, RECORDS, 0, RECORDS, 0);
}

/* Goal: where the end is known, a tail that is missing is lost, and said so. */
static void test_a_tail_that_is_missing(void **state) {
    struct fixture *f = *state;
    const struct replay_options options = {
        .disk = &f->platform.disk,
        .dir = f->dir,
        .config = &f->config,
        .end = RECORDS + 5,
        .before = UINT64_MAX,
    };
    struct replay replay;
    struct reason reason = {""};
    assert_int_equal(replay_run(&options, &replay, &reason), ERR_OK);
    assert_int_equal(replay.end, RECORDS + 5);
    assert_int_equal(replay.lost, 5);
    state_free(replay.state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_each_record, setup, teardown),
        cmocka_unit_test_setup_teardown(with_snapshots, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_of_another_state, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(across_damage, setup, teardown),
        TEST(test_a_front_that_is_known_to_be_lost),
        TEST(test_damage_before_the_snapshot),
        TEST(test_a_snapshot_that_cannot_be_read),
        TEST(test_a_record_that_cannot_follow),
        TEST(test_a_tail_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
