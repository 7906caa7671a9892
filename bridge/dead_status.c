/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_status.h"

#include <assert.h>

void dead_range_add(struct dead_range *range, uint64_t first, uint64_t last,
                    uint64_t count) {
    if (count == 0) {
        return;
    }
    assert(first <= last);
    bool empty = range->count == 0;
    range->first = empty || first < range->first ? first : range->first;
    range->last = empty || last > range->last ? last : range->last;
    range->count += count;
}

const char *dead_hold_name(enum dead_hold hold) {
    static const char *const names[] = {
        [DEAD_HOLD_NONE] = "none",
        [DEAD_HOLD_DENIED] = "denied",
        [DEAD_HOLD_IN_ROW] = "in-row",
        [DEAD_HOLD_FLOOD] = "flood",
    };
    assert((size_t)hold < sizeof names / sizeof *names);
    return names[hold];
}
