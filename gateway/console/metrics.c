/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus text exposition format 0.0.4: for each metric its HELP and TYPE,
 * then one line a stream. Counters end in _total, times are seconds. */
#include <inttypes.h>

#include "gateway/console/reply.h"
#include "gateway/console/reply_dead.h"
#include "gateway/console/reply_tls.h"
#include "gateway/console/reply_verdict.h"

#define PREFIX "shopme_edge_"

static void head(struct writer *writer, const char *name, const char *type,
                 const char *help) {
    writer_printf(writer, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n",
                  name, help, name, type);
}

/* Exact, without a float: microseconds as seconds. */
static void seconds(struct writer *writer, uint64_t us) {
    writer_printf(writer, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000,
                  us % 1000000);
}

/* A metric of the whole gateway. */
static void single(struct writer *writer, const char *name, const char *type,
                   const char *help, uint64_t value) {
    head(writer, name, type, help);
    writer_printf(writer, PREFIX "%s %" PRIu64 "\n", name, value);
}

static uint64_t oldest_age_us(const struct console_status *status,
                              const struct console_stream *stream) {
    bool aged = stream->oldest_us > 0 && status->now_us > stream->oldest_us;
    return aged ? (uint64_t)(status->now_us - stream->oldest_us) : 0;
}

enum unit { UNIT_COUNT, UNIT_SECONDS };

/* A metric of each stream: which figure, and whether it needs a sink. */
struct stream_metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset; /* in struct console_stream */
    enum unit unit;
    bool cloud;
};

#define AT(member) offsetof(struct console_stream, member)

static const struct stream_metric stream_metrics[] = {
    {"events_received_total", "counter", "Events that devices sent.",
     AT(received), UNIT_COUNT, false},
    {"events_accepted_total", "counter", "Events journaled.", AT(accepted),
     UNIT_COUNT, false},
    {"events_rejected_total", "counter", "Events refused with a reason.",
     AT(rejected), UNIT_COUNT, false},
    {"events_duplicate_total", "counter",
     "Events received again and not journaled again.", AT(duplicates),
     UNIT_COUNT, false},
    {"events_dropped_total", "counter",
     "Events dropped to make room before the cloud had them.", AT(dropped),
     UNIT_COUNT, false},
    {"events_damaged", "gauge", "Events that the disk has lost.", AT(damaged),
     UNIT_COUNT, false},
    {"journal_start", "gauge", "Lowest sequence number kept.", AT(start),
     UNIT_COUNT, false},
    {"journal_end", "gauge", "Durable events since the journal began.", AT(end),
     UNIT_COUNT, false},
    {"journal_segments", "gauge", "Segment files.", AT(journal.segments),
     UNIT_COUNT, false},
    {"journal_bytes", "gauge", "Bytes on disk, preallocation included.",
     AT(journal.bytes), UNIT_COUNT, false},
    {"journal_payload_bytes_total", "counter", "Bytes of events journaled.",
     AT(journal.payload), UNIT_COUNT, false},
    {"journal_written_bytes_total", "counter",
     "Bytes given to the disk for them: frames, snapshots, cursors.",
     AT(written), UNIT_COUNT, false},
    {"journal_commits_total", "counter", "Group commits.", AT(journal.commits),
     UNIT_COUNT, false},
    {"journal_commit_last_seconds", "gauge", "Time of the last commit.",
     AT(journal.commit_us_last), UNIT_SECONDS, false},
    {"journal_commit_max_seconds", "gauge", "Longest commit since start.",
     AT(journal.commit_us_max), UNIT_SECONDS, false},
    {"cloud_cursor", "gauge", "Lowest sequence number not confirmed.",
     AT(bridge.cursor), UNIT_COUNT, true},
    {"cloud_sent_total", "counter", "Events confirmed by the cloud.",
     AT(bridge.sent), UNIT_COUNT, true},
    {"cloud_repeated_total", "counter", "Entries sent more than once.",
     AT(bridge.repeated), UNIT_COUNT, true},
    {"cloud_requests_total", "counter", "Requests to the cloud.",
     AT(bridge.requests), UNIT_COUNT, true},
    {"cloud_failures_total", "counter", "Requests without a usable answer.",
     AT(bridge.failures), UNIT_COUNT, true},
    {"cloud_lost_total", "counter",
     "Events trimmed or lost before the cloud confirmed them.", AT(bridge.lost),
     UNIT_COUNT, true},
    {"dead_lettered_total", "counter",
     "Events that the cloud refused for good and that became dead letters.",
     AT(dead.letters), UNIT_COUNT, true},
    {"dead_waiting", "gauge",
     "Events refused for good that are held, since it looks like a mistake.",
     AT(dead.waiting), UNIT_COUNT, true},
    {"cloud_refused", "gauge", "Entries held because the cloud refuses them.",
     AT(bridge.refused), UNIT_COUNT, true},
};

static void stream_value(struct writer *writer, const char *name,
                         const struct console_stream *stream) {
    writer_printf(writer, PREFIX "%s{stream=\"%s\"} ", name, stream->name);
}

