/* SPDX-License-Identifier: Apache-2.0 */
/* When to write a stream's state to a snapshot, and the writing.
 *
 * The state is copied between two batches, when it is that of all records
 * before a number. The file gets its name once the journal holds those records
 * durably. Used on the owner's thread; the writing is a job. */
#ifndef GATEWAY_STREAM_SNAPSHOTS_H
#define GATEWAY_STREAM_SNAPSHOTS_H

#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/journal/journal.h"
#include "gateway/stream/state.h"

struct snapshots;

struct snapshots_options {
    const struct disk *disk; /* these outlive it */
    const struct clock *clock;
    const char *stream; /* its name, for the log */
    const char *dir;
    const struct journal *journal;
    struct executor executor;
    size_t last_bytes;       /* of the newest one; 0: none */
    uint64_t replayed_bytes; /* of events after it */
    void *self;
    /* A start needs nothing before `seq` any more. */
    void (*covered)(void *self, uint64_t seq);
};

err_t snapshots_new(const struct snapshots_options *options,
                    struct snapshots **ret) MUST_USE;
/* Not while one is being written. Takes NULL. */
void snapshots_free(struct snapshots *snapshots);

/* The state is that of all records before `seq`, between two batches;
 * `bytes_ever`: of events appended since the start. Copies the state if enough
 * was appended since the last time. */
void snapshots_at_boundary(struct snapshots *snapshots,
                           const struct state *state, uint64_t seq,
                           uint64_t bytes_ever);
/* The same, whatever was appended, and as two files, so that all before `seq`
 * is covered at once. Not again if that was written so already. */
void snapshots_wanted(struct snapshots *snapshots, const struct state *state,
                      uint64_t seq);
/* The durable position moved: writes the copy, if all it covers is durable. */
void snapshots_durable(struct snapshots *snapshots);
bool snapshots_is_writing(const struct snapshots *snapshots);
/* If so: since when (monotonic). */
int64_t snapshots_writing_since_us(const struct snapshots *snapshots);
/* Bytes of those that were written since it was made. */
uint64_t snapshots_written(const struct snapshots *snapshots);

#endif
