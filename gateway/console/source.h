/* SPDX-License-Identifier: Apache-2.0 */
/* What the console may show and do: one table of functions. */
#ifndef GATEWAY_CONSOLE_SOURCE_H
#define GATEWAY_CONSOLE_SOURCE_H

#include "bridge/bridge.h"
#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/identity/change.h"
#include "gateway/identity/presence.h"
#include "gateway/journal/journal.h"
#include "gateway/shop/shop.h"
#include "gateway/verdict/forecast.h"
#include "gateway/verdict/verdict.h"

enum {
    CONSOLE_ORDERS_MAX = 50,
    CONSOLE_CONNECTIONS_MAX = 24,      /* by TCP */
    CONSOLE_LOCAL_CONNECTIONS_MAX = 8, /* on the control socket */
    CONSOLE_BODY_MAX = 256,            /* bytes of a request's body */
    /* Of a change of the accounts: their topics, as JSON escapes them. */
    CONSOLE_IDENTITY_BODY_MAX = 12 * 1024,
    CONSOLE_DEAD_BODY_MAX = 12 * 1024, /* of an order: DEAD_ASK_MAX numbers */
    CONSOLE_IDENTITY_REQUESTS = 64,    /* the newest ones */
};

struct console_stream {
    const char *name; /* borrowed for the call */
    uint64_t start;   /* durable records: sequence numbers [start, end) */
    uint64_t end;
    uint64_t received, accepted, rejected, duplicates; /* since start */
    uint64_t too_old; /* of the rejected: might be repeats */
    uint64_t dropped; /* dropped undelivered since start, to make room */
    const struct journal_gap *gaps; /* events that damage took, ever */
    size_t gap_count;
    uint64_t damaged;     /* events in those */
    const char *full;     /* why it accepts nothing; NULL if it does */
    const char *disk_job; /* the oldest that is with the disk; NULL: none */
    int64_t disk_job_us;  /* for how long */
    struct journal_stats journal;
    uint64_t written; /* bytes given to the disk since start, for the journal,
                         snapshots and the cursor */
    bool has_sink;    /* else `bridge` is not used */
    struct bridge_stream_status bridge; /* as the bridge last reported */
    bool holds_refused; /* no dead letters of it: on_refused: hold */
    struct dead_stream_status dead;
    int64_t oldest_us; /* wall time of the oldest event that is not in the
                          cloud yet, 0 if there is none or not known */
    struct forecast_view forecast;
};

/* Who is there, as it is while the call lasts. */
struct console_devices {
    const struct presence *presence; /* NULL: no accounts are kept here */
    struct presence_moment now;
    bool known; /* the broker is heard: who is connected is so */
    /* Since the start, by reason: of connections and at topics. */
    uint64_t refused[REFUSAL_COUNT];
};

struct console_status {
    const char *store; /* borrowed for the call, as all strings here */
    const char *version;
    int64_t now_us; /* wall time */
    int64_t uptime_s;
    int64_t mono_us; /* the same moment on the clock of `verdict` */
    const struct verdict *verdict; /* of this moment */
    bool broker_up;
    uint16_t broker_port;
    uint64_t broker_restarts;
    const char *broker_reason; /* why it is not up, or does not last; or NULL */
    const char *broker_set_aside; /* a file of its own; NULL or "" if none */
    uint32_t broker_set_aside_count;
    uint64_t broker_takeovers; /* of our sessions, by another client */
    bool broker_contended;     /* and it goes on */
    uint64_t broker_rival;     /* receipts of another gateway of this store */
    uint64_t broker_dropped;   /* messages, by the broker itself */
    uint64_t broker_dropped_a_minute;
    uint64_t broker_dropped_seen; /* since our start */
    uint64_t foreign_messages;    /* of a topic that no stream takes */
    const char *foreign_topic;    /* the last kind of such a topic, or "" */
    struct console_stream streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    bool has_shop; /* else `orders` is not used */
    struct shop_counts orders;
    struct console_devices devices;
    int64_t clock_offset_ms; /* the cloud's clock minus ours */
    struct dead_status dead;
    struct credential_status credentials;
    char authorities[200]; /* why cloud.ca_file is not used; empty: it is */
    struct verdict_tls_facts tls;
};

enum console_request_state {
    CONSOLE_REQUEST_WAITING,
    CONSOLE_REQUEST_DONE, /* the broker has it */
    CONSOLE_REQUEST_FAILED,
};

struct console_identity_request {
    uint64_t number;
    enum console_request_state state;
    uint64_t set;       /* that it is in; 0 = not written (yet) */
    const char *reason; /* why it failed, or what it waits for; or "" */
};

struct console_identity {
    uint64_t set;       /* the newest, 0 = none */
    uint64_t loaded;    /* that the broker has; 0 = not known */
    const char *reason; /* why the two differ, or the set is of no use, or "" */
    struct console_identity_request requests[CONSOLE_IDENTITY_REQUESTS];
    uint32_t request_count;
};

/* Called on the loop's thread for each request. They must not block. */
struct console_source {
    void *self;
    /* `ret` comes zeroed. */
    void (*status)(void *self, struct console_status *ret);
    /* As shop_orders(); NULL without a shop. */
    void (*orders)(void *self, uint32_t max,
                   void (*each)(void *context, const struct shop_order_view *),
                   void *context);
    err_t (*uplink)(void *self, bool paused);
    /* An order about dead letters: as bridge_dead_order(). ERR_NOT_FOUND: no
     * stream has a sink. NULL = there are none. */
    err_t (*dead)(void *self, enum dead_ask ask, const uint64_t *ids,
                  uint32_t count, uint64_t *ret_number);
    /* Takes a change of the accounts and makes it later. ERR_REFUSED: they are
     * not kept here; ERR_FULL: too many wait. NULL = there are none. */
    err_t (*change)(void *self, const struct identity_change *change,
                    uint64_t *ret_request, struct reason *reason);
    /* `ret` comes zeroed. NULL with `change`. */
    void (*identity)(void *self, struct console_identity *ret);
    /* `ret` comes zeroed, and stays so without accounts. May be NULL. */
    void (*devices)(void *self, struct console_devices *ret);
};

#endif
