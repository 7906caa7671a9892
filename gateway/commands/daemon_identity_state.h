/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect, while the daemon runs: it is the one writer of the sets of
 * files (identity_set.h).
 *
 * A change that is asked for on the control socket is a request. Those that
 * wait are made together by one job, as one set; then the broker's plugin reads
 * it, and once it says so they are done. With an external broker there is none
 * of this: the accounts are that broker's. */
#ifndef GATEWAY_COMMANDS_DAEMON_IDENTITY_STATE_H
#define GATEWAY_COMMANDS_DAEMON_IDENTITY_STATE_H

#include "gateway/base/executor.h"
#include "gateway/commands/daemon_presence_state.h"
#include "gateway/commands/identity_tls.h"
#include "gateway/console/source.h"
#include "gateway/identity/edit.h"
#include "gateway/mqtt/broker_db.h"
#include "gateway/mqtt/guard.h"

enum { DAEMON_REMOVED_MAX = 1024 };

struct daemon;

struct daemon_request {
    uint64_t number; /* 0 = there was none yet in this place */
    enum console_request_state state;
    uint64_t set;                   /* 0 = not written yet */
    struct identity_change *change; /* owned, until it is written or failed */
    struct reason reason;
};

struct daemon_identity {
    struct daemon_presence presence;
    struct guard *guard; /* NULL with an external broker */
    int lock;            /* on the sets; -1 = not held */
    uint64_t next;       /* number of the next request */
    /* By their numbers: the newest ones. */
    struct daemon_request requests[CONSOLE_IDENTITY_REQUESTS];
    uint64_t set;
    uint64_t loaded;         /* that the plugin has; 0 = not known */
    struct reason unusable;  /* why the set on the disk is; "" if it is not */
    bool starts;             /* the broker is not there yet */
    struct reason refused;   /* why the plugin did not take the last one */
    bool reload_asked;       /* by SIGHUP; no request waits for it */
    struct identity_tls tls; /* what is known of the files of TLS */
    bool tls_missed;         /* they changed, and could not be written */
    /* Devices whose kept sessions are to be ended at the broker. */
    char (*removed)[ACCOUNT_NAME_MAX];
    uint32_t removed_count;
    struct broker_stale surplus; /* sessions that are too many */
    bool ends_sessions; /* some of them, now: the gateway holds their ids */
    /* The job's while it runs. */
    bool runs;
    struct job job;
    struct identity_edit edits[CONSOLE_IDENTITY_REQUESTS];
    uint64_t numbers[CONSOLE_IDENTITY_REQUESTS]; /* of their requests */
    size_t edit_count;
    bool reads_tls;
    struct identity_tls tls_next;
    uint64_t written;
    struct accounts accounts; /* as they are now, if they can be read */
    bool has_accounts;
    bool tls_written; /* `written` has what is in `tls_next` */
    err_t err;
    struct reason why;
};

/* Before the publisher, which gets the guard. */
err_t daemon_identity_begin(struct daemon *daemon) MUST_USE;
/* Before the broker starts: takes the lock, and makes the first set if there is
 * none. A set that cannot be used is no reason not to start. ERR_BUSY: somebody
 * else writes. Waits for the disk. */
err_t daemon_identity_open(struct daemon *daemon,
                           struct reason *reason) MUST_USE;
void daemon_identity_close(struct daemon *daemon);
/* A job runs. */
bool daemon_identity_is_busy(const struct daemon *daemon);
/* Once a second. */
void daemon_identity_tick(struct daemon *daemon);

/* SIGHUP: whatever a person changed of the files is taken. */
void daemon_identity_reload(struct daemon *daemon);
/* The console's (source.h). */
err_t daemon_identity_change(void *self, const struct identity_change *change,
                             uint64_t *ret_request,
                             struct reason *reason) MUST_USE;
void daemon_identity_fill(void *self, struct console_identity *ret);
/* Why the accounts cannot be used, for the verdict; NULL if they can. */
const char *daemon_identity_damaged(const struct daemon *daemon);

#endif
