/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the shop's stream takes an event once. 100,000 deliveries of one
 * scanner, sent twice in order by a device that hears no receipt, are all in
 * stock once; 20,000 names that nobody knows lock no till out. And the windows
 * that say so are the same live, after a restart, and after a replay of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

enum {
    EVENTS = 100000,
    NAMES = 20000,
    BATCH = 200,
    STEP_US = 1000,
    WINDOW = 4096, /* ids of one device, as docs/events.md says */
};

static void say(struct fixture *f, const char *device, uint64_t number,
                int64_t time_us, const char *type, const char *data) {
    char payload[512];
    char time[EVENT_TIME_SIZE];
    event_time_format(time_us, time);
    snprintf(payload, sizeof payload,
             "{\"specversion\":\"1.0\",\"id\":\"e-%llu\",\"source\":\"/s/%s\","
             "\"type\":\"%s\",\"time\":\"%s\",\"data\":%s}",
             (unsigned long long)number, device, type, time, data);
    (void)fixture_take_payload(f, device, payload);
}

/* As often as a batch is full; what was answered is of no interest then. */
static void commit_each(struct fixture *f, uint64_t number) {
    for (bool due = number % BATCH == BATCH - 1;
         due || stream_is_full(f->stream); due = false) {
        fixture_commit(f);
        f->seen.accepted_count = 0;
        f->seen.rejected_count = 0;
        f->seen.notice_count = 0;
    }
}

static void deliver_all(struct fixture *f, int64_t began_us) {
    for (uint64_t i = 0; i < EVENTS; i++) {
        f->wall_us += STEP_US;
        f->mono_us += STEP_US;
        say(f, "scanner-1", i, began_us + (int64_t)i * STEP_US, "StockReceived",
            "{\"items\":[{\"sku\":\"mug\",\"quantity\":1}]}");
        commit_each(f, i);
    }
}

static void open_shop(struct fixture *f) {
    f->settings->shop = true;
    f->settings->capacity = (uint64_t)1024 * 1024 * 1024;
    f->settings->segment_bytes = 16 * 1024 * 1024;
    fixture_open(f);
}

/* Restarts it, with its snapshots and without any. */
static void check_windows(struct fixture *f) {
    uint64_t ids = stream_ids_hash(f->stream);
    uint64_t shop = fixture_hash(f);
    assert_true(fixture_replayed_ids_hash(f) == ids);
    fixture_close(f);
    fixture_open(f);
    assert_true(stream_ids_hash(f->stream) == ids);
    assert_true(fixture_hash(f) == shop);
}

static void test_sent_twice_in_order(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    int64_t began_us = f->wall_us;
    deliver_all(f, began_us);
    uint64_t end = fixture_end(f);
    /* ConfigChanged is the first; StockChanged follows from each. */
    assert_int_equal(end, 1 + 2 * EVENTS);
    assert_int_equal(stream_counts(f->stream).accepted, EVENTS);
    uint64_t shop = fixture_hash(f);
    deliver_all(f, began_us);
    struct stream_counts counts = stream_counts(f->stream);
    print_message("%llu duplicates, %llu too old\n",
                  (unsigned long long)counts.duplicates,
                  (unsigned long long)counts.rejected);
    assert_int_equal(counts.accepted, EVENTS);
    assert_int_equal(counts.duplicates, WINDOW);
    assert_int_equal(counts.rejected, EVENTS - WINDOW);
    assert_int_equal(counts.too_old, EVENTS - WINDOW);
    assert_true(fixture_hash(f) == shop); /* nothing in stock twice */
    check_windows(f);
}

/* Of those who were there, and of one who comes in the middle of it. */
static void sells(struct fixture *f, const char *till, uint64_t number) {
    char data[160];
    uint64_t accepted = stream_counts(f->stream).accepted;
    snprintf(data, sizeof data,
             "{\"orderId\":\"%s-%llu\",\"customerId\":\"c\",\"items\":[\"a\"],"
             "\"total\":\"1\",\"paymentDetails\":{\"paymentMethod\":\"CASH\"}}",
             till, (unsigned long long)number);
    for (int twice = 0; twice < 2; twice++) {
        say(f, till, number, f->wall_us, "OrderPlaced", data);
    }
    assert_int_equal(stream_counts(f->stream).accepted, accepted + 1);
}

static void test_invented_names(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    sells(f, "till-1", 0);
    sells(f, "till-1", 1);
    fixture_commit(f);
    for (uint64_t i = 0; i < NAMES; i++) {
        char device[32];
        f->wall_us += STEP_US;
        snprintf(device, sizeof device, "nobody-%llu", (unsigned long long)i);
        say(f, device, 0, f->wall_us, "OrderCancelRequested",
            "{\"orderId\":\"x\"}");
        commit_each(f, i);
    }
    assert_int_equal(stream_counts(f->stream).rejected, 0);
    uint64_t duplicates = stream_counts(f->stream).duplicates;
    for (uint64_t i = 2; i < 20; i++) {
        sells(f, "till-1", i);
        sells(f, "till-2", i);
    }
    assert_int_equal(stream_counts(f->stream).duplicates, duplicates + 36);
    fixture_commit(f);
    check_windows(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sent_twice_in_order),
        FIXTURE_TEST(test_invented_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
