/* SPDX-License-Identifier: Apache-2.0 */
/* What a forwarder (forwarder.h) consists of. The fields are for reading, but
 * for what is said to be its owner's. */
#ifndef BRIDGE_FORWARDER_STATE_H
#define BRIDGE_FORWARDER_STATE_H

#include "bridge/batch.h"
#include "bridge/request_size.h"
#include "bridge/window.h"
#include "gateway/base/platform.h"

enum {
    /* The window, where answers come soon; and where they take long. */
    FORWARDER_EVENTS_MAX = 4096,
    FORWARDER_BYTES_MAX = 4 * 1024 * 1024,
    FORWARDER_EVENTS_FAR_MAX = WINDOW_EVENTS_MAX,
    FORWARDER_BYTES_FAR_MAX = 20 * 1024 * 1024,
    FORWARDER_IN_FLIGHT_MAX = 16, /* batches */
};

#define FORWARDER_REFUSED_US ((int64_t)60 * 1000 * 1000)

/* What one request to a sink may hold; sizes as the sink's measure says. */
struct forwarder_limits {
    uint32_t entries_max; /* records */
    uint64_t bytes_max;
};

struct forwarder_counts {
    uint64_t sent;     /* entries confirmed */
    uint64_t repeated; /* entries sent more than once */
    uint32_t refused;  /* entries held in the window now */
};

struct forwarder {
    struct forwarder_limits limits;
    uint64_t run_bytes_max; /* of an aggregate; 0: each entry is a record */
    int64_t linger_us;      /* one that is not full waits for more */
    bool tight;             /* the next record has no room: nothing lingers */
    const struct entropy *entropy;
    struct window window; /* its base is the cursor */
    uint32_t events_max;  /* of the window, now */
    uint64_t bytes_max;
    struct request_size size;
    uint64_t bytes_now_max; /* of a request, too */
    uint32_t attempt;       /* requests failed in a row */
    int64_t sending_us;     /* how long the network took the request that is
                               answered next; 0: not known */
    uint32_t blamed;        /* entries refused alone in a row */
    uint64_t answers;       /* requests answered by entries */
    int64_t hold_until_us;  /* nothing is sent before this */
    uint32_t in_flight;     /* batches */
    bool paused;
    bool letters; /* what is refused for good waits to be settled, not held */
    struct forwarder_counts counts;
    /* Made when first needed. */
    struct forwarder_batch *batches[FORWARDER_IN_FLIGHT_MAX];
};

#endif
