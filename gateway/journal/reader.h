/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a journal. A reader never writes and takes no lock. It works while a
 * daemon runs, and on the disk of a box that is down. */
#ifndef GATEWAY_JOURNAL_READER_H
#define GATEWAY_JOURNAL_READER_H

#include "gateway/base/base.h"
#include "gateway/journal/format.h"
#include "gateway/journal/types.h"

struct journal_record {
    uint64_t seq;
    int64_t wall_us;
    int64_t mono_us;
    uint32_t incarnation;
    /* The boot id in its segment's header: that of the journal_open() whose
     * process committed it. Every later start and every copy of the journal has
     * another one, so (journal id, life, seq) names one record for ever. */
    uint8_t life[JOURNAL_ID_SIZE];
    struct slice bytes; /* lives until the next call on this reader */
};

struct journal_reader;

/* Positions at `from_seq` (which may be the end, or a number that damage took).
 * `disk` outlives the reader. ERR_NOT_FOUND if there is no journal or it begins
 * later, ERR_RANGE if it ends before; ERR_UNSUPPORTED, ERR_CORRUPT, ERR_IO,
 * ERR_MEMORY. */
err_t journal_reader_open(const struct disk *disk, const char *dir,
                          uint64_t from_seq, struct journal_reader **ret,
                          struct reason *reason) MUST_USE;
/* The next record below `end_seq`; ERR_END when there is none. With an end_seq
 * from a journal_position all of it is durable. With UINT64_MAX it stops at the
 * first frame that does not verify at the tail, and may continue from there
 * later. ERR_NOT_FOUND if the record was trimmed: open a reader where the
 * journal begins now. ERR_CORRUPT if a frame below `end_seq` is missing or does
 * not verify or, with UINT64_MAX, if later segments follow such a frame:
 * journal_reader_pass() continues after it. ERR_IO, ERR_MEMORY. */
err_t journal_reader_next(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_record *ret) MUST_USE;
/* After ERR_CORRUPT: continues with the next record that can be read, below
 * `end_seq`, else at `end_seq`. `*ret` is the range that was passed, possibly
 * empty (the records could be read after all); `*ret_known` if all of it is
 * recorded as damaged. ERR_END if there is no such record and `end_seq` is
 * UINT64_MAX. ERR_NOT_FOUND if it was trimmed meanwhile; ERR_UNSUPPORTED,
 * ERR_IO, ERR_MEMORY. */
err_t journal_reader_pass(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_gap *ret, bool *ret_known) MUST_USE;
void journal_reader_close(struct journal_reader *reader);
/* The number of the oldest record, or of the next one if there is none.
 * ERR_NOT_FOUND if there is no journal, ERR_IO. */
err_t journal_begins(const struct disk *disk, const char *dir,
                     uint64_t *ret_seq, struct reason *reason) MUST_USE;

#endif
