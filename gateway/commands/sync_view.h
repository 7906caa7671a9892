/* SPDX-License-Identifier: Apache-2.0 */
/* How far each stream is sent: as the gateway's status says, or a bridge of
 * this process. */
#ifndef GATEWAY_COMMANDS_SYNC_VIEW_H
#define GATEWAY_COMMANDS_SYNC_VIEW_H

#include "bridge/status.h"
#include "gateway/base/base.h"

enum { SYNC_LINK_MAX = 32, SYNC_ERROR_MAX = 200 };

struct sync_stream {
    char name[CONFIG_NAME_MAX];
    char link[SYNC_LINK_MAX];
    char error[SYNC_ERROR_MAX];
    uint64_t left;
    uint64_t sent; /* grows with what the cloud takes */
    uint64_t held; /* refused for good; part of `left` */
    uint64_t lost; /* could not be read, since the start */
};

/* Of the streams with a sink. */
struct sync_view {
    struct sync_stream streams[CONFIG_STREAMS_MAX];
    uint32_t count;
    uint64_t left; /* of all */
    uint64_t sent;
    uint64_t held;
    uint64_t lost;
    uint64_t letters; /* refused for good, and kept: no part of `left` */
};

/* The body of GET /api/v1/status. ERR_PARSE if it lists no streams. */
err_t sync_view_read(struct slice status, struct sync_view *ret,
                     struct reason *reason) MUST_USE;
void sync_view_of_bridge(const struct bridge_status *status,
                         struct sync_view *ret);
/* The first stream that waits; NULL if none does. */
const struct sync_stream *sync_view_waiting(const struct sync_view *view);

#endif
