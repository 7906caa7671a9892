/* SPDX-License-Identifier: Apache-2.0 */
/* The phases:
 *
 *     PREPARING --> STARTING --> OPEN
 *      ^     |          |  \
 *      |     |          |   `--> CLOSED --> SAVING --> PREPARING
 *      |     v          v          |         |
 *      `-- WAITING <---- (the child ends) <---   OPEN --> HUNG, killed
 *
 * CLOSED is left when the sessions have subscribed, SAVING when the child has
 * ended well. A session whose stream is full, or whose disk hangs, does not
 * read the broker's answer; so CLOSED ends after a while anyway, and what was
 * saved says whether the broker had all of them. */
#include "gateway/mqtt/broker.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/disk.h"
#include "gateway/mqtt/broker_child.h"
#include "gateway/mqtt/broker_prepare.h"
#include "gateway/mqtt/broker_tls.h"
#include "gateway/mqtt/stale.h"

enum {
    SOCKET_POLL_MS = 20,
    RESTART_MS_MIN = 100,
    RESTART_MS_MAX = 5000,
    START_MS = 60000, /* it may have to read much */
    CLOSED_MS = 3000,
    SAVE_MS = 30000,
    STOP_MS = 20000, /* 64 MiB to a slow card */
    ORPHAN_MS = 5000,
    SILENT_MS = 30000,
    AWAY_MS = 5000,
    STEADY_MS = 10000,
    /* After so many starts that fail, it is tried without what it saved. */
    FAILED_STARTS = 2,
    /* And after so many more nothing is logged that was said before. */
    FAILED_STARTS_SAID = 5,
    SESSIONS_MAX = CONFIG_STREAMS_MAX,
};

enum phase { PREPARING, STARTING, CLOSED, SAVING, OPEN, HUNG, WAITING };

struct broker {
    struct broker_options options;
    struct broker_session sessions[SESSIONS_MAX];
    struct broker_prepare prepare; /* the job's while it runs */
    struct job job;
    bool job_runs;
    bool has_socket;
    enum phase phase;
    bool stopping;
    uint32_t spawns;
    bool planned; /* the last end was */
    uint32_t restarts;
    uint32_t restart_ms;
    uint32_t failed_starts; /* one after the other */
    uint32_t repeats;       /* of one reason, one after the other */
    bool tried_without;     /* what it saved, and that was not the reason */
    bool ready;       /* the sessions have subscribed while it was closed */
    bool closed_said; /* that it is closed */
    uint64_t phase_began_ns;
    uint64_t answered_ns; /* when it last did */
    uint64_t down_ns;     /* since when it is not open */
    struct broker_ports ports;
    bool is_back; /* a listener that was away can be opened */
    char set_aside[BROKER_PATH_SIZE];
    uint32_t set_aside_count;
    struct reason reason; /* why it is not open */
    struct reason logged;
    struct broker_child child;
    struct stale stale; /* sessions that are being ended */
    struct broker_tls tls;
    uv_timer_t timer;
    bool timer_open;
};

static void prepare(struct broker *broker);

static void enter(struct broker *broker, enum phase phase) {
    broker->phase = phase;
    broker->phase_began_ns = uv_hrtime();
}

static uint64_t phase_ms(const struct broker *broker) {
    return (uv_hrtime() - broker->phase_began_ns) / 1000000;
}

/* --- Ending ------------------------------------------------------------- */

static void free_when_closed(struct broker *broker) {
    if (broker->stopping && !broker->timer_open && !broker->job_runs &&
        broker->child.handles_open == 0) {
        broker_files_remove_socket(&broker->prepare.files);
        free(broker);
    }
}

static void on_timer_closed(uv_handle_t *timer) {
    struct broker *broker = timer->data;
    broker->timer_open = false;
    free_when_closed(broker);
}

static void close_timer(struct broker *broker) {
    uv_close((uv_handle_t *)&broker->timer, on_timer_closed);
}

static void on_restart(uv_timer_t *timer) {
    prepare(timer->data);
}

/* The port of a gateway that was killed is taken until its broker has saved. */
static bool may_be_an_orphan(const struct broker *broker) {
    return broker->prepare.err == ERR_BUSY &&
           uv_hrtime() - broker->down_ns < (uint64_t)ORPHAN_MS * 1000000;
}

