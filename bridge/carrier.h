/* SPDX-License-Identifier: Apache-2.0 */
/* One stream's way to the cloud: the journal's records into the forwarder, its
 * requests onto a connection, their answers back, the cursor onto the disk.
 * Lives on the bridge's loop; knows nothing of the other streams. */
#ifndef BRIDGE_CARRIER_H
#define BRIDGE_CARRIER_H

#include "bridge/bridge.h"
#include "bridge/credentials.h"
#include "bridge/https.h"
#include "bridge/sink.h"

/* What all carriers share; outlives them. */
struct carrier_shared {
    uv_loop_t *loop;
    const struct platform *platform;
    const struct config *config;
    const struct credentials *credentials;
    struct tls_context *tls;
    int64_t clock_offset_us; /* server's clock less ours, learned by any */
    /* Called when an answer was taken in: there may be more to do. */
    void (*turn)(void *context);
    void *context;
};

struct carrier;

/* Opens cursor and journal. ERR_CORRUPT for a cursor past the journal's end;
 * ERR_CONFIG for an endpoint that cannot be used, else as the journal says. */
err_t carrier_new(struct carrier_shared *shared,
                  const struct bridge_stream_options *options,
                  struct carrier **ret, struct reason *reason) MUST_USE;
/* Lets go of the connection (it is gone when the loop has run out). */
void carrier_hang_up(struct carrier *carrier);
/* Saves the cursor and frees. Takes NULL. */
void carrier_free(struct carrier *carrier);

void carrier_pause(struct carrier *carrier, bool paused);
/* Fills the window, saves the cursor if it is time, gives memory back. */
void carrier_work(struct carrier *carrier);
/* Sends a request if it has one and nothing is in flight. */
void carrier_send(struct carrier *carrier);
/* True if it is online and could send another request now: carriers of lower
 * priority wait. */
bool carrier_wants_line(const struct carrier *carrier);
bool carrier_busy(const struct carrier *carrier); /* a request is in flight */
/* When it wants carrier_work() and, if it may send, carrier_send() again;
 * INT64_MAX if not by time alone. */
int64_t carrier_due_us(const struct carrier *carrier, bool may_send);

/* A copy; true if it changed since the last call. */
bool carrier_status(struct carrier *carrier, struct bridge_stream_status *ret);

#endif
