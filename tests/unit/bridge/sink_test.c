/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent: the entries of both services to the byte, sizes as the service
 * counts them, and events that cannot be sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/digest.h"
#include "bridge/sink.h"
#include "gateway/event/base64.h"
#include "gateway/event/json.h"

enum { ROOM = 2 * 1024 * 1024 };

struct bench {
    struct config config;
    struct config_stream stream;
    struct sink_target target;
    struct sink_buffer scratch;
    struct sink_buffer body;
    struct forwarder_entry entries[FORWARDER_BATCH_MAX];
    struct forwarder_batch batch;
    struct reason reason;
    uint8_t memory[ROOM];
    struct writer writer; /* stored events, one behind the other */
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    bench->batch.entries = bench->entries;
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.cloud.source_prefix, "com.shopme");
    strcpy(bench->stream.sink_name, "bus-\"1\"");
    bench->target =
        (struct sink_target){&bench->config, &bench->stream, {{0xca, 0xfe}}};
    bench->writer = writer_over(bench->memory, sizeof bench->memory);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    sink_buffer_free(&bench->scratch);
    sink_buffer_free(&bench->body);
    free(bench);
    return 0;
}

static struct event an_event(const char *type, const char *source) {
    return (struct event){
        .id = SLICE("e1"),
        .source = slice_from_str(source),
        .type = slice_from_str(type),
        .data_kind = EVENT_DATA_JSON,
        .data = SLICE("{\"a\": \"b\\n\\\"c\\\"\"}"),
    };
}

static struct slice store(struct bench *bench, const struct event *event) {
    size_t start = bench->writer.len;
    event_store(event, &bench->writer);
    assert_false(bench->writer.full);
    return slice_part(writer_slice(&bench->writer), start,
                      bench->writer.len - start);
}

static struct forwarder_record measure(struct bench *bench,
                                       const struct sink *sink,
                                       const struct event *event) {
    struct forwarder_record record = {.seq = 7,
                                      .wall_us = 1795432440812999,
                                      .life = {{1, 2, 3}},
                                      .bytes = store(bench, event)};
    assert_int_equal(sink_measure(sink, &bench->target, &bench->scratch,
                                  &record, &bench->reason),
                     ERR_OK);
    return record;
}

static void add(struct bench *bench, const struct event *event) {
    bench->batch.entries[bench->batch.count++] =
        (struct forwarder_entry){.seq = 7,
                                 .wall_us = 1795432440812999,
                                 .life = {{1, 2, 3}},
                                 .bytes = store(bench, event)};
}

static struct slice build(struct bench *bench, const struct sink *sink) {
    struct slice body;
    assert_int_equal(sink_build(sink, &bench->target, &bench->batch,
                                &bench->scratch, &bench->body, &body),
                     ERR_OK);
    assert_int_equal(json_check(body, &bench->reason), ERR_OK);
    return body;
}

/* The decoded text of a string member. */
static struct slice text_in(struct slice object, const char *name,
                            struct arena *arena) {
    struct slice value;
    struct slice text;
    assert_int_equal(json_get(object, name, &value), ERR_OK);
    assert_int_equal(json_string(value, arena, &text), ERR_OK);
    return text;
}

static struct slice rendered(const struct event *event, uint8_t *memory,
                             size_t size) {
    const struct event_record record = {
        7, 1795432440812999, {{0xca, 0xfe}}, {{1, 2, 3}}};
    struct writer writer = writer_over(memory, size);
    assert_int_equal(event_render_json(event, &record, &writer), ERR_OK);
    return writer_slice(&writer);
}

/* Goal: an EventBridge entry: recorded time with milliseconds, Detail exactly
 * the structured event, the size as AWS sums it. */
