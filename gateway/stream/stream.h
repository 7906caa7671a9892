/* SPDX-License-Identifier: Apache-2.0 */
/* A stream: one kind of the store's events, from arrival to the journal. A
 * message that a door hands in is checked, deduplicated, appended to the
 * stream's journal and run through the shop. Then one commit makes the batch
 * durable. Only then may the door acknowledge, and receipts and notices leave.
 *
 * Nothing here knows through which door an event came, or how receipts are
 * sent. Used on one thread, which never waits for a disk: commits run on an
 * executor for this journal alone, the rest (snapshots, scrubbing) on a shared
 * one. While a batch commits, the next one may fill. */
#ifndef GATEWAY_STREAM_STREAM_H
#define GATEWAY_STREAM_STREAM_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/journal/journal.h"
#include "gateway/shop/shop.h"
#include "gateway/stream/intake.h"
#include "gateway/stream/outbox.h"

struct stream;

struct stream_options {
    const struct platform *platform; /* these three outlive the stream */
    const struct config *config;
    const struct config_stream *stream;
    uint64_t known_end;     /* the cloud has everything before this */
    bool cursor_known;      /* and no more; so if known_end is not 0 */
    bool keep_rules;        /* the shop's, for a release before this one */
    struct executor commit; /* serial; nothing else runs on it */
    struct executor shared;
    struct outbox_sink sink; /* where receipts and notices are sent */
    void *self;
    /* The durable position moved: wake the bridge. */
    void (*durable)(void *self);
    /* A message was taken from this device, whatever came of it. On the way of
     * every event: it must be quick. May be NULL. */
    void (*heard)(void *self, struct slice device, bool rejected);
    /* The journal failed, and no door is waiting to be told: nothing more can
     * be acknowledged, and the process must stop. */
    void (*failed)(void *self, const struct reason *reason);
};

/* Opens the journal under <data>/<name>, replays it into the dedupe windows and
 * the shop, and journals what damage took since (JournalDamaged). Waits for the
 * disk. Errors as opening_run() and journal_commit(). */
err_t stream_open(const struct stream_options *options, struct stream **ret,
                  struct reason *reason) MUST_USE;
/* No job may be running: see stream_is_idle(). Seals the journal, and waits for
 * the disk. Takes NULL. */
void stream_close(struct stream *stream);

struct stream_answer {
    bool duplicate;
    /* The durable end without which this message may not be acknowledged. */
    uint64_t needs_end;
};

/* Takes one message into the batch that fills. A bad event is not an error: it
 * is answered with a rejected receipt. ERR_MEMORY, ERR_IO and ERR_FULL are
 * final: memory is ahead of what can be journaled, and the process must stop.
 */
err_t stream_take(struct stream *stream, const struct stream_message *message,
                  struct stream_answer *ret) MUST_USE;
/* Another message of any size might not fit into the batch, or might find no
 * room on the disk: commit, even if the batch is empty. */
bool stream_is_full(const struct stream *stream);
/* How long the batch may wait for more messages (commit_delay), counted from
 * its first; 0: commit it now. After half of it a batch that fills its pages
 * need not wait: another event would write another page. */
uint64_t stream_wait_ms(const struct stream *stream);

/* Makes durable what was taken so far, and releases its receipts and notices.
 * If nothing was taken, finds room for the next batch. `done` is called once
 * (at once, if there is nothing to do). If it gets anything but ERR_OK, the
 * process must stop and acknowledge nothing. More may be taken meanwhile, for
 * the next call; one call at a time.
 *
 * Running out of space does not fail a commit: with `when_full: drop_oldest`
 * the oldest segments are dropped until there is room. Otherwise, and if
 * nothing more can be dropped, the commit waits and is tried again at each
 * stream_tick(). A batch waits like this only if the room reserved for it is
 * gone. */
void stream_commit(struct stream *stream,
                   void (*done)(void *self, err_t err,
                                const struct reason *reason),
                   void *self);
/* About once a second. `delivered`: the cloud has everything before this
 * sequence number, and it need not be kept for the bridge. */
void stream_tick(struct stream *stream, uint64_t delivered);
/* The bridge could not read these ranges: those not recorded yet are recorded
 * and announced. */
void stream_note_damage(struct stream *stream, const struct journal_gap *gaps,
                        uint32_t count);
/* Says again what waits: payments that a terminal has not answered, and money
 * that nobody has given back. What is durable, some of it at each call, all of
 * it in turn. */
void stream_repeat_payments(struct stream *stream);
/* Takes commit_delay, keep and keep_for from `changed`, from the next batch and
 * the next commit on; stream_config() stays as it was. */
void stream_reconfigure(struct stream *stream,
                        const struct config_stream *changed);
/* The process stops: a commit that waits for room, now or later, ends with
 * ERR_FULL, and no tick retries anything. Running jobs, and what a door has
 * asked for, are completed. */
void stream_give_up(struct stream *stream);

/* Everything taken is durable: what the shop knows may be shown. */
bool stream_is_settled(const struct stream *stream);
/* No job of the stream is running. */
bool stream_is_idle(const struct stream *stream);
/* The stream's oldest job that is with the disk now. */
struct stream_disk_job {
    const char *what; /* "a commit"; NULL: there is none */
    int64_t since_us; /* monotonic */
};
struct stream_disk_job stream_disk_job(const struct stream *stream);
/* Why the commit waits for room; NULL if it does not. */
const char *stream_full_reason(const struct stream *stream);

struct stream_counts {
    uint64_t received; /* messages */
    uint64_t accepted;
    uint64_t duplicates;
    uint64_t rejected;
    uint64_t too_old; /* of those, the ones that might be repeats */
    uint64_t dropped; /* events trimmed undelivered, to make room */
};
struct stream_counts stream_counts(const struct stream *stream);
/* As they were when the last commit ended. */
const struct journal_stats *stream_journal_stats(const struct stream *stream);
/* Bytes given to the disk since the start: frames, headers, seals, snapshots.
 */
uint64_t stream_written(const struct stream *stream);
/* All recorded damage, as of then. Valid until the loop's next turn. */
const struct journal_gap *stream_gaps(const struct stream *stream,
                                      size_t *ret_count);
const struct config_stream *stream_config(const struct stream *stream);
const char *stream_dir(const struct stream *stream);
const struct journal_position *stream_position(const struct stream *stream);
const uint8_t *stream_journal_id(const struct stream *stream);
const uint8_t *stream_journal_life(const struct stream *stream);
const struct shop *stream_shop(const struct stream *stream); /* NULL without */
/* Of the dedupe windows: the same live and after a replay. */
uint64_t stream_ids_hash(const struct stream *stream);

#endif
