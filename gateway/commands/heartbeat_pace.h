/* SPDX-License-Identifier: Apache-2.0 */
/* When the next EdgeStatus is due: regularly, and soon after the verdict
 * changed, but not again at once. Reads no clock. */
#ifndef GATEWAY_COMMANDS_HEARTBEAT_PACE_H
#define GATEWAY_COMMANDS_HEARTBEAT_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* The first: by then a start that is well looks well. */
#define HEARTBEAT_FIRST_US ((int64_t)10 * 1000 * 1000)
/* Between two of them, whatever the verdict does. */
#define HEARTBEAT_APART_US ((int64_t)30 * 1000 * 1000)

/* Zeroed is ready. */
struct heartbeat_pace {
    uint64_t said;    /* how many were; that is the last one's number */
    int64_t said_us;  /* monotonic, when the last one was, */
    uint64_t changes; /* and the verdict's then */
};

/* Once a second or so. True: it is due, and counts as said. `every_us` 0:
 * never.
 */
bool heartbeat_is_due(struct heartbeat_pace *pace, int64_t every_us,
                      int64_t uptime_us, int64_t now_us, uint64_t changes);

#endif
