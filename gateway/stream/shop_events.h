/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream tells its shop itself, as events in the journal: by what rules
 * it decides from here on, that a terminal's time is over, that a person has
 * seen to a refund. (What devices say comes by stream_take().) */
#ifndef GATEWAY_STREAM_SHOP_EVENTS_H
#define GATEWAY_STREAM_SHOP_EVENTS_H

#include "gateway/stream/own_event.h"
#include "gateway/stream/state.h"

/* Journals ConfigChanged in the batch that fills and runs it, if the journal
 * does not say by what the shop decides; nothing for a stream without a shop.
 * Takes the room of one of the stream's own events beside a message's. Errors
 * as stream_take(). */
err_t shop_events_config(struct own_event *own, struct state *state,
                         const struct shop_bus *bus) MUST_USE;

/* Journals and runs PaymentTimedOut of an order whose terminal was asked. Takes
 * the room of a message. Errors as stream_take(). */
err_t shop_events_timed_out(struct own_event *own, struct state *state,
                            struct slice order_id,
                            const struct shop_bus *bus) MUST_USE;
/* Journals and runs PaymentResolved: a person has seen to a refund. `how` is
 * "void", "refund" or "cash"; `why` may be empty. Likewise. */
err_t shop_events_resolved(struct own_event *own, struct state *state,
                           struct slice refund_id, struct slice how,
                           struct slice why,
                           const struct shop_bus *bus) MUST_USE;

#endif
