/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/commands/daemon_refused.h"
#include "gateway/commands/daemon_state.h"
#include "gateway/identity/mend.h"

enum {
    LOCK_TRIES = 100, /* a command writes for a moment only */
    LOCK_PAUSE_MS = 100,
    NUMBER_BITS = 40, /* of the first request: none is like one of before */
};

static struct daemon_request *request_at(struct daemon_identity *identity,
                                         uint64_t number) {
    return &identity->requests[number % CONSOLE_IDENTITY_REQUESTS];
}

/* It is not written yet. */
static bool is_open(const struct daemon_request *request) {
    return request->change != NULL;
}

/* Of the newest ones: others have lost their places. */
static bool is_kept(const struct daemon_identity *identity, uint64_t number) {
    return number < identity->next &&
           identity->next - number <= CONSOLE_IDENTITY_REQUESTS;
}

static void forget_change(struct daemon_request *request) {
    if (request->change != NULL) {
        explicit_bzero(request->change, sizeof *request->change);
        free(request->change);
        request->change = NULL;
    }
}

static int64_t wall_us(const struct daemon *daemon) {
    const struct clock *clock = &daemon->platform.clock;
    return clock->wall_us(clock->self);
}

/* --- Sessions of removed devices ------------------------------------------ */

/* Past the bound they stay until they expire. */
static void note_removed(struct daemon_identity *identity, const char *name) {
    if (identity->removed_count == DAEMON_REMOVED_MAX) {
        return;
    }
    char(*more)[ACCOUNT_NAME_MAX] =
        realloc(identity->removed,
                (identity->removed_count + 1) * sizeof *identity->removed);
    if (more != NULL) {
        identity->removed = more;
        memcpy(more[identity->removed_count++], name, sizeof *more);
    }
}

/* One that is there again before its session was ended keeps that. */
static void forget_removed(struct daemon_identity *identity, const char *name) {
    for (uint32_t i = 0; i < identity->removed_count; i++) {
        if (strcmp(identity->removed[i], name) == 0) {
            memmove(identity->removed[i],
                    identity->removed[--identity->removed_count],
                    sizeof *identity->removed);
            return;
        }
    }
}

/* Some a second: each is a connection for a moment, under the device's id. Not
 * before the plugin has let go of them. */
static void end_removed(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    struct broker_stale ending = {0};
    if (daemon->broker == NULL || !broker_status(daemon->broker).open ||
        identity->loaded < identity->set || identity->ends_sessions ||
        identity->removed_count == 0) {
        return;
    }
    static_assert((int)ACCOUNT_NAME_MAX <= (int)BROKER_CLIENT_ID_MAX,
                  "a device's name is a client id");
    while (ending.count < BROKER_STALE_MAX && identity->removed_count > 0) {
        const char *name = identity->removed[--identity->removed_count];
        memcpy(ending.ids[ending.count++], name, ACCOUNT_NAME_MAX);
    }
    identity->ends_sessions = true;
    broker_end_sessions(daemon->broker, &ending, "its device was removed");
}

/* The plugin says it again of those that there was no room for, and of those
 * that could not be ended. */
static void note_surplus(struct daemon_identity *identity, const char *id) {
    struct broker_stale *surplus = &identity->surplus;
    bool fits = strlen(id) < sizeof *surplus->ids;
    for (uint32_t i = 0; fits && i < surplus->count; i++) {
        fits = strcmp(surplus->ids[i], id) != 0;
    }
    if (fits && surplus->count < BROKER_STALE_MAX) {
        memcpy(surplus->ids[surplus->count++], id, strlen(id) + 1);
    }
}

static void end_surplus(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    if (daemon->broker == NULL || !broker_status(daemon->broker).open ||
        identity->ends_sessions || identity->surplus.count == 0) {
        return;
    }
    identity->ends_sessions = true;
    broker_end_sessions(daemon->broker, &identity->surplus,
                        "there are too many of clients without an account");
    identity->surplus.count = 0;
}

