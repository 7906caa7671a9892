/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/session.h"

#include <assert.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/mqtt/link.h"
#include "gateway/mqtt/topic.h"

enum {
    RECEIVE_MAXIMUM = 1000,
    /* Mosquitto 2.0.11 does not respect the receive maximum, so a batch has its
     * own limit. */
    BATCH_MESSAGES_MAX = 1000,
    SESSION_EXPIRY_S = 7 * 24 * 3600,
    KEEP_ALIVE_S = 60, /* a slow commit is no dead connection */
    TOPIC_MAX = 256,
};

struct session {
    struct session_options options;
    char store[CONFIG_NAME_MAX];
    struct mqtt_link *link;
    uint32_t batch_messages;
    uint64_t needs_end; /* of the whole batch */
    uv_timer_t delay;   /* runs while the batch waits to fill */
    bool busy;          /* reads or commits */
    err_t failed;       /* why no more messages are accepted */
    bool subscribed;    /* the broker said so, on this connection */
};

static void session_fail(struct session *session, err_t err,
                         const struct reason *reason) {
    struct reason words;
    (void)reason_set(&words, err, "stream %s: %s: %s",
                     stream_config(session->options.stream)->name,
                     err_name(err), reason->text);
    session->failed = err;
    uv_timer_stop(&session->delay);
    /* Dropped, not disconnected: unsent acknowledgements must not leave. */
    mqtt_link_untarget(session->link);
    session->options.failed(session->options.self, &words);
}

static void on_up(void *self, struct mosquitto *client) {
    struct session *session = self;
    char topic[TOPIC_MAX];
    topic_of_stream(session->store,
                    stream_config(session->options.stream)->name, topic,
                    sizeof topic);
    int code = mosquitto_subscribe_v5(client, NULL, topic, 1,
                                      MQTT_SUB_OPT_SEND_RETAIN_NEVER, NULL);
    bool kept = mqtt_link_had_session(session->link);
    log_line(code == MOSQ_ERR_SUCCESS ? LOG_DEBUG : LOG_WARN, "session",
             "up topic=%s session=%s subscribe=\"%s\"", topic,
             kept ? "kept" : "new", mosquitto_strerror(code));
}

/* Held acknowledgements need QoS 1: with QoS 0 an event could be lost between
 * the broker and the disk, and without a subscription no event arrives. */
static const char *on_subscribed(void *self, int granted) {
    struct session *session = self;
    if (granted != 1) {
        return "the broker does not grant QoS 1 on the subscription: fix its "
               "access rules and max_qos";
    }
    session->subscribed = true;
    if (session->options.subscribed != NULL) {
        session->options.subscribed(session->options.self);
    }
    return NULL;
}

static bool witness(void *self, uint64_t since_ms) {
    struct session *session = self;
    return session->options.witness != NULL &&
           session->options.witness(session->options.self, since_ms);
}

static void on_unreadable(void *self) {
    const struct session *session = self;
    if (session->options.unreadable != NULL) {
        session->options.unreadable(session->options.self);
    }
}

static void on_down(void *self) {
    struct session *session = self;
    session->subscribed = false; /* the link says so, and comes back */
}

static void on_message(void *self, const struct mosquitto_message *message) {
    struct session *session = self;
    if (session->failed != ERR_OK) {
        return;
    }
    struct stream_message taken = {
        .payload = slice_of(message->payload, (size_t)message->payloadlen),
    };
    err_t err = topic_device(slice_from_str(message->topic), session->store,
                             stream_config(session->options.stream)->name,
                             &taken.device);
    if (err != ERR_OK) {
        return; /* not the topic subscribed to: not for this stream */
    }
    struct stream_answer answer;
    err = stream_take(session->options.stream, &taken, &answer);
    if (err != ERR_OK) {
        session->failed = err; /* handled when libmosquitto has returned */
        return;
    }
    session->batch_messages++;
    if (answer.needs_end > session->needs_end) {
        session->needs_end = answer.needs_end;
    }
#ifdef EDGE_CONTROL_ACK_ON_RECEIPT
    mosquitto_loop_write(mqtt_link_client(session->link), 1);
#endif
#ifdef EDGE_CONTROL_ACK_DUPLICATE_AT_ONCE
    if (answer.duplicate) {
        mosquitto_loop_write(mqtt_link_client(session->link), 1);
    }
#endif
}

