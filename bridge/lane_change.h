/* SPDX-License-Identifier: Apache-2.0 */
/* The number of lanes of a stream, which its cursor's file keeps. A key may
 * belong to another lane when it changes, and events that were sent before and
 * may be sent again would not stay in order with later ones. So it changes only
 * once all that the journal has is confirmed: then the window is kept empty
 * until the new number is on the disk. That takes a round trip and a save, and
 * needs no quiet moment. */
#ifndef BRIDGE_LANE_CHANGE_H
#define BRIDGE_LANE_CHANGE_H

#include "bridge/cursor_saver.h"
#include "bridge/forwarder.h"

struct lane_change {
    const char *stream;
    uint32_t wanted;
    bool draining; /* nothing more is taken until all is confirmed */
};

/* The forwarder gets the number that `file` has: a new file, `wanted`. `end` is
 * the journal's; of a change that has to wait the log says so. */
void lane_change_begin(struct lane_change *change, const char *stream,
                       uint32_t wanted, struct cursor_file *file, uint64_t end,
                       struct forwarder *forwarder);
/* In each turn: makes the change as far as it can be made. True if the window
 * may be filled. */
bool lane_change_turn(struct lane_change *change, struct forwarder *forwarder,
                      struct cursor_saver *saver, uint64_t end);

/* Whether it may be, as of the last turn. */
bool lane_change_fills(const struct lane_change *change,
                       const struct forwarder *forwarder);

#endif
