/* SPDX-License-Identifier: Apache-2.0 */
/* Every connection is a new `struct mosquitto`: nothing of a broken one, in
 * particular its unsent acknowledgements, can reach the next. */
#include "gateway/mqtt/link.h"

#include <assert.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/mqtt/link_retry.h"
#include "gateway/mqtt/probe.h"

enum {
    MISC_INTERVAL_MS = 1000,
    PROBE_TIMEOUT_MS = 5000,
    CLIENT_ID_MAX = 128,
    HOST_MAX = 256,
    SESSION_PRESENT = 1, /* in the flags of a CONNACK */
    REASON_MIN = 128,    /* of MQTT 5's reason codes, those of failures */
    UNREADABLE_MAX = 3,
};

struct mqtt_link {
    struct mqtt_link_options options;
    char client_id[CLIENT_ID_MAX];
    char host[HOST_MAX];
    uint16_t port;
    bool targeted;
    struct mosquitto *client;  /* NULL while not connected */
    uv_poll_t *poll;           /* of the client's socket; NULL with it */
    bool up;                   /* CONNACK seen */
    bool kept;                 /* and the broker had its session */
    bool held;                 /* read, and not released yet */
    bool read_on;              /* the owner wants more anyway */
    bool reading;              /* inside mosquitto_loop_read() */
    const char *broken;        /* why; set inside a libmosquitto callback */
    bool taken_over;           /* by another client, as the broker said */
    bool suspect;              /* or it may have been, without a word */
    bool unreadable;           /* what the broker sent breaks MQTT's rules */
    uint32_t unreadable_count; /* of connections, one after the other */
    uint64_t lost_ms;          /* when it was lost */
    bool contended;            /* again and again, as the log says */
    bool freed;
    struct probe *probe; /* asks whether a TCP broker is there */
    struct link_retry retry_state;
    uv_timer_t retry;
    uv_timer_t misc;
    int timers_open;
    struct log_limit lost_log;
};

static void link_connect(struct mqtt_link *link);
static void link_lost(struct mqtt_link *link, const char *why);

/* Reasons of MQTT 5's CONNACK (OASIS MQTT 5.0, 3.2.2.2). */
static const char *refused(int code) {
    switch (code) {
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED:
        return "the broker refuses the gateway's user name or password";
    case MQTT_RC_CLIENTID_NOT_VALID:
        return "the broker refuses the gateway's client id";
    default:
        return "the broker refused the connection";
    }
}

static void on_connect(struct mosquitto *client, void *self, int code,
                       int flags, const mosquitto_property *properties) {
    (void)properties;
    struct mqtt_link *link = self;
    if (code != 0) {
        link->broken = refused(code);
        return;
    }
    link->up = true;
    link->kept = (flags & SESSION_PRESENT) != 0;
    link_retry_up(&link->retry_state, uv_now(link->options.loop));
    link->options.up(link->options.self, client);
}

static void on_message(struct mosquitto *client, void *self,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties) {
    (void)client;
    (void)properties;
    struct mqtt_link *link = self;
    if (link->options.message != NULL) {
        link->options.message(link->options.self, message);
    }
}

static void on_subscribe(struct mosquitto *client, void *self, int message_id,
                         int count, const int *granted,
                         const mosquitto_property *properties) {
    (void)client;
    (void)message_id;
    (void)properties;
    struct mqtt_link *link = self;
    for (int i = 0; i < count && link->options.subscribed != NULL; i++) {
        const char *broken =
            link->options.subscribed(link->options.self, granted[i]);
        link->broken = broken != NULL ? broken : link->broken;
    }
}