void daemon_identity_tick(struct daemon *daemon) {
    const struct broker_stale none = {0};
    if (daemon->identity.ends_sessions && daemon->broker != NULL) {
        daemon->identity.ends_sessions = false;
        broker_end_sessions(daemon->broker, &none, ""); /* let go */
    }
    end_removed(daemon);
    end_surplus(daemon);
}

/* --- Writing a set -------------------------------------------------------- */

static err_t edit(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    return identity_edit(daemon->config->data, wall_us(daemon), true,
                         identity->edits, identity->edit_count,
                         identity->tls_next.files, identity->tls_next.count,
                         &identity->written, &identity->why);
}

/* After a restore the folder may not be as it was written. */
static err_t mend(const char *data, struct reason *why) {
    struct reason said;
    err_t err = identity_mend(data, &said, why);
    if (said.text[0] != '\0') {
        str_mend_utf8(said.text);
        log_line(LOG_WARN, "identity", "mended what=\"%s\"", said.text);
    }
    return err;
}

/* While the broker runs it keeps the accounts that it has read, and the damaged
 * file stays where a person can put it right. At a start there is nothing to
 * keep, and without accounts that can be read the broker would not start. */
static err_t edit_or_set_aside(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    err_t err = edit(daemon);
    if (err != ERR_CORRUPT || !identity->starts) {
        return err;
    }
    log_line(LOG_ERROR, "identity", "set_aside reason=\"%s\"",
             identity->why.text);
    TRY(identity_set_aside(daemon->config->data, &identity->written,
                           &identity->why));
    return edit(daemon);
}

/* Damaged accounts go along as they are: a certificate that ends waits for no
 * person. (A list of revocations does: the plugin reads it with them.) */
static void write_tls_alone(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    const struct identity_tls *tls = &identity->tls_next;
    struct reason ignored;
    uint64_t set;
    if (identity->err == ERR_CORRUPT && tls->count > 0 &&
        identity_set_write(daemon->config->data, tls->files, tls->count, &set,
                           &ignored) == ERR_OK) {
        identity->written = set;
        identity->tls_written = true;
    }
}

static void work(void *self) {
    struct daemon *daemon = self;
    struct daemon_identity *identity = &daemon->identity;
    const char *data = daemon->config->data;
    bool is_first = identity->set == 0;
    identity->why = (struct reason){""};
    identity->tls_next = (struct identity_tls){.count = 0};
    identity->err = is_first ? mend(data, &identity->why) : ERR_OK;
    if (identity->reads_tls) {
        identity_tls_read(daemon->config, wall_us(daemon), &identity->tls_next);
    }
    if (identity->err == ERR_OK) {
        identity->err = edit_or_set_aside(daemon);
    }
    identity->tls_written = identity->err == ERR_OK;
    write_tls_alone(daemon);
    if (identity->err == ERR_OK) {
        identity->why = (struct reason){""};
        (void)identity_is_aside(data, &identity->why);
    }
    struct reason unread;
    identity->has_accounts =
        identity_accounts_load(data, &identity->accounts, &unread) == ERR_OK;
}

/* Who has an account, for the table of who is there. */
static void take_accounts(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    if (identity->has_accounts) {
        daemon_presence_accounts(daemon, &identity->accounts);
        accounts_free(&identity->accounts);
        identity->has_accounts = false;
    }
}

/* What the disk holds now, as far as it is known. */
static void take_result(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    bool was = identity->unusable.text[0] != '\0';
    if (identity->err == ERR_OK) {
        identity->set = identity->written;
        identity->unusable = identity->why; /* what is set aside, or "" */
        str_mend_utf8(identity->unusable.text);
        return;
    }
    str_mend_utf8(identity->why.text);
    if (identity->tls_written) {
        identity->set = identity->written;
    }
    /* A disk that does not take the next set says nothing of this one. */
    if (identity->err == ERR_CORRUPT || identity->set == 0) {
        identity->unusable = identity->why;
    }
    if (!was) {
        log_line(LOG_ERROR, "identity", "not_written class=%s reason=\"%s\"",
                 err_name(identity->err), identity->why.text);
    }
}

