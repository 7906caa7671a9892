/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a journal, its readers and its parts exchange. */
#ifndef GATEWAY_JOURNAL_TYPES_H
#define GATEWAY_JOURNAL_TYPES_H

#include <stdatomic.h>

#include "gateway/base/base.h"

/* What the journal holds: records [start, end), durable. The journal writes it
 * after its syncs; any thread may read it. */
struct journal_position {
    _Atomic uint64_t start;
    _Atomic uint64_t end;
};

/* When a batch was begun; the time of all its records. */
struct journal_stamp {
    int64_t wall_us;
    int64_t mono_us;
};

/* A sealed segment. */
struct journal_segment {
    uint64_t first_seq;
    uint64_t end_seq; /* that follows its last record */
    uint64_t bytes;
};

/* Records [first, end) that damage took. Their numbers are not used again. */
struct journal_gap {
    uint64_t first;
    uint64_t end;
    uint64_t told_at; /* the record that announces it; or JOURNAL_UNTOLD */
};

#define JOURNAL_UNTOLD UINT64_MAX

static inline bool journal_gap_is_told(const struct journal_gap *gap) {
    return gap->told_at != JOURNAL_UNTOLD;
}

/* What a journal says of itself: journal_stats(). */
struct journal_stats {
    uint64_t segments;
    uint64_t open_first;  /* first record of the one being written */
    uint64_t bytes;       /* on disk, preallocation and spares included */
    uint64_t spare_bytes; /* part of those: kept for future segments */
    uint64_t trimmed;     /* segments, since opened */
    uint64_t recycled;    /* made from a spare, since opened */
    uint64_t commits;     /* since opened */
    uint64_t commit_us_last;
    uint64_t commit_us_max; /* since opened */
    uint64_t space;   /* part of `bytes`: what the records take, in pages */
    uint64_t payload; /* bytes of the records committed since opened, */
    uint64_t frames;  /* of the frames that they are in, */
    uint64_t written; /* and of all that was given to the disk: those, headers
                         and seals */
};

#endif
