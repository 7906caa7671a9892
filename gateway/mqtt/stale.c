/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/stale.h"

#include "gateway/mqtt/link.h"

enum { KEEP_ALIVE_S = 60 };

static void on_up(void *self, struct mosquitto *client) {
    (void)self;
    (void)client;
}

static void on_down(void *self) {
    (void)self;
}

void stale_end(struct stale *stale, uv_loop_t *loop,
               const struct mqtt_login *login, const struct broker_stale *found,
               const char *socket_path) {
    stale_let_go(stale);
    for (uint32_t i = 0; i < found->count; i++) {
        const struct mqtt_link_options options = {
            .loop = loop,
            .client_id = found->ids[i],
            .login = login,
            .keep_alive_s = KEEP_ALIVE_S,
            .receive_maximum = 20,
            .self = stale,
            .up = on_up,
            .down = on_down,
        };
        struct mqtt_link *link;
        if (mqtt_link_new(&options, &link) != ERR_OK) {
            return;
        }
        log_line(LOG_INFO, "broker", "ends_session client=%s reason=\"%s\"",
                 found->ids[i], stale->why);
        stale->links[stale->count++] = link;
        mqtt_link_target(link, socket_path, 0);
    }
}

void stale_let_go(struct stale *stale) {
    for (uint32_t i = 0; i < stale->count; i++) {
        mqtt_link_free(stale->links[i]);
    }
    stale->count = 0;
}
