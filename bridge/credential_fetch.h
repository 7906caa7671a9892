/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches credentials once: looks at files and runs a command in a job, and
 * asks an endpoint over a transport. It neither waits nor repeats. */
#ifndef BRIDGE_CREDENTIAL_FETCH_H
#define BRIDGE_CREDENTIAL_FETCH_H

#include "bridge/credential_plan.h"
#include "bridge/transport.h"
#include "gateway/base/executor.h"

/* Opens transports to where a plan says; `plan` outlives them. ERR_MEMORY. */
struct credential_web {
    void *self;
    err_t (*open)(void *self, const struct credential_plan *plan,
                  transport_done done, void *context, struct transport *ret);
};

/* How a fetch ended. All of it lives for the call. */
struct credential_result {
    err_t err;
    const char *why;                    /* if it failed; no secret is in it */
    const struct credential_plan *plan; /* with the credentials */
    bool has_date; /* the endpoint gave its time, in whole seconds */
    int64_t date_us;
};

struct credential_fetch_options {
    struct credential_plan_options plan; /* what it points to outlives this */
    struct executor executor;
    struct credential_web web;
    int64_t process_ms; /* a command's time-out */
    void (*done)(void *context, const struct credential_result *result);
    void *context;
};

struct credential_fetch;

/* ERR_MEMORY, ERR_IO. */
err_t credential_fetch_new(const struct credential_fetch_options *options,
                           struct credential_fetch **ret) MUST_USE;
/* Starts; none may be under way. `done` is called later, or, without memory,
 * from within this call. */
void credential_fetch_start(struct credential_fetch *fetch);
bool credential_fetch_is_busy(const struct credential_fetch *fetch);
/* Gives up what is under way; `done` is no longer called. From then on it only
 * waits for its job. */
void credential_fetch_hang_up(struct credential_fetch *fetch);
/* With no job left, and after the transports have been closed: the loop has
 * turned since. Takes NULL. */
void credential_fetch_free(struct credential_fetch *fetch);

#endif
