/* SPDX-License-Identifier: Apache-2.0 */
/* What the console shows, gathered from the parts. */
#include "gateway/commands/daemon_state.h"
#include "gateway/journal/reader.h"

enum { US_A_SECOND = 1000000, WATCHED_S = 10 };

static void fill_damage(struct stream *stream, struct console_stream *ret) {
    ret->gaps = stream_gaps(stream, &ret->gap_count);
    for (size_t i = 0; i < ret->gap_count; i++) {
        ret->damaged += ret->gaps[i].end - ret->gaps[i].first;
    }
}

/* The stream's own, or the bridge's for it. */
static void fill_disk_job(const struct stream *stream, int64_t mono_us,
                          int64_t dead_since_us, struct console_stream *ret) {
    struct stream_disk_job job = stream_disk_job(stream);
    const struct bridge_stream_status *bridge = &ret->bridge;
    if (bridge->disk_job != NULL &&
        (job.what == NULL || bridge->disk_since_us < job.since_us)) {
        job.what = bridge->disk_job;
        job.since_us = bridge->disk_since_us;
    }
    if (ret->has_sink && dead_since_us > 0 &&
        (job.what == NULL || dead_since_us < job.since_us)) {
        job.what = "writing dead letters";
        job.since_us = dead_since_us;
    }
    ret->disk_job = job.what;
    ret->disk_job_us = job.what == NULL ? 0 : mono_us - job.since_us;
}

static void fill_stream(struct daemon_stream *slot,
                        struct console_stream *ret) {
    const struct stream_counts counts = stream_counts(slot->stream);
    const struct journal_position *position = stream_position(slot->stream);
    ret->name = stream_config(slot->stream)->name;
    ret->end = atomic_load(&position->end);
    ret->received = counts.received;
    ret->accepted = counts.accepted;
    ret->rejected = counts.rejected;
    ret->duplicates = counts.duplicates;
    ret->too_old = counts.too_old;
    ret->dropped = counts.dropped;
    fill_damage(slot->stream, ret);
    ret->start = atomic_load(&position->start);
    ret->full = stream_full_reason(slot->stream);
    ret->journal = *stream_journal_stats(slot->stream);
    ret->written = stream_written(slot->stream);
    ret->has_sink = stream_config(slot->stream)->sink != CONFIG_SINK_NONE;
    ret->holds_refused =
        stream_config(slot->stream)->on_refused == CONFIG_REFUSED_HOLD;
    ret->forecast = forecast_view(&slot->forecast);
    if (ret->has_sink) {
        ret->oldest_us =
            backlog_age_us(&slot->age, ret->bridge.cursor, ret->end);
        ret->written += ret->bridge.saves * JOURNAL_PAGE;
    }
}

/* The bridge knows the streams that have a sink. */
static void fill_streams(struct daemon *daemon, struct console_status *ret) {
    struct bridge_status bridge = {0};
    if (daemon->bridge != NULL) {
        bridge_status(daemon->bridge, &bridge);
    }
    ret->clock_offset_ms = bridge.clock_offset_ms;
    ret->dead = bridge.dead;
    ret->credentials = bridge.credentials;
    memcpy(ret->authorities, bridge.authorities, sizeof ret->authorities);
    ret->stream_count = daemon->stream_count;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        struct daemon_stream *slot = &daemon->streams[i];
        const struct bridge_stream_status *status =
            bridge_status_find(&bridge, stream_config(slot->stream)->name);
        if (status != NULL) {
            ret->streams[i].bridge = *status;
            ret->streams[i].dead = bridge.dead.streams[status - bridge.streams];
        }
        fill_stream(slot, &ret->streams[i]);
        fill_disk_job(slot->stream, ret->mono_us, bridge.dead.job_since_us,
                      &ret->streams[i]);
    }
}

static const char *contended(const struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        const char *why = session_contended(daemon->streams[i].session);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

static void fill_broker(struct daemon *daemon, struct console_status *ret) {
    ret->broker_up = daemon_is_connected(daemon);
    ret->broker_port = daemon->config->broker.address.port;
    ret->broker_reason = contended(daemon);
    ret->broker_contended = ret->broker_reason != NULL;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        ret->broker_takeovers += session_takeovers(daemon->streams[i].session);
    }
    if (daemon->broker != NULL) {
        const struct broker_status broker = broker_status(daemon->broker);
        ret->broker_port = broker.port;
        ret->broker_restarts = broker.restarts;
        ret->broker_set_aside = broker.set_aside;
        ret->broker_set_aside_count = broker.set_aside_count;
        if (!broker.open) {
            ret->broker_reason = broker.reason;
        }
    }
    const struct watch_counts watched =
        watch_counts(daemon->unheard, uv_now(&daemon->loop));
    ret->broker_dropped = watched.dropped;
    ret->broker_dropped_a_minute = watched.dropped_a_minute;
    ret->broker_dropped_seen = watched.dropped_seen;
    ret->broker_rival = watched.rival;
    ret->foreign_messages = watched.foreign;
    ret->foreign_topic = watched.foreign_last;
}

