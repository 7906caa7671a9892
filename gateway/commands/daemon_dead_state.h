/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway tells head office of dead letters: EventDeadLettered, and
 * EventsDropped for letters that nobody keeps any more, each at most once a
 * minute for a stream. */
#ifndef GATEWAY_COMMANDS_DAEMON_DEAD_STATE_H
#define GATEWAY_COMMANDS_DAEMON_DEAD_STATE_H

#include "bridge/dead_status.h"

struct daemon;

/* By the bridge's streams. */
struct daemon_dead {
    struct dead_news news[CONFIG_STREAMS_MAX]; /* not told yet */
    int64_t told_us[CONFIG_STREAMS_MAX];       /* monotonic; 0: never */
};

/* About once a second. */
void daemon_dead_tick(struct daemon *daemon, int64_t mono_us);

#endif
