/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue of one stream: an append-only log of records, committed in
 * groups.
 *
 * Promises. A record whose journal_commit() returned ERR_OK is there after any
 * crash or power cut. After recovery the journal is a prefix of what was
 * appended: in order, nothing twice, nothing invented, nothing back from the
 * dead. Sequence numbers are gapless from 0; what was let go of is missing at
 * the front, in whole segments. What a failing medium took is missing where it
 * was, is on record as a gap, and no number of it is used again.
 *
 * Does not: know what a record holds, or when it may go.
 *
 * Two sides work on a journal, each of which may be a thread: the appending
 * side fills a batch and hands it over, the committing side writes what was
 * handed over, preallocates, trims and notes damage. They may do so at the same
 * time. What belongs to which is said below. Any number of readers, each on a
 * thread of its own, read what is durable through files of their own. */
#ifndef GATEWAY_JOURNAL_JOURNAL_H
#define GATEWAY_JOURNAL_JOURNAL_H

#include <stdatomic.h>

#include "gateway/base/base.h"

/* FORMAT, version 1. A segment is the file `<dir>/<first-seq, 20 digits>.seg`;
 * `<dir>/lock` is held by the one process that writes. A sealed segment is a
 * CBOR sequence (RFC 8742) whose items all have a fixed width, so that neither
 * side needs a decoder; integers are big-endian. Everything starts on a
 * multiple of 4096 bytes: no commit rewrites a page that holds an older one.
 *
 * Header page, the first 4096 bytes:
 *      0   3  d9 d9 f7      tag 55799, "this is CBOR" (RFC 8949, 3.4.6)
 *      3   1  8a            array of 10
 *      4   3  19 u16        format version
 *      7   9  1b u64        salt: random for each segment, seeds all checksums
 *     16  17  50 16 bytes   journal id: random, the same in all segments
 *     33  17  50 16 bytes   boot id: random at each journal_open
 *     50   9  1b u64        sequence number of the first record
 *     59   5  1a u32        incarnation: one more at each journal_open
 *     64 2+n  78 n text     store, 1 to 64 bytes
 *      . 2+n  78 n text     stream, 1 to 64 bytes
 *      . 3+n  59 u16 zeros  padding, up to byte 4087
 *   4087   9  1b u64        checksum: XXH3-64 of bytes 0 to 4087, seed = salt
 *   A later version keeps the places of the tag, version, salt and checksum.
 *
 * Frames, one a commit:
 *      0   1  88            array of 8
 *      1   5  1a u32        incarnation, that of the header
 *      6   9  1b u64        sequence number of its first record
 *     15   5  1a u32        count of records, at least 1
 *     20   9  1b u64        wall time, us since 1970 (an int64, not negative)
 *     29   9  1b u64        monotonic time, us (the same)
 *     38   9  1b u64        checksum
 *     47   5  5a u32        byte string: the records, n bytes
 *     52   n                itself a CBOR sequence: 5a u32 bytes, a record each
 *   52+n   5  5a u32        byte string: padding to the next 4096
 *   57+n   .                zeros
 *   checksum = XXH3-64 of bytes 47 to the frame's end, seeded with the XXH3-64
 *   of bytes 0 to 37, which is seeded with the salt.
 *
 * Seal page, the last 4096 bytes of a sealed segment:
 *      0   9  5b u64        byte string: the rest of the file, 4087 bytes
 *      9  16  "ShopmeEdge seal\n"
 *     25   8  u64           sequence number that follows the last record
 *     33   1  u8            1: the journal was closed in order, else 0
 *     34   .  zeros
 *   4088   8  u64           XXH3-64 of bytes 0 to 4087, seed = salt
 * What lies behind a seal (a truncation that a power cut undid) is not looked
 * at. `<first-seq>.tmp` is a segment in the making, removed at the next open.
 * `<first-seq>.spare` is a segment that was let go of, or, under the number
 * 2^64-1, a file made ahead: free space, which the next segments are written
 * into. What an older life of a file left in it
 * cannot verify under the newer header, since each has a salt of its own.
 *
 * `<dir>/damage`, only where damage was found, version 2, big-endian:
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
 *   gap was noticed: the gap was told of if any record has that number.
 * `<dir>/<first-seq, 20 digits>-<end, 20 digits>.rot` is a damaged segment,
 * kept byte for byte for who wants to look at it; `end` is where the journal
 * ended when it was set aside. Nothing reads it. */

/* Records [first, end) that damage took. Their numbers are not used again. */
struct journal_gap {
    uint64_t first;
    uint64_t end;
    uint64_t told_at; /* the record that tells of it; or JOURNAL_UNTOLD */
};

#define JOURNAL_UNTOLD UINT64_MAX

