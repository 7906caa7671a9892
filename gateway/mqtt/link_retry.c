/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/link_retry.h"

#include <assert.h>

enum { CONTENDED = 3 };

void link_retry_up(struct link_retry *retry, uint64_t now_ms) {
    retry->up = true;
    retry->up_ms = now_ms;
}

static uint32_t doubled(uint32_t from_ms, uint32_t times, uint32_t max_ms) {
    uint64_t ms = (uint64_t)from_ms << (times < 16 ? times : 16);
    return ms < max_ms ? (uint32_t)ms : max_ms;
}

static uint32_t jittered(uint32_t ms, uint32_t random) {
    assert(ms >= 2);
    return ms / 2 + random % (ms - ms / 2);
}

static void note_life(struct link_retry *retry, uint64_t now_ms) {
    if (!retry->up) {
        return;
    }
    retry->life_ms = now_ms - retry->up_ms;
    retry->up = false;
    retry->short_lived =
        retry->life_ms < LINK_RETRY_SHORT_MS ? retry->short_lived + 1 : 0;
    if (retry->short_lived < LINK_RETRY_SHORT_MAX) {
        retry->lost = 0;
    }
    if (retry->life_ms >= LINK_RETRY_CALM_MS) {
        retry->taken_in_a_row = 0;
    }
}

uint32_t link_retry_lost(struct link_retry *retry, uint64_t now_ms,
                         uint32_t random) {
    note_life(retry, now_ms);
    return jittered(
        doubled(LINK_RETRY_MS_MIN, retry->lost++, LINK_RETRY_MS_MAX), random);
}

uint32_t link_retry_taken(struct link_retry *retry, bool told,
                          uint32_t random) {
    if (!told && retry->life_ms >= LINK_RETRY_SHORT_MS &&
        retry->taken_in_a_row < CONTENDED) {
        return 0;
    }
    retry->takeovers++;
    return jittered(doubled(LINK_RETRY_TAKEN_MS_MIN, retry->taken_in_a_row++,
                            LINK_RETRY_TAKEN_MS_MAX),
                    random);
}

void link_retry_reset(struct link_retry *retry) {
    *retry = (struct link_retry){.takeovers = retry->takeovers};
}

bool link_retry_is_contended(struct link_retry *retry, uint64_t now_ms) {
    if (retry->up && now_ms - retry->up_ms >= LINK_RETRY_CALM_MS) {
        retry->taken_in_a_row = 0;
    }
    return retry->taken_in_a_row >= CONTENDED;
}
