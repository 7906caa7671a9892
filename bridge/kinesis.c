/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon Kinesis Data Streams: PutRecords (API reference 2013-12-02). A
 * record's size is its data before base64 plus its partition key. */
#include "bridge/sink.h"

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

/* The event's key; if it is too long, its SHA-256, so that it still names one
 * shard. `hex` then holds the slice's bytes. */
static struct slice partition_key(const struct event *event,
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
    return (uint64_t)event->json.len + partition_key(event->event, hex).len;
}

static void write_head(const struct sink_target *target,
                       struct writer *writer) {
    writer_str(writer, "{\"StreamName\":");
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
    json_write_string(writer, partition_key(event->event, hex));
    writer_str(writer, "}");
}

static const char *const RETRYABLE[] = {"InternalFailure", NULL};

const struct sink sink_kinesis = {
    .service = "kinesis",
    .variable = "AWS_ENDPOINT_URL_KINESIS",
    .call = "Kinesis_20131202.PutRecords",
    .what = "stream",
    .setting = "sink.kinesis.stream",
    .limits = {.entries_max = RECORDS_MAX, .bytes_max = BYTES_MAX},
    .shape = {.list = "Records",
              .failed = "FailedRecordCount",
              .identity = "SequenceNumber",
              .retryable = RETRYABLE},
    .size = record_size,
    .entry_bytes_max = RECORD_BYTES_MAX,
    .write_head = write_head,
    .write_entry = write_record,
};
