/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer over a network of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/exchange.h"
#include "tests/unit/bridge/fake_network.h"

#define WALL_US ((int64_t)784111777 * 1000000) /* 06 Nov 1994 08:49:37 */

struct bench {
    struct clock clock;
    struct credentials credentials;
    struct config config;
    struct config_stream stream;
    struct sink_target target;
    struct endpoint where;
    struct fake_network network;
    struct exchange *exchange;
    struct forwarder_entry entries[FORWARDER_BATCH_MAX];
    struct forwarder_batch batch;
    uint8_t stored[1024];
    uint32_t ended;
    struct exchange_result result;
};

static int64_t read_wall(void *self) {
    (void)self;
    return WALL_US;
}

static void on_done(void *context, struct exchange_result *result) {
    struct bench *bench = context;
    assert_false(exchange_is_busy(bench->exchange));
    bench->ended++;
    bench->result = *result;
}

static struct exchange_options options_for(struct bench *bench,
                                           const struct sink *sink) {
    return (struct exchange_options){
        .clock = &bench->clock,
        .credentials = &bench->credentials,
        .sink = sink,
        .target = &bench->target,
        .where = &bench->where,
        .connector = fake_network_connector(&bench->network),
        .done = on_done,
        .context = bench,
    };
}

static void open_exchange(struct bench *bench, const struct sink *sink) {
    struct exchange_options options = options_for(bench, sink);
    assert_int_equal(exchange_new(&options, &bench->exchange), ERR_OK);
}

/* `count` entries of one event. */
static void fill_batch(struct bench *bench, uint32_t count) {
    struct event event = {
        .id = SLICE("e1"),
        .source = SLICE("/store-7/sensor"),
        .type = SLICE("ReadingTaken"),
        .data_kind = EVENT_DATA_JSON,
        .data = SLICE("{}"),
    };
    struct writer writer = writer_over(bench->stored, sizeof bench->stored);
    event_store(&event, &writer);
    assert_false(writer.full);
    bench->batch.count = count;
    for (uint32_t i = 0; i < count; i++) {
        bench->batch.entries[i] = (struct forwarder_entry){
            .seq = i, .wall_us = 1, .bytes = writer_slice(&writer)};
    }
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->batch.entries = bench->entries;
    bench->clock = (struct clock){NULL, read_wall, read_wall};
    strcpy(bench->credentials.access_key, "AKID");
    strcpy(bench->credentials.secret_key, "secret");
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.cloud.region, "eu-central-1");
    strcpy(bench->config.cloud.source_prefix, "com.shopme");
    strcpy(bench->stream.sink_name, "a-bus");
    bench->target = (struct sink_target){.config = &bench->config,
                                         .stream = &bench->stream};
    strcpy(bench->where.host, "localhost");
    strcpy(bench->where.authority, "localhost:1");
    fake_network_init(&bench->network);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    exchange_free(bench->exchange);
    fake_network_free(&bench->network);
    free(bench);
    return 0;
}

static void send_batch(struct bench *bench, uint32_t count, int64_t offset_us) {
    fill_batch(bench, count);
    assert_int_equal(exchange_send(bench->exchange, &bench->batch, offset_us),
                     ERR_OK);
}

/* Goal: a batch goes out signed by the corrected clock, and its answer comes
 * back with the batch it belongs to. */
static void test_sends_a_batch(void **state) {
    struct bench *bench = *state;
    open_exchange(bench, &sink_eventbridge);
    assert_false(exchange_is_busy(bench->exchange));
    send_batch(bench, 3, 3600 * (int64_t)1000000);
    assert_true(exchange_is_busy(bench->exchange));
    struct fake_network *network = &bench->network;
    assert_true(fake_network_asks(network, "AWSEvents.PutEvents"));
    assert_non_null(strstr(network->head, "X-Amz-Date: 19941106T094937Z\r\n"));
    assert_non_null(strstr(network->head, "Host: localhost:1\r\n"));
    assert_non_null(strstr(network->head,
                           "AKID/19941106/eu-central-1/events/aws4_request"));
    fake_network_take_but(network, 1, "ThrottlingException");
    assert_int_equal(bench->ended, 1);
    assert_ptr_equal(bench->result.batch, &bench->batch);
    assert_int_equal(bench->result.answer.call, CALL_ANSWERED);
    assert_int_equal(bench->result.answer.outcomes[0], ENTRY_CONFIRMED);
    assert_int_equal(bench->result.answer.outcomes[1], ENTRY_THROTTLED);
    assert_int_equal(bench->result.answer.outcomes[2], ENTRY_CONFIRMED);
    assert_int_equal(bench->result.signed_offset_us, 3600 * (int64_t)1000000);
    assert_false(bench->result.has_offset);
}

