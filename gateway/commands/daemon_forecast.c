/* SPDX-License-Identifier: Apache-2.0 */
/* A sample of each stream a second, for its forecast. */
#include "gateway/commands/daemon_state.h"

/* What the disk has left, for all streams. */
static uint64_t disk_left(const struct daemon *daemon) {
    uint64_t floor = daemon->config->free_floor;
    uint64_t left = daemon->disk_room.free_bytes;
    return left > floor ? left - floor : 0;
}

/* Bytes that the stream's journal may take, as the disk is filled now. Without
 * a sink and with `drop_oldest` a journal is a ring that is always full. */
static void fill_capacity(const struct daemon *daemon,
                          const struct stream *stream, uint64_t left,
                          struct forecast_sample *ret) {
    const struct config_stream *config = stream_config(stream);
    uint64_t of_disk = stream_journal_stats(stream)->bytes + left;
    bool less = daemon->disk_room.known && of_disk < config->capacity;
    ret->capacity = less ? of_disk : config->capacity;
    ret->bounded = config->sink != CONFIG_SINK_NONE ||
                   config->when_full != CONFIG_FULL_DROP_OLDEST;
}

static void add_sample(const struct daemon *daemon, struct daemon_stream *slot,
                       const struct console_stream *shown, uint64_t left,
                       int64_t now_us) {
    struct forecast_sample sample = {
        .now_us = now_us,
        .start = shown->start,
        .end = shown->end,
        .space = shown->journal.space,
        .payload = shown->journal.payload,
        .frames = shown->journal.frames,
        .written = shown->written,
    };
    if (shown->has_sink) {
        sample.cursor = shown->bridge.cursor;
        sample.sent = shown->bridge.sent;
    }
    fill_capacity(daemon, slot->stream, left, &sample);
    forecast_add(&slot->forecast, &sample);
}

void daemon_forecast_tick(struct daemon *daemon,
                          const struct console_status *status) {
    disk_room_tick(&daemon->disk_room, status->mono_us);
    uint64_t all = 0;
    for (uint32_t i = 0; i < status->stream_count; i++) {
        all += forecast_growth(&status->streams[i].forecast);
    }
    for (uint32_t i = 0; i < status->stream_count; i++) {
        const struct console_stream *shown = &status->streams[i];
        uint64_t left = forecast_share(disk_left(daemon),
                                       forecast_growth(&shown->forecast), all);
        add_sample(daemon, &daemon->streams[i], shown, left, status->mono_us);
    }
}
