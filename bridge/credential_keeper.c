/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_keeper.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/credential_process.h"

/* A refusal after so long without one begins the count again, and another
 * reason than expiry asks for others only so often. */
#define CALM_US ((int64_t)10 * 60 * 1000 * 1000)
#define DOUBT_US ((int64_t)60 * 1000 * 1000)
#define SECOND_US ((int64_t)1000 * 1000)
#define SOON_US ((int64_t)100 * 1000)

struct credential_keeper {
    struct credential_keeper_options options;
    struct credential_fetch *fetch;
    struct credentials *current;
    enum config_credentials_source source; /* of the current ones */
    char words[PLAN_WORDS_MAX];
    bool has;         /* there are some, of whatever age */
    bool refused;     /* a service called them expired */
    int64_t end_us;   /* monotonic; INT64_MAX: not known */
    int64_t fetch_us; /* monotonic: when to fetch; INT64_MAX: never */
    bool clock_known; /* the offset is a service's word */
    int64_t offset_us;
    uint32_t failed;    /* fetches in a row */
    uint32_t refusals;  /* in a row */
    int64_t refused_us; /* the last one */
    int64_t retry_us;   /* not before this the same set again */
    int64_t doubted_us;
    bool said_end; /* it is in the log that they are expired */
    struct credential_status status;
};

static int64_t mono_us(const struct credential_keeper *keeper) {
    const struct clock *clock = &keeper->options.platform->clock;
    return clock->mono_us(clock->self);
}

static int64_t wall_us(const struct credential_keeper *keeper) {
    const struct clock *clock = &keeper->options.platform->clock;
    return clock->wall_us(clock->self);
}

/* From 0 to `below_us`. */
static int64_t any_us(const struct credential_keeper *keeper,
                      int64_t below_us) {
    assert(below_us > 0);
    return (int64_t)(entropy_u64(&keeper->options.platform->entropy) %
                     (uint64_t)below_us);
}

/* 1 s, 2 s and so on to a minute, of which any in the second half. */
static int64_t wait_us(const struct credential_keeper *keeper, uint32_t count) {
    int64_t wait = KEEPER_WAIT_US;
    for (uint32_t i = 1; i < count && wait < KEEPER_WAIT_MAX_US; i++) {
        wait *= 2;
    }
    wait = wait < KEEPER_WAIT_MAX_US ? wait : KEEPER_WAIT_MAX_US;
    return wait / 2 + any_us(keeper, wait / 2);
}

static bool is_over(const struct credential_keeper *keeper) {
    return keeper->end_us <= mono_us(keeper);
}

bool credential_keeper_is_ready(const struct credential_keeper *keeper) {
    return keeper->has && !keeper->refused && !is_over(keeper);
}

/* Those of the environment are what they are until a restart. */
static bool is_renewable(const struct credential_keeper *keeper) {
    return keeper->source != CONFIG_CREDENTIALS_ENVIRONMENT;
}

/* --- when --------------------------------------------------------------- */

/* The end as the source's clock has it, less that clock's time now: an end that
 * our own clock alone has seen pass is not believed. */
static int64_t left_us(const struct credential_keeper *keeper,
                       const struct credential_result *result) {
    int64_t expires_us = result->plan->credentials.expires_us;
    if (expires_us == 0) {
        return INT64_MAX;
    }
    int64_t now_us = wall_us(keeper) + keeper->offset_us;
    bool believed = keeper->clock_known || result->has_date;
    if (result->has_date && (now_us < result->date_us - SECOND_US ||
                             now_us > result->date_us + 2 * SECOND_US)) {
        now_us = result->date_us + SECOND_US; /* it has whole seconds */
    }
    int64_t left = expires_us - now_us;
    return left > 0 || believed ? left : INT64_MAX;
}

static int64_t renewal_us(const struct credential_keeper *keeper,
                          int64_t left) {
    int64_t now_us = mono_us(keeper);
    if (keeper->source == CONFIG_CREDENTIALS_PROFILE) {
        return now_us + KEEPER_PROFILE_US;
    }
    if (!is_renewable(keeper)) {
        return INT64_MAX;
    }
    if (left == INT64_MAX) {
        return now_us + KEEPER_ENDLESS_US;
    }
    int64_t ahead_us = left / 4 < KEEPER_AHEAD_US ? left / 4 : KEEPER_AHEAD_US;
    ahead_us += any_us(keeper, ahead_us / 2 + 1);
    return now_us + left - ahead_us;
}

/* --- a fetch has ended -------------------------------------------------- */

static void take_source(struct credential_keeper *keeper,
                        const struct credential_plan *plan) {
    keeper->source = plan->source;
    keeper->status.source = credential_source_name(plan->source);
    memcpy(keeper->words, plan->words, sizeof keeper->words);
}

/* The same set again is no renewal; but one that was called expired is tried
 * again, now and then. */