static void test_an_eventbridge_entry(void **state) {
    struct bench *bench = *state;
    struct event event = an_event("OrderCreated", "/store-7/order");
    add(bench, &event);
    add(bench, &event);
    struct slice body = build(bench, &sink_eventbridge);
    struct slice entries;
    struct slice entry;
    size_t at = 0;
    assert_int_equal(json_get(body, "Entries", &entries), ERR_OK);
    assert_int_equal(json_element(entries, &at, &entry), ERR_OK);
    assert_int_equal(json_element(entries, &at, &entry), ERR_OK);
    struct slice end;
    assert_int_equal(json_element(entries, &at, &end), ERR_END);

    uint8_t memory[4096];
    uint8_t detail[4096];
    struct arena arena = arena_over(memory, sizeof memory);
    struct slice time;
    assert_int_equal(json_get(entry, "Time", &time), ERR_OK);
    assert_true(slice_eq_str(time, "1795432440.812"));
    assert_true(
        slice_eq_str(text_in(entry, "Source", &arena), "com.shopme.order"));
    assert_true(
        slice_eq_str(text_in(entry, "DetailType", &arena), "OrderCreated"));
    assert_true(
        slice_eq_str(text_in(entry, "EventBusName", &arena), "bus-\"1\""));
    struct slice json = rendered(&event, detail, sizeof detail);
    assert_true(slice_eq(text_in(entry, "Detail", &arena), json));
    struct forwarder_record record = measure(bench, &sink_eventbridge, &event);
    assert_true(record.sendable);
    assert_int_equal(record.size, 14 + strlen("com.shopme.order") +
                                      strlen("OrderCreated") + json.len);
}

/* Goal: a prefix may hold the store's name, anywhere; the size counts what is
 * sent. */
static void test_the_stores_name_in_sources(void **state) {
    struct bench *bench = *state;
    static const struct {
        const char *prefix, *source;
    } cases[] = {{"com.shopme.{store}", "com.shopme.store-7.order"},
                 {"{store}", "store-7.order"},
                 {"a.{store}.b", "a.store-7.b.order"}};
    struct event event = an_event("OrderCreated", "/store-7/order");
    uint32_t plain = measure(bench, &sink_eventbridge, &event).size;
    for (size_t i = 0; i < 3; i++) {
        strcpy(bench->config.cloud.source_prefix, cases[i].prefix);
        bench->batch.count = 0;
        add(bench, &event);
        uint8_t memory[4096];
        struct arena arena = arena_over(memory, sizeof memory);
        struct slice body = build(bench, &sink_eventbridge);
        struct slice entries;
        struct slice entry;
        size_t at = 0;
        assert_int_equal(json_get(body, "Entries", &entries), ERR_OK);
        assert_int_equal(json_element(entries, &at, &entry), ERR_OK);
        assert_true(
            slice_eq_str(text_in(entry, "Source", &arena), cases[i].source));
        assert_int_equal(measure(bench, &sink_eventbridge, &event).size,
                         plain - strlen("com.shopme.order") +
                             strlen(cases[i].source));
    }
}

/* The one entry's Detail. */
static struct slice detail_in(struct slice body, struct arena *arena) {
    struct slice entries;
    struct slice entry;
    size_t at = 0;
    assert_int_equal(json_get(body, "Entries", &entries), ERR_OK);
    assert_int_equal(json_element(entries, &at, &entry), ERR_OK);
    return text_in(entry, "Detail", arena);
}

/* Goal: with `detail: data` an entry is the data, and as large; what is no
 * object is not sendable, with words; no data is an empty object. */
