/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue of one stream: an append-only log of records, committed in
 * groups.
 *
 * Promises. A record whose journal_commit() returned ERR_OK is there after any
 * crash or power cut. After recovery the journal is a prefix of what was
 * appended: in order, nothing twice, nothing invented, nothing back from the
 * dead. Sequence numbers are gapless from 0.
 *
 * Does not: know what a record holds; let go of anything yet.
 *
 * One thread appends and commits (the commit may run on another thread, one at
 * a time, with nothing appended meanwhile). Any number of readers, each on a
 * thread of its own, read what is durable through files of their own. */
#ifndef GATEWAY_JOURNAL_JOURNAL_H
#define GATEWAY_JOURNAL_JOURNAL_H

#include <stdatomic.h>

#include "gateway/base/base.h"

/* FORMAT: drawn here to the byte by the module. */

enum {
    JOURNAL_ID_SIZE = 16,
    JOURNAL_PAGE = 4096, /* frames start on multiples of it */
    JOURNAL_NAME_MAX = 64,
};

struct journal_options {
    const struct platform *platform; /* outlives the journal */
    const char *dir;                 /* made if absent; its parent must exist */
    const char *store;               /* written into each segment's header */
    const char *stream;
    uint64_t segment_bytes;    /* preallocated size; 0 = 8 MiB */
    uint32_t batch_events_max; /* records in one frame; 0 = 1024 */
    uint32_t batch_bytes_max;  /* bytes of them; 0 = 4 MiB */
};

/* How far the journal is durable: records [0, end) are. Written by the journal
 * after its sync, read by anybody. */
struct journal_position {
    _Atomic uint64_t end;
};

/* When the batch was begun; the time of all its records. */
struct journal_stamp {
    int64_t wall_us;
    int64_t mono_us;
};

struct journal;

/* Opens or creates, recovers, takes the next incarnation; after it returns
 * nothing that was dropped can come back, and [0, next_seq) is durable.
 * ERR_BUSY if another process has it, ERR_CORRUPT if it holds damage that is
 * not a torn tail, ERR_UNSUPPORTED for a format this program does not know,
 * ERR_REFUSED if it is another store's or stream's, ERR_IO, ERR_FULL. */
err_t journal_open(const struct journal_options *options, struct journal **ret,
                   struct reason *reason) MUST_USE;
/* Seals and syncs if all is well, and frees. Takes NULL. What was appended but
 * not committed is gone. */
void journal_close(struct journal *journal);

/* Begins a batch: takes the time. The batch must be empty. */
void journal_begin(struct journal *journal);
/* Copies a record into the batch. ERR_FULL if the batch has no room (commit
 * first), ERR_RANGE if no batch could ever hold it. */
err_t journal_append(struct journal *journal, struct slice record,
                     uint64_t *ret_seq) MUST_USE;
/* Writes the batch as one frame, one write, one fdatasync, and moves the
 * durable position. An empty batch does nothing. Any failure is final: every
 * later call fails too, the position stands still. */
err_t journal_commit(struct journal *journal, struct reason *reason) MUST_USE;

struct journal_stamp journal_batch_stamp(const struct journal *journal);
uint32_t journal_batch_events(const struct journal *journal);
/* Bytes that the batch still takes (of records of any size). */
uint32_t journal_batch_room(const struct journal *journal);
uint64_t journal_next_seq(const struct journal *journal); /* batch included */
const struct journal_position *journal_position(const struct journal *journal);
const uint8_t *journal_id(const struct journal *journal); /* JOURNAL_ID_SIZE */
uint32_t journal_incarnation(const struct journal *journal);

struct journal_stats {
    uint64_t segments;
    uint64_t bytes;   /* on disk, preallocation included */
    uint64_t commits; /* since opened */
    uint64_t commit_us_last;
    uint64_t commit_us_max; /* since opened */
};
/* Not during a commit on another thread. */
struct journal_stats journal_stats(const struct journal *journal);

/* Reading. A reader never writes, takes no lock, works beside a running daemon
 * and on a dead box's disk. */
struct journal_record {
    uint64_t seq;
    int64_t wall_us;
    int64_t mono_us;
    uint32_t incarnation;
    struct slice bytes; /* lives until the next call on this reader */
};

struct journal_reader;

/* Positions at `from_seq` (which may lie at the end). ERR_NOT_FOUND if there is
 * no journal or it begins later; ERR_UNSUPPORTED, ERR_CORRUPT, ERR_IO. */
err_t journal_reader_open(const struct disk *disk, const char *dir,
                          uint64_t from_seq, struct journal_reader **ret,
                          struct reason *reason) MUST_USE;
/* The next record below `end_seq`; ERR_END when there is none. With end_seq
 * from a journal_position all of it is durable; with UINT64_MAX it stops at the
 * first frame that does not verify at the tail. ERR_CORRUPT if a frame below
 * `end_seq` (not UINT64_MAX) does not verify. */
err_t journal_reader_next(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_record *ret) MUST_USE;
void journal_reader_close(struct journal_reader *reader);

#endif
