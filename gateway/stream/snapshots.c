/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/snapshots.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/journal/snapshot.h"

enum {
    SAVED_FIRST = 256 * 1024, /* bytes that the first try has room for */
    /* What a start may have to replay, in bytes of events: this much, or so
     * many times the snapshot's own size, so that writing them never costs much
     * beside the events themselves. */
    BYTES_BETWEEN_MIN = 1024 * 1024,
    BYTES_BETWEEN_RATIO = 4,
};

struct snapshots {
    struct snapshots_options options;
    uint64_t counted; /* bytes_ever when the last one was copied */
    size_t last_bytes;
    struct log_limit failed_log;
    /* Copied; the job's while it writes. */
    uint8_t *saved; /* NULL: nothing is copied */
    size_t saved_len;
    uint64_t seq; /* it was made of all records before this */
    bool twice;   /* it is to be two files */
    struct job job;
    int64_t begun_us; /* monotonic */
    bool writing;
    err_t err;
    struct reason reason;
    uint64_t twice_seq; /* of the last that is two files; 0: none is known */
    uint64_t covered;
    uint64_t written; /* bytes of all of them since the start */
};

static void work(void *self) {
    struct snapshots *snapshots = self;
    const struct snapshots_options *options = &snapshots->options;
    const struct snapshot_about about = {journal_id(options->journal),
                                         snapshots->seq};
    uint64_t durable_end =
        atomic_load(&journal_position(options->journal)->end);
    assert(snapshots->seq <= durable_end);
    snapshots->err = journal_check_place(options->journal, &snapshots->reason);
    if (snapshots->err != ERR_OK) {
        return;
    }
    err_t (*write)(const struct disk *disk, const char *dir,
                   const struct snapshot_about *about, uint64_t durable_end,
                   struct slice content, struct reason *reason) =
        snapshots->twice ? snapshot_write_twice : snapshot_write;
    snapshots->err = write(options->disk, options->dir, &about, durable_end,
                           slice_of(snapshots->saved, snapshots->saved_len),
                           &snapshots->reason);
    if (snapshots->err == ERR_OK) {
        snapshots->err =
            snapshot_covered(options->disk, options->dir, &snapshots->covered);
    }
}

/* Of one that was written. */
static void note_written(struct snapshots *snapshots) {
    const struct snapshots_options *options = &snapshots->options;
    snapshots->written +=
        snapshots->twice ? 2 * snapshots->saved_len : snapshots->saved_len;
    if (snapshots->twice) {
        snapshots->twice_seq = snapshots->seq;
    }
    options->covered(options->self, snapshots->covered);
    log_line(LOG_INFO, "stream", "snapshot name=%s seq=%llu bytes=%zu files=%d",
             options->stream, (unsigned long long)snapshots->seq,
             snapshots->saved_len, snapshots->twice ? 2 : 1);
}

/* A snapshot that cannot be written loses nothing: the journal has it all. The
 * next is tried after as much was appended again, or when it is wanted. */
static void done(void *self) {
    struct snapshots *snapshots = self;
    const struct snapshots_options *options = &snapshots->options;
    free(snapshots->saved);
    snapshots->saved = NULL;
    snapshots->writing = false;
    uint64_t skipped;
    if (snapshots->err == ERR_OK) {
        note_written(snapshots);
    } else if (log_allowed(&snapshots->failed_log, &skipped)) {
        log_line(LOG_ERROR, "stream",
                 "snapshot_failed name=%s reason=\"%s\"; the journal keeps "
                 "the records it would have covered",
                 options->stream, snapshots->reason.text);
    }
}

err_t snapshots_new(const struct snapshots_options *options,
                    struct snapshots **ret) {
    struct snapshots *snapshots = calloc(1, sizeof *snapshots);
    ENSURE(snapshots != NULL, ERR_MEMORY);
    snapshots->options = *options;
    snapshots->last_bytes = options->last_bytes;
    snapshots->job =
        (struct job){.self = snapshots, .work = work, .done = done};
    *ret = snapshots;
    return ERR_OK;
}

void snapshots_free(struct snapshots *snapshots) {
    if (snapshots == NULL) {
        return;
    }
    assert(!snapshots->writing);
    free(snapshots->saved);
    free(snapshots);
}

static err_t copy(struct snapshots *snapshots, const struct state *state) {
    size_t cap = snapshots->last_bytes + snapshots->last_bytes / 4;
    cap = cap < SAVED_FIRST ? SAVED_FIRST : cap;
    for (;;) {
        uint8_t *memory = malloc(cap);
        ENSURE(memory != NULL, ERR_MEMORY);
        struct writer to = writer_over(memory, cap);
        state_save(state, &to);
        if (!to.full) {
            snapshots->saved = memory;
            snapshots->saved_len = to.len;
            snapshots->last_bytes = to.len;
            return ERR_OK;
        }
        free(memory);
        cap *= 2;
    }
}

void snapshots_at_boundary(struct snapshots *snapshots,
                           const struct state *state, uint64_t seq,
                           uint64_t bytes_ever) {
    uint64_t due = BYTES_BETWEEN_RATIO * (uint64_t)snapshots->last_bytes;
    due = due < BYTES_BETWEEN_MIN ? BYTES_BETWEEN_MIN : due;
    uint64_t total = snapshots->options.replayed_bytes + bytes_ever;
    assert(total >= snapshots->counted);
    if (snapshots->saved != NULL || total - snapshots->counted < due) {
        return;
    }
    snapshots->counted = total;
    if (copy(snapshots, state) == ERR_OK) {
        snapshots->seq = seq;
        snapshots->twice = false;
    } /* else no memory now: when as much was appended again */
}

void snapshots_wanted(struct snapshots *snapshots, const struct state *state,
                      uint64_t seq) {
    if (snapshots->saved == NULL && seq > snapshots->twice_seq &&
        copy(snapshots, state) == ERR_OK) {
        snapshots->seq = seq;
        snapshots->twice = true;
    }
}

void snapshots_durable(struct snapshots *snapshots) {
    if (snapshots->saved == NULL || snapshots->writing ||
        snapshots->seq >
            atomic_load(&journal_position(snapshots->options.journal)->end)) {
        return;
    }
    snapshots->reason = (struct reason){""};
    snapshots->writing = true;
    snapshots->begun_us =
        snapshots->options.clock->mono_us(snapshots->options.clock->self);
    snapshots->options.executor.submit(snapshots->options.executor.self,
                                       &snapshots->job);
}

bool snapshots_is_writing(const struct snapshots *snapshots) {
    return snapshots->writing;
}

int64_t snapshots_writing_since_us(const struct snapshots *snapshots) {
    assert(snapshots->writing);
    return snapshots->begun_us;
}

uint64_t snapshots_written(const struct snapshots *snapshots) {
    return snapshots->written;
}
