/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_policy.h"

#include <assert.h>
#include <stdlib.h>

#define MINUTE_US ((int64_t)60 * 1000 * 1000)

void dead_policy_free(struct dead_policy *policy) {
    free(policy->waits);
    *policy = (struct dead_policy){.waits = NULL};
}

bool dead_policy_is_denial(const char *code) {
    static const char *const begins[] = {"AccessDenied", "NotAuthorized",
                                         "InvalidAccountId"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (strncmp(code, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* --- the last ten minutes ------------------------------------------------ */

static void count(struct dead_policy *policy, int64_t now_us, uint64_t taken,
                  uint32_t final) {
    int64_t minute = now_us / MINUTE_US;
    size_t at = (size_t)(minute % DEAD_MINUTES);
    if (policy->minutes[at].minute != minute) {
        memset(&policy->minutes[at], 0, sizeof policy->minutes[at]);
        policy->minutes[at].minute = minute;
    }
    policy->minutes[at].taken += taken;
    policy->minutes[at].final += final;
}

static bool floods(const struct dead_policy *policy, int64_t now_us) {
    int64_t minute = now_us / MINUTE_US;
    uint64_t final = 0;
    uint64_t taken = 0;
    for (size_t i = 0; i < DEAD_MINUTES; i++) {
        if (policy->minutes[i].minute > minute - DEAD_MINUTES) {
            final += policy->minutes[i].final;
            taken += policy->minutes[i].taken;
        }
    }
    return final > DEAD_FLOOD_MIN && final * DEAD_FLOOD_PART > final + taken;
}

/* --- those that wait ------------------------------------------------------ */

static struct dead_wait *find(const struct dead_policy *policy, uint64_t seq) {
    for (size_t i = 0; i < policy->count; i++) {
        if (policy->waits[i].seq == seq) {
            return &policy->waits[i];
        }
    }
    return NULL;
}

static void drop(struct dead_policy *policy, struct dead_wait *wait) {
    assert(policy->count > 0);
    *wait = policy->waits[--policy->count];
}

/* With room for one more. */
static err_t reserve(struct dead_policy *policy) {
    if (policy->count < policy->cap) {
        return ERR_OK;
    }
    size_t cap = policy->cap == 0 ? 16 : policy->cap * 2;
    struct dead_wait *waits =
        realloc(policy->waits, cap * sizeof *policy->waits);
    ENSURE(waits != NULL, ERR_MEMORY);
    policy->waits = waits;
    policy->cap = cap;
    return ERR_OK;
}

static err_t wait_for(struct dead_policy *policy, uint64_t seq, bool denied,
                      int64_t now_us) {
    struct dead_wait *wait = find(policy, seq);
    if (wait == NULL) {
        TRY(reserve(policy));
        wait = &policy->waits[policy->count++];
        *wait = (struct dead_wait){.seq = seq, .first_us = now_us};
    }
    wait->last_us = now_us;
    wait->denied = denied;
    wait->away = false;
    return ERR_OK;
}

/* The lowest that can be sent again: once it is done, the cursor passes it. */
static struct dead_wait *lowest(const struct dead_policy *policy) {
    assert(policy->count <= policy->cap);
    struct dead_wait *low = NULL;
    for (size_t i = 0; i < policy->count; i++) {
        struct dead_wait *wait = &policy->waits[i];
        if (!wait->away && (low == NULL || wait->seq < low->seq)) {
            low = wait;
        }
    }
    return low;
}

/* --- holding and releasing ------------------------------------------------ */

static void hold(struct dead_policy *policy, enum dead_hold how,
                 int64_t now_us) {
    policy->held = how;
    policy->held_us = now_us;
    policy->probe_us = now_us;
    policy->probing = false;
}

static void let_go(struct dead_policy *policy) {
    policy->held = DEAD_HOLD_NONE;
    policy->in_row = 0;
    policy->probing = false;
    policy->release = true;
    memset(policy->minutes, 0, sizeof policy->minutes);
}

static void purge(struct dead_policy *policy, uint64_t cursor) {
    for (size_t i = policy->count; i > 0; i--) {
        if (policy->waits[i - 1].seq < cursor) {
            drop(policy, &policy->waits[i - 1]);
        }
    }
}

void dead_policy_look(struct dead_policy *policy, uint64_t taken,
                      uint64_t cursor, int64_t now_us) {
    assert(taken >= policy->taken);
    bool passed = policy->probing && policy->probe < cursor;
    bool took = taken > policy->taken;
    if (took) {
        count(policy, now_us, taken - policy->taken, 0);
        policy->taken = taken;
        policy->taken_us = now_us;
        policy->in_row = 0;
    }
    purge(policy, cursor);
    policy->probing = policy->probing && !passed;
    if ((policy->held == DEAD_HOLD_IN_ROW && took) ||
        (policy->held == DEAD_HOLD_FLOOD && passed)) {
        let_go(policy);
    }
}

/* Others are taken, and it is denied again. */
static bool is_denied_alone(const struct dead_policy *policy,
                            const struct dead_answer *answer) {
    const struct dead_wait *wait = find(policy, answer->seq);
    return wait != NULL && policy->taken_us >= wait->first_us + DEAD_DENIED_US;
}

/* What an answer means that is no denial. */
static enum dead_verdict judge(struct dead_policy *policy, int64_t now_us) {
    if (policy->held != DEAD_HOLD_NONE) {
        return DEAD_WAIT;
    }
    policy->in_row++;
    count(policy, now_us, 0, 1);
    if (floods(policy, now_us)) {
        hold(policy, DEAD_HOLD_FLOOD, now_us);
    } else if (policy->in_row >= DEAD_IN_ROW_MAX) {
        hold(policy, DEAD_HOLD_IN_ROW, now_us);
    }
    return policy->held == DEAD_HOLD_NONE ? DEAD_WRITE : DEAD_WAIT;
}

err_t dead_policy_answer(struct dead_policy *policy,
                         const struct dead_answer *answer, bool together,
                         int64_t now_us, enum dead_verdict *ret) {
    bool denied = dead_policy_is_denial(answer->code);
    if (policy->probing && policy->probe == answer->seq) {
        policy->probing = false;
    }
    *ret = DEAD_WRITE;
    if (denied && !together && !is_denied_alone(policy, answer)) {
        *ret = DEAD_WAIT;
    } else if (!answer->sent_never) {
        *ret = judge(policy, now_us);
    }
    if (*ret == DEAD_WAIT) {
        return wait_for(policy, answer->seq, denied, now_us);
    }
    struct dead_wait *wait = find(policy, answer->seq);
    if (wait != NULL) {
        drop(policy, wait);
    }
    return ERR_OK;
}

/* --- sending again -------------------------------------------------------- */

/* A denied one is due a while after it was denied, if others are taken since:
 * not at each of them. */
static bool is_due(const struct dead_policy *policy,
                   const struct dead_wait *wait, int64_t now_us) {
    if (wait->away) {
        return false;
    }
    return policy->release || (wait->denied && policy->held == DEAD_HOLD_NONE &&
                               policy->taken_us > wait->last_us &&
                               now_us >= wait->last_us + DEAD_DENIED_US);
}

static bool wants_probe(const struct dead_policy *policy) {
    return policy->count > 0 && !policy->release;
}

/* When the probe may go: after the last, and after the first that waits. */
static int64_t probe_due_us(const struct dead_policy *policy) {
    int64_t first_us = INT64_MAX;
    for (size_t i = 0; i < policy->count; i++) {
        int64_t last_us = policy->waits[i].last_us;
        first_us = last_us < first_us ? last_us : first_us;
    }
    int64_t from_us = policy->probe_us > first_us ? policy->probe_us : first_us;
    return from_us + DEAD_PROBE_US;
}

bool dead_policy_next(struct dead_policy *policy, int64_t now_us,
                      uint64_t *ret_seq) {
    while (policy->looked < policy->count) {
        struct dead_wait *wait = &policy->waits[policy->looked++];
        if (is_due(policy, wait, now_us)) {
            wait->away = true;
            *ret_seq = wait->seq;
            return true;
        }
    }
    policy->looked = 0;
    policy->release = false;
    struct dead_wait *low = lowest(policy);
    if (low == NULL || now_us < probe_due_us(policy)) {
        return false;
    }
    low->away = true;
    policy->probing = true;
    policy->probe = low->seq;
    policy->probe_us = now_us;
    *ret_seq = low->seq;
    return true;
}

int64_t dead_policy_due_us(const struct dead_policy *policy) {
    if (policy->release) {
        return 0;
    }
    return wants_probe(policy) && lowest(policy) != NULL ? probe_due_us(policy)
                                                         : INT64_MAX;
}

enum dead_hold dead_policy_held(const struct dead_policy *policy) {
    if (policy->held != DEAD_HOLD_NONE) {
        return policy->held;
    }
    for (size_t i = 0; i < policy->count; i++) {
        if (policy->waits[i].denied &&
            policy->taken_us <= policy->waits[i].last_us) {
            return DEAD_HOLD_DENIED;
        }
    }
    return DEAD_HOLD_NONE;
}
