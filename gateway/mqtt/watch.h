/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker takes from devices and nobody gets.
 *
 *  - What it drops: it has a bound for what waits for a client (64 MiB with
 *    ours), and past it drops without a word to whoever published. Mosquitto's
 *    own counter says so, $SYS/broker/publish/messages/dropped.
 *  - Receipts and notices for the store's devices that are not ours: another
 *    gateway serves the same store, and everything is done twice.
 *  - What is published below shopme/ for another store, or under a name that no
 *    stream has: acknowledged, and lost.
 *
 * Seen by subscriptions at QoS 0 on the publisher's connection, which no
 * session waits for. A broker that grants neither is left in peace, and one
 * that closes the connection instead of an answer is not asked again. A second
 * copy of everything costs the gateway a quarter of what the first does (11 us
 * a message measured, at 900 a second), so where much is published it looks
 * only now and then: the count is exact below 1,000 messages and 1 MiB a
 * second, and too low above. */
#ifndef GATEWAY_MQTT_WATCH_H
#define GATEWAY_MQTT_WATCH_H

#include <mosquitto.h>

#include "config/config.h"
#include "gateway/base/base.h"

enum {
    WATCH_MESSAGES_MAX = 1000,     /* a second; past it it looks away */
    WATCH_BYTES_MAX = 1024 * 1024, /* a second, of payload */
    WATCH_AWAY_MS = 10000,
    WATCH_TOPICS_MAX = 32, /* kinds of topic that are logged, once each */
};

struct watch_counts {
    uint64_t dropped;          /* by the broker, since it started */
    uint64_t dropped_a_minute; /* of them in the last minute */
    uint64_t dropped_seen;     /* since watch_new(), by each broker there was */
    uint64_t rival;            /* receipts and notices of another gateway */
    uint64_t foreign;          /* messages that no stream takes */
    uint32_t foreign_topics;   /* kinds of their topics: (store, last level) */
    const char *foreign_last;  /* the newest kind's topic, borrowed, or "" */
    bool looks_away;           /* now: too much is published */
};

struct watch;

/* `config` says the store and the streams; it outlives the watch. With a broker
 * of our own all of shopme/ is watched, else the store's part: another store at
 * the same broker has a gateway of its own. */
err_t watch_new(const struct config *config, struct watch **ret) MUST_USE;
/* The connection's, in this order. `now_ms` is monotonic. */
void watch_up(struct watch *watch, struct mosquitto *client);
/* It answered one of the subscriptions. */
void watch_answered(struct watch *watch);
void watch_message(struct watch *watch, const struct mosquitto_message *message,
                   uint64_t now_ms);
void watch_down(struct watch *watch);
/* The broker refused `count` messages on such a topic, one of which is given:
 * they are counted as those that nobody gets. */
void watch_refused(struct watch *watch, const char *topic, uint64_t count);
/* Now and then, for instance each second: looks again. */
void watch_tick(struct watch *watch, uint64_t now_ms);
struct watch_counts watch_counts(const struct watch *watch, uint64_t now_ms);
void watch_free(struct watch *watch); /* takes NULL */

#endif
