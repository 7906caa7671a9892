/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/client/client.h"

#include <assert.h>
#include <inttypes.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/platform.h"
#include "gateway/event/event_source.h"

enum {
    TOPICS_SUBSCRIBED = 2,
    QOS = 1,
    REASON_MIN = 0x80, /* the first of MQTT 5's reason codes for errors */
};

int64_t client_now_us(void) {
    return (int64_t)(uv_hrtime() / 1000);
}

int64_t client_wall_us(void) {
    struct platform platform = platform_real();
    return platform.clock.wall_us(platform.clock.self);
}

bool client_ready(const struct client *client) {
    return client->mosq != NULL && client->subscribed == TOPICS_SUBSCRIBED;
}

static void topic_format(const struct client *client, const char *leaf,
                         char ret[CLIENT_TOPIC_SIZE]) {
    snprintf(ret, CLIENT_TOPIC_SIZE, "shopme/%s/%s/%s", client->options.store,
             client->options.device, leaf);
}

/* Does the broker know it by a name of its own? */
static bool client_has_name(const struct client *client) {
    const struct credentials *mine = client->options.credentials;
    return mine != NULL && (mine->cert[0] != '\0' || mine->user[0] != '\0');
}

void client_init(struct client *client, uv_loop_t *loop,
                 const struct client_options *options,
                 const struct client_handler *handler) {
    assert(options->store != NULL && options->device != NULL);
    assert(options->leaf != NULL && handler->receipt != NULL);
    *client =
        (struct client){.options = *options, .handler = *handler, .loop = loop};
    client->jitter = random_stream(options->seed, options->device);
    client->backoff_us = CLIENT_BACKOFF_FIRST_US;
    struct writer source =
        writer_over(client->source, sizeof client->source - 1);
    event_source_write(&source, slice_from_str(options->store),
                       slice_from_str(options->device));
    assert(!source.full);
    if (client_has_name(client)) {
        snprintf(client->name, sizeof client->name, "%s", options->device);
    } else {
        snprintf(client->name, sizeof client->name, "%s-%s", options->store,
                 options->device);
    }
}

static void poll_free(uv_handle_t *handle) {
    free(handle);
}

static void client_log(const struct client *client, const char *why) {
    uint64_t skipped;
    if (log_allowed(client->options.log_limit, &skipped)) {
        log_line(LOG_WARN, "devices",
                 "broker=%s:%d device=%s not_connected=\"%s\" more=%" PRIu64,
                 client->options.host, client->options.port,
                 client->options.device, why, skipped);
    }
}

/* Frees the connection in any state. The poll handle goes first: its
 * descriptor's number may be reused at once. */
static void client_close(struct client *client) {
    assert(!client->in_library);
    if (client->poll != NULL) {
        uv_poll_stop(client->poll);
        uv_close((uv_handle_t *)client->poll, poll_free);
        client->poll = NULL;
    }
    mosquitto_destroy(client->mosq);
    client->mosq = NULL;
    client->let_in = false;
    client->subscribed = 0;
}

/* Drops a failed connection; the next one follows after a while. */
static void client_drop(struct client *client, const char *why) {
    char words[LOGIN_WORDS_SIZE];
    if (client->refusal != NULL) {
        why = client->refusal;
    } else if (!client->let_in) {
        login_explain(client->mosq, client->options.credentials, why,
                      client->said, words);
        why = words;
    }
    client_log(client, why);
    client_close(client);
    client->refusal = NULL;
    client->said[0] = '\0';
    uint32_t half_us = (uint32_t)(client->backoff_us / 2);
    client->connect_us =
        client_now_us() + half_us + random_between(&client->jitter, 0, half_us);
    client->backoff_us *= 2;
    if (client->backoff_us > CLIENT_BACKOFF_MAX_US) {
        client->backoff_us = CLIENT_BACKOFF_MAX_US;
    }
}

static void client_on_io(uv_poll_t *poll, int status, int events);

/* After every call into the library: is the connection still up, and is there
 * something to write? */
