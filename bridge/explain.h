/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of an exchange means for a person: better words, and the state
 * of the link. Pure. */
#ifndef BRIDGE_EXPLAIN_H
#define BRIDGE_EXPLAIN_H

#include "bridge/exchange.h"
#include "bridge/status.h"

/* Says what to do about a refusal. One whose cause was our clock, which is
 * known better now, becomes CALL_AGAIN. */
void explain_result(const struct sink *sink, const struct sink_target *target,
                    struct exchange_result *result);

/* The link after a request of `entries` (0: a question) was answered so;
 * `before` is what it was. */
enum bridge_link explain_link(enum forwarder_call call, uint32_t entries,
                              enum bridge_link before);

#endif
