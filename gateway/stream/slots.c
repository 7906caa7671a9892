/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/slots.h"

#include <assert.h>
#include <stdlib.h>

enum { CAP_FIRST = 64 };

static uint32_t home_of(const struct slots *slots, uint32_t number) {
    return slots_first(slots, slots->hash(slots->owner, number));
}

err_t slots_reserve(struct slots *slots, uint32_t count) {
    struct slots larger = *slots;
    larger.cap = slots->cap == 0 ? CAP_FIRST : slots->cap;
    while (larger.cap / 2 < count) {
        assert(larger.cap <= UINT32_MAX / 4);
        larger.cap *= 2;
    }
    if (larger.cap == slots->cap) {
        return ERR_OK;
    }
    larger.at = calloc(larger.cap, sizeof *larger.at);
    ENSURE(larger.at != NULL, ERR_MEMORY);
    for (uint32_t i = 0; i < slots->cap; i++) {
        if (slots->at[i] != 0) {
            slots_add(&larger, slots->at[i] - 1);
        }
    }
    free(slots->at);
    *slots = larger;
    return ERR_OK;
}

void slots_free(struct slots *slots) {
    free(slots->at);
    slots->at = NULL;
    slots->cap = 0;
}

uint32_t slots_first(const struct slots *slots, uint64_t hash) {
    assert(slots->cap > 0);
    return (uint32_t)hash & (slots->cap - 1);
}

uint32_t slots_next(const struct slots *slots, uint32_t at) {
    return (at + 1) & (slots->cap - 1);
}

bool slots_get(const struct slots *slots, uint32_t at, uint32_t *ret) {
    if (slots->at[at] == 0) {
        return false;
    }
    *ret = slots->at[at] - 1;
    return true;
}

void slots_add(struct slots *slots, uint32_t number) {
    uint32_t at = home_of(slots, number);
    while (slots->at[at] != 0) {
        assert(slots->at[at] != number + 1);
        at = slots_next(slots, at);
    }
    slots->at[at] = number + 1;
}

void slots_remove(struct slots *slots, uint32_t number) {
    uint32_t mask = slots->cap - 1;
    uint32_t gap = home_of(slots, number);
    while (slots->at[gap] != number + 1) {
        assert(slots->at[gap] != 0);
        gap = slots_next(slots, gap);
    }
    slots->at[gap] = 0;
    /* Moves up those that a search would not find past the gap. */
    for (uint32_t at = slots_next(slots, gap); slots->at[at] != 0;
         at = slots_next(slots, at)) {
        uint32_t home = home_of(slots, slots->at[at] - 1);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            slots->at[gap] = slots->at[at];
            slots->at[at] = 0;
            gap = at;
        }
    }
}
