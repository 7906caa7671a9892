/* SPDX-License-Identifier: Apache-2.0 */
/* What to send next: given the clock, the records of a journal and the answers
 * of a service, the forwarder decides. It does no I/O and reads no clock.
 *
 * Promises. Records of one key are sent in order (lane.h): at most one request
 * of a lane is in flight, and it has one entry of each key, or what it has of
 * the lane is one aggregate, in order. What failed is sent again, and the later
 * ones of its key (of its lane, in aggregates) wait. The cursor is the lowest
 * sequence number not confirmed. Nothing is ever dropped; an entry may be sent
 * twice.
 *
 * Design. It works on a window of records [cursor, cursor + n), limited in
 * number and bytes. A request takes the first unfinished record of each key, up
 * to the sink's limits: of the free lane that has the oldest, then of the next
 * (choice.h). Several may be in flight, answered in any order. Those of a
 * request refused as a whole go on in requests of their own, by lanes, then by
 * halves until the entry at fault is alone; other lanes do not wait for that.
 * What is refused for good is settled by whoever asked for that (letter.h),
 * else it holds its key and is tried again once a minute. */
#ifndef BRIDGE_FORWARDER_H
#define BRIDGE_FORWARDER_H

#include "bridge/batch.h"
#include "bridge/forwarder_state.h"
#include "bridge/letter.h"

/* A record as it goes into the window. */
struct forwarder_record {
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct slice bytes; /* copied */
    uint64_t key;       /* a hash: keys that collide wait for each other */
    int64_t pushed_us;  /* monotonic; for `linger_us` */
    uint32_t size;      /* in a request */
    bool sendable;      /* false: the sink can never take it as it is */
    bool settled; /* it is done already: a dead letter of an earlier run */
};

/* With LANES_DEFAULT. Allocates nothing. `entropy` outlives the forwarder. */
void forwarder_init(struct forwarder *forwarder,
                    const struct forwarder_limits *limits,
                    const struct entropy *entropy, uint64_t cursor);
void forwarder_free(struct forwarder *forwarder);
/* Divides the keys among so many lanes from now on. The window is empty. */
void forwarder_set_lanes(struct forwarder *forwarder, uint32_t lanes);

/* The sequence number of the next record it wants. */
uint64_t forwarder_next_seq(const struct forwarder *forwarder);
/* True if a record of `len` bytes fits the window now. */
bool forwarder_has_room(const struct forwarder *forwarder, size_t len);
/* ERR_FULL if the window has no room now, ERR_MEMORY; ERR_CORRUPT if it is not
 * the next record, or larger than a record may be. */
err_t forwarder_push(struct forwarder *forwarder,
                     const struct forwarder_record *record) MUST_USE;

/* Nothing in the window is in flight or can still be sent: what is refused is
 * held, and what is behind it in its key (its lane, in aggregates) waits. */
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
 * ERR_MEMORY. The batch lives until it is answered. Of a run with fewer `kept`
 * than it has entries, the rest was not sent. */
err_t forwarder_take(struct forwarder *forwarder, int64_t now_us,
                     const struct forwarder_batch **ret) MUST_USE;
/* `outcomes`, one for each record, is read with CALL_ANSWERED only. */
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
