/* SPDX-License-Identifier: Apache-2.0 */
/* What Mosquitto saved: is each session that the gateway needs in its database,
 * with its subscription? A broker that starts without them acknowledges what
 * devices publish, finds nobody to give it to, and drops it. Only the file
 * itself can tell: it may have been removed, cut, or replaced meanwhile.
 *
 * The format is Mosquitto's own, of its version 6 (2.0 and 2.1), big-endian
 * unless noted; it has no checksum:
 *
 *     0  15  00 B5 "mosquitto db" 00
 *    15   4  u32  checksum; always 0
 *    19   4  u32  version
 *    23      chunks: u32 type, u32 length, then so many bytes
 *
 *   type 6, a session:       i64 when it expires (s since 1970, this machine's
 *     byte order; 0 while connected), u32 expiry interval, u16 last message id,
 *     u16 id length, u16 port, u16 user name length, 4 bytes unused, the id,
 *     the user name
 *   type 5, a subscription:  u32 identifier, u16 id length, u16 topic length,
 *     u8 QoS, u8 options, 2 bytes unused, the id, the topic */
#ifndef GATEWAY_MQTT_BROKER_DB_H
#define GATEWAY_MQTT_BROKER_DB_H

#include "gateway/base/base.h"

enum {
    BROKER_CLIENT_ID_MAX = 128,
    BROKER_TOPIC_MAX = 256,
    BROKER_STALE_MAX = 8,
};

/* A session that must be in it, subscribed at QoS 1. */
struct broker_session {
    char client_id[BROKER_CLIENT_ID_MAX];
    char topic[BROKER_TOPIC_MAX];
};

/* Sessions of a gateway for this store that are none of ours: of the box that
 * the data came from, of a stream that is no more. Nobody reads what the broker
 * keeps for them, up to 64 MiB each, until they expire. */
struct broker_stale {
    uint32_t count; /* the first ones; others are found later */
    char ids[BROKER_STALE_MAX][BROKER_CLIENT_ID_MAX];
};

enum broker_db {
    BROKER_DB_ALL,     /* it has every one of them */
    BROKER_DB_NOT_ALL, /* it is whole, and at least one is not in it */
    BROKER_DB_MISSING, /* there is no file, or an empty one */
    BROKER_DB_DAMAGED, /* cut, of another form, or not readable; see `why` */
    BROKER_DB_UNKNOWN, /* a version that this program cannot read */
};

/* Reads the file once. `now_s`, since 1970, decides what has expired. `why` is
 * set where the answer is not BROKER_DB_ALL. Waits for the disk. */
enum broker_db broker_db_look(const char *path,
                              const struct broker_session *sessions,
                              size_t count, int64_t now_s,
                              struct broker_stale *ret_stale,
                              struct reason *why);

#endif
