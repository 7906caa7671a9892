/* SPDX-License-Identifier: Apache-2.0 */
/* The job that a stream runs on its journal's own thread: commits the batch
 * that was handed over or finds room for the next, records damage that was
 * noticed, and reports the result.
 *
 * The owner fills in the request, has a job call commit_run(), one at a time,
 * and reads the answer when the job has ended. In between all of it belongs to
 * the job. */
#ifndef GATEWAY_STREAM_COMMIT_H
#define GATEWAY_STREAM_COMMIT_H

#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/stream/retention.h"

enum {
    COMMIT_NOTICED_MAX =
        8, /* ranges in one job; further ones are noticed again */
};

#define COMMIT_NO_NAME UINT64_MAX

/* Ranges that damage took. */
struct commit_gaps {
    struct journal_gap *list;
    size_t count;
    size_t cap;
};

/* Makes room for `count` ranges in all. ERR_MEMORY. */
err_t commit_gaps_reserve(struct commit_gaps *gaps, size_t count) MUST_USE;

struct commit {
    struct journal *journal; /* outlives it, as the next */
    struct retention *retention;
    /* The request. */
    struct journal_gap noticed[COMMIT_NOTICED_MAX]; /* first, end */
    uint32_t noticed_count;
    struct commit_gaps told; /* that the batch announces, with told_at */
    /* The record of the batch that names `unnamed`; COMMIT_NO_NAME: none. */
    uint64_t names_dropped_at;
    bool reserved;       /* the batch is the stream's own */
    bool upkeep;         /* to do, afterwards */
    uint64_t room_bytes; /* to find, if nothing is handed over; 0: none */
    /* The answer. */
    err_t err; /* of the commit or the room: ERR_FULL, or final */
    struct reason reason;
    err_t note_err; /* of recording the damage: if it failed, nothing was
                       recorded */
    struct reason note_reason;
    struct commit_gaps gaps; /* all recorded damage */
    struct journal_stats stats;
    struct drop_range unnamed; /* dropped, and to be named; or count 0 */
    uint64_t dropped_ever;     /* events */
    bool wants_snapshot;       /* see retention.h */
};

/* An empty request. ERR_MEMORY. */
err_t commit_init(struct commit *commit, struct journal *journal,
                  struct retention *retention) MUST_USE;
void commit_free(struct commit *commit);
/* On the committing thread, or on any thread before that one exists. */
void commit_run(struct commit *commit);

#endif
