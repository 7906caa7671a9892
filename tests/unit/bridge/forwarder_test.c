/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder against a model of a service that fails in every way a service
 * can. Built a second time with EDGE_CONTROL_TWO_PER_KEY, which lets a request
 * hold several entries of a key: then the order must be seen to break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include <cmocka.h>

#include "bridge/forwarder.h"
#include "tests/unit/bridge/dice.h"

enum {
    MODEL_EVENTS_MAX = 4096,
    RECORD_MAX = 24 * 1024,
    LIVES = 2 + 13 / TEST_SHARE
};

/* The service: what it has taken, and whether it came in order. */
struct model {
    uint64_t count; /* events there are */
    uint32_t keys;  /* event i has key i * stride % keys */
    uint32_t stride;
    bool taken[MODEL_EVENTS_MAX]; /* by the service */
    bool told[MODEL_EVENTS_MAX];  /* and the forwarder knows */
    uint32_t tries[MODEL_EVENTS_MAX];
    uint64_t taken_count;
    uint64_t violations; /* taken while an earlier one of its key was not */
};

struct bench {
    struct dice dice;
    struct entropy entropy;
    struct forwarder forwarder;
    struct model model;
    int64_t now_us;
    const struct forwarder_batch *batch; /* taken last by take_count() */
    uint32_t bytes_max;                  /* of a record */
    uint8_t text[RECORD_MAX];
};

static uint64_t key_of(const struct model *model, uint64_t seq) {
    return seq * model->stride % model->keys;
}

static void bench_begin(struct bench *bench, uint64_t seed, uint64_t count,
                        uint32_t keys, struct forwarder_limits limits) {
    *bench = (struct bench){.dice = {seed}, .bytes_max = 64};
    bench->entropy = dice_entropy(&bench->dice);
    bench->model.count = count;
    bench->model.keys = keys;
    bench->model.stride = 1;
    bench->now_us = 1;
    forwarder_init(&bench->forwarder, &limits, &bench->entropy, 0);
}

/* A record's length and bytes follow from its number. */
static struct slice text_of(struct bench *bench, uint64_t seq) {
    struct dice dice = {seq};
    size_t len = dice_below(&dice, bench->bytes_max);
    memset(bench->text, (int)(seq * 7 + 1), len);
    return slice_of(bench->text, len);
}

static err_t push_next(struct bench *bench) {
    uint64_t seq = forwarder_next_seq(&bench->forwarder);
    if (seq == bench->model.count) {
        return ERR_END;
    }
    struct slice text = text_of(bench, seq);
    struct forwarder_record record = {
        .seq = seq,
        .wall_us = (int64_t)seq * 10,
        .bytes = text,
        .key = key_of(&bench->model, seq),
        .size = (uint32_t)text.len + 1,
        .sendable = true,
    };
    return forwarder_push(&bench->forwarder, &record);
}

static void push_all(struct bench *bench) {
    while (push_next(bench) == ERR_OK) {
    }
}

static void model_take(struct model *model, uint64_t seq) {
    if (model->taken[seq]) {
        return;
    }
    for (uint64_t i = 0; i < seq; i++) {
        if (key_of(model, i) == key_of(model, seq) && !model->taken[i]) {
            model->violations++;
            break;
        }
    }
    model->taken[seq] = true;
    model->taken_count++;
}

/* The cursor never passes what the forwarder was not told of, and a request
 * holds what was pushed, within the limits and one of each key. */
static void check_cursor(const struct bench *bench) {
    for (uint64_t i = 0; i < bench->forwarder.window.base; i++) {
        assert_true(bench->model.told[i]);
    }
}

#ifndef EDGE_CONTROL_TWO_PER_KEY
static uint32_t lane_at(const struct bench *bench, uint64_t seq) {
    return lane_of(key_of(&bench->model, seq), bench->forwarder.window.lanes);
}
#endif

static void check_batch(struct bench *bench,
                        const struct forwarder_batch *batch) {
    uint64_t bytes = 0;
    assert_true(batch->count > 0);
    assert_true(batch->count <= bench->forwarder.limits.entries_max);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct forwarder_entry *entry = &batch->entries[i];
        struct slice text = text_of(bench, entry->seq);
        assert_true(slice_eq(entry->bytes, text));
        assert_int_equal(entry->wall_us, entry->seq * 10);
        assert_false(bench->model.told[entry->seq]);
        bytes += text.len + 1;
#ifndef EDGE_CONTROL_TWO_PER_KEY
        for (uint32_t j = 0; j < i; j++) {
            assert_true(key_of(&bench->model, batch->entries[j].seq) !=
                        key_of(&bench->model, entry->seq));
            assert_true(batch->entries[j].seq < entry->seq ||
                        lane_at(bench, batch->entries[j].seq) !=
                            lane_at(bench, entry->seq));
        }
#endif
    }
    assert_true(bytes <= bench->forwarder.limits.bytes_max);
}

