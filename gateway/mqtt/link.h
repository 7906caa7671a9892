/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT 5 connection of the gateway, on libmosquitto and the libuv loop,
 * that reconnects whenever it is lost.
 *
 * libmosquitto 2.0 acknowledges a QoS 1 message before it calls on_message
 * (lib/handle_publish.c), unless the client is marked threaded: then every
 * packet waits in its queue until mosquitto_loop_write(). A link created with
 * `hold_writes` uses this: mqtt_link_release() acknowledges what was read, and
 * nothing else does. For the same reason nothing here may call
 * mosquitto_loop(), mosquitto_loop_start() or mosquitto_loop_forever(), and a
 * link that must not acknowledge is dropped, never disconnected: a DISCONNECT
 * would queue after the acknowledgements and flush them. */
#ifndef GATEWAY_MQTT_LINK_H
#define GATEWAY_MQTT_LINK_H

#include <mosquitto.h>
#include <uv.h>

#include "gateway/base/base.h"
#include "gateway/mqtt/mqtt_login.h"

#define MQTT_LINK_CONTENDED                                             \
    "another gateway uses this one's client id at the broker: was its " \
    "data folder, or the whole box with its /etc/machine-id, copied? "  \
    "stop one of them, or give it a data folder and a machine id of its own"

struct mqtt_link;

struct mqtt_link_options {
    uv_loop_t *loop;
    const char *client_id; /* copied */
    /* How to log in; it outlives the link, and is read anew for each
     * connection. NULL = without a name. */
    const struct mqtt_login *login;
    bool hold_writes;
    uint16_t keep_alive_s;     /* a broker that is silent twice as long is gone;
                                  5 at least, as libmosquitto has it. Held writes
                                  hold its PINGREQ, too */
    uint32_t session_expiry_s; /* 0 = the session ends with the connection */
    uint16_t receive_maximum;  /* unacknowledged messages we accept */
    void *self;                /* passed to each of the following */
    /* CONNACK came, with success. */
    void (*up)(void *self, struct mosquitto *client);
    /* The connection is gone; `client` must not be used any more. */
    void (*down)(void *self);
    /* Bytes wait. With hold_writes the owner reads (mqtt_link_read) and then
     * releases, or reads more; nothing is reported in between. NULL = the link
     * itself reads. */
    void (*readable)(void *self);
    /* A message of a subscription. May be NULL. */
    void (*message)(void *self, const struct mosquitto_message *message);
    /* The broker acknowledged a QoS 1 message of ours. May be NULL. */
    void (*published)(void *self, int message_id);
    /* It answered a subscription, with the QoS granted or a reason from 128 on.
     * Returns why the connection is of no use with that, or NULL. May be NULL.
     */
    const char *(*subscribed)(void *self, int granted);
    /* Has another connection to the same broker, under an id that nobody else
     * can have, lasted since then (uv_now)? So it was not the broker or the
     * network that this one was lost with. NULL = nobody knows. */
    bool (*witness)(void *self, uint64_t since_ms);
    /* Three connections in a row ended with a packet that MQTT forbids: the
     * broker keeps it for this session, and will send it on each. From within
     * the link, which must not be touched. May be NULL. */
    void (*unreadable)(void *self);
};

/* ERR_RANGE: MQTT allows no such client id. ERR_MEMORY. */
err_t mqtt_link_new(const struct mqtt_link_options *options,
                    struct mqtt_link **ret) MUST_USE;

/* Where the broker is: a unix socket's path with port 0, or a host. Starts
 * connecting, and reconnects with back-off (link_retry.h) whenever that fails.
 */
void mqtt_link_target(struct mqtt_link *link, const char *host, uint16_t port);
/* The broker is known to be down: drops the connection and waits for the next
 * mqtt_link_target(). */
void mqtt_link_untarget(struct mqtt_link *link);

bool mqtt_link_is_up(const struct mqtt_link *link);
/* And was before then (uv_now). */
bool mqtt_link_is_up_since(const struct mqtt_link *link, uint64_t since_ms);
/* The broker had kept the session when the connection was last made. */
bool mqtt_link_had_session(const struct mqtt_link *link);
/* Times another client of the same id took the session over. */
uint64_t mqtt_link_takeovers(const struct mqtt_link *link);
/* Why no session can last, and what to do: it is taken over again and again;
 * NULL if it is not. */
const char *mqtt_link_contended(const struct mqtt_link *link);
/* NULL unless up. */
struct mosquitto *mqtt_link_client(struct mqtt_link *link);

/* True if bytes wait on the socket now. */
bool mqtt_link_ready(const struct mqtt_link *link);
/* Reads one packet. ERR_NETWORK: the connection broke (`down` was called). */
err_t mqtt_link_read(struct mqtt_link *link) MUST_USE;
/* Instead of a release: reports `readable` again while acknowledgements wait.
 */
void mqtt_link_read_on(struct mqtt_link *link);
/* Writes what is queued, acknowledgements included, and reports `readable`
 * again once all of it is written. */
void mqtt_link_release(struct mqtt_link *link);

/* Closes without a DISCONNECT (what was not released is never sent) and frees
 * once the loop has turned. Takes NULL. */
void mqtt_link_free(struct mqtt_link *link);

#endif
