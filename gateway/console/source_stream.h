/* SPDX-License-Identifier: Apache-2.0 */
/* What the console shows of a stream. */
#ifndef GATEWAY_CONSOLE_SOURCE_STREAM_H
#define GATEWAY_CONSOLE_SOURCE_STREAM_H

#include "bridge/bridge.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/verdict/forecast.h"

struct console_stream {
    const char *name; /* borrowed for the call */
    uint64_t start;   /* durable records: sequence numbers [start, end) */
    uint64_t end;
    uint64_t received, accepted, rejected, duplicates; /* since start */
    uint64_t too_old; /* of the rejected: might be repeats */
    uint64_t dropped; /* dropped undelivered since start, to make room */
    const struct journal_gap *gaps; /* events that damage took, ever */
    size_t gap_count;
    uint64_t damaged;     /* events in those */
    const char *full;     /* why it accepts nothing; NULL if it does */
    const char *disk_job; /* the oldest that is with the disk; NULL: none */
    int64_t disk_job_us;  /* for how long */
    struct journal_stats journal;
    uint64_t written; /* bytes given to the disk since start, for the journal,
                         snapshots and the cursor */
    bool has_sink;    /* else `bridge` is not used */
    struct bridge_stream_status bridge; /* as the bridge last reported */
    bool holds_refused; /* no dead letters of it: on_refused: hold */
    struct dead_stream_status dead;
    int64_t oldest_us; /* wall time of the oldest event that is not in the
                          cloud yet, 0 if there is none or not known */
    struct forecast_view forecast;
};

#endif
