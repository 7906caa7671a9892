/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before the next attempt: AWS's "standard" mode with full
 * jitter (AWS Developer Tools Blog, "Updated default retry behavior", November
 * 2026), but without its limit on attempts, since a queue must not give up. */
#ifndef BRIDGE_RETRY_H
#define BRIDGE_RETRY_H

#include "gateway/base/platform.h"

/* rand(0,1) * min(base * 2^attempt, cap); `attempt` counts from 0. */
struct retry_pace {
    int64_t base_us;
    int64_t cap_us;
};

/* The service failed, or something else answered in its place. */
#define RETRY_FAILED ((struct retry_pace){50 * 1000, 20 * 1000 * 1000})
#define RETRY_THROTTLED ((struct retry_pace){1000 * 1000, 20 * 1000 * 1000})
/* No connection. An attempt costs almost nothing here, and the backlog should
 * start to drain when the network comes back, not twenty seconds later: so the
 * cap is 5 s. */
#define RETRY_OFFLINE ((struct retry_pace){50 * 1000, 5 * 1000 * 1000})

int64_t retry_delay_us(const struct entropy *entropy, struct retry_pace pace,
                       uint32_t attempt);

/* The service refuses and a person must fix it: 10 to 20 s. */
int64_t retry_slow_us(const struct entropy *entropy);

#endif
