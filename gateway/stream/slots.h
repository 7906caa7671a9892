/* SPDX-License-Identifier: Apache-2.0 */
/* An open-addressed set of small numbers, such as places in an array, found by
 * the hash of what stands there. The owner knows the hashes and compares; this
 * keeps the numbers where a search meets them (linear probing, closed up again
 * on removal). At most half full. */
#ifndef GATEWAY_STREAM_SLOTS_H
#define GATEWAY_STREAM_SLOTS_H

#include "gateway/base/base.h"

struct slots {
    uint32_t *at; /* number + 1; 0 = empty */
    uint32_t cap; /* a power of two; 0 before slots_reserve() */
    const void *owner;
    uint64_t (*hash)(const void *owner, uint32_t number);
};

/* Room for `count` numbers in all; what is in it stays. ERR_MEMORY, and it is
 * unchanged. */
err_t slots_reserve(struct slots *slots, uint32_t count) MUST_USE;
void slots_free(struct slots *slots);

/* A search: `for (at = slots_first(s, hash); slots_get(s, at, &number); at =
 * slots_next(s, at))` meets every number of that hash, and others. */
uint32_t slots_first(const struct slots *slots, uint64_t hash);
uint32_t slots_next(const struct slots *slots, uint32_t at);
/* False at the end of the search. */
bool slots_get(const struct slots *slots, uint32_t at, uint32_t *ret);

/* There must be room, and the number must not be in it. */
void slots_add(struct slots *slots, uint32_t number);
/* The number must be in it. */
void slots_remove(struct slots *slots, uint32_t number);

#endif
