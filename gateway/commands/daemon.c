/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/daemon.h"

#include <assert.h>
#include <malloc.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "gateway/commands/daemon_state.h"
#include "gateway/commands/journals.h"
#include "gateway/mqtt/site_login.h"

enum {
    PAYMENTS_REPEAT_MS = 5000,
    TICK_MS = 1000,
    STOP_POLL_MS = 5,

    HEAPS = 2,
    QUIET_TICKS = 5,
    LARGE_BLOCK = 128 * 1024, /* glibc's own, which so stays as it is */
};

/* --- Stopping ----------------------------------------------------------- */

static bool any_busy(const struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        const struct daemon_stream *slot = &daemon->streams[i];
        if (session_is_busy(slot->session) || !stream_is_idle(slot->stream) ||
            slot->age.running) {
            return true;
        }
    }
    return daemon->disk_room.running || daemon_reload_is_busy(daemon) ||
           daemon_site_is_busy(daemon) || daemon_tls_is_busy(daemon) ||
           daemon_identity_is_busy(daemon);
}

/* A commit in flight is awaited: its batch is journaled, and devices send again
 * what could not be acknowledged. */
static void on_stopping(uv_timer_t *timer) {
    struct daemon *daemon = timer->data;
    if (!any_busy(daemon)) {
        uv_stop(&daemon->loop);
    }
}

static void stop(struct daemon *daemon, int exit_code) {
    if (daemon->exit_code == EXIT_SUCCESS) {
        daemon->exit_code = exit_code; /* also of what fails while stopping */
    }
    if (daemon->stop_asked) {
        return;
    }
    daemon->stop_asked = true;
    daemon_watch_stopping(daemon);
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        session_untarget(daemon->streams[i].session);
        stream_give_up(daemon->streams[i].stream);
    }
    uv_timer_start(&daemon->stopping, on_stopping, 0, STOP_POLL_MS);
}

static void on_signal(uv_signal_t *handle, int number) {
    log_line(LOG_INFO, "daemon", "stopping signal=%d", number);
    stop(handle->data, EXIT_SUCCESS);
}

void daemon_stream_failed(void *self, const struct reason *reason) {
    log_line(LOG_ERROR, "daemon",
             "journal_failed reason=\"%s\"; nothing more is acknowledged; "
             "fix the disk and restart the gateway",
             reason->text);
    stop(self, DAEMON_EXIT_JOURNAL);
}

/* --- Running ------------------------------------------------------------ */

static void on_durable(void *self) {
    struct daemon *daemon = self;
    if (daemon->bridge != NULL) {
        bridge_wake(daemon->bridge);
    }
    daemon_console_durable(daemon);
}

static void repeat_payments(struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        stream_repeat_payments(daemon->streams[i].stream);
    }
}

static void on_publisher_up(void *self) {
    repeat_payments(self);
}

static void on_payments(uv_timer_t *timer) {
    repeat_payments(timer->data);
}

/* What a burst took goes back to the system once nothing happens any more. */
static void give_memory_back(struct daemon *daemon) {
    uint64_t events = 0;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        const struct stream *stream = daemon->streams[i].stream;
        events += stream_counts(stream).received;
        events += atomic_load(&stream_position(stream)->end);
    }
    if (events != daemon->events_seen) {
        daemon->events_seen = events;
        daemon->memory_kept = QUIET_TICKS; /* the cloud comes later */
    } else if (daemon->memory_kept > 0) {
        daemon->memory_kept--;
        malloc_trim(0);
    }
}

