/* SPDX-License-Identifier: Apache-2.0 */
/* Every connection is a new `struct mosquitto`: nothing of a broken one, in
 * particular its unsent acknowledgements, can reach the next. */
#include "gateway/mqtt/link.h"

#include <assert.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/mqtt/probe.h"

enum {
    KEEPALIVE_S = 60,
    MISC_INTERVAL_MS = 1000,
    RETRY_MS_MIN = 100,
    RETRY_MS_MAX = 5000,
    PROBE_TIMEOUT_MS = 5000,
    CLIENT_ID_MAX = 128,
    HOST_MAX = 256,
};

struct mqtt_link {
    struct mqtt_link_options options;
    char client_id[CLIENT_ID_MAX];
    char host[HOST_MAX];
    uint16_t port;
    bool targeted;
    struct mosquitto *client; /* NULL while not connected */
    uv_poll_t *poll;          /* of the client's socket; NULL with it */
    bool up;                  /* CONNACK seen */
    bool held;                /* read, and not released yet */
    bool read_on;             /* the owner wants more anyway */
    bool reading;             /* inside mosquitto_loop_read() */
    const char *broken;       /* why; set inside a libmosquitto callback */
    bool freed;
    struct probe *probe; /* asks whether a TCP broker is there */
    uint32_t retry_ms;
    uv_timer_t retry;
    uv_timer_t misc;
    int timers_open;
    struct log_limit lost_log;
};

static void link_connect(struct mqtt_link *link);
static void link_lost(struct mqtt_link *link, const char *why);

static void on_connect(struct mosquitto *client, void *self, int code,
                       int flags, const mosquitto_property *properties) {
    (void)flags;
    (void)properties;
    struct mqtt_link *link = self;
    if (code != 0) {
        link->broken = "the broker refused the connection";
        return;
    }
    link->up = true;
    link->retry_ms = RETRY_MS_MIN;
    link->options.up(link->options.self, client);
}

static void on_message(struct mosquitto *client, void *self,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties) {
    (void)client;
    (void)properties;
    struct mqtt_link *link = self;
    link->options.message(link->options.self, message);
}

/* Held acknowledgements need QoS 1: with QoS 0 an event could be lost between
 * the broker and the disk, and without a subscription no event arrives. */
static void on_subscribe(struct mosquitto *client, void *self, int message_id,
                         int count, const int *granted,
                         const mosquitto_property *properties) {
    (void)client;
    (void)message_id;
    (void)properties;
    struct mqtt_link *link = self;
    for (int i = 0; i < count; i++) {
        if (granted[i] != 1) {
            link->broken = "the broker does not grant QoS 1 on the "
                           "subscription: fix its access rules and max_qos";
        }
    }
}

static void on_publish(struct mosquitto *client, void *self, int message_id,
                       int code, const mosquitto_property *properties) {
    (void)client;
    (void)code;
    (void)properties;
    struct mqtt_link *link = self;
    if (link->options.published != NULL) {
        link->options.published(link->options.self, message_id);
    }
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

/* Closes the socket and forgets everything queued. */
static void link_drop(struct mqtt_link *link) {
    if (link->poll != NULL) {
        uv_poll_stop(link->poll);
        uv_close((uv_handle_t *)link->poll, free_handle);
        link->poll = NULL;
    }
    if (link->client != NULL) {
        mosquitto_destroy(link->client);
        link->client = NULL;
    }
    link->up = false;
    link->held = false;
    link->read_on = false;
    link->broken = NULL;
}

static void on_retry(uv_timer_t *timer) {
    link_connect(timer->data);
}

static void link_retry_later(struct mqtt_link *link) {
    if (!link->targeted || link->freed) {
        return;
    }
    uv_timer_start(&link->retry, on_retry, link->retry_ms, 0);
    link->retry_ms *= 2;
    if (link->retry_ms > RETRY_MS_MAX) {
        link->retry_ms = RETRY_MS_MAX;
    }
}

/* Drops the connection, if there is one, and tells the owner. */
static void link_leave(struct mqtt_link *link) {
    bool told = link->client != NULL;
    link_drop(link);
    if (told) {
        link->options.down(link->options.self);
    }
}

static void link_lost(struct mqtt_link *link, const char *why) {
    uint64_t skipped;
    if (log_allowed(&link->lost_log, &skipped)) {
        log_line(LOG_WARN, "mqtt", "broker_lost client=%s reason=\"%s\"",
                 link->client_id, why);
    }
    link_leave(link);
    link_retry_later(link);
}

static void link_poll(struct mqtt_link *link);

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct mqtt_link *link = poll->data;
    if (status < 0) {
        link_lost(link, uv_strerror(status));
        return;
    }
    if (events & UV_WRITABLE) {
        mqtt_link_release(link);
    }
    if (link->client == NULL || !(events & UV_READABLE) ||
        (link->held && !link->read_on)) {
        return;
    }
    if (link->options.readable != NULL && link->up) {
        link->held = link->options.hold_writes;
        link->read_on = false;
        link_poll(link);
        link->options.readable(link->options.self);
        return;
    }
    if (mqtt_link_read(link) == ERR_OK) {
        mqtt_link_release(link);
    }
}