static void fail(struct daemon_request *request, const struct reason *why) {
    request->state = CONSOLE_REQUEST_FAILED;
    request->reason = *why;
    str_mend_utf8(request->reason.text);
}

/* It is written, or will never be. */
static void settle(struct daemon_identity *identity,
                   const struct identity_edit *edit,
                   struct daemon_request *request) {
    static const char *const verbs[] = {
        [IDENTITY_PUT] = "put",
        [IDENTITY_PASSWORD] = "password",
        [IDENTITY_REMOVE] = "removed",
        [IDENTITY_RELOAD] = "reload",
    };
    const struct identity_change *change = request->change;
    assert(change != NULL && change == edit->change);
    assert(request->state == CONSOLE_REQUEST_WAITING);
    if (identity->err != ERR_OK) {
        fail(request, &identity->why);
    } else if (edit->err != ERR_OK) {
        fail(request, &edit->reason);
    } else {
        request->set = identity->written;
        log_line(LOG_INFO, "identity", "%s device=%s set=%" PRIu64,
                 verbs[change->op], change->name, request->set);
        if (change->op == IDENTITY_REMOVE) {
            note_removed(identity, change->name);
        } else {
            forget_removed(identity, change->name);
        }
    }
    forget_change(request);
}

/* The broker reads the set again, also if nothing was written: a person may
 * have. What Mosquitto reads itself it reads with the signal, which its plugin
 * gets, too. Without a connection it is asked when there is one. */
static void tell_broker(struct daemon *daemon, bool server_changed) {
    if (server_changed && daemon->broker != NULL) {
        daemon_tls_changed(daemon, daemon->identity.tls.withdrawn);
    } else if (guard_reload(daemon->identity.guard)) {
        publisher_release(daemon->publisher);
    }
}

/* True if what Mosquitto itself reads is another now. */
static bool take_tls(struct daemon_identity *identity) {
    bool changed = identity->tls_next.server_changed || identity->tls_missed;
    identity_tls_free(&identity->tls_next);
    if (!identity->reads_tls) {
        return false;
    }
    /* A write that failed may have come as far as the link. */
    identity->tls_missed = changed && !identity->tls_written;
    struct identity_tls *next = &identity->tls_next;
    if (next->unusable.text[0] != '\0' &&
        strcmp(next->unusable.text, identity->tls.unusable.text) != 0) {
        log_line(LOG_ERROR, "identity", "tls_unusable reason=\"%s\"",
                 next->unusable.text);
    }
    if (!next->known) { /* what is in force is what was known before */
        next->facts = identity->tls.facts;
        next->crl_unusable = identity->tls.crl_unusable;
    }
    identity->tls = *next;
    return changed && identity->tls_written;
}

static void start(struct daemon *daemon);

static void done(void *self) {
    struct daemon *daemon = self;
    struct daemon_identity *identity = &daemon->identity;
    identity->runs = false;
    bool server_changed = take_tls(identity);
    take_result(daemon);
    take_accounts(daemon);
    for (size_t i = 0; i < identity->edit_count; i++) {
        assert(is_kept(identity, identity->numbers[i]));
        settle(identity, &identity->edits[i],
               request_at(identity, identity->numbers[i]));
    }
    if (!daemon->stop_asked) {
        tell_broker(daemon, server_changed);
        start(daemon);
    }
}

/* All that wait, in the order in which they came. */
static void gather(struct daemon_identity *identity) {
    uint64_t first = identity->next - CONSOLE_IDENTITY_REQUESTS;
    identity->edit_count = 0;
    identity->reads_tls = identity->reload_asked || identity->tls_missed;
    for (uint64_t number = first; number < identity->next; number++) {
        const struct daemon_request *request = request_at(identity, number);
        if (is_open(request)) {
            assert(request->number == number);
            assert(identity->edit_count < CONSOLE_IDENTITY_REQUESTS);
            identity->reads_tls =
                identity->reads_tls || request->change->op == IDENTITY_RELOAD;
            identity->numbers[identity->edit_count] = number;
            identity->edits[identity->edit_count++] =
                (struct identity_edit){.change = request->change};
        }
    }
}

