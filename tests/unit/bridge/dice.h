/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that a seed repeats, and a table of entropy made of them. */
#ifndef TESTS_UNIT_BRIDGE_DICE_H
#define TESTS_UNIT_BRIDGE_DICE_H

#include "gateway/base/platform.h"

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice) {
    dice->state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (dice->state ^ dice->state >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* Evenly below `bound`. */
static inline uint32_t dice_below(struct dice *dice, uint32_t bound) {
    return (uint32_t)((dice_next(dice) >> 32) * bound >> 32);
}

static inline void dice_fill(void *self, void *buf, size_t len) {
    uint8_t *bytes = buf;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(dice_next(self) >> 56);
    }
}

static inline struct entropy dice_entropy(struct dice *dice) {
    return (struct entropy){.self = dice, .fill = dice_fill};
}

#endif
