/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an event that the service refuses for good: a letter, or it
 * waits. One mistake at the service (a right taken away, a rule of its own)
 * must not turn a store's events into letters, so what looks like one is held:
 *
 *   denied   nothing else of the stream is taken meanwhile;
 *   in a row so many final answers without one event taken between;
 *   flood    in ten minutes so many, and so large a part of all.
 *
 * While it holds, one of those that wait is tried every so often. Once the
 * service takes something again (in a flood: one that it had refused), all are
 * sent again. Pure: it has no clock and does no I/O. */
#ifndef BRIDGE_DEAD_POLICY_H
#define BRIDGE_DEAD_POLICY_H

#include "gateway/base/base.h"

enum {
    DEAD_IN_ROW_MAX = 100,
    DEAD_FLOOD_MIN = 1000, /* in the minutes below, more than that, */
    DEAD_FLOOD_PART = 10,  /* and more than one of so many answered */
    DEAD_MINUTES = 10,
};

/* The one that is tried while it holds. */
#define DEAD_PROBE_US ((int64_t)15 * 1000 * 1000)
/* A denied event is a letter only if it is denied again, and something was
 * taken so long after the first time: requests that were under way then prove
 * nothing. */
#define DEAD_DENIED_US ((int64_t)20 * 1000 * 1000)

enum dead_hold {
    DEAD_HOLD_NONE,
    DEAD_HOLD_DENIED,
    DEAD_HOLD_IN_ROW,
    DEAD_HOLD_FLOOD,
};

enum dead_verdict {
    DEAD_WRITE, /* it becomes a letter */
    DEAD_WAIT,  /* dead_policy_next() says when it is sent again */
};

/* A final answer to one event. */
struct dead_answer {
    uint64_t seq;
    const char *code;
    bool sent_never; /* the sink cannot take it: no answer of the service */
};

struct dead_wait {
    uint64_t seq;
    int64_t first_us; /* refused first, */
    int64_t last_us;  /* and last */
    bool denied;
    bool away; /* it was sent again, and not answered yet */
};

struct dead_policy {
    uint64_t taken; /* events, as of the last look */
    int64_t taken_us;
    uint32_t in_row;
    enum dead_hold held; /* IN_ROW or FLOOD */
    int64_t held_us;
    int64_t probe_us; /* the last probe */
    bool probing;
    uint64_t probe; /* its number, while `probing` */
    bool release;   /* all that wait are to be sent again */
    struct {
        int64_t minute;
        uint32_t final;
        uint64_t taken;
    } minutes[DEAD_MINUTES];
    struct dead_wait *waits; /* in no order */
    size_t count;
    size_t cap;
    size_t looked; /* dead_policy_next(): those before it are not due */
};

/* Zeroed is ready. */
void dead_policy_free(struct dead_policy *policy);

/* At each turn, and before each answer: `taken` events since the start, and
 * the stream's cursor. What was taken since the last look counts as taken with
 * the answers that follow. */
void dead_policy_look(struct dead_policy *policy, uint64_t taken,
                      uint64_t cursor, int64_t now_us);
/* `together`: events of the same answer were taken. ERR_MEMORY: it cannot be
 * told; hold it. */
err_t dead_policy_answer(struct dead_policy *policy,
                         const struct dead_answer *answer, bool together,
                         int64_t now_us, enum dead_verdict *ret) MUST_USE;
/* The next one that is to be sent again now; false if there is none. Call it
 * until then: it goes on where it was. */
bool dead_policy_next(struct dead_policy *policy, int64_t now_us,
                      uint64_t *ret_seq);
/* When there may be one; INT64_MAX: not because of time. */
int64_t dead_policy_due_us(const struct dead_policy *policy);

/* Why events wait, for people and the verdict. */
enum dead_hold dead_policy_held(const struct dead_policy *policy);
bool dead_policy_is_denial(const char *code);

#endif