static void start(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    if (identity->runs) {
        return;
    }
    gather(identity);
    if (identity->edit_count == 0 && !identity->reload_asked) {
        return;
    }
    assert(!daemon->stop_asked);
    identity->reload_asked = false;
    identity->runs = true;
    identity->job = (struct job){.self = daemon, .work = work, .done = done};
    struct executor executor = job_pool_executor(daemon->pool);
    executor.submit(executor.self, &identity->job);
}

void daemon_identity_reload(struct daemon *daemon) {
    if (daemon->identity.guard != NULL) {
        daemon->identity.reload_asked = true;
        start(daemon);
    }
}

bool daemon_identity_is_busy(const struct daemon *daemon) {
    return daemon->identity.runs;
}

/* --- What the plugin says ------------------------------------------------- */

static void on_up(void *self) {
    struct daemon *daemon = self;
    presence_ask(&daemon->identity.presence.table);
    (void)guard_reload(daemon->identity.guard);
}

static void on_loaded(struct daemon_identity *identity, uint64_t set) {
    if (set != identity->loaded) {
        bool changed = identity->loaded != 0; /* else it is the start's */
        log_line(changed ? LOG_INFO : LOG_DEBUG, "identity",
                 "loaded set=%" PRIu64, set);
    }
    identity->loaded = set;
    identity->refused = (struct reason){""};
    for (size_t i = 0; i < CONSOLE_IDENTITY_REQUESTS; i++) {
        struct daemon_request *request = &identity->requests[i];
        if (request->state == CONSOLE_REQUEST_WAITING && request->set > 0 &&
            request->set <= set) {
            request->state = CONSOLE_REQUEST_DONE;
        }
    }
}

static void on_failed(struct daemon_identity *identity, const char *text) {
    (void)reason_set(&identity->refused, ERR_CORRUPT, "%s", text);
    str_mend_utf8(identity->refused.text);
    log_line(LOG_ERROR, "identity", "not_loaded reason=\"%s\"",
             identity->refused.text);
    for (size_t i = 0; i < CONSOLE_IDENTITY_REQUESTS; i++) {
        struct daemon_request *request = &identity->requests[i];
        if (request->state == CONSOLE_REQUEST_WAITING && request->set > 0) {
            struct reason why;
            (void)reason_set(&why, ERR_CORRUPT,
                             "it is written (set %" PRIu64 "), but the broker "
                             "cannot read that: %s",
                             request->set, identity->refused.text);
            fail(request, &why);
        }
    }
}

static void on_reported(void *self, const struct report *report) {
    struct daemon *daemon = self;
    daemon_presence_reported(daemon, report);
    if (report->kind == REPORT_LOADED) {
        on_loaded(&daemon->identity, report->set);
        end_removed(daemon);
    } else if (report->kind == REPORT_FAILED) {
        on_failed(&daemon->identity, report->text);
    } else if (report->kind == REPORT_REFUSED) {
        daemon_refused(daemon, report);
    } else if (report->kind == REPORT_SURPLUS) {
        note_surplus(&daemon->identity, report->client_id);
    }
}

/* --- The console's -------------------------------------------------------- */

err_t daemon_identity_change(void *self, const struct identity_change *change,
                             uint64_t *ret_request, struct reason *reason) {
    struct daemon *daemon = self;
    struct daemon_identity *identity = &daemon->identity;
    if (identity->guard == NULL) {
        return reason_set(reason, ERR_REFUSED,
                          "broker.mode is external: the accounts are that "
                          "broker's");
    }
    struct daemon_request *request = request_at(identity, identity->next);
    if (is_open(request)) {
        return reason_set(reason, ERR_FULL,
                          "%d changes wait to be written: try again in a "
                          "moment",
                          CONSOLE_IDENTITY_REQUESTS);
    }
    struct identity_change *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory");
    }
    *copy = *change;
    *request = (struct daemon_request){.number = identity->next,
                                       .state = CONSOLE_REQUEST_WAITING,
                                       .change = copy};
    *ret_request = identity->next++;
    if (!daemon->stop_asked) {
        start(daemon);
    }
    return ERR_OK;
}

