/* SPDX-License-Identifier: Apache-2.0 */
/* Letters that are sent again, over a network of the test's own: in order, one
 * of a key at a time, and what comes of each is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/dead_retry.h"
#include "gateway/event/event.h"
#include "tests/unit/bridge/dice.h"
#include "tests/unit/bridge/fake_network.h"

#define SECOND_US ((int64_t)1000 * 1000)

enum { RESULTS_MAX = 64 };

struct result {
    uint64_t id;
    uint32_t tries;
    bool taken;
    char code[64];
};

struct bench {
    struct dice dice;
    struct platform platform;
    struct credentials credentials;
    struct config config;
    struct sender_context context;
    struct fake_network network;
    struct dead_retry *retry;
    struct dead_page page;
    int64_t mono_us;
    struct result results[RESULTS_MAX];
    uint32_t count;
    uint32_t turns;
    int64_t offset_us;
    uint32_t refused;
};

static int64_t read_wall(void *self) {
    const struct bench *bench = self;
    return 1795432440000000 + bench->mono_us;
}

static int64_t read_mono(void *self) {
    const struct bench *bench = self;
    return bench->mono_us;
}

static void on_result(void *self, uint64_t id, uint32_t tries, const char *code,
                      const char *words) {
    struct bench *bench = self;
    assert_true(bench->count < RESULTS_MAX);
    assert_non_null(words);
    struct result *result = &bench->results[bench->count++];
    *result = (struct result){.id = id, .tries = tries, .taken = code == NULL};
    snprintf(result->code, sizeof result->code, "%s", code == NULL ? "" : code);
}

static void on_turn(void *self) {
    struct bench *bench = self;
    bench->turns++;
}

static void on_clock(void *self, int64_t offset_us) {
    struct bench *bench = self;
    bench->offset_us = offset_us;
}

static void on_refused(void *self, const struct exchange_result *result) {
    struct bench *bench = self;
    assert_int_equal(result->signed_serial, 7);
    bench->refused++;
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->dice = (struct dice){7};
    bench->mono_us = 3600 * SECOND_US;
    bench->platform.clock = (struct clock){bench, read_wall, read_mono};
    bench->platform.entropy = dice_entropy(&bench->dice);
    strcpy(bench->credentials.access_key, "AKID");
    strcpy(bench->credentials.secret_key, "secret");
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.cloud.region, "eu-central-1");
    strcpy(bench->config.cloud.source_prefix, "com.shopme");
    strcpy(bench->config.cloud.endpoint, "https://localhost:1");
    strcpy(bench->config.streams[0].name, "orders");
    strcpy(bench->config.streams[0].sink_name, "bus");
    bench->config.streams[0].sink = CONFIG_SINK_EVENTBRIDGE;
    fake_network_init(&bench->network);
    bench->context = (struct sender_context){
        .platform = &bench->platform,
        .config = &bench->config,
        .credentials = &bench->credentials,
        .connector = fake_network_connector(&bench->network),
        .clock_learned = on_clock,
        .credentials_refused = on_refused,
        .self = bench,
    };
    bench->credentials.serial = 7;
    const struct dead_retry_options options = {
        .context = &bench->context,
        .stream = &bench->config.streams[0],
        .result = on_result,
        .turn = on_turn,
        .self = bench,
    };
    struct reason reason = {""};
    assert_int_equal(dead_retry_new(&options, &bench->retry, &reason), ERR_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    dead_retry_free(bench->retry);
    dead_page_free(&bench->page);
    fake_network_free(&bench->network);
    free(bench);
    return 0;
}

/* Letter `id` of event `seq`, of this key. */
static bool add(struct bench *bench, uint64_t id, uint64_t seq, const char *key,
                size_t padding) {
    static char data[EVENT_BYTES_MAX];
    static uint8_t bytes[EVENT_BYTES_MAX + 4096];
    size_t len = (size_t)snprintf(data, sizeof data, "{\"fill\":\"");
    memset(data + len, 'x', padding);
    memcpy(data + len + padding, "\"}", 2);
    const struct event event = {
        .id = SLICE("e1"),
        .source = SLICE("/store-7/till"),
        .type = SLICE("ReadingTaken"),
        .subject = slice_from_str(key),
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_of((const uint8_t *)data, len + padding + 2),
    };
    struct writer writer = writer_over(bytes, sizeof bytes);
    event_store(&event, &writer);
    assert_false(writer.full);
    const struct dead_record record = {
        .kind = DEAD_LETTER,
        .seq = seq,
        .wall_us = 1795432440000000,
        .event = writer_slice(&writer),
    };
    bool added;
    assert_int_equal(dead_page_add(&bench->page, id, 1, &record, &added),
                     ERR_OK);
    return added;
}

