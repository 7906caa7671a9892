/* SPDX-License-Identifier: Apache-2.0 */
/* A start is quick however long the journal is, since it trusts sealed segments
 * by their ends. What it did not read is read afterwards, a little at a time,
 * so that rot is found and announced even if nobody reads those records. Used
 * on the owner's thread; the reading is a job. */
#ifndef GATEWAY_STREAM_SCRUB_H
#define GATEWAY_STREAM_SCRUB_H

#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/journal/journal.h"

struct scrub;

struct scrub_options {
    const struct disk *disk; /* these outlive it */
    const struct clock *clock;
    const char *stream; /* its name, for the log */
    const char *dir;
    const struct journal_position *position;
    struct executor executor;
    uint64_t end; /* what is before it must still be read */
    void *self;
    /* Damage was found. True if it is recorded now; else it is reported again
     * at the next tick. */
    bool (*found)(void *self, const struct journal_gap *gap);
};

err_t scrub_new(const struct scrub_options *options,
                struct scrub **ret) MUST_USE;
/* No job may be running. Takes NULL. */
void scrub_free(struct scrub *scrub);
/* Reads some more, unless a job is still reading. Called about once a second.
 */
void scrub_tick(struct scrub *scrub);
bool scrub_is_running(const struct scrub *scrub);
/* If so: since when (monotonic). */
int64_t scrub_running_since_us(const struct scrub *scrub);

#endif