static void answer_entries(struct bench *bench,
                           const struct forwarder_batch *batch,
                           const enum forwarder_outcome *outcomes) {
    uint64_t seqs[FORWARDER_BATCH_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        seqs[i] = batch->entries[i].seq;
        if (outcomes[i] == ENTRY_CONFIRMED) {
            model_take(&bench->model, seqs[i]);
            bench->model.told[seqs[i]] = true;
        }
    }
    forwarder_answer(&bench->forwarder, batch, bench->now_us, CALL_ANSWERED,
                     outcomes);
}

/* --- every subset ------------------------------------------------------- */

/* Sends until all is told. Entry i fails at its first try if bit i of `mask` is
 * set; with `lost`, those not in the mask are taken and the answer to the first
 * request never comes. */
static void run_subset(struct bench *bench, uint32_t mask, bool lost) {
    push_all(bench);
    for (int requests = 0; bench->forwarder.window.base < bench->model.count;
         requests++) {
        assert_true(requests < 100);
        const struct forwarder_batch *batch;
        if (forwarder_take(&bench->forwarder, bench->now_us, &batch) !=
            ERR_OK) {
            int64_t due_us = forwarder_due_us(&bench->forwarder, bench->now_us);
            assert_true(due_us > bench->now_us && due_us < INT64_MAX);
            bench->now_us = due_us;
            continue;
        }
        check_batch(bench, batch);
        enum forwarder_outcome outcomes[FORWARDER_BATCH_MAX];
        for (uint32_t i = 0; i < batch->count; i++) {
            uint64_t seq = batch->entries[i].seq;
            bool fails = bench->model.tries[seq]++ == 0 && mask >> seq & 1;
            outcomes[i] = !fails    ? ENTRY_CONFIRMED
                          : seq % 2 ? ENTRY_FAILED
                                    : ENTRY_THROTTLED;
        }
        if (lost && requests == 0) {
            for (uint32_t i = 0; i < batch->count; i++) {
                if (outcomes[i] == ENTRY_CONFIRMED) {
                    model_take(&bench->model, batch->entries[i].seq);
                }
            }
            forwarder_answer(&bench->forwarder, batch, bench->now_us,
                             CALL_OFFLINE, NULL);
        } else {
            answer_entries(bench, batch, outcomes);
        }
        check_cursor(bench);
    }
}

static uint64_t violations_of_all_subsets(void) {
    static struct bench bench;
    static const struct {
        uint32_t keys;
        bool lost;
    } worlds[] = {{10, false}, {4, false}, {4, true}};
    struct forwarder_limits limits = {10, 1 << 20};
    uint64_t violations = 0;
    for (uint32_t mask = 0; mask < 1024; mask++) {
        for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
            bench_begin(&bench, mask + 1, 10, worlds[i].keys, limits);
            run_subset(&bench, mask, worlds[i].lost);
            assert_int_equal(bench.model.taken_count, 10);
            assert_int_equal(bench.forwarder.counts.sent, 10);
            violations += bench.model.violations;
            forwarder_free(&bench.forwarder);
        }
    }
    return violations;
}

/* --- a long and unlucky life -------------------------------------------- */

static enum forwarder_outcome random_outcome(struct bench *bench) {
    uint32_t die = dice_below(&bench->dice, 100);
    return die < 80   ? ENTRY_CONFIRMED
           : die < 90 ? ENTRY_FAILED
           : die < 98 ? ENTRY_THROTTLED
                      : ENTRY_REFUSED;
}

static enum forwarder_call random_call(struct bench *bench, uint32_t count,
                                       uint32_t count_max) {
    if (count > count_max) {
        return dice_below(&bench->dice, 2) ? CALL_TOO_LARGE : CALL_INVALID;
    }
    uint32_t die = dice_below(&bench->dice, 100);
    return die < 75   ? CALL_ANSWERED
           : die < 80 ? CALL_UNREACHED
           : die < 85 ? CALL_OFFLINE
           : die < 90 ? CALL_FAILED
           : die < 94 ? CALL_THROTTLED
           : die < 97 ? CALL_REFUSED
                      : CALL_AGAIN;
}

/* One request. An answer that does not come may have been meant for a request
 * that was done, in part or in whole. */
static void random_request(struct bench *bench,
                           const struct forwarder_batch *batch,
                           uint32_t count_max) {
    enum forwarder_outcome outcomes[FORWARDER_BATCH_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        outcomes[i] = random_outcome(bench);
    }
    enum forwarder_call call = random_call(bench, batch->count, count_max);
    bench->now_us += dice_below(&bench->dice, 50000);
    if (call == CALL_ANSWERED) {
        answer_entries(bench, batch, outcomes);
        return;
    }
    bool done = call == CALL_OFFLINE || call == CALL_FAILED;
    for (uint32_t i = 0; done && i < batch->count; i++) {
        if (outcomes[i] == ENTRY_CONFIRMED) {
            model_take(&bench->model, batch->entries[i].seq);
        }
    }
    forwarder_answer(&bench->forwarder, batch, bench->now_us, call, NULL);
}

