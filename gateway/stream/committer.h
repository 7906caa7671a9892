/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a stream's batches durable, one job at a time on the journal's own
 * thread: batches of messages when a door asks for it, the stream's own events
 * (what was dropped, what damage took) as soon as possible. If there is no room
 * it waits, and is tried again. Used on the owner's thread. */
#ifndef GATEWAY_STREAM_COMMITTER_H
#define GATEWAY_STREAM_COMMITTER_H

#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/journal/journal.h"
#include "gateway/stream/batch.h"
#include "gateway/stream/own_event.h"
#include "gateway/stream/retention.h"

struct committer;

struct committer_options {
    const char *stream; /* its name, for the log; these six outlive it */
    const struct clock *clock;
    struct journal *journal;
    struct batch *batch;
    struct own_event *own;
    struct retention *retention;
    uint32_t room_bytes; /* what the most a message adds takes */
    struct executor executor;
    void *self;
    /* The batch was handed over: the state now is that of all records before
     * batch_end(), and no more. */
    void (*boundary)(void *self);
    /* What is durable may leave. An error is final. */
    err_t (*release)(void *self);
    /* As stream_options. */
    void (*failed)(void *self, const struct reason *reason);
};

err_t committer_new(const struct committer_options *options,
                    struct committer **ret) MUST_USE;
/* Not while it works. Takes NULL. */
void committer_free(struct committer *committer);

/* Journals what was dropped or lost to damage and no record announces yet,
 * before anything else is accepted. Waits for the disk. Errors as
 * journal_commit(). */
err_t committer_begin(struct committer *committer,
                      struct reason *reason) MUST_USE;

/* A message was, or is about to be, added to the batch. */
void committer_taken(struct committer *committer);
/* The stream said something of its own that waits for no door: it is committed
 * as soon as possible, or with a door's batch if one fills. If all there is is
 * durable, it is released at once. Errors as `release`. */
err_t committer_say(struct committer *committer) MUST_USE;
/* These are stream_commit(), stream_note_damage() and stream_give_up(). */
void committer_commit(struct committer *committer,
                      void (*done)(void *self, err_t err,
                                   const struct reason *reason),
                      void *self);
void committer_note_damage(struct committer *committer,
                           const struct journal_gap *gaps, uint32_t count);
void committer_give_up(struct committer *committer);
/* Tries again what found no room. */
void committer_retry(struct committer *committer);
/* retention_upkeep() in the next job, which is now if none runs. */
void committer_upkeep(struct committer *committer);
/* See retention.h. */
bool committer_wants_snapshot(const struct committer *committer);

/* Are there messages in the batch, even if none of them added a record? */
bool committer_has_taken(const struct committer *committer);
bool committer_is_working(const struct committer *committer);
/* If so: since when its job is with the disk (monotonic). */
int64_t committer_working_since_us(const struct committer *committer);
/* Everything that was appended is durable. */
bool committer_is_settled(const struct committer *committer);
/* Nothing more will be committed. */
bool committer_has_ended(const struct committer *committer);
/* Why it waits for room; NULL if it does not. */
const char *committer_full_reason(const struct committer *committer);
/* Is all of [first, end) recorded as lost to damage? */
bool committer_is_lost(const struct committer *committer, uint64_t first,
                       uint64_t end);

/* These three are as the last job saw them. */
const struct journal_gap *committer_gaps(const struct committer *committer,
                                         size_t *ret_count);
const struct journal_stats *committer_stats(const struct committer *committer);
uint64_t committer_dropped(const struct committer *committer); /* events */

#endif
