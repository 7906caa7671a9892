/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of an exchange means to a person: clearer text, and the state of
 * the link. Pure, but for the log. */
#ifndef BRIDGE_EXPLAIN_H
#define BRIDGE_EXPLAIN_H

#include "bridge/exchange.h"
#include "bridge/status.h"

/* Adds what to do about a refusal. If the cause was our clock, whose offset is
 * known better by now, the answer becomes CALL_AGAIN: a few times in a row,
 * then it is a refusal. */
void explain_result(const struct sink *sink, const struct sink_target *target,
                    struct exchange_result *result);

/* Who is asked for another try time and again is being refused: a Date that
 * jumps with each answer would make a request of each. `again` counts. */
void explain_again(struct answer *answer, uint32_t *again);
/* If we may not ask whether the target exists, the log says so, and it counts
 * as there. */
void explain_probe(const struct sink *sink, const struct config_stream *stream,
                   struct answer *answer);

/* Did the service say that it is too much: of all of it, or of some of the
 * entries? */
bool explain_throttled(const struct answer *answer, uint32_t entries);

/* The state of the link after this answer to a request of `entries` (0: a
 * probe); `before` is the state it was in. */
enum bridge_link explain_link(enum forwarder_call call, uint32_t entries,
                              enum bridge_link before);

#endif