/* Goal: a question carries no batch; its answer is read as one. */
static void test_asks_a_question(void **state) {
    struct bench *bench = *state;
    open_exchange(bench, &sink_eventbridge);
    assert_int_equal(exchange_ask(bench->exchange, 0), ERR_OK);
    assert_true(
        fake_network_asks(&bench->network, "AWSEvents.DescribeEventBus"));
    assert_string_equal(bench->network.body, "{\"Name\":\"a-bus\"}");
    fake_network_take(&bench->network);
    assert_null(bench->result.batch);
    assert_int_equal(bench->result.answer.call, CALL_ANSWERED);
    assert_int_equal(exchange_ask(bench->exchange, 0), ERR_OK);
    fake_network_answer(&bench->network, 200, "{}");
    assert_int_equal(bench->result.answer.call, CALL_FAILED);
}

/* Goal: the server's time is learned from Date, unless a cache answered or it
 * is no date; what one answer said is not told by the next. */
static void test_learns_the_time(void **state) {
    struct bench *bench = *state;
    open_exchange(bench, &sink_eventbridge);
    static const struct {
        const char *date;
        bool has_age;
        bool has_offset;
    } cases[] = {
        {"Sun, 06 Nov 1994 09:49:37 GMT", false, true},
        {"Sun, 06 Nov 1994 09:49:37 GMT", true, false},
        {"yesterday", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench->network.date = cases[i].date;
        bench->network.has_age = cases[i].has_age;
        send_batch(bench, 1, 0);
        fake_network_take(&bench->network);
        assert_int_equal(bench->result.has_offset, cases[i].has_offset);
        if (cases[i].has_offset) {
            assert_int_equal(bench->result.offset_us, 3600000000);
        }
    }
}

/* Goal: no answer is CALL_OFFLINE, with the words of the network. */
static void test_a_network_that_is_away(void **state) {
    struct bench *bench = *state;
    open_exchange(bench, &sink_kinesis);
    send_batch(bench, 2, 0);
    fake_network_fail(&bench->network, "localhost: no route");
    assert_int_equal(bench->ended, 1);
    assert_ptr_equal(bench->result.batch, &bench->batch);
    assert_int_equal(bench->result.answer.call, CALL_OFFLINE);
    assert_string_equal(bench->result.answer.text, "localhost: no route");
}

/* Goal: what cannot be built is not sent: an entry that cannot be read, a clock
 * outside of what can be signed, a name too long for the question. */
static void test_what_cannot_be_built(void **state) {
    struct bench *bench = *state;
    open_exchange(bench, &sink_eventbridge);
    fill_batch(bench, 2);
    bench->batch.entries[1].bytes = SLICE("no event");
    assert_int_equal(exchange_send(bench->exchange, &bench->batch, 0),
                     ERR_CORRUPT);
    assert_false(exchange_is_busy(bench->exchange));
    fill_batch(bench, 2);
    assert_int_equal(
        exchange_send(bench->exchange, &bench->batch, INT64_MAX / 2), ERR_FULL);
    assert_false(exchange_is_busy(bench->exchange));
    memset(bench->stream.sink_name, '\1', sizeof bench->stream.sink_name - 1);
    assert_int_equal(exchange_ask(bench->exchange, 0), ERR_FULL);
    assert_int_equal(bench->network.requests, 0);
    assert_int_equal(bench->ended, 0);
}

/* Goal: large buffers are given back at rest, and it goes on afterwards; what
 * is in flight when it is freed is dropped. */
static void test_rests_and_goes_on(void **state) {
    struct bench *bench = *state;
    open_exchange(bench, &sink_kinesis);
    send_batch(bench, 500, 0);
    assert_true(bench->network.body_len > 64 * 1024);
    fake_network_take(&bench->network);
    exchange_rest(bench->exchange);
    send_batch(bench, 1, 0);
    fake_network_take(&bench->network);
    assert_int_equal(bench->ended, 2);
    send_batch(bench, 1, 0);
    exchange_free(bench->exchange);
    bench->exchange = NULL;
    assert_false(bench->network.open);
    assert_int_equal(bench->ended, 2);
}

/* Goal: a connector that fails leaves nothing behind. */
static void test_a_connector_that_fails(void **state) {
    struct bench *bench = *state;
    bench->network.refuse = true;
    struct exchange_options options = options_for(bench, &sink_kinesis);
    assert_int_equal(exchange_new(&options, &bench->exchange), ERR_MEMORY);
    assert_null(bench->exchange);
}

int main(void) {
#define EXCHANGE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(test_sends_a_batch),
        EXCHANGE_TEST(test_asks_a_question),
        EXCHANGE_TEST(test_learns_the_time),
        EXCHANGE_TEST(test_a_network_that_is_away),
        EXCHANGE_TEST(test_what_cannot_be_built),
        EXCHANGE_TEST(test_rests_and_goes_on),
        EXCHANGE_TEST(test_a_connector_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