static void take_over(struct credential_keeper *keeper,
                      const struct credential_plan *plan, int64_t left) {
    bool same =
        keeper->has && credentials_equal(keeper->current, &plan->credentials);
    uint32_t serial = keeper->current->serial;
    take_source(keeper, plan);
    if (!same) {
        *keeper->current = plan->credentials;
        keeper->refusals = 0;
        keeper->status.renewals++;
        keeper->status.renewed_us = wall_us(keeper);
        log_line(left == INT64_MAX ? LOG_DEBUG : LOG_INFO, "bridge",
                 "AWS credentials of %s, %s: %s", keeper->status.source,
                 keeper->words,
                 left == INT64_MAX ? "without an end" : "with an end");
    }
    bool tries = keeper->refused && mono_us(keeper) >= keeper->retry_us;
    keeper->current->serial = same && !tries ? serial : serial + 1;
    keeper->has = true;
    keeper->refused = same && keeper->refused && !tries;
    keeper->said_end = false;
    keeper->end_us = left == INT64_MAX ? INT64_MAX : mono_us(keeper) + left;
    keeper->status.expires_us = left == INT64_MAX ? 0 : wall_us(keeper) + left;
}

/* A file is looked at as often as ever, and the same set in it is tried again
 * when its time has come. */
static void cap_wait(struct credential_keeper *keeper) {
    int64_t look_us = mono_us(keeper) + KEEPER_PROFILE_US;
    if (keeper->refused && keeper->source == CONFIG_CREDENTIALS_PROFILE) {
        look_us = look_us < keeper->retry_us ? look_us : keeper->retry_us;
        keeper->fetch_us =
            keeper->fetch_us < look_us ? keeper->fetch_us : look_us;
    }
}

static void fail(struct credential_keeper *keeper, const char *why) {
    bool news = strncmp(keeper->status.words, why,
                        sizeof keeper->status.words - 1) != 0;
    keeper->failed++;
    keeper->status.failures++;
    keeper->fetch_us = mono_us(keeper) + wait_us(keeper, keeper->failed);
    snprintf(keeper->status.words, sizeof keeper->status.words, "%s", why);
    if (news) {
        log_line(LOG_WARN, "bridge", "no new AWS credentials: %s", why);
    }
}

/* A set that is over when it comes is none; nor is one so soon over again
 * asked for in a loop. */
static void take_result(void *context, const struct credential_result *result) {
    struct credential_keeper *keeper = context;
    if (result->err != ERR_OK) {
        if (!keeper->has && result->plan != NULL) {
            take_source(keeper, result->plan);
        }
        fail(keeper, result->why);
    } else if (left_us(keeper, result) <= 0) {
        struct reason reason;
        reason_set(&reason, ERR_CONFIG,
                   "%s: it gives credentials that are expired already",
                   result->plan->words);
        fail(keeper, reason.text);
    } else {
        int64_t left = left_us(keeper, result);
        take_over(keeper, result->plan, left);
        keeper->failed = 0;
        keeper->status.words[0] = '\0';
        int64_t soonest_us = mono_us(keeper) + SOON_US;
        keeper->fetch_us = renewal_us(keeper, left);
        cap_wait(keeper);
#ifdef EDGE_CONTROL_NO_RENEWAL /* a negative control: tests/integration */
        keeper->fetch_us = INT64_MAX;
#endif
        if (keeper->fetch_us < soonest_us) {
            keeper->fetch_us = soonest_us;
        }
    }
    keeper->options.turn(keeper->options.self);
}

/* --- turns -------------------------------------------------------------- */

static void say_end(struct credential_keeper *keeper) {
    if (keeper->has && is_over(keeper) && !keeper->said_end) {
        keeper->said_end = true;
        log_line(LOG_WARN, "bridge",
                 "the AWS credentials of %s are expired; events wait",
                 keeper->status.source);
    }
}

void credential_keeper_work(struct credential_keeper *keeper) {
    say_end(keeper);
    if (keeper->fetch_us <= mono_us(keeper) &&
        !credential_fetch_is_busy(keeper->fetch)) {
        keeper->fetch_us = INT64_MAX; /* its end sets it */
        credential_fetch_start(keeper->fetch);
    }
}

int64_t credential_keeper_due_us(const struct credential_keeper *keeper) {
    bool busy = credential_fetch_is_busy(keeper->fetch);
    int64_t due_us = busy ? INT64_MAX : keeper->fetch_us;
    bool ends = keeper->has && !keeper->said_end;
    return ends && keeper->end_us < due_us ? keeper->end_us : due_us;
}

/* At once the first time; a set that comes again and again is asked for with
 * the waits of failures. */
static void take_expiry(struct credential_keeper *keeper) {
    int64_t now_us = mono_us(keeper);
    if (now_us - keeper->refused_us > CALM_US) {
        keeper->refusals = 0;
    }
    keeper->refused_us = now_us;
    keeper->refused = true;
    int64_t again_us = keeper->refusals > 0
                           ? now_us + wait_us(keeper, keeper->refusals)
                           : now_us;
    keeper->refusals++;
    bool soon = keeper->failed == 0 || again_us < keeper->fetch_us;
    keeper->fetch_us = soon ? again_us : keeper->fetch_us;
    keeper->retry_us = again_us;
    cap_wait(keeper);
    log_line(LOG_WARN, "bridge",
             "the service calls the AWS credentials of %s expired; events "
             "wait for others",
             keeper->status.source);
}

