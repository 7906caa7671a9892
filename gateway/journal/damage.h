/* SPDX-License-Identifier: Apache-2.0 */
/* What damage has taken from a journal: the file `<dir>/damage`, which makes a
 * gap between two segments one that is known. It is replaced as a whole, synced
 * before anything that rests on it is changed. Version 2, big-endian:
 *      0   8  "SEDGEROT"
 *      8   4  u32           version
 *     12   4  u32           incarnation: no lower one is taken
 *     16   4  u32           count of gaps, each:
 *      .   8  u64             first number that is gone
 *      .   8  u64             number that follows the last one
 *      .   8  u64             number of the record that tells of it; 2^64-1 if
 *                             none does
 *      .   8  u64           XXH3-64 of all before it
 *   The mark of the telling record is written before that record is committed.
 *   An opening takes away marks at or behind the end of the journal before it
 *   appends, so that a power cut in between does not leave a mark on a number
 *   that another record gets: each gap is told of exactly once.
 *   Version 1 has, in the place of the mark, where the journal ended when the
 *   gap was noticed: the gap was told of if any record has that number. */
#ifndef GATEWAY_JOURNAL_DAMAGE_H
#define GATEWAY_JOURNAL_DAMAGE_H

#include "gateway/base/base.h"
#include "gateway/journal/types.h"

/* Zeroed is one without damage. */
struct damage {
    struct journal_gap *gaps; /* sorted, apart from each other */
    size_t count;
    uint32_t
        incarnation; /* no segment whose header was lost had a higher one */
};

/* No file is no damage. One that does not verify is logged and is none either:
 * the gaps it named are found again, and announced again. ERR_UNSUPPORTED for
 * one of a later version, ERR_IO, ERR_MEMORY. */
err_t damage_load(const struct disk *disk, const char *dir, struct damage *ret,
                  struct reason *reason) MUST_USE;
/* ERR_IO, ERR_FULL, ERR_MEMORY; the older file stands then. */
err_t damage_save(const struct disk *disk, const char *dir,
                  const struct damage *damage, struct reason *reason) MUST_USE;
/* Adds what of `gap` is not known yet, and saves if there is any. After a
 * failure neither memory nor disk knows of it. */
err_t damage_note(const struct disk *disk, const char *dir,
                  struct damage *damage, struct journal_gap gap,
                  struct reason *reason) MUST_USE;
/* Sets the marks of the gaps in `told`, each of which is known with the same
 * two ends, and saves. After a failure neither memory nor disk has them.
 * ERR_IO, ERR_FULL, ERR_MEMORY. */
err_t damage_mark(const struct disk *disk, const char *dir,
                  struct damage *damage, const struct journal_gap *told,
                  size_t count, struct reason *reason) MUST_USE;
/* Takes away the marks of records that were never committed, and saves if there
 * are any: the journal ends at `next_seq`, and other records will get those
 * numbers. ERR_IO, ERR_FULL, ERR_MEMORY. */
err_t damage_settle(const struct disk *disk, const char *dir,
                    struct damage *damage, uint64_t next_seq,
                    struct reason *reason) MUST_USE;
void damage_free(struct damage *damage);

/* Adds what of `gap` is not known yet. ERR_MEMORY. */
err_t damage_add(struct damage *damage, struct journal_gap gap) MUST_USE;
/* Is all of [first, end) known? An empty range is. */
bool damage_covers(const struct damage *damage, uint64_t first,
                   uint64_t end) MUST_USE;
/* The end of what is known to be gone from `seq` on; `seq` if it is not. */
uint64_t damage_end(const struct damage *damage, uint64_t seq) MUST_USE;

#endif
