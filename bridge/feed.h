/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's records, in order, as they become durable: which record is next,
 * where records are missing, and why the journal could not be read.
 *
 * Jobs read the journal, one page of records ahead of what the feed hands out,
 * so the loop never waits for the disk. While a job hangs, the feed has nothing
 * to hand out, and everything else continues. Memory is two pages (reading.h),
 * and almost nothing when there is nothing to hand out. A failed read is
 * retried ten seconds later with a new reader.
 *
 * A gap is never skipped without being asked: the owner calls feed_pass() when
 * everything before the gap is done. */
#ifndef BRIDGE_FEED_H
#define BRIDGE_FEED_H

#include "gateway/base/executor.h"
#include "gateway/event/event_life.h"
#include "gateway/journal/journal.h"

#define FEED_RETRY_US ((int64_t)10 * 1000 * 1000)

struct feed_options {
    const struct disk *disk; /* outlives the feed, as all of these */
    struct executor executor;
    const char *dir; /* the journal's */
    const struct journal_position *position;
    bool pass_unknown; /* damage that is not recorded yet may be passed */
    /* A job ended: feed_look() may see more. */
    void (*changed)(void *context);
    void *context;
};

enum feed_state {
    FEED_NOTHING, /* nothing yet: the end, a running job, or a fault's wait */
    FEED_READY,   /* a record can be taken */
    FEED_GAP,     /* the next records are missing */
    FEED_FAULT,   /* the journal could not be read; reported once each time */
};

struct feed_record {
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct slice bytes; /* lives until feed_take() */
};

enum feed_cause {
    FEED_TRIMMED, /* trimmed, or set aside, by the journal's owner */
    FEED_DAMAGED, /* in the files, as they are now */
};

struct feed_gap {
    enum feed_cause cause;
    struct journal_gap
        range;  /* may be empty: the records could be read after all */
    bool known; /* the damage is already recorded */
};

struct feed;

/* Hands out records from `next_seq` on. ERR_MEMORY. */
err_t feed_new(const struct feed_options *options, uint64_t next_seq,
               struct feed **ret) MUST_USE;
/* Closes the reader, so not on a loop. No job may run. Takes NULL. */
void feed_free(struct feed *feed);

/* What is next; starts to read on if there is room. */
enum feed_state feed_look(struct feed *feed, int64_t now_us);
/* At FEED_READY: the record, and then done with it. */
struct feed_record feed_record(const struct feed *feed);
void feed_take(struct feed *feed);
/* At FEED_GAP. */
enum feed_cause feed_gap_cause(const struct feed *feed);
/* At FEED_GAP: continues after the gap. ERR_AGAIN while a job looks for its
 * end: call again at the next FEED_GAP. */
err_t feed_pass(struct feed *feed, struct feed_gap *ret) MUST_USE;
/* At FEED_FAULT: what went wrong. */
const char *feed_fault(const struct feed *feed);

/* When to look again; INT64_MAX if not because of time alone. */
int64_t feed_due_us(const struct feed *feed);
/* A job is running: the feed must not be freed yet. */
bool feed_is_busy(const struct feed *feed);
/* If so: since when, on the clock of feed_look(). */
int64_t feed_busy_since_us(const struct feed *feed);

#endif
