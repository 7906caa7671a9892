/* SPDX-License-Identifier: Apache-2.0 */
/* A stream from inside, for the files that make it; nobody else's. */
#ifndef GATEWAY_INGEST_STREAM_STATE_H
#define GATEWAY_INGEST_STREAM_STATE_H

#include "gateway/ingest/dedupe.h"
#include "gateway/ingest/outward.h"
#include "gateway/ingest/stream.h"

enum {
    BATCH_EVENTS_MAX = 4096,
    BATCH_BYTES_MIN = 4 * 1024 * 1024,
    ARENA_EXTRA = 64 * 1024,    /* what event_read() needs beyond the payload */
    OWN_DATA_MAX = 4096,        /* of an event of the gateway's own */
    NOTICED_MAX = 8,            /* ranges; more are noticed again */
    OWN_EVENTS_MAX = 2,         /* of them in a batch, beside the messages' */
    RESERVE_BYTES = 128 * 1024, /* of each segment, for a batch of only them */
};

struct stream {
    struct stream_options options;
    char dir[CONFIG_PATH_MAX + CONFIG_NAME_MAX + 2];
    struct journal *journal;
    struct shop *shop;      /* NULL unless this stream runs it */
    uint64_t payments_from; /* where asking once more carries on */
    struct dedupe *dedupe;
    struct outward *outward;
    struct stream_counts counts;
    struct journal_stats journal_stats;
    _Atomic uint64_t delivered; /* what lies before it is in the cloud */
    struct log_limit full_log;
    /* Snapshots. What was appended since the last is counted in bytes of
     * events; `covered` is what a start does not need any more. */
    uint64_t snapshot_seq; /* of the newest; 0: none */
    uint64_t appended_bytes;
    _Atomic uint64_t covered;
    uint8_t *saved;   /* the content of the one in the making */
    size_t saved_len; /* of that, or of the last one */
    uv_work_t snapshot_work;
    bool snapshotting;
    uint64_t snapshot_taken; /* what the one in the making covers */
    err_t snapshot_err;
    struct reason snapshot_reason;
    struct log_limit snapshot_log;
    struct log_limit damage_log;
    /* Noticed while a batch was open; to be noted when it has ended. */
    struct journal_gap noticed[NOTICED_MAX];
    uint32_t noticed_count;
    /* When what follows the oldest segment was appended: not before its last
     * record. */
    uint64_t aged_seq; /* of that segment's end; 0: not known */
    int64_t aged_us;
    /* What a start did not read: [scrub_at, scrub_end). */
    uint64_t scrub_at;
    uint64_t scrub_end;
    uv_work_t scrub_work;
    bool scrubbing;
    err_t scrub_err;
    struct reason scrub_reason;
    struct journal_gap scrub_gap; /* found, and to be noted */
    /* Dropped undelivered, and not yet said in the journal. */
    uint64_t drop_first;
    uint64_t drop_end;
    uint64_t dropped; /* the count, as the commit's work has it */
    /* Scratch for one message. */
    struct arena arena;
    uint8_t *stored; /* an event in the journal's form */
    size_t stored_cap;
    uint8_t *rendered; /* an event as JSON */
    size_t rendered_cap;
    /* The cap on EventRejected. */
    int64_t rejected_minute_us;
    uint32_t rejected_events;
    /* The commit in flight. */
    uv_work_t work;
    bool committing;
    bool trying; /* the commit's work is with the pool */
    bool full;   /* it found no room, and is tried again; still committing */
    bool giving_up;
    struct reason full_reason;
    bool repeat_due; /* payments, when the commit has ended */
    err_t commit_err;
    struct reason commit_reason;
    void (*commit_done)(void *self, err_t err, const struct reason *reason);
    void *commit_self;
};

/* An event of the gateway's own into the batch; `mark` keeps its id apart from
 * the shop's. As journal_append(). */
err_t stream_append_own(struct stream *stream, struct slice type, char mark,
                        struct slice data) MUST_USE;
/* Is all of [first, end) on record as lost to damage? */
bool stream_is_lost(const struct stream *stream, uint64_t first, uint64_t end);
/* Journals a JournalDamaged for each gap that the journal does not tell of yet,
 * as the one batch that is next. Does nothing if there is none. As
 * journal_commit(). */
err_t stream_tell_damage(struct stream *stream, struct reason *reason) MUST_USE;

/* The most one message can add to a batch: itself, what the shop makes of it
 * (one of them echoes its data), their heads, and what the gateway says. */
uint32_t stream_message_bytes_max(const struct config *config);

/* --- stream_scrub.c --- */

/* True if the next start is to read everything: the disk could not. */
bool stream_doubts(const struct stream *stream);
void stream_doubt_end(const struct stream *stream);
/* Reads a little more of what the start did not, on the worker pool, and has
 * damage noted. Called at each tick. */
void stream_scrub(struct stream *stream);

/* --- stream_snapshot.c --- */

/* A shop's journal begins at 0 until a snapshot was taken. ERR_IO. */
err_t stream_may_begin_later(const struct stream *stream, bool *ret,
                             struct reason *reason) MUST_USE;
/* Raises `*known_end` to what the newest snapshot was made of: the journal held
 * that once, whatever has become of it. ERR_IO. */
err_t stream_known_end(const struct stream *stream, uint64_t *known_end,
                       struct reason *reason) MUST_USE;
/* Opens the shop, if the stream has one, and the dedupe windows, from the
 * newest snapshot that serves, or empty. The journal is open. `*ret_seq` is
 * where replay goes on. ERR_CORRUPT if the shop's journal begins later than
 * that; ERR_UNSUPPORTED, ERR_IO, ERR_MEMORY. */
err_t stream_state_load(struct stream *stream, uint64_t *ret_seq,
                        struct reason *reason) MUST_USE;
/* Fills empty dedupe windows and an empty shop (NULL: the stream has none) with
 * what a snapshot holds. ERR_UNSUPPORTED, ERR_CORRUPT, ERR_MEMORY. */
err_t stream_state_read(struct slice content, struct dedupe *dedupe,
                        struct shop *shop) MUST_USE;
/* Takes a snapshot if enough was appended since the last. The batch is empty,
 * so the state is that of what is durable. It is written by the worker pool. */
void stream_snapshot(struct stream *stream);

#endif
