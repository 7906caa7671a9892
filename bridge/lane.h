/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: what keeps the order of a stream's events.
 *
 * The events of a key belong to one lane, for as long as the number of lanes
 * stays (lane_change.h). At most one request of a lane is under way. Within a
 * request the services promise no order, so a lane has there one entry of each
 * key, or one aggregate, which is taken whole or not at all and has its events
 * in order. What was not taken leaves before anything behind it in its key. So
 * no event of a key is ever taken for the first time after a later one, however
 * many connections there are and whatever fails. */
#ifndef BRIDGE_LANE_H
#define BRIDGE_LANE_H

#include <stdint.h>

enum {
    LANES_DEFAULT = 16,
    LANES_MAX = 64, /* a set of them is a uint64_t */
};

/* As configured; 0: nothing is. */
static inline uint32_t lanes_wanted(uint32_t lanes) {
    return lanes > 0 ? lanes : LANES_DEFAULT;
}

/* The lane of a key, by its hash. */
static inline uint32_t lane_of(uint64_t hash, uint32_t lanes) {
    return (uint32_t)(hash % lanes);
}

static inline uint64_t lane_bit(uint32_t lane) {
    return (uint64_t)1 << lane;
}

#endif
