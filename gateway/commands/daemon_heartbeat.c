/* SPDX-License-Identifier: Apache-2.0 */
/* EdgeStatus: when it is due, and what is in it, given to the bridge. */
#include "bridge/heartbeat.h"
#include "gateway/commands/daemon_state.h"
#include "gateway/console/edge_status.h"

void daemon_heartbeat_tick(struct daemon *daemon,
                           const struct console_status *status) {
    struct daemon_heartbeat *heartbeat = &daemon->heartbeat;
    int64_t every_us = (int64_t)daemon->config->cloud.status_every_ms * 1000;
    if (daemon->bridge == NULL ||
        !heartbeat_is_due(&heartbeat->pace, every_us,
                          status->mono_us - daemon->started_us, status->mono_us,
                          status->verdict->changes)) {
        return;
    }
    while (heartbeat->life == 0) {
        heartbeat->life = entropy_u64(&daemon->platform.entropy);
    }
    const struct edge_status_head head = {heartbeat->life,
                                          heartbeat->pace.said};
    char json[HEARTBEAT_MAX];
    struct writer writer = writer_over(json, sizeof json);
    edge_status_write(status, &head, &writer);
    err_t err = writer.full
                    ? ERR_RANGE
                    : bridge_report(daemon->bridge, writer_slice(&writer),
                                    status->now_us);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "daemon", "no_status_event reason=%s",
                 err_name(err));
    }
}
