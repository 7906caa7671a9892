/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway says of itself, over a network of the test's own. */
#include "bridge/heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/bridge/fake_network.h"

#define WALL_US ((int64_t)784111777 * 1000000) /* 06 Nov 1994 08:49:37 */
#define SECOND ((int64_t)1000000)

struct bench {
    struct platform platform;
    int64_t now_us;
    struct credentials credentials;
    struct config config;
    struct config_stream stream;
    struct fake_network network;
    struct heartbeat *heartbeat;
    uint32_t turns;
    int64_t offset_us;
    uint32_t refused;
};

static int64_t read_mono(void *self) {
    return ((struct bench *)self)->now_us;
}

static int64_t read_wall(void *self) {
    (void)self;
    return WALL_US;
}

static void on_turn(void *self) {
    ((struct bench *)self)->turns++;
}

static void on_clock(void *self, int64_t offset_us) {
    ((struct bench *)self)->offset_us = offset_us;
}

static void on_refused(void *self, const struct exchange_result *result) {
    struct bench *bench = self;
    assert_int_equal(result->signed_serial, 7);
    bench->refused++;
}

static void begin(struct bench *bench, enum config_sink sink) {
    bench->stream.sink = sink;
    const struct heartbeat_options options = {
        .platform = &bench->platform,
        .config = &bench->config,
        .stream = &bench->stream,
        .credentials = &bench->credentials,
        .connector = fake_network_connector(&bench->network),
        .turn = on_turn,
        .clock_learned = on_clock,
        .credentials_refused = on_refused,
        .self = bench,
    };
    struct reason reason;
    assert_int_equal(heartbeat_new(&options, &bench->heartbeat, &reason),
                     ERR_OK);
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->platform = platform_real();
    bench->platform.clock = (struct clock){bench, read_wall, read_mono};
    bench->now_us = 1000 * SECOND;
    strcpy(bench->credentials.access_key, "AKID");
    strcpy(bench->credentials.secret_key, "secret");
    bench->credentials.serial = 7;
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.cloud.region, "eu-central-1");
    strcpy(bench->config.cloud.source_prefix, "com.shopme");
    strcpy(bench->stream.name, "orders");
    strcpy(bench->stream.sink_name, "a-bus");
    fake_network_init(&bench->network);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    heartbeat_hang_up(bench->heartbeat);
    heartbeat_free(bench->heartbeat);
    fake_network_free(&bench->network);
    free(bench);
    return 0;
}

static void put(struct bench *bench, int number) {
    char json[200];
    int len =
        snprintf(json, sizeof json,
                 "{\"type\":\"EdgeStatus\",\"data\":{\"number\":%d}}", number);
    assert_int_equal(
        heartbeat_put(bench->heartbeat, slice_of(json, (size_t)len), WALL_US),
        ERR_OK);
}

static void work(struct bench *bench) {
    heartbeat_work(bench->heartbeat, 0, true);
}

/* Is this number in the request in flight? */
static bool is_sending(const struct bench *bench, int number) {
    char text[40];
    snprintf(text, sizeof text, "\\\"number\\\":%d}", number);
    return bench->network.in_flight &&
           strstr(bench->network.body, text) != NULL;
}

/* Goal: one event in a request of its own, from the gateway; when it was taken
 * nothing is left, neither connection nor anything to do. */
static void test_sends_one(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_EVENTBRIDGE);
    work(bench);
    assert_false(bench->network.open);
    put(bench, 1);
    work(bench);
    assert_true(fake_network_asks(&bench->network, "AWSEvents.PutEvents"));
    assert_true(is_sending(bench, 1));
    assert_non_null(strstr(bench->network.body,
                           "\"Source\":\"com.shopme.edge\",\"DetailType\":"
                           "\"EdgeStatus\""));
    assert_true(heartbeat_is_busy(bench->heartbeat));
    bench->network.date = "Sun, 06 Nov 1994 08:50:37 GMT";
    fake_network_take(&bench->network);
    assert_int_equal(bench->turns, 1);
    assert_int_equal(bench->offset_us, 60 * SECOND);
    work(bench);
    assert_false(bench->network.open);
    assert_int_equal(heartbeat_due_us(bench->heartbeat, true), INT64_MAX);
    assert_int_equal(bench->network.requests, 1);
}

static void test_by_kinesis(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_KINESIS);
    put(bench, 1);
    work(bench);
    assert_true(
        fake_network_asks(&bench->network, "Kinesis_20131202.PutRecords"));
    assert_non_null(
        strstr(bench->network.body, "\"PartitionKey\":\"/store-7/gateway\""));
    fake_network_answer(&bench->network, 200,
                        "{\"FailedRecordCount\":0,\"Records\":[{"
                        "\"SequenceNumber\":\"1\",\"ShardId\":\"s\"}]}");
    work(bench);
    assert_int_equal(heartbeat_due_us(bench->heartbeat, true), INT64_MAX);
}

/* Goal: in a stream that aggregates it ends in a newline, as all records do. */
static void test_by_an_aggregated_stream(void **state) {
    struct bench *bench = *state;
    bench->stream.aggregate = true;
    begin(bench, CONFIG_SINK_KINESIS);
    assert_int_equal(
        heartbeat_put(bench->heartbeat, SLICE("{\"n\":1}"), WALL_US), ERR_OK);
    work(bench);
    /* {"n":1} and a newline in base64 */
    assert_non_null(strstr(bench->network.body, "\"Data\":\"eyJuIjoxfQo=\""));
}