/* Says why it does not run, once, and tries again later. */
static void retry(struct broker *broker) {
    enter(broker, WAITING);
    bool said = strcmp(broker->reason.text, broker->logged.text) == 0;
    broker->repeats = said ? broker->repeats + 1 : 0;
    broker->child.quiet = broker->failed_starts > FAILED_STARTS_SAID ||
                          broker->repeats > FAILED_STARTS_SAID;
    if (!said && !may_be_an_orphan(broker)) {
        log_line(LOG_ERROR, "broker", "down reason=\"%s\"; it is tried again",
                 broker->reason.text);
        broker->logged = broker->reason;
    }
    uv_timer_start(&broker->timer, on_restart, broker->restart_ms, 0);
    broker->restart_ms *= 2;
    if (broker->restart_ms > RESTART_MS_MAX) {
        broker->restart_ms = RESTART_MS_MAX;
    }
}

/* What it saved may be the reason, whatever it says. Without it then; if that
 * does not help it gets it back. */
static void start_failed(struct broker *broker) {
    struct broker_prepare *next = &broker->prepare;
    if (broker_tls_start_failed(&broker->tls, next->files.with_tls,
                                broker->child.last)) {
        return;
    }
    broker->failed_starts++;
    if (next->trial[0] != '\0') {
        next->put_back = true;
        broker->tried_without = true;
    } else if (broker->failed_starts >= FAILED_STARTS &&
               !broker->tried_without && next->db != BROKER_DB_MISSING &&
               next->db != BROKER_DB_DAMAGED) {
        next->without_db = "the broker does not start with it";
    }
}

static bool is_crash(int signal_number) {
    return signal_number == SIGSEGV || signal_number == SIGBUS ||
           signal_number == SIGABRT || signal_number == SIGFPE ||
           signal_number == SIGILL;
}

static void note_end(struct broker *broker) {
    const struct broker_child *child = &broker->child;
    enum phase phase = broker->phase;
    if (phase == STARTING ||
        (is_crash(child->signal_number) && phase_ms(broker) < STEADY_MS)) {
        start_failed(broker);
    }
    (void)reason_set(&broker->reason, ERR_IO,
                     "the broker ended with status %lld, signal %d%s%s",
                     (long long)child->status, child->signal_number,
                     child->last[0] == '\0' ? "" : ": ", child->last);
}

static void on_ended(void *self, int64_t status, int signal_number) {
    struct broker *broker = self;
    enum phase was = broker->phase;
    uv_timer_stop(&broker->timer);
    stale_let_go(&broker->stale);
    if (broker->stopping) {
        log_line(LOG_INFO, "broker", "ended status=%lld signal=%d",
                 (long long)status, signal_number);
        close_timer(broker);
        return;
    }
    if (was == OPEN || was == CLOSED) {
        broker->options.down(broker->options.self);
    }
    if (was == OPEN) {
        broker->down_ns = uv_hrtime();
    }
    broker->planned = was == SAVING && status == 0 && signal_number == 0;
    if (broker->planned) {
        broker->prepare.saved = broker->ready;
        prepare(broker);
        return;
    }
    if (status >= 0) { /* it did start */
        note_end(broker);
    }
    retry(broker);
}

/* --- Running ------------------------------------------------------------ */

static void submit(struct broker *broker, void (*work)(void *self),
                   void (*done)(void *self)) {
    assert(!broker->job_runs);
    broker->job_runs = true;
    broker->job = (struct job){.self = broker, .work = work, .done = done};
    broker->options.executor.submit(broker->options.executor.self,
                                    &broker->job);
}

static void on_kill(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    broker_child_signal(&broker->child, SIGKILL);
}

/* As planned: it saves its sessions, and starts again. */
static void restart(struct broker *broker) {
    enter(broker, SAVING);
    stale_let_go(&broker->stale);
    broker->options.down(broker->options.self);
    broker_child_signal(&broker->child, SIGTERM);
    uv_timer_start(&broker->timer, on_kill, SAVE_MS, 0);
}

/* To listen on other addresses than before, or for others. */
static void reopen(struct broker *broker, const char *why) {
    log_line(LOG_INFO, "broker", "restarts reason=\"%s\"", why);
    broker->ready = false;
    broker->down_ns = uv_hrtime();
    (void)reason_set(&broker->reason, ERR_AGAIN, "the broker restarts: %s",
                     why);
    restart(broker);
}