static void on_committed(void *self, err_t err, const struct reason *reason) {
    struct session *session = self;
    session->busy = false;
    if (err == ERR_FULL) { /* gave up because the process stops */
        session->failed = err;
        mqtt_link_untarget(session->link);
        return;
    }
    if (err != ERR_OK) {
        session_fail(session, err, reason);
        return;
    }
    assert(atomic_load(&stream_position(session->options.stream)->end) >=
           session->needs_end);
    session->batch_messages = 0;
    mqtt_link_release(session->link);
}

static void commit(struct session *session) {
    session->busy = true;
    uv_timer_stop(&session->delay);
    stream_commit(session->options.stream, on_committed, session);
}

static void on_delay_over(uv_timer_t *timer) {
    commit(timer->data);
}

static bool is_full(const struct session *session) {
    return session->batch_messages >= BATCH_MESSAGES_MAX ||
           stream_is_full(session->options.stream);
}

/* May the batch wait for more messages? */
static bool may_wait(const struct session *session) {
    return session->batch_messages > 0 && !is_full(session) &&
           mqtt_link_is_up(session->link) &&
           stream_wait_ms(session->options.stream) > 0;
}

static void wait_for_company(struct session *session) {
    session->busy = false;
    if (!uv_is_active((uv_handle_t *)&session->delay)) {
        uv_timer_start(&session->delay, on_delay_over,
                       stream_wait_ms(session->options.stream), 0);
    }
    mqtt_link_read_on(session->link);
}

static void on_readable(void *self) {
    struct session *session = self;
    if (session->busy) {
        return; /* a new connection while the old one's batch commits */
    }
    session->busy = true;
    if (is_full(session)) { /* and nothing is read yet: the disk needs room */
        commit(session);
        return;
    }
    do {
        if (mqtt_link_read(session->link) != ERR_OK ||
            session->failed != ERR_OK) {
            break;
        }
    } while (!is_full(session) && mqtt_link_ready(session->link));
    if (session->failed != ERR_OK) {
        const struct reason reason = {"cannot continue the batch"};
        session->busy = false;
        session_fail(session, session->failed, &reason);
        return;
    }
    if (may_wait(session)) {
        wait_for_company(session);
        return;
    }
    commit(session);
}

err_t session_new(const struct session_options *options, struct session **ret) {
    struct session *session = calloc(1, sizeof *session);
    ENSURE(session != NULL, ERR_MEMORY);
    session->options = *options;
    snprintf(session->store, sizeof session->store, "%s", options->store);
    const struct mqtt_link_options link = {
        .loop = options->loop,
        .client_id = options->client_id,
        .login = options->login,
        .hold_writes = true,
        .keep_alive_s = KEEP_ALIVE_S,
        .session_expiry_s = SESSION_EXPIRY_S,
        .receive_maximum = RECEIVE_MAXIMUM,
        .self = session,
        .up = on_up,
        .down = on_down,
        .readable = on_readable,
        .message = on_message,
        .subscribed = on_subscribed,
        .witness = witness,
        .unreadable = on_unreadable,
    };
    err_t err = mqtt_link_new(&link, &session->link);
    if (err != ERR_OK) {
        free(session);
        return err;
    }
    uv_timer_init(options->loop, &session->delay);
    session->delay.data = session;
    *ret = session;
    return ERR_OK;
}

void session_target(struct session *session, const char *host, uint16_t port) {
    mqtt_link_target(session->link, host, port);
}

void session_untarget(struct session *session) {
    mqtt_link_untarget(session->link);
    if (uv_is_active((uv_handle_t *)&session->delay)) {
        commit(session);
    }
}

bool session_is_up(const struct session *session) {
    return session->subscribed;
}

uint64_t session_takeovers(const struct session *session) {
    return mqtt_link_takeovers(session->link);
}

const char *session_contended(const struct session *session) {
    return mqtt_link_contended(session->link);
}

bool session_was_kept(const struct session *session) {
    return mqtt_link_had_session(session->link);
}

bool session_is_busy(const struct session *session) {
    return session->busy;
}

static void free_session(uv_handle_t *delay) {
    free(delay->data);
}

void session_free(struct session *session) {
    if (session == NULL) {
        return;
    }
    assert(!session->busy);
    mqtt_link_free(session->link);
    uv_close((uv_handle_t *)&session->delay, free_session);
}