/* Tells each stream what the cloud is known to have. */
static void on_tick(uv_timer_t *timer) {
    struct daemon *daemon = timer->data;
    daemon_watch_turned(daemon);
    give_memory_back(daemon);
    watch_tick(daemon->unheard, uv_now(&daemon->loop));
    daemon_identity_tick(daemon);
    if (daemon->broker != NULL) {
        broker_note(daemon->broker, publisher_is_up(daemon->publisher));
    }
    daemon_tls_tick(daemon);
    daemon_site_tick(daemon);
    if (!daemon->stop_asked) {
        daemon_console_tick(daemon);
    }
    struct bridge_status bridge = {0};
    if (daemon->bridge != NULL) {
        bridge_status(daemon->bridge, &bridge);
    }
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        struct stream *stream = daemon->streams[i].stream;
        const struct bridge_stream_status *status =
            bridge_status_find(&bridge, stream_config(stream)->name);
        if (status == NULL) { /* it has no sink */
            stream_tick(stream, 0);
            continue;
        }
        uint32_t gaps = status->gap_count;
        if (gaps > 0) {
            stream_note_damage(stream, status->gaps,
                               gaps < BRIDGE_GAPS_MAX ? gaps : BRIDGE_GAPS_MAX);
        }
        stream_tick(stream, status->saved);
        if (!daemon->stop_asked) { /* so that it is known when asked for */
            (void)backlog_age_us(&daemon->streams[i].age, status->cursor,
                                 atomic_load(&stream_position(stream)->end));
        }
    }
}

static void send_receipt(void *self, struct slice device,
                         struct slice payload) {
    struct daemon *daemon = self;
    publisher_to_device(daemon->publisher, device, "receipts", payload);
}

static void send_notice(void *self, struct slice device, struct slice payload) {
    struct daemon *daemon = self;
    publisher_to_device(daemon->publisher, device, "notices", payload);
}

/* --- Building ----------------------------------------------------------- */

static err_t make_data_dir(struct daemon *daemon, struct reason *reason) {
    const struct disk *disk = &daemon->platform.disk;
    err_t err = disk->make_dir(disk->self, daemon->config->data);
    if (err != ERR_OK && err != ERR_BUSY) {
        struct reason why;
        (void)disk_failed(&why, err, "create the folder", daemon->config->data);
        return reason_set(reason, err,
                          "data: %s; create its parent, or set `data` to "
                          "another folder",
                          why.text);
    }
    if (err == ERR_OK) { /* it is there after a power cut only then */
        err = disk_sync_parent(disk, daemon->config->data);
        if (err != ERR_OK) {
            return disk_failed(reason, err, "sync the folder of the data in",
                               daemon->config->data);
        }
    }
    return ERR_OK;
}

static err_t make_login(struct daemon *daemon, struct reason *reason) {
    const struct config *config = daemon->config;
    if (config->broker.mode == CONFIG_BROKER_EXTERNAL) {
        TRY(site_login_read(&config->broker, &daemon->login.mqtt, reason));
    } else {
        TRY(broker_login_make(&daemon->platform, config->data, &daemon->login,
                              reason));
    }
    broker_rules_make(config, &daemon->login, &daemon->rules);
    return ERR_OK;
}

static err_t open_stream(struct daemon *daemon,
                         const struct config_stream *from,
                         struct daemon_stream *slot, struct reason *reason) {
    const struct disk *disk = &daemon->platform.disk;
    struct journals_cursor cursor;
    TRY(journals_cursor_of(disk, daemon->config, from, &cursor, reason));
    TRY(job_thread_start(&daemon->loop, from->name, &slot->commits));
    const struct stream_options options = {
        .platform = &daemon->platform,
        .config = daemon->config,
        .stream = from,
        .known_end = cursor.seq,
        .cursor_known = cursor.known,
        .commit = job_thread_executor(slot->commits),
        .shared = job_pool_executor(daemon->pool),
        .sink = {daemon, send_receipt, send_notice},
        .self = daemon,
        .durable = on_durable,
        .heard = daemon_presence_heard,
        .failed = daemon_stream_failed,
    };
    TRY(stream_open(&options, &slot->stream, reason));
    backlog_age_init(&slot->age, disk, stream_dir(slot->stream),
                     options.shared);
    return ERR_OK;
}