static void client_settle(struct client *client, int rc) {
    if (rc == MOSQ_ERR_SUCCESS && mosquitto_socket(client->mosq) < 0) {
        rc = MOSQ_ERR_CONN_LOST;
    }
    if (rc != MOSQ_ERR_SUCCESS) {
        client_drop(client, mosquitto_strerror(rc));
        return;
    }
    int events = UV_READABLE;
    if (mosquitto_want_write(client->mosq)) {
        events |= UV_WRITABLE;
    }
    if (events != client->poll_events) {
        client->poll_events = events;
        rc = uv_poll_start(client->poll, events, client_on_io);
        if (rc != 0) {
            client_drop(client, uv_strerror(rc));
        }
    }
}

static int client_publish(struct client *client, struct outbox_entry *entry,
                          const char *topic, const mosquitto_property *list) {
    int packet_id = 0;
    int rc = mosquitto_publish_v5(client->mosq, &packet_id, topic,
                                  (int)entry->payload_len, entry->payload, QOS,
                                  false, list);
    if (rc != MOSQ_ERR_SUCCESS) {
        return rc;
    }
    bool first = entry->times_sent == 0 && !entry->again;
    client->counts.sent += first;
    client->counts.repeated += !first;
    assert(packet_id > 0);
    outbox_sent(entry, packet_id, client_now_us(), &client->jitter);
    return rc;
}

static void properties_free(mosquitto_property **list) {
    mosquitto_property_free_all(list);
}

/* Sends what is due. Never from inside the library: its callbacks only fill the
 * outbox, and the caller of the library sends afterwards. */
static void client_pump(struct client *client) {
    if (client->in_library || !client_ready(client)) {
        return;
    }
    char topic[CLIENT_TOPIC_SIZE];
    topic_format(client, client->options.leaf, topic);
    mosquitto_property *list CLEANUP(properties_free) = NULL;
    int rc = MOSQ_ERR_SUCCESS;
    if (client->options.mqtt == 5) {
        rc = mosquitto_property_add_string(
            &list, MQTT_PROP_CONTENT_TYPE,
            message_content_type(client->options.encoding));
    }

    uint32_t at = 0;
    int64_t now_us = client_now_us();
    struct outbox_entry *entry;
    while (rc == MOSQ_ERR_SUCCESS &&
           (entry = outbox_due(&client->outbox, now_us, &at)) != NULL) {
        rc = client_publish(client, entry, topic, list);
    }
    client_settle(client, rc);
}

err_t client_send(struct client *client, const struct message_event *event) {
    uint8_t bytes[MESSAGE_BYTES_MAX];
    struct writer writer = writer_over(bytes, sizeof bytes);
    struct message_event mine = *event;
    mine.source = client->source;
    ENSURE(client->outbox.count < OUTBOX_EVENTS_MAX, ERR_FULL);
    err_t err = message_write(&mine, client->options.encoding, &writer);
    ENSURE(err != ERR_FULL, ERR_RANGE);
    TRY(err);
    TRY(outbox_add(&client->outbox, mine.id, writer_slice(&writer),
                   mine.again));
    client_pump(client);
    return ERR_OK;
}

static void on_connect(struct mosquitto *mosq, void *self, int rc) {
    struct client *client = self;
    char topic[CLIENT_TOPIC_SIZE];
    if (rc != 0) {
        client->refusal = client->options.mqtt == 5
                              ? mosquitto_reason_string(rc)
                              : mosquitto_connack_string(rc);
        return; /* the broker closes */
    }
    client->let_in = true;
    topic_format(client, "receipts", topic);
    mosquitto_subscribe(mosq, NULL, topic, QOS);
    topic_format(client, "notices", topic);
    mosquitto_subscribe(mosq, NULL, topic, QOS);
    if (client_has_name(client)) {
        topic_format(client, "status", topic);
        mosquitto_publish(mosq, NULL, topic, 6, "online", QOS, true);
    }
}

/* Events may be sent only now: from here on no receipt can be missed. */
static void on_subscribe(struct mosquitto *mosq, void *self, int packet_id,
                         int count, const int *granted) {
    struct client *client = self;
    (void)mosq;
    (void)packet_id;
    if (count != 1 || granted[0] > 2) {
        client->refusal = "the broker refused a subscription";
        return; /* never ready: tried again after the time-out */
    }
    client->subscribed++;
    if (client_ready(client)) {
        client->counts.connects++;
        client->backoff_us = CLIENT_BACKOFF_FIRST_US;
        outbox_reconnected(&client->outbox);
    }
}