static const char *why_not_loaded(const struct daemon *daemon) {
    const struct daemon_identity *identity = &daemon->identity;
    const char *damaged = daemon_identity_damaged(daemon);
    if (damaged != NULL) {
        return damaged;
    }
    if (identity->loaded >= identity->set) {
        return "";
    }
    return publisher_is_up(daemon->publisher) ? "the broker has not read it yet"
                                              : "the broker is not up";
}

void daemon_identity_fill(void *self, struct console_identity *ret) {
    struct daemon *daemon = self;
    struct daemon_identity *identity = &daemon->identity;
    ret->set = identity->set;
    ret->loaded = identity->loaded;
    ret->reason = why_not_loaded(daemon);
    for (uint64_t i = CONSOLE_IDENTITY_REQUESTS; i > 0; i--) {
        const struct daemon_request *request =
            request_at(identity, identity->next - i);
        if (request->number > 0) {
            bool waits = request->state == CONSOLE_REQUEST_WAITING;
            ret->requests[ret->request_count++] =
                (struct console_identity_request){
                    .number = request->number,
                    .state = request->state,
                    .set = request->set,
                    .reason = waits && request->set > 0 ? ret->reason
                                                        : request->reason.text,
                };
        }
    }
}

const char *daemon_identity_damaged(const struct daemon *daemon) {
    const struct daemon_identity *identity = &daemon->identity;
    if (identity->unusable.text[0] != '\0') {
        return identity->unusable.text;
    }
    return identity->refused.text[0] != '\0' ? identity->refused.text : NULL;
}

/* --- Beginning and end ---------------------------------------------------- */

err_t daemon_identity_begin(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    identity->lock = -1;
    if (daemon->config->broker.mode == CONFIG_BROKER_EXTERNAL) {
        return ERR_OK;
    }
    const struct entropy *entropy = &daemon->platform.entropy;
    identity->next = CONSOLE_IDENTITY_REQUESTS +
                     (entropy_u64(entropy) >> (64 - NUMBER_BITS));
    const struct guard_options options = {
        .self = daemon, .up = on_up, .reported = on_reported};
    return guard_new(&options, &identity->guard);
}

/* A command holds it while it writes; a gateway as long as it runs, but that
 * one has the journals, too. */
static err_t take_lock(struct daemon *daemon, struct reason *reason) {
    int *lock = &daemon->identity.lock;
    err_t err = identity_lock(daemon->config->data, lock, reason);
    for (int i = 0; i < LOCK_TRIES && err == ERR_BUSY; i++) {
        struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
        nanosleep(&pause, NULL);
        err = identity_lock(daemon->config->data, lock, reason);
    }
    if (err == ERR_BUSY) {
        return reason_set(reason, err,
                          "another process writes the accounts in "
                          "%s/identity: is the gateway already running?",
                          daemon->config->data);
    }
    return err;
}

err_t daemon_identity_open(struct daemon *daemon, struct reason *reason) {
    if (daemon->identity.guard == NULL) {
        return ERR_OK;
    }
    assert(daemon->identity.lock == -1 && daemon->broker == NULL);
    TRY(take_lock(daemon, reason));
    daemon->identity.starts = true;
    daemon->identity.reads_tls = true;
    work(daemon);
    (void)take_tls(&daemon->identity);
    take_result(daemon);
    take_accounts(daemon);
    daemon->identity.starts = false;
    return ERR_OK;
}

void daemon_identity_close(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    assert(!identity->runs);
    for (size_t i = 0; i < CONSOLE_IDENTITY_REQUESTS; i++) {
        forget_change(&identity->requests[i]);
    }
    identity_unlock(&identity->lock);
    identity->lock = -1;
    guard_free(identity->guard);
    free(identity->removed);
    presence_free(&daemon->identity.presence.table);
}
