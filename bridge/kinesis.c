/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon Kinesis Data Streams: PutRecords (API reference 2013-12-02). A
 * record's size is its data plus its partition key, whatever the wire adds.
 *
 * Two wires: JSON, with the data in base64, and CBOR (RFC 8949), which AWS's
 * Java SDK speaks and which spares a quarter of the bytes. Like that SDK we
 * write the outer maps and the array with indefinite length. */
#include "bridge/sink.h"

#include "bridge/aggregate.h"
#include "bridge/digest.h"
#include "gateway/event/base64.h"
#include "gateway/event/json.h"

enum {
    RECORDS_MAX = 500,
    RECORD_BYTES_MAX = 1024 * 1024, /* MaxRecordSizeInKiB's default */
    BYTES_MAX =
        5 * 1024 *
        1024, /* the limit before October 2025, which still works everywhere */
    PARTITION_KEY_MAX = 256, /* characters */
    AROUND_BYTES = 10,
};

_Static_assert((int)RECORDS_MAX <= (int)FORWARDER_BATCH_MAX,
               "a batch holds a request");

/* In UTF-16, as Java counts: this count is never too small. */
static size_t characters(struct slice text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        count += (byte & 0xc0) != 0x80 ? 1 : 0;
        count += byte >= 0xf0 ? 1 : 0;
    }
    return count;
}

struct slice sink_partition_key(const struct event *event,
                                char hex[DIGEST_HEX_SIZE]) {
    struct slice key = event_key(event);
    if (characters(key) <= PARTITION_KEY_MAX) {
        return key;
    }
    uint8_t digest[DIGEST_SIZE];
    digest_sha256(key, digest);
    digest_hex(digest, hex);
    return slice_from_str(hex);
}

static uint64_t record_size(const struct sink_target *target,
                            const struct sink_event *event) {
    (void)target;
    char hex[DIGEST_HEX_SIZE];
    return (uint64_t)event->json.len +
           sink_partition_key(event->event, hex).len;
}

/* By itself it is a record with its key, and in an aggregate one with about
 * ten bytes around it; its key stands there once for all its events. Each has a
 * newline. */
static uint64_t aggregated_size(const struct sink_target *target,
                                const struct sink_event *event) {
    (void)target;
    char hex[DIGEST_HEX_SIZE];
    size_t key_len = sink_partition_key(event->event, hex).len;
    return (uint64_t)event->json.len + 1 +
           (key_len > AROUND_BYTES ? key_len : AROUND_BYTES);
}

/* A name is shorter than 256 characters and has no colon; else it is an ARN.
 */
static bool is_arn(const struct sink_target *target) {
    return strchr(target->stream->sink_name, ':') != NULL;
}

/* --- JSON --------------------------------------------------------------- */

static void write_head(const struct sink_target *target,
                       struct writer *writer) {
    writer_str(writer, is_arn(target) ? "{\"StreamARN\":" : "{\"StreamName\":");
    json_write_string(writer, slice_from_str(target->stream->sink_name));
    writer_str(writer, ",\"Records\":[");
}

static void write_record(const struct sink_target *target,
                         const struct sink_event *event,
                         struct writer *writer) {
    (void)target;
    char hex[DIGEST_HEX_SIZE];
    writer_str(writer, "{\"Data\":\"");
    event_base64_write(writer, event->json);
    writer_str(writer, "\",\"PartitionKey\":");
    json_write_string(writer, sink_partition_key(event->event, hex));
    writer_str(writer, "}");
}

static void write_aggregate(const struct sink_record *record,
                            struct writer *writer) {
    writer_str(writer, "{\"Data\":\"");
    event_base64_write(writer, record->data);
    writer_str(writer, "\",\"PartitionKey\":");
    json_write_string(writer, record->key);
    writer_printf(writer, ",\"ExplicitHashKey\":\"%s\"}", record->hash_key);
}

/* --- CBOR --------------------------------------------------------------- */

enum { CBOR_BYTES = 0x40, CBOR_TEXT = 0x60 };

