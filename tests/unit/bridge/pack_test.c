/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose records are aggregates: how large these are, what was left
 * out, and where each goes. That others can unpack them is shown elsewhere
 * (aggregate_test.py, tests/cloud/kpl.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/pack.h"
#include "gateway/event/json.h"

enum { ENTRIES = 4096, ROOM = 4 * 1024 * 1024, RUNS = 4, RECORD_MAX = 1 << 20 };

struct bench {
    struct config config;
    struct config_stream stream;
    struct sink_target target;
    struct sink_buffer scratch;
    struct sink_buffer body;
    struct pack pack;
    struct forwarder_entry entries[ENTRIES];
    struct forwarder_run runs[RUNS];
    struct forwarder_batch batch;
    uint8_t memory[ROOM];
    struct writer writer; /* stored events, one behind the other */
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    strcpy(bench->config.store, "store-7");
    strcpy(bench->stream.name, "telemetry");
    strcpy(bench->stream.sink_name, "a-stream");
    bench->target = (struct sink_target){.config = &bench->config,
                                         .stream = &bench->stream};
    bench->writer = writer_over(bench->memory, sizeof bench->memory);
    bench->batch = (struct forwarder_batch){
        .entries = bench->entries,
        .runs = bench->runs,
        .run_bytes = sink_kinesis_aggregated.run_bytes_max};
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    sink_buffer_free(&bench->scratch);
    sink_buffer_free(&bench->body);
    pack_free(&bench->pack);
    free(bench);
    return 0;
}

static struct slice store(struct bench *bench, uint64_t n, const char *key,
                          size_t pad) {
    char id[32];
    snprintf(id, sizeof id, "e%llu", (unsigned long long)n);
    char *data = malloc(pad + 3);
    assert_non_null(data);
    memset(data, 'x', pad + 2);
    data[0] = data[pad + 1] = '"';
    const struct event event = {
        .id = slice_from_str(id),
        .source = SLICE("/store-7/sensor"),
        .type = SLICE("ReadingTaken"),
        .subject = slice_from_str(key),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_of(data, pad + 2),
    };
    size_t start = bench->writer.len;
    event_store(&event, &bench->writer);
    free(data);
    assert_false(bench->writer.full);
    return slice_part(writer_slice(&bench->writer), start,
                      bench->writer.len - start);
}

/* A run of `count` events in the lane. */
static void add_run(struct bench *bench, uint32_t lane, uint32_t count,
                    const char *key, size_t pad) {
    struct forwarder_batch *batch = &bench->batch;
    bench->runs[batch->run_count++] =
        (struct forwarder_run){batch->count, count, lane, count};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = batch->count++;
        assert_true(at < ENTRIES);
        bench->entries[at] = (struct forwarder_entry){
            .seq = at, .wall_us = 1, .bytes = store(bench, at, key, pad)};
    }
}

/* --- reading the body, in CBOR ------------------------------------------ */

struct record {
    struct slice data, key, hash_key;
};

static struct slice item(struct cursor *cursor, uint8_t kind) {
    uint8_t head;
    uint8_t short_len;
    uint16_t medium_len;
    uint32_t len;
    struct slice ret;
    assert_int_equal(cursor_u8(cursor, &head), ERR_OK);
    assert_int_equal(head & 0xe0, kind);
    len = head & 0x1f;
    if (len == 24) {
        assert_int_equal(cursor_u8(cursor, &short_len), ERR_OK);
        len = short_len;
    } else if (len == 25) {
        assert_int_equal(cursor_u16(cursor, &medium_len), ERR_OK);
        len = medium_len;
    } else if (len == 26) {
        assert_int_equal(cursor_u32(cursor, &len), ERR_OK);
    }
    assert_int_equal(cursor_take(cursor, len, &ret), ERR_OK);
    return ret;
}

static void expect(struct cursor *cursor, const char *text) {
    assert_true(slice_eq_str(item(cursor, 0x60), text));
}

