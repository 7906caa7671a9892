/* SPDX-License-Identifier: Apache-2.0 */
/* One visit to a journal: reads a page of records, or passes damage. It calls
 * the disk, so it runs as a job. It owns the journal's reader between visits.
 */
#ifndef BRIDGE_READING_H
#define BRIDGE_READING_H

#include "gateway/event/event_life.h"
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
        struct event_life life;
        uint32_t offset;
        uint32_t len;
    } records[READING_RECORDS_MAX];
    uint8_t *bytes;
    size_t len;
    size_t cap; /* at most READING_BYTES_MAX, unless for a single record */
};

/* Empties the page; its memory is kept. */
void reading_page_clear(struct reading_page *page);
void reading_page_free(struct reading_page *page);

/* Zeroed but for `disk` and `dir` is ready. */
struct reading {
    const struct disk *disk;
    const char *dir;
    struct journal_reader *reader; /* NULL: opened at the next visit */
    bool stale; /* the reader is no longer usable: open another */
    /* A record that was read and did not fit on the page. It lives in the
     * reader. */
    struct journal_record ahead;
    bool has_ahead;
};

/* Why a page ends. */
enum reading_end {
    READING_FULL,    /* there is more */
    READING_END,     /* all records below `end_seq` were read */
    READING_TRIMMED, /* the next record is no longer in the journal */
    READING_DAMAGED, /* the next record lies in damage */
    READING_FAILED,
};

/* Fills an empty page with the records from `from_seq` up to `end_seq`, which
 * is excluded. `from_seq` follows what was read or passed last, unless the
 * reader is stale. The page keeps what was read before the end, whatever the
 * end was; `reason` is set for READING_FAILED. */
enum reading_end reading_fill(struct reading *reading, uint64_t from_seq,
                              uint64_t end_seq, struct reading_page *page,
                              struct reason *reason);

/* After READING_DAMAGED: continues after the damage, below `end_seq`. Passes
 * only recorded damage, unless `pass_unknown`: else ERR_CORRUPT. Other errors
 * as journal_reader_pass(). */
err_t reading_pass(struct reading *reading, uint64_t end_seq, bool pass_unknown,
                   struct journal_gap *ret, bool *ret_known) MUST_USE;

/* Closes the reader. */
void reading_close(struct reading *reading);

#endif
