/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into the forwarder's next request, and when there is one. */
#ifndef BRIDGE_CHOICE_H
#define BRIDGE_CHOICE_H

#include "bridge/forwarder_state.h"

/* When a lane that is free has something to send: 0 is now, INT64_MAX never by
 * time alone. */
int64_t choice_due_us(const struct forwarder *forwarder);
/* Could a request be as full as one may be, or is there nothing to wait for? */
bool choice_fills(const struct forwarder *forwarder);
/* Fills an empty batch with what may leave, of as few lanes as it takes; of the
 * lane with the oldest first. None if no lane is due. */
void choice_fill(struct forwarder *forwarder, int64_t now_us,
                 struct forwarder_batch *batch);
/* What the sink did not keep waits again, as if it had not left. */
void choice_trim(struct forwarder *forwarder, struct forwarder_batch *batch,
                 int64_t now_us);
/* A record of the window. */
struct forwarder_entry choice_entry(const struct forwarder *forwarder,
                                    uint64_t seq);
bool choice_same_lane(const struct forwarder *forwarder,
                      const struct forwarder_batch *batch, uint32_t i,
                      uint32_t j);

#endif
