/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/stream_dead.h"

#include <assert.h>

err_t stream_dead_append(struct own_event *own,
                         const struct stream_dead *dead) {
    assert(dead->first <= dead->last);
    const struct own_event_range range = {dead->first, dead->last + 1,
                                          dead->count};
    switch (dead->kind) {
    case STREAM_DEAD_LETTERED:
        return own_event_dead_lettered(own, &range, dead->code);
    case STREAM_DEAD_DROPPED:
        return own_event_dropped(own, &range);
    case STREAM_DEAD_DAMAGED:
        return own_event_dead_damaged(own, &range);
    }
    return ERR_RANGE;
}