static err_t open_streams(struct daemon *daemon, struct reason *reason) {
    const struct config *config = daemon->config;
    TRY(job_pool_new(&daemon->loop, &daemon->pool));
    disk_room_init(&daemon->disk_room, &daemon->platform.disk, config->data,
                   job_pool_executor(daemon->pool));
    for (uint32_t i = 0; i < config->stream_count; i++) {
        TRY(open_stream(daemon, &config->streams[i], &daemon->streams[i],
                        reason));
        daemon->stream_count++;
    }
    return ERR_OK;
}

static err_t open_publisher(struct daemon *daemon) {
    char id[BROKER_CLIENT_ID_MAX];
    snprintf(id, sizeof id, "shopme-edge-%016llx",
             (unsigned long long)entropy_u64(&daemon->platform.entropy));
    broker_rules_add_id(&daemon->rules, id);
    TRY(watch_new(daemon->config, &daemon->unheard));
    TRY(daemon_identity_begin(daemon));
    const struct publisher_options options = {
        .loop = &daemon->loop,
        .store = daemon->config->store,
        .client_id = id,
        .login = &daemon->login.mqtt,
        .watch = daemon->unheard,
        .guard = daemon->identity.guard,
        .self = daemon,
        .up = on_publisher_up,
    };
    return publisher_new(&options, &daemon->publisher);
}

static err_t open_bridge(struct daemon *daemon, struct reason *reason) {
    struct bridge_options options = {
        .platform = &daemon->platform,
        .config = daemon->config,
    };
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        struct stream *stream = daemon->streams[i].stream;
        if (stream_config(stream)->sink == CONFIG_SINK_NONE) {
            continue;
        }
        options.streams[options.stream_count++] =
            (struct bridge_stream_options){
                .config = stream_config(stream),
                .dir = stream_dir(stream),
                .journal_id = stream_journal_id(stream),
                .position = stream_position(stream),
            };
    }
    if (options.stream_count == 0) {
        return ERR_OK;
    }
    return bridge_start(&options, &daemon->bridge, reason);
}

static err_t open_console(struct daemon *daemon, struct reason *reason) {
    const struct config *config = daemon->config;
    const struct console_options options = {
        .loop = &daemon->loop,
        .executor = job_pool_executor(daemon->pool),
        .listen = config->console_enabled ? &config->console : NULL,
        .socket_path = config->control_socket,
        .source = daemon_console_source(daemon),
    };
    return console_start(&options, &daemon->console, reason);
}

static void open_handles(struct daemon *daemon) {
    static const int numbers[DAEMON_SIGNALS] = {SIGTERM, SIGINT};
    for (int i = 0; i < DAEMON_SIGNALS; i++) {
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&daemon->loop, &daemon->payments);
    daemon->payments.data = daemon;
    uv_timer_init(&daemon->loop, &daemon->tick);
    daemon->tick.data = daemon;
    uv_timer_init(&daemon->loop, &daemon->stopping);
    daemon->stopping.data = daemon;
    daemon_watch_open(daemon);
    daemon_reload_open(daemon);
    daemon->handles_open = true;
}

/* Last: a part that fails to start turns the loop while it is taken apart. */
static void start_timers(struct daemon *daemon) {
    uv_timer_start(&daemon->payments, on_payments, PAYMENTS_REPEAT_MS,
                   PAYMENTS_REPEAT_MS);
    uv_timer_start(&daemon->tick, on_tick, TICK_MS, TICK_MS);
}

static err_t build(struct daemon *daemon, struct reason *reason) {
    const struct clock *clock = &daemon->platform.clock;
    daemon->started_us = clock->mono_us(clock->self);
    if (uv_loop_init(&daemon->loop) != 0) {
        return reason_set(reason, ERR_MEMORY, "cannot create an event loop");
    }
    daemon->loop_open = true;
    open_handles(daemon);
    TRY(make_data_dir(daemon, reason));
    TRY(make_login(daemon, reason));
    TRY(open_publisher(daemon));
    TRY(open_streams(daemon, reason));
    TRY(daemon_broker_sessions(daemon, reason));
    TRY(open_bridge(daemon, reason));
    TRY(daemon_identity_open(daemon, reason));
    TRY(open_console(daemon, reason));
    TRY(daemon_broker_open(daemon, reason));
    start_timers(daemon);
    daemon_watch_running(daemon);
    return ERR_OK;
}

