/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge: one thread that sends each stream's journal to the cloud, in
 * order per key, at least once, and never gives up.
 *
 * It reads only what is durable. Its loop never waits for a disk: jobs on
 * libuv's pool read journals and save cursors, so a disk that hangs under one
 * stream does not stop the others, a pause or the status. Each stream's cursor
 * (the lowest sequence number not yet confirmed) is kept in a file next to its
 * journal and synced at most once a second (less often with a commit_delay:
 * cursor_saver.h). A restart repeats, with the same ids, what was confirmed
 * since the last save and what was confirmed after an
 * event that was not: at most one window (forwarder.h). */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include <stdatomic.h>

#include "bridge/bridge_options.h"
#include "bridge/credential_plan.h"
#include "bridge/dead_status.h"
#include "bridge/status.h"
#include "bridge/transport.h"
#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"

struct bridge;

/* Takes credentials from where cloud.credentials says, endpoints from the
 * configuration, else AWS_ENDPOINT_URL_EVENTBRIDGE / AWS_ENDPOINT_URL_KINESIS /
 * AWS_ENDPOINT_URL; starts the thread. Starting without a network is no error.
 * No source of credentials, an unreadable CA file or a cursor past its
 * journal's end is one (ERR_CONFIG, ERR_CORRUPT). */
err_t bridge_start(const struct bridge_options *options, struct bridge **ret,
                   struct reason *reason) MUST_USE;

/* Are there certificates in the CA file that a start would use? ERR_CONFIG with
 * what to do. */
err_t bridge_check_authorities(const struct config_cloud *cloud,
                               struct reason *reason) MUST_USE;

/* How a start would look for credentials; both outlive the result. */
struct credential_plan_options bridge_credential_options(
    const struct config_cloud *cloud, const struct platform *platform);

/* From any thread. */
void bridge_wake(struct bridge *bridge); /* a durable position moved */
void bridge_pause(struct bridge *bridge, bool paused);
/* The newest EdgeStatus, as heartbeat.h takes it, to be sent ahead of all else;
 * it takes the place of one that was not sent yet. ERR_RANGE if it is too
 * large, ERR_NOT_FOUND if no stream has a sink. */
err_t bridge_report(struct bridge *bridge, struct slice json,
                    int64_t wall_us) MUST_USE;
/* A copy of the last published status. */
void bridge_status(struct bridge *bridge, struct bridge_status *ret);

/* An order about dead letters, by their ids; at most DEAD_ASK_MAX. It is done
 * when the status' `asks_done` has reached `*ret_number`. ERR_BUSY: another one
 * waits, ask again. */
err_t bridge_dead_order(struct bridge *bridge, enum dead_ask ask,
                        const uint64_t *ids, uint32_t count,
                        uint64_t *ret_number) MUST_USE;
/* Head office was told, durably, of all the news of the n-th stream of the
 * status before `end`; or of all damage, with DEAD_TOLD_DAMAGE. */
void bridge_dead_told(struct bridge *bridge, uint32_t stream, uint64_t end);

/* Grows about once a second while the loop turns. Until bridge_stop(). */
const atomic_uint_fast64_t *bridge_turns(const struct bridge *bridge);

/* Waits a moment for answers to the requests in flight, ends them, waits for
 * jobs on the disk, saves the cursors, joins the thread, frees. Takes under a
 * second, unless the disk hangs: that wait has no limit. Takes NULL. */
void bridge_stop(struct bridge *bridge);

#endif
