/* SPDX-License-Identifier: Apache-2.0 */
/* Sends what the gateway says of itself (EdgeStatus): one event, which is in no
 * journal, over a connection of its own, so that no backlog is before it. Only
 * the newest waits: an older one that was not sent yet is forgotten.
 *
 * It goes to the bus of the stream that sends to EventBridge with the highest
 * priority, else to such a stream's Kinesis stream. It is one small request now
 * and then, so it counts in no budget and takes no turns. The connection and
 * the buffers are there only while it sends.
 *
 * It lives on the bridge's loop, and never makes it wait. */
#ifndef BRIDGE_HEARTBEAT_H
#define BRIDGE_HEARTBEAT_H

#include "bridge/credentials.h"
#include "bridge/exchange.h"
#include "bridge/transport.h"
#include "config/config.h"
#include "gateway/base/platform.h"

enum { HEARTBEAT_MAX = 16 * 1024 }; /* bytes of an event */

/* All of it outlives the heartbeat. */
struct heartbeat_options {
    const struct platform *platform;
    const struct config *config;
    const struct config_stream *stream; /* whose sink it goes to */
    const struct credentials *credentials;
    struct connector connector;
    /* As the sender's. */
    void (*turn)(void *self);
    void (*clock_learned)(void *self, int64_t offset_us);
    void (*credentials_refused)(void *self,
                                const struct exchange_result *result);
    void *self;
};

struct heartbeat;

/* The stream that it goes by; NULL: none has a sink. */
const struct config_stream *heartbeat_stream(
    const struct config_stream *const *streams, uint32_t count);

/* ERR_CONFIG if the endpoint is not usable; ERR_MEMORY. */
err_t heartbeat_new(const struct heartbeat_options *options,
                    struct heartbeat **ret, struct reason *reason) MUST_USE;
/* Drops what is in flight. */
void heartbeat_hang_up(struct heartbeat *heartbeat);
/* After that. Takes NULL. */
void heartbeat_free(struct heartbeat *heartbeat);

/* From any thread: the newest, a structured CloudEvent as JSON, of type
 * EdgeStatus. Then have heartbeat_work() called. ERR_RANGE if it is too large.
 */
err_t heartbeat_put(struct heartbeat *heartbeat, struct slice json,
                    int64_t wall_us) MUST_USE;
/* In each turn. `may_send`: there are credentials, and the bridge is not
 * paused. */
void heartbeat_work(struct heartbeat *heartbeat, int64_t offset_us,
                    bool may_send);
/* When to call it again; INT64_MAX if not because of time alone. */
int64_t heartbeat_due_us(const struct heartbeat *heartbeat, bool may_send);
bool heartbeat_is_busy(const struct heartbeat *heartbeat);

#endif