/* --- Taking apart ------------------------------------------------------- */

static void close_handles(struct daemon *daemon) {
    if (!daemon->handles_open) {
        return;
    }
    for (int i = 0; i < DAEMON_SIGNALS; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&daemon->payments, NULL);
    uv_close((uv_handle_t *)&daemon->tick, NULL);
    uv_close((uv_handle_t *)&daemon->stopping, NULL);
    daemon_watch_close(daemon);
    daemon_reload_close(daemon);
}

static void take_apart(struct daemon *daemon) {
    for (uint32_t i = 0; i < CONFIG_STREAMS_MAX; i++) {
        session_free(daemon->streams[i].session);
    }
    publisher_free(daemon->publisher);
    watch_free(daemon->unheard);
    broker_stop(daemon->broker);
    bridge_stop(daemon->bridge);
    close_handles(daemon);
    console_stop(daemon->console);
    for (uint32_t i = 0; i < CONFIG_STREAMS_MAX; i++) {
        job_thread_stop(daemon->streams[i].commits);
    }
    if (daemon->loop_open) {
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
        int open = uv_loop_close(&daemon->loop);
        assert(open == 0);
    }
    for (uint32_t i = 0; i < CONFIG_STREAMS_MAX; i++) {
        stream_close(daemon->streams[i].stream);
    }
    job_pool_free(daemon->pool);
    daemon_identity_close(daemon);
    site_login_forget(&daemon->login.mqtt);
    broker_login_forget(&daemon->login);
}

/* What ends a process by default and is no request to end: a peer that hung up,
 * a file past a limit (then write(2) fails, which is handled), somebody's wish
 * for what other programs do at SIGUSR1. SIGQUIT asks for a core dump and gets
 * one, also where a shell started this in the background, which ignores it.
 * SIGHUP is handled once the loop is there. */
static void ignore_signals(void) {
    signal(SIGQUIT, SIG_DFL);
    static const int numbers[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        signal(numbers[i], SIG_IGN);
    }
}

static void set_up_process(struct daemon *daemon) {
    ignore_signals();
    job_pool_size();
    /* glibc gives each of many threads a heap of its own, which none gives
     * back; what is allocated here while events flow is little. */
    mallopt(M_ARENA_MAX, HEAPS);
    /* Once a large block is freed glibc would keep blocks of that size:
     * megabytes of an outage that is over. */
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    daemon_watch_begin(daemon);
    daemon_reload_begin(daemon);
    mosquitto_lib_init();
}

/* Why it cannot start is the last line, where a person looks for it. */
static void run(struct daemon *daemon) {
    struct reason reason = {""};
    err_t err = build(daemon, &reason);
    if (err == ERR_OK) {
        log_line(LOG_INFO, "daemon", "running version=%s store=%s data=%s",
                 SHOPME_EDGE_VERSION, daemon->config->store,
                 daemon->config->data);
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
    } else {
        daemon_watch_stopping(daemon);
        daemon->exit_code = EXIT_FAILURE;
    }
    daemon->stop_asked = true; /* a signal that comes now changes nothing */
    take_apart(daemon);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "daemon", "cannot_start class=%s reason=\"%s\"",
                 err_name(err), reason.text);
    }
}

int daemon_run(const struct daemon_options *options) {
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL) {
        log_line(LOG_ERROR, "daemon", "out of memory");
        return EXIT_FAILURE;
    }
    daemon->config = options->config;
    daemon->reload.path = options->config_path;
    daemon->reload.level_fixed = options->level_fixed;
    set_up_process(daemon);
    run(daemon);
    mosquitto_lib_cleanup();
    daemon_watch_end(daemon);
    int exit_code = daemon->exit_code;
    free(daemon);
    return exit_code;
}