static inline bool journal_gap_is_told(const struct journal_gap *gap) {
    return gap->told_at != JOURNAL_UNTOLD;
}

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
    uint64_t segment_bytes;    /* preallocated size; 0 = 16 MiB */
    uint32_t batch_events_max; /* records in one frame; 0 = 1024 */
    uint32_t batch_bytes_max;  /* bytes of them; 0 = 4 MiB */
    uint64_t capacity; /* bytes of all segments and spares; 0 = no bound */
    uint32_t reserve;  /* bytes at each segment's end for what is committed
                          with journal_commit_reserved(); 0 = none */
    bool whole; /* nothing was ever let go of: it begins at 0, or is damaged */
    uint64_t free_floor; /* bytes to leave free on the file system */
    bool quarantine;     /* set damage aside and go on; else ERR_CORRUPT */
    uint64_t known_end;  /* it held all before this once; 0 = not known */
    /* Sealed segments but the last are believed by their ends, so that opening
     * costs by segments and not by records. What is rotten inside them is found
     * by who reads them: journal_note_gap() then, or an opening without this.
     */
    bool trust_sealed;
};

/* What the journal holds: records [start, end), durable. Written by the journal
 * after its syncs, read by anybody. */
struct journal_position {
    _Atomic uint64_t start;
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
 * not a torn tail, and that is not to be set aside or cannot be rot (nothing is
 * changed then), ERR_UNSUPPORTED for a format this program does not know,
 * ERR_REFUSED if it is another store's or stream's, ERR_RANGE for options that
 * cannot be, ERR_IO, ERR_FULL, ERR_MEMORY. */
err_t journal_open(const struct journal_options *options, struct journal **ret,
                   struct reason *reason) MUST_USE;
/* Seals and syncs if all is well, and frees. Takes NULL. What was appended but
 * not committed is gone. */
void journal_close(struct journal *journal);

/* --- The appending side. Its calls may run beside any of the committing side's
 * unless they say otherwise. --- */

/* Begins the batch that fills: takes the time. It must be empty. */
void journal_begin(struct journal *journal);
/* Copies a record into the batch that was begun. ERR_FULL if the batch has no
 * room (hand it over first), ERR_RANGE if no batch could ever hold it, ERR_IO
 * if a commit has failed. */
err_t journal_append(struct journal *journal, struct slice record,
                     uint64_t *ret_seq) MUST_USE;
/* Makes what was appended the batch to be committed. It never changes from then
 * on; what is begun and appended next goes to another one, with the numbers
 * that follow. Nothing may be handed over already, and none of commit,
 * preallocation and trim may be at work. An empty batch is not handed over. */
void journal_hand_over(struct journal *journal);
/* From journal_hand_over() until the batch was committed. */
bool journal_is_handed(const struct journal *journal);
/* Of the batch that fills. */
struct journal_stamp journal_batch_stamp(const struct journal *journal);
uint32_t journal_batch_events(const struct journal *journal);
/* Bytes that the batch still takes, be it as one record or many; 0 when it
 * holds as many records as it may. */
uint32_t journal_batch_room(const struct journal *journal);
uint64_t journal_next_seq(const struct journal *journal); /* batches included */
/* Bytes by which the batch that fills may still grow, heads included, and be
 * sure to find room, behind what is handed over and without the reserve. Not
 * beside the committing side. */
uint64_t journal_room(const struct journal *journal);
/* The same as it was known when the last batch was handed over: never more than
 * there will be once that one is committed, whether with the reserve or not. */
uint64_t journal_room_behind(const struct journal *journal);

/* --- The committing side: one call at a time. --- */

/* Writes what was handed over as one frame, one write, one fdatasync, and moves
 * the durable position. Does nothing if nothing was. When the segment is full,
 * the next one gets its space first, and then the full one is sealed.
 *
 * ERR_FULL if there is no room for a further segment: within the capacity,
 * above the floor, or on the disk. Nothing was written then and the batch stays
 * handed over: commit it again after a trim, or when the disk has room. Any
 * other failure is final: this call, every later one and every append returns
 * ERR_IO, and the position stands still. */
err_t journal_commit_handed(struct journal *journal,
                            struct reason *reason) MUST_USE;
/* The same for what the journal's owner has to say of itself: it may use the
 * reserve, so that it finds room where others find none. */
err_t journal_commit_handed_reserved(struct journal *journal,
                                     struct reason *reason) MUST_USE;
/* Both sides in one call, for those who have one thread: commits what is handed
 * over, hands the batch over, and commits that. After ERR_FULL something is
 * handed over, and the next call commits it first. */
err_t journal_commit(struct journal *journal, struct reason *reason) MUST_USE;
err_t journal_commit_reserved(struct journal *journal,
                              struct reason *reason) MUST_USE;
/* Makes sure that a batch will find room, be it as large as a segment takes: of
 * the disk it takes the file of the next segment now. ERR_FULL as a commit;
 * ERR_IO, and the journal is as it was. */
err_t journal_provide(struct journal *journal, struct reason *reason) MUST_USE;
/* What damage took, ever, as far as it is known: sorted, apart from each other.
 * Valid until the next note or mark; an owner with two threads copies it on the
 * committing side. */
const struct journal_gap *journal_gaps(const struct journal *journal,
                                       size_t *ret_count);
/* Makes it known, durably, that [first, end) cannot be read; what of it is
 * known already stays as it is. The next start sets the damage aside. The other
 * batch may fill meanwhile. ERR_IO, ERR_FULL, ERR_MEMORY; no gap is added then.
 */
err_t journal_note_gap(struct journal *journal, uint64_t first, uint64_t end,
                       struct reason *reason) MUST_USE;
/* Marks, durably, gaps out of journal_gaps() with the records that tell of
 * them: `told_at`, appended and handed over, not committed yet. To be called
 * before the commit of that batch: a mark whose record does not come is taken
 * away by the next opening. ERR_IO, ERR_FULL, ERR_MEMORY; nothing is marked
 * then. */
err_t journal_mark_told(struct journal *journal, const struct journal_gap *told,
                        size_t count, struct reason *reason) MUST_USE;

/* A sealed segment. */
struct journal_segment {
    uint64_t first_seq;
    uint64_t end_seq; /* that follows its last record */
    uint64_t bytes;
};

/* The oldest sealed segment; false if there is none. */
bool journal_oldest(const struct journal *journal,
                    struct journal_segment *ret) MUST_USE;
/* Lets go of the oldest sealed segment, durably: its records are gone, and
 * `start` moves on. The file may be kept (a few are) and become a later
 * segment. A reader that has it open may still get records that lie in it, as
 * they were, and then gets ERR_NOT_FOUND: that it will come to the end is not
 * promised. ERR_NOT_FOUND if there is none; ERR_IO is final, as in a commit. */
err_t journal_let_go(struct journal *journal, struct reason *reason) MUST_USE;

/* --- Anybody. --- */

const struct journal_position *journal_position(const struct journal *journal);
const uint8_t *journal_id(const struct journal *journal); /* JOURNAL_ID_SIZE */
uint32_t journal_incarnation(const struct journal *journal);

struct journal_stats {
    uint64_t segments;
    uint64_t bytes;       /* on disk, preallocation and spares included */
    uint64_t spare_bytes; /* of them: kept for segments to come */
    uint64_t let_go;      /* segments, since opened */
    uint64_t recycled;    /* made from a spare, since opened */
    uint64_t commits;     /* since opened */
    uint64_t commit_us_last;
    uint64_t commit_us_max; /* since opened */
};
/* The committing side's. */
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

/* Positions at `from_seq` (which may lie at the end, or where damage took it).
 * `disk` outlives the reader. ERR_NOT_FOUND if there is no journal or it begins
 * later, ERR_RANGE if it ends before; ERR_UNSUPPORTED, ERR_CORRUPT, ERR_IO,
 * ERR_MEMORY. */
err_t journal_reader_open(const struct disk *disk, const char *dir,
                          uint64_t from_seq, struct journal_reader **ret,
                          struct reason *reason) MUST_USE;
/* The next record below `end_seq`; ERR_END when there is none. With end_seq
 * from a journal_position all of it is durable; with UINT64_MAX it stops at the
 * first frame that does not verify at the tail, and may go on from there later.
 * ERR_NOT_FOUND if the record was let go of: open a reader where the journal
 * begins now. ERR_CORRUPT if a frame below `end_seq` does not verify or is
 * missing, or with UINT64_MAX one that later segments follow:
 * journal_reader_pass() goes on behind it. ERR_IO, ERR_MEMORY. */
err_t journal_reader_next(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_record *ret) MUST_USE;
/* After ERR_CORRUPT: goes on with the next record that can be read, below
 * `end_seq`, else at `end_seq`. `*ret` is what was passed, maybe nothing (it
 * could be read after all); `*ret_known` if all of it is on record as damaged.
 * ERR_END if there is no such record and `end_seq` is UINT64_MAX. ERR_NOT_FOUND
 * if it was let go of meanwhile; ERR_UNSUPPORTED, ERR_IO, ERR_MEMORY. */
err_t journal_reader_pass(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_gap *ret, bool *ret_known) MUST_USE;
void journal_reader_close(struct journal_reader *reader);
/* Where a journal begins: the number of its oldest record, or of the one to
 * come. ERR_NOT_FOUND if there is none, ERR_IO. */
err_t journal_begins(const struct disk *disk, const char *dir,
                     uint64_t *ret_seq, struct reason *reason) MUST_USE;

#endif