static void cbor_write_string(struct writer *writer, uint8_t kind,
                              struct slice bytes) {
    if (bytes.len < 24) {
        writer_u8(writer, (uint8_t)(kind + bytes.len));
    } else if (bytes.len <= UINT8_MAX) {
        writer_u8(writer, kind + 24);
        writer_u8(writer, (uint8_t)bytes.len);
    } else if (bytes.len <= UINT16_MAX) {
        writer_u8(writer, kind + 25);
        writer_u16(writer, (uint16_t)bytes.len);
    } else {
        writer_u8(writer, kind + 26);
        writer_u32(writer, (uint32_t)bytes.len);
    }
    writer_slice_add(writer, bytes);
}

static void cbor_write_text(struct writer *writer, const char *text) {
    cbor_write_string(writer, CBOR_TEXT, slice_from_str(text));
}

#define CBOR_MAP_OPEN "\xbf"
#define CBOR_ARRAY_OPEN "\x9f"
#define CBOR_END "\xff"
#define CBOR_MAP_OF_2 "\xa2"
#define CBOR_MAP_OF_3 "\xa3"

static void write_head_cbor(const struct sink_target *target,
                            struct writer *writer) {
    writer_str(writer, CBOR_MAP_OPEN);
    cbor_write_text(writer, is_arn(target) ? "StreamARN" : "StreamName");
    cbor_write_text(writer, target->stream->sink_name);
    cbor_write_text(writer, "Records");
    writer_str(writer, CBOR_ARRAY_OPEN);
}

static void write_record_cbor(const struct sink_target *target,
                              const struct sink_event *event,
                              struct writer *writer) {
    (void)target;
    char hex[DIGEST_HEX_SIZE];
    writer_str(writer, CBOR_MAP_OF_2);
    cbor_write_text(writer, "Data");
    cbor_write_string(writer, CBOR_BYTES, event->json);
    cbor_write_text(writer, "PartitionKey");
    cbor_write_string(writer, CBOR_TEXT, sink_partition_key(event->event, hex));
}

static void write_aggregate_cbor(const struct sink_record *record,
                                 struct writer *writer) {
    writer_str(writer, CBOR_MAP_OF_3);
    cbor_write_text(writer, "Data");
    cbor_write_string(writer, CBOR_BYTES, record->data);
    cbor_write_text(writer, "PartitionKey");
    cbor_write_string(writer, CBOR_TEXT, record->key);
    cbor_write_text(writer, "ExplicitHashKey");
    cbor_write_text(writer, record->hash_key);
}

/* --- the tables --------------------------------------------------------- */

#define KINESIS                                                     \
    .service = "kinesis", .variable = "AWS_ENDPOINT_URL_KINESIS",   \
    .call = "Kinesis_20131202.PutRecords", .what = "stream",        \
    .setting = "sink.kinesis.stream",                               \
    .limits = {.entries_max = RECORDS_MAX, .bytes_max = BYTES_MAX}, \
    .shape = {.list = "Records",                                    \
              .failed = "FailedRecordCount",                        \
              .identity = "SequenceNumber"},                        \
    .entry_bytes_max = RECORD_BYTES_MAX

#define JSON_WIRE                                        \
    .content_type = SINK_JSON, .write_head = write_head, \
    .write_entry = write_record, .between = ",", .tail = "]}"

#define CBOR_WIRE                                                           \
    .content_type = SINK_CBOR, .cbor = true, .write_head = write_head_cbor, \
    .write_entry = write_record_cbor, .between = "", .tail = CBOR_END CBOR_END

/* Whole units, but for what a record may not have. */
#define AGGREGATED           \
    .size = aggregated_size, \
    .run_bytes_max = RECORD_BYTES_MAX - RECORD_BYTES_MAX % AGGREGATE_UNIT

const struct sink sink_kinesis = {KINESIS, JSON_WIRE, .size = record_size};
const struct sink sink_kinesis_cbor = {KINESIS, CBOR_WIRE, .size = record_size};
const struct sink sink_kinesis_aggregated = {KINESIS, JSON_WIRE, AGGREGATED,
                                             .write_record = write_aggregate};
const struct sink sink_kinesis_cbor_aggregated = {
    KINESIS, CBOR_WIRE, AGGREGATED, .write_record = write_aggregate_cbor};
