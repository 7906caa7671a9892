/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge reports about its AWS credentials. No part of them. */
#ifndef BRIDGE_CREDENTIAL_STATUS_H
#define BRIDGE_CREDENTIAL_STATUS_H

#include <stdint.h>

enum credential_state {
    CREDENTIAL_STATE_NONE,     /* no stream has a sink: none are needed */
    CREDENTIAL_STATE_FETCHING, /* the first are on their way */
    CREDENTIAL_STATE_VALID,
    CREDENTIAL_STATE_RENEWING, /* valid, but the last renewal failed */
    CREDENTIAL_STATE_EXPIRED,  /* events wait until there are others */
    CREDENTIAL_STATE_MISSING,  /* there have never been any */
};

struct credential_status {
    enum credential_state state;
    const char *source; /* "imds"; static */
    int64_t expires_us; /* wall time of our clock; 0: not known */
    int64_t renewed_us; /* wall time; 0: never */
    uint64_t renewals;  /* sets that were taken over since the start */
    uint64_t failures;  /* fetches that failed */
    char words[200];    /* why the last fetch failed; empty: it did not */
};

/* "none", "fetching", ... */
const char *credential_state_name(enum credential_state state);

#endif
