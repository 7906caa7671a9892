/* SPDX-License-Identifier: Apache-2.0 */
/* Which source of credentials serves, in the SDKs' order or by choice: the
 * environment, a profile of the shared files, a command, a container's
 * endpoint, IMDS, AWS IoT Core. Looks at the environment and the files; runs no
 * command and asks nobody. */
#ifndef BRIDGE_CREDENTIAL_PLAN_H
#define BRIDGE_CREDENTIAL_PLAN_H

#include "bridge/credential_place.h"
#include "bridge/credentials.h"
#include "bridge/tls.h"

enum {
    PLAN_COMMAND_MAX = 4 * 1024,
    PLAN_TOKEN_MAX = 16 * 1024, /* of a container's Authorization */
    PLAN_WORDS_MAX = 160,
};

struct credential_plan_options {
    const struct config_cloud *cloud;
    const char *ca_file;           /* for AWS IoT Core */
    const struct entropy *entropy; /* outlives a plan */
};

/* What is to be done. */
struct credential_plan {
    enum config_credentials_source source; /* CONFIG_CREDENTIALS_DEFAULT: none
                                              serves */
    char words[PLAN_WORDS_MAX];            /* where, for a person */
    bool found; /* `credentials` has them: nothing more */
    struct credentials credentials;
    char command[PLAN_COMMAND_MAX];     /* PROCESS: to be run */
    struct credential_place place;      /* CONTAINER, IMDS, IOT: to be asked */
    char authorization[PLAN_TOKEN_MAX]; /* CONTAINER: a header, or empty */
    char thing[CONFIG_IOT_NAME_SIZE];   /* IOT: a header */
    struct tls_context *tls;            /* IOT: with the certificate; owned */
};

/* From the heap; NULL without memory. */
struct credential_plan *credential_plan_new(void) MUST_USE;
/* Overwrites it, then frees it. Takes NULL. */
void credential_plan_free(struct credential_plan *plan);

/* Fills an empty plan. ERR_NOT_FOUND: no source is set up; ERR_CONFIG and
 * others: the source in the plan is, and cannot be used. `reason` says what is
 * missing. It reads files: never call it on a loop. */
err_t credential_plan_make(const struct credential_plan_options *options,
                           struct credential_plan *plan,
                           struct reason *reason) MUST_USE;

/* Can a source that failed so give credentials later, without a restart? */
bool credential_plan_may_recover(const struct credential_plan *plan);

/* "environment", "imds" and so on, as the configuration has it. */
const char *credential_source_name(enum config_credentials_source source);

#endif
