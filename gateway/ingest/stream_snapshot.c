/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's state in snapshot files: the dedupe windows and the shop. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/ingest/stream_state.h"
#include "gateway/journal/snapshot.h"

enum {
    STATE_VERSION = 1,
    SAVED_FIRST = 256 * 1024, /* bytes that the first try has room for */
    /* What a start may have to replay, in bytes of events: this much, or so
     * many times the snapshot's own size, so that writing them never costs much
     * beside the events themselves. */
    SNAPSHOT_BYTES_MIN = 1024 * 1024,
    SNAPSHOT_RATIO = 4,
};

/* --- Loading ------------------------------------------------------------- */

static err_t open_shop(struct stream *stream) {
    const struct config *config = stream->options.config;
    const struct shop_options options = {
        .store = slice_from_str(config->store),
        .journal_id = journal_id(stream->journal),
        .currency = config->currency,
    };
    return shop_new(&options, &stream->shop);
}

/* Both as they are before the first event, whatever they were. */
static err_t begin_empty(struct stream *stream) {
    shop_free(stream->shop);
    dedupe_free(stream->dedupe);
    stream->shop = NULL;
    stream->dedupe = NULL;
    stream->snapshot_seq = 0;
    TRY(dedupe_new(&stream->dedupe));
    return stream->options.stream->shop ? open_shop(stream) : ERR_OK;
}

static err_t read_parts(struct slice content, struct dedupe *dedupe,
                        struct shop *shop) {
    struct cursor from = cursor_over(content);
    uint32_t version;
    TRY(cursor_u32(&from, &version));
    ENSURE(version == STATE_VERSION, ERR_UNSUPPORTED);
    TRY(dedupe_load(dedupe, &from));
    struct slice rest;
    TRY(cursor_take(&from, cursor_left(&from), &rest));
    if (shop == NULL) {
        ENSURE(rest.len == 0, ERR_UNSUPPORTED); /* it had one */
        return ERR_OK;
    }
    return shop_load(shop, rest);
}

err_t stream_state_read(struct slice content, struct dedupe *dedupe,
                        struct shop *shop) {
    err_t err = read_parts(content, dedupe, shop);
    return err == ERR_PARSE ? ERR_CORRUPT : err;
}

static err_t take(void *context, uint64_t seq, struct slice content) {
    struct stream *stream = context;
    TRY(begin_empty(stream));
    TRY(stream_state_read(content, stream->dedupe, stream->shop));
    stream->snapshot_seq = seq;
    stream->saved_len = content.len;
    return ERR_OK;
}

/* The journal may have all that the snapshots were made of, or have lost it to
 * damage, which the shop then knows of. */
static err_t without_snapshot(struct stream *stream, err_t err, uint64_t start,
                              struct reason *reason) {
    if (start == 0 || !stream->options.stream->shop ||
        stream_is_lost(stream, 0, start)) {
        return begin_empty(stream);
    }
    if (err == ERR_UNSUPPORTED) {
        return reason_set(reason, err,
                          "the snapshots in %s are another version's, and the "
                          "journal begins with record %llu: run the program "
                          "that wrote them, or a newer one",
                          stream->dir, (unsigned long long)start);
    }
    return reason_set(reason, ERR_CORRUPT,
                      "%s begins with record %llu, and no snapshot of what was "
                      "before it can be read: restore its .snap files from a "
                      "backup, or move the folder away to begin anew",
                      stream->dir, (unsigned long long)start);
}

err_t stream_may_begin_later(const struct stream *stream, bool *ret,
                             struct reason *reason) {
    const struct disk *disk = &stream->options.platform->disk;
    err_t err = snapshot_was_taken(disk, stream->dir, ret);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    return disk_failed(reason, err, "list", stream->dir);
}

err_t stream_known_end(const struct stream *stream, uint64_t *known_end,
                       struct reason *reason) {
    const struct disk *disk = &stream->options.platform->disk;
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count = 0;
    err_t err = snapshot_list(disk, stream->dir, seqs, &count);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return disk_failed(reason, err, "list", stream->dir);
    }
    if (count > 0 && seqs[0] > *known_end) {
        *known_end = seqs[0];
    }
    return ERR_OK;
}

