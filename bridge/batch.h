/* SPDX-License-Identifier: Apache-2.0 */
/* One request to a sink, as the forwarder asks for it, and how it may end. */
#ifndef BRIDGE_BATCH_H
#define BRIDGE_BATCH_H

#include "gateway/base/base.h"
#include "gateway/event/event_life.h"

enum { FORWARDER_BATCH_MAX = 500 }; /* the most records any sink takes */

/* An event to be sent. */
struct forwarder_entry {
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct slice bytes; /* lives until the request is answered */
};

/* Entries that are one record of the request, which is taken whole or not. */
struct forwarder_run {
    uint32_t first; /* entry */
    uint32_t count;
    uint32_t lane;
    uint32_t kept; /* the sink's: only so many of them went into the record */
};

struct forwarder_batch {
    struct forwarder_entry *entries; /* by lanes, and in order in each */
    uint32_t count;
    uint32_t cap;
    struct forwarder_run *runs; /* NULL: each entry is a record */
    uint32_t run_count;
    uint64_t bytes;     /* by their sizes */
    uint64_t run_bytes; /* a record may have */
    uint64_t lanes;     /* that it has entries of */
    bool in_flight;
    bool suspect;     /* one of them may be why a larger one failed */
    uint32_t attempt; /* the forwarder's when this was taken, */
    uint64_t answers; /* and this */
};

/* An empty one, for so many records; with `runs` each may hold any number of
 * entries. NULL: no memory. */
struct forwarder_batch *forwarder_batch_new(uint32_t records_max, bool runs);
void forwarder_batch_free(struct forwarder_batch *batch); /* takes NULL */
void forwarder_batch_clear(struct forwarder_batch *batch);
/* False: there is no memory for another entry. */
bool forwarder_batch_has_room(struct forwarder_batch *batch);
/* The records of the request, and which entries the i-th is. */
uint32_t forwarder_batch_records(const struct forwarder_batch *batch);
struct forwarder_run forwarder_batch_record(const struct forwarder_batch *batch,
                                            uint32_t i);

/* How a request as a whole was answered. */
enum forwarder_call {
    CALL_ANSWERED,  /* by records: see the outcomes */
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