static void look_away(void *self) {
    struct broker *broker = self;
    const struct broker_files *files = &broker->prepare.files;
    broker->is_back =
        broker_ports_is_back(&files->config->broker, &files->ports);
}

static void on_away_looked(void *self) {
    struct broker *broker = self;
    broker->job_runs = false;
    if (broker->stopping) {
        free_when_closed(broker);
    } else if (broker->phase == PREPARING) { /* it has ended meanwhile */
        prepare(broker);
    } else if (broker->phase == OPEN && broker->is_back) {
        reopen(broker, "a listener that was away can be opened now");
    }
}

static void on_away_poll(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    if (broker->phase == OPEN && !broker->job_runs) {
        submit(broker, look_away, on_away_looked);
    }
}

/* It has been up for a while: what was wrong before is over. */
static void on_steady(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    if (broker_ports_has_away(&broker->ports)) {
        uv_timer_start(timer, on_away_poll, AWAY_MS, AWAY_MS);
    }
    stale_let_go(&broker->stale);
    broker_tls_steady(&broker->tls);
    broker->failed_starts = 0;
    broker->tried_without = false;
    broker->child.quiet = false;
}

/* Outside of the call that found the last session subscribed, which may come
 * from within one of them. */
static void on_ready(uv_timer_t *timer) {
    restart(timer->data);
}

static void add_tls(struct broker *broker) {
    if (broker->phase != OPEN || broker->stopping ||
        broker->prepare.files.with_tls || !broker_tls_wanted(&broker->tls)) {
        return;
    }
    reopen(broker, "its listeners with TLS can be used now");
}

static void log_up(const struct broker *broker) {
    const struct config_broker *config = &broker->options.config->broker;
    char text[CONFIG_LISTENERS_MAX * (CONFIG_HOST_MAX + 16)];
    struct writer listen = writer_over(text, sizeof text - 1);
    bool with_tls = broker->prepare.files.with_tls;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (!broker->ports.away[i] && (with_tls || !config->listeners[i].tls)) {
            writer_printf(&listen, "%s%s:%u", listen.len == 0 ? "" : ",",
                          config->listeners[i].address.host,
                          broker->ports.list[i]);
        }
    }
    text[listen.len] = '\0';
    log_line(LOG_INFO, "broker", "up pid=%d listen=%s",
             broker->child.process.pid, text);
    if (broker_ports_has_away(&broker->ports)) {
        log_line(LOG_WARN, "broker", "listener_away reason=\"%s\"",
                 broker->ports.why_away.text);
    }
    if (broker->tls.configured && !with_tls) {
        log_line(LOG_WARN, "broker", "tls_away reason=\"%s\"",
                 broker_tls_reason(&broker->tls));
    }
}

static void came_up(struct broker *broker) {
    struct broker_prepare *prepared = &broker->prepare;
    bool closed = prepared->files.closed;
    enter(broker, closed ? CLOSED : OPEN);
    if (prepared->trial[0] != '\0') { /* it was the reason */
        prepared->trial[0] = '\0';
        broker->tried_without = true;
    }
    if (closed) {
        log_line(broker->closed_said ? LOG_DEBUG : LOG_INFO, "broker",
                 "closed pid=%d reason=\"%s\"", broker->child.process.pid,
                 prepared->reason.text);
        broker->closed_said = true;
        broker->ready = false;
        (void)reason_set(&broker->reason, ERR_AGAIN,
                         "the broker waits for the gateway's sessions before "
                         "it opens its port");
        uv_timer_start(&broker->timer, on_ready, CLOSED_MS, 0);
    } else {
        log_up(broker);
        broker->closed_said = false;
        broker->answered_ns = uv_hrtime();
        broker->restart_ms = RESTART_MS_MIN;
        broker->reason = (struct reason){""};
        broker->logged = (struct reason){""};
        uv_timer_start(&broker->timer, on_steady, STEADY_MS, 0);
    }
    broker->options.up(broker->options.self, prepared->files.socket_path);
    broker->stale.why = "another box's, or a stream's that is no more";
    stale_end(&broker->stale, broker->options.loop, broker->options.login,
              &prepared->stale, prepared->files.socket_path);
    add_tls(broker); /* it may have become usable since it was prepared */
}

