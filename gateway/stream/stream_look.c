/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a stream. */
#include "gateway/stream/stream_parts.h"

bool stream_is_settled(const struct stream *stream) {
    return committer_is_settled(stream->committer);
}

bool stream_is_idle(const struct stream *stream) {
    return !committer_is_working(stream->committer) &&
           !snapshots_is_writing(stream->snapshots) &&
           !scrub_is_running(stream->scrub);
}

static void note_job(struct stream_disk_job *oldest, const char *what,
                     int64_t since_us) {
    if (oldest->what == NULL || since_us < oldest->since_us) {
        *oldest = (struct stream_disk_job){what, since_us};
    }
}

struct stream_disk_job stream_disk_job(const struct stream *stream) {
    struct stream_disk_job oldest = {NULL, 0};
    if (committer_is_working(stream->committer)) {
        note_job(&oldest, "a commit",
                 committer_working_since_us(stream->committer));
    }
    if (snapshots_is_writing(stream->snapshots)) {
        note_job(&oldest, "writing a snapshot",
                 snapshots_writing_since_us(stream->snapshots));
    }
    if (scrub_is_running(stream->scrub)) {
        note_job(&oldest, "reading old segments",
                 scrub_running_since_us(stream->scrub));
    }
    return oldest;
}

const char *stream_full_reason(const struct stream *stream) {
    return committer_full_reason(stream->committer);
}

struct stream_counts stream_counts(const struct stream *stream) {
    struct stream_counts counts = stream->counts;
    counts.dropped = committer_dropped(stream->committer);
    return counts;
}

const struct journal_stats *stream_journal_stats(const struct stream *stream) {
    return committer_stats(stream->committer);
}

uint64_t stream_written(const struct stream *stream) {
    return committer_stats(stream->committer)->written +
           snapshots_written(stream->snapshots);
}

const struct journal_gap *stream_gaps(const struct stream *stream,
                                      size_t *ret_count) {
    return committer_gaps(stream->committer, ret_count);
}

const struct config_stream *stream_config(const struct stream *stream) {
    return stream->options.stream;
}

const char *stream_dir(const struct stream *stream) {
    return stream->dir;
}

const struct journal_position *stream_position(const struct stream *stream) {
    return journal_position(stream->journal);
}

const uint8_t *stream_journal_id(const struct stream *stream) {
    return journal_id(stream->journal);
}

const uint8_t *stream_journal_life(const struct stream *stream) {
    return journal_life(stream->journal);
}

const struct shop *stream_shop(const struct stream *stream) {
    return state_shop(stream->state);
}

uint64_t stream_ids_hash(const struct stream *stream) {
    return state_ids_hash(stream->state);
}
