/* SPDX-License-Identifier: Apache-2.0 */
/* The events that a stream reports about itself, in its own journal, so that
 * head office learns of them: EventRejected, EventsDropped, JournalDamaged,
 * EventDeadLettered. */
#ifndef GATEWAY_STREAM_OWN_EVENT_H
#define GATEWAY_STREAM_OWN_EVENT_H

#include "gateway/event/event_type.h"
#include "gateway/stream/batch.h"

/* A broken device is told of each mistake, but head office only of so many. */
enum { OWN_EVENT_REJECTED_A_MINUTE = 60 };

struct own_event {
    const char *store;   /* these four outlive it */
    const char *stream;  /* its name */
    const uint8_t *life; /* of the journal */
    struct batch *batch;
    /* Limits EventRejected: how many were journaled since this moment. */
    int64_t rejected_since_us; /* monotonic */
    uint32_t rejected;
};

/* Records [first, end) of the stream; `count` of them are meant. */
struct own_event_range {
    uint64_t first;
    uint64_t end;
    uint64_t count;
};

/* An event of the gateway's own, and what it borrows from. */
struct own_event_made {
    struct event event;
    char id[64];
    char source[128];
    char time[EVENT_TIME_SIZE];
};

/* The event that would be number `seq` of the journal. `mark` keeps its id
 * apart from the shop's, which are made of the same number. `data` is borrowed.
 */
void own_event_make(const struct own_event *own, enum event_type type,
                    char mark, struct slice data, struct shop_stamp at,
                    struct own_event_made *ret);

/* Each appends one event to the batch that fills. Errors as batch_append(). */

/* A device's event was refused. At most 60 a minute are journaled; the rest are
 * skipped with ERR_OK. `id` is empty if no id could be read. */
err_t own_event_rejected(struct own_event *own, struct slice device,
                         struct slice id, const char *why) MUST_USE;
/* Events were trimmed before they were in the cloud. */
err_t own_event_dropped(struct own_event *own,
                        const struct own_event_range *range) MUST_USE;
/* Damage took records of the journal of dead letters; the range is of its
 * numbers. */
err_t own_event_dead_damaged(struct own_event *own,
                             const struct own_event_range *range) MUST_USE;
/* The cloud refused events for good, and they are dead letters now; `code` is
 * what it said of the last of them. */
err_t own_event_dead_lettered(struct own_event *own,
                              const struct own_event_range *range,
                              const char *code) MUST_USE;
/* Events were lost to damage: announces, here and in the log, each gap in
 * `gaps` that no record announces yet, in at most as many events as the batch
 * has room for. The last event then covers all that are left, with the lowest
 * and the highest number and the count between them. `ret_told` (with room for
 * all of them) is set to those gaps, marked with the records that will announce
 * them: the mark must be durable before the batch is. */
err_t own_event_damaged(struct own_event *own, const struct journal_gap *gaps,
                        size_t count, struct journal_gap *ret_told,
                        size_t *ret_told_count) MUST_USE;

#endif
