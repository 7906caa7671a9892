/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto, the store's broker, as a supervised child. It listens for devices
 * on the configured address, and for the gateway on a unix socket in a private
 * folder. The socket has a new name at each start, since an orphan that stops
 * late removes the path it was given. Mosquitto is started through setpriv(1),
 * so that it is told to stop when the gateway dies in any way. */
#ifndef GATEWAY_MQTT_BROKER_H
#define GATEWAY_MQTT_BROKER_H

#include <uv.h>

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/base/executor.h"

struct broker_options {
    uv_loop_t *loop;
    const struct config *config; /* outlives the broker */
    struct executor executor;    /* for what waits for the disk */
    void *self;                  /* passed to each of the following */
    /* The child listens; the gateway connects to this socket. */
    void (*up)(void *self, const char *socket_path);
    void (*down)(void *self);
};

struct broker;

/* Writes the child's configuration under <data>/broker and starts it; from then
 * on it is restarted, with back-off, whenever it ends. ERR_BUSY, with what to
 * do, if the port stays taken for 5 s (an earlier child may be stopping);
 * ERR_NOT_FOUND if the program does not exist. */
err_t broker_start(const struct broker_options *options, struct broker **ret,
                   struct reason *reason) MUST_USE;
uint16_t broker_port(const struct broker *broker);
uint32_t broker_restarts(const struct broker *broker);
/* SIGTERM, and SIGKILL after 3 s; `down` is not called any more. Frees itself
 * when the child has ended, as the loop turns. Takes NULL. */
void broker_stop(struct broker *broker);

#endif
