/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/watch.h"

#include <assert.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/mqtt/topic.h"

#define DROPPED_TOPIC "$SYS/broker/publish/messages/dropped"

enum {
    MINUTE_MS = 60000,
    SECOND_MS = 1000,
    CLOSED_MAX = 3,
    RIVAL_MIN = 5,
    SAMPLES = 16, /* Mosquitto says it each 5 s at most */
    FILTER_MAX = CONFIG_NAME_MAX + 16,
    KIND_MAX = CONFIG_NAME_MAX * 2,
};

struct sample {
    uint64_t at_ms;
    uint64_t dropped;
};

struct watch {
    const struct config *config;
    char filter[FILTER_MAX];
    struct mosquitto *client; /* NULL while not connected */
    uint32_t unanswered;      /* subscriptions */
    uint32_t closed;          /* connections in a row, instead of an answer */
    bool away;
    uint64_t away_ms; /* since when */
    uint64_t second_ms;
    uint32_t second_messages;
    uint64_t second_bytes;
    struct sample samples[SAMPLES]; /* of this connection, a ring */
    uint32_t sample_count;
    uint64_t grew_ms; /* when it last dropped something; 0 = never */
    bool counted;     /* any of them said how much it has dropped, */
    uint64_t last;    /* and that was the last it said */
    uint64_t seen;
    uint64_t rival;
    uint64_t foreign;
    char kinds[WATCH_TOPICS_MAX][KIND_MAX];
    uint32_t kind_count;
};

err_t watch_new(const struct config *config, struct watch **ret) {
    struct watch *watch = calloc(1, sizeof *watch);
    ENSURE(watch != NULL, ERR_MEMORY);
    watch->config = config;
    if (config->broker.mode == CONFIG_BROKER_EMBEDDED) {
        snprintf(watch->filter, sizeof watch->filter, "shopme/#");
    } else {
        snprintf(watch->filter, sizeof watch->filter, "shopme/%s/#",
                 config->store);
    }
    *ret = watch;
    return ERR_OK;
}

/* Not what was kept, and not our own receipts and notices. */
static void look(struct watch *watch) {
    watch->unanswered++;
    (void)mosquitto_subscribe_v5(
        watch->client, NULL, watch->filter, 0,
        MQTT_SUB_OPT_NO_LOCAL | MQTT_SUB_OPT_SEND_RETAIN_NEVER, NULL);
    watch->away = false;
}

void watch_up(struct watch *watch, struct mosquitto *client) {
    watch->client = client;
    watch->sample_count = 0;
    watch->unanswered = 0;
    if (watch->closed >= CLOSED_MAX) {
        return;
    }
    watch->unanswered++;
    (void)mosquitto_subscribe_v5(client, NULL, DROPPED_TOPIC, 0, 0, NULL);
    look(watch);
}

void watch_answered(struct watch *watch) {
    if (watch->unanswered > 0 && --watch->unanswered == 0) {
        watch->closed = 0;
    }
}

void watch_down(struct watch *watch) {
    if (watch->client != NULL && watch->unanswered > 0 &&
        watch->config->broker.mode == CONFIG_BROKER_EXTERNAL &&
        ++watch->closed == CLOSED_MAX) {
        log_line(LOG_WARN, "broker",
                 "not_watched reason=\"it closes the connection that asks for "
                 "%s and %s: what it drops is not known\"",
                 DROPPED_TOPIC, watch->filter);
    }
    watch->client = NULL;
    watch->sample_count = 0;
}

/* --- What the broker drops ---------------------------------------------- */

static const struct sample *sample_at(const struct watch *watch, uint32_t i) {
    return &watch->samples[i % SAMPLES];
}

static uint64_t dropped_now(const struct watch *watch) {
    return watch->sample_count == 0
               ? 0
               : sample_at(watch, watch->sample_count - 1)->dropped;
}

/* What it was a minute ago; if that was before this connection, what it was
 * when it began: 0 at a broker of our own, which began with it. */
static uint64_t dropped_before(const struct watch *watch, uint64_t now_ms) {
    uint32_t held =
        watch->sample_count < SAMPLES ? watch->sample_count : SAMPLES;
    for (uint32_t i = 0; i < held; i++) {
        const struct sample *sample =
            sample_at(watch, watch->sample_count - 1 - i);
        if (now_ms - sample->at_ms >= MINUTE_MS) {
            return sample->dropped;
        }
    }
    if (held == 0 || (held < SAMPLES &&
                      watch->config->broker.mode == CONFIG_BROKER_EMBEDDED)) {
        return 0;
    }
    return sample_at(watch, watch->sample_count - held)->dropped;
}

