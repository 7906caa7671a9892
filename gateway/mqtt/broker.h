/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto as a supervised child: the store's broker. It listens for devices
 * on the configured address and for the gateway on a unix socket in a private
 * folder, under a new name at each start (an orphan that stops late unlinks the
 * path it was given, not ours). It is started through setpriv(1), so that it is
 * told to stop when the gateway dies, however it dies. */
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
    /* The child listens; the gateway's way in is this socket. */
    void (*up)(void *self, const char *socket_path);
    void (*down)(void *self);
};

struct broker;

/* Writes the child's configuration under <data>/broker and starts it; from then
 * on it is started again, with back-off, whenever it ends. A port that is taken
 * (waited for up to 5 s: an earlier child may be stopping) is ERR_BUSY with
 * what to do; a program that is not there ERR_NOT_FOUND. */
err_t broker_start(const struct broker_options *options, struct broker **ret,
                   struct reason *reason) MUST_USE;
uint16_t broker_port(const struct broker *broker);
uint32_t broker_restarts(const struct broker *broker);
/* SIGTERM, and SIGKILL after 3 s; `down` is not called any more. Frees when the
 * child has ended, as the loop turns. Takes NULL. */
void broker_stop(struct broker *broker);

#endif
