/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_chunks.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

static err_t read_stored(struct cursor *in, struct broker_chunk *ret) {
    struct slice part;
    uint16_t source_len;
    uint16_t user_len;
    uint16_t topic_len;
    TRY(cursor_take(in, sizeof ret->stored, &part));
    memcpy(&ret->stored, part.data, sizeof ret->stored);
    TRY(cursor_take(in, sizeof ret->ends_s, &part));
    memcpy(&ret->ends_s, part.data, sizeof ret->ends_s);
    TRY(cursor_take(in, 4 + 2, &part)); /* payload length, message id */
    TRY(cursor_u16(in, &source_len));
    TRY(cursor_u16(in, &user_len));
    TRY(cursor_u16(in, &topic_len));
    TRY(cursor_take(in, 2 + 1 + 1, &part)); /* port, QoS, retain */
    TRY(cursor_take(in, (size_t)source_len + user_len, &part));
    return cursor_take(in, topic_len, &ret->topic);
}

static err_t read_waiting(struct cursor *in, struct broker_chunk *ret) {
    struct slice part;
    uint16_t id_len;
    TRY(cursor_take(in, sizeof ret->stored, &part));
    memcpy(&ret->stored, part.data, sizeof ret->stored);
    TRY(cursor_take(in, 2, &part)); /* message id */
    TRY(cursor_u16(in, &id_len));
    TRY(cursor_take(in, 4, &part)); /* QoS, state, flags, direction */
    ret->qos = part.data[0];
    ret->outgoing = part.data[3] == 1;
    return cursor_take(in, id_len, &ret->client_id);
}

static err_t read_retained(struct cursor *in, struct broker_chunk *ret) {
    struct slice part;
    TRY(cursor_take(in, sizeof ret->stored, &part));
    memcpy(&ret->stored, part.data, sizeof ret->stored);
    return ERR_OK;
}

static err_t read_subscription(struct cursor *in, struct broker_chunk *ret) {
    struct slice part;
    uint16_t id_len;
    uint16_t topic_len;
    TRY(cursor_take(in, 4, &part)); /* identifier */
    TRY(cursor_u16(in, &id_len));
    TRY(cursor_u16(in, &topic_len));
    TRY(cursor_take(in, 4, &part)); /* QoS, options, unused */
    TRY(cursor_take(in, id_len, &ret->client_id));
    return cursor_take(in, topic_len, &ret->topic);
}

static err_t read_client(struct cursor *in, struct broker_chunk *ret) {
    struct slice part;
    uint16_t id_len;
    uint16_t user_len;
    TRY(cursor_take(in, sizeof ret->ends_s, &part));
    memcpy(&ret->ends_s, part.data, sizeof ret->ends_s);
    TRY(cursor_u32(in, &ret->expiry_s));
    TRY(cursor_take(in, 2, &part)); /* message id */
    TRY(cursor_u16(in, &id_len));
    TRY(cursor_take(in, 2, &part)); /* port */
    TRY(cursor_u16(in, &user_len));
    TRY(cursor_take(in, 4, &part)); /* unused */
    TRY(cursor_take(in, id_len, &ret->client_id));
    return cursor_take(in, user_len, &ret->user);
}

static err_t read_body(struct slice body, struct broker_chunk *ret) {
    struct cursor in = cursor_over(body);
    switch (ret->type) {
    case BROKER_CHUNK_STORED:
        return read_stored(&in, ret);
    case BROKER_CHUNK_WAITING:
        return read_waiting(&in, ret);
    case BROKER_CHUNK_RETAINED:
        return read_retained(&in, ret);
    case BROKER_CHUNK_SUBSCRIPTION:
        return read_subscription(&in, ret);
    case BROKER_CHUNK_CLIENT:
        return read_client(&in, ret);
    default:
        return ERR_OK; /* the broker's own settings */
    }
}

struct walk {
    FILE *file;
    uint64_t size;
    uint64_t at;
    uint8_t *buf;
    err_t (*each)(void *self, const struct broker_chunk *chunk);
    void *self;
};

static err_t walk_chunk(struct walk *walk) {
    uint8_t head[BROKER_CHUNK_HEAD];
    ENSURE(walk->size - walk->at >= sizeof head, ERR_PARSE);
    ENSURE(fread(head, 1, sizeof head, walk->file) == sizeof head, ERR_IO);
    struct cursor in = cursor_over(slice_of(head, sizeof head));
    struct broker_chunk chunk = {.at = walk->at};
    uint32_t len;
    TRY(cursor_u32(&in, &chunk.type));
    TRY(cursor_u32(&in, &len));
    chunk.len = sizeof head + (uint64_t)len;
    ENSURE(walk->size - walk->at >= chunk.len, ERR_PARSE);
    size_t wanted = len < BROKER_CHUNK_READ_MAX ? len : BROKER_CHUNK_READ_MAX;
    ENSURE(fread(walk->buf, 1, wanted, walk->file) == wanted, ERR_IO);
    TRY(read_body(slice_of(walk->buf, wanted), &chunk));
    walk->at += chunk.len;
    ENSURE(fseeko(walk->file, (off_t)walk->at, SEEK_SET) == 0, ERR_IO);
    return walk->each(walk->self, &chunk);
}

static void free_bytes(uint8_t **bytes) {
    free(*bytes);
}

err_t broker_chunks_walk(FILE *file,
                         err_t (*each)(void *self,
                                       const struct broker_chunk *chunk),
                         void *self) {
    assert(file != NULL && each != NULL);
    struct stat st;
    CLEANUP(free_bytes) uint8_t *buf = malloc(BROKER_CHUNK_READ_MAX);
    ENSURE(buf != NULL, ERR_MEMORY);
    ENSURE(fstat(fileno(file), &st) == 0, ERR_IO);
    struct walk walk = {
        .file = file,
        .size = (uint64_t)st.st_size,
        .at = BROKER_CHUNKS_HEADER,
        .buf = buf,
        .each = each,
        .self = self,
    };
    ENSURE(walk.size >= walk.at, ERR_PARSE);
    ENSURE(fseeko(file, (off_t)walk.at, SEEK_SET) == 0, ERR_IO);
    while (walk.at < walk.size) {
        TRY(walk_chunk(&walk));
    }
    return ERR_OK;
}
