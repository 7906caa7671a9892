/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/daemon_state.h"

#define MINUTE_US ((int64_t)60 * 1000 * 1000)

static struct stream *stream_named(const struct daemon *daemon,
                                   const char *name) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        struct stream *stream = daemon->streams[i].stream;
        if (strcmp(stream_config(stream)->name, name) == 0) {
            return stream;
        }
    }
    return NULL;
}

/* What could not be said now is said later; what never can be ends the process
 * in another way. */
static bool say(struct stream *stream, struct dead_range *range,
                const char *code) {
    if (range->count == 0) {
        return false;
    }
    uint64_t most = range->last - range->first + 1;
    uint64_t count = range->count < most ? range->count : most;
    if (stream_dead_lettered(stream, range->first, range->last, count, code) !=
        ERR_OK) {
        return false;
    }
    *range = (struct dead_range){0, 0, 0};
    return true;
}

void daemon_dead_tick(struct daemon *daemon, int64_t mono_us) {
    struct bridge_status status = {.stream_count = 0};
    if (daemon->bridge == NULL) {
        return;
    }
    bridge_status(daemon->bridge, &status);
    for (uint32_t i = 0; i < status.stream_count; i++) {
        struct dead_news *waits = &daemon->dead.news[i];
        int64_t *told_us = &daemon->dead.told_us[i];
        struct dead_news news = bridge_dead_news(daemon->bridge, i);
        struct stream *stream = stream_named(daemon, status.streams[i].name);
        dead_news_move(waits, &news);
        if (stream == NULL ||
            (*told_us > 0 && mono_us - *told_us < MINUTE_US)) {
            continue;
        }
        bool said = say(stream, &waits->letters, waits->code);
        said |= say(stream, &waits->dropped, NULL);
        *told_us = said ? mono_us : *told_us;
    }
}
