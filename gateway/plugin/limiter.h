/* SPDX-License-Identifier: Apache-2.0 */
/* How many refusals are told to the gateway. A device that is refused is told
 * of with each of its first refusals in a second; the rest are counted and told
 * in one report, which carries the last of them. None is lost from the counts,
 * however many names a flood uses: what finds no place of its own is counted
 * by reason alone. */
#ifndef GATEWAY_PLUGIN_LIMITER_H
#define GATEWAY_PLUGIN_LIMITER_H

#include "gateway/identity/report.h"

enum {
    LIMITER_CAUSES_MAX = 256, /* pairs of device and reason */
    LIMITER_CAUSE_A_SECOND = 20,
    LIMITER_ALL_A_SECOND = 200,
};

struct limiter;

err_t limiter_new(struct limiter **ret) MUST_USE; /* ERR_MEMORY */
void limiter_free(struct limiter *limiter);       /* takes NULL */

/* A refusal at this monotonic time. True: tell it now, with this count of those
 * like it (itself, and what was kept before). False: it is kept. */
bool limiter_take(struct limiter *limiter, const struct report *refused,
                  int64_t now_us, uint64_t *ret_count);
/* What was kept and is due: one report a call, until false. */
bool limiter_due(struct limiter *limiter, int64_t now_us, struct report *ret);

#endif
