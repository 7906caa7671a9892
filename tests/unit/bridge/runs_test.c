/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder of a sink that aggregates, against a service that takes each
 * record whole or not at all and fails in every way it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/forwarder.h"
#include "tests/unit/bridge/dice.h"

enum {
    EVENTS_MAX = 4096,
    FLIGHT_MAX = 8,
    RUN_BYTES = 2000,
    LIVES = 4 + 16 / TEST_SHARE,
};

struct bench {
    struct dice dice;
    struct entropy entropy;
    struct forwarder forwarder;
    int64_t now_us;
    uint64_t count;  /* events there are */
    uint32_t poison; /* each n-th is refused for good; 0: none */
    bool taken[EVENTS_MAX];
    bool dead[EVENTS_MAX];
    uint64_t calm; /* steps without a failure, at the end */
    const struct forwarder_batch *flight[FLIGHT_MAX];
    uint32_t flying;
};

static uint32_t lane_at(const struct bench *bench, uint64_t seq) {
    return lane_of(seq * 7, bench->forwarder.window.lanes);
}

static bool is_poison(const struct bench *bench, uint64_t seq) {
    return bench->poison > 0 && seq % bench->poison == bench->poison - 1;
}

static void begin(struct bench *bench, uint64_t seed, uint32_t lanes) {
    *bench = (struct bench){.dice = {seed}, .now_us = 1};
    bench->entropy = dice_entropy(&bench->dice);
    const struct forwarder_limits limits = {500, 6000};
    forwarder_init(&bench->forwarder, &limits, &bench->entropy, 0);
    forwarder_set_lanes(&bench->forwarder, lanes);
    bench->forwarder.run_bytes_max = RUN_BYTES;
    bench->forwarder.letters = true;
}

static bool push(struct bench *bench) {
    uint64_t seq = forwarder_next_seq(&bench->forwarder);
    if (seq == bench->count || !forwarder_has_room(&bench->forwarder, 8)) {
        bench->forwarder.tight = seq < bench->count;
        return false;
    }
    const struct forwarder_record record = {
        .seq = seq,
        .key = seq * 7,
        .bytes = slice_of("8 bytes.", 8),
        .size = 1 + (uint32_t)(seq * 37 % 300),
        .pushed_us = bench->now_us,
        .sendable = true,
    };
    assert_int_equal(forwarder_push(&bench->forwarder, &record), ERR_OK);
    return true;
}

/* Taken for the first time: all before it in its lane were. */
static void take(struct bench *bench, uint64_t seq) {
    for (uint64_t i = 0; i < seq && !bench->taken[seq]; i++) {
        assert_true(lane_at(bench, i) != lane_at(bench, seq) ||
                    bench->taken[i] || bench->dead[i]);
    }
    bench->taken[seq] = true;
}

/* A record holds what waits in one lane, in order; the sink keeps a part. */
static void check_run(struct bench *bench, const struct forwarder_batch *batch,
                      uint32_t i, uint64_t *lanes) {
    struct forwarder_run *run = &batch->runs[i];
    uint64_t bytes = 0;
    assert_true(run->count > 0);
    assert_int_equal(*lanes & lane_bit(run->lane), 0);
    *lanes |= lane_bit(run->lane);
    for (uint32_t j = run->first; j < run->first + run->count; j++) {
        uint64_t seq = batch->entries[j].seq;
        assert_int_equal(lane_at(bench, seq), run->lane);
        assert_true(j == run->first || seq > batch->entries[j - 1].seq);
        bytes += 1 + seq * 37 % 300;
    }
    assert_true(run->count == 1 || batch->suspect || bytes <= RUN_BYTES);
    if (dice_below(&bench->dice, 3) == 0) {
        run->kept = 1 + dice_below(&bench->dice, run->count);
    }
}

static bool take_off(struct bench *bench) {
    const struct forwarder_batch *batch;
    if (bench->flying == FLIGHT_MAX ||
        forwarder_take(&bench->forwarder, bench->now_us, &batch) != ERR_OK) {
        return false;
    }
    uint64_t lanes = 0;
    for (uint32_t i = 0; i < bench->flying; i++) {
        lanes |= bench->flight[i]->lanes;
    }
    for (uint32_t i = 0; i < batch->run_count; i++) {
        check_run(bench, batch, i, &lanes);
    }
    bench->flight[bench->flying++] = batch;
    return true;
}

