/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer over one connection: builds the body, signs it,
 * sends it, and reads what came back. Knows nothing of queues and retries. */
#ifndef BRIDGE_EXCHANGE_H
#define BRIDGE_EXCHANGE_H

#include "bridge/answers.h"
#include "bridge/credentials.h"
#include "bridge/endpoint.h"
#include "bridge/pack.h"
#include "bridge/sink.h"
#include "bridge/transport.h"
#include "gateway/base/platform.h"

/* How a request ended. */
struct exchange_result {
    struct answer answer; /* without a response: CALL_OFFLINE or CALL_UNREACHED,
                             with the reason as text */
    /* NULL for the answer to a probe */
    const struct forwarder_batch *batch;
    struct answer_raw raw; /* the response, during `done` only */
    int64_t
        sending_us; /* until the network had taken the request; 0: unknown */
    int64_t signed_offset_us; /* the clock offset it was signed with */
    uint32_t signed_serial;   /* and the credentials it was signed with */
    bool has_offset;          /* the answer gave the server's time */
    int64_t offset_us;        /* if so: server's clock minus ours */
    uint32_t corrected; /* times in a row that the clock was blamed; kept from
                           one request to the next */
};

/* All of it outlives the exchange. */
struct exchange_options {
    const struct clock *clock;
    const struct credentials *credentials;
    const struct sink *sink;
    const struct sink_target *target;
    struct pack *pack; /* for a sink that aggregates; one for all */
    const struct endpoint *where;
    struct connector connector;
    /* The result lives until the next request, which may be sent from this
     * call. It may be called from within a call that sends. */
    void (*done)(void *context, struct exchange_result *result);
    void *context;
};

struct exchange;

/* ERR_MEMORY. */
err_t exchange_new(const struct exchange_options *options,
                   struct exchange **ret) MUST_USE;
/* Closes the connection and frees; what is in flight is dropped. Takes NULL. */
void exchange_free(struct exchange *exchange);

/* Sends a batch, which lives until `done`, signed for our clock corrected by
 * `offset_us`. No request may be in flight. After an error nothing was sent and
 * `done` is not called: errors as sink_build(), and ERR_FULL if a header is too
 * long. */
err_t exchange_send(struct exchange *exchange,
                    const struct forwarder_batch *batch,
                    int64_t offset_us) MUST_USE;
/* The same for the sink's probe: does the target exist? */
err_t exchange_ask(struct exchange *exchange, int64_t offset_us) MUST_USE;

/* The network does not take its request as fast as it could. */
bool exchange_is_stalled(const struct exchange *exchange);
bool exchange_is_busy(const struct exchange *exchange);
/* Frees large buffers; no request may be in flight. */
void exchange_rest(struct exchange *exchange);

#endif
