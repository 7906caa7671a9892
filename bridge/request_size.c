/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/request_size.h"

#include <assert.h>

static uint64_t lower(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t higher(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

void request_size_init(struct request_size *size, uint64_t max) {
    assert(max > 0);
    *size = (struct request_size){.now = lower(max, REQUEST_SIZE_FIRST),
                                  .max = max,
                                  .doubles_to = max,
                                  .ceiling = max};
}

/* One that is smaller than it may be proves nothing. */
static void grow(struct request_size *size) {
    uint64_t more = size->now < size->doubles_to
                        ? lower(size->now * 2, size->doubles_to)
                        : size->now + size->now / 16 + 1;
    size->now = lower(more, size->ceiling);
}

void request_size_answered(struct request_size *size, uint64_t bytes,
                           int64_t sending_us, int64_t now_us) {
    if (size->ceiling_until_us <= now_us) {
        size->ceiling = size->max;
    }
    if (sending_us > REQUEST_LATE_US) {
        uint64_t fits =
            bytes * (uint64_t)REQUEST_SOON_US / ((uint64_t)sending_us / 2);
        size->now = lower(size->now, higher(fits, REQUEST_SIZE_MIN));
    } else if (sending_us < REQUEST_SOON_US && bytes >= size->now / 2) {
        grow(size);
    }
}

/* A smaller request that failed as well says more; one that was on its way
 * before, nothing new. */
void request_size_failed(struct request_size *size, uint64_t bytes) {
    uint64_t half = higher(bytes / 2, REQUEST_SIZE_MIN);
    size->now = lower(size->now, half);
    size->doubles_to = lower(size->max, higher(half, REQUEST_SIZE_SURE));
}

void request_size_refused(struct request_size *size, uint64_t bytes,
                          int64_t now_us) {
    size->ceiling = lower(size->max, bytes > 1 ? bytes - 1 : 1);
    size->ceiling_until_us = now_us + REQUEST_TOO_LARGE_US;
    size->now = lower(size->now, higher(bytes / 2, 1));
    size->doubles_to = size->now;
}
