/* SPDX-License-Identifier: Apache-2.0 */
/* What an older life of a file left in it. No reader takes it, but it is on the
 * disk: a spare holds the records of the segment it was, and so does a segment
 * that was made of a spare, behind its own. */
#ifndef GATEWAY_JOURNAL_REMAINS_H
#define GATEWAY_JOURNAL_REMAINS_H

#include "gateway/base/base.h"

struct remains {
    int64_t since_us;  /* wall time of its oldest record; 0: it cannot be told;
                          REMAINS_NONE: nothing is left of any */
    uint64_t wiped_to; /* before this byte zeros were written over it */
};

#define REMAINS_NONE INT64_MAX

/* Of a file with this name that holds a segment's records, or did before it was
 * wiped. */
struct remains remains_of(const struct disk *disk, const char *dir,
                          uint64_t first_seq, const char *suffix);
/* Writes zeros over bytes [from, size) of the file, at most `*budget` of them,
 * goes on there the next time, and syncs. Takes from `*budget` what it wrote.
 * ERR_IO, ERR_FULL: then not all of it is known to be gone. */
err_t remains_wipe(struct remains *remains, const struct disk *disk, int fd,
                   uint64_t from, uint64_t size, uint64_t *budget) MUST_USE;
/* Behind the first page all of the file is wiped, and synced: now that page is,
 * too, which tells the next start. ERR_IO, ERR_FULL. */
err_t remains_mark_wiped(const struct disk *disk, int fd) MUST_USE;

#endif