static uint64_t violations_of_a_life(uint64_t seed) {
    static struct bench bench;
    struct dice dice = {seed};
    struct forwarder_limits limits = {1 + dice_below(&dice, 500),
                                      RECORD_MAX + dice_below(&dice, 1 << 20)};
    uint32_t keys = 1 + dice_below(&dice, 300);
    bench_begin(&bench, seed, 200 + dice_below(&dice, 1300), keys, limits);
    bench.bytes_max = 1 + dice_below(&dice, RECORD_MAX - 1);
    uint32_t count_max = 1 + dice_below(&dice, limits.entries_max);
    for (uint64_t steps = 0; bench.forwarder.window.base < bench.model.count;
         steps++) {
        assert_true(steps < 1000 * 1000);
        uint32_t pushes = dice_below(&dice, 200);
        for (uint32_t i = 0; i < pushes && push_next(&bench) == ERR_OK; i++) {
        }
        assert_true(bench.forwarder.window.count <= FORWARDER_EVENTS_MAX);
        const struct forwarder_batch *batch;
        if (forwarder_take(&bench.forwarder, bench.now_us, &batch) == ERR_OK) {
            check_batch(&bench, batch);
            random_request(&bench, batch, count_max);
            if (steps % 64 == 0) {
                check_cursor(&bench);
            }
            continue;
        }
        int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
        if (due_us < INT64_MAX) {
            assert_true(due_us > bench.now_us);
            bench.now_us = due_us;
        }
    }
    check_cursor(&bench);
    assert_int_equal(bench.model.taken_count, bench.model.count);
    assert_int_equal(bench.forwarder.counts.sent, bench.model.count);
    assert_int_equal(bench.forwarder.counts.refused, 0);
    forwarder_free(&bench.forwarder);
    return bench.model.violations;
}

static uint64_t violations_of_lives(void) {
    uint64_t first = 20261123;
    uint64_t violations = 0;
    print_message("seeds %llu to %llu\n", (unsigned long long)first,
                  (unsigned long long)first + LIVES - 1);
    for (uint64_t seed = first; seed < first + LIVES; seed++) {
        violations += violations_of_a_life(seed);
    }
    return violations;
}

#ifdef EDGE_CONTROL_TWO_PER_KEY

/* Goal: the judge of order is not blind. With several entries of a key in one
 * request, a partial failure puts a later one first, and it is seen. */
