/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a forwarder's window from its journal's feed: measures each record,
 * passes what is missing, and says what cannot be read or sent. */
#ifndef BRIDGE_FILLER_H
#define BRIDGE_FILLER_H

#include "bridge/feed.h"
#include "bridge/forwarder.h"
#include "bridge/report.h"
#include "bridge/sink.h"

struct filler {
    const struct sink *sink; /* outlives it, as all of these */
    const struct sink_target *target;
    const struct clock *clock;
    struct feed *feed;
    struct forwarder *forwarder;
    struct report *report;
    const char *dir;         /* the journal's */
    const uint64_t *letters; /* settled as dead before; ascending */
    size_t letter_count;
    /* The record `seq` can never be sent; its key waits. */
    void (*unsendable)(void *context, uint64_t seq, const struct reason *why);
    void *context;

    size_t letter_at;           /* the next one to come */
    struct sink_buffer scratch; /* one event's JSON, to measure it */
    int64_t again_us;           /* after there was no memory */
};

/* As much as fits. */
void filler_work(struct filler *filler);
/* When to fill again; INT64_MAX: not because of time. */
int64_t filler_due_us(const struct filler *filler);
/* Frees large buffers. */
void filler_rest(struct filler *filler);
void filler_free(struct filler *filler);

#endif