static enum forwarder_outcome outcome_of(struct bench *bench,
                                         const struct forwarder_batch *batch,
                                         const struct forwarder_run *run) {
    for (uint32_t j = 0; j < run->kept; j++) {
        if (is_poison(bench, batch->entries[run->first + j].seq)) {
            return ENTRY_REFUSED;
        }
    }
    return bench->calm > 0
               ? ENTRY_CONFIRMED
               : (enum forwarder_outcome)dice_below(&bench->dice, 3);
}

static void answer_by_records(struct bench *bench,
                              const struct forwarder_batch *batch) {
    enum forwarder_outcome outcomes[LANES_MAX];
    for (uint32_t i = 0; i < batch->run_count; i++) {
        const struct forwarder_run *run = &batch->runs[i];
        outcomes[i] = outcome_of(bench, batch, run);
        for (uint32_t j = 0; j < run->kept && outcomes[i] == ENTRY_CONFIRMED;
             j++) {
            take(bench, batch->entries[run->first + j].seq);
        }
    }
    forwarder_answer(&bench->forwarder, batch, bench->now_us, CALL_ANSWERED,
                     outcomes);
}

static uint32_t sent_in(const struct forwarder_batch *batch) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->run_count; i++) {
        count += batch->runs[i].kept;
    }
    return count;
}

static void land(struct bench *bench) {
    uint32_t i = dice_below(&bench->dice, bench->flying);
    const struct forwarder_batch *batch = bench->flight[i];
    bench->flight[i] = bench->flight[--bench->flying];
    static const enum forwarder_call calls[] = {CALL_OFFLINE, CALL_FAILED,
                                                CALL_THROTTLED, CALL_TOO_LARGE};
    if (bench->calm == 0 && dice_below(&bench->dice, 3) == 0) {
        enum forwarder_call call = calls[dice_below(&bench->dice, 4)];
        if (call == CALL_TOO_LARGE && sent_in(batch) == 1) {
            call = CALL_OFFLINE; /* only what is too large is that */
        }
        forwarder_answer(&bench->forwarder, batch, bench->now_us, call, NULL);
        return;
    }
    answer_by_records(bench, batch);
}

/* Only a poison ends as a letter, and alone. */
static void settle(struct bench *bench) {
    const struct window *window = &bench->forwarder.window;
    for (uint64_t seq = window->base; seq < window->base + window->count;
         seq++) {
        struct forwarder_entry entry;
        uint32_t tries;
        if (forwarder_final(&bench->forwarder, seq, &entry, &tries)) {
            assert_true(is_poison(bench, seq));
            bench->dead[seq] = true;
            forwarder_settle(&bench->forwarder, seq, SETTLE_DEAD,
                             bench->now_us);
            return;
        }
    }
}

static void live(struct bench *bench) {
    for (uint64_t steps = 0; bench->forwarder.window.base < bench->count;
         steps++) {
        assert_true(steps < 1000 * 1000);
        bench->calm = steps > 20 * 1000 ? 1 : 0;
        for (uint32_t i = dice_below(&bench->dice, 100); i > 0 && push(bench);
             i--) {
        }
        settle(bench);
        if (dice_below(&bench->dice, 2) && take_off(bench)) {
            continue;
        }
        if (bench->flying > 0) {
            land(bench);
            continue;
        }
        int64_t due_us = forwarder_due_us(&bench->forwarder, bench->now_us);
        bench->now_us = due_us < INT64_MAX ? due_us : bench->now_us;
    }
}

/* Goal: whatever fails and whatever a sink keeps of a run, all arrive, in order
 * per lane, and nothing but what is refused for good ends as a letter. */
static void test_long_and_unlucky_lives(void **state) {
    (void)state;
    static struct bench bench;
    for (uint64_t seed = 20261129; seed < 20261129 + LIVES; seed++) {
        struct dice dice = {seed};
        begin(&bench, seed, 1 + dice_below(&dice, 20));
        bench.count = 200 + dice_below(&dice, 2000);
        bench.poison = seed % 2 == 0 ? 0 : 30 + dice_below(&dice, 200);
        bench.forwarder.linger_us = dice_below(&dice, 100 * 1000);
        live(&bench);
        uint64_t sent = 0;
        for (uint64_t i = 0; i < bench.count; i++) {
            assert_true(bench.taken[i] != bench.dead[i]);
            assert_true(bench.dead[i] == is_poison(&bench, i));
            sent += bench.taken[i] ? 1 : 0;
        }
        assert_int_equal(bench.forwarder.counts.sent, sent);
        assert_int_equal(bench.forwarder.counts.refused, 0);
        assert_int_equal(bench.forwarder.in_flight, 0);
        assert_int_equal(bench.forwarder.window.busy, 0);
        forwarder_free(&bench.forwarder);
    }
}

