/* SPDX-License-Identifier: Apache-2.0 */
/* What a few bad entries, or a bad line, cost all the others: requests and
 * time, counted. The service is eight connections wide and answers in 20 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/forwarder.h"
#include "tests/unit/bridge/dice.h"

enum {
    EVENTS = 3600,
    KEYS = 1000,
    WIDE = 8,
    EVENT_SIZE = 500,
};

#define TRIP_US ((int64_t)20 * 1000)

struct bench {
    struct dice dice;
    struct entropy entropy;
    struct forwarder forwarder;
    int64_t now_us;
    uint64_t taken;
    uint64_t last[KEYS]; /* of each key, plus one */
    uint64_t requests;
    const uint64_t *poisons;
    uint32_t poison_count;
    uint64_t bytes_most;      /* of a request that the line carries */
    enum forwarder_call late; /* what becomes of a larger one */
};

static bool is_poison(const struct bench *bench, uint64_t seq) {
    for (uint32_t i = 0; i < bench->poison_count; i++) {
        if (bench->poisons[i] == seq) {
            return true;
        }
    }
    return false;
}

static void begin(struct bench *bench, struct forwarder_limits limits) {
    *bench = (struct bench){
        .dice = {20261129}, .now_us = 1, .bytes_most = UINT64_MAX};
    bench->entropy = dice_entropy(&bench->dice);
    forwarder_init(&bench->forwarder, &limits, &bench->entropy, 0);
}

static void push_all(struct bench *bench) {
    err_t err = ERR_OK;
    while (err == ERR_OK && forwarder_next_seq(&bench->forwarder) < EVENTS) {
        uint64_t seq = forwarder_next_seq(&bench->forwarder);
        struct forwarder_record record = {.seq = seq,
                                          .key = seq % KEYS,
                                          .size = EVENT_SIZE,
                                          .sendable = true};
        err = forwarder_push(&bench->forwarder, &record);
    }
}

/* The receiver takes it: in order per key, but for what it had before. */
static void take(struct bench *bench, uint64_t seq) {
    uint64_t *last = &bench->last[seq % KEYS];
    assert_true(*last <= seq + 1);
    if (*last < seq + 1) {
        assert_true(*last == 0 ? seq < KEYS : *last - 1 + KEYS == seq);
        *last = seq + 1;
        bench->taken++;
    }
}

static void answer(struct bench *bench, const struct forwarder_batch *batch) {
    enum forwarder_outcome outcomes[FORWARDER_BATCH_MAX] = {ENTRY_CONFIRMED};
    enum forwarder_call call = CALL_ANSWERED;
    for (uint32_t i = 0; i < batch->count; i++) {
        call = is_poison(bench, batch->entries[i].seq) ? CALL_INVALID : call;
    }
    if (batch->bytes > bench->bytes_most) {
        call = bench->late;
    }
    for (uint32_t i = 0; i < batch->count && call == CALL_ANSWERED; i++) {
        take(bench, batch->entries[i].seq);
    }
    forwarder_answer(&bench->forwarder, batch, bench->now_us, call, outcomes);
}

/* Eight requests at a time, until nothing is left to send but what is held.
 * Returns how long that took. */
static int64_t run(struct bench *bench, uint64_t wanted) {
    int64_t began_us = bench->now_us;
    while (bench->taken < wanted) {
        assert_true(bench->requests < 100 * 1000);
        push_all(bench);
        const struct forwarder_batch *batches[WIDE];
        uint32_t count = 0;
        while (count < WIDE && forwarder_take(&bench->forwarder, bench->now_us,
                                              &batches[count]) == ERR_OK) {
            count++;
        }
        bench->requests += count;
        if (count == 0) {
            int64_t due_us = forwarder_due_us(&bench->forwarder, bench->now_us);
            assert_true(due_us > bench->now_us && due_us < INT64_MAX);
            bench->now_us = due_us;
            continue;
        }
        bench->now_us += TRIP_US;
        for (uint32_t i = 0; i < count; i++) {
            answer(bench, batches[i]);
        }
    }
    return bench->now_us - began_us;
}

