/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream tells its shop itself, as events in the journal: by what rules
 * it decides from here on. (What devices say comes by stream_take().) */
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
/* The same at a start: a journal of other rules changes to the present ones
 * before anything else happens; if it is full, when there is room again. A new
 * one says them with its first event. */
err_t shop_events_begin(struct own_event *own, struct state *state,
                        const struct shop_bus *bus) MUST_USE;

#endif
