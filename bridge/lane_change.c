/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/lane_change.h"

#include <assert.h>

#include "gateway/base/log.h"

void lane_change_begin(struct lane_change *change, const char *stream,
                       uint32_t wanted, struct cursor_file *file, uint64_t end,
                       struct forwarder *forwarder) {
    assert(wanted > 0 && wanted <= LANES_MAX);
    *change = (struct lane_change){.stream = stream, .wanted = wanted};
    if (file->lanes == 0) {
        file->lanes = wanted;
    }
    forwarder_set_lanes(forwarder, file->lanes);
    if (file->lanes != wanted && file->saved < end) {
        log_line(LOG_INFO, "bridge",
                 "stream=%s still has %u lanes: events are to be sent that "
                 "were divided so; it will have %u once all are confirmed",
                 stream, file->lanes, wanted);
    }
}

static void make(struct lane_change *change, struct forwarder *forwarder,
                 struct cursor_saver *saver) {
    if (saver->lanes != change->wanted) {
        saver->lanes = change->wanted;
    } else if (saver->lanes_saved == change->wanted) {
        forwarder_set_lanes(forwarder, change->wanted);
        change->draining = false;
        log_line(LOG_INFO, "bridge", "stream=%s has %u lanes now",
                 change->stream, change->wanted);
    }
}

bool lane_change_turn(struct lane_change *change, struct forwarder *forwarder,
                      struct cursor_saver *saver, uint64_t end) {
    if (forwarder->window.lanes == change->wanted) {
        return true;
    }
    if (forwarder_next_seq(forwarder) == end) {
        change->draining = true;
    }
    if (change->draining && forwarder->window.count == 0) {
        make(change, forwarder, saver);
    }
    return lane_change_fills(change, forwarder);
}

/* What is refused may stay there for long, and nobody waits for it. */
bool lane_change_fills(const struct lane_change *change,
                       const struct forwarder *forwarder) {
    return !change->draining || forwarder->counts.refused > 0;
}