/* Goal: whatever came meanwhile, only the newest waits. */
static void test_only_the_newest_waits(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_EVENTBRIDGE);
    put(bench, 1);
    put(bench, 2);
    work(bench);
    assert_true(is_sending(bench, 2));
    put(bench, 3);
    put(bench, 4);
    work(bench);
    assert_true(is_sending(bench, 2)); /* one at a time */
    fake_network_take(&bench->network);
    work(bench);
    assert_true(is_sending(bench, 4));
    fake_network_fail(&bench->network, "reset");
    work(bench);
    put(bench, 5);
    bench->now_us += 5 * SECOND;
    work(bench);
    assert_true(is_sending(bench, 5));
    put(bench, 6); /* and before the turn that the answer asks for */
    fake_network_take(&bench->network);
    work(bench);
    assert_true(is_sending(bench, 6));
    assert_int_equal(bench->network.requests, 4);
}

/* Goal: what fails is tried again, later each time, and a minute at most. */
static void test_backs_off(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_EVENTBRIDGE);
    put(bench, 1);
    static const int64_t waits[] = {5, 10, 20, 40, 60, 60};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        work(bench);
        assert_true(is_sending(bench, 1));
        fake_network_fail(&bench->network, "no route");
        work(bench);
        assert_int_equal(heartbeat_due_us(bench->heartbeat, true),
                         bench->now_us + waits[i] * SECOND);
        bench->now_us += waits[i] * SECOND - 1;
        work(bench);
        assert_false(bench->network.open);
        bench->now_us++;
    }
    work(bench);
    fake_network_take(&bench->network);
    work(bench);
    put(bench, 2);
    work(bench);
    assert_true(is_sending(bench, 2)); /* at once again */
}

/* Goal: what will never be taken is given up; a refusal of the credentials is
 * told, and does not lose it. */
static void test_refusals(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_EVENTBRIDGE);
    put(bench, 1);
    work(bench);
    fake_network_answer(&bench->network, 400,
                        "{\"__type\":\"AccessDeniedException\","
                        "\"message\":\"no\"}");
    work(bench);
    assert_int_equal(bench->refused, 1);
    assert_int_not_equal(heartbeat_due_us(bench->heartbeat, true), INT64_MAX);
    bench->now_us += 5 * SECOND;
    work(bench);
    fake_network_take_but(&bench->network, 0, "MalformedDetail");
    work(bench);
    assert_int_equal(heartbeat_due_us(bench->heartbeat, true), INT64_MAX);
    bench->now_us += 60 * SECOND;
    work(bench);
    assert_int_equal(bench->network.requests, 2);
}

/* Goal: nothing leaves while nothing may; no memory is no end. */
static void test_waits(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_EVENTBRIDGE);
    put(bench, 1);
    heartbeat_work(bench->heartbeat, 0, false);
    assert_false(bench->network.open);
    assert_int_equal(heartbeat_due_us(bench->heartbeat, false), INT64_MAX);
    bench->network.refuse = true;
    work(bench);
    bench->network.refuse = false;
    bench->now_us += 5 * SECOND;
    work(bench);
    assert_true(is_sending(bench, 1));
    static uint8_t large[HEARTBEAT_MAX + 1];
    memset(large, '"', sizeof large);
    assert_int_equal(
        heartbeat_put(bench->heartbeat, slice_of(large, sizeof large), 0),
        ERR_RANGE);
}

/* Goal: the largest one, all of it quotes, fits its request. */
static void test_the_largest(void **state) {
    struct bench *bench = *state;
    begin(bench, CONFIG_SINK_EVENTBRIDGE);
    static uint8_t large[HEARTBEAT_MAX];
    memset(large, '"', sizeof large);
    assert_int_equal(
        heartbeat_put(bench->heartbeat, slice_of(large, sizeof large), 0),
        ERR_OK);
    work(bench);
    assert_true(bench->network.in_flight);
    assert_true(bench->network.body_len > 2 * sizeof large);
}

/* Goal: a bus before a stream of Kinesis, then by priority. */
static void test_which_stream(void **state) {
    (void)state;
    const struct config_stream none = {.sink = CONFIG_SINK_NONE};
    const struct config_stream fast = {.sink = CONFIG_SINK_KINESIS,
                                       .priority = 1};
    const struct config_stream slow = {.sink = CONFIG_SINK_EVENTBRIDGE,
                                       .priority = 9};
    const struct config_stream bus = {.sink = CONFIG_SINK_EVENTBRIDGE,
                                      .priority = 2};
    const struct config_stream *all[] = {&none, &fast, &slow, &bus};
    assert_null(heartbeat_stream(all, 1));
    assert_ptr_equal(heartbeat_stream(all, 2), &fast);
    assert_ptr_equal(heartbeat_stream(all, 3), &slow);
    assert_ptr_equal(heartbeat_stream(all, 4), &bus);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sends_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_kinesis, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_an_aggregated_stream, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_the_newest_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_backs_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_largest, set_up, tear_down),
        cmocka_unit_test(test_which_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
