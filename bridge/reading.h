/* SPDX-License-Identifier: Apache-2.0 */
/* One visit to a journal: a page of records read, or damage passed. It calls
 * the disk, so it runs as a job, and it owns the journal's reader between
 * visits. */
#ifndef BRIDGE_READING_H
#define BRIDGE_READING_H

#include "gateway/journal/reader.h"

enum {
    READING_RECORDS_MAX = 512, /* in a page */
    READING_BYTES_MAX = 256 * 1024,
    READING_BYTES_KEEP = 32 * 1024, /* a larger page is freed when idle */
};

/* Records one after the other, copied. Zeroed is an empty page. */
struct reading_page {
    uint64_t first_seq;
    uint32_t count;
    struct {
        int64_t wall_us;
        uint32_t offset;
        uint32_t len;
    } records[READING_RECORDS_MAX];
    uint8_t *bytes;
    size_t len;
    size_t cap; /* at most READING_BYTES_MAX, unless for a single record */
};

/* Forgets the records; the memory stays. */
void reading_page_clear(struct reading_page *page);
void reading_page_free(struct reading_page *page);

/* Zeroed but for `disk` and `dir` is ready. */
struct reading {
    const struct disk *disk;
    const char *dir;
    struct journal_reader *reader; /* NULL: opened at the next visit */
    bool stale; /* the reader is of no use any more: open another */
    /* Read, and found no room on the page. It lives in the reader. */
    struct journal_record ahead;
    bool has_ahead;
};

/* Why a page ends. */
enum reading_end {
    READING_FULL,    /* there is more */
    READING_END,     /* all below `end_seq` is read */
    READING_TRIMMED, /* the next record is no longer in the journal */
    READING_DAMAGED, /* the next record lies in damage */
    READING_FAILED,
};

/* Fills an empty page with the records from `from_seq` on and below `end_seq`.
 * `from_seq` follows what was read or passed last, unless the reader is stale.
 * What was read before the end stands in the page, whatever ended it; `reason`
 * is set for READING_FAILED. */
enum reading_end reading_fill(struct reading *reading, uint64_t from_seq,
                              uint64_t end_seq, struct reading_page *page,
                              struct reason *reason);

/* After READING_DAMAGED: goes on behind the damage, below `end_seq`. Nothing is
 * passed that is not on record as damaged, unless `pass_unknown`: ERR_CORRUPT.
 * Else as journal_reader_pass(). */
err_t reading_pass(struct reading *reading, uint64_t end_seq, bool pass_unknown,
                   struct journal_gap *ret, bool *ret_known) MUST_USE;

/* Closes the reader. */
void reading_close(struct reading *reading);

#endif
