/* SPDX-License-Identifier: Apache-2.0 */
/* A stream: one vertical slice of the store's events. What a door hands in is
 * checked, deduplicated, appended to the stream's journal and run through the
 * shop; then one commit makes the batch durable, and only then may the door
 * acknowledge, and receipts and notices leave.
 *
 * Nothing here knows by which door an event came. Used on the gateway loop
 * only; the commit's write and sync run on libuv's worker pool, and while they
 * do nothing may be taken. */
#ifndef GATEWAY_INGEST_STREAM_H
#define GATEWAY_INGEST_STREAM_H

#include <uv.h>

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/event/event.h"
#include "gateway/ingest/publisher.h"
#include "gateway/journal/journal.h"
#include "gateway/shop/shop.h"

struct stream;

struct stream_options {
    const struct platform *platform; /* these three outlive the stream */
    const struct config *config;
    const struct config_stream *stream;
    uint64_t known_end; /* the cloud has all before this */
    uv_loop_t *loop;
    struct publisher *publisher; /* outlives the stream */
    void *self;
    /* A commit ended well: wake the bridge. */
    void (*durable)(void *self);
};

/* Opens the journal under <data>/<name>, replays it into the dedupe windows
 * and the shop, and journals what damage took since (JournalDamaged). Errors as
 * journal_open() and journal_commit(). */
err_t stream_open(const struct stream_options *options, struct stream **ret,
                  struct reason *reason) MUST_USE;
/* Not during a commit. Seals the journal. Takes NULL. */
void stream_close(struct stream *stream);

/* Opens the journal alone, as a start with `on_rot: quarantine` does that reads
 * all of it: what is damaged is set aside and on record then, and the next
 * start tells of it. Of the options it takes platform, config, stream and
 * known_end. Close it with journal_close(). Errors as journal_open(). */
err_t stream_repair(const struct stream_options *options, struct journal **ret,
                    struct reason *reason) MUST_USE;

/* One message as it came through a door. */
struct stream_message {
    struct slice device; /* from the topic, or a certificate */
    struct slice payload;
};

struct stream_answer {
    bool duplicate;
    /* The durable end without which this message may not be acknowledged. */
    uint64_t needs_end;
};

/* Takes one message into the batch. A bad event is no error: it is answered
 * with a rejected receipt. ERR_MEMORY, ERR_IO and ERR_FULL are final: memory
 * ran ahead of what can be journaled, and the process must stop. */
err_t stream_take(struct stream *stream, const struct stream_message *message,
                  struct stream_answer *ret) MUST_USE;
/* Another message of any size would not fit into the batch, or might not find
 * room on the disk: commit, with the batch empty too. */
bool stream_is_full(const struct stream *stream);

/* Makes the batch durable and lets its receipts and notices go; with an empty
 * batch, finds room for the next. `done` is called from the loop (at once, if
 * there is nothing to do); with anything but ERR_OK the process must stop and
 * acknowledge nothing.
 *
 * Want of space does not end a commit: with `when_full: drop_oldest` the oldest
 * segments go until there is room; otherwise, and where nothing more can go,
 * the commit waits, and is tried again at each stream_tick(). A batch waits so
 * only if the room that was there for it is gone. */
void stream_commit(struct stream *stream,
                   void (*done)(void *self, err_t err,
                                const struct reason *reason),
                   void *self);
bool stream_is_committing(const struct stream *stream);
/* Once a second or so. `delivered`: what lies before this sequence number is in
 * the cloud and need not be kept for the bridge. */
void stream_tick(struct stream *stream, uint64_t delivered);
/* The bridge could not read these ranges: what of it is not known yet goes on
 * record and is journaled, now or, if a batch is open, behind it. */
void stream_note_damage(struct stream *stream, const struct journal_gap *gaps,
                        uint32_t count);
/* Ends a commit that waits for room, with ERR_FULL: the process stops. */
void stream_give_up(struct stream *stream);
/* Why the commit waits for room; NULL if it does not. */
const char *stream_full_reason(const struct stream *stream);

/* Asks once more for payments that a terminal has not answered: a part of them
 * at each call, all of them in turn. */
void stream_repeat_payments(struct stream *stream);

struct stream_counts {
    uint64_t received; /* messages */
    uint64_t accepted;
    uint64_t duplicates;
    uint64_t rejected;
    uint64_t dropped; /* events let go of undelivered, to make room */
};
const struct stream_counts *stream_counts(const struct stream *stream);
/* As they were when the last commit ended. */
const struct journal_stats *stream_journal_stats(const struct stream *stream);
const struct config_stream *stream_config(const struct stream *stream);
const char *stream_dir(const struct stream *stream);
struct journal *stream_journal(struct stream *stream);
struct shop *stream_shop(struct stream *stream); /* NULL without */

#endif