static void work(struct bench *bench) {
    dead_retry_work(bench->retry, 0);
}

static void give(struct bench *bench) {
    assert_true(dead_retry_is_idle(bench->retry));
    dead_retry_give(bench->retry, &bench->page);
    work(bench);
}

static void assert_sent(const struct bench *bench, uint32_t count,
                        const uint64_t *seqs) {
    assert_true(bench->network.in_flight);
    assert_int_equal(bench->network.seq_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(bench->network.seqs[i], seqs[i]);
    }
}

static void assert_result(const struct bench *bench, uint32_t n, uint64_t id,
                          bool taken) {
    assert_true(n < bench->count);
    assert_int_equal(bench->results[n].id, id);
    assert_int_equal(bench->results[n].taken, taken);
}

/* Goal: the first of each key goes, in the order of letters, and the next of a
 * key when that is answered. */
static void test_one_of_a_key(void **state) {
    struct bench *bench = *state;
    add(bench, 10, 5, "a", 1);
    add(bench, 11, 7, "a", 1);
    add(bench, 12, 6, "b", 1);
    give(bench);
    assert_sent(bench, 2, (const uint64_t[]){5, 6});
    work(bench); /* nothing more while that is in flight */
    assert_int_equal(bench->network.requests, 1);
    fake_network_take(&bench->network);
    assert_int_equal(bench->count, 2);
    assert_int_equal(bench->turns, 1);
    work(bench);
    assert_sent(bench, 1, (const uint64_t[]){7});
    fake_network_take(&bench->network);
    assert_true(dead_retry_is_idle(bench->retry));
    assert_result(bench, 0, 10, true);
    assert_result(bench, 1, 12, true);
    assert_result(bench, 2, 11, true);
    assert_int_equal(bench->results[2].tries, 2);
    assert_int_equal(dead_retry_due_us(bench->retry), INT64_MAX);
}

/* Goal: one that is refused again is told so, and the next of its key goes. */
static void test_refused_again(void **state) {
    struct bench *bench = *state;
    add(bench, 10, 5, "a", 1);
    add(bench, 11, 7, "a", 1);
    give(bench);
    fake_network_take_but(&bench->network, 0, "MalformedDetail");
    assert_int_equal(bench->count, 1);
    assert_result(bench, 0, 10, false);
    assert_string_equal(bench->results[0].code, "MalformedDetail");
    work(bench);
    assert_sent(bench, 1, (const uint64_t[]){7});
    fake_network_take(&bench->network);
    assert_result(bench, 1, 11, true);
}

/* Goal: what fails for now is tried again later, with no result. */
static void test_fails_for_now(void **state) {
    struct bench *bench = *state;
    add(bench, 10, 5, "a", 1);
    give(bench);
    fake_network_fail(&bench->network, "the line is down");
    assert_int_equal(bench->count, 0);
    work(bench);
    assert_false(bench->network.in_flight); /* not at once */
    int64_t due_us = dead_retry_due_us(bench->retry);
    assert_true(due_us > bench->mono_us);
    assert_true(due_us < bench->mono_us + 3600 * SECOND_US);
    bench->mono_us = due_us;
    work(bench);
    assert_sent(bench, 1, (const uint64_t[]){5});
    fake_network_take_but(&bench->network, 0, "ThrottlingException");
    assert_int_equal(bench->count, 0);
    bench->mono_us = dead_retry_due_us(bench->retry);
    work(bench);
    fake_network_take(&bench->network);
    assert_int_equal(bench->count, 1);
    assert_int_equal(bench->results[0].tries, 4);
}

