/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue of one stream: an append-only log of records, committed in
 * groups.
 *
 * Promises. A record whose commit returned ERR_OK survives any crash or power
 * cut. After recovery the journal is a prefix of what was appended: in order,
 * nothing twice, nothing invented, nothing that was once dropped. Sequence
 * numbers are gapless from 0. Trimmed records are missing at the front, in
 * whole segments. Records that a failing disk lost are missing where they were;
 * each such gap is recorded, and its numbers are never used again.
 *
 * Not its job: knowing what a record holds, or when it may be trimmed.
 *
 * Two sides work on a journal, each possibly on its own thread: the appending
 * side fills a batch and hands it over; the committing side writes what was
 * handed over, preallocates, trims and records damage. They may work at the
 * same time. The text below says what belongs to which side. Any number of
 * readers, each on its own thread, read what is durable through their own
 * files. */
#ifndef GATEWAY_JOURNAL_JOURNAL_H
#define GATEWAY_JOURNAL_JOURNAL_H

#include "gateway/journal/format.h"
#include "gateway/journal/options.h"
#include "gateway/journal/types.h"

struct journal;

/* Opens or creates, recovers, takes the next incarnation. After it returns,
 * nothing that was dropped can come back, and [0, next_seq) is durable.
 * ERR_BUSY if another process has it open. ERR_CORRUPT if it holds damage that
 * is not a torn tail and that must not be set aside, or that cannot be rot
 * (then nothing is changed). ERR_UNSUPPORTED for a format this program does not
 * know, ERR_REFUSED if it belongs to another store or stream, ERR_RANGE for
 * impossible options, ERR_IO, ERR_FULL, ERR_MEMORY. */
err_t journal_open(const struct journal_options *options, struct journal **ret,
                   struct reason *reason) MUST_USE;
/* Seals and syncs if all is well, and frees. Takes NULL. Records that were
 * appended but not committed are lost. */
void journal_close(struct journal *journal);

/* --- The appending side. Its calls may run at the same time as the committing
 * side's unless they say otherwise. --- */

/* Begins the batch that fills, and takes its time. It must be empty. */
void journal_begin(struct journal *journal);
/* Copies a record into the batch that was begun. ERR_FULL if the batch has no
 * room (hand it over first), ERR_RANGE if no batch could ever hold it, ERR_IO
 * if a commit has failed. */
err_t journal_append(struct journal *journal, struct slice record,
                     uint64_t *ret_seq) MUST_USE;
/* Makes what was appended the batch to commit. It never changes from then on;
 * what is begun and appended next goes into another batch, with the numbers
 * that follow. No batch may be handed over already, and no commit,
 * preallocation or trim may be running. An empty batch is not handed over. */
void journal_hand_over(struct journal *journal);
/* From journal_hand_over() until that batch is committed. */
bool journal_is_handed(const struct journal *journal);
/* Of the batch that fills. */
struct journal_stamp journal_batch_stamp(const struct journal *journal);
uint32_t journal_batch_events(const struct journal *journal);
/* Bytes that the batch still accepts, as one record or many; 0 if it has as
 * many records as it may. */
uint32_t journal_batch_room(const struct journal *journal);
uint64_t journal_next_seq(const struct journal *journal); /* batches included */
/* Bytes by which the batch that fills may still grow, heads included, and will
 * surely find room: after the batch that is handed over, and without the
 * reserve. Not while the committing side works. */
uint64_t journal_room(const struct journal *journal);
/* The same as it was known when the last batch was handed over: never more than
 * there will be once that batch is committed, with or without the reserve. */
uint64_t journal_room_behind(const struct journal *journal);

/* --- The committing side: one call at a time. --- */

/* Writes what was handed over as one frame with one write and one fdatasync,
 * and moves the durable position. Does nothing if nothing was handed over. When
 * the segment is full, the next one gets its space first, and then the full one
 * is sealed.
 *
 * ERR_FULL if there is no room for another segment: within the capacity, above
 * the free floor, or on the disk. Then nothing was written and the batch stays
 * handed over: commit it again after a trim, or when the disk has room. Any
 * other failure is final, also that the segment lost its name to somebody who
 * removed or replaced the directory: this call, every later one and every
 * append return ERR_IO, and the position no longer moves. */
err_t journal_commit_handed(struct journal *journal,
                            struct reason *reason) MUST_USE;
/* The same for what the journal's owner itself has to report: it may use the
 * reserve, so it finds room where others find none. */
err_t journal_commit_handed_reserved(struct journal *journal,
                                     struct reason *reason) MUST_USE;
/* Both sides in one call, for an owner with one thread: commits what is handed
 * over, hands the batch over, and commits that. After ERR_FULL a batch is
 * handed over, and the next call commits it first. */
err_t journal_commit(struct journal *journal, struct reason *reason) MUST_USE;
err_t journal_commit_reserved(struct journal *journal,
                              struct reason *reason) MUST_USE;
/* Allocates the next segment's file now, so that a batch up to its size will
 * find room. ERR_FULL as a commit; ERR_IO, and the journal is unchanged. */
err_t journal_preallocate(struct journal *journal,
                          struct reason *reason) MUST_USE;
/* All recorded damage so far: sorted, not overlapping. Valid until damage is
 * next noted or marked; an owner with two threads copies it on the committing
 * side. */
const struct journal_gap *journal_gaps(const struct journal *journal,
                                       size_t *ret_count);
/* Durably records that [first, end) cannot be read; parts recorded already stay
 * as they are. The next start sets the damage aside. The other batch may fill
 * meanwhile. ERR_IO, ERR_FULL, ERR_MEMORY; then no gap is added. */
err_t journal_note_gap(struct journal *journal, uint64_t first, uint64_t end,
                       struct reason *reason) MUST_USE;
/* Durably marks gaps from journal_gaps() with the records that announce them:
 * `told_at`, appended but not committed yet. Call it before the commit of that
 * batch: if a mark's record never arrives, the next opening removes the mark.
 * ERR_IO, ERR_FULL, ERR_MEMORY; then nothing is marked. */
err_t journal_mark_told(struct journal *journal, const struct journal_gap *told,
                        size_t count, struct reason *reason) MUST_USE;

/* The oldest sealed segment; false if there is none. */
bool journal_oldest(const struct journal *journal,
                    struct journal_segment *ret) MUST_USE;
/* Durably removes the oldest sealed segment: its records are gone, and `start`
 * moves on. The file may be kept (a few are) and become a later segment. A
 * reader that has it open may still get records from it, as they were, and then
 * gets ERR_NOT_FOUND: it may not reach the segment's end. ERR_NOT_FOUND if
 * there is none; ERR_IO is final, as in a commit. */
err_t journal_trim(struct journal *journal, struct reason *reason) MUST_USE;
/* Begins the next segment, unless this one is empty. ERR_FULL; else final. */
err_t journal_roll(struct journal *journal, struct reason *reason) MUST_USE;
/* Writes zeros over some of what trimmed records from before `before_us` left
 * in files that are used again. Errors as above. */
err_t journal_wipe(struct journal *journal, int64_t before_us,
                   struct reason *reason) MUST_USE;

/* --- Any thread. --- */

/* ERR_IO if the directory was removed, moved or replaced since it was opened.
 */
err_t journal_check_place(const struct journal *journal,
                          struct reason *reason) MUST_USE;

const struct journal_position *journal_position(const struct journal *journal);
const uint8_t *journal_id(const struct journal *journal); /* JOURNAL_ID_SIZE */
const uint8_t *journal_life(const struct journal *journal); /* this open's */

/* The committing side's. */
struct journal_stats journal_stats(const struct journal *journal);

#endif
