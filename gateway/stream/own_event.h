/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream says of itself, in its own journal, so that head office learns
 * of it: EventRejected, EventsDropped, JournalDamaged. */
#ifndef GATEWAY_STREAM_OWN_EVENT_H
#define GATEWAY_STREAM_OWN_EVENT_H

#include "gateway/stream/batch.h"

struct own_event {
    const char *store;  /* these four outlive it */
    const char *stream; /* its name */
    const uint8_t *journal_id;
    struct batch *batch;
    /* The cap on EventRejected: so many were said since this moment. */
    int64_t rejected_since_us; /* monotonic */
    uint32_t rejected;
};

/* Records [first, end) of the stream, of which `count` are meant. */
struct own_event_range {
    uint64_t first;
    uint64_t end;
    uint64_t count;
};

/* Each appends one event to the batch that fills. Errors as batch_append(). */

/* A device's event was refused; at most 60 a minute are said, the rest are
 * passed over with ERR_OK. `id` is empty if it had none that could be read. */
err_t own_event_rejected(struct own_event *own, struct slice device,
                         struct slice id, const char *why) MUST_USE;
/* Events were trimmed before they were in the cloud. */
err_t own_event_dropped(struct own_event *own,
                        const struct own_event_range *range) MUST_USE;
/* Events were lost to damage: says so, here and in the log, of each gap in
 * `gaps` that no record tells of yet, in at most as many events as the batch
 * takes; the last one then speaks of all that are left, by the lowest and the
 * highest number and how many between. `ret_told` (room for all of them) are
 * those gaps, marked with the records that will tell of them: the mark is to be
 * durable before the batch is. */
err_t own_event_damaged(struct own_event *own, const struct journal_gap *gaps,
                        size_t count, struct journal_gap *ret_told,
                        size_t *ret_told_count) MUST_USE;

#endif
