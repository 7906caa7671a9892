/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/retry.h"

#include <assert.h>

enum { SLOW_US = 10 * 1000 * 1000 };

/* Uniform in [0, bound]: a fraction of it given by 32 random bits. */
static int64_t random_up_to(const struct entropy *entropy, int64_t bound) {
    assert(bound >= 0 && bound < UINT32_MAX);
    uint64_t high = entropy_u64(entropy) >> 32;
    return (int64_t)((high * ((uint64_t)bound + 1)) >> 32);
}

static int64_t bound_us(struct retry_pace pace, uint32_t attempt) {
    assert(pace.base_us > 0 && pace.cap_us >= pace.base_us);
    int64_t delay = pace.base_us;
    for (uint32_t i = 0; i < attempt && delay < pace.cap_us; i++) {
        delay *= 2;
    }
    return delay < pace.cap_us ? delay : pace.cap_us;
}

int64_t retry_delay_us(const struct entropy *entropy, struct retry_pace pace,
                       uint32_t attempt) {
    return random_up_to(entropy, bound_us(pace, attempt));
}

int64_t retry_unreached_us(const struct entropy *entropy, uint32_t attempt) {
    int64_t bound = bound_us(RETRY_UNREACHED, attempt);
    return bound / 2 + random_up_to(entropy, bound - bound / 2);
}

int64_t retry_slow_us(const struct entropy *entropy) {
    return SLOW_US + random_up_to(entropy, SLOW_US);
}
