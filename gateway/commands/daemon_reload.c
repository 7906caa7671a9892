/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <signal.h>

#include "config/reload.h"
#include "gateway/commands/daemon_state.h"

static_assert((int)CONFIG_LOG_ERROR == (int)LOG_ERROR &&
                  (int)CONFIG_LOG_DEBUG == (int)LOG_DEBUG,
              "the levels are the same");

static void apply_level(const struct daemon_reload *reload) {
    if (!reload->level_fixed) {
        log_set_level((enum log_level)reload->live.log_level);
    }
}

/* Each does nothing if its values are the same. */
static void apply(struct daemon *daemon) {
    const struct config *live = &daemon->reload.live;
    apply_level(&daemon->reload);
    console_listen(daemon->console,
                   live->console_enabled ? &live->console : NULL);
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        stream_reconfigure(daemon->streams[i].stream, &live->streams[i]);
    }
}

static void on_change(void *context, const struct config_change *change) {
    const struct daemon_reload *reload = context;
    if (!change->reloadable) {
        log_line(LOG_WARN, "daemon",
                 "reload key=%s was=%s is=%s; it needs a restart, and stays as "
                 "it was until then",
                 change->key, change->was, change->is);
    } else if (reload->level_fixed && strcmp(change->key, "log_level") == 0) {
        log_line(LOG_WARN, "daemon",
                 "reload key=log_level is=%s; --log-level "
                 "overrides it",
                 change->is);
    } else {
        log_line(LOG_INFO, "daemon", "reload key=%s was=%s is=%s", change->key,
                 change->was, change->is);
    }
}

static void load(void *self) {
    struct daemon_reload *reload = self;
    reload->findings = (struct config_findings){0};
    reload->err = config_read(reload->path, &reload->next, &reload->sources,
                              &reload->findings);
}

static void refuse(const struct daemon_reload *reload) {
    const struct config_findings *findings = &reload->findings;
    for (uint32_t i = 0; i < findings->count; i++) {
        bool warning = findings->items[i].level == CONFIG_WARNING;
        log_line(warning ? LOG_WARN : LOG_ERROR, "daemon",
                 "reload_%s reason=\"%s\"", warning ? "warning" : "refused",
                 findings->items[i].what.text);
    }
    log_line(LOG_ERROR, "daemon",
             "reload_refused errors=%u class=%s; nothing was changed",
             findings->errors, err_name(reload->err));
}

static void start(struct daemon *daemon);

static void on_loaded(struct daemon *daemon) {
    struct daemon_reload *reload = &daemon->reload;
    if (reload->err != ERR_OK) {
        refuse(reload);
        return;
    }
    config_reload(&reload->live, &reload->next, on_change, reload);
    apply(daemon);
    log_line(LOG_INFO, "daemon", "reloaded file=%s", reload->path);
}

static void done(void *self) {
    struct daemon_reload *reload = self;
    struct daemon *daemon = reload->signal.data;
    reload->runs = false;
    if (daemon->stop_asked) {
        return;
    }
    on_loaded(daemon);
    daemon_watch_reloaded(daemon);
    if (reload->again) {
        start(daemon);
    }
}

static void start(struct daemon *daemon) {
    struct daemon_reload *reload = &daemon->reload;
    assert(!reload->runs);
    reload->runs = true;
    reload->again = false;
    reload->job = (struct job){.self = reload, .work = load, .done = done};
    daemon_watch_reloading(daemon);
    struct executor executor = job_pool_executor(daemon->pool);
    executor.submit(executor.self, &reload->job);
}

static void on_hangup(uv_signal_t *handle, int number) {
    (void)number;
    struct daemon *daemon = handle->data;
    if (daemon->stop_asked) {
        return;
    }
    daemon_identity_reload(daemon);
    daemon_site_reload(daemon);
    if (daemon->reload.runs) {
        daemon->reload.again = true;
    } else {
        start(daemon);
    }
}

void daemon_reload_begin(struct daemon *daemon) {
    daemon->reload.live = *daemon->config;
    apply_level(&daemon->reload);
}

void daemon_reload_open(struct daemon *daemon) {
    uv_signal_init(&daemon->loop, &daemon->reload.signal);
    daemon->reload.signal.data = daemon;
    uv_signal_start(&daemon->reload.signal, on_hangup, SIGHUP);
}

void daemon_reload_close(struct daemon *daemon) {
    uv_close((uv_handle_t *)&daemon->reload.signal, NULL);
}

bool daemon_reload_is_busy(const struct daemon *daemon) {
    return daemon->reload.runs;
}
