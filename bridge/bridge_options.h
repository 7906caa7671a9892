/* SPDX-License-Identifier: Apache-2.0 */
/* What a bridge is started with. */
#ifndef BRIDGE_BRIDGE_OPTIONS_H
#define BRIDGE_BRIDGE_OPTIONS_H

#include "bridge/credential_plan.h"
#include "bridge/dead_status.h"
#include "bridge/status.h"
#include "bridge/transport.h"
#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"

struct bridge_stream_options {
    const struct config_stream *config; /* outlives the bridge */
    const char *dir;                    /* the journal's; outlives the bridge */
    const uint8_t *journal_id; /* JOURNAL_ID_SIZE; outlives the bridge */
    const char *cursor_apart;  /* cursor_start.h; outlives the bridge, too */
    const struct journal_position *position;
};

struct bridge_options {
    const struct platform *platform; /* outlives the bridge */
    const struct config *config;     /* outlives the bridge */
    struct bridge_stream_options streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    bool only_read;                    /* as dead.h has it */
    const struct connector *connector; /* NULL: HTTPS */
    /* Called on the bridge's thread after the status changed, at most ten times
     * a second; may be NULL. It must only wake another thread (uv_async_send).
     */
    void (*changed)(void *context);
    void *context;
};

#endif
