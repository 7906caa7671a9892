/* SPDX-License-Identifier: Apache-2.0 */
/* The records that a forwarder works on: [base, base + count), each with what
 * became of it so far. Knows which of them may leave: the first unfinished one
 * of each key whose lane is free. Pure; it grows as it fills, and holds no
 * memory when empty.
 *
 * Every step costs the same however many records there are: the records of a
 * key are chained, and those that may leave are bits of a set, one for each
 * lane. */
#ifndef BRIDGE_WINDOW_H
#define BRIDGE_WINDOW_H

#include "bridge/lane.h"
#include "gateway/base/base.h"
#include "gateway/event/event_life.h"

enum {
    WINDOW_EVENTS_MAX = 65536,
    WINDOW_RECORD_MAX = 2 * 1024 * 1024, /* bytes */
};

#define WINDOW_NONE UINT64_MAX

enum slot_state {
    SLOT_WAITING,
    SLOT_IN_FLIGHT,
    SLOT_FINAL, /* refused for good, and not settled yet */
    SLOT_DONE,
};

struct window_chunk;

struct slot {
    uint64_t key;
    int64_t wall_us;
    struct event_life life;
    int64_t not_before_us; /* 0: at once */
    uint8_t *bytes;
    struct window_chunk *chunk; /* that has the bytes */
    uint64_t next;              /* of its key, or WINDOW_NONE */
    uint64_t bucket;            /* the window's: another key's last */
    uint64_t mate;              /* is sent with this one, or WINDOW_NONE */
    uint32_t len;
    uint32_t lane;
    uint32_t size;    /* in a request */
    uint32_t attempt; /* times sent */
    uint8_t state;
    bool head;    /* it is the first unfinished one of its key */
    bool follows; /* it leaves with whoever has it as a mate */
    bool alone;   /* a request was refused for it: it leaves alone */
    bool refused;
    bool sendable;
};

struct window_lane {
    uint32_t ready_count; /* may leave when the lane is free */
    uint32_t group_count; /* of these: those that have a request of their own */
    uint64_t ready_size;
    uint64_t waiting_size; /* of all that wait, whether they are ready or not */
    uint64_t first;        /* no ready one is before it */
    int64_t since_us;      /* the forwarder's: it waits since then */
};

/* Zeroed but for `base` and `lanes` is an empty one. The fields are for
 * reading, but for `busy`. */
struct window {
    uint64_t base;
    uint32_t count;
    uint32_t cap; /* a power of two, or 0 */
    struct slot *slots;
    uint64_t *buckets; /* the last record of each key, by its hash */
    uint64_t *ready;   /* may leave: for each lane a bit for each slot */
    uint64_t *delayed; /* may leave when their time has come */
    uint32_t lanes;    /* 0 is 1 */
    uint64_t busy;     /* a set of lanes: a request of theirs is under way */
    struct window_lane lane[LANES_MAX];
    uint32_t delayed_count;
    int64_t delayed_us; /* the first of them comes then */
    struct window_chunk *oldest;
    struct window_chunk *newest;
    uint64_t bytes; /* of all records */
};

void window_free(struct window *window);

/* Of a record in the window. */
struct slot *window_slot(const struct window *window, uint64_t seq);
/* Appends a record, waiting; its bytes are copied. The caller sets `key`,
 * `lane`, `size`, `sendable`, `life` and `wall_us` in `slot`. ERR_MEMORY. */
err_t window_push(struct window *window, const struct slot *slot,
                  struct slice bytes) MUST_USE;

/* It waits (again), from slot->not_before_us on. */
void window_wait(struct window *window, uint64_t seq);
/* It leaves: it was ready, or is sent behind one of its key that was. */
void window_leave(struct window *window, uint64_t seq);
/* It is done, in flight or not. */
void window_finish(struct window *window, uint64_t seq);
/* Moves base past what is done. */
void window_pass(struct window *window);
/* Empty, and goes on at `seq`. */
void window_skip(struct window *window, uint64_t seq);

/* Lets those leave whose time has come. */
void window_wake(struct window *window, int64_t now_us);
/* The first record of the lane, from `seq` on, that may leave once the lane is
 * free; or WINDOW_NONE. */
uint64_t window_next_ready(const struct window *window, uint32_t lane,
                           uint64_t seq);
/* Of the free lanes but for those in the set `not_these` the one that has the
 * first record that may leave, which `ret_seq` is; or LANES_MAX. */
uint32_t window_first_lane(struct window *window, uint64_t not_these,
                           uint64_t *ret_seq);
struct window_lane window_free_lanes(const struct window *window); /* a sum */
/* When something may leave: 0 is now, INT64_MAX never by time alone. */
int64_t window_due_us(const struct window *window);

#endif
