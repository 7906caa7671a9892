/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "gateway/commands/daemon_state.h"
#include "gateway/stream/stream_dead.h"

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

/* Empties the range once it is said. What could not be said now is said later;
 * what never can be ends the process in another way. */
static void say(struct stream *stream, struct daemon_dead_said *said,
                struct dead_range *range, struct stream_dead dead) {
    if (range->count == 0) {
        return;
    }
    assert(range->first <= range->last);
    uint64_t most = range->last - range->first + 1;
    dead.first = range->first;
    dead.last = range->last;
    dead.count = range->count < most ? range->count : most;
    if (stream_say_dead(stream, &dead, &said->needs_end) == ERR_OK) {
        *range = (struct dead_range){0, 0, 0};
    }
}

/* Says what is left of it; once all of it is durable, the mark is ordered. */
static void go_on(struct daemon *daemon, struct stream *stream,
                  struct daemon_dead_said *said, uint32_t number) {
    struct dead_news *news = &said->news;
    say(stream, said, &news->letters,
        (struct stream_dead){.kind = STREAM_DEAD_LETTERED, .code = news->code});
    say(stream, said, &news->dropped,
        (struct stream_dead){.kind = STREAM_DEAD_DROPPED});
    say(stream, said, &said->damage,
        (struct stream_dead){.kind = STREAM_DEAD_DAMAGED});
    bool all = news->letters.count == 0 && news->dropped.count == 0 &&
               said->damage.count == 0;
    if (all && atomic_load(&stream_position(stream)->end) >= said->needs_end) {
        bridge_dead_told(daemon->bridge, number, news->end);
    }
}

static void tell_news(struct daemon *daemon, struct stream *stream,
                      uint32_t number, const struct dead_news *news,
                      int64_t mono_us) {
    assert(number < DEAD_TOLD_DAMAGE);
    struct daemon_dead_said *said = &daemon->dead.said[number];
    int64_t *told_us = &daemon->dead.told_us[number];
    if (said->news.end > 0 && news->told >= said->news.end) {
        *said = (struct daemon_dead_said){.needs_end = 0};
    }
    bool any = news->letters.count > 0 || news->dropped.count > 0;
    bool due = *told_us == 0 || mono_us - *told_us >= MINUTE_US;
    if (said->news.end == 0 && any && due) {
        said->news = *news;
        *told_us = mono_us;
    }
    if (said->news.end > 0) {
        go_on(daemon, stream, said, number);
    }
}

/* In the first stream that goes to the cloud. */
static void tell_damage(struct daemon *daemon, struct stream *stream,
                        const struct dead_range *damage) {
    struct daemon_dead_said *said = &daemon->dead.said[DEAD_TOLD_DAMAGE];
    if (said->news.end > 0 &&
        (damage->count == 0 || damage->first >= said->news.end)) {
        *said = (struct daemon_dead_said){.needs_end = 0};
    }
    if (said->news.end == 0 && damage->count > 0) {
        said->damage = *damage;
        said->news.end = damage->last + 1;
    }
    if (said->news.end > 0) {
        go_on(daemon, stream, said, DEAD_TOLD_DAMAGE);
    }
}

void daemon_dead_tick(struct daemon *daemon, int64_t mono_us) {
    struct bridge_status status = {.stream_count = 0};
    bool first = true;
    if (daemon->bridge == NULL) {
        return;
    }
    bridge_status(daemon->bridge, &status);
    for (uint32_t i = 0; i < status.stream_count; i++) {
        struct stream *stream = stream_named(daemon, status.streams[i].name);
        if (stream == NULL || stream_config(stream)->sink == CONFIG_SINK_NONE) {
            continue;
        }
        tell_news(daemon, stream, i, &status.dead.streams[i].news, mono_us);
        if (first) {
            tell_damage(daemon, stream, &status.dead.damage);
        }
        first = false;
    }
}
