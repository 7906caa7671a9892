/* SPDX-License-Identifier: Apache-2.0 */
/* What one stream's sender reports: its status, and the log lines that go with
 * it. The sender sets the counters; link and error text change only here. */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include "bridge/status.h"
#include "gateway/base/log.h"
#include "gateway/base/platform.h"

struct report {
    const struct clock *clock;
    struct bridge_stream_status status;
    struct bridge_stream_status told; /* as last copied */
    struct log_limit log;
    bool paused;          /* shown instead of any other link */
    bool waits;           /* for its turn, */
    int64_t waits_us;     /* monotonic: since then */
    int64_t throttled_us; /* monotonic: when the service last said so */
    bool eases;           /* it takes all again: soon the link is online */
    bool words_over;      /* the error text ends with that */
};

/* A turn that comes sooner is no state worth showing. */
#define REPORT_WAITING_US ((int64_t)1000 * 1000)
/* A service that throttles some requests and not others stays `throttled` for
 * so long after the last. */
#define REPORT_EASES_US ((int64_t)5 * 1000 * 1000)

/* `clock` outlives the report. */
void report_init(struct report *report, const char *stream,
                 const struct clock *clock);

/* Sets the status's error text; empty if all is well. Logs nothing. */
void report_words(struct report *report, const char *text);
/* Logs a warning, at most one a second. */
void report_trouble(struct report *report, const char *text);
/* One log line for each change of the link, but for a change between online and
 * waiting, which alternate during a drain. */
void report_link(struct report *report, enum bridge_link link);
/* Error text and link. Logs new error text unless the link-state line included
 * it. */
void report_say(struct report *report, enum bridge_link link, const char *text);
/* There are no credentials to send with, and why. */
void report_lack(struct report *report, const char *why, bool expired);
void report_pause(struct report *report, bool paused);
/* At each turn of the loop: is there something to send that may not be sent now
 * because streams of higher priority are sending? What the service refuses
 * stays refused meanwhile: that it waits cures nothing. */
void report_turn(struct report *report, bool has_work, bool waits);
/* When report_turn() will change the link; INT64_MAX: not because of time. */
int64_t report_due_us(const struct report *report);

/* Events [first, end) will not be sent, and why. */
void report_lost(struct report *report, uint64_t first, uint64_t end,
                 const char *why);
/* The same, for damage that is not recorded yet. */
void report_gap(struct report *report, const struct journal_gap *gap);

/* A copy of the status; true if it changed since the last call. */
bool report_copy(struct report *report, struct bridge_stream_status *ret);

#endif
