/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge reports about itself. */
#ifndef BRIDGE_STATUS_H
#define BRIDGE_STATUS_H

#include "bridge/credential_status.h"
#include "bridge/dead_status.h"
#include "config/config.h"
#include "gateway/journal/journal.h"

enum bridge_link {
    BRIDGE_LINK_IDLE,      /* nothing to send yet, so nothing is known */
    BRIDGE_LINK_ONLINE,    /* the service answered the last request */
    BRIDGE_LINK_OFFLINE,   /* the last attempt failed; the bridge retries, plus
                              the time that an attempt takes: every second where
                              nothing takes a connection, every 5 s where it
                              breaks, every 20 s where the service fails */
    BRIDGE_LINK_REFUSED,   /* the service answers but refuses (credentials, no
                              such bus); the bridge retries slowly */
    BRIDGE_LINK_PAUSED,    /* paused on request */
    BRIDGE_LINK_THROTTLED, /* the service answers that it is too much; the
                              bridge sends more slowly */
    BRIDGE_LINK_WAITING,   /* it has waited a second or more for its turn behind
                              a stream of higher priority */
};

enum { BRIDGE_LINK_COUNT = BRIDGE_LINK_WAITING + 1 };

/* Ranges that a stream's status lists. */
enum { BRIDGE_GAPS_MAX = 8 };

struct bridge_stream_status {
    char name[CONFIG_NAME_MAX]; /* the stream's */
    enum bridge_link link;
    uint64_t cursor; /* lowest sequence number not confirmed */
    uint64_t saved;  /* the cursor as saved on disk: the bridge no longer needs
                        what is before it */
    uint64_t saves;  /* of the cursor since start: a page of the disk each */
    uint64_t end;    /* durable end as the bridge last saw it */
    uint64_t lost;   /* events since start that the journal had trimmed, or lost
                        to damage, before the service confirmed them */
    /* Damage that the journal did not know of when the bridge met it: the most
     * recent ranges, each at its number modulo BRIDGE_GAPS_MAX. */
    struct journal_gap gaps[BRIDGE_GAPS_MAX];
    uint32_t gap_count;   /* since start */
    uint64_t sent;        /* events confirmed since start */
    uint64_t repeated;    /* entries sent more than once since start */
    uint64_t requests;    /* since start */
    uint64_t failures;    /* requests without a usable answer */
    uint64_t refused;     /* entries held because the service refuses them */
    int64_t since_us;     /* wall time at which `link` last changed */
    int64_t confirmed_us; /* wall time of the last confirmation, 0 if none */
    char last_error[200]; /* text; empty if none */
    /* The oldest job that is with the disk now, and since when (monotonic);
     * NULL and 0: there is none. */
    const char *disk_job;
    int64_t disk_since_us;
    bool expired; /* REFUSED because the credentials are expired */
};

struct bridge_status {
    struct bridge_stream_status streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    int64_t clock_offset_ms; /* server's clock minus ours, from Date */
    struct credential_status credentials;
    char authorities[200];   /* why the CA file as it is now is not used */
    struct dead_status dead; /* its streams as these */
};

/* As the API and the log have it: "idle". */
const char *bridge_link_name(enum bridge_link link);

/* The stream's status; NULL if the bridge has no stream of that name. */
const struct bridge_stream_status *bridge_status_find(
    const struct bridge_status *status, const char *name);

#endif
