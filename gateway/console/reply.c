/* SPDX-License-Identifier: Apache-2.0 */
/* The API's JSON, written straight through a writer. */
#include "gateway/console/reply.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/console/put.h"
#include "gateway/console/reply_dead.h"
#include "gateway/console/reply_devices.h"
#include "gateway/console/reply_tls.h"
#include "gateway/console/reply_verdict.h"
#include "gateway/event/json.h"

enum { GAPS_SHOWN = 8 };

const char *reply_link(const struct console_stream *stream) {
    return stream->has_sink ? bridge_link_name(stream->bridge.link) : "none";
}

uint64_t reply_backlog(const struct console_stream *stream) {
    uint64_t cursor = stream->bridge.cursor;
    return stream->has_sink && stream->end > cursor ? stream->end - cursor : 0;
}

/* The most recent ranges that damage took, as [first, last]. */
static void write_gaps(const struct console_stream *stream,
                       struct writer *writer) {
    put_name(writer, "damage");
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
    put_str(writer, "name", stream->name);
    put_uint(writer, "start", stream->start);
    put_uint(writer, "end", stream->end);
    put_uint(writer, "cursor", stream->has_sink ? bridge->cursor : 0);
    put_uint(writer, "backlog", reply_backlog(stream));
    put_str(writer, "link", reply_link(stream));
    put_time(writer, "since", stream->has_sink ? bridge->since_us : 0);
    put_age(writer, "oldest_age_s", now_us, stream->oldest_us);
    put_uint(writer, "received", stream->received);
    put_uint(writer, "accepted", stream->accepted);
    put_uint(writer, "rejected", stream->rejected);
    put_uint(writer, "duplicates", stream->duplicates);
    put_uint(writer, "dropped", stream->dropped);
    put_uint(writer, "lost", bridge->lost);
    put_str(writer, "full", stream->full == NULL ? "" : stream->full);
    put_uint(writer, "damaged", stream->damaged);
    write_gaps(stream, writer);
    put_uint(writer, "sent", bridge->sent);
    put_uint(writer, "repeated", bridge->repeated);
    put_uint(writer, "requests", bridge->requests);
    put_uint(writer, "failures", bridge->failures);
    put_uint(writer, "refused", bridge->refused);
    put_time(writer, "confirmed", bridge->confirmed_us);
    put_str(writer, "last_error", bridge->last_error);
    reply_dead_stream(stream, writer);
    put_uint(writer, "segments", stream->journal.segments);
    put_uint(writer, "bytes", stream->journal.bytes);
    put_uint(writer, "commits", stream->journal.commits);
    put_uint(writer, "commit_us_last", stream->journal.commit_us_last);
    put_uint(writer, "commit_us_max", stream->journal.commit_us_max);
    put_uint(writer, "payload_bytes", stream->journal.payload);
    put_uint(writer, "written_bytes", stream->written);
    reply_forecast(&stream->forecast, writer);
    writer_str(writer, "}");
}

static const char *text_or_empty(const char *text) {
    return text == NULL ? "" : text;
}

static void write_broker(const struct console_status *status,
                         struct writer *writer) {
    put_name(writer, "broker");
    writer_str(writer, "{");
    put_bool(writer, "up", status->broker_up);
    put_uint(writer, "port", status->broker_port);
    put_uint(writer, "restarts", status->broker_restarts);
    put_str(writer, "reason", text_or_empty(status->broker_reason));
    put_str(writer, "set_aside", text_or_empty(status->broker_set_aside));
    put_uint(writer, "takeovers", status->broker_takeovers);
    put_uint(writer, "dropped", status->broker_dropped);
    put_uint(writer, "dropped_a_minute", status->broker_dropped_a_minute);
    put_uint(writer, "foreign", status->foreign_messages);
    writer_str(writer, "}");
}

static void write_counts(const struct console_status *status,
                         struct writer *writer) {
    put_name(writer, "orders");
    if (!status->has_shop) {
        writer_str(writer, "null");
        return;
    }
    writer_str(writer, "{");
    put_uint(writer, "placed", status->orders.placed);
    put_uint(writer, "open", status->orders.open);
    put_uint(writer, "fulfiled", status->orders.fulfiled);
    put_uint(writer, "cancelled", status->orders.cancelled);
    put_uint(writer, "rejected", status->orders.rejected);
    put_uint(writer, "unfitting", status->orders.unfitting);
    writer_str(writer, "}");
}

static void write_credentials(const struct credential_status *credentials,
                              struct writer *writer) {
    put_name(writer, "credentials");
    writer_str(writer, "{");
    put_str(writer, "state", credential_state_name(credentials->state));
    put_str(writer, "source", text_or_empty(credentials->source));
    put_time(writer, "expires", credentials->expires_us);
    put_time(writer, "renewed", credentials->renewed_us);
    put_uint(writer, "renewals", credentials->renewals);
    put_uint(writer, "failures", credentials->failures);
    put_str(writer, "error", credentials->words);
    writer_str(writer, "}");
}

/* As 0.1.0 said it, for who asks that: events are taken. (The verdict says how
 * it is.) */
static bool takes_events(const struct console_status *status) {
    bool takes = status->broker_up;
    for (uint32_t i = 0; i < status->stream_count; i++) {
        takes = takes && status->streams[i].full == NULL;
    }
    return takes;
}

void reply_status(const struct console_status *status, struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "store", status->store);
    put_str(writer, "version", status->version);
    put_int(writer, "uptime_s", status->uptime_s);
    put_bool(writer, "healthy", takes_events(status));
    reply_verdict(status, writer);
    write_broker(status, writer);
    put_name(writer, "streams");
    for (uint32_t i = 0; i < status->stream_count; i++) {
        writer_str(writer, i == 0 ? "[" : ",");
        write_stream(&status->streams[i], status->now_us, writer);
    }
    writer_str(writer, status->stream_count == 0 ? "[]" : "]");
    write_counts(status, writer);
    reply_devices_counts(&status->devices, writer);
    put_int(writer, "clock_offset_ms", status->clock_offset_ms);
    reply_dead(status, writer);
    write_credentials(&status->credentials, writer);
    reply_tls(status, writer);
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
    put_slice(writer, "order_id", order->order_id);
    put_slice(writer, "device", order->device);
    put_str(writer, "state", states[order->state]);
    put_bool(writer, "reserved", order->reserved);
    put_bool(writer, "paid", order->paid);
    put_int(writer, "total_minor", order->total_minor);
    put_str(writer, "currency", order->currency);
    put_slice(writer, "reason", order->reason);
    put_time(writer, "placed", order->placed_us);
    put_time(writer, "changed", order->changed_us);
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
    put_str(writer, "error", text);
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
