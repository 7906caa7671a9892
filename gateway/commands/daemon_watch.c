/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/daemon_state.h"

enum {
    READY_POLL_MS = 50,
    READY_POLLS_MAX = 10 * 1000 / READY_POLL_MS,
    LAST_LINES_MS = 1000,
};

void daemon_watch_begin(struct daemon *daemon) {
    struct daemon_watch *watch = &daemon->watch;
    notify_open(&watch->notify);
    if (log_start() != ERR_OK) {
        log_line(LOG_WARN, "daemon", "no thread for the log; it may block");
    }
    daemon->platform = platform_real();
    disk_count_put(&watch->disk, &daemon->platform.disk);
    if (watchdog_start(&watch->notify, &watch->disk, &watch->watchdog) !=
        ERR_OK) {
        log_line(LOG_WARN, "daemon", "no thread for the watchdog");
    }
}

void daemon_watch_open(struct daemon *daemon) {
    uv_timer_init(&daemon->loop, &daemon->watch.ready);
    daemon->watch.ready.data = daemon;
}

void daemon_watch_close(struct daemon *daemon) {
    uv_close((uv_handle_t *)&daemon->watch.ready, NULL);
}

bool daemon_is_connected(const struct daemon *daemon) {
    if (daemon->broker != NULL && !broker_status(daemon->broker).open) {
        return false;
    }
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        if (!session_is_up(daemon->streams[i].session)) {
            return false;
        }
    }
    return publisher_is_up(daemon->publisher);
}

static void on_ready(uv_timer_t *timer) {
    struct daemon *daemon = timer->data;
    struct daemon_watch *watch = &daemon->watch;
    bool up = daemon_is_connected(daemon);
    watch->ready_polls++;
    if ((up || watch->ready_polls >= READY_POLLS_MAX) &&
        notify_say(&watch->notify, "READY=1\nSTATUS=%s",
                   up ? "Running" : "Running, no session with the broker")) {
        uv_timer_stop(timer);
    }
}

void daemon_watch_running(struct daemon *daemon) {
    struct daemon_watch *watch = &daemon->watch;
    uv_timer_start(&watch->ready, on_ready, 0, READY_POLL_MS);
    if (watch->watchdog == NULL) {
        return;
    }
    watchdog_add(watch->watchdog, "gateway", &watch->turns);
    if (daemon->bridge != NULL) {
        watchdog_add(watch->watchdog, "bridge", bridge_turns(daemon->bridge));
    }
    watchdog_enter(watch->watchdog, WATCHDOG_RUNNING);
}

void daemon_watch_turned(struct daemon *daemon) {
    atomic_fetch_add_explicit(&daemon->watch.turns, 1, memory_order_relaxed);
}

/* systemd compares the time with that of the request to reload. */
void daemon_watch_reloading(struct daemon *daemon) {
    const struct clock *clock = &daemon->platform.clock;
    (void)notify_say(&daemon->watch.notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     (long long)clock->mono_us(clock->self));
}

void daemon_watch_reloaded(struct daemon *daemon) {
    (void)notify_say(&daemon->watch.notify, "READY=1");
}

void daemon_watch_status(struct daemon *daemon, const char *status) {
    (void)notify_say(&daemon->watch.notify, "STATUS=%s", status);
}

void daemon_watch_stopping(struct daemon *daemon) {
    struct daemon_watch *watch = &daemon->watch;
    (void)notify_say(&watch->notify, "STOPPING=1\nSTATUS=Stopping");
    if (watch->watchdog != NULL) {
        watchdog_enter(watch->watchdog, WATCHDOG_STOPPING);
    }
}

void daemon_watch_end(struct daemon *daemon) {
    watchdog_stop(daemon->watch.watchdog);
    notify_close(&daemon->watch.notify);
    log_stop(LAST_LINES_MS);
}
