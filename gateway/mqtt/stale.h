/* SPDX-License-Identifier: Apache-2.0 */
/* Ends sessions at our broker that nobody will use again: connects under their
 * ids with a clean start, which takes the place of each, and lets go. */
#ifndef GATEWAY_MQTT_STALE_H
#define GATEWAY_MQTT_STALE_H

#include <uv.h>

#include "gateway/mqtt/broker_db.h"

struct mqtt_link;
struct mqtt_login;

/* Zeroed is ready. */
struct stale {
    struct mqtt_link *links[BROKER_STALE_MAX];
    uint32_t count;
    const char *why; /* these are ended, for the log; set by the owner */
};

/* The broker runs. What cannot be ended now is found again at its next start.
 */
void stale_end(struct stale *stale, uv_loop_t *loop,
               const struct mqtt_login *login, const struct broker_stale *found,
               const char *socket_path);
/* A moment later, or when the broker goes. */
void stale_let_go(struct stale *stale);

#endif