static void test_the_order_is_seen_to_break(void **state) {
    (void)state;
    assert_true(violations_of_all_subsets() > 0);
    assert_true(violations_of_lives() > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_order_is_seen_to_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* Goal: whatever subset of ten entries fails, with the answer lost or not, all
 * arrive, in order per key, and the cursor never runs ahead. */
static void test_every_subset_may_fail(void **state) {
    (void)state;
    assert_int_equal(violations_of_all_subsets(), 0);
}

/* Goal: the same over long lives of random failures, keys, sizes, limits. */
static void test_a_long_and_unlucky_life(void **state) {
    (void)state;
    assert_int_equal(violations_of_lives(), 0);
}

/* Goal: nothing is held before the first record; the window is bounded in
 * events and in bytes, and a record out of turn is refused. */
static void test_the_window_is_bounded(void **state) {
    (void)state;
    static struct bench bench;
    struct forwarder_limits limits = {10, 1 << 20};
    bench_begin(&bench, 1, MODEL_EVENTS_MAX, 5, limits);
    assert_null(bench.forwarder.window.slots);
    push_all(&bench);
    assert_int_equal(bench.forwarder.window.count, FORWARDER_EVENTS_MAX);
    struct forwarder_record late = {.seq = 5000, .sendable = true};
    assert_int_equal(forwarder_push(&bench.forwarder, &late), ERR_CORRUPT);
    forwarder_free(&bench.forwarder);

    bench_begin(&bench, 1, MODEL_EVENTS_MAX, 5, limits);
    static uint8_t large[1024 * 1024];
    struct forwarder_record record = {
        .bytes = {large, sizeof large}, .size = sizeof large, .sendable = true};
    err_t err = ERR_OK;
    for (; err == ERR_OK; record.seq++) {
        err = forwarder_push(&bench.forwarder, &record);
    }
    assert_int_equal(err, ERR_FULL);
    assert_true(bench.forwarder.window.count * sizeof large <=
                FORWARDER_BYTES_MAX);
    assert_true(bench.forwarder.window.count >= 3);
    forwarder_free(&bench.forwarder);
}

static uint32_t take_count(struct bench *bench) {
    if (forwarder_take(&bench->forwarder, bench->now_us, &bench->batch) !=
        ERR_OK) {
        return 0;
    }
    return bench->batch->count;
}

static void confirm_all(struct bench *bench) {
    enum forwarder_outcome outcomes[FORWARDER_BATCH_MAX] = {ENTRY_CONFIRMED};
    forwarder_answer(&bench->forwarder, bench->batch, bench->now_us,
                     CALL_ANSWERED, outcomes);
}

/* Goal: a request holds ten entries and not eleven, and exactly as many bytes
 * as the limit but not one more. */
static void test_limits_are_exact(void **state) {
    (void)state;
    static struct bench bench;
    for (uint32_t over = 0; over < 2; over++) {
        bench_begin(&bench, 1, 11, 11, (struct forwarder_limits){10, 1 << 20});
        for (uint32_t i = 0; i < 10 + over; i++) {
            assert_int_equal(push_next(&bench), ERR_OK);
        }
        assert_int_equal(take_count(&bench), 10);
        confirm_all(&bench);
        assert_int_equal(take_count(&bench), over);
        forwarder_free(&bench.forwarder);

        bench_begin(&bench, 1, 0, 1, (struct forwarder_limits){10, 262143});
        for (uint64_t i = 0; i < 3; i++) {
            struct forwarder_record record = {.seq = i,
                                              .key = i,
                                              .size =
                                                  87381 + (i == 2 ? over : 0),
                                              .sendable = true};
            assert_int_equal(forwarder_push(&bench.forwarder, &record), ERR_OK);
        }
        assert_int_equal(take_count(&bench), over ? 2 : 3);
        forwarder_free(&bench.forwarder);
    }
}

/* Goal: what the journal trimmed is passed over, once all before it is sent;
 * what was held there is forgotten, and everything behind goes out in order. */
static void test_gaps_are_passed_over(void **state) {
    (void)state;
    static struct bench one;
    struct bench *bench = &one;
    struct forwarder_limits limits = {10, 4096};
    bench_begin(bench, 1, 40, 7, limits);
    struct forwarder *forwarder = &bench->forwarder;
    assert_true(forwarder_is_drained(forwarder));
    forwarder_skip(forwarder, 2);
    assert_int_equal(forwarder_next_seq(forwarder), 2);
    assert_int_equal(push_next(bench), ERR_OK);
    assert_int_equal(push_next(bench), ERR_OK);
    assert_false(forwarder_is_drained(forwarder));

    const struct forwarder_batch *batch;
    assert_int_equal(forwarder_take(forwarder, bench->now_us, &batch), ERR_OK);
    assert_int_equal(batch->count, 2);
    assert_false(forwarder_is_drained(forwarder));
    const enum forwarder_outcome outcomes[] = {ENTRY_REFUSED, ENTRY_CONFIRMED};
    forwarder_answer(forwarder, batch, bench->now_us, CALL_ANSWERED, outcomes);
    assert_int_equal(forwarder->counts.refused, 1);
    assert_int_equal(forwarder->window.base, 2);
    assert_true(forwarder_is_drained(forwarder));
    forwarder_skip(forwarder, 20);
    assert_int_equal(forwarder->counts.refused, 0);
    assert_int_equal(forwarder->window.base, 20);
    while (push_next(bench) == ERR_OK) {
    }
    assert_int_equal(forwarder_next_seq(forwarder), 40);
    assert_int_equal(forwarder_take(forwarder, bench->now_us, &batch), ERR_OK);
    assert_int_equal(batch->entries[0].seq, 20);
    assert_memory_equal(batch->entries[0].bytes.data, text_of(bench, 20).data,
                        batch->entries[0].bytes.len);
    forwarder_free(forwarder);
}

/* Goal: what waits behind a held event of its key is held like it: a journal
 * that was trimmed past both does not stop the stream. */
static void test_behind_a_held_one(void **state) {
    (void)state;
    static struct bench bench;
    struct forwarder *forwarder = &bench.forwarder;
    bench_begin(&bench, 1, 3, 2, (struct forwarder_limits){10, 4096});
    push_all(&bench); /* of the keys 0, 1 and 0 */
    assert_int_equal(take_count(&bench), 2);
    const enum forwarder_outcome failed[] = {ENTRY_FAILED, ENTRY_CONFIRMED};
    forwarder_answer(forwarder, bench.batch, bench.now_us, CALL_ANSWERED,
                     failed);
    assert_false(forwarder_is_drained(forwarder));
    bench.now_us += 60 * 1000000;
    assert_int_equal(take_count(&bench), 1);
    const enum forwarder_outcome refused[] = {ENTRY_REFUSED};
    forwarder_answer(forwarder, bench.batch, bench.now_us, CALL_ANSWERED,
                     refused);
    assert_int_equal(forwarder->window.count, 3);
    assert_true(forwarder_is_drained(forwarder));
    forwarder_skip(forwarder, 20);
    assert_int_equal(forwarder_next_seq(forwarder), 20);
    forwarder_free(forwarder);
}

/* Goal: paused, nothing leaves; going on forgets the back-off. */
static void test_pausing(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 1, 20, 20, (struct forwarder_limits){10, 1 << 20});
    push_all(&bench);
    assert_int_equal(take_count(&bench), 10);
    assert_true(forwarder_ready(&bench.forwarder, bench.now_us));
    forwarder_pause(&bench.forwarder, true);
    assert_false(forwarder_ready(&bench.forwarder, bench.now_us));
    assert_int_equal(forwarder_due_us(&bench.forwarder, bench.now_us),
                     INT64_MAX);
    forwarder_answer(&bench.forwarder, bench.batch, bench.now_us, CALL_REFUSED,
                     NULL);
    assert_int_equal(take_count(&bench), 0);
    forwarder_pause(&bench.forwarder, false);
    assert_int_equal(take_count(&bench), 10);
    assert_int_equal(bench.forwarder.counts.repeated, 10);
    forwarder_free(&bench.forwarder);
}

/* Goal: while a call's failure is waited out nothing leaves and nothing counts
 * as ready; the wait is within its bounds. */
static void test_failures_are_waited_out(void **state) {
    (void)state;
    static const struct {
        enum forwarder_call call;
        int64_t least_us, most_us;
    } cases[] = {
        {CALL_OFFLINE, 0, 50000},           {CALL_FAILED, 0, 50000},
        {CALL_UNREACHED, 25000, 50000},     {CALL_THROTTLED, 0, 1000000},
        {CALL_REFUSED, 10000000, 20000000}, {CALL_AGAIN, 0, 0},
    };
    static struct bench bench;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint64_t seed = 0; seed < 100; seed++) {
            bench_begin(&bench, seed, 3, 3, (struct forwarder_limits){10, 99});
            push_all(&bench);
            assert_true(take_count(&bench) > 0);
            forwarder_answer(&bench.forwarder, bench.batch, bench.now_us,
                             cases[i].call, NULL);
            int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
            int64_t wait_us = due_us - bench.now_us;
            assert_true(wait_us >= cases[i].least_us);
            assert_true(wait_us <= cases[i].most_us);
            assert_int_equal(forwarder_ready(&bench.forwarder, bench.now_us),
                             wait_us == 0);
            bench.now_us = due_us;
            assert_true(take_count(&bench) > 0);
            forwarder_free(&bench.forwarder);
        }
    }
}