static const uint64_t POISONS[] = {7, 1203, 1204, 2500, 3111};

/* Goal: five events that EventBridge refuses whole requests for, among 3,600,
 * keep nobody back but what follows in their keys: nine requests each at most,
 * and hardly any time. (They kept all back for 180 seconds.) */
static void test_five_poisons_among_many(void **state) {
    (void)state;
    static struct bench bench;
    struct forwarder_limits limits = {10, 256 * 1024};
    begin(&bench, limits);
    int64_t clean_us = run(&bench, EVENTS);
    uint64_t clean = bench.requests;
    /* The last of a lane may go in a request that is not full. */
    assert_true(clean >= EVENTS / 10 && clean <= EVENTS / 10 + 2);
    forwarder_free(&bench.forwarder);

    begin(&bench, limits);
    bench.poisons = POISONS;
    bench.poison_count = 5;
    uint64_t behind = 0; /* of the same keys */
    for (uint32_t i = 0; i < 5; i++) {
        behind += (EVENTS - 1 - POISONS[i]) / KEYS;
    }
    int64_t poisoned_us = run(&bench, EVENTS - 5 - behind);
    print_message("requests %llu -> %llu, ms %lld -> %lld\n",
                  (unsigned long long)clean, (unsigned long long)bench.requests,
                  (long long)clean_us / 1000, (long long)poisoned_us / 1000);
    assert_true(bench.requests <= clean + (uint64_t)5 * 9);
    assert_true(poisoned_us < clean_us * 3 / 2);
    assert_int_equal(bench.forwarder.counts.refused, 5);
    forwarder_free(&bench.forwarder);
}

/* Goal: with letters settled as dead, what follows in their keys arrives too.
 */
static void test_poisons_are_settled(void **state) {
    (void)state;
    static struct bench bench;
    begin(&bench, (struct forwarder_limits){10, 256 * 1024});
    bench.forwarder.letters = true;
    bench.poisons = POISONS;
    bench.poison_count = 5;
    uint64_t dead = 0;
    int64_t began_us = bench.now_us;
    while (bench.forwarder.window.base < EVENTS) {
        assert_true(bench.requests++ < 2000);
        push_all(&bench);
        const struct forwarder_batch *batch;
        if (forwarder_take(&bench.forwarder, bench.now_us, &batch) == ERR_OK) {
            bench.now_us += TRIP_US;
            answer(&bench, batch);
        }
        for (uint32_t i = 0; i < 5; i++) {
            struct forwarder_entry entry;
            uint32_t tries;
            if (forwarder_final(&bench.forwarder, POISONS[i], &entry, &tries)) {
                bench.last[POISONS[i] % KEYS] = POISONS[i] + 1;
                forwarder_settle(&bench.forwarder, POISONS[i], SETTLE_DEAD,
                                 bench.now_us);
                dead++;
            }
        }
    }
    assert_int_equal(dead, 5);
    assert_int_equal(bench.taken, EVENTS - 5);
    assert_int_equal(bench.forwarder.counts.refused, 0);
    assert_true(bench.now_us - began_us < (EVENTS / 10 + 50) * TRIP_US);
    forwarder_free(&bench.forwarder);
}

/* Goal: a service that refuses every single entry is not asked at full
 * speed. */
static void test_all_are_refused(void **state) {
    (void)state;
    static struct bench bench;
    begin(&bench, (struct forwarder_limits){10, 256 * 1024});
    bench.bytes_most = 0;
    bench.late = CALL_INVALID;
    push_all(&bench);
    for (int i = 0; i < 1000; i++) {
        const struct forwarder_batch *batch;
        if (forwarder_take(&bench.forwarder, bench.now_us, &batch) == ERR_OK) {
            bench.requests++;
            answer(&bench, batch);
        } else {
            bench.now_us = forwarder_due_us(&bench.forwarder, bench.now_us);
        }
        if (bench.now_us > (int64_t)10 * 60 * 1000 * 1000) {
            break;
        }
    }
    assert_true(bench.requests < 400); /* in ten minutes */
    forwarder_free(&bench.forwarder);
}

