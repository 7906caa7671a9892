/* SPDX-License-Identifier: Apache-2.0 */
/* What to send next: given the clock, the records of a journal and the answers
 * of a service, the forwarder decides. It does no I/O and reads no clock.
 *
 * Promises. Records of one key are sent in order, one at a time: two entries of
 * a key are never in flight, because neither PutEvents nor PutRecords keeps the
 * order when a part of it fails. An entry that failed is sent again, and the
 * later ones of its key wait. The cursor is the lowest sequence number not
 * confirmed. Nothing is ever dropped; an entry may be sent twice.
 *
 * Design. It works on a window of records [cursor, cursor + n), limited in
 * number and bytes. A request takes the first unfinished record of each key, in
 * journal order, up to the sink's limits. Several may be in flight, answered in
 * any order. Those of a request refused as a whole go on in two requests of
 * their own, halved again until the entry at fault is alone; others do not wait
 * for that. What is refused for good is settled by whoever asked for that
 * (letter.h), else it holds its key and is tried again once a minute. */
#ifndef BRIDGE_FORWARDER_H
#define BRIDGE_FORWARDER_H

#include "bridge/batch.h"
#include "bridge/letter.h"
#include "bridge/request_size.h"
#include "bridge/window.h"

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
    uint32_t entries_max;
    uint64_t bytes_max;
};

/* A record as it goes into the window. */
struct forwarder_record {
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct slice bytes; /* copied */
    uint64_t key;       /* a hash: keys that collide wait for each other */
    uint32_t size;      /* in a request */
    bool sendable;      /* false: the sink can never take it as it is */
    bool settled; /* it is done already: a dead letter of an earlier run */
};

struct forwarder_counts {
    uint64_t sent;     /* entries confirmed */
    uint64_t repeated; /* entries sent more than once */
    uint32_t refused;  /* entries held in the window now */
};

struct forwarder {
    struct forwarder_limits limits;
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

/* Allocates nothing. `entropy` outlives the forwarder. */
void forwarder_init(struct forwarder *forwarder,
                    const struct forwarder_limits *limits,
                    const struct entropy *entropy, uint64_t cursor);
void forwarder_free(struct forwarder *forwarder);

/* The sequence number of the next record it wants. */
uint64_t forwarder_next_seq(const struct forwarder *forwarder);
/* True if a record of `len` bytes fits the window now. */
bool forwarder_has_room(const struct forwarder *forwarder, size_t len);
/* ERR_FULL if the window has no room now, ERR_MEMORY; ERR_CORRUPT if it is not
 * the next record, or larger than a record may be. */
err_t forwarder_push(struct forwarder *forwarder,
                     const struct forwarder_record *record) MUST_USE;

/* Nothing in the window is in flight or can still be sent. */
bool forwarder_is_drained(const struct forwarder *forwarder);
/* Continues at `seq`, past records that the journal no longer has. The window
 * must be drained; refused entries held in it are forgotten. */
void forwarder_skip(struct forwarder *forwarder, uint64_t seq);

/* Answers take so long: the window may hold what is under way meanwhile. */
void forwarder_learn_trip(struct forwarder *forwarder, int64_t trip_us);

/* True if a request could be sent now. */
bool forwarder_ready(const struct forwarder *forwarder, int64_t now_us);
/* True if a request that could be sent now is as full as one may be, or has
 * nothing to wait for. */
bool forwarder_fills(struct forwarder *forwarder, int64_t now_us);
/* When something that waits may be sent (INT64_MAX: nothing by time alone). */
int64_t forwarder_due_us(const struct forwarder *forwarder, int64_t now_us);

/* Picks the next request and takes it as sent. ERR_AGAIN if there is nothing to
 * send, FORWARDER_IN_FLIGHT_MAX are in flight, or it is paused or held;
 * ERR_MEMORY. The batch lives until it is answered. */
err_t forwarder_take(struct forwarder *forwarder, int64_t now_us,
                     const struct forwarder_batch **ret) MUST_USE;
/* `outcomes`, one for each entry, is read with CALL_ANSWERED only. */
void forwarder_answer(struct forwarder *forwarder,
                      const struct forwarder_batch *batch, int64_t now_us,
                      enum forwarder_call call,
                      const enum forwarder_outcome *outcomes);
/* With `letters`: true if `seq` waits to be settled; `ret` gets its record (the
 * bytes live until then) and how often it was sent. */
bool forwarder_final(const struct forwarder *forwarder, uint64_t seq,
                     struct forwarder_entry *ret, uint32_t *ret_tries);
/* Settles it. One that does not wait for that (any more) is left as it is. */
void forwarder_settle(struct forwarder *forwarder, uint64_t seq,
                      enum settle how, int64_t now_us);
/* A call without entries (a probe) failed: wait, as after a failed request. */
void forwarder_hold(struct forwarder *forwarder, int64_t now_us,
                    enum forwarder_call call);

/* While paused nothing is sent, but answers to requests in flight are still
 * accepted. Resuming resets the back-off. */
void forwarder_pause(struct forwarder *forwarder, bool paused);

#endif
