/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, in numbers: counted while the fleet runs, reported at the end.
 */
#ifndef DEVICES_REPORT_H
#define DEVICES_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/attr.h"
#include "gateway/base/error.h"

/* Times in fixed memory: 16 steps for each doubling, so a percentile is at most
 * 1/16 too high; the maximum is exact. */
enum { REPORT_STEPS = 16, REPORT_BUCKETS = 40 * REPORT_STEPS };

struct report_times {
    uint64_t buckets[REPORT_BUCKETS];
    uint64_t count;
    int64_t max_us;
};

struct report {
    /* Orders. */
    uint64_t placed;
    uint64_t placed_again; /* no end for a while, so placed again */
    uint64_t accepted;     /* OrderCreated, or an end that implies it */
    uint64_t fulfiled;
    uint64_t cancelled;
    uint64_t rejected;
    uint64_t double_ends; /* ended in two different ways; must be 0 */
    /* Events, all devices. */
    uint64_t events_sent;
    uint64_t receipts; /* that accepted an event, each event once */
    uint64_t receipts_rejected;
    uint64_t unconfirmed; /* still in an outbox */
    uint64_t repeated;
    uint64_t reconnects;
    uint64_t unreadable; /* receipts and notices */
    uint64_t waits;      /* an outbox was full and its device had to wait */
    struct report_times receipt; /* first sent -> receipt */
    struct report_times order;   /* placed -> ended */
    char first_rejection[512];
    FILE *log; /* NULL = none */
};

void report_time_add(struct report_times *times, int64_t us);
/* The percentile `percent` in milliseconds; 0 if nothing was counted. */
double report_time_ms(const struct report_times *times, double percent);

uint64_t report_ended(const struct report *report);
/* Everything was confirmed, every order ended, and nothing was refused or ended
 * twice. */
bool report_is_good(const struct report *report);

/* An event's receipt arrived. `seq` is set only if accepted. */
void report_receipt(struct report *report, const char *device, const char *id,
                    uint64_t seq, int64_t waited_us);
void report_rejection(struct report *report, const char *device, const char *id,
                      const char *reason);
/* An order ended; `end` is the event's type. The caller counts how it ended. */
void report_end(struct report *report, const char *device, const char *order_id,
                const char *end, int64_t took_us);

void report_print(const struct report *report, FILE *out);
/* ERR_IO with words. */
err_t report_write_json(const struct report *report, const char *path,
                        struct reason *reason) MUST_USE;

#endif
