/* SPDX-License-Identifier: Apache-2.0 */
/* Where a journal's files come from and go to: within its limits, new files or
 * spares. It knows nothing of records. */
#ifndef GATEWAY_JOURNAL_SUPPLY_H
#define GATEWAY_JOURNAL_SUPPLY_H

#include "gateway/base/base.h"
#include "gateway/journal/segment.h"
#include "gateway/journal/spares.h"
#include "gateway/journal/types.h"

struct supply {
    const struct disk *disk; /* outlives it, as does `dir` */
    const char *dir;
    uint64_t segment_bytes;
    uint64_t capacity;   /* 0: no limit */
    uint64_t free_floor; /* of the file system */
    bool bounded;      /* a start is not: it needs a segment to continue with */
    uint64_t used;     /* bytes of the segments; the journal counts them */
    uint64_t recycled; /* segments made from a spare */
    struct spares spares;
};

/* A segment under its temporary name, to be published or discarded. */
struct supply_segment {
    struct segment segment;
    uint64_t size;
    struct remains remains; /* of the spare that it was */
};

/* Takes over the spares of an earlier run. ERR_IO, ERR_FULL. */
err_t supply_load(struct supply *supply, struct reason *reason) MUST_USE;
/* Bytes on the disk: files that hold records, and files kept to hold more. */
uint64_t supply_held(const struct supply *supply);
/* May the journal use `more` bytes of the disk? ERR_FULL, ERR_IO. */
err_t supply_check(const struct supply *supply, uint64_t more,
                   struct reason *reason) MUST_USE;
/* Creates a segment with room for a frame of at least `frame_len` bytes: from a
 * spare if it is large enough. If space runs out, spares are removed to make
 * some; a spare that another process removed is skipped. ERR_FULL, ERR_IO. */
err_t supply_make(struct supply *supply, const struct segment_header *header,
                  uint64_t frame_len, struct supply_segment *ret,
                  struct reason *reason) MUST_USE;
/* Makes sure that the first spare is as large as a segment: creates or enlarges
 * it. ERR_FULL, ERR_IO. */
err_t supply_preallocate(struct supply *supply, struct reason *reason) MUST_USE;
/* The size of the segment that the spare at `index`, in order of use, can
 * become without taking more of the disk; 0 if there is no such spare. */
uint64_t supply_preallocated(const struct supply *supply, size_t index);
/* Durably turns a segment's file into a spare under another name, or removes
 * it. ERR_IO and others, with errno; then it is not known whether the segment
 * still has its name. */
err_t supply_reclaim(struct supply *supply,
                     const struct journal_segment *segment) MUST_USE;

#endif