/* Goal: an endpoint that takes no connection is never tried less often than
 * each second, nor more often than twice one; a line that breaks each five
 * seconds, a failing service each twenty. */
static void test_back_off_is_capped(void **state) {
    (void)state;
    static struct bench bench;
    static const struct {
        enum forwarder_call call;
        int64_t floor_us, cap_us;
    } cases[] = {
        {CALL_UNREACHED, 500000, 1000000},
        {CALL_OFFLINE, 0, 5000000},
        {CALL_FAILED, 0, 20000000},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        int64_t longest_us = 0;
        bench_begin(&bench, 7, 1, 1, (struct forwarder_limits){10, 99});
        push_all(&bench);
        for (int i = 0; i < 500; i++) {
            assert_int_equal(take_count(&bench), 1);
            forwarder_answer(&bench.forwarder, bench.batch, bench.now_us,
                             cases[c].call, NULL);
            int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
            int64_t wait_us = due_us - bench.now_us;
            assert_true(i < 10 || wait_us >= cases[c].floor_us);
            longest_us = wait_us > longest_us ? wait_us : longest_us;
            bench.now_us = due_us;
        }
        int64_t cap_us = cases[c].cap_us;
        assert_true(longest_us <= cap_us && longest_us > cap_us * 9 / 10);
        forwarder_free(&bench.forwarder);
    }
}

/* Goal: a request that is refused whole is halved until the entry at fault
 * stands alone; that one is held and counted, all others arrive, and a minute
 * later it is tried again. */
static void test_one_bad_entry_is_found(void **state) {
    (void)state;
    static const enum forwarder_call calls[] = {CALL_TOO_LARGE, CALL_INVALID};
    static struct bench bench;
    for (size_t c = 0; c < 2; c++) {
        bench_begin(&bench, 3, 40, 40, (struct forwarder_limits){10, 1 << 20});
        push_all(&bench);
        const struct forwarder_batch *batch;
        int64_t began_us = bench.now_us;
        while (bench.model.taken_count < 39) {
            if (forwarder_take(&bench.forwarder, bench.now_us, &batch) !=
                ERR_OK) {
                bench.now_us = forwarder_due_us(&bench.forwarder, bench.now_us);
                continue;
            }
            bool bad = false;
            for (uint32_t i = 0; i < batch->count; i++) {
                bad = bad || batch->entries[i].seq == 13;
            }
            if (bad) {
                forwarder_answer(&bench.forwarder, batch, bench.now_us,
                                 calls[c], NULL);
            } else {
                enum forwarder_outcome outcomes[10] = {ENTRY_CONFIRMED};
                answer_entries(&bench, batch, outcomes);
            }
        }
        assert_true(bench.now_us - began_us <= 20000000);
        assert_int_equal(bench.forwarder.window.base, 13);
        assert_int_equal(bench.forwarder.counts.refused, 1);
        assert_int_equal(take_count(&bench), 0);
        int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
        assert_true(due_us - began_us >= FORWARDER_REFUSED_US);
        bench.now_us = due_us;
        assert_int_equal(take_count(&bench), 1);
        confirm_all(&bench);
        assert_int_equal(bench.forwarder.window.base, 40);
        assert_int_equal(bench.forwarder.counts.refused, 0);
        forwarder_free(&bench.forwarder);
    }
}

/* Goal: an event that the sink can never take holds its key and counts as
 * refused; the other keys go on, and the cursor stops before it. */
