/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/gaps.h"

#include <assert.h>

bool gaps_hold(const struct journal_gap *gaps, size_t count, uint64_t first,
               uint64_t end) {
    assert(count == 0 || gaps != NULL);
    for (size_t i = 0; i < count && first < end; i++) {
        assert(i == 0 || gaps[i - 1].end <= gaps[i].first);
        if (gaps[i].first <= first && first < gaps[i].end) {
            first = gaps[i].end;
        }
    }
    return first >= end;
}
