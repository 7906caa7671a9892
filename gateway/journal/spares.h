/* SPDX-License-Identifier: Apache-2.0 */
/* Files of trimmed segments, kept to be written again. Writing into space that
 * was written before does not change the file system's own records, so a
 * commit's sync waits for the data only. What they hold is never read, and may
 * be wiped. */
#ifndef GATEWAY_JOURNAL_SPARES_H
#define GATEWAY_JOURNAL_SPARES_H

#include "gateway/base/base.h"
#include "gateway/journal/remains.h"
#include "gateway/journal/segment.h"

/* Each new segment uses one; the others take up what is trimmed at once when
 * the bridge's cursor moves. */
enum { SPARES_MAX = 4 };

/* The reserved number of a spare that never was a segment: none begins with
 * this record, so none is ever reclaimed under this name. */
#define SPARE_MADE UINT64_MAX

struct spare {
    uint64_t number; /* in its name: of the first record it once held */
    uint64_t bytes;
    struct remains remains;
};

struct spares {
    struct spare list[SPARES_MAX]; /* in the order they came */
    size_t count;
};

/* Finds those of an earlier run; removes those not worth keeping. ERR_IO,
 * ERR_FULL. */
err_t spares_load(struct spares *spares, const struct disk *disk,
                  const char *dir, uint64_t segment_bytes) MUST_USE;
/* Is there room for one more, and is a file of `bytes` worth keeping when
 * segments have `segment_bytes`? */
bool spares_wants(const struct spares *spares, uint64_t bytes,
                  uint64_t segment_bytes);
/* There must be room. The caller has renamed the file. */
void spares_add(struct spares *spares, struct spare spare);
/* Takes the oldest one into `ret`; false if there is none. */
bool spares_take(struct spares *spares, struct spare *ret) MUST_USE;
/* There must be one. */
void spares_take_newest(struct spares *spares, struct spare *ret);
/* Writes zeros over what was appended before `before_us`, at most `*budget`
 * bytes (remains.h). ERR_IO, ERR_FULL. */
err_t spares_wipe(struct spares *spares, const struct disk *disk,
                  const char *dir, int64_t before_us,
                  uint64_t *budget) MUST_USE;
uint64_t spares_bytes(const struct spares *spares);

#endif
