/* SPDX-License-Identifier: Apache-2.0 */
/* The API's JSON, written straight through a writer. */
#include "gateway/console/reply.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/event/event.h"
#include "gateway/event/json.h"

enum { US_PER_S = 1000000, GAPS_SHOWN = 8 };

const char *reply_link(const struct console_stream *stream) {
    static const char *const names[] = {
        [BRIDGE_LINK_IDLE] = "idle",       [BRIDGE_LINK_ONLINE] = "online",
        [BRIDGE_LINK_OFFLINE] = "offline", [BRIDGE_LINK_REFUSED] = "refused",
        [BRIDGE_LINK_PAUSED] = "paused",
    };
    assert((size_t)stream->bridge.link < sizeof names / sizeof *names);
    return stream->has_sink ? names[stream->bridge.link] : "none";
}

uint64_t reply_backlog(const struct console_stream *stream) {
    uint64_t cursor = stream->bridge.cursor;
    return stream->has_sink && stream->end > cursor ? stream->end - cursor : 0;
}

static void member(struct writer *writer, const char *name) {
    bool first = writer->len > 0 && (writer->data[writer->len - 1] == '{');
    writer_str(writer, first ? "\"" : ",\"");
    writer_str(writer, name);
    writer_str(writer, "\":");
}

static void text_member(struct writer *writer, const char *name,
                        struct slice text) {
    member(writer, name);
    json_write_string(writer, text);
}

static void str_member(struct writer *writer, const char *name,
                       const char *text) {
    text_member(writer, name, slice_from_str(text));
}

static void uint_member(struct writer *writer, const char *name,
                        uint64_t value) {
    member(writer, name);
    writer_printf(writer, "%" PRIu64, value);
}

static void int_member(struct writer *writer, const char *name, int64_t value) {
    member(writer, name);
    writer_printf(writer, "%" PRId64, value);
}

static void bool_member(struct writer *writer, const char *name, bool value) {
    member(writer, name);
    writer_str(writer, value ? "true" : "false");
}

/* RFC 3339, or null for a time that is not set. */
static void time_member(struct writer *writer, const char *name,
                        int64_t wall_us) {
    member(writer, name);
    if (wall_us <= 0) {
        writer_str(writer, "null");
        return;
    }
    char text[EVENT_TIME_SIZE];
    event_time_format(wall_us, text);
    json_write_string(writer, slice_from_str(text));
}

static void age_member(struct writer *writer, const char *name, int64_t now_us,
                       int64_t then_us) {
    member(writer, name);
    if (then_us <= 0) {
        writer_str(writer, "null");
        return;
    }
    int64_t age = now_us > then_us ? (now_us - then_us) / US_PER_S : 0;
    writer_printf(writer, "%" PRId64, age);
}

/* The most recent ranges that damage took, as [first, last]. */
static void write_gaps(const struct console_stream *stream,
                       struct writer *writer) {
    member(writer, "damage");
    writer_str(writer, "[");
    size_t from =
        stream->gap_count > GAPS_SHOWN ? stream->gap_count - GAPS_SHOWN : 0;
    for (size_t i = from; i < stream->gap_count; i++) {
        writer_printf(writer, "%s[%" PRIu64 ",%" PRIu64 "]",
                      i == from ? "" : ",", stream->gaps[i].first,
                      stream->gaps[i].end - 1);
    }
    writer_str(writer, "]");
}

static void write_stream(const struct console_stream *stream, int64_t now_us,
                         struct writer *writer) {
    const struct bridge_stream_status *bridge = &stream->bridge;
    writer_str(writer, "{");
    str_member(writer, "name", stream->name);
    uint_member(writer, "start", stream->start);
    uint_member(writer, "end", stream->end);
    uint_member(writer, "cursor", stream->has_sink ? bridge->cursor : 0);
    uint_member(writer, "backlog", reply_backlog(stream));
    str_member(writer, "link", reply_link(stream));
    time_member(writer, "since", stream->has_sink ? bridge->since_us : 0);
    age_member(writer, "oldest_age_s", now_us, stream->oldest_us);
    uint_member(writer, "received", stream->received);
    uint_member(writer, "accepted", stream->accepted);
    uint_member(writer, "rejected", stream->rejected);
    uint_member(writer, "duplicates", stream->duplicates);
    uint_member(writer, "dropped", stream->dropped);
    uint_member(writer, "lost", bridge->lost);
    str_member(writer, "full", stream->full == NULL ? "" : stream->full);
    uint_member(writer, "damaged", stream->damaged);
    write_gaps(stream, writer);
    uint_member(writer, "sent", bridge->sent);
    uint_member(writer, "repeated", bridge->repeated);
    uint_member(writer, "requests", bridge->requests);
    uint_member(writer, "failures", bridge->failures);
    uint_member(writer, "refused", bridge->refused);
    time_member(writer, "confirmed", bridge->confirmed_us);
    str_member(writer, "last_error", bridge->last_error);
    uint_member(writer, "segments", stream->journal.segments);
    uint_member(writer, "bytes", stream->journal.bytes);
    uint_member(writer, "commits", stream->journal.commits);
    uint_member(writer, "commit_us_last", stream->journal.commit_us_last);
    uint_member(writer, "commit_us_max", stream->journal.commit_us_max);
    writer_str(writer, "}");
}

static const char *text_or_empty(const char *text) {
    return text == NULL ? "" : text;
}

