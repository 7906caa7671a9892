/* SPDX-License-Identifier: Apache-2.0 */
/* Shows how far `sync` is: a bar that is written over on a terminal, else a
 * line now and then, or objects of JSON. */
#ifndef GATEWAY_COMMANDS_SYNC_PROGRESS_H
#define GATEWAY_COMMANDS_SYNC_PROGRESS_H

#include "gateway/base/platform.h"
#include "gateway/commands/sync_view.h"

enum sync_form {
    SYNC_BAR,   /* standard error is a terminal */
    SYNC_LINES, /* on standard error, every 10 s */
    SYNC_JSON,  /* on standard output, every second */
};

enum { SYNC_SAMPLES = 16 };

struct sync_progress {
    struct clock clock;
    enum sync_form form;
    uint32_t columns; /* of the terminal */
    int64_t began_us;
    int64_t told_us;
    uint64_t first; /* sent before */
    /* One a second: the rate is that of the last 15 s. */
    struct {
        int64_t at_us;
        uint64_t sent;
    } samples[SYNC_SAMPLES];
    uint32_t sampled; /* in all */
};

void sync_progress_begin(struct sync_progress *progress,
                         const struct clock *clock, bool json);
/* May be called at any pace. */
void sync_progress_show(struct sync_progress *progress,
                        const struct sync_view *view);
/* Takes the bar away, or prints the last object. */
void sync_progress_end(struct sync_progress *progress,
                       const struct sync_view *view);

/* Events a second, lately; 0: not known or none. */
uint64_t sync_progress_rate(const struct sync_progress *progress);
int64_t sync_progress_elapsed_us(const struct sync_progress *progress);

/* The bar's line for a view, without what clears it, into `ret`. */
void sync_progress_bar(const struct sync_progress *progress,
                       const struct sync_view *view, struct writer *ret);

#endif
