/* SPDX-License-Identifier: Apache-2.0 */
/* What the stream's sink is sure to refuse is refused at the door, with words:
 * the device can still change it. Only what is sure: what a service may refuse
 * (numbers beyond 64 bits, say) is taken, and is the bridge's matter. Size and
 * type are limited for every event (event.h, intake.h), as the strictest sink
 * has them. Pure. */
#ifndef GATEWAY_STREAM_SINK_RULES_H
#define GATEWAY_STREAM_SINK_RULES_H

#include "config/config.h"
#include "gateway/base/base.h"

/* `data`: the event's data as JSON (event_data_json()). ERR_REFUSED. */
err_t sink_rules_check(const struct config_stream *stream, struct slice data,
                       struct reason *reason) MUST_USE;

#endif