static void test_data_alone(void **state) {
    struct bench *bench = *state;
    static const struct {
        enum event_data_kind kind;
        struct slice data;
        const char *detail; /* NULL: not sendable */
    } cases[] = {
        {EVENT_DATA_JSON,
         {(const uint8_t *)"{\"a\": \"\\n\"}", 11},
         "{\"a\":\"\\n\"}"},
        {EVENT_DATA_JSON, {(const uint8_t *)"null", 4}, "{}"},
        {EVENT_DATA_NONE, {NULL, 0}, "{}"},
        {EVENT_DATA_CBOR, {(const uint8_t *)"\xa1\x61x\x07", 4}, "{\"x\":7}"},
        {EVENT_DATA_CBOR, {(const uint8_t *)"\x07", 1}, NULL},
        {EVENT_DATA_JSON, {(const uint8_t *)"[{}]", 4}, NULL},
        {EVENT_DATA_JSON, {(const uint8_t *)"\"{}\"", 4}, NULL},
        {EVENT_DATA_BINARY, {(const uint8_t *)"{}", 2}, NULL},
    };
    bench->stream.detail = CONFIG_DETAIL_DATA;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event event = an_event("T", "/store-7/till-1");
        event.data_kind = cases[i].kind;
        event.data = cases[i].data;
        struct forwarder_record record =
            measure(bench, &sink_eventbridge, &event);
        assert_int_equal(record.sendable, cases[i].detail != NULL);
        if (cases[i].detail == NULL) {
            assert_int_equal(record.size, 0);
            assert_non_null(strstr(bench->reason.text,
                                   "event 7 (T) cannot be sent: its data is no "
                                   "JSON object"));
            continue;
        }
        bench->batch.count = 0;
        add(bench, &event);
        uint8_t memory[4096];
        struct arena arena = arena_over(memory, sizeof memory);
        struct slice detail =
            detail_in(build(bench, &sink_eventbridge), &arena);
        assert_true(slice_eq_str(detail, cases[i].detail));
        assert_int_equal(record.size, 14 + strlen("com.shopme.device") + 1 +
                                          strlen(cases[i].detail));
    }
}

/* Goal: only what the shop publishes under its own source speaks as a service;
 * a device that borrows either name stays a device. */