static void test_what_cannot_be_sent_holds_its_key(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 3, 0, 1, (struct forwarder_limits){10, 1 << 20});
    for (uint64_t seq = 0; seq < 6; seq++) {
        struct forwarder_record record = {
            .seq = seq, .key = seq % 2, .size = 1, .sendable = seq != 2};
        assert_int_equal(forwarder_push(&bench.forwarder, &record), ERR_OK);
    }
    for (int i = 0; i < 3; i++) {
        bench.model.count = 6;
        if (take_count(&bench) > 0) {
            confirm_all(&bench);
        }
    }
    assert_int_equal(bench.forwarder.window.base, 2);
    assert_int_equal(bench.forwarder.counts.sent, 4);
    assert_int_equal(bench.forwarder.counts.refused, 1);
    assert_int_equal(forwarder_due_us(&bench.forwarder, bench.now_us),
                     INT64_MAX);
    forwarder_free(&bench.forwarder);
}

/* --- several in flight -------------------------------------------------- */

/* Goal: a key that is in flight is in no other request, and batches are bounded
 * in number. */
static void test_no_key_is_in_two_batches(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 1, 100, 50, (struct forwarder_limits){2, 1 << 20});
    push_all(&bench);
    bool seen[50] = {false};
    for (uint32_t i = 0; i < FORWARDER_IN_FLIGHT_MAX; i++) {
        assert_int_equal(take_count(&bench), 2);
        for (uint32_t j = 0; j < 2; j++) {
            uint64_t key = key_of(&bench.model, bench.batch->entries[j].seq);
            assert_false(seen[key]);
            seen[key] = true;
        }
    }
    const struct forwarder_batch *batch;
    assert_int_equal(forwarder_take(&bench.forwarder, bench.now_us, &batch),
                     ERR_AGAIN);
    confirm_all(&bench);
    assert_int_equal(take_count(&bench), 2);
    forwarder_free(&bench.forwarder);

    bench_begin(&bench, 1, 100, 3, (struct forwarder_limits){2, 1 << 20});
    push_all(&bench);
    assert_int_equal(take_count(&bench), 2);
    assert_int_equal(take_count(&bench), 1);
    assert_int_equal(take_count(&bench), 0);
    assert_false(forwarder_ready(&bench.forwarder, bench.now_us));
    forwarder_free(&bench.forwarder);
}

/* Goal: answers may come in any order; the cursor waits for the lowest that is
 * not confirmed, and nothing is drained before the last one. */
static void test_answers_in_any_order(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 1, 6, 6, (struct forwarder_limits){2, 1 << 20});
    struct forwarder *forwarder = &bench.forwarder;
    push_all(&bench);
    const struct forwarder_batch *batches[3];
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(take_count(&bench), 2);
        batches[i] = bench.batch;
    }
    const enum forwarder_outcome all[2] = {ENTRY_CONFIRMED, ENTRY_CONFIRMED};
    forwarder_answer(forwarder, batches[2], 1, CALL_ANSWERED, all);
    assert_int_equal(forwarder->window.base, 0);
    forwarder_answer(forwarder, batches[0], 1, CALL_ANSWERED, all);
    assert_int_equal(forwarder->window.base, 2);
    const enum forwarder_outcome part[2] = {ENTRY_CONFIRMED, ENTRY_REFUSED};
    assert_false(forwarder_is_drained(forwarder));
    forwarder_answer(forwarder, batches[1], 1, CALL_ANSWERED, part);
    assert_int_equal(forwarder->window.base, 3);
    assert_int_equal(forwarder->window.count, 3);
    assert_true(forwarder_is_drained(forwarder));
    forwarder_free(forwarder);
}

/* Random numbers that are always the largest: each wait is as long as it may
 * be. */
static void fill_ones(void *self, void *buf, size_t len) {
    (void)self;
    memset(buf, 0xff, len);
}

/* Goal: requests that were under way together and fail together count as one
 * failure; the wait does not grow by their number. */
static void test_failures_at_once_are_one(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 1, 8, 8, (struct forwarder_limits){2, 1 << 20});
    bench.entropy.fill = fill_ones;
    push_all(&bench);
    for (int64_t step_us = 50000; step_us <= 200000; step_us *= 2) {
        const struct forwarder_batch *batches[4];
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(take_count(&bench), 2);
            batches[i] = bench.batch;
        }
        for (uint32_t i = 0; i < 4; i++) {
            forwarder_answer(&bench.forwarder, batches[i], bench.now_us,
                             CALL_OFFLINE, NULL);
        }
        int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
        assert_int_equal(due_us - bench.now_us, step_us);
        bench.now_us = due_us;
    }
    forwarder_free(&bench.forwarder);
}

/* Goal: the first wait is the base and each further one twice as long, up to
 * the cap; one success and it begins anew. */
