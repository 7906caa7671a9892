/* SPDX-License-Identifier: Apache-2.0 */
/* Which events of a device the journal already holds: the newest ids of each
 * device, in a window of its own.
 *
 * Bounded by count, never by a clock. A device keeps its newest DEDUPE_WINDOW
 * ids, all devices together `ids_max`. At that bound whoever holds most gives
 * up its oldest (of those that hold as many, the one that has been silent
 * longest). One name in DEDUPE_IDS_A_NAME ids is kept; past that a name goes,
 * with its window: those with a single event before those with more, and of
 * them the one whose last event is the oldest. So invented names push out each
 * other and no device, and no name is ever refused.
 *
 * All of it depends on what was added, in its order, and on nothing else: a
 * replay of the journal gives the same windows as the events did live. */
#ifndef GATEWAY_STREAM_DEDUPE_H
#define GATEWAY_STREAM_DEDUPE_H

#include "gateway/base/base.h"
#include "gateway/stream/dedupe_limits.h"

struct dedupe;

/* `ids_max` is DEDUPE_IDS_MIN to DEDUPE_IDS_MAX. ERR_MEMORY. */
err_t dedupe_new(uint32_t ids_max, struct dedupe **ret) MUST_USE;
void dedupe_free(struct dedupe *dedupe); /* takes NULL */

enum dedupe_verdict {
    DEDUPE_NEW,
    DEDUPE_SAME,  /* same id, same content: a repeat */
    DEDUPE_OTHER, /* same id, other content: the sender's mistake */
};

/* Looks an id up. `*ret_seq` is the first event's number, unless the id is new.
 */
enum dedupe_verdict dedupe_find(const struct dedupe *dedupe,
                                struct slice device, struct slice id,
                                uint64_t content_hash, uint64_t *ret_seq);

/* Could an event with an id that is not remembered be a repeat of one that was
 * forgotten? Yes if its `time` is not after that of the newest one forgotten
 * for its device. No if either time is not to be believed at `now_us`, or if
 * the device's clock stands still. */
bool dedupe_is_too_old(const struct dedupe *dedupe, struct slice device,
                       int64_t time_us, int64_t now_us);

/* An event that is in the journal. */
struct dedupe_event {
    struct slice device;
    struct slice id;
    uint64_t content_hash;
    uint64_t seq;    /* above that of every event added before */
    int64_t time_us; /* the event's own, or DEDUPE_NO_TIME */
    int64_t wall_us; /* the record's */
};

/* Remembers it. ERR_MEMORY, and nothing is changed. */
err_t dedupe_add(struct dedupe *dedupe,
                 const struct dedupe_event *event) MUST_USE;

enum {
    DEDUPE_SAVED_1 = 1, /* of release 0.1.0: 1,024 ids a device, no times */
    DEDUPE_SAVED_2 = 2,
};

/* For a snapshot: saves all windows, and loads them into an empty one, whatever
 * `ids_max` they were made with. The format is private to this file.
 * dedupe_save() writes DEDUPE_SAVED_2. ERR_PARSE for what it never wrote,
 * ERR_MEMORY. */
void dedupe_save(const struct dedupe *dedupe, struct writer *to);
/* As DEDUPE_SAVED_1, for the way back: what release 0.1.0 would remember. */
void dedupe_save_older(const struct dedupe *dedupe, struct writer *to);
err_t dedupe_load(struct dedupe *dedupe, uint32_t version,
                  struct cursor *from) MUST_USE;
/* Of all that dedupe_save() would write. */
uint64_t dedupe_hash(const struct dedupe *dedupe);

uint32_t dedupe_ids(const struct dedupe *dedupe);   /* remembered now */
uint32_t dedupe_names(const struct dedupe *dedupe); /* with one or more */
size_t dedupe_bytes(const struct dedupe *dedupe);   /* of memory it holds */

#endif
