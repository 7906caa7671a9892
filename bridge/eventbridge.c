/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon EventBridge: PutEvents (API reference 2015-10-07). The size of a
 * request is the sum over its entries of 14 for Time and the bytes of Source,
 * DetailType and Detail, unescaped (EventBridge user guide, "Calculating
 * PutEvents event entry size"). AWS refused 262,144 bytes when we tried, so the
 * limit is one less, and so for the one of 1 MiB that came in 2025 (Amazon
 * EventBridge quotas). An entry for a bus that does not exist is answered as a
 * success and lost, hence the probe. */
#include "bridge/sink.h"

#include "gateway/event/event_type.h"
#include "gateway/event/json.h"

enum {
    ENTRIES_MAX = 10,
    BYTES_MAX = 256 * 1024 - 1,
    BYTES_LARGE_MAX = 1024 * 1024 - 1,
    TIME_BYTES = 14,
};

/* --- Source ------------------------------------------------------------- */

enum { SOURCE_MAX = 2 * CONFIG_NAME_MAX + 16 };

/* The prefix, with the store's name for the one "{store}" it may have. */
static void write_prefix(const struct config *config, struct writer *writer) {
    const char *prefix = config->cloud.source_prefix;
    const char *place = strstr(prefix, CONFIG_STORE_PLACE);
    if (place == NULL) {
        writer_str(writer, prefix);
        return;
    }
    writer_slice_add(writer, slice_of(prefix, (size_t)(place - prefix)));
    writer_str(writer, config->store);
    writer_str(writer, place + strlen(CONFIG_STORE_PLACE));
}

/* "com.shopme.order", or "com.shopme.device" for all that devices say: the same
 * for every store, so that one rule serves them all, unless the configuration
 * wants the store's name in it. */
static struct slice source_of(const struct sink_target *target,
                              const struct event *event,
                              struct writer *writer) {
    write_prefix(target->config, writer);
    writer_str(writer, ".");
    writer_str(writer,
               event_type_cloud_source(event->type, event->source,
                                       slice_from_str(target->config->store)));
    return writer_slice(writer);
}

/* --- Detail ------------------------------------------------------------- */

/* The event, or its data alone, which must be an object then: an event without
 * data has an empty one. */
static bool find_detail(const struct sink_target *target,
                        const struct sink_event *event, struct slice *ret) {
    struct slice value;
    *ret = event->json;
    if (target->stream->detail == CONFIG_DETAIL_CLOUDEVENT) {
        return true;
    }
    *ret = SLICE("{}");
    if (event->event->data_kind == EVENT_DATA_NONE) {
        return true;
    }
    if (json_get(event->json, "data", &value) != ERR_OK) {
        return false;
    }
    if (json_kind(value) == JSON_OBJECT) {
        *ret = value;
    }
    return json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_NULL;
}

static const char *unfit(const struct sink_target *target,
                         const struct sink_event *event) {
    struct slice detail;
    return find_detail(target, event, &detail)
               ? NULL
               : "its data is no JSON object, and `detail: data` sends nothing "
                 "else";
}

/* --- entries ------------------------------------------------------------ */

static uint64_t entry_size(const struct sink_target *target,
                           const struct sink_event *event) {
    char memory[SOURCE_MAX];
    struct writer writer = writer_over(memory, sizeof memory);
    struct slice source = source_of(target, event->event, &writer);
    struct slice detail;
    (void)find_detail(target, event, &detail);
    return TIME_BYTES + (uint64_t)source.len + event->event->type.len +
           detail.len;
}

static void write_head(const struct sink_target *target,
                       struct writer *writer) {
    (void)target;
    writer_str(writer, "{\"Entries\":[");
}

/* Seconds since 1970 with milliseconds; a clock before 1970 counts as 1970. */
static void write_time(int64_t wall_us, struct writer *writer) {
    int64_t ms = wall_us > 0 ? wall_us / 1000 : 0;
    writer_printf(writer, "%lld.%03lld", (long long)(ms / 1000),
                  (long long)(ms % 1000));
}

static void write_entry(const struct sink_target *target,
                        const struct sink_event *event, struct writer *writer) {
    char memory[SOURCE_MAX];
    struct writer source = writer_over(memory, sizeof memory);
    struct slice detail;
    (void)find_detail(target, event, &detail);
    writer_str(writer, "{\"Time\":");
    write_time(event->record.wall_us, writer);
    writer_str(writer, ",\"Source\":");
    json_write_string(writer, source_of(target, event->event, &source));
    writer_str(writer, ",\"DetailType\":");
    json_write_string(writer, event->event->type);
    writer_str(writer, ",\"Detail\":");
    json_write_string(writer, detail);
    writer_str(writer, ",\"EventBusName\":");
    json_write_string(writer, slice_from_str(target->stream->sink_name));
    writer_str(writer, "}");
}

static void write_probe(const struct sink_target *target,
                        struct writer *writer) {
    writer_str(writer, "{\"Name\":");
    json_write_string(writer, slice_from_str(target->stream->sink_name));
    writer_str(writer, "}");
}

#define EVENTBRIDGE(most)                                                 \
    .service = "events", .variable = "AWS_ENDPOINT_URL_EVENTBRIDGE",      \
    .call = "AWSEvents.PutEvents", .what = "event bus",                   \
    .setting = "sink.eventbridge.bus", .content_type = SINK_JSON,         \
    .limits = {.entries_max = ENTRIES_MAX, .bytes_max = (most)},          \
    .shape = {.list = "Entries",                                          \
              .failed = "FailedEntryCount",                               \
              .identity = "EventId"},                                     \
    .size = entry_size, .entry_bytes_max = (most), .unfit = unfit,        \
    .write_head = write_head, .write_entry = write_entry, .between = ",", \
    .tail = "]}", .probe_call = "AWSEvents.DescribeEventBus",             \
    .probe_member = "Arn", .write_probe = write_probe

const struct sink sink_eventbridge = {EVENTBRIDGE(BYTES_MAX)};
const struct sink sink_eventbridge_large = {EVENTBRIDGE(BYTES_LARGE_MAX)};