/* Waits for what can be used now: bytes unless held, room if something waits to
 * be sent and may be sent. */
static void link_poll(struct mqtt_link *link) {
    int events = link->held && !link->read_on ? 0 : UV_READABLE;
    if (mosquitto_want_write(link->client) && !link->held) {
        events |= UV_WRITABLE;
    }
    if (events == 0) {
        uv_poll_stop(link->poll);
    } else {
        uv_poll_start(link->poll, events, on_socket);
    }
}

static struct mosquitto *client_new(struct mqtt_link *link) {
    struct mosquitto *client = mosquitto_new(
        link->client_id, link->options.session_expiry_s == 0, link);
    if (client == NULL) {
        return NULL;
    }
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM,
                         link->options.receive_maximum);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_message_v5_callback_set(client, on_message);
    mosquitto_publish_v5_callback_set(client, on_publish);
    /* Marked threaded, libmosquitto queues and leaves the writing to us. */
    mosquitto_threaded_set(client, true);
    return client;
}

static int client_connect(struct mqtt_link *link, const char *host) {
    mosquitto_property *properties = NULL;
    if (link->options.session_expiry_s > 0) {
        mosquitto_property_add_int32(&properties,
                                     MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                     link->options.session_expiry_s);
    }
    int code = mosquitto_connect_bind_v5(link->client, host, link->port,
                                         KEEPALIVE_S, NULL, properties);
    mosquitto_property_free_all(&properties);
    return code;
}

/* `host` is a socket's path or a numeric address that has just answered, so
 * that libmosquitto's blocking connect does not block. */
static void link_open(struct mqtt_link *link, const char *host) {
    link->client = client_new(link);
    int code =
        link->client == NULL ? MOSQ_ERR_NOMEM : client_connect(link, host);
    if (code != MOSQ_ERR_SUCCESS) {
        if (link->client != NULL) {
            mosquitto_destroy(link->client);
            link->client = NULL;
        }
        link_lost(link, mosquitto_strerror(code));
        return;
    }
    link->poll = malloc(sizeof *link->poll);
    int fd = mosquitto_socket(link->client);
    if (link->poll == NULL ||
        uv_poll_init(link->options.loop, link->poll, fd)) {
        free(link->poll);
        link->poll = NULL;
        link_lost(link, "no memory for the socket");
        return;
    }
    link->poll->data = link;
    mqtt_link_release(link);
}

static void on_probe(void *self, const char *address, const char *error) {
    struct mqtt_link *link = self;
    link->probe = NULL;
    if (error != NULL) {
        link_lost(link, error);
        return;
    }
    link_open(link, address);
}

static void link_connect(struct mqtt_link *link) {
    if (!link->targeted || link->client != NULL || link->probe != NULL) {
        return;
    }
    if (link->port == 0) {
        link_open(link, link->host);
        return;
    }
    link->probe = probe_start(link->options.loop, link->host, link->port,
                              PROBE_TIMEOUT_MS, on_probe, link);
    if (link->probe == NULL) {
        link_retry_later(link);
    }
}

/* Keep-alive. What it queues is written at once, unless acknowledgements wait:
 * then it is sent with them. */
