/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/edge_status.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/console/put.h"
#include "gateway/console/reply.h"
#include "gateway/event/event_type.h"

/* Each code once, whatever streams it is of. */
static void write_reasons(const struct verdict *verdict,
                          struct writer *writer) {
    bool said[CONDITION_COUNT] = {false};
    struct verdict_reason reason;
    const char *before = "";
    put_name(writer, "reasons");
    writer_str(writer, "[");
    for (uint32_t at = 0; verdict_next(verdict, &at, &reason);) {
        size_t condition = 0;
        while (verdict_about((enum verdict_condition)condition) !=
               reason.about) {
            condition++;
            assert(condition < CONDITION_COUNT);
        }
        if (!said[condition]) {
            writer_printf(writer, "%s\"%s\"", before, reason.about->code);
            before = ",";
        }
        said[condition] = true;
    }
    writer_str(writer, "]");
}

/* The number of its last event; null: it has had none. */
static void put_last(const struct console_stream *stream,
                     struct writer *writer) {
    if (stream->end > 0) {
        put_uint(writer, "last", stream->end - 1);
        return;
    }
    put_name(writer, "last");
    writer_str(writer, "null");
}

static void write_stream(const struct console_status *status,
                         const struct console_stream *stream,
                         struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "name", stream->name);
    put_last(stream, writer);
    put_str(writer, "link", reply_link(stream));
    put_uint(writer, "backlog", reply_backlog(stream));
    put_uint(writer, "held", stream->has_sink ? stream->bridge.refused : 0);
    put_age(writer, "oldest_age_s", status->now_us, stream->oldest_us);
    put_span(writer, "drained_in_s", stream->forecast.drained_in_s);
    put_span(writer, "full_in_s", stream->forecast.full_in_s);
    writer_str(writer, "}");
}

static void write_streams(const struct console_status *status,
                          struct writer *writer) {
    put_name(writer, "streams");
    writer_str(writer, "[");
    for (uint32_t i = 0; i < status->stream_count; i++) {
        writer_str(writer, i > 0 ? "," : "");
        write_stream(status, &status->streams[i], writer);
    }
    writer_str(writer, "]");
}

static int64_t sooner(int64_t a, int64_t b) {
    if (a == 0 || b == 0) {
        return a == 0 ? b : a;
    }
    return a < b ? a : b;
}

/* Of the listener, of its authority, of a device. */
static void put_certificate(const struct verdict_tls_facts *tls,
                            struct writer *writer) {
    int64_t ends_us = sooner(tls->server_ends_us,
                             sooner(tls->ca_ends_us, tls->device_ends_us));
    put_second(writer, "certificate_ends", ends_us == INT64_MAX ? 0 : ends_us);
}

static void write_data(const struct console_status *status,
                       const struct edge_status_head *head,
                       struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "store", status->store);
    put_name(writer, "life");
    writer_printf(writer, "\"%016" PRIx64 "\"", head->life);
    put_uint(writer, "number", head->number);
    put_str(writer, "version", status->version);
    put_int(writer, "uptime_s", status->uptime_s);
    put_str(writer, "verdict", verdict_level_name(status->verdict->level));
    write_reasons(status->verdict, writer);
    write_streams(status, writer);
    put_int(writer, "clock_offset_ms", status->clock_offset_ms);
    put_certificate(&status->tls, writer);
    put_second(writer, "credentials_end", status->credentials.expires_us);
    put_uint(writer, "dead_letters", status->dead.letters);
    writer_str(writer, "}");
}

void edge_status_write(const struct console_status *status,
                       const struct edge_status_head *head,
                       struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "specversion", "1.0");
    put_name(writer, "id");
    writer_printf(writer, "\"%016" PRIx64 "-%" PRIu64 "\"", head->life,
                  head->number);
    put_name(writer, "source");
    writer_printf(writer, "\"/%s/%s\"", status->store,
                  event_publisher_name(EVENT_PUBLISHER_GATEWAY));
    put_str(writer, "type", event_type_name(EVENT_TYPE_EDGE_STATUS));
    put_time(writer, "time", status->now_us);
    put_str(writer, "datacontenttype", "application/json");
    put_name(writer, "data");
    write_data(status, head, writer);
    writer_str(writer, "}");
}