static void confirm(struct bench *bench, uint32_t records) {
    const struct forwarder_batch *batch = bench->flight[--bench->flying];
    assert_int_equal(batch->run_count, records);
    bench->calm = 1;
    answer_by_records(bench, batch);
}

/* Goal: what is not full waits for the linger and not longer; a full one, one
 * that others wait behind, and one that failed in a group do not wait. */
static void test_linger(void **state) {
    (void)state;
    static struct bench bench;
    begin(&bench, 1, 1);
    struct forwarder *forwarder = &bench.forwarder;
    forwarder->linger_us = 1000;
    bench.count = 2;
    push(&bench);
    bench.now_us += 400;
    push(&bench);
    assert_int_equal(forwarder_due_us(forwarder, bench.now_us), 1 + 1000);
    assert_false(take_off(&bench));
    bench.now_us = 1000;
    assert_false(take_off(&bench));
    bench.now_us = 1001;
    assert_true(take_off(&bench));
    assert_int_equal(bench.flight[0]->runs[0].count, 2);
    bench.flight[0]->runs[0].kept = 1;
    confirm(&bench, 1);
    /* What was not kept waits once more, and then leaves first. */
    assert_int_equal(forwarder->window.base, 1);
    assert_int_equal(forwarder->counts.repeated, 0);
    assert_int_equal(forwarder_due_us(forwarder, bench.now_us), 2001);
    bench.count = 40; /* more than fit in one */
    while (push(&bench)) {
    }
    assert_int_equal(forwarder_due_us(forwarder, bench.now_us), bench.now_us);
    assert_true(forwarder_fills(forwarder, bench.now_us) ||
                forwarder->window.lane[0].waiting_size < 6000);
    assert_true(take_off(&bench));
    assert_int_equal(bench.flight[0]->entries[0].seq, 1);
    bench.flight[0]->runs[0].kept = bench.flight[0]->runs[0].count;
    confirm(&bench, 1);
    forwarder_free(forwarder);

    begin(&bench, 1, 4);
    forwarder->linger_us = INT64_MAX / 2;
    bench.count = 4;
    while (push(&bench)) {
    }
    assert_false(take_off(&bench));
    forwarder->tight = true;
    assert_true(forwarder_fills(forwarder, bench.now_us));
    assert_true(take_off(&bench));
    assert_int_equal(bench.flight[0]->run_count, 4);
    assert_int_equal(bench.flight[0]->lanes, 15);
    confirm(&bench, 4);
    assert_int_equal(forwarder->window.count, 0);
    forwarder_free(forwarder);
}

/* Goal: a request takes lanes until the next one's run does not fit whole. */
static void test_lanes_of_a_request(void **state) {
    (void)state;
    static struct bench bench;
    begin(&bench, 1, 4);
    bench.count = 100;
    while (push(&bench)) {
    }
    uint64_t lanes = 0;
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(take_off(&bench));
        assert_int_equal(bench.flight[i]->run_count, i == 0 ? 3 : 1);
        assert_int_equal(lanes & bench.flight[i]->lanes, 0);
        lanes |= bench.flight[i]->lanes;
    }
    assert_int_equal(lanes, 15);
    assert_false(take_off(&bench));
    assert_int_equal(forwarder_due_us(&bench.forwarder, bench.now_us),
                     INT64_MAX);
    confirm(&bench, 1);
    assert_true(take_off(&bench)); /* that lane goes on, beside the others */
    assert_int_equal(bench.flight[1]->run_count, 1);
    confirm(&bench, 1);
    confirm(&bench, 3);
    forwarder_free(&bench.forwarder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linger),
        cmocka_unit_test(test_lanes_of_a_request),
        cmocka_unit_test(test_long_and_unlucky_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