static uint8_t byte(struct cursor *cursor) {
    uint8_t ret;
    assert_int_equal(cursor_u8(cursor, &ret), ERR_OK);
    return ret;
}

static struct slice build(struct bench *bench, const struct sink *sink) {
    struct slice body;
    assert_int_equal(pack_build(&bench->pack, sink, &bench->target,
                                &bench->batch, &bench->scratch, &bench->body,
                                &body),
                     ERR_OK);
    return body;
}

static void build_records(struct bench *bench, struct record ret[RUNS]) {
    struct slice body = build(bench, &sink_kinesis_cbor_aggregated);
    struct cursor cursor = cursor_over(body);
    assert_int_equal(byte(&cursor), 0xbf);
    expect(&cursor, "StreamName");
    expect(&cursor, "a-stream");
    expect(&cursor, "Records");
    assert_int_equal(byte(&cursor), 0x9f);
    for (uint32_t i = 0; i < bench->batch.run_count; i++) {
        assert_int_equal(byte(&cursor), 0xa3);
        expect(&cursor, "Data");
        ret[i].data = item(&cursor, 0x40);
        expect(&cursor, "PartitionKey");
        ret[i].key = item(&cursor, 0x60);
        expect(&cursor, "ExplicitHashKey");
        ret[i].hash_key = item(&cursor, 0x60);
    }
    assert_int_equal(byte(&cursor), 0xff);
    assert_int_equal(byte(&cursor), 0xff);
    assert_int_equal(cursor.at, body.len);
}

static bool is_aggregate(struct slice data) {
    return slice_starts_with(data, "\xf3\x89\x9a\xc2");
}

/* With its keys: what is limited and paid for. */
static size_t size_of(const struct record *record) {
    return record->data.len + record->key.len + record->hash_key.len;
}

/* --- tests -------------------------------------------------------------- */

/* Goal: a run that is larger than a record may be is cut, just under a whole
 * number of units; what is left is the next record's. */
static void test_cut_at_a_whole_unit(void **state) {
    struct bench *bench = *state;
    struct record record[RUNS];
    add_run(bench, 3, 3500, "k1", 150);
    build_records(bench, record);
    assert_true(is_aggregate(record->data));
    assert_true(slice_eq_str(record->key, "a"));
    assert_true(bench->runs[0].kept < 3500);
    assert_true(size_of(record) <= bench->batch.run_bytes);
    size_t left = AGGREGATE_UNIT - size_of(record) % AGGREGATE_UNIT;
    assert_true(left < 600);
    char hash_key[AGGREGATE_HASH_KEY_SIZE];
    aggregate_hash_key("store-7", "telemetry", 3, hash_key);
    assert_true(slice_eq_str(record->hash_key, hash_key));

    bench->runs[0].count = 100; /* less than a full one: two units begun */
    build_records(bench, record);
    assert_true(bench->runs[0].kept < 100);
    assert_true(size_of(record) <= AGGREGATE_UNIT);
    assert_true(size_of(record) > AGGREGATE_UNIT - 600);

    bench->batch.suspect = true; /* stays together */
    build_records(bench, record);
    assert_int_equal(bench->runs[0].kept, 100);
}

/* Goal: one event is a record of its own, in its lane's shard, and ends in a
 * newline as all do; so is one that has no room for company. */
static void test_single_events(void **state) {
    struct bench *bench = *state;
    struct record records[RUNS];
    add_run(bench, 0, 1, "till-1", 10);
    add_run(bench, 1, 2, "till-2", RECORD_MAX - 400);
    add_run(bench, 2, 2, "till-3", 10);
    build_records(bench, records);
    const uint32_t kept[] = {1, 1, 2};
    const char *const keys[] = {"till-1", "till-2", "a"};
    for (uint32_t i = 0; i < 3; i++) {
        char hash_key[AGGREGATE_HASH_KEY_SIZE];
        aggregate_hash_key("store-7", "telemetry", i, hash_key);
        assert_true(slice_eq_str(records[i].hash_key, hash_key));
        assert_int_equal(bench->runs[i].kept, kept[i]);
        assert_true(slice_eq_str(records[i].key, keys[i]));
        assert_true(is_aggregate(records[i].data) == (i == 2));
        assert_true(records[i].data.len + records[i].key.len <= RECORD_MAX);
        struct slice data = records[i].data;
        assert_true(i == 2 || data.data[data.len - 1] == '\n');
    }
    assert_true(slice_starts_with(records[0].data, "{"));
    assert_false(slice_eq(records[0].hash_key, records[1].hash_key));
}

