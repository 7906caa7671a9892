/* SPDX-License-Identifier: Apache-2.0 */
/* One request to a sink, as the forwarder asks for it, and how it may end. */
#ifndef BRIDGE_BATCH_H
#define BRIDGE_BATCH_H

#include "gateway/base/base.h"
#include "gateway/event/event_life.h"

enum { FORWARDER_BATCH_MAX = 500 }; /* the most entries any sink takes */

/* An entry of the request to be sent. */
struct forwarder_entry {
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct slice bytes; /* lives until the request is answered */
};

struct forwarder_batch {
    struct forwarder_entry entries[FORWARDER_BATCH_MAX];
    uint32_t count;
    uint64_t bytes; /* by their sizes */
    bool in_flight;
    bool suspect;     /* one of them may be why a larger one failed */
    uint32_t attempt; /* the forwarder's when this was taken, */
    uint64_t answers; /* and this */
};

/* How a request as a whole was answered. */
enum forwarder_call {
    CALL_ANSWERED,  /* by entries: see the outcomes */
    CALL_THROTTLED, /* too fast */
    CALL_FAILED,    /* the service failed, or it was not the service */
    CALL_OFFLINE,   /* no name, no TLS, or the connection broke */
    CALL_UNREACHED, /* no address took a TCP connection */
    CALL_REFUSED,   /* credentials, rights, no such bus or stream */
    CALL_TOO_LARGE, /* the request, as a whole */
    CALL_INVALID,   /* something in it, the service does not say which */
    CALL_AGAIN,     /* what was wrong is fixed: try at once */
};

enum forwarder_outcome {
    ENTRY_CONFIRMED,
    ENTRY_FAILED, /* may succeed if repeated */
    ENTRY_THROTTLED,
    ENTRY_REFUSED, /* a final code: the service will never accept this entry */
};

#endif
