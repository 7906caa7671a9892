/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge: one thread that carries each stream's journal to the cloud, in
 * order per key, at least once, and never gives up.
 *
 * It reads what is durable and nothing else. Its cursor (the lowest sequence
 * number not yet confirmed) is kept in a file beside each journal and synced at
 * most once a second. A restart repeats, under the same ids, what was confirmed
 * in the last second and what is confirmed behind an event that is not: at most
 * a window of it (forwarder.h). */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"

struct bridge_stream_options {
    const struct config_stream *config; /* outlives the bridge */
    const char *dir;                    /* the journal's; outlives the bridge */
    const struct journal_position *position;
};

struct bridge_options {
    const struct platform *platform; /* outlives the bridge */
    const struct config *config;     /* outlives the bridge */
    struct bridge_stream_options streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    /* Called on the bridge's thread after the status changed, at most ten times
     * a second; may be NULL. Must only wake somebody (uv_async_send). */
    void (*changed)(void *context);
    void *context;
};

enum bridge_link {
    BRIDGE_LINK_IDLE,    /* nothing to send yet, nothing known */
    BRIDGE_LINK_ONLINE,  /* the last request was answered by the service */
    BRIDGE_LINK_OFFLINE, /* the last attempt failed; trying again: without a
                            connection at least every 5 s and what connecting
                            takes, with a failing service every 20 s */
    BRIDGE_LINK_REFUSED, /* the service answers, and refuses (credentials, no
                            such bus); trying again slowly */
    BRIDGE_LINK_PAUSED,  /* told to pause */
};

/* Ranges that a stream's status tells of. */
enum { BRIDGE_GAPS_MAX = 8 };

struct bridge_stream_status {
    enum bridge_link link;
    uint64_t cursor; /* lowest sequence number not confirmed */
    uint64_t saved;  /* the cursor as it is on the disk: what lies before
                        it need not be kept for the bridge */
    uint64_t end;    /* durable end as the bridge last saw it */
    uint64_t lost;   /* events since start that the journal had let go of,
                        or lost to damage, before the service confirmed
                        them */
    /* Damage that the journal did not know of when it was met: the last of it,
     * each range at its number modulo BRIDGE_GAPS_MAX. */
    struct journal_gap gaps[BRIDGE_GAPS_MAX];
    uint32_t gap_count;   /* since start */
    uint64_t sent;        /* events confirmed since start */
    uint64_t repeated;    /* entries sent more than once since start */
    uint64_t requests;    /* since start */
    uint64_t failures;    /* requests without a usable answer */
    uint64_t refused;     /* entries that the service will not take, held */
    int64_t since_us;     /* wall time at which `link` last changed */
    int64_t confirmed_us; /* wall time of the last confirmation, 0 if none */
    char last_error[200]; /* in words; empty if none */
};

struct bridge_status {
    struct bridge_stream_status streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    int64_t clock_offset_ms; /* server's clock less ours, from Date */
};

struct bridge;

/* Reads credentials from the environment (AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), endpoints from the configuration,
 * else AWS_ENDPOINT_URL_EVENTBRIDGE / AWS_ENDPOINT_URL_KINESIS /
 * AWS_ENDPOINT_URL; starts the thread. A network that is away is no error; a
 * missing credential, a CA file that cannot be read or a cursor past its
 * journal's end is (ERR_CONFIG, ERR_CORRUPT). */
err_t bridge_start(const struct bridge_options *options, struct bridge **ret,
                   struct reason *reason) MUST_USE;

/* From any thread. */
void bridge_wake(struct bridge *bridge); /* a durable position moved */
void bridge_pause(struct bridge *bridge, bool paused);
/* A copy of the last status published. */
void bridge_status(struct bridge *bridge, struct bridge_status *ret);

/* Ends what is in flight, syncs the cursors, joins the thread, frees. Takes
 * NULL. Under a second. */
void bridge_stop(struct bridge *bridge);

#endif