/* What a site's broker had dropped before our time is none of ours, and a
 * connection that is made anew makes nothing new of what was seen. */
static void count_dropped(struct watch *watch, uint64_t dropped) {
    bool before_us =
        !watch->counted && watch->config->broker.mode == CONFIG_BROKER_EXTERNAL;
    if (!before_us) { /* less than the last: it has started anew */
        watch->seen += dropped - (dropped >= watch->last ? watch->last : 0);
    }
    watch->counted = true;
    watch->last = dropped;
}

static void take_dropped(struct watch *watch, struct slice payload,
                         uint64_t now_ms) {
    char text[24];
    if (slice_to_str(payload, text, sizeof text) != ERR_OK) {
        return;
    }
    uint64_t dropped = strtoull(text, NULL, 10);
    watch->samples[watch->sample_count++ % SAMPLES] =
        (struct sample){now_ms, dropped};
    count_dropped(watch, dropped);
    if (dropped <= dropped_before(watch, now_ms)) {
        return;
    }
    if (watch->grew_ms == 0 || now_ms - watch->grew_ms > MINUTE_MS) {
        log_line(
            LOG_ERROR, "broker",
            "drops dropped=%llu reason=\"a client does not keep up with "
            "what is published for it; what the gateway did not get has no "
            "receipt, and devices send it again\"",
            (unsigned long long)dropped);
    }
    watch->grew_ms = now_ms;
}

/* --- What no stream takes ----------------------------------------------- */

/* What only a gateway says; ours do not come back to us (NO_LOCAL). A few may:
 * of an earlier process of ours. */
static void note_rival(struct watch *watch, struct slice leaf) {
    if (!slice_eq_str(leaf, "receipts") && !slice_eq_str(leaf, "notices")) {
        return;
    }
    if (++watch->rival == RIVAL_MIN) {
        log_line(LOG_ERROR, "broker",
                 "rival reason=\"another gateway at this broker answers the "
                 "devices of store %s: everything is done twice; stop one of "
                 "them, or give its store another name\"",
                 watch->config->store);
    }
}

static bool is_known_leaf(const struct watch *watch, struct slice leaf) {
    static const char *const ours[] = {"receipts", "notices", "status"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (slice_eq_str(leaf, ours[i])) {
            return true;
        }
    }
    for (uint32_t i = 0; i < watch->config->stream_count; i++) {
        if (slice_eq_str(leaf, watch->config->streams[i].name)) {
            return true;
        }
    }
    return false;
}