static void test_back_off_goes_step_by_step(void **state) {
    (void)state;
    static const struct {
        enum forwarder_call call;
        enum forwarder_outcome outcome; /* with CALL_ANSWERED */
        int64_t base_us, cap_us;
    } cases[] = {
        {CALL_OFFLINE, ENTRY_FAILED, 50000, 5000000},
        {CALL_UNREACHED, ENTRY_FAILED, 50000, 1000000},
        {CALL_FAILED, ENTRY_FAILED, 50000, 20000000},
        {CALL_THROTTLED, ENTRY_FAILED, 1000000, 20000000},
        {CALL_ANSWERED, ENTRY_THROTTLED, 1000000, 20000000},
    };
    static struct bench bench;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_begin(&bench, 1, 2, 1, (struct forwarder_limits){1, 1 << 20});
        bench.entropy.fill = fill_ones;
        push_all(&bench);
        int64_t step_us = cases[i].base_us;
        for (uint32_t n = 0; n < 12; n++) {
            assert_int_equal(take_count(&bench), 1);
            forwarder_answer(&bench.forwarder, bench.batch, bench.now_us,
                             cases[i].call, &cases[i].outcome);
            int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
            assert_int_equal(due_us - bench.now_us, step_us);
            bench.now_us = due_us;
            int64_t twice_us = step_us * 2;
            step_us = twice_us < cases[i].cap_us ? twice_us : cases[i].cap_us;
        }
        assert_int_equal(take_count(&bench), 1);
        confirm_all(&bench);
        assert_int_equal(take_count(&bench), 1);
        assert_int_equal(bench.batch->entries[0].seq, 1);
        forwarder_answer(&bench.forwarder, bench.batch, bench.now_us,
                         cases[i].call, &cases[i].outcome);
        assert_int_equal(forwarder_due_us(&bench.forwarder, bench.now_us),
                         bench.now_us + cases[i].base_us);
        forwarder_free(&bench.forwarder);
    }
}

/* Goal: an entry that failed by itself waits alone, step by step. */
static void test_an_entry_backs_off_alone(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 1, 2, 2, (struct forwarder_limits){2, 1 << 20});
    bench.entropy.fill = fill_ones;
    push_all(&bench);
    static const enum forwarder_outcome half[2] = {ENTRY_FAILED,
                                                   ENTRY_CONFIRMED};
    for (int64_t step_us = 50000; step_us <= 400000; step_us *= 2) {
        assert_true(take_count(&bench) > 0);
        assert_int_equal(bench.batch->entries[0].seq, 0);
        forwarder_answer(&bench.forwarder, bench.batch, bench.now_us,
                         CALL_ANSWERED, half);
        int64_t due_us = forwarder_due_us(&bench.forwarder, bench.now_us);
        assert_int_equal(due_us - bench.now_us, step_us);
        assert_int_equal(bench.forwarder.hold_until_us, 0);
        bench.now_us = due_us;
    }
    forwarder_free(&bench.forwarder);
}

enum { FLIGHT_MAX = 8 };

/* Requests in flight, answered in an order of chance. */
struct flight {
    const struct forwarder_batch *batches[FLIGHT_MAX];
    uint32_t count;
};

static void check_flight(const struct bench *bench,
                         const struct flight *flight) {
    bool seen[300] = {false};
    uint64_t all = 0;
    for (uint32_t i = 0; i < flight->count; i++) {
        uint64_t lanes = 0;
        for (uint32_t j = 0; j < flight->batches[i]->count; j++) {
            uint64_t seq = flight->batches[i]->entries[j].seq;
            assert_true(seq >= bench->forwarder.window.base);
            assert_false(seen[key_of(&bench->model, seq)]);
            seen[key_of(&bench->model, seq)] = true;
            lanes |= lane_bit(lane_at(bench, seq));
        }
        assert_int_equal(all & lanes, 0); /* one request of a lane */
        all |= lanes;
    }
}

static const struct forwarder_batch *land_any(struct bench *bench,
                                              struct flight *flight) {
    uint32_t i = dice_below(&bench->dice, flight->count);
    const struct forwarder_batch *batch = flight->batches[i];
    flight->batches[i] = flight->batches[--flight->count];
    return batch;
}

static bool take_off(struct bench *bench, struct flight *flight) {
    if (flight->count == FLIGHT_MAX || take_count(bench) == 0) {
        return false;
    }
    check_batch(bench, bench->batch);
    flight->batches[flight->count++] = bench->batch;
    check_flight(bench, flight);
    return true;
}

static void live_with_many_in_flight(struct bench *bench, uint32_t count_max) {
    struct flight flight = {.count = 0};
    for (uint64_t steps = 0; bench->forwarder.window.base < bench->model.count;
         steps++) {
        assert_true(steps < 1000 * 1000);
        for (uint32_t i = dice_below(&bench->dice, 200);
             i > 0 && push_next(bench) == ERR_OK; i--) {
        }
        if (dice_below(&bench->dice, 2) && take_off(bench, &flight)) {
            continue;
        }
        if (flight.count > 0) {
            random_request(bench, land_any(bench, &flight), count_max);
            check_cursor(bench);
            continue;
        }
        int64_t due_us = forwarder_due_us(&bench->forwarder, bench->now_us);
        bench->now_us = due_us < INT64_MAX ? due_us : bench->now_us;
    }
    assert_int_equal(flight.count, 0);
}

/* Goal: with several requests in flight, answered in any order, failing in any
 * way, all arrive, in order per key, and the cursor never runs ahead. */