/* Goal: through a line that carries no request above 40 KB everything arrives,
 * whatever becomes of larger ones, and few are lost to find that out. */
static void test_a_line_for_small_requests(void **state) {
    (void)state;
    static const enum forwarder_call calls[] = {CALL_OFFLINE, CALL_TOO_LARGE};
    static struct bench bench;
    for (size_t i = 0; i < 2; i++) {
        begin(&bench, (struct forwarder_limits){500, 5 * 1024 * 1024});
        bench.bytes_most = (uint64_t)40 * 1024;
        bench.late = calls[i];
        int64_t us = run(&bench, EVENTS);
        print_message("%llu requests, %lld ms\n",
                      (unsigned long long)bench.requests, (long long)us / 1000);
        assert_true(bench.requests <
                    (uint64_t)5 * EVENTS * EVENT_SIZE / bench.bytes_most);
        assert_true(us < (int64_t)20 * 1000 * 1000);
        forwarder_free(&bench.forwarder);
    }
}

/* Goal: sizes fall by halves, down to a bound, and grow again: fast, then
 * slowly; what was too large is not tried again for ten minutes. */
static void test_sizes(void **state) {
    (void)state;
    struct request_size size;
    request_size_init(&size, 1024 * 1024);
    assert_int_equal(size.now, REQUEST_SIZE_FIRST);
    for (int i = 0; i < 3; i++) { /* the last finds the limit */
        request_size_answered(&size, size.now, 0, 0);
    }
    assert_int_equal(size.now, 1024 * 1024);
    request_size_failed(&size, 800 * 1024);
    assert_int_equal(size.now, 400 * 1024);
    request_size_failed(&size, 800 * 1024); /* was on its way with it */
    assert_int_equal(size.now, 400 * 1024);
    for (int i = 0; i < 30; i++) {
        request_size_failed(&size, size.now);
    }
    assert_int_equal(size.now, REQUEST_SIZE_MIN);
    for (int i = 0; i < 4; i++) {
        request_size_answered(&size, size.now, 0, 0);
    }
    assert_int_equal(size.now, REQUEST_SIZE_SURE);
    request_size_answered(&size, size.now, 0, 0);
    assert_int_equal(size.now, REQUEST_SIZE_SURE + REQUEST_SIZE_SURE / 16 + 1);
    request_size_refused(&size, 60 * 1024, 5);
    for (int i = 0; i < 100; i++) {
        request_size_answered(&size, size.now, 0, 5);
    }
    assert_int_equal(size.now, 60 * 1024 - 1);
    for (int i = 0; i < 100; i++) {
        request_size_answered(&size, size.now, 0, 5 + REQUEST_TOO_LARGE_US);
    }
    assert_int_equal(size.now, 1024 * 1024);
    /* What took the network long: no growth, or a size for one second. */
    request_size_answered(&size, size.now, REQUEST_LATE_US, INT64_MAX);
    assert_int_equal(size.now, 1024 * 1024);
    request_size_answered(&size, size.now, REQUEST_LATE_US * 4, INT64_MAX);
    assert_int_equal(size.now, 1024 * 1024 / 8);
    request_size_answered(&size, 100, 0, INT64_MAX); /* proves nothing */
    assert_int_equal(size.now, 1024 * 1024 / 8);
    assert_true(request_deadline_ms(0) == REQUEST_DEADLINE_MS);
    assert_true(request_deadline_ms(4096) > REQUEST_DEADLINE_MS + 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_poisons_among_many),
        cmocka_unit_test(test_poisons_are_settled),
        cmocka_unit_test(test_all_are_refused),
        cmocka_unit_test(test_a_line_for_small_requests),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