static void write_stream_metric(const struct console_status *status,
                                const struct stream_metric *metric,
                                struct writer *writer) {
    head(writer, metric->name, metric->type, metric->help);
    for (uint32_t i = 0; i < status->stream_count; i++) {
        const struct console_stream *stream = &status->streams[i];
        if (metric->cloud && !stream->has_sink) {
            continue;
        }
        uint64_t value;
        memcpy(&value, (const uint8_t *)stream + metric->offset, sizeof value);
        stream_value(writer, metric->name, stream);
        if (metric->unit == UNIT_SECONDS) {
            seconds(writer, value);
        } else {
            writer_printf(writer, "%" PRIu64 "\n", value);
        }
    }
}

static void write_backlog(const struct console_status *status,
                          struct writer *writer) {
    head(writer, "backlog_events", "gauge", "Events not yet in the cloud.");
    for (uint32_t i = 0; i < status->stream_count; i++) {
        stream_value(writer, "backlog_events", &status->streams[i]);
        writer_printf(writer, "%" PRIu64 "\n",
                      reply_backlog(&status->streams[i]));
    }
    head(writer, "backlog_oldest_seconds", "gauge",
         "Age of the oldest event not yet in the cloud.");
    for (uint32_t i = 0; i < status->stream_count; i++) {
        stream_value(writer, "backlog_oldest_seconds", &status->streams[i]);
        seconds(writer, oldest_age_us(status, &status->streams[i]));
    }
}

/* One line for each state a link can have: 1 for the one it is in. */
static void write_links(const struct console_status *status,
                        struct writer *writer) {
    head(writer, "cloud_link", "gauge", "The link to the cloud, by state.");
    for (uint32_t i = 0; i < status->stream_count; i++) {
        const struct console_stream *stream = &status->streams[i];
        for (int j = 0; stream->has_sink && j < BRIDGE_LINK_COUNT; j++) {
            enum bridge_link link = (enum bridge_link)j;
            writer_printf(writer,
                          PREFIX "cloud_link{stream=\"%s\",state=\"%s\"} %d\n",
                          stream->name, bridge_link_name(link),
                          link == stream->bridge.link ? 1 : 0);
        }
    }
}

static void write_orders(const struct shop_counts *orders,
                         struct writer *writer) {
    single(writer, "orders_placed_total", "counter", "Orders placed.",
           orders->placed);
    single(writer, "orders_open", "gauge", "Orders not ended yet.",
           orders->open);
    single(writer, "orders_fulfiled_total", "counter", "Orders fulfiled.",
           orders->fulfiled);
    single(writer, "orders_cancelled_total", "counter", "Orders cancelled.",
           orders->cancelled);
    single(writer, "orders_rejected_total", "counter", "Orders rejected.",
           orders->rejected);
    single(writer, "orders_unfitting_events", "gauge",
           "Events skipped because what they depend on was lost to damage.",
           orders->unfitting);
}

static void write_devices(const struct console_devices *devices,
                          struct writer *writer) {
    const struct presence_counts counts =
        presence_counts(devices->presence, &devices->now);
    single(writer, "devices_registered", "gauge", "Devices with an account.",
           counts.registered);
    single(writer, "devices_online", "gauge",
           "Devices with an account that are connected.", counts.online);
    single(writer, "devices_silent", "gauge",
           "Devices from which nothing came for broker.silent_after.",
           counts.silent);
    single(writer, "devices_strangers", "gauge",
           "Connections to the broker that have no account.", counts.strangers);
    head(writer, "devices_refused_total", "counter",
         "Connections and messages refused to devices, by reason.");
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        writer_printf(
            writer, PREFIX "devices_refused_total{reason=\"%s\"} %" PRIu64 "\n",
            refusal_code((enum refusal)i), devices->refused[i]);
    }
    single(writer, "connections_unnamed_total", "counter",
           "Connections to the broker that ended before they said who came.",
           devices->refused[REFUSAL_NONE]);
}

void reply_metrics(const struct console_status *status, struct writer *writer) {
    head(writer, "info", "gauge",
         "The store's name and the program's version.");
    writer_printf(writer, PREFIX "info{store=\"%s\",version=\"%s\"} 1\n",
                  status->store, status->version);
    single(writer, "uptime_seconds", "gauge", "Seconds since the start.",
           (uint64_t)status->uptime_s);
    reply_verdict_metrics(status, writer);
    reply_tls_metrics(status, writer);
    reply_dead_metrics(status, writer);
    single(writer, "broker_up", "gauge", "1 if the broker answers.",
           status->broker_up);
    single(writer, "broker_restarts_total", "counter",
           "Times the broker was started again.", status->broker_restarts);
    single(writer, "broker_dropped", "gauge",
           "Messages the broker dropped since it started: a client of its does "
           "not keep up.",
           status->broker_dropped);
    single(writer, "session_takeovers_total", "counter",
           "Times another client took a session over at the broker.",
           status->broker_takeovers);
    single(writer, "foreign_messages_total", "counter",
           "Messages on a topic of another store or of no stream: nobody keeps "
           "them.",
           status->foreign_messages);
    head(writer, "clock_offset_seconds", "gauge",
         "The cloud's clock minus this machine's.");
    writer_printf(writer, PREFIX "clock_offset_seconds %.3f\n",
                  (double)status->clock_offset_ms / 1000.0);
    for (size_t i = 0; i < sizeof stream_metrics / sizeof *stream_metrics;
         i++) {
        write_stream_metric(status, &stream_metrics[i], writer);
    }
    write_backlog(status, writer);
    write_links(status, writer);
    if (status->devices.presence != NULL) {
        write_devices(&status->devices, writer);
    }
    if (status->has_shop) {
        write_orders(&status->orders, writer);
    }
}
