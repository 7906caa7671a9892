/* SPDX-License-Identifier: Apache-2.0 */
/* Where a journal's segments come from and go to: files within its bounds, new
 * ones or spares. Knows nothing of records. */
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
    uint64_t capacity;   /* 0: no bound */
    uint64_t free_floor; /* of the file system */
    bool bounded;        /* a start is not: it needs a segment to go on with */
    uint64_t used;       /* bytes of the segments; the journal counts them */
    uint64_t recycled;   /* segments made from a spare */
    struct spares spares;
};

/* A segment under the name of its making, to be published or discarded. */
struct supply_segment {
    struct segment segment;
    uint64_t size;
};

/* Takes over the spares of an earlier run. ERR_IO, ERR_FULL. */
err_t supply_load(struct supply *supply, struct reason *reason) MUST_USE;
/* Bytes on the disk: what holds records, and what is kept to hold more. */
uint64_t supply_held(const struct supply *supply);
/* May the journal take `more` bytes of the disk? ERR_FULL, ERR_IO. */
err_t supply_check(const struct supply *supply, uint64_t more,
                   struct reason *reason) MUST_USE;
/* Makes a segment with room for a frame of `frame_len` bytes at least: from a
 * spare if it is large enough. If space runs out, spares are removed to make
 * some; a spare that somebody else removed is skipped. ERR_FULL, ERR_IO. */
err_t supply_make(struct supply *supply, const struct segment_header *header,
                  uint64_t frame_len, struct supply_segment *ret,
                  struct reason *reason) MUST_USE;
/* Makes sure that the first spare is as large as a segment: creates or enlarges
 * it. ERR_FULL, ERR_IO. */
err_t supply_preallocate(struct supply *supply, struct reason *reason) MUST_USE;
/* Bytes of the segment that can be made without taking more of the disk, by the
 * spare at `index` in the order they are used; 0 if there is none. */
uint64_t supply_preallocated(const struct supply *supply, size_t index);
/* Durably turns the file of a segment into a spare, under another name, or
 * removes it. ERR_IO and others, with errno; whether the segment still has its
 * name is not known then. */
err_t supply_reclaim(struct supply *supply,
                     const struct journal_segment *segment) MUST_USE;

#endif
