/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/publisher.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/mqtt/link.h"

enum {
    MESSAGE_IDS = 65536,
    TOPIC_MAX = 512,
    STORE_MAX = 64,
    KEEP_ALIVE_S = 10, /* so a broker that hangs is noticed in 20 s */
};

struct publisher {
    struct publisher_options options;
    char store[STORE_MAX + 1];
    struct mqtt_link *link;
    uint32_t *sizes;  /* bytes waiting under a message id, plus one */
    uint32_t waiting; /* messages */
    uint64_t waiting_bytes;
    uint64_t dropped;
    struct log_limit drop_log;
};

static void forget_waiting(struct publisher *publisher) {
    memset(publisher->sizes, 0, MESSAGE_IDS * sizeof *publisher->sizes);
    publisher->waiting = 0;
    publisher->waiting_bytes = 0;
}

static void on_up(void *self, struct mosquitto *client) {
    struct publisher *publisher = self;
    if (publisher->options.guard != NULL) {
        guard_up(publisher->options.guard, client);
    }
    if (publisher->options.watch != NULL) {
        watch_up(publisher->options.watch, client);
    }
    publisher->options.up(publisher->options.self);
}

static const char *on_subscribed(void *self, int granted) {
    struct publisher *publisher = self;
    if (publisher->options.guard != NULL &&
        guard_answered(publisher->options.guard, granted)) {
        return NULL;
    }
    /* Of what is watched, less is less to be heard of. */
    if (publisher->options.watch != NULL) {
        watch_answered(publisher->options.watch);
    }
    return NULL;
}

static void on_down(void *self) {
    struct publisher *publisher = self;
    if (publisher->options.guard != NULL) {
        guard_down(publisher->options.guard);
    }
    if (publisher->options.watch != NULL) {
        watch_down(publisher->options.watch);
    }
    forget_waiting(publisher);
}

static void on_message(void *self, const struct mosquitto_message *message) {
    struct publisher *publisher = self;
    if (publisher->options.guard != NULL &&
        guard_message(publisher->options.guard, message)) {
        return;
    }
    if (publisher->options.watch != NULL) {
        watch_message(publisher->options.watch, message,
                      uv_now(publisher->options.loop));
    }
}

static void on_published(void *self, int message_id) {
    struct publisher *publisher = self;
    uint32_t *size = &publisher->sizes[message_id & (MESSAGE_IDS - 1)];
    if (*size == 0) {
        return;
    }
    publisher->waiting--;
    publisher->waiting_bytes -= *size - 1;
    *size = 0;
}

err_t publisher_new(const struct publisher_options *options,
                    struct publisher **ret) {
    struct publisher *publisher = calloc(1, sizeof *publisher);
    ENSURE(publisher != NULL, ERR_MEMORY);
    publisher->options = *options;
    snprintf(publisher->store, sizeof publisher->store, "%s", options->store);
    publisher->sizes = calloc(MESSAGE_IDS, sizeof *publisher->sizes);
    const struct mqtt_link_options link = {
        .loop = options->loop,
        .client_id = options->client_id,
        .login = options->login,
        .keep_alive_s = KEEP_ALIVE_S,
        .receive_maximum = 20,
        .self = publisher,
        .up = on_up,
        .down = on_down,
        .message = on_message,
        .published = on_published,
        .subscribed = on_subscribed,
    };
    err_t err = publisher->sizes == NULL
                    ? ERR_MEMORY
                    : mqtt_link_new(&link, &publisher->link);
    if (err != ERR_OK) {
        free(publisher->sizes);
        free(publisher);
        return err;
    }
    *ret = publisher;
    return ERR_OK;
}

void publisher_target(struct publisher *publisher, const char *host,
                      uint16_t port) {
    mqtt_link_target(publisher->link, host, port);
}

void publisher_untarget(struct publisher *publisher) {
    mqtt_link_untarget(publisher->link);
}

bool publisher_is_up(const struct publisher *publisher) {
    return mqtt_link_is_up(publisher->link);
}

bool publisher_is_up_since(const struct publisher *publisher,
                           uint64_t since_ms) {
    return mqtt_link_is_up_since(publisher->link, since_ms);
}

static void drop(struct publisher *publisher, const char *what) {
    publisher->dropped++;
    uint64_t skipped;
    if (log_allowed(&publisher->drop_log, &skipped)) {
        log_line(LOG_WARN, "publisher",
                 "dropped what=%s in_all=%llu waiting=%u", what,
                 (unsigned long long)publisher->dropped, publisher->waiting);
    }
}

static bool has_room(const struct publisher *publisher, struct slice payload) {
    return publisher->waiting < PUBLISHER_MESSAGES_MAX &&
           publisher->waiting_bytes + payload.len <= PUBLISHER_BYTES_MAX;
}

/* Queued by libmosquitto, then written as far as the socket takes it. */
static int publish(struct publisher *publisher, const char *topic,
                   struct slice payload) {
    int message_id = 0;
    int code = mosquitto_publish_v5(mqtt_link_client(publisher->link),
                                    &message_id, topic, (int)payload.len,
                                    payload.data, 1, false, NULL);
    mqtt_link_release(publisher->link);
    return code == MOSQ_ERR_SUCCESS ? message_id : -1;
}

void publisher_to_device(struct publisher *publisher, struct slice device,
                         const char *leaf, struct slice payload) {
    char topic[TOPIC_MAX];
    int len = snprintf(topic, sizeof topic, "shopme/%s/%.*s/%s",
                       publisher->store, SLICE_ARG(device), leaf);
    if (len < 0 || (size_t)len >= sizeof topic ||
        !mqtt_link_is_up(publisher->link) || !has_room(publisher, payload)) {
        drop(publisher, leaf);
        return;
    }
    int message_id = publish(publisher, topic, payload);
    if (message_id < 0) {
        drop(publisher, leaf);
        return;
    }
    if (!mqtt_link_is_up(publisher->link)) {
        return; /* the write found the connection broken */
    }
    publisher->sizes[message_id & (MESSAGE_IDS - 1)] =
        (uint32_t)payload.len + 1;
    publisher->waiting++;
    publisher->waiting_bytes += payload.len;
}

void publisher_release(struct publisher *publisher) {
    mqtt_link_release(publisher->link);
}

void publisher_free(struct publisher *publisher) {
    if (publisher == NULL) {
        return;
    }
    mqtt_link_free(publisher->link);
    free(publisher->sizes);
    free(publisher);
}
