/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/limiter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000 * 1000 };

struct cause {
    bool used;
    int64_t since_us; /* when its second began */
    uint32_t told;    /* in that second */
    uint64_t kept;
    struct report last; /* of those kept; else names the cause */
};

/* The first REFUSAL_COUNT causes are the reasons alone, for what finds no other
 * place. */
enum { PLACES = REFUSAL_COUNT + LIMITER_CAUSES_MAX };

struct limiter {
    int64_t since_us;
    uint32_t told;
    uint64_t kept; /* in all causes */
    struct cause causes[PLACES];
};

err_t limiter_new(struct limiter **ret) {
    struct limiter *limiter = calloc(1, sizeof *limiter);
    ENSURE(limiter != NULL, ERR_MEMORY);
    *ret = limiter;
    return ERR_OK;
}

void limiter_free(struct limiter *limiter) {
    free(limiter);
}

static bool is_over(int64_t since_us, int64_t now_us) {
    return now_us - since_us >= SECOND_US || now_us < since_us;
}

static bool is_of(const struct cause *cause, const struct report *refused) {
    return cause->used && cause->last.refusal == refused->refusal &&
           cause->last.publish == refused->publish &&
           strcmp(cause->last.device, refused->device) == 0;
}

static bool is_idle(const struct cause *cause, int64_t now_us) {
    return !cause->used ||
           (cause->kept == 0 && is_over(cause->since_us, now_us));
}

static struct cause *cause_of(struct limiter *limiter,
                              const struct report *refused, int64_t now_us) {
    struct cause *idle = NULL;
    for (uint32_t i = REFUSAL_COUNT; i < PLACES; i++) {
        struct cause *cause = &limiter->causes[i];
        if (is_of(cause, refused)) {
            return cause;
        }
        if (idle == NULL && is_idle(cause, now_us)) {
            idle = cause;
        }
    }
    if (idle != NULL) {
        *idle = (struct cause){.used = true, .since_us = now_us};
        idle->last = *refused;
        return idle;
    }
    struct cause *shared = &limiter->causes[refused->refusal];
    shared->used = true;
    return shared;
}

static void begin_seconds(struct limiter *limiter, struct cause *cause,
                          int64_t now_us) {
    if (is_over(limiter->since_us, now_us)) {
        limiter->since_us = now_us;
        limiter->told = 0;
    }
    if (is_over(cause->since_us, now_us)) {
        cause->since_us = now_us;
        cause->told = 0;
    }
}

static bool may_tell(const struct limiter *limiter, const struct cause *cause) {
    return limiter->told < LIMITER_ALL_A_SECOND &&
           cause->told < LIMITER_CAUSE_A_SECOND;
}

static void note_told(struct limiter *limiter, struct cause *cause) {
    assert(limiter->kept >= cause->kept);
    limiter->told++;
    cause->told++;
    limiter->kept -= cause->kept;
    cause->kept = 0;
}

bool limiter_take(struct limiter *limiter, const struct report *refused,
                  int64_t now_us, uint64_t *ret_count) {
    assert(refused->refusal < REFUSAL_COUNT);
    struct cause *cause = cause_of(limiter, refused, now_us);
    begin_seconds(limiter, cause, now_us);
    if (may_tell(limiter, cause)) {
        *ret_count = cause->kept + 1;
        note_told(limiter, cause);
        return true;
    }
    cause->last = *refused;
    cause->kept++;
    limiter->kept++;
    return false;
}

bool limiter_due(struct limiter *limiter, int64_t now_us, struct report *ret) {
    for (uint32_t i = 0; i < PLACES && limiter->kept > 0; i++) {
        struct cause *cause = &limiter->causes[i];
        if (cause->kept == 0 || !is_over(cause->since_us, now_us)) {
            continue;
        }
        begin_seconds(limiter, cause, now_us);
        if (!may_tell(limiter, cause)) {
            return false;
        }
        assert(cause->used && cause->kept <= limiter->kept);
        *ret = cause->last;
        ret->count = cause->kept;
        if (i < REFUSAL_COUNT) {
            ret->device[0] = '\0'; /* not all of one */
        }
        note_told(limiter, cause);
        return true;
    }
    return false;
}
