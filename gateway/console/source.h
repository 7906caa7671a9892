/* SPDX-License-Identifier: Apache-2.0 */
/* What the console may show and do: one table of functions. */
#ifndef GATEWAY_CONSOLE_SOURCE_H
#define GATEWAY_CONSOLE_SOURCE_H

#include "bridge/bridge.h"
#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/shop/shop.h"
#include "gateway/verdict/forecast.h"
#include "gateway/verdict/verdict.h"

enum {
    CONSOLE_ORDERS_MAX = 50,
    CONSOLE_CONNECTIONS_MAX = 24,      /* by TCP */
    CONSOLE_LOCAL_CONNECTIONS_MAX = 8, /* on the control socket */
    CONSOLE_BODY_MAX = 256,            /* bytes of a request's body */
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
    int64_t oldest_us; /* wall time of the oldest event that is not in the
                          cloud yet, 0 if there is none or not known */
    struct forecast_view forecast;
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
    int64_t clock_offset_ms; /* the cloud's clock minus ours */
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
};

#endif
