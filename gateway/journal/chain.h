/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of an open journal: the sealed ones, the one that is written to,
 * and what the next one will be made of. Frames are bytes here, and where the
 * records stand is the caller's to know.
 *
 * The last page of the segment that is written to is the seal's, and before it
 * some bytes may be kept in reserve. When a frame does not fit before those,
 * the next segment gets its space first, and then the full one is sealed. */
#ifndef GATEWAY_JOURNAL_CHAIN_H
#define GATEWAY_JOURNAL_CHAIN_H

#include "gateway/journal/segment.h"
#include "gateway/journal/supply.h"
#include "gateway/journal/types.h"

struct chain {
    const struct platform *platform; /* outlives it, as does the supply's dir */
    uint64_t reserve;             /* bytes of each segment, before the seal */
    struct segment_header header; /* of the segments to come */
    struct segment segment;       /* the one that is written to */
    uint64_t offset;              /* of the next frame */
    uint64_t size;                /* of the file */
    /* The sealed segments, oldest first: [sealed_at, sealed_count). */
    struct journal_segment *sealed;
    size_t sealed_at;
    size_t sealed_count;
    size_t sealed_cap;
    struct supply supply;
};

/* Takes over what an earlier run sealed; `sealed` is freed with the chain. */
void chain_take_sealed(struct chain *chain, struct journal_segment *sealed,
                       size_t count);
void chain_free(struct chain *chain);

/* Begins the first segment of this run, with record `next_seq`. ERR_FULL,
 * ERR_IO. */
err_t chain_begin(struct chain *chain, uint64_t next_seq,
                  struct reason *reason) MUST_USE;
/* Makes sure that a frame of `frame_len` bytes, which begins with `next_seq`,
 * fits with `reserve` bytes behind it. ERR_FULL, and nothing has changed; any
 * other failure leaves the chain unusable. */
err_t chain_make_room(struct chain *chain, uint64_t next_seq,
                      uint64_t frame_len, uint64_t reserve,
                      struct reason *reason) MUST_USE;
/* Writes a frame that there is room for, and syncs it. Any failure is final. */
err_t chain_write(struct chain *chain, struct slice frame,
                  struct reason *reason) MUST_USE;
/* Seals the segment that is written to. Any failure is final. */
err_t chain_seal(struct chain *chain, uint64_t next_seq,
                 bool clean_stop) MUST_USE;

/* The oldest sealed segment; false if there is none. */
bool chain_oldest(const struct chain *chain,
                  struct journal_segment *ret) MUST_USE;
/* The first record of the segment behind the oldest sealed one. */
uint64_t chain_behind_oldest(const struct chain *chain);
/* Removes the oldest sealed segment, of which there must be one, durably. Any
 * failure is final. */
err_t chain_trim(struct chain *chain, struct reason *reason) MUST_USE;
uint64_t chain_count(const struct chain *chain); /* of segments */

/* Bytes of records and their heads that one frame may hold and be sure to find
 * room for, before the reserve: now, or behind a frame of `frame_len` bytes
 * that is written first, be it with the reserve or without. */
uint64_t chain_room(const struct chain *chain);
uint64_t chain_room_behind(const struct chain *chain, uint64_t frame_len);

#endif