err_t stream_state_load(struct stream *stream, uint64_t *ret_seq,
                        struct reason *reason) {
    const struct disk *disk = &stream->options.platform->disk;
    uint64_t start = atomic_load(&journal_position(stream->journal)->start);
    uint64_t end = journal_next_seq(stream->journal);
    TRY(begin_empty(stream));
    err_t err = snapshot_load(disk, stream->dir, journal_id(stream->journal),
                              end, take, stream, reason);
    if (err == ERR_NOT_FOUND || err == ERR_UNSUPPORTED ||
        (err == ERR_OK && stream->snapshot_seq < start &&
         !stream_is_lost(stream, stream->snapshot_seq, start))) {
        TRY(without_snapshot(stream, err, start, reason));
    } else {
        TRY(err);
    }
    uint64_t covered;
    TRY(snapshot_covered(disk, stream->dir, &covered));
    atomic_store(&stream->covered, covered);
    *ret_seq = stream->snapshot_seq > start ? stream->snapshot_seq : start;
    return ERR_OK;
}

/* --- Taking -------------------------------------------------------------- */

static bool is_due(const struct stream *stream) {
    uint64_t due = SNAPSHOT_RATIO * (uint64_t)stream->saved_len;
    return stream->appended_bytes >=
           (due < SNAPSHOT_BYTES_MIN ? SNAPSHOT_BYTES_MIN : due);
}

static void write_state(const struct stream *stream, struct writer *to) {
    writer_u32(to, STATE_VERSION);
    dedupe_save(stream->dedupe, to);
    if (stream->shop != NULL) {
        shop_save(stream->shop, to);
    }
}

static err_t save(struct stream *stream) {
    size_t cap = stream->saved_len + stream->saved_len / 4;
    cap = cap < SAVED_FIRST ? SAVED_FIRST : cap;
    for (;;) {
        uint8_t *memory = malloc(cap);
        ENSURE(memory != NULL, ERR_MEMORY);
        struct writer to = writer_over(memory, cap);
        write_state(stream, &to);
        if (!to.full) {
            stream->saved = memory;
            stream->saved_len = to.len;
            return ERR_OK;
        }
        free(memory);
        cap *= 2;
    }
}

static void write_work(uv_work_t *work) {
    struct stream *stream = work->data;
    const struct disk *disk = &stream->options.platform->disk;
    const struct snapshot_about about = {journal_id(stream->journal),
                                         stream->snapshot_taken};
    uint64_t durable_end = atomic_load(&journal_position(stream->journal)->end);
    stream->snapshot_err = snapshot_write(
        disk, stream->dir, &about, durable_end,
        slice_of(stream->saved, stream->saved_len), &stream->snapshot_reason);
    uint64_t covered;
    if (stream->snapshot_err == ERR_OK) {
        stream->snapshot_err = snapshot_covered(disk, stream->dir, &covered);
    }
    if (stream->snapshot_err == ERR_OK) {
        atomic_store(&stream->covered, covered);
    }
}

/* One that cannot be written is no loss: the journal has it all. The next is
 * tried when as much was appended again. */
static void on_written(uv_work_t *work, int status) {
    struct stream *stream = work->data;
    assert(status == 0);
    free(stream->saved);
    stream->saved = NULL;
    stream->snapshotting = false;
    uint64_t skipped;
    if (stream->snapshot_err == ERR_OK) {
        stream->snapshot_seq = stream->snapshot_taken;
        log_line(LOG_INFO, "stream", "snapshot name=%s seq=%llu bytes=%zu",
                 stream->options.stream->name,
                 (unsigned long long)stream->snapshot_taken, stream->saved_len);
    } else if (log_allowed(&stream->snapshot_log, &skipped)) {
        log_line(LOG_ERROR, "stream",
                 "snapshot_failed name=%s reason=\"%s\"; the journal keeps "
                 "what it would have covered",
                 stream->options.stream->name, stream->snapshot_reason.text);
    }
}

void stream_snapshot(struct stream *stream) {
    if (stream->snapshotting || !is_due(stream)) {
        return;
    }
    assert(journal_batch_events(stream->journal) == 0);
    stream->appended_bytes = 0;
    if (save(stream) != ERR_OK) {
        return; /* no memory now: when as much was appended again */
    }
    stream->snapshot_taken = journal_next_seq(stream->journal);
    stream->snapshot_reason = (struct reason){""};
    stream->snapshotting = true;
    stream->snapshot_work.data = stream;
    int code = uv_queue_work(stream->options.loop, &stream->snapshot_work,
                             write_work, on_written);
    assert(code == 0);
}
