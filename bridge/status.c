/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/status.h"

#include <assert.h>

const char *bridge_link_name(enum bridge_link link) {
    static const char *const names[BRIDGE_LINK_COUNT] = {
        [BRIDGE_LINK_IDLE] = "idle",
        [BRIDGE_LINK_ONLINE] = "online",
        [BRIDGE_LINK_OFFLINE] = "offline",
        [BRIDGE_LINK_REFUSED] = "refused",
        [BRIDGE_LINK_PAUSED] = "paused",
        [BRIDGE_LINK_THROTTLED] = "throttled",
        [BRIDGE_LINK_WAITING] = "waiting",
    };
    assert((int)link < BRIDGE_LINK_COUNT);
    return names[link];
}

const struct bridge_stream_status *bridge_status_find(
    const struct bridge_status *status, const char *name) {
    assert(status->stream_count <= CONFIG_STREAMS_MAX);
    for (uint32_t i = 0; i < status->stream_count; i++) {
        if (strcmp(status->streams[i].name, name) == 0) {
            return &status->streams[i];
        }
    }
    return NULL;
}
