/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/deadlines.h"

#include <assert.h>

void deadlines_mark(struct deadlines *deadlines, uint64_t end,
                    int64_t mono_us) {
    uint32_t at = (deadlines->first + deadlines->count) % DEADLINES_MARKS_MAX;
    uint64_t before = deadlines->due;
    if (deadlines->count > 0) {
        uint32_t newest = (at + DEADLINES_MARKS_MAX - 1) % DEADLINES_MARKS_MAX;
        before = deadlines->marks[newest].end;
        if (mono_us < deadlines->marks[newest].mono_us) {
            mono_us = deadlines->marks[newest].mono_us;
        }
        at = deadlines->count == DEADLINES_MARKS_MAX ? newest : at;
    }
    if (end <= before) {
        return;
    }
    deadlines->marks[at].end = end;
    deadlines->marks[at].mono_us = mono_us;
    deadlines->count += deadlines->count < DEADLINES_MARKS_MAX ? 1 : 0;
}

uint64_t deadlines_due(struct deadlines *deadlines, int64_t mono_us,
                       int64_t limit_us) {
    assert(limit_us > 0);
    while (deadlines->count > 0 &&
           mono_us - deadlines->marks[deadlines->first].mono_us >= limit_us) {
        deadlines->due = deadlines->marks[deadlines->first].end;
        deadlines->first = (deadlines->first + 1) % DEADLINES_MARKS_MAX;
        deadlines->count--;
    }
    return deadlines->due;
}
