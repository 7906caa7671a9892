/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's parts, only for the files that connect them. */
#ifndef GATEWAY_COMMANDS_DAEMON_STATE_H
#define GATEWAY_COMMANDS_DAEMON_STATE_H

#include <uv.h>

#include "bridge/bridge.h"
#include "gateway/commands/backlog_age.h"
#include "gateway/commands/daemon_dead_state.h"
#include "gateway/commands/daemon_identity_state.h"
#include "gateway/commands/daemon_reload_state.h"
#include "gateway/commands/daemon_site_state.h"
#include "gateway/commands/daemon_tls_state.h"
#include "gateway/commands/disk_count.h"
#include "gateway/commands/disk_room.h"
#include "gateway/commands/heartbeat_pace.h"
#include "gateway/commands/notify.h"
#include "gateway/commands/orders_shown.h"
#include "gateway/commands/watchdog.h"
#include "gateway/console/console.h"
#include "gateway/jobs/jobs.h"
#include "gateway/mqtt/broker.h"
#include "gateway/mqtt/broker_rules.h"
#include "gateway/mqtt/publisher.h"
#include "gateway/mqtt/session.h"
#include "gateway/mqtt/watch.h"
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

/* The service manager, and the watchdog over the loops. */
struct daemon_watch {
    struct notify notify;
    struct disk_count disk;
    struct watchdog *watchdog;
    atomic_uint_fast64_t turns; /* of the gateway's loop */
    uv_timer_t ready;
    uint32_t ready_polls;
};

struct daemon_heartbeat {
    struct heartbeat_pace pace;
    uint64_t life; /* random; 0: not made yet */
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
    struct watch *unheard; /* on the publisher's connection */
    struct broker_session sessions[CONFIG_STREAMS_MAX]; /* of the streams */
    struct broker *broker;     /* NULL with an external one */
    struct broker_login login; /* of all connections to the broker */
    struct rules rules;        /* for who lets clients in there */
    struct daemon_tls tls;
    struct daemon_site site;
    struct bridge *bridge; /* NULL if no stream has a sink */
    struct console *console;
    struct daemon_dead dead;
    struct orders_shown orders_shown;
    struct disk_room disk_room;
    struct verdict verdict;
    uint64_t verdict_told; /* its changes that the log was told of */
    struct log_limit verdict_log;
    struct daemon_heartbeat heartbeat;
    struct daemon_watch watch;
    struct daemon_reload reload;
    struct daemon_identity identity;
    int64_t started_us; /* monotonic */
    uint64_t events_seen;
    uint32_t memory_kept; /* since something happened */
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
/* Gives the bridge an EdgeStatus of `status`, if one is due. */
void daemon_heartbeat_tick(struct daemon *daemon,
                           const struct console_status *status);
/* Gives each stream's forecast a sample of what `status` says. */
void daemon_forecast_tick(struct daemon *daemon,
                          const struct console_status *status);
/* What the console may see of the daemon, and do to it. */
struct console_source daemon_console_source(struct daemon *daemon);

/* A stream's journal can be written no more: ends the process. */
void daemon_stream_failed(void *self, const struct reason *reason);

/* --- daemon_broker.c --- */

/* A session for each stream, under the name that it had before. */
err_t daemon_broker_sessions(struct daemon *daemon,
                             struct reason *reason) MUST_USE;
/* Starts the broker, or connects to the one of the configuration. */
err_t daemon_broker_open(struct daemon *daemon, struct reason *reason) MUST_USE;

/* --- daemon_watch.c --- */

/* Before any other thread and before the build. From here on the log never
 * blocks (log_start()), and a start that reads for long asks for time. */
void daemon_watch_begin(struct daemon *daemon);
/* Opens the timer, and closes it. */
void daemon_watch_open(struct daemon *daemon);
void daemon_watch_close(struct daemon *daemon);
/* The build is over: watches the loops, and says READY=1 once every session
 * with the broker is up, or after ten seconds without one: a store whose broker
 * is away is no reason to start the gateway anew. */
void daemon_watch_running(struct daemon *daemon);
/* Devices can connect, and both are up: every session, and the publisher, by
 * which they are answered. */
bool daemon_is_connected(const struct daemon *daemon);
/* The loop turned: about once a second. */
void daemon_watch_turned(struct daemon *daemon);
void daemon_watch_reloading(struct daemon *daemon);
void daemon_watch_reloaded(struct daemon *daemon);
/* What `systemctl status` shows; one line. */
void daemon_watch_status(struct daemon *daemon, const char *status);
/* The loops end. May be called again. */
void daemon_watch_stopping(struct daemon *daemon);
/* Last of all: writes the log, for a second at most. */
void daemon_watch_end(struct daemon *daemon);

#endif
