/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_db.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "gateway/base/disk.h"

enum {
    HEADER_SIZE = 23,
    VERSION = 6,
    CHUNK_HEAD_SIZE = 8,
    CHUNK_SUBSCRIPTION = 5,
    CHUNK_CLIENT = 6,
    CLIENT_HEAD_SIZE = 24,
    SUBSCRIPTION_HEAD_SIZE = 12,
    SESSIONS_MAX = 32,
    /* All that a chunk of ours can need; more is another client's. */
    BODY_MAX = CLIENT_HEAD_SIZE + BROKER_CLIENT_ID_MAX + BROKER_TOPIC_MAX,
};

struct look {
    FILE *file;
    uint64_t size;
    uint64_t at;
    const struct broker_session *sessions;
    size_t count;
    int64_t now_s;
    uint32_t lives; /* a bit for each session: it is in the file */
    uint32_t hears; /* and so is its subscription */
    struct broker_stale *stale;
};

/* Which of the sessions has this name; `count` if none. */
static size_t find(const struct look *look, struct slice client_id) {
    size_t i = 0;
    while (i < look->count &&
           !slice_eq_str(client_id, look->sessions[i].client_id)) {
        i++;
    }
    return i;
}

static err_t read_client(struct look *look, struct cursor *in) {
    struct slice expires;
    struct slice id;
    struct slice rest;
    uint16_t id_len;
    TRY(cursor_take(in, sizeof(int64_t), &expires));
    TRY(cursor_take(in, 6, &rest));
    TRY(cursor_u16(in, &id_len));
    TRY(cursor_take(in, 8, &rest));
    TRY(cursor_take(in, id_len, &id));
    int64_t expires_s;
    memcpy(&expires_s, expires.data, sizeof expires_s);
    size_t i = find(look, id);
    if (i < look->count && (expires_s == 0 || expires_s > look->now_s)) {
        look->lives |= UINT32_C(1) << i;
    }
    return ERR_OK;
}

/* Of our store, that is: another's gateway may use this broker, too. */
static bool is_of_our_store(const struct look *look, struct slice topic) {
    if (look->count == 0) {
        return false;
    }
    const char *ours = look->sessions[0].topic;
    const char *slash = strrchr(ours, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - ours) + 1;
    return len > 0 && topic.len > len &&
           slice_eq(slice_part(topic, 0, len), slice_of(ours, len));
}