static void on_publish(struct mosquitto *mosq, void *self, int packet_id) {
    struct client *client = self;
    (void)mosq;
    outbox_arrived(&client->outbox, packet_id);
}

static void client_confirm(struct client *client, const cJSON *named,
                           bool accepted) {
    const cJSON *seq = cJSON_GetObjectItemCaseSensitive(named, "seq");
    struct outbox_entry entry;
    struct client_receipt receipt = {
        .id = message_text(named, "id"),
        .accepted = accepted,
        .seq = cJSON_IsNumber(seq) ? (uint64_t)seq->valuedouble : 0,
        .reason = message_text(named, "reason"),
    };
    if (accepted && !cJSON_IsNumber(seq)) {
        client->counts.unreadable++;
        return;
    }
    int64_t now_us = client_now_us();
    if (outbox_confirm(&client->outbox, slice_from_str(receipt.id), now_us,
                       &entry) != ERR_OK) {
        return; /* the second receipt of an event that was repeated */
    }
    receipt.again = entry.again;
    receipt.waited_us = now_us - entry.first_sent_us;
    client->handler.receipt(client->handler.self, &receipt);
}

static void client_take_receipts(struct client *client, const cJSON *tree) {
    const cJSON *named;
    cJSON_ArrayForEach(named,
                       cJSON_GetObjectItemCaseSensitive(tree, "accepted")) {
        client_confirm(client, named, true);
    }
    cJSON_ArrayForEach(named,
                       cJSON_GetObjectItemCaseSensitive(tree, "rejected")) {
        client_confirm(client, named, false);
    }
}

/* The broker says goodbye (MQTT 5). */
static void on_disconnect(struct mosquitto *mosq, void *self, int code,
                          const mosquitto_property *list) {
    struct client *client = self;
    (void)mosq;
    (void)list;
    if (code >= REASON_MIN && client->refusal == NULL) {
        client->refusal = mosquitto_reason_string(code);
    }
}

/* What libmosquitto says of TLS, it says here only. */
static void on_log(struct mosquitto *mosq, void *self, int level,
                   const char *text) {
    struct client *client = self;
    (void)mosq;
    if (level == MOSQ_LOG_ERR && client->said[0] == '\0') {
        snprintf(client->said, sizeof client->said, "%s", text);
    }
}

static void on_message(struct mosquitto *mosq, void *self,
                       const struct mosquitto_message *message) {
    struct client *client = self;
    cJSON *tree;
    (void)mosq;
    struct slice payload =
        slice_of(message->payload, (size_t)message->payloadlen);
    if (message_read(payload, &tree) != ERR_OK) {
        client->counts.unreadable++;
        return;
    }
    char topic[CLIENT_TOPIC_SIZE];
    topic_format(client, "receipts", topic);
    if (strcmp(message->topic, topic) == 0) {
        client_take_receipts(client, tree);
    } else {
        client->handler.notice(client->handler.self, tree);
    }
    cJSON_Delete(tree);
}

static void client_on_io(uv_poll_t *poll, int status, int events) {
    struct client *client = poll->data;
    int rc = status == 0 ? MOSQ_ERR_SUCCESS : MOSQ_ERR_CONN_LOST;
    client->in_library = true;
    if (rc == MOSQ_ERR_SUCCESS && (events & UV_READABLE)) {
        do {
            rc = mosquitto_loop_read(client->mosq, 1);
        } while (rc == MOSQ_ERR_SUCCESS && login_has_more(client->mosq));
    }
    if (rc == MOSQ_ERR_SUCCESS && (events & UV_WRITABLE)) {
        rc = mosquitto_loop_write(client->mosq, 1);
    }
    client->in_library = false;
    client_settle(client, rc);
    client_pump(client);
}

