/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's parts, only for the files that connect them. */
#ifndef GATEWAY_COMMANDS_DAEMON_STATE_H
#define GATEWAY_COMMANDS_DAEMON_STATE_H

#include <uv.h>

#include "bridge/bridge.h"
#include "gateway/commands/backlog_age.h"
#include "gateway/commands/disk_room.h"
#include "gateway/commands/orders_shown.h"
#include "gateway/console/console.h"
#include "gateway/jobs/jobs.h"
#include "gateway/mqtt/broker.h"
#include "gateway/mqtt/publisher.h"
#include "gateway/mqtt/session.h"
#include "gateway/stream/stream.h"

enum { DAEMON_SIGNALS = 2 };

/* A stream and the door to it. */
struct daemon_stream {
    struct stream *stream;
    struct job_thread *commits; /* the journal's own */
    struct session *session;
    struct backlog_age age;
    struct forecast forecast;
};

/* On the heap, for the life of the process. */
struct daemon {
    const struct config *config;
    struct platform platform;
    uv_loop_t loop;
    struct daemon_stream streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    struct job_pool *pool;
    struct publisher *publisher;
    struct broker *broker; /* NULL with an external one */
    struct bridge *bridge; /* NULL if no stream has a sink */
    struct console *console;
    struct orders_shown orders_shown;
    struct disk_room disk_room;
    struct verdict verdict;
    uint64_t verdict_told; /* its changes that the log was told of */
    struct log_limit verdict_log;
    int64_t started_us; /* monotonic */
    uint64_t events_seen;
    bool memory_kept; /* since something happened */
    uv_signal_t signals[DAEMON_SIGNALS];
    uv_timer_t payments;
    uv_timer_t tick;
    uv_timer_t stopping;
    bool loop_open;
    bool handles_open; /* the signals and timers above */
    bool stop_asked;
    int exit_code;
};

/* A commit ended: updates the orders shown if somebody watches them. */
void daemon_console_durable(struct daemon *daemon);
/* Once a second: the verdict is made whether somebody asks for it or not. */
void daemon_console_tick(struct daemon *daemon);
/* Makes the verdict on what `status` says, puts it there, and tells the log. */
void daemon_verdict_make(struct daemon *daemon, struct console_status *status);
/* Gives each stream's forecast a sample of what `status` says. */
void daemon_forecast_tick(struct daemon *daemon,
                          const struct console_status *status);
/* What the console may see of the daemon, and do to it. */
struct console_source daemon_console_source(struct daemon *daemon);

#endif
