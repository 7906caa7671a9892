/* SPDX-License-Identifier: Apache-2.0 */
/* One device's connection to its store: publishes the device's events from an
 * outbox until a receipt names each, passes notices on, and reconnects with
 * back-off for as long as it lives. If the broker knows it by name, it keeps a
 * retained status with a last will; a device without a name may not.
 *
 * Each connection is a new struct mosquitto, and the outbox is the only memory
 * of what was sent, so libmosquitto never repeats a message as well. With MQTT
 * 5 the broker may keep the session for a while, so that what it had for the
 * device meanwhile is not lost; else it begins anew, too. All of it runs on one
 * libuv loop, from client_tick() and the socket. */
#ifndef DEVICES_CLIENT_CLIENT_H
#define DEVICES_CLIENT_CLIENT_H

#include <mosquitto.h>
#include <uv.h>

#include "devices/client/login.h"
#include "devices/client/message.h"
#include "devices/client/outbox.h"
#include "devices/client/random.h"
#include "gateway/base/log.h"

enum {
    CLIENT_NAME_SIZE = 64,
    CLIENT_TOPIC_SIZE = 192,
    CLIENT_BACKOFF_FIRST_US = 200 * 1000,
    CLIENT_BACKOFF_MAX_US = 2 * 1000 * 1000,
    CLIENT_CONNECT_US = 5 * 1000 * 1000, /* until both subscriptions stand */
    CLIENT_KEEPALIVE_S = 15,
};

struct client_options {
    const char *host; /* the texts are borrowed for the client's life */
    int port;
    int mqtt; /* 3 = MQTT 3.1.1, 5 = MQTT 5 */
    /* How long the broker keeps the session, with MQTT 5; 0 = not at all. Until
     * a kept session's TCP connection stands, connecting holds up the loop:
     * libmosquitto takes CONNECT's properties in its blocking call only. */
    uint32_t session_s;
    const struct credentials *credentials; /* NULL = plain TCP, no name */
    enum message_encoding encoding;
    const char *store;
    const char *device;
    const char *leaf;            /* "orders" or "telemetry" */
    uint64_t seed;               /* of the jitter */
    struct log_limit *log_limit; /* shared by the fleet, for lost connections */
};

/* A receipt for an event that waited in the outbox. */
struct client_receipt {
    const char *id;
    bool accepted;
    uint64_t seq;       /* accepted: its place in the journal */
    const char *reason; /* rejected: what to fix */
    int64_t waited_us;  /* since it was first sent */
    bool again;         /* the event already had a receipt */
};

struct client_handler {
    void *self;
    void (*receipt)(void *self, const struct client_receipt *receipt);
    void (*notice)(void *self, const cJSON *event);
};

struct client_counts {
    uint64_t sent;     /* events, each once */
    uint64_t repeated; /* sendings beyond the first */
    uint64_t connects;
    uint64_t unreadable; /* receipts and notices that could not be read */
};

struct client {
    struct client_options options;
    struct client_handler handler;
    struct client_counts counts;
    struct outbox outbox;
    struct random jitter;
    uv_loop_t *loop;
    uv_poll_t *poll;        /* NULL while not connected */
    struct mosquitto *mosq; /* NULL while not connected */
    int poll_events;
    bool let_in;         /* the broker accepted this connection */
    uint32_t subscribed; /* SUBACKs on it */
    bool in_library;     /* libmosquitto is on the stack */
    const char *refusal; /* why the broker refused this connection, or NULL */
    char said[LOGIN_WORDS_SIZE]; /* libmosquitto's first error on it, or "" */
    int64_t backoff_us;
    int64_t connect_us;     /* when to connect next, while not connected */
    int64_t ready_until_us; /* give up this connection if not ready by then */
    char source[CLIENT_TOPIC_SIZE];
    /* MQTT's client id: the device's name if it has a certificate or a user
     * name, else "<store>-<device>". */
    char name[CLIENT_TOPIC_SIZE];
};

/* Sets up; connects at the first tick. The client must not move after. */
void client_init(struct client *client, uv_loop_t *loop,
                 const struct client_options *options,
                 const struct client_handler *handler);

/* Puts an event into the outbox and sends it if it can. Its id must never be
 * used again; `source` is filled in. ERR_FULL if the outbox is full, ERR_BUSY
 * if that id already waits there, ERR_RANGE if the event is too large,
 * ERR_MEMORY. */
err_t client_send(struct client *client,
                  const struct message_event *event) MUST_USE;

/* Connects, times out, repeats. Call it every few milliseconds. */
void client_tick(struct client *client, int64_t now_us);

/* Connected and subscribed. */
bool client_ready(const struct client *client);

/* Publishes `offline`, disconnects, frees everything. Run the loop once more so
 * that it closes its handle. */
void client_free(struct client *client);

/* Monotonic, microseconds: the clock of client_tick(). */
int64_t client_now_us(void);
/* Since 1970, microseconds: an event's time. */
int64_t client_wall_us(void);

#endif
