/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge reports about dead letters. */
#ifndef BRIDGE_DEAD_STATUS_H
#define BRIDGE_DEAD_STATUS_H

#include "bridge/dead_policy.h"
#include "config/config.h"

/* Events [first, last] of a stream, `count` of them. */
struct dead_range {
    uint64_t first;
    uint64_t last;
    uint64_t count;
};

/* What head office was not told yet of a stream, as far as the journal of dead
 * letters says: bridge_dead_told() with `end`, once it was. */
struct dead_news {
    struct dead_range letters; /* that became letters, */
    struct dead_range dropped; /* and that were dropped */
    char code[96];             /* of the last letter */
    uint64_t end;
    uint64_t told; /* the last `end` that was told */
};

/* Of one stream. */
struct dead_stream_status {
    enum dead_hold held;
    uint64_t waiting; /* refused, and neither a letter nor taken yet */
    uint64_t letters; /* that it became since the start */
    char words[200];  /* of the last refusal; or "" */
    struct dead_news news;
};

struct dead_status {
    uint64_t letters;  /* now */
    uint64_t retried;  /* part of those: to be sent again */
    uint64_t ageing;   /* part of those: they go soon because of their age */
    int64_t oldest_us; /* wall time at which the oldest became one; 0 */
    uint64_t sent;     /* letters taken after all, since the start */
    uint64_t dropped;  /* by a person or by age, since the start */
    uint64_t lost;     /* records that the disk has lost, */
    struct dead_range damage; /* and which head office was not told of */
    uint64_t asks_done; /* the last order that is done, as dead_order counts */
    char full[200];     /* why no letter can be written; "" if one can */
    int64_t job_since_us; /* monotonic: a job is with the disk; 0: none is */
    struct dead_stream_status streams[CONFIG_STREAMS_MAX];
};

/* Adds what came later. */
void dead_range_add(struct dead_range *range, uint64_t first, uint64_t last,
                    uint64_t count);
const char *dead_hold_name(enum dead_hold hold);

/* Instead of a stream, where it was told of damage. */
enum { DEAD_TOLD_DAMAGE = CONFIG_STREAMS_MAX };

/* What a person asks for. */
enum dead_ask { DEAD_ASK_RETRY, DEAD_ASK_DROP };
enum { DEAD_ASK_MAX = 512 }; /* letters in one order */

#endif