static struct stream *shop_stream(const struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        if (stream_shop(daemon->streams[i].stream) != NULL) {
            return daemon->streams[i].stream;
        }
    }
    return NULL;
}

/* Then everything the shop knows is on disk. */
static void refresh_orders(struct daemon *daemon, struct stream *stream) {
    if (stream_is_settled(stream)) {
        orders_shown_take(&daemon->orders_shown, stream_shop(stream));
    }
}

void daemon_console_durable(struct daemon *daemon) {
    const struct clock *clock = &daemon->platform.clock;
    int64_t unwatched_us =
        clock->mono_us(clock->self) - daemon->orders_shown.watched_us;
    struct stream *stream = shop_stream(daemon);
    if (stream != NULL && unwatched_us < (int64_t)WATCHED_S * US_A_SECOND) {
        refresh_orders(daemon, stream);
    }
}

static const struct orders_shown *look_at_orders(struct daemon *daemon,
                                                 struct stream *stream) {
    const struct clock *clock = &daemon->platform.clock;
    daemon->orders_shown.watched_us = clock->mono_us(clock->self);
    refresh_orders(daemon, stream);
    return &daemon->orders_shown;
}

/* All but the orders, which cost something only while somebody watches. */
static void fill_facts(struct daemon *daemon, struct console_status *ret) {
    const struct clock *clock = &daemon->platform.clock;
    ret->store = daemon->config->store;
    ret->version = SHOPME_EDGE_VERSION;
    ret->now_us = clock->wall_us(clock->self);
    ret->mono_us = clock->mono_us(clock->self);
    ret->uptime_s = (ret->mono_us - daemon->started_us) / US_A_SECOND;
    fill_broker(daemon, ret);
    fill_streams(daemon, ret);
    daemon_presence_fill(daemon, &ret->devices);
    daemon_verdict_make(daemon, ret);
}

void daemon_console_tick(struct daemon *daemon) {
    struct console_status status = {0};
    fill_facts(daemon, &status);
    daemon_forecast_tick(daemon, &status);
    daemon_heartbeat_tick(daemon, &status);
    daemon_dead_tick(daemon, status.mono_us);
}

static void fill_status(void *self, struct console_status *ret) {
    struct daemon *daemon = self;
    fill_facts(daemon, ret);
    struct stream *stream = shop_stream(daemon);
    ret->has_shop = stream != NULL;
    if (stream != NULL) {
        ret->orders = look_at_orders(daemon, stream)->counts;
    }
}

static void each_order(void *self, uint32_t max,
                       void (*each)(void *context,
                                    const struct shop_order_view *view),
                       void *context) {
    struct stream *stream = shop_stream(self);
    if (stream == NULL) {
        return;
    }
    const struct orders_shown *shown = look_at_orders(self, stream);
    for (uint32_t i = 0; i < shown->count && i < max; i++) {
        each(context, &shown->views[i]);
    }
}

static err_t set_uplink(void *self, bool paused) {
    struct daemon *daemon = self;
    ENSURE(daemon->bridge != NULL, ERR_NOT_FOUND);
    bridge_pause(daemon->bridge, paused);
    return ERR_OK;
}

static err_t order_dead(void *self, enum dead_ask ask, const uint64_t *ids,
                        uint32_t count, uint64_t *ret_number) {
    struct daemon *daemon = self;
    ENSURE(daemon->bridge != NULL, ERR_NOT_FOUND);
    return bridge_dead_order(daemon->bridge, ask, ids, count, ret_number);
}

struct console_source daemon_console_source(struct daemon *daemon) {
    return (struct console_source){
        .self = daemon,
        .status = fill_status,
        .orders = each_order,
        .uplink = set_uplink,
        .dead = order_dead,
        .change = daemon_identity_change,
        .identity = daemon_identity_fill,
        .devices = daemon_presence_fill,
    };
}
