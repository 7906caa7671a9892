/* SPDX-License-Identifier: Apache-2.0 */
/* What damage has taken from a journal: the file `<dir>/damage`, which records
 * the gaps between segments. It is replaced as a whole, and synced before
 * anything that depends on it is changed. Version 2, big-endian:
 *      0   8  "SEDGEROT"
 *      8   4  u32           version
 *     12   4  u32           incarnation: no lower one is taken again
 *     16   4  u32           count of gaps, each:
 *      .   8  u64             first number that is gone
 *      .   8  u64             number that follows the last one
 *      .   8  u64             the mark: number of the record that announces it;
 *                             2^64-1 if none does
 *      .   8  u64           XXH3-64 of all before it
 *   The mark is written before the record that announces the gap is committed.
 *   An opening removes marks at or past the end of the journal before it
 *   appends. So a power cut in between does not leave a mark on a number that
 *   another record gets, and each gap is announced exactly once.
 *   Version 1 has, instead of the mark, the journal's end when the gap was
 *   noticed: the gap was announced if any record has that number. */
#ifndef GATEWAY_JOURNAL_DAMAGE_H
#define GATEWAY_JOURNAL_DAMAGE_H

#include "gateway/base/base.h"
#include "gateway/journal/types.h"

/* Zeroed is one without damage. */
struct damage {
    struct journal_gap *gaps; /* sorted, not overlapping */
    size_t count;
    uint32_t incarnation; /* at least that of any segment with a lost header */
};

/* A missing file means no damage. A file that does not verify is logged and
 * also counts as no damage: the gaps it listed are found again, and announced
 * again. ERR_UNSUPPORTED if a newer version wrote it, ERR_IO, ERR_MEMORY. */
err_t damage_load(const struct disk *disk, const char *dir, struct damage *ret,
                  struct reason *reason) MUST_USE;
/* ERR_IO, ERR_FULL, ERR_MEMORY; the older file then stays. */
err_t damage_save(const struct disk *disk, const char *dir,
                  const struct damage *damage, struct reason *reason) MUST_USE;
/* Adds the parts of `gap` that are not recorded yet, and saves if there are
 * any. If it fails, neither memory nor disk has them. */
err_t damage_note(const struct disk *disk, const char *dir,
                  struct damage *damage, struct journal_gap gap,
                  struct reason *reason) MUST_USE;
/* Sets the marks of the gaps in `told`; each of them is recorded with the same
 * two ends. Saves. If it fails, neither memory nor disk has the marks. ERR_IO,
 * ERR_FULL, ERR_MEMORY. */
err_t damage_mark(const struct disk *disk, const char *dir,
                  struct damage *damage, const struct journal_gap *told,
                  size_t count, struct reason *reason) MUST_USE;
/* Removes the marks of records that were never committed, and saves if there
 * are any: the journal ends at `next_seq`, and other records will get those
 * numbers. ERR_IO, ERR_FULL, ERR_MEMORY. */
err_t damage_settle(const struct disk *disk, const char *dir,
                    struct damage *damage, uint64_t next_seq,
                    struct reason *reason) MUST_USE;
void damage_free(struct damage *damage);

/* Adds the parts of `gap` that are not recorded yet. ERR_MEMORY. */
err_t damage_add(struct damage *damage, struct journal_gap gap) MUST_USE;
/* Is all of [first, end) recorded? An empty range is. */
bool damage_covers(const struct damage *damage, uint64_t first,
                   uint64_t end) MUST_USE;
/* The first number from `seq` on that is not recorded as gone. */
uint64_t damage_end(const struct damage *damage, uint64_t seq) MUST_USE;

#endif