static void on_misc(uv_timer_t *timer) {
    struct mqtt_link *link = timer->data;
    if (link->client == NULL) {
        return;
    }
    int code = mosquitto_loop_misc(link->client);
    if (code != MOSQ_ERR_SUCCESS) {
        link_lost(link, mosquitto_strerror(code));
        return;
    }
    if (!link->held) {
        mqtt_link_release(link);
    }
}

err_t mqtt_link_new(const struct mqtt_link_options *options,
                    struct mqtt_link **ret) {
    struct mqtt_link *link = calloc(1, sizeof *link);
    ENSURE(link != NULL, ERR_MEMORY);
    link->options = *options;
    snprintf(link->client_id, sizeof link->client_id, "%s", options->client_id);
    link->options.client_id = link->client_id;
    link->retry_ms = RETRY_MS_MIN;
    uv_timer_init(options->loop, &link->retry);
    uv_timer_init(options->loop, &link->misc);
    link->retry.data = link;
    link->misc.data = link;
    link->timers_open = 2;
    uv_timer_start(&link->misc, on_misc, MISC_INTERVAL_MS, MISC_INTERVAL_MS);
    *ret = link;
    return ERR_OK;
}

void mqtt_link_target(struct mqtt_link *link, const char *host, uint16_t port) {
    mqtt_link_untarget(link);
    snprintf(link->host, sizeof link->host, "%s", host);
    link->port = port;
    link->targeted = true;
    link->retry_ms = RETRY_MS_MIN;
    link_connect(link);
}

void mqtt_link_untarget(struct mqtt_link *link) {
    link->targeted = false;
    uv_timer_stop(&link->retry);
    if (link->probe != NULL) {
        probe_cancel(link->probe);
        link->probe = NULL;
    }
    link_leave(link);
}

bool mqtt_link_is_up(const struct mqtt_link *link) {
    return link->up;
}

struct mosquitto *mqtt_link_client(struct mqtt_link *link) {
    return link->up ? link->client : NULL;
}

bool mqtt_link_ready(const struct mqtt_link *link) {
    if (link->client == NULL) {
        return false;
    }
    struct pollfd fd = {.fd = mosquitto_socket(link->client), .events = POLLIN};
    return fd.fd >= 0 && poll(&fd, 1, 0) == 1;
}

err_t mqtt_link_read(struct mqtt_link *link) {
    ENSURE(link->client != NULL, ERR_NETWORK);
    link->reading = true;
    int code = mosquitto_loop_read(link->client, 1);
    link->reading = false;
    if (code == MOSQ_ERR_SUCCESS && link->broken == NULL) {
        return ERR_OK;
    }
    link_lost(link,
              link->broken != NULL ? link->broken : mosquitto_strerror(code));
    return ERR_NETWORK;
}

void mqtt_link_read_on(struct mqtt_link *link) {
    if (link->client != NULL && link->held) {
        link->read_on = true;
        link_poll(link);
    }
}

void mqtt_link_release(struct mqtt_link *link) {
    /* Nothing is written from inside a callback: the owner that reads also
     * releases. */
    if (link->client == NULL || link->reading) {
        return;
    }
    link->held = false;
    link->read_on = false;
    int code = mosquitto_loop_write(link->client, 1);
    if (code != MOSQ_ERR_SUCCESS) {
        link_lost(link, mosquitto_strerror(code));
        return;
    }
    link_poll(link);
    if (link->options.hold_writes && mosquitto_want_write(link->client)) {
        /* Reading on would queue new acknowledgements after the old ones. */
        uv_poll_start(link->poll, UV_WRITABLE, on_socket);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    struct mqtt_link *link = handle->data;
    if (--link->timers_open == 0) {
        free(link);
    }
}

void mqtt_link_free(struct mqtt_link *link) {
    if (link == NULL) {
        return;
    }
    link->freed = true;
    link->targeted = false;
    if (link->probe != NULL) {
        probe_cancel(link->probe);
    }
    link_drop(link);
    uv_close((uv_handle_t *)&link->retry, on_timer_closed);
    uv_close((uv_handle_t *)&link->misc, on_timer_closed);
}