/* The broker says goodbye. */
static void on_disconnect(struct mosquitto *client, void *self, int code,
                          const mosquitto_property *properties) {
    (void)client;
    (void)properties;
    struct mqtt_link *link = self;
    if (code == MQTT_RC_SESSION_TAKEN_OVER) {
        link->taken_over = true;
        link->broken = "another client of this id took the session over";
    } else if (code >= REASON_MIN) { /* (below, it is libmosquitto's own) */
        link->broken = mosquitto_reason_string(code);
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
    link->taken_over = false;
}

static void on_retry(uv_timer_t *timer);

static uint32_t random_number(void) {
    uint32_t random = 0;
    (void)uv_random(NULL, NULL, &random, sizeof random, 0, NULL);
    return random;
}

static void link_retry_later(struct mqtt_link *link, bool taken_over) {
    link->lost_ms = uv_now(link->options.loop);
    uint32_t wait_ms =
        link_retry_lost(&link->retry_state, link->lost_ms, random_number());
    if (taken_over) {
        wait_ms = link_retry_taken(&link->retry_state, true, random_number());
    }
    if (link->targeted && !link->freed) {
        uv_timer_start(&link->retry, on_retry, wait_ms, 0);
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

/* One line when it begins, and one when it is over. */
static void note_contention(struct mqtt_link *link) {
    bool contended =
        link_retry_is_contended(&link->retry_state, uv_now(link->options.loop));
    if (contended && !link->contended) {
        log_line(
            LOG_ERROR, "mqtt",
            "contended client=%s takeovers=%llu reason=\"" MQTT_LINK_CONTENDED
            "\"",
            link->client_id, (unsigned long long)link->retry_state.takeovers);
    } else if (!contended && link->contended) {
        log_line(LOG_INFO, "mqtt", "contended_no_more client=%s",
                 link->client_id);
    }
    link->contended = contended;
}

/* A message that breaks MQTT's rules is never acknowledged, so that the broker
 * sends it again on each connection. */
static void note_unreadable(struct mqtt_link *link) {
    assert(link->client == NULL); /* it is being lost */
    link->unreadable_count = link->unreadable ? link->unreadable_count + 1 : 0;
    link->unreadable = false;
    if (link->unreadable_count == UNREADABLE_MAX &&
        link->options.unreadable != NULL) {
        link->options.unreadable(link->options.self);
    }
}

static void link_lost(struct mqtt_link *link, const char *why) {
    uint64_t skipped;
    bool taken_over = link->taken_over;
    link->suspect = link->up && link->broken == NULL && !link->unreadable;
    if (!link->contended && log_allowed(&link->lost_log, &skipped)) {
        log_line(LOG_WARN, "mqtt", "broker_lost client=%s reason=\"%s\"",
                 link->client_id, why);
    }
    link_leave(link);
    link_retry_later(link, taken_over);
    note_contention(link);
    note_unreadable(link);
}

/* A broker that went away, or a network that did, took the other connections
 * along: so it is only known a moment later what it was. */
static void on_retry(uv_timer_t *timer) {
    struct mqtt_link *link = timer->data;
    bool taken = link->suspect && link->options.witness != NULL &&
                 link->options.witness(link->options.self, link->lost_ms);
    link->suspect = false;
    uint32_t wait_ms =
        taken ? link_retry_taken(&link->retry_state, false, random_number())
              : 0;
    if (wait_ms > 0) {
        uv_timer_start(timer, on_retry, wait_ms, 0);
        note_contention(link);
        return;
    }
    link_connect(link);
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

/* Into libmosquitto's memory: no file and no argument has it. */
static int log_in(struct mosquitto *client, const struct mqtt_login *login) {
    if (login == NULL) {
        return MOSQ_ERR_SUCCESS;
    }
    int code = MOSQ_ERR_SUCCESS;
    if (login->user[0] != '\0') {
        code = mosquitto_username_pw_set(
            client, login->user,
            login->password[0] == '\0' ? NULL : login->password);
    }
    if (code == MOSQ_ERR_SUCCESS && login->tls != NULL) {
        code = mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, login->tls);
        mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    }
    return code;
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
    mosquitto_disconnect_v5_callback_set(client, on_disconnect);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_message_v5_callback_set(client, on_message);
    mosquitto_publish_v5_callback_set(client, on_publish);
    /* Marked threaded, libmosquitto queues and leaves the writing to us. */
    mosquitto_threaded_set(client, true);
    if (log_in(client, link->options.login) != MOSQ_ERR_SUCCESS) {
        mosquitto_destroy(client);
        return NULL;
    }
    return client;
}

static int client_connect(struct mqtt_link *link, const char *host) {
    mosquitto_property *properties = NULL;
    if (link->options.session_expiry_s > 0) {
        mosquitto_property_add_int32(&properties,
                                     MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                     link->options.session_expiry_s);
    }
    int code =
        mosquitto_connect_bind_v5(link->client, host, link->port,
                                  link->options.keep_alive_s, NULL, properties);
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
        link_retry_later(link, false);
    }
}

/* Keep-alive. What it queues is written at once, unless acknowledgements wait:
 * then it is sent with them. */
static void on_misc(uv_timer_t *timer) {
    struct mqtt_link *link = timer->data;
    note_contention(link);
    if (link->client == NULL) {
        return;
    }
    int code = mosquitto_loop_misc(link->client);
    if (code != MOSQ_ERR_SUCCESS) {
        link_lost(link, code == MOSQ_ERR_KEEPALIVE /* it has no words for it */
                            ? "the broker is silent: it hangs, or the network"
                            : mosquitto_strerror(code));
        return;
    }
    if (!link->held) {
        mqtt_link_release(link);
    }
}

err_t mqtt_link_new(const struct mqtt_link_options *options,
                    struct mqtt_link **ret) {
    const char *id = options->client_id;
    /* Given such an id mosquitto_new() of 2.0.11 closes descriptor 0, whatever
     * that is by then: a connection, a journal. */
    ENSURE(id[0] != '\0' && strlen(id) < CLIENT_ID_MAX &&
               mosquitto_validate_utf8(id, (int)strlen(id)) == MOSQ_ERR_SUCCESS,
           ERR_RANGE);
    struct mqtt_link *link = calloc(1, sizeof *link);
    ENSURE(link != NULL, ERR_MEMORY);
    link->options = *options;
    snprintf(link->client_id, sizeof link->client_id, "%s", options->client_id);
    link->options.client_id = link->client_id;
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
    link->unreadable_count = 0;
    link_retry_reset(&link->retry_state);
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

bool mqtt_link_is_up_since(const struct mqtt_link *link, uint64_t since_ms) {
    return link->up && link->retry_state.up_ms < since_ms;
}

bool mqtt_link_had_session(const struct mqtt_link *link) {
    return link->kept;
}

uint64_t mqtt_link_takeovers(const struct mqtt_link *link) {
    return link->retry_state.takeovers;
}

const char *mqtt_link_contended(const struct mqtt_link *link) {
    return link->contended ? MQTT_LINK_CONTENDED : NULL;
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

static bool is_against_the_rules(int code) {
    return code == MOSQ_ERR_PROTOCOL || code == MOSQ_ERR_MALFORMED_UTF8 ||
           code == MOSQ_ERR_MALFORMED_PACKET ||
           code == MOSQ_ERR_DUPLICATE_PROPERTY;
}

err_t mqtt_link_read(struct mqtt_link *link) {
    ENSURE(link->client != NULL, ERR_NETWORK);
    link->reading = true;
    int code = mosquitto_loop_read(link->client, 1);
    link->reading = false;
    link->unreadable = link->up && is_against_the_rules(code);
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
