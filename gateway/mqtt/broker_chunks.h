/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto's database, chunk by chunk (the form is drawn in broker_db.h). What
 * is big, the payload of a message, is not read. */
#ifndef GATEWAY_MQTT_BROKER_CHUNKS_H
#define GATEWAY_MQTT_BROKER_CHUNKS_H

#include <stdio.h>

#include "gateway/base/base.h"

enum {
    BROKER_CHUNKS_HEADER = 23,
    BROKER_CHUNK_HEAD = 8,
    /* A client's or a subscription's chunk is never larger. */
    BROKER_CHUNK_READ_MAX = 3 * 65536 + 64,
};

enum broker_chunk_type {
    BROKER_CHUNK_STORED = 2,  /* a message, once for all that wait for it */
    BROKER_CHUNK_WAITING = 3, /* that one waits for a client */
    BROKER_CHUNK_RETAINED = 4,
    BROKER_CHUNK_SUBSCRIPTION = 5,
    BROKER_CHUNK_CLIENT = 6,
};

struct broker_chunk {
    uint32_t type;
    uint64_t at;            /* of its head in the file */
    uint64_t len;           /* with its head */
    struct slice client_id; /* of types 3, 5, 6 */
    struct slice topic;     /* of types 2, 5 */
    struct slice user;      /* of type 6; empty = without one */
    int64_t ends_s;         /* of types 2, 6; since 1970; 0 = never, or it was
                               connected */
    uint32_t expiry_s;      /* of type 6 */
    uint64_t stored;        /* the message's number; of types 2, 3, 4 */
    bool outgoing;          /* to the client; of type 3 */
    uint8_t qos;            /* of type 3 */
};

/* Calls `each` for every chunk in the order of the file; its error ends the
 * walk and is returned. The chunk's texts are valid within the call, and end
 * with no NUL. ERR_PARSE: not of this form, or cut; ERR_IO, ERR_MEMORY. */
err_t broker_chunks_walk(FILE *file,
                         err_t (*each)(void *self,
                                       const struct broker_chunk *chunk),
                         void *self) MUST_USE;

#endif
