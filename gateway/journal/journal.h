/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue of one stream: an append-only log of records, committed in
 * groups.
 *
 * Promises. A record whose commit returned ERR_OK survives any crash or power
 * cut. After recovery the journal is a prefix of what was appended: in order,
 * nothing twice, nothing invented, nothing that was once dropped. Sequence
 * numbers are gapless from 0. What was trimmed is missing at the front, in
 * whole segments. What a failing medium took is missing where it was, is on
 * record as a gap, and its numbers are never used again.
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

#include "gateway/journal/format.h"
#include "gateway/journal/options.h"
#include "gateway/journal/types.h"

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
/* Allocates the file of the next segment now, so that a batch will find room,
 * up to what a segment holds. ERR_FULL as a commit; ERR_IO, and the journal is
 * as it was. */
err_t journal_preallocate(struct journal *journal,
                          struct reason *reason) MUST_USE;
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
 * them: `told_at`, appended but not committed yet. To be called
 * before the commit of that batch: a mark whose record does not come is taken
 * away by the next opening. ERR_IO, ERR_FULL, ERR_MEMORY; nothing is marked
 * then. */
err_t journal_mark_told(struct journal *journal, const struct journal_gap *told,
                        size_t count, struct reason *reason) MUST_USE;

/* The oldest sealed segment; false if there is none. */
bool journal_oldest(const struct journal *journal,
                    struct journal_segment *ret) MUST_USE;
/* Removes the oldest sealed segment, durably: its records are gone, and `start`
 * moves on. The file may be kept (a few are) and become a later segment. A
 * reader that has it open may still get records of it, as they were, and then
 * gets ERR_NOT_FOUND: it may not reach the segment's end. ERR_NOT_FOUND if
 * there is none; ERR_IO is final, as in a commit. */
err_t journal_trim(struct journal *journal, struct reason *reason) MUST_USE;

/* --- Anybody. --- */

const struct journal_position *journal_position(const struct journal *journal);
const uint8_t *journal_id(const struct journal *journal); /* JOURNAL_ID_SIZE */

struct journal_stats {
    uint64_t segments;
    uint64_t bytes;       /* on disk, preallocation and spares included */
    uint64_t spare_bytes; /* of them: kept for segments to come */
    uint64_t trimmed;     /* segments, since opened */
    uint64_t recycled;    /* made from a spare, since opened */
    uint64_t commits;     /* since opened */
    uint64_t commit_us_last;
    uint64_t commit_us_max; /* since opened */
};
/* The committing side's. */
struct journal_stats journal_stats(const struct journal *journal);

#endif
