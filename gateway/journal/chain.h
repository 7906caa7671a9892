/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of an open journal: the sealed ones, the one being written, and
 * the files for the next ones. To this file frames are only bytes; the caller
 * knows where the records are.
 *
 * The last page of the segment being written is kept for the seal, and some
 * bytes before it may be kept in reserve. When a frame does not fit before
 * those, the next segment gets its space first, and then the full one is
 * sealed. */
#ifndef GATEWAY_JOURNAL_CHAIN_H
#define GATEWAY_JOURNAL_CHAIN_H

#include "gateway/journal/segment.h"
#include "gateway/journal/supply.h"
#include "gateway/journal/types.h"

struct chain {
    const struct platform *platform; /* outlives it, as does the supply's dir */
    uint64_t reserve;             /* bytes of each segment, before the seal */
    struct segment_header header; /* of future segments */
    struct segment segment;       /* the one being written */
    uint64_t offset;              /* of the next frame */
    uint64_t size;                /* of the file */
    struct remains remains;       /* in it, behind the last frame */
    /* The sealed segments, oldest first: [sealed_at, sealed_count). */
    struct journal_segment *sealed;
    size_t sealed_at;
    size_t sealed_count;
    size_t sealed_cap;
    struct supply supply;
    uint64_t written; /* bytes given to the disk since it began */
};

/* Takes over the segments that an earlier run sealed; `sealed` is freed with
 * the chain. */
void chain_take_sealed(struct chain *chain, struct journal_segment *sealed,
                       size_t count);
void chain_free(struct chain *chain);

/* Creates the first segment of this run, with record `next_seq`. ERR_FULL,
 * ERR_IO. */
err_t chain_begin(struct chain *chain, uint64_t next_seq,
                  struct reason *reason) MUST_USE;
/* Makes sure that a frame of `frame_len` bytes that begins with `next_seq`
 * fits, with `reserve` bytes after it. If ERR_FULL, nothing has changed; after
 * any other failure the chain is unusable. */
err_t chain_make_room(struct chain *chain, uint64_t next_seq,
                      uint64_t frame_len, uint64_t reserve,
                      struct reason *reason) MUST_USE;
/* Writes a frame for which there is room, syncs it, and then makes sure that
 * the file still has its name. Any failure is final. */
err_t chain_write(struct chain *chain, struct slice frame,
                  struct reason *reason) MUST_USE;
/* Begins the next segment now, as large as any, unless the one being written is
 * empty. If ERR_FULL, nothing has changed; any other failure is final. */
err_t chain_roll(struct chain *chain, uint64_t next_seq,
                 struct reason *reason) MUST_USE;
/* Writes zeros over what older lives left in the files that are written to and
 * in the spares, if it was appended before `before_us`: a part at each call. If
 * ERR_FULL, there is more to do, and any other failure is final. */
err_t chain_wipe(struct chain *chain, int64_t before_us,
                 struct reason *reason) MUST_USE;
/* Seals the segment being written. Any failure is final. */
err_t chain_seal(struct chain *chain, uint64_t next_seq,
                 bool clean_stop) MUST_USE;

/* The oldest sealed segment; false if there is none. */
bool chain_oldest(const struct chain *chain,
                  struct journal_segment *ret) MUST_USE;
/* The first record of the segment after the oldest sealed one. */
uint64_t chain_behind_oldest(const struct chain *chain);
/* Durably removes the oldest sealed segment; there must be one. Any failure is
 * final. */
err_t chain_trim(struct chain *chain, struct reason *reason) MUST_USE;
uint64_t chain_count(const struct chain *chain); /* of segments */
/* Bytes that the segments take, without what the last one may still take. */
uint64_t chain_space(const struct chain *chain);

/* Bytes of records and their heads that one frame may hold and will surely find
 * room for, before the reserve: now, or after a frame of `frame_len` bytes is
 * written first, whether that one uses the reserve or not. */
uint64_t chain_room(const struct chain *chain);
uint64_t chain_room_behind(const struct chain *chain, uint64_t frame_len);

#endif