static void test_sources(void **state) {
    struct bench *bench = *state;
    static const struct {
        const char *type, *source, *expected;
    } cases[] = {
        {"OrderCreated", "/store-7/order", "com.shopme.order"},
        {"InventoryReserved", "/store-7/inventory", "com.shopme.inventory"},
        {"PaymentRequested", "/store-7/payment", "com.shopme.payment"},
        {"OrderFulfiled", "/store-7/fulfilment", "com.shopme.fulfilment"},
        {"EventRejected", "/store-7/gateway", "com.shopme.edge"},
        {"EventsDropped", "/store-7/gateway", "com.shopme.edge"},
        {"JournalDamaged", "/store-7/gateway", "com.shopme.edge"},
        {"JournalDamaged", "/store-7/till-1", "com.shopme.device"},
        {"JournalDamaged", "/store-8/gateway", "com.shopme.device"},
        {"OrderPlaced", "/store-7/gateway", "com.shopme.device"},
        {"OrderPlaced", "/store-7/till-1", "com.shopme.device"},
        {"OrderPlaced", "/store-7/order", "com.shopme.device"},
        {"OrderCreated", "/store-7/till-1", "com.shopme.device"},
        {"OrderCreated", "/store-8/order", "com.shopme.device"},
        {"OrderCreated", "/store-7/order/", "com.shopme.device"},
        {"OrderCreated", "/store-7/a/order", "com.shopme.device"},
        {"OrderCreated", "store-7/order", "com.shopme.device"},
        {"OrderCreated", "/store-7", "com.shopme.device"},
        {"OrderCreated", "/", "com.shopme.device"},
        {"ReadingTaken", "/store-7/sensor", "com.shopme.device"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event = an_event(cases[i].type, cases[i].source);
        bench->batch.count = 0;
        add(bench, &event);
        struct slice body = build(bench, &sink_eventbridge);
        char expected[80];
        snprintf(expected, sizeof expected, "\"Source\":\"%s\",",
                 cases[i].expected);
        char text[4096];
        assert_int_equal(slice_to_str(body, text, sizeof text), ERR_OK);
        if (strstr(text, expected) == NULL) {
            fail_msg("%s from %s: %s", cases[i].type, cases[i].source, text);
        }
    }
}

/* Goal: a Kinesis record: the structured event in base64 under its key. */
static void test_a_kinesis_record(void **state) {
    struct bench *bench = *state;
    struct event event = an_event("ReadingTaken", "/store-7/sensor");
    event.subject = SLICE("k\"1");
    add(bench, &event);
    struct slice body = build(bench, &sink_kinesis);
    struct slice records;
    struct slice record;
    size_t at = 0;
    uint8_t memory[4096];
    uint8_t data[4096];
    uint8_t detail[4096];
    struct arena arena = arena_over(memory, sizeof memory);
    assert_true(slice_eq_str(text_in(body, "StreamName", &arena), "bus-\"1\""));
    assert_int_equal(json_get(body, "Records", &records), ERR_OK);
    assert_int_equal(json_element(records, &at, &record), ERR_OK);
    assert_true(slice_eq_str(text_in(record, "PartitionKey", &arena), "k\"1"));
    size_t len;
    assert_int_equal(
        event_base64_read(text_in(record, "Data", &arena), data, &len), ERR_OK);
    struct slice json = rendered(&event, detail, sizeof detail);
    assert_true(slice_eq(slice_of(data, len), json));
    assert_int_equal(measure(bench, &sink_kinesis, &event).size, json.len + 3);
}

static struct slice build_raw(struct bench *bench, const struct sink *sink) {
    struct slice body;
    assert_int_equal(sink_build(sink, &bench->target, &bench->batch,
                                &bench->scratch, &bench->body, &body),
                     ERR_OK);
    return body;
}

/* Goal: the same records in CBOR, to the byte: lengths in each of their four
 * forms, the data as it is. */
static void test_kinesis_records_in_cbor(void **state) {
    struct bench *bench = *state;
    static const size_t subjects[] = {1, 23, 24, 100};
    static const size_t pads[] = {0, 300, 70000};
    static char pad[70002];
    char subject[101] = "";
    strcpy(bench->stream.sink_name, "s-1");
    for (size_t i = 0; i < 12; i++) {
        size_t len = subjects[i % 4];
        memset(subject, 'k', sizeof subject - 1);
        subject[len] = '\0';
        memset(pad, 'x', sizeof pad);
        size_t end = pads[i % 3] + 1;
        pad[0] = pad[end] = '"';
        struct event event = an_event("T", "/store-7/s");
        event.subject = slice_from_str(subject);
        event.data = slice_of(pad, end + 1);
        bench->writer.len = 0;
        bench->batch.count = 0;
        add(bench, &event);
        add(bench, &event);
        static uint8_t detail[80000];
        struct slice json = rendered(&event, detail, sizeof detail);
        static uint8_t expected[200000];
        struct writer writer = writer_over(expected, sizeof expected);
        writer_str(&writer, "\xbf\x6aStreamName\x63s-1\x67Records\x9f");
        for (int record = 0; record < 2; record++) {
            writer_str(&writer, "\xa2\x64");
            writer_str(&writer, "Data");
            if (json.len > 65535) {
                writer_u8(&writer, 0x5a);
                writer_u32(&writer, (uint32_t)json.len);
            } else if (json.len > 255) {
                writer_u8(&writer, 0x59);
                writer_u16(&writer, (uint16_t)json.len);
            } else {
                writer_u8(&writer, 0x58);
                writer_u8(&writer, (uint8_t)json.len);
            }
            writer_slice_add(&writer, json);
            writer_str(&writer, "\x6cPartitionKey");
            if (len > 23) {
                writer_u8(&writer, 0x78);
            }
            writer_u8(&writer, (uint8_t)(len > 23 ? len : 0x60 + len));
            writer_str(&writer, subject);
        }
        writer_str(&writer, "\xff\xff");
        assert_false(writer.full);
        struct slice body = build_raw(bench, &sink_kinesis_cbor);
        assert_true(slice_eq(body, writer_slice(&writer)));
        struct forwarder_record record =
            measure(bench, &sink_kinesis_cbor, &event);
        assert_int_equal(record.size, json.len + len);
    }
}

/* Goal: a stream's ARN goes where an ARN belongs, on both wires. */
static void test_a_stream_by_arn(void **state) {
    struct bench *bench = *state;
    struct event event = an_event("T", "/store-7/s");
    strcpy(bench->stream.sink_name, "arn:aws:kinesis:r:1:stream/s");
    add(bench, &event);
    struct slice body = build(bench, &sink_kinesis);
    assert_true(slice_starts_with(
        body, "{\"StreamARN\":\"arn:aws:kinesis:r:1:stream/s\","));
    body = build_raw(bench, &sink_kinesis_cbor);
    assert_true(
        slice_starts_with(body, "\xbf\x69StreamARN\x78\x1c"
                                "arn:aws:kinesis:r:1:stream/s\x67Records\x9f"));
}

/* Goal: the wire is the configuration's, and says so in its content type. */
static void test_the_wire(void **state) {
    (void)state;
    struct config_stream stream = {.sink = CONFIG_SINK_KINESIS};
    assert_ptr_equal(sink_of(&stream), &sink_kinesis);
    stream.wire = CONFIG_WIRE_CBOR;
    assert_ptr_equal(sink_of(&stream), &sink_kinesis_cbor);
    assert_string_equal(sink_of(&stream)->content_type,
                        "application/x-amz-cbor-1.1");
    stream.sink = CONFIG_SINK_EVENTBRIDGE; /* knows no other wire */
    assert_ptr_equal(sink_of(&stream), &sink_eventbridge);
    stream.request = CONFIG_REQUEST_1MIB;
    assert_ptr_equal(sink_of(&stream), &sink_eventbridge_large);
    assert_string_equal(sink_of(&stream)->content_type,
                        "application/x-amz-json-1.1");
}

/* Goal: an answer in CBOR is read as the same in JSON would be; where CBOR is
 * due, JSON confirms nothing, but an error in it is still an error. */
static void test_answers_in_cbor(void **state) {
    struct bench *bench = *state;
    static const char cbor[] = "\xbf\x67Records\x9f\xbf\x6eSequenceNumber"
                               "\x61"
                               "7\xff\xff\xff";
    static const char json[] = "{\"Records\":[{\"SequenceNumber\":\"7\"}]}";
    struct slice body = slice_from_str(cbor);
    struct slice text = slice_from_str(json);
    assert_true(slice_eq(
        sink_answer(&sink_kinesis_cbor, 200, body, &bench->scratch), text));
    assert_true(slice_eq(
        sink_answer(&sink_kinesis_cbor, 400, body, &bench->scratch), text));
    assert_int_equal(
        sink_answer(&sink_kinesis_cbor, 200, text, &bench->scratch).len, 0);
    assert_ptr_equal(
        sink_answer(&sink_kinesis_cbor, 400, text, &bench->scratch).data, json);
    assert_ptr_equal(
        sink_answer(&sink_kinesis, 200, text, &bench->scratch).data, json);
}

/* Goal: 256 characters are a partition key, one more is its SHA-256; characters
 * are counted, not bytes. */
static void test_long_partition_keys(void **state) {
    struct bench *bench = *state;
    char key[1024];
    for (int wide = 0; wide < 2; wide++) {
        for (size_t count = 256; count <= 257; count++) {
            key[0] = '\0';
            for (size_t i = 0; i < count; i++) {
                strcat(key, wide ? "\xe4\xb8\xad" : "k");
            }
            struct event event = an_event("T", "/store-7/s");
            event.subject = slice_from_str(key);
            bench->batch.count = 0;
            add(bench, &event);
            struct slice body = build(bench, &sink_kinesis);
            uint8_t digest[DIGEST_SIZE];
            char hex[DIGEST_HEX_SIZE];
            digest_sha256(event.subject, digest);
            digest_hex(digest, hex);
            char text[8192];
            assert_int_equal(slice_to_str(body, text, sizeof text), ERR_OK);
            assert_non_null(strstr(text, count == 256 ? key : hex));
        }
    }
}

/* An event whose entry is exactly `size` bytes for the sink. */
static struct event event_of_size(struct bench *bench, const struct sink *sink,
                                  uint32_t size, char *text) {
    struct event event = an_event("ReadingTaken", "/store-7/sensor");
    event.data = SLICE("\"\"");
    uint32_t least = measure(bench, sink, &event).size;
    size_t pad = size - least;
    text[0] = '"';
    memset(text + 1, 'x', pad);
    text[pad + 1] = '"';
    event.data = slice_of(text, pad + 2);
    return event;
}

/* Goal: the largest entry each sink takes is sent, and one byte more is held
 * with words that name the event, its size and the limit. */
static void test_the_largest_entry(void **state) {
    struct bench *bench = *state;
    static const struct {
        const struct sink *sink;
        uint32_t most;
    } cases[] = {{&sink_eventbridge, 262143},
                 {&sink_eventbridge_large, 1048575},
                 {&sink_kinesis, 1048576}};
    static char text[ROOM];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sink *sink = cases[i].sink;
        bench->writer.len = 0;
        struct event event = event_of_size(bench, sink, cases[i].most, text);
        struct forwarder_record record = measure(bench, sink, &event);
        assert_true(record.sendable);
        assert_int_equal(record.size, cases[i].most);
        bench->writer.len = 0;
        event = event_of_size(bench, sink, cases[i].most + 1, text);
        record = measure(bench, sink, &event);
        assert_false(record.sendable);
        char size[32];
        snprintf(size, sizeof size, "%u bytes", cases[i].most + 1);
        assert_non_null(strstr(bench->reason.text, size));
        assert_non_null(strstr(bench->reason.text, "event 7 (ReadingTaken)"));
    }
}