/* As a gateway makes its ids; in a damaged file there may be any bytes. */
static bool is_a_gateways(struct slice id) {
    static const char prefix[] = "shopme-edge-";
    if (!slice_starts_with(id, prefix)) {
        return false;
    }
    for (size_t i = sizeof prefix - 1; i < id.len; i++) {
        if (id.data[i] == '\0' ||
            strchr("0123456789abcdef-", id.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void note_stale(struct look *look, struct slice id, struct slice topic) {
    struct broker_stale *stale = look->stale;
    if (!is_a_gateways(id) || !is_of_our_store(look, topic)) {
        return;
    }
    uint32_t i = 0;
    while (i < stale->count && !slice_eq_str(id, stale->ids[i])) {
        i++;
    }
    if (i == stale->count && i < BROKER_STALE_MAX &&
        slice_to_str(id, stale->ids[i], sizeof stale->ids[i]) == ERR_OK) {
        stale->count++;
    }
}

static err_t read_subscription(struct look *look, struct cursor *in) {
    struct slice id;
    struct slice topic;
    struct slice rest;
    uint16_t id_len;
    uint16_t topic_len;
    uint8_t qos;
    TRY(cursor_take(in, 4, &rest));
    TRY(cursor_u16(in, &id_len));
    TRY(cursor_u16(in, &topic_len));
    TRY(cursor_u8(in, &qos));
    TRY(cursor_take(in, 3, &rest));
    TRY(cursor_take(in, id_len, &id));
    TRY(cursor_take(in, topic_len, &topic));
    size_t i = find(look, id);
    if (i == look->count) {
        note_stale(look, id, topic);
    } else if (qos == 1 && slice_eq_str(topic, look->sessions[i].topic)) {
        look->hears |= UINT32_C(1) << i;
    }
    return ERR_OK;
}

/* ERR_PARSE if the file ends inside of it. */
static err_t read_bytes(struct look *look, void *buf, size_t len) {
    ENSURE(look->size - look->at >= len, ERR_PARSE);
    ENSURE(fread(buf, 1, len, look->file) == len, ERR_IO);
    look->at += len;
    return ERR_OK;
}

static err_t skip(struct look *look, uint64_t len) {
    ENSURE(look->size - look->at >= len, ERR_PARSE);
    ENSURE(fseeko(look->file, (off_t)len, SEEK_CUR) == 0, ERR_IO);
    look->at += len;
    return ERR_OK;
}

/* A client's or a subscription's chunk is read as far as one of ours goes. */
static err_t read_chunk(struct look *look) {
    uint8_t head[CHUNK_HEAD_SIZE];
    TRY(read_bytes(look, head, sizeof head));
    struct cursor in = cursor_over(slice_of(head, sizeof head));
    uint32_t type;
    uint32_t len;
    TRY(cursor_u32(&in, &type));
    TRY(cursor_u32(&in, &len));
    if ((type != CHUNK_CLIENT && type != CHUNK_SUBSCRIPTION) ||
        len > BODY_MAX) {
        return skip(look, len);
    }
    uint8_t body[BODY_MAX];
    TRY(read_bytes(look, body, len));
    in = cursor_over(slice_of(body, len));
    return type == CHUNK_CLIENT ? read_client(look, &in)
                                : read_subscription(look, &in);
}

static enum broker_db damaged(const struct look *look, err_t err,
                              struct reason *why) {
    (void)reason_set(why, err, "it is cut or damaged at byte %llu of %llu (%s)",
                     (unsigned long long)look->at,
                     (unsigned long long)look->size,
                     err == ERR_IO ? "not readable" : "not of its format");
    return BROKER_DB_DAMAGED;
}

static enum broker_db verdict(const struct look *look, struct reason *why) {
    for (size_t i = 0; i < look->count; i++) {
        if ((look->lives & look->hears & UINT32_C(1) << i) == 0) {
            (void)reason_set(why, ERR_NOT_FOUND,
                             "the broker has not saved a session for %s",
                             look->sessions[i].topic);
            return BROKER_DB_NOT_ALL;
        }
    }
    return BROKER_DB_ALL;
}

static enum broker_db read_all(struct look *look, struct reason *why) {
    static const uint8_t magic[15] = "\0\xB5\0mosquitto db";
    uint8_t header[HEADER_SIZE];
    err_t err = read_bytes(look, header, sizeof header);
    if (err != ERR_OK || memcmp(header, magic, sizeof magic) != 0) {
        return damaged(look, err == ERR_OK ? ERR_PARSE : err, why);
    }
    uint32_t version = header[22] | (uint32_t)header[21] << 8 |
                       (uint32_t)header[20] << 16 | (uint32_t)header[19] << 24;
    if (version != VERSION) {
        (void)reason_set(
            why, ERR_UNSUPPORTED,
            "what the broker saved is of version %u, which is not known",
            version);
        return BROKER_DB_UNKNOWN;
    }
    while (look->at < look->size) {
        err = read_chunk(look);
        if (err != ERR_OK) {
            return damaged(look, err, why);
        }
    }
    return verdict(look, why);
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* Only what would keep Mosquitto from reading it, too, is its own fault. */
static enum broker_db not_opened(int error, struct reason *why) {
    if (error == ENOENT) {
        (void)reason_set(why, ERR_NOT_FOUND,
                         "the broker has saved nothing yet");
        return BROKER_DB_MISSING;
    }
    (void)reason_set(why, ERR_IO, "it cannot be opened: %s", strerror(error));
    switch (error) {
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENOTDIR:
        return BROKER_DB_DAMAGED;
    default:
        return BROKER_DB_UNKNOWN;
    }
}

enum broker_db broker_db_look(const char *path,
                              const struct broker_session *sessions,
                              size_t count, int64_t now_s,
                              struct broker_stale *ret_stale,
                              struct reason *why) {
    assert(count <= SESSIONS_MAX);
    ret_stale->count = 0;
    CLEANUP(close_file) FILE *file = fopen(path, "rbe");
    struct stat st;
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        return not_opened(errno, why);
    }
    if (!S_ISREG(st.st_mode)) {
        (void)reason_set(why, ERR_IO, "it is not a file");
        return BROKER_DB_DAMAGED;
    }
    if (st.st_size == 0) {
        (void)reason_set(why, ERR_NOT_FOUND, "it is empty");
        return BROKER_DB_MISSING;
    }
    struct look look = {
        .file = file,
        .size = (uint64_t)st.st_size,
        .sessions = sessions,
        .count = count,
        .now_s = now_s,
        .stale = ret_stale,
    };
    return read_all(&look, why);
}
