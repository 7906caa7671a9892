/* SPDX-License-Identifier: Apache-2.0 */
/* Repeatable randomness: splitmix64 (Steele, Lea, Flood, 2014). One stream for
 * each purpose, seeded by a number and a name, so that one device's numbers do
 * not depend on another's. Not for secrets. */
#ifndef DEVICES_CLIENT_RANDOM_H
#define DEVICES_CLIENT_RANDOM_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_u64(struct random *rng) {
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = rng->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* The stream called `name` of a seed (FNV-1a over the name). */
static inline struct random random_stream(uint64_t seed, const char *name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    }
    struct random rng = {seed ^ hash};
    rng.state = random_u64(&rng);
    return rng;
}

/* A number in [min, max]. The bias of the modulo is below 2^-32. */
static inline uint32_t random_between(struct random *rng, uint32_t min,
                                      uint32_t max) {
    assert(min <= max);
    return min + (uint32_t)(random_u64(rng) % ((uint64_t)max - min + 1));
}

/* True in `percent` of 100 draws. */
static inline bool random_percent(struct random *rng, uint32_t percent) {
    return random_u64(rng) % 100 < percent;
}

#endif
