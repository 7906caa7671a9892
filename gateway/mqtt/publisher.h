/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes receipts and notices on one connection, separate from the sessions,
 * which hold acknowledgements.
 *
 * libmosquitto's queue has no limit, so this one is counted. Past the limit a
 * receipt is dropped (the device repeats its event), and so is a notice (an
 * open payment is asked for again; an order placed again is told its outcome
 * again). */
#ifndef GATEWAY_MQTT_PUBLISHER_H
#define GATEWAY_MQTT_PUBLISHER_H

#include <uv.h>

#include "gateway/base/base.h"
#include "gateway/mqtt/guard.h"
#include "gateway/mqtt/watch.h"

enum {
    PUBLISHER_MESSAGES_MAX = 4096,         /* unacknowledged by the broker */
    PUBLISHER_BYTES_MAX = 8 * 1024 * 1024, /* of them */
};

struct publisher_options {
    uv_loop_t *loop;
    const char *store;              /* copied */
    const char *client_id;          /* copied */
    const struct mqtt_login *login; /* outlives it; see link.h */
    struct watch *watch; /* listens on its connection; NULL = nobody does */
    struct guard *guard; /* the same */
    void *self;
    void (*up)(void *self); /* the connection is up, and nothing waits */
};

struct publisher;

err_t publisher_new(const struct publisher_options *options,
                    struct publisher **ret) MUST_USE;
void publisher_target(struct publisher *publisher, const char *host,
                      uint16_t port);
void publisher_untarget(struct publisher *publisher);
bool publisher_is_up(const struct publisher *publisher);
/* Its connection has lasted since before then (uv_now). */
bool publisher_is_up_since(const struct publisher *publisher,
                           uint64_t since_ms);

/* On shopme/{store}/{device}/{leaf}, QoS 1. */
void publisher_to_device(struct publisher *publisher, struct slice device,
                         const char *leaf, struct slice payload);
/* Writes what the guard has queued, now. */
void publisher_release(struct publisher *publisher);
void publisher_free(struct publisher *publisher); /* takes NULL */

#endif