static void look(void *self) {
    struct broker *broker = self;
    broker->has_socket = broker_files_has_socket(&broker->prepare.files);
}

static void on_looked(void *self) {
    struct broker *broker = self;
    broker->job_runs = false;
    if (broker->stopping) {
        free_when_closed(broker);
    } else if (broker->phase == PREPARING) { /* it has ended meanwhile */
        prepare(broker);
    } else if (broker->phase == STARTING && broker->child.running &&
               broker->has_socket) {
        uv_timer_stop(&broker->timer);
        came_up(broker);
    }
}

static void on_socket_poll(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    if (phase_ms(broker) > START_MS) {
        broker_child_signal(&broker->child, SIGKILL);
    } else if (!broker->job_runs) {
        submit(broker, look, on_looked);
    }
}

static void spawn(struct broker *broker) {
    if (broker->spawns++ > 0 && !broker->planned) {
        broker->restarts++;
    }
    broker->planned = false;
    enter(broker, STARTING);
    int code = broker_child_start(&broker->child, broker->options.loop,
                                  broker->options.config->broker.program,
                                  broker->prepare.files.config_path);
    if (code != 0) { /* on_ended() follows */
        (void)reason_set(&broker->reason, ERR_IO, "cannot start setpriv: %s",
                         uv_strerror(code));
        return;
    }
    uv_timer_start(&broker->timer, on_socket_poll, SOCKET_POLL_MS,
                   SOCKET_POLL_MS);
}

static void run_prepare(void *self) {
    struct broker *broker = self;
    broker_prepare_run(&broker->prepare);
}

static void on_prepared(void *self) {
    struct broker *broker = self;
    const struct broker_prepare *prepared = &broker->prepare;
    broker->job_runs = false;
    broker->ports = prepared->files.ports;
    broker->set_aside_count = prepared->files.set_aside_count;
    memcpy(broker->set_aside, prepared->files.set_aside,
           sizeof broker->set_aside);
    if (broker->stopping) {
        free_when_closed(broker);
    } else if (prepared->err != ERR_OK) {
        broker->reason = prepared->reason;
        broker->ports.why_away = (struct reason){""}; /* no other is open */
        retry(broker);
    } else {
        spawn(broker);
    }
}

static void prepare(struct broker *broker) {
    enter(broker, PREPARING);
    if (broker->job_runs) {
        return; /* a last look for the socket; it goes on from there */
    }
    broker_files_name_socket(&broker->prepare.files, broker->spawns + 1);
    broker->prepare.files.with_tls = broker_tls_wanted(&broker->tls);
    submit(broker, run_prepare, on_prepared);
}

static void on_unreadable(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    broker->prepare.without_db = "no client can read a message of it";
    reopen(broker, "what it saved is damaged");
}

void broker_is_unreadable(struct broker *broker) {
    bool runs = broker->phase == OPEN || broker->phase == CLOSED;
    if (runs && !broker->stopping && !broker->tried_without) {
        uv_timer_start(&broker->timer, on_unreadable, 0, 0);
    }
}

void broker_sessions_ready(struct broker *broker) {
    if (broker->phase == CLOSED && !broker->stopping) {
        broker->ready = true;
        uv_timer_start(&broker->timer, on_ready, 0, 0);
    }
}

/* A disk that hangs may keep it from dying, too: nobody connects meanwhile. */
void broker_note(struct broker *broker, bool answers) {
    if (answers || broker->phase != OPEN || broker->stopping) {
        broker->answered_ns = uv_hrtime();
        return;
    }
    if (uv_hrtime() - broker->answered_ns < (uint64_t)SILENT_MS * 1000000) {
        return;
    }
    enter(broker, HUNG);
    broker->down_ns = uv_hrtime();
    (void)reason_set(&broker->reason, ERR_NETWORK,
                     "the broker runs and answers nobody: it is killed, to be "
                     "started again");
    log_line(LOG_ERROR, "broker", "hangs pid=%d reason=\"%s\"",
             broker->child.process.pid, broker->reason.text);
    broker->options.down(broker->options.self);
    broker_child_signal(&broker->child, SIGKILL);
}