void credential_keeper_refused(struct credential_keeper *keeper,
                               uint32_t serial, bool expired) {
    int64_t now_us = mono_us(keeper);
    if (serial != keeper->current->serial || keeper->refused ||
        !is_renewable(keeper)) {
        return;
    }
#ifdef EDGE_CONTROL_NO_RENEWAL
    return;
#endif
    if (expired) {
        take_expiry(keeper);
    } else if (now_us - keeper->doubted_us >= DOUBT_US) {
        keeper->doubted_us = now_us;
        keeper->fetch_us = now_us;
    }
}

void credential_keeper_learn_clock(struct credential_keeper *keeper,
                                   int64_t offset_us) {
    keeper->clock_known = true;
    keeper->offset_us = offset_us;
}

/* --- the status --------------------------------------------------------- */

static enum credential_state state_of(const struct credential_keeper *keeper) {
    if (!keeper->has) {
        return keeper->failed > 0 ? CREDENTIAL_STATE_MISSING
                                  : CREDENTIAL_STATE_FETCHING;
    }
    if (!credential_keeper_is_ready(keeper)) {
        return CREDENTIAL_STATE_EXPIRED;
    }
    return keeper->failed > 0 ? CREDENTIAL_STATE_RENEWING
                              : CREDENTIAL_STATE_VALID;
}

void credential_keeper_status(const struct credential_keeper *keeper,
                              struct credential_status *ret) {
    *ret = keeper->status;
    ret->state = state_of(keeper);
}

void credential_keeper_why(const struct credential_keeper *keeper,
                           struct reason *ret) {
    const char *failed = keeper->status.words;
    ret->text[0] = '\0';
    if (credential_keeper_is_ready(keeper)) {
        return;
    }
    if (!keeper->has) {
        reason_set(ret, ERR_CONFIG, "there are no AWS credentials yet%s%s",
                   failed[0] != '\0' ? ": " : "", failed);
        return;
    }
    reason_set(ret, ERR_CONFIG, "waiting for new AWS credentials%s%s",
               failed[0] != '\0' ? ": " : "", failed);
}

/* --- beginning and end -------------------------------------------------- */

/* What needs no command and no endpoint is there from the start. */
static err_t look_first(struct credential_keeper *keeper,
                        struct credential_plan *plan, struct reason *reason) {
    err_t err = credential_plan_make(&keeper->options.plan, plan, reason);
    take_source(keeper, plan);
    if (err != ERR_OK) {
        ENSURE(credential_plan_may_recover(plan), ERR_CONFIG);
        fail(keeper, reason->text);
        return ERR_OK;
    }
    if (plan->found) {
        take_over(keeper, plan, INT64_MAX);
        keeper->fetch_us = renewal_us(keeper, INT64_MAX);
        return ERR_OK;
    }
    keeper->fetch_us = mono_us(keeper);
    return ERR_OK;
}

static err_t set_up(struct credential_keeper *keeper, struct reason *reason) {
    const struct credential_keeper_options *options = &keeper->options;
    struct credential_fetch_options fetch = {
        .plan = options->plan,
        .executor = options->executor,
        .web = options->web,
        .process_ms = PROCESS_TIMEOUT_MS,
        .done = take_result,
        .context = keeper,
    };
    keeper->current = credentials_new();
    ENSURE(keeper->current != NULL, ERR_MEMORY);
    TRY(credential_fetch_new(&fetch, &keeper->fetch));
    struct credential_plan *plan = credential_plan_new();
    ENSURE(plan != NULL, ERR_MEMORY);
    err_t err = look_first(keeper, plan, reason);
    credential_plan_free(plan);
    return err;
}

err_t credential_keeper_new(const struct credential_keeper_options *options,
                            struct credential_keeper **ret,
                            struct reason *reason) {
    struct credential_keeper *keeper = calloc(1, sizeof *keeper);
    ENSURE(keeper != NULL, ERR_MEMORY);
    keeper->options = *options;
    keeper->end_us = INT64_MAX;
    keeper->doubted_us = mono_us(keeper) - DOUBT_US;
    err_t err = set_up(keeper, reason);
    if (err != ERR_OK) {
        credential_keeper_free(keeper);
        return err;
    }
    *ret = keeper;
    return ERR_OK;
}

const struct credentials *credential_keeper_credentials(
    const struct credential_keeper *keeper) {
    return keeper->current;
}

void credential_keeper_hang_up(struct credential_keeper *keeper) {
    credential_fetch_hang_up(keeper->fetch);
}

void credential_keeper_free(struct credential_keeper *keeper) {
    if (keeper != NULL) {
        credential_fetch_free(keeper->fetch);
        credentials_free(keeper->current);
        free(keeper);
    }
}
