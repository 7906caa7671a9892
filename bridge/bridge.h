/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge: one thread that sends each stream's journal to the cloud, in
 * order per key, at least once, and never gives up.
 *
 * It reads what is durable and nothing else. Its loop never waits for a disk:
 * journals are read and cursors saved in jobs on libuv's pool, so a disk that
 * hangs under one stream stops neither the others nor pause and status. Its
 * cursor (the lowest sequence
 * number not yet confirmed) is kept in a file beside each journal and synced at
 * most once a second. A restart repeats, under the same ids, what was confirmed
 * in the last second and what is confirmed behind an event that is not: at most
 * a window of it (forwarder.h). */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "bridge/status.h"
#include "bridge/transport.h"
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
    const struct connector *connector; /* NULL: HTTPS */
    /* Called on the bridge's thread after the status changed, at most ten times
     * a second; may be NULL. Must only wake somebody (uv_async_send). */
    void (*changed)(void *context);
    void *context;
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

/* Gives requests in flight a moment to be answered, ends them, waits for jobs
 * on the disk, saves the cursors, joins the thread, frees. Under a second
 * unless the disk hangs: nothing bounds the wait for that. Takes NULL. */
void bridge_stop(struct bridge *bridge);

#endif