void broker_end_sessions(struct broker *broker,
                         const struct broker_stale *ending, const char *why) {
    if (broker->phase == OPEN && !broker->stopping) {
        broker->stale.why = why;
        stale_end(&broker->stale, broker->options.loop, broker->options.login,
                  ending, broker->prepare.files.socket_path);
    }
}

void broker_use_tls(struct broker *broker, const char *why_not) {
    broker_tls_say(&broker->tls, why_not);
    add_tls(broker);
}

void broker_reload(struct broker *broker, bool withdrawn) {
    broker_tls_changed(&broker->tls);
    if (withdrawn && broker->phase == OPEN && !broker->stopping) {
        reopen(broker, "an authority of devices is trusted no more");
    } else if (broker->phase == OPEN || broker->phase == CLOSED) {
        broker_child_signal(&broker->child, SIGHUP);
    }
    add_tls(broker);
}

struct broker_status broker_status(const struct broker *broker) {
    return (struct broker_status){
        .open = broker->phase == OPEN,
        .reason = broker->reason.text,
        .port = broker->ports.list[0],
        .away_reason = broker->ports.why_away.text,
        .restarts = broker->restarts,
        .set_aside = broker->set_aside,
        .set_aside_count = broker->set_aside_count,
        .tls_reason = broker->phase == OPEN && broker->prepare.files.with_tls
                          ? ""
                          : broker_tls_reason(&broker->tls),
    };
}

/* --- Starting and stopping ---------------------------------------------- */

static err_t check_program(const struct config *config, struct reason *reason) {
    if (access(config->broker.program, X_OK) == 0) {
        return ERR_OK;
    }
    struct reason why;
    (void)disk_failed(&why, ERR_IO, "run", config->broker.program);
    return reason_set(reason, ERR_NOT_FOUND,
                      "broker.program: %s; install mosquitto, or set "
                      "broker.mode to external",
                      why.text);
}

static bool on_said(void *self, const char *line) {
    const struct broker *broker = self;
    return broker->options.said != NULL &&
           broker->options.said(broker->options.self, line);
}

static struct broker *broker_new(const struct broker_options *options) {
    struct broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL) {
        return NULL;
    }
    assert(options->session_count <= SESSIONS_MAX);
    broker->options = *options;
    memcpy(broker->sessions, options->sessions,
           options->session_count * sizeof *broker->sessions);
    for (uint32_t i = 0; i < CONFIG_LISTENERS_MAX; i++) {
        broker->ports.list[i] =
            options->config->broker.listeners[i].address.port;
    }
    broker_tls_init(&broker->tls, &options->config->broker);
    if (options->why_no_tls != NULL) {
        broker_tls_say(&broker->tls, options->why_no_tls);
    }
    broker->restart_ms = RESTART_MS_MIN;
    broker->down_ns = uv_hrtime();
    (void)reason_set(&broker->reason, ERR_AGAIN, "the broker starts");
    broker->child.self = broker;
    broker->child.ended = on_ended;
    broker->child.said = on_said;
    broker->prepare.files.config = options->config;
    broker->prepare.files.rules = options->rules;
    broker->prepare.files.ports = broker->ports;
    broker->prepare.sessions = broker->sessions;
    broker->prepare.session_count = options->session_count;
    return broker;
}

err_t broker_start(const struct broker_options *options, struct broker **ret,
                   struct reason *reason) {
    TRY(check_program(options->config, reason));
    struct broker *broker = broker_new(options);
    ENSURE(broker != NULL, ERR_MEMORY);
    err_t err = broker_files_name(&broker->prepare.files, reason);
    if (err != ERR_OK) {
        free(broker);
        return err;
    }
    uv_timer_init(options->loop, &broker->timer);
    broker->timer.data = broker;
    broker->timer_open = true;
    *ret = broker;
    prepare(broker);
    return ERR_OK;
}

void broker_stop(struct broker *broker) {
    if (broker == NULL) {
        return;
    }
    broker->stopping = true;
    stale_let_go(&broker->stale);
    if (broker->child.handles_open == 0) {
        close_timer(broker);
        return;
    }
    broker_child_signal(&broker->child, SIGTERM);
    uv_timer_start(&broker->timer, on_kill, STOP_MS, 0);
}