/* The next level, without its slash; `*rest` is what is behind that. */
static struct slice take_level(struct slice *rest) {
    const uint8_t *end =
        rest->len > 0 ? memchr(rest->data, '/', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    struct slice level = slice_part(*rest, 0, len);
    size_t taken = end != NULL ? len + 1 : len;
    *rest = slice_part(*rest, taken, rest->len - taken);
    return level;
}

/* What is behind the last slash. */
static struct slice last_level(struct slice topic) {
    size_t from = topic.len;
    while (from > 0 && topic.data[from - 1] != '/') {
        from--;
    }
    return slice_part(topic, from, topic.len - from);
}

/* The names of devices are many: only how many levels there are is told, so
 * that nobody reads of a topic that would be right. */
static const char *between_of(struct slice between) {
    if (between.len == 0) {
        return "";
    }
    if (slice_eq_str(between, "events")) {
        return "events";
    }
    return memchr(between.data, '/', between.len) != NULL ? "+/+" : "+";
}

/* A topic's kind: its store, its last level, and what is between. For a log
 * line, so what is not printable is replaced, and what is long is cut. */
static void kind_of(struct slice topic, char ret[KIND_MAX]) {
    struct slice leaf = last_level(topic);
    struct slice rest = topic;
    (void)take_level(&rest); /* shopme */
    struct slice store = take_level(&rest);
    if (rest.len <= leaf.len) { /* nothing is between */
        snprintf(ret, KIND_MAX, "%.*s",
                 (int)(topic.len < KIND_MAX ? topic.len : KIND_MAX - 1),
                 (const char *)topic.data);
    } else {
        struct slice between = slice_part(rest, 0, rest.len - leaf.len - 1);
        snprintf(ret, KIND_MAX, "shopme/%.*s/%s/%.*s",
                 (int)(store.len < 48 ? store.len : 48),
                 (const char *)store.data, between_of(between),
                 (int)(leaf.len < 48 ? leaf.len : 48), (const char *)leaf.data);
    }
    for (char *c = ret; *c != '\0'; c++) {
        uint8_t byte = (uint8_t)*c; /* char has a sign here, none on arm64 */
        *c = byte < ' ' || byte == '"' || byte >= 0x7f ? '?' : *c;
    }
}

static void note_kind(struct watch *watch, struct slice topic) {
    char kind[KIND_MAX];
    kind_of(topic, kind);
    for (uint32_t i = 0; i < watch->kind_count; i++) {
        if (strcmp(watch->kinds[i], kind) == 0) {
            return;
        }
    }
    if (watch->kind_count == WATCH_TOPICS_MAX) {
        return;
    }
    memcpy(watch->kinds[watch->kind_count++], kind, sizeof kind);
    log_line(LOG_WARN, "broker",
             "no_stream topic=\"%s\" reason=\"the broker acknowledges what is "
             "published there, and nobody keeps it: the store is %s, and its "
             "streams are the topics' last level\"%s",
             kind, watch->config->store,
             watch->kind_count == WATCH_TOPICS_MAX ? "; others are not logged"
                                                   : "");
}

void watch_refused(struct watch *watch, const char *topic, uint64_t count) {
    watch->foreign += count;
    note_kind(watch, slice_from_str(topic));
}

static void take_published(struct watch *watch, struct slice topic) {
    struct slice device;
    struct slice leaf = last_level(topic);
    char name[CONFIG_NAME_MAX];
    if (slice_to_str(leaf, name, sizeof name) == ERR_OK &&
        is_known_leaf(watch, leaf) &&
        topic_device(topic, watch->config->store, name, &device) == ERR_OK &&
        memchr(device.data, '/', device.len) == NULL) {
        note_rival(watch, leaf);
        return;
    }
    watch->foreign++;
    note_kind(watch, topic);
}

/* --- Both ----------------------------------------------------------------- */

static void look_away_if_much(struct watch *watch, size_t len,
                              uint64_t now_ms) {
    if (now_ms - watch->second_ms >= SECOND_MS) {
        watch->second_ms = now_ms;
        watch->second_messages = 0;
        watch->second_bytes = 0;
    }
    watch->second_messages++;
    watch->second_bytes += len;
    if (!watch->away && (watch->second_messages > WATCH_MESSAGES_MAX ||
                         watch->second_bytes > WATCH_BYTES_MAX)) {
        watch->away = true;
        watch->away_ms = now_ms;
        (void)mosquitto_unsubscribe(watch->client, NULL, watch->filter);
    }
}

void watch_message(struct watch *watch, const struct mosquitto_message *message,
                   uint64_t now_ms) {
    struct slice topic = slice_from_str(message->topic);
    struct slice payload =
        slice_of(message->payload, (size_t)message->payloadlen);
    if (slice_eq_str(topic, DROPPED_TOPIC)) {
        take_dropped(watch, payload, now_ms);
    } else if (slice_starts_with(topic, "shopme/")) {
        take_published(watch, topic);
        look_away_if_much(watch, payload.len, now_ms);
    }
}

void watch_tick(struct watch *watch, uint64_t now_ms) {
    if (watch->client != NULL && watch->away && watch->closed < CLOSED_MAX &&
        now_ms - watch->away_ms >= WATCH_AWAY_MS) {
        look(watch);
    }
}

struct watch_counts watch_counts(const struct watch *watch, uint64_t now_ms) {
    struct watch_counts counts = {
        .dropped = dropped_now(watch),
        .dropped_seen = watch->seen,
        .rival = watch->rival < RIVAL_MIN ? 0 : watch->rival,
        .foreign = watch->foreign,
        .foreign_topics = watch->kind_count,
        .looks_away = watch->away,
    };
    counts.dropped_a_minute = counts.dropped - dropped_before(watch, now_ms);
    counts.foreign_last =
        watch->kind_count == 0 ? "" : watch->kinds[watch->kind_count - 1];
    return counts;
}

void watch_free(struct watch *watch) {
    free(watch);
}
