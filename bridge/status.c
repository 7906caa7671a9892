/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/status.h"

#include <assert.h>

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
