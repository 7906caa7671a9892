/* SPDX-License-Identifier: Apache-2.0 */
/* A start that is quick however long the journal is believes sealed segments by
 * their ends. What a start did not read is read afterwards, a little at a time,
 * so that rot which nobody meets is found and told of all the same. */
#include <assert.h>
#include <stdio.h>

#include "gateway/ingest/stream_state.h"
#include "gateway/journal/reader.h"

enum { SCRUB_A_TICK = 8 * 1024 * 1024 }; /* bytes of events */

static void doubt_path(const struct stream *stream,
                       char ret[sizeof stream->dir + 8]) {
    snprintf(ret, sizeof stream->dir + 8, "%s/doubt", stream->dir);
}

bool stream_doubts(const struct stream *stream) {
    const struct disk *disk = &stream->options.platform->disk;
    char path[sizeof stream->dir + 8];
    int fd;
    doubt_path(stream, path);
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    disk->close(disk->self, fd);
    return true;
}

void stream_doubt_end(const struct stream *stream) {
    const struct disk *disk = &stream->options.platform->disk;
    char path[sizeof stream->dir + 8];
    doubt_path(stream, path);
    /* If it stays, the next start reads everything once more. */
    (void)disk->unlink(disk->self, path);
}

/* The disk cannot read what is there: the next start looks at everything, and
 * sets aside what it has to. */
static void doubt(const struct stream *stream) {
    const struct disk *disk = &stream->options.platform->disk;
    char path[sizeof stream->dir + 8];
    int fd;
    doubt_path(stream, path);
    if (disk->open(disk->self, path, DISK_CREATE, &fd) == ERR_OK) {
        disk->close(disk->self, fd);
        (void)disk->sync_dir(disk->self, stream->dir);
    }
    log_line(LOG_ERROR, "stream",
             "unreadable name=%s record=%llu: the disk does not read it; "
             "start the gateway again to set aside what is damaged",
             stream->options.stream->name,
             (unsigned long long)stream->scrub_at);
}

/* Reads on behind damage; true if it was known. */
static bool pass(struct stream *stream, struct journal_reader *reader) {
    bool known = false;
    struct journal_gap gap;
    stream->scrub_err =
        journal_reader_pass(reader, stream->scrub_end, &gap, &known);
    if (stream->scrub_err != ERR_OK) {
        return false;
    }
    stream->scrub_at = gap.end;
    if (!known) {
        stream->scrub_gap = gap;
    }
    return known || gap.first == gap.end;
}

/* Has something been found that is not on record? */
static bool has_found(const struct stream *stream) {
    return stream->scrub_gap.first < stream->scrub_gap.end;
}

static void read_some(struct stream *stream, struct journal_reader *reader) {
    struct journal_record record;
    uint64_t bytes = 0;
    while (bytes < SCRUB_A_TICK) {
        stream->scrub_err =
            journal_reader_next(reader, stream->scrub_end, &record);
        if (stream->scrub_err == ERR_CORRUPT && pass(stream, reader)) {
            continue;
        }
        if (stream->scrub_err != ERR_OK || has_found(stream)) {
            return;
        }
        stream->scrub_at = record.seq + 1;
        bytes += record.bytes.len;
    }
}

static void scrub_work(uv_work_t *work) {
    struct stream *stream = work->data;
    const struct disk *disk = &stream->options.platform->disk;
    uint64_t start = atomic_load(&journal_position(stream->journal)->start);
    if (stream->scrub_at < start) {
        stream->scrub_at = start;
    }
    struct journal_reader *reader;
    stream->scrub_err = journal_reader_open(disk, stream->dir, stream->scrub_at,
                                            &reader, &stream->scrub_reason);
    if (stream->scrub_err == ERR_OK) {
        read_some(stream, reader);
        journal_reader_close(reader);
    }
}

static void on_scrubbed(uv_work_t *work, int status) {
    struct stream *stream = work->data;
    assert(status == 0);
    stream->scrubbing = false;
    if (stream->scrub_err == ERR_IO || stream->scrub_err == ERR_CORRUPT) {
        doubt(stream);
        stream->scrub_at = stream->scrub_end;
    }
    if (stream->scrub_err == ERR_END) {
        stream->scrub_at = stream->scrub_end;
    }
}

void stream_scrub(struct stream *stream) {
    if (stream->scrubbing) {
        return;
    }
    if (has_found(stream)) {
        stream_note_damage(stream, &stream->scrub_gap, 1);
        if (!stream_is_lost(stream, stream->scrub_gap.first,
                            stream->scrub_gap.end)) {
            return; /* a batch is open: at the next tick */
        }
        stream->scrub_gap = (struct journal_gap){0};
    }
    if (stream->scrub_at >= stream->scrub_end) {
        return;
    }
    stream->scrubbing = true;
    stream->scrub_work.data = stream;
    int code = uv_queue_work(stream->options.loop, &stream->scrub_work,
                             scrub_work, on_scrubbed);
    assert(code == 0);
}