static bool client_configure(struct client *client) {
    char topic[CLIENT_TOPIC_SIZE];
    topic_format(client, "status", topic);
    struct mosquitto *mosq = client->mosq;
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_publish_callback_set(mosq, on_publish);
    mosquitto_message_callback_set(mosq, on_message);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_log_callback_set(mosq, on_log);
    int version =
        client->options.mqtt == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    /* Without it the second of two events in a row waits until the broker has
     * acknowledged the first segment, which it puts off by 40 ms. */
    return mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1) ==
               MOSQ_ERR_SUCCESS &&
           mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, version) ==
               MOSQ_ERR_SUCCESS &&
           (!client_has_name(client) ||
            mosquitto_will_set(mosq, topic, 7, "offline", QOS, true) ==
                MOSQ_ERR_SUCCESS);
}

static bool client_watch(struct client *client) {
    uv_poll_t *poll = calloc(1, sizeof *poll);
    if (poll == NULL) {
        return false;
    }
    if (uv_poll_init(client->loop, poll, mosquitto_socket(client->mosq)) != 0) {
        free(poll);
        return false;
    }
    assert(client->poll == NULL);
    poll->data = client;
    client->poll = poll;
    client->poll_events = 0;
    return true;
}

static bool client_keeps_session(const struct client *client) {
    return client->options.mqtt == 5 && client->options.session_s > 0;
}

/* The host's name is looked up here, which blocks the loop. */
static int client_open(struct client *client) {
    const struct client_options *options = &client->options;
    mosquitto_property *list CLEANUP(properties_free) = NULL;
    if (!client_keeps_session(client)) {
        return mosquitto_connect_async(client->mosq, options->host,
                                       options->port, CLIENT_KEEPALIVE_S);
    }
    int rc = mosquitto_property_add_int32(
        &list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, options->session_s);
    if (rc != MOSQ_ERR_SUCCESS) {
        return rc;
    }
    return mosquitto_connect_bind_v5(client->mosq, options->host, options->port,
                                     CLIENT_KEEPALIVE_S, NULL, list);
}

static void client_connect(struct client *client, int64_t now_us) {
    int rc = MOSQ_ERR_INVAL;
    client->ready_until_us = now_us + CLIENT_CONNECT_US;
    client->mosq =
        login_new(client->name, !client_keeps_session(client), client);
    if (client->mosq != NULL && client_configure(client)) {
        rc = login_apply(client->mosq, client->options.credentials);
    }
    if (rc == MOSQ_ERR_SUCCESS) {
        rc = client_open(client);
    }
    if (rc == MOSQ_ERR_SUCCESS && !client_watch(client)) {
        rc = MOSQ_ERR_NOMEM;
    }
    if (rc != MOSQ_ERR_SUCCESS) {
        client_drop(client, mosquitto_strerror(rc));
        return;
    }
    client_settle(client, MOSQ_ERR_SUCCESS);
}

void client_tick(struct client *client, int64_t now_us) {
    if (client->mosq == NULL) {
        if (now_us >= client->connect_us) {
            client_connect(client, now_us);
        }
        return;
    }
    if (!client_ready(client) && now_us >= client->ready_until_us) {
        client_drop(client, "no answer in time");
        return;
    }
    if (client_ready(client) && outbox_is_stuck(&client->outbox, now_us)) {
        client_drop(client, "the broker acknowledged nothing in time");
        return;
    }
    client->in_library = true;
    int rc = mosquitto_loop_misc(client->mosq);
    client->in_library = false;
    client_settle(client, rc);
    client_pump(client);
}

/* Says goodbye; a session that was kept ends with it. */
static void client_leave(struct client *client) {
    mosquitto_property *list CLEANUP(properties_free) = NULL;
    if (client_has_name(client)) {
        char topic[CLIENT_TOPIC_SIZE];
        topic_format(client, "status", topic);
        mosquitto_publish(client->mosq, NULL, topic, 7, "offline", 0, true);
    }
    if (client_keeps_session(client)) {
        (void)mosquitto_property_add_int32(
            &list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
    }
    mosquitto_disconnect_v5(client->mosq, 0, list);
}

void client_free(struct client *client) {
    if (client->let_in) {
        client_leave(client);
    }
    client_close(client);
    outbox_free(&client->outbox);
}