static void test_a_life_with_many_in_flight(void **state) {
    (void)state;
    static struct bench bench;
    for (uint64_t seed = 20261128; seed < 20261128 + LIVES; seed++) {
        struct dice dice = {seed};
        struct forwarder_limits limits = {
            1 + dice_below(&dice, 60), RECORD_MAX + dice_below(&dice, 1 << 20)};
        uint32_t keys = 1 + dice_below(&dice, 300);
        bench_begin(&bench, seed, 200 + dice_below(&dice, 1300), keys, limits);
        bench.bytes_max = 1 + dice_below(&dice, RECORD_MAX - 1);
        forwarder_set_lanes(&bench.forwarder, 1 + dice_below(&dice, LANES_MAX));
        live_with_many_in_flight(&bench,
                                 1 + dice_below(&dice, limits.entries_max));
        assert_int_equal(bench.model.violations, 0);
        assert_int_equal(bench.model.taken_count, bench.model.count);
        assert_int_equal(bench.forwarder.counts.sent, bench.model.count);
        assert_int_equal(bench.forwarder.counts.refused, 0);
        assert_int_equal(bench.forwarder.in_flight, 0);
        forwarder_free(&bench.forwarder);
    }
}

static bool is_poison(uint64_t seq) {
    return seq % 100 == 13;
}

/* Answers as a service that refuses a call whole for one bad entry. */
static void answer_poisoned(struct bench *bench,
                            const struct forwarder_batch *batch) {
    enum forwarder_outcome outcomes[FORWARDER_BATCH_MAX] = {ENTRY_CONFIRMED};
    for (uint32_t i = 0; i < batch->count; i++) {
        if (is_poison(batch->entries[i].seq)) {
            forwarder_answer(&bench->forwarder, batch, bench->now_us,
                             CALL_INVALID, NULL);
            return;
        }
    }
    answer_entries(bench, batch, outcomes);
}

/* Goal: an entry that fails its whole request is halved down to itself, however
 * large the requests that succeed beside it are. */
static void test_a_bad_entry_is_found_beside_successes(void **state) {
    (void)state;
    static struct bench bench;
    bench_begin(&bench, 1, 200, 200, (struct forwarder_limits){8, 1 << 20});
    push_all(&bench);
    for (uint32_t most = 8; most >= 1; most /= 2) {
        assert_int_equal(take_count(&bench), most);
        const struct forwarder_batch *bad = bench.batch;
        assert_int_equal(bad->entries[0].seq, 0);
        assert_true(take_count(&bench) > 0);
        forwarder_answer(&bench.forwarder, bad, bench.now_us, CALL_INVALID,
                         NULL);
        confirm_all(&bench);
    }
    assert_int_equal(bench.forwarder.window.base, 0);
    assert_int_equal(bench.forwarder.counts.refused, 1);
    forwarder_free(&bench.forwarder);
}

/* Goal: several bad entries, each of which fails its whole request, end up
 * alone and held while other requests succeed around them; nothing else is. */
static void test_bad_entries_are_found_among_many(void **state) {
    (void)state;
    static struct bench bench;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        bench_begin(&bench, seed, 400, 300,
                    (struct forwarder_limits){10, 1 << 20});
        struct flight flight = {.count = 0};
        uint32_t requests = 0;
        push_all(&bench);
        while (bench.model.taken_count < 396) {
            assert_true(requests < 400);
            if (dice_below(&bench.dice, 3) > 0 && take_off(&bench, &flight)) {
                requests++;
            } else if (flight.count > 0) {
                answer_poisoned(&bench, land_any(&bench, &flight));
            } else {
                int64_t due_us =
                    forwarder_due_us(&bench.forwarder, bench.now_us);
                assert_true(due_us < FORWARDER_REFUSED_US * 10);
                bench.now_us = due_us;
            }
        }
        assert_int_equal(bench.forwarder.window.base, 13);
        assert_int_equal(bench.model.violations, 0);
        forwarder_free(&bench.forwarder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_key_is_in_two_batches),
        cmocka_unit_test(test_answers_in_any_order),
        cmocka_unit_test(test_failures_at_once_are_one),
        cmocka_unit_test(test_back_off_goes_step_by_step),
        cmocka_unit_test(test_an_entry_backs_off_alone),
        cmocka_unit_test(test_a_life_with_many_in_flight),
        cmocka_unit_test(test_a_bad_entry_is_found_beside_successes),
        cmocka_unit_test(test_bad_entries_are_found_among_many),
        cmocka_unit_test(test_every_subset_may_fail),
        cmocka_unit_test(test_a_long_and_unlucky_life),
        cmocka_unit_test(test_the_window_is_bounded),
        cmocka_unit_test(test_limits_are_exact),
        cmocka_unit_test(test_gaps_are_passed_over),
        cmocka_unit_test(test_behind_a_held_one),
        cmocka_unit_test(test_pausing),
        cmocka_unit_test(test_failures_are_waited_out),
        cmocka_unit_test(test_back_off_is_capped),
        cmocka_unit_test(test_one_bad_entry_is_found),
        cmocka_unit_test(test_what_cannot_be_sent_holds_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