/* Goal: requests hold what the services' limits say. */
static void test_request_limits(void **state) {
    (void)state;
    assert_int_equal(sink_eventbridge.limits.entries_max, 10);
    assert_int_equal(sink_eventbridge.limits.bytes_max, 262143);
    assert_int_equal(sink_eventbridge_large.limits.bytes_max, 1048575);
    assert_int_equal(sink_kinesis.limits.entries_max, 500);
    assert_int_equal(sink_kinesis.limits.bytes_max, 5 * 1024 * 1024);
}

/* Goal: an event that cannot be read or has no form in JSON is not sendable,
 * with words, and waits for nobody. */
static void test_what_cannot_be_sent(void **state) {
    struct bench *bench = *state;
    struct event event = an_event("T", "/store-7/s");
    event.data_kind = EVENT_DATA_CBOR;
    event.data = SLICE("\xf7"); /* undefined */
    struct forwarder_record record = measure(bench, &sink_kinesis, &event);
    assert_false(record.sendable);
    assert_non_null(strstr(bench->reason.text, "event 7 cannot be sent"));

    record.bytes = SLICE("not an event");
    record.sendable = true;
    assert_int_equal(sink_measure(&sink_kinesis, &bench->target,
                                  &bench->scratch, &record, &bench->reason),
                     ERR_OK);
    assert_false(record.sendable);
    uint64_t key = record.key;
    record.seq = 8;
    assert_int_equal(sink_measure(&sink_kinesis, &bench->target,
                                  &bench->scratch, &record, &bench->reason),
                     ERR_OK);
    assert_true(record.key != key);
}

