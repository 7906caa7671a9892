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

#endif
