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
/* A connection broke, its TLS handshake failed, or the name has no address: the
 * line may be back, but what stands behind it is not. Each attempt costs a name
 * server or a service something, and a fleet makes many of them, so the cap is
 * not lower than 5 s. */
#define RETRY_OFFLINE ((struct retry_pace){50 * 1000, 5 * 1000 * 1000})
/* No address took a TCP connection. An attempt is a SYN, which costs nobody
 * anything, and people wait for the line: the page says within 2 s that it is
 * back. So see retry_unreached_us(): a SYN some 1.3 times a second, from one
 * stream of those that share an endpoint (bridge.c), with a name look-up once
 * in 5 s (https.h). */
#define RETRY_UNREACHED ((struct retry_pace){50 * 1000, 1000 * 1000})

int64_t retry_delay_us(const struct entropy *entropy, struct retry_pace pace,
                       uint32_t attempt);

/* Half of the bound of RETRY_UNREACHED, plus rand(0,1) of the other half. Full
 * jitter would send twice as many SYNs for the same longest wait; the phases of
 * a thousand stores still drift apart, by a quarter of a second an attempt. */
int64_t retry_unreached_us(const struct entropy *entropy, uint32_t attempt);

/* The service refuses and a person must fix it: 10 to 20 s. */
int64_t retry_slow_us(const struct entropy *entropy);

#endif
