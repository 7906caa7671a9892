/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon under a service manager: what it is told (sd_notify(3)), and the
 * watchdog over the loops. */
#ifndef GATEWAY_COMMANDS_DAEMON_WATCH_H
#define GATEWAY_COMMANDS_DAEMON_WATCH_H

#include <stdatomic.h>
#include <uv.h>

#include "gateway/commands/disk_count.h"
#include "gateway/commands/notify.h"
#include "gateway/commands/watchdog.h"

struct daemon;

struct daemon_watch {
    struct notify notify;
    struct disk_count disk;
    struct watchdog *watchdog;
    atomic_uint_fast64_t turns; /* of the gateway's loop */
    uv_timer_t ready;
    uint32_t ready_polls;
};

/* Before any other thread and before the build. From here on the log never
 * blocks (log_start()), and a start that reads for long asks for time. */
void daemon_watch_begin(struct daemon *daemon);
/* Opens the timer, and closes it. */
void daemon_watch_open(struct daemon *daemon);
void daemon_watch_close(struct daemon *daemon);
/* The build is over: watches the loops, and says READY=1 once every session
 * with the broker is up, or after ten seconds without one: a store whose
 * broker is away is no reason to start the gateway anew. */
void daemon_watch_running(struct daemon *daemon);
/* The loop turned: about once a second. */
void daemon_watch_turned(struct daemon *daemon);
void daemon_watch_reloading(struct daemon *daemon);
void daemon_watch_reloaded(struct daemon *daemon);
/* The loops end. May be called again. */
void daemon_watch_stopping(struct daemon *daemon);
/* Last of all: writes the log, for a second at most. */
void daemon_watch_end(struct daemon *daemon);

#endif