static void write_broker(const struct console_status *status,
                         struct writer *writer) {
    member(writer, "broker");
    writer_str(writer, "{");
    bool_member(writer, "up", status->broker_up);
    uint_member(writer, "port", status->broker_port);
    uint_member(writer, "restarts", status->broker_restarts);
    str_member(writer, "reason", text_or_empty(status->broker_reason));
    str_member(writer, "set_aside", text_or_empty(status->broker_set_aside));
    uint_member(writer, "takeovers", status->broker_takeovers);
    uint_member(writer, "dropped", status->broker_dropped);
    uint_member(writer, "dropped_a_minute", status->broker_dropped_a_minute);
    uint_member(writer, "foreign", status->foreign_messages);
    writer_str(writer, "}");
}

static void write_counts(const struct console_status *status,
                         struct writer *writer) {
    member(writer, "orders");
    if (!status->has_shop) {
        writer_str(writer, "null");
        return;
    }
    writer_str(writer, "{");
    uint_member(writer, "placed", status->orders.placed);
    uint_member(writer, "open", status->orders.open);
    uint_member(writer, "fulfiled", status->orders.fulfiled);
    uint_member(writer, "cancelled", status->orders.cancelled);
    uint_member(writer, "rejected", status->orders.rejected);
    uint_member(writer, "unfitting", status->orders.unfitting);
    writer_str(writer, "}");
}

void reply_status(const struct console_status *status, struct writer *writer) {
    writer_str(writer, "{");
    str_member(writer, "store", status->store);
    str_member(writer, "version", status->version);
    int_member(writer, "uptime_s", status->uptime_s);
    bool_member(writer, "healthy", status->unhealthy == NULL);
    member(writer, "unhealthy");
    if (status->unhealthy == NULL) {
        writer_str(writer, "null");
    } else {
        json_write_string(writer, slice_from_str(status->unhealthy));
    }
    write_broker(status, writer);
    member(writer, "streams");
    for (uint32_t i = 0; i < status->stream_count; i++) {
        writer_str(writer, i == 0 ? "[" : ",");
        write_stream(&status->streams[i], status->now_us, writer);
    }
    writer_str(writer, status->stream_count == 0 ? "[]" : "]");
    write_counts(status, writer);
    int_member(writer, "clock_offset_ms", status->clock_offset_ms);
    writer_str(writer, "}\n");
}

static void write_order(const struct shop_order_view *order,
                        struct writer *writer) {
    static const char *const states[] = {
        [SHOP_ORDER_OPEN] = "open",
        [SHOP_ORDER_FULFILED] = "fulfiled",
        [SHOP_ORDER_CANCELLED] = "cancelled",
        [SHOP_ORDER_REJECTED] = "rejected",
    };
    writer_str(writer, "{");
    text_member(writer, "order_id", order->order_id);
    text_member(writer, "device", order->device);
    str_member(writer, "state", states[order->state]);
    bool_member(writer, "reserved", order->reserved);
    bool_member(writer, "paid", order->paid);
    int_member(writer, "total_minor", order->total_minor);
    str_member(writer, "currency", order->currency);
    text_member(writer, "reason", order->reason);
    time_member(writer, "placed", order->placed_us);
    time_member(writer, "changed", order->changed_us);
    writer_str(writer, "}");
}

struct orders_context {
    struct writer *writer;
    uint32_t count;
};

/* An order that does not fit is left out completely, and so are those after it,
 * which are older. */
static void each_order(void *context, const struct shop_order_view *order) {
    struct orders_context *orders = context;
    struct writer trial = *orders->writer;
    writer_str(&trial, orders->count == 0 ? "" : ",");
    write_order(order, &trial);
    if (!trial.full) {
        *orders->writer = trial;
        orders->count++;
    }
}

void reply_orders(const struct console_source *source, struct writer *writer) {
    static const char head[] = "{\"orders\":[";
    static const char tail[] = "]}\n";
    writer_str(writer, head);
    assert(writer->cap > sizeof head + sizeof tail);
    struct orders_context context = {writer, 0};
    writer->cap -= strlen(tail);
    if (source->orders != NULL) {
        source->orders(source->self, CONSOLE_ORDERS_MAX, each_order, &context);
    }
    writer->cap += strlen(tail);
    writer_str(writer, tail);
}

void reply_error(const char *text, struct writer *writer) {
    writer_str(writer, "{");
    str_member(writer, "error", text);
    writer_str(writer, "}\n");
}

err_t reply_read_uplink(struct slice body, bool *ret_paused,
                        struct reason *reason) {
    static const char wanted[] =
        "expected {\"paused\": true} or {\"paused\": false}";
    struct reason detail;
    if (json_check(body, &detail) != ERR_OK) {
        return reason_set(reason, ERR_PARSE, "the body is not JSON; %s",
                          wanted);
    }
    size_t at = 0;
    size_t count = 0;
    struct slice name;
    struct slice value;
    enum json_kind kind = JSON_NULL;
    while (json_kind(body) == JSON_OBJECT &&
           json_member(body, &at, &name, &value) == ERR_OK) {
        kind = slice_eq_str(name, "paused") ? json_kind(value) : JSON_NULL;
        count++;
    }
    if (count != 1 || (kind != JSON_TRUE && kind != JSON_FALSE)) {
        return reason_set(reason, ERR_RANGE, "%s", wanted);
    }
    *ret_paused = kind == JSON_TRUE;
    return ERR_OK;
}
