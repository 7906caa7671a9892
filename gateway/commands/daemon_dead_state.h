/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway tells head office of dead letters: EventDeadLettered, and
 * EventsDropped for letters that nobody keeps any more, each at most once a
 * minute for a stream; and JournalDamaged for their journal. What was told is
 * marked there once it is durable in the stream: a crash before that tells it
 * twice, and never not at all. */
#ifndef GATEWAY_COMMANDS_DAEMON_DEAD_STATE_H
#define GATEWAY_COMMANDS_DAEMON_DEAD_STATE_H

#include "bridge/dead_status.h"

struct daemon;

/* What is to be said, and is emptied as it is; until it is marked. */
struct daemon_dead_said {
    struct dead_news news; /* `end` 0: there is nothing */
    struct dead_range damage;
    uint64_t needs_end; /* of the stream: then it is durable */
};

/* By the bridge's streams. */
struct daemon_dead {
    struct daemon_dead_said said[DEAD_TOLD_DAMAGE + 1];
    int64_t told_us[CONFIG_STREAMS_MAX]; /* monotonic; 0: never */
};

/* About once a second. */
void daemon_dead_tick(struct daemon *daemon, int64_t mono_us);

#endif
