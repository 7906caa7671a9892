/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps AWS credentials usable: renews them ahead of their end, by monotonic
 * time and with jitter, so that the boxes of a fleet do not ask at once; one
 * fetch at a time. While a renewal fails, the old ones are used until their end
 * and it is tried again after 1 s, 2 s and so on to a minute. A service that
 * calls them expired holds everything until there are others; so does their
 * end. A profile's keys are read again every few seconds, since who rotates
 * them writes the file.
 *
 * It lives on the bridge's loop and never makes it wait. */
#ifndef BRIDGE_CREDENTIAL_KEEPER_H
#define BRIDGE_CREDENTIAL_KEEPER_H

#include "bridge/credential_fetch.h"
#include "bridge/credential_status.h"
#include "gateway/base/platform.h"

/* So long before the end they are renewed, and up to half as long earlier; of
 * short ones a quarter of their life. */
#define KEEPER_AHEAD_US ((int64_t)5 * 60 * 1000 * 1000)
#define KEEPER_PROFILE_US ((int64_t)5 * 1000 * 1000)
/* Of a source that gives no end. */
#define KEEPER_ENDLESS_US ((int64_t)15 * 60 * 1000 * 1000)
#define KEEPER_WAIT_US ((int64_t)1000 * 1000)
#define KEEPER_WAIT_MAX_US ((int64_t)60 * 1000 * 1000)

struct credential_keeper_options {
    const struct platform *platform; /* outlives the keeper */
    struct credential_plan_options plan;
    struct executor executor;
    struct credential_web web;
    /* There may be more to do; the last thing it does in its own callbacks. */
    void (*turn)(void *self);
    void *self;
};

struct credential_keeper;

/* Looks at environment and files once, so never call it on a loop. ERR_CONFIG,
 * with what to do, if no source is set up, or one that only a restart can
 * change is of no use. */
err_t credential_keeper_new(const struct credential_keeper_options *options,
                            struct credential_keeper **ret,
                            struct reason *reason) MUST_USE;
/* As those of credential_fetch.h. */
void credential_keeper_hang_up(struct credential_keeper *keeper);
void credential_keeper_free(struct credential_keeper *keeper);

/* To sign with: the place stays, what is in it changes between turns. */
const struct credentials *credential_keeper_credentials(
    const struct credential_keeper *keeper);
/* May requests be signed with them now? */
bool credential_keeper_is_ready(const struct credential_keeper *keeper);

/* Starts a fetch if one is due. */
void credential_keeper_work(struct credential_keeper *keeper);
/* When to call that again; INT64_MAX: not because of time. */
int64_t credential_keeper_due_us(const struct credential_keeper *keeper);

/* A service refused a request that was signed with the set of that serial
 * number: because it is `expired`, or for another reason that others might
 * cure. */
void credential_keeper_refused(struct credential_keeper *keeper,
                               uint32_t serial, bool expired);
/* A service's clock minus ours. */
void credential_keeper_learn_clock(struct credential_keeper *keeper,
                                   int64_t offset_us);

void credential_keeper_status(const struct credential_keeper *keeper,
                              struct credential_status *ret);
/* Why there is nothing to sign with, in words; empty if there is. */
void credential_keeper_why(const struct credential_keeper *keeper,
                           struct reason *ret);

#endif