/* Goal: the same records in JSON. */
static void test_json(void **state) {
    struct bench *bench = *state;
    add_run(bench, 0, 1, "till-\"1\"", 10);
    add_run(bench, 1, 50, "till-2", 10);
    struct slice body = build(bench, &sink_kinesis_aggregated);
    struct reason reason;
    assert_int_equal(json_check(body, &reason), ERR_OK);
    assert_true(slice_starts_with(
        body, "{\"StreamName\":\"a-stream\",\"Records\":[{\"Data\":\""));
    char hash_key[AGGREGATE_HASH_KEY_SIZE + 32];
    memcpy(hash_key, "\"ExplicitHashKey\":\"", 19);
    aggregate_hash_key("store-7", "telemetry", 1, hash_key + 19);
    assert_non_null(memmem(body.data, body.len, hash_key, strlen(hash_key)));
    assert_non_null(memmem(body.data, body.len, "\"till-\\\"1\\\"\"", 12));
}

/* Goal: where requests are small, so are records; one that is not smaller goes
 * alone. */
static void test_small_requests(void **state) {
    struct bench *bench = *state;
    struct record records[RUNS];
    bench->batch.run_bytes = 4096;
    add_run(bench, 0, 100, "k1", 100);
    add_run(bench, 1, 3, "k2", 5000);
    build_records(bench, records);
    assert_true(bench->runs[0].kept > 5 && bench->runs[0].kept < 30);
    assert_true(size_of(&records[0]) <= 4096);
    assert_int_equal(bench->runs[1].kept, 1);
    assert_false(is_aggregate(records[1].data));
}

/* Goal: an event that can no longer be read is an error, and nothing of it is
 * sent. */
static void test_damage(void **state) {
    struct bench *bench = *state;
    struct slice body;
    add_run(bench, 0, 3, "k1", 100);
    bench->entries[1].bytes = SLICE("no event");
    assert_int_equal(pack_build(&bench->pack, &sink_kinesis_aggregated,
                                &bench->target, &bench->batch, &bench->scratch,
                                &bench->body, &body),
                     ERR_CORRUPT);
}

/* Goal: a request takes so much that each connection has its part of the lanes;
 * whoever does not aggregate is not concerned. */
static void test_limits(void **state) {
    (void)state;
    struct config config = {.cloud = {.lanes = 16, .connections = 8}};
    const struct sink *sink = &sink_kinesis_aggregated;
    assert_int_equal(sink->run_bytes_max, 40 * AGGREGATE_UNIT);
    assert_int_equal(sink_limits(sink, &config).bytes_max,
                     2 * sink->run_bytes_max);
    config.cloud.connections = 1;
    assert_int_equal(sink_limits(sink, &config).bytes_max,
                     sink->limits.bytes_max);
    config.cloud.connections = 16;
    config.cloud.lanes = 1;
    assert_int_equal(sink_limits(sink, &config).bytes_max, sink->run_bytes_max);
    assert_int_equal(sink_limits(&sink_kinesis, &config).bytes_max,
                     sink_kinesis.limits.bytes_max);
}

int main(void) {
#define PACK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PACK_TEST(test_cut_at_a_whole_unit),
        PACK_TEST(test_single_events),
        PACK_TEST(test_json),
        PACK_TEST(test_small_requests),
        PACK_TEST(test_damage),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