/* Goal: what an answer says of the clock and of the credentials is told on: a
 * box whose clock is wrong would be refused for ever. */
static void test_what_an_answer_says_of_the_box(void **state) {
    struct bench *bench = *state;
    add(bench, 10, 5, "a", 1);
    give(bench);
    bench->network.date = "Wed, 25 Nov 2026 10:14:00 GMT"; /* 4 h on */
    fake_network_answer(&bench->network, 403,
                        "{\"__type\":\"InvalidSignatureException\","
                        "\"message\":\"Signature expired\"}");
    assert_int_equal(bench->count, 0);
    assert_true(bench->offset_us != 0);
    assert_int_equal(bench->refused, 1);
    assert_true(dead_retry_due_us(bench->retry) > bench->mono_us);
}

/* Goal: a call that is refused for one letter is halved until that is alone;
 * all others are taken. */
static void test_a_call_is_halved(void **state) {
    struct bench *bench = *state;
    char key[16];
    for (uint64_t i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "k%u", (unsigned)i);
        add(bench, 10 + i, i, key, 1);
    }
    give(bench);
    for (int n = 0; n < 40 && !dead_retry_is_idle(bench->retry); n++) {
        bool poison = false;
        for (uint32_t i = 0; i < bench->network.seq_count; i++) {
            poison = poison || bench->network.seqs[i] == 5;
        }
        if (poison) {
            fake_network_answer(&bench->network, 400,
                                "{\"__type\":\"ValidationException\","
                                "\"message\":\"no\"}");
        } else {
            fake_network_take(&bench->network);
        }
        work(bench);
    }
    assert_true(dead_retry_is_idle(bench->retry));
    assert_int_equal(bench->count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        const struct result *result = &bench->results[i];
        assert_int_equal(result->taken, result->id != 15);
    }
}

/* Goal: a letter that the sink cannot take is told so without a request. */
static void test_unsendable(void **state) {
    struct bench *bench = *state;
    assert_true(add(bench, 10, 5, "a", 600 * 1024));
    give(bench);
    assert_int_equal(bench->network.requests, 0);
    assert_int_equal(bench->count, 1);
    assert_result(bench, 0, 10, false);
    assert_true(dead_retry_is_idle(bench->retry));
}

/* Goal: a page ends at its count and at its bytes, but takes one of any size.
 */
static void test_page(void **state) {
    struct bench *bench = *state;
    for (uint64_t i = 0; i < DEAD_PAGE_LETTERS; i++) {
        assert_true(add(bench, i, i, "a", 1));
    }
    assert_false(add(bench, 100, 100, "a", 1));
    dead_page_free(&bench->page);
    assert_true(add(bench, 0, 0, "a", EVENT_BYTES_MAX - 4096));
    assert_false(add(bench, 1, 1, "a", 8192));
}

/* Goal: it may end with a request in flight, and nothing is told. */
static void test_ends_in_flight(void **state) {
    struct bench *bench = *state;
    add(bench, 10, 5, "a", 1);
    give(bench);
    assert_true(dead_retry_is_busy(bench->retry));
    dead_retry_free(bench->retry);
    bench->retry = NULL;
    assert_int_equal(bench->count, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_of_a_key),
        TEST(test_refused_again),
        TEST(test_fails_for_now),
        TEST(test_a_call_is_halved),
        TEST(test_unsendable),
        TEST(test_page),
        TEST(test_what_an_answer_says_of_the_box),
        TEST(test_ends_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