/* Goal: the key of the forwarder is that of the event. */
static void test_keys(void **state) {
    struct bench *bench = *state;
    struct event event = an_event("T", "/store-7/s");
    uint64_t by_source = measure(bench, &sink_kinesis, &event).key;
    event.subject = SLICE("order-1");
    uint64_t by_subject = measure(bench, &sink_kinesis, &event).key;
    event.id = SLICE("another");
    assert_true(by_source != by_subject);
    assert_true(by_subject == measure(bench, &sink_eventbridge, &event).key);
}

/* Goal: the probe asks for the bus by its name. */
static void test_the_probe(void **state) {
    struct bench *bench = *state;
    sink_eventbridge.write_probe(&bench->target, &bench->writer);
    assert_true(slice_eq_str(writer_slice(&bench->writer),
                             "{\"Name\":\"bus-\\\"1\\\"\"}"));
    assert_null(sink_kinesis.probe_call);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_eventbridge_entry, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_stores_name_in_sources, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_data_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_kinesis_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_kinesis_records_in_cbor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_stream_by_arn, set_up,
                                        tear_down),
        cmocka_unit_test(test_the_wire),
        cmocka_unit_test_setup_teardown(test_answers_in_cbor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_long_partition_keys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_largest_entry, set_up,
                                        tear_down),
        cmocka_unit_test(test_request_limits),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_sent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_probe, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
