/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/event.h"

#include <xxhash.h>

#include "gateway/event/build.h"
#include "gateway/event/entries.h"

enum event_encoding event_encoding_guess(struct slice payload) {
    struct cursor in = cursor_over(payload);
    uint8_t first;
    if (cursor_u8(&in, &first) == ERR_OK &&
        ((first >= 0xa0 && first <= 0xbf) || first == 0xd9)) {
        return EVENT_ENCODING_CBOR;
    }
    return EVENT_ENCODING_JSON;
}

static err_t find_id(enum event_encoding encoding, struct slice payload,
                     struct arena *arena, struct slice *ret) {
    return encoding == EVENT_ENCODING_CBOR
               ? event_find_id_cbor(payload, ret)
               : event_find_id_json(payload, arena, ret);
}

err_t event_find_id(enum event_encoding encoding, struct slice payload,
                    struct arena *arena, struct slice *ret) {
    struct slice id;
    ENSURE(find_id(encoding, payload, arena, &id) == ERR_OK, ERR_NOT_FOUND);
    ENSURE(id.len > 0 && id.len <= EVENT_ID_MAX && event_field_text_ok(id),
           ERR_NOT_FOUND);
    *ret = id;
    return ERR_OK;
}

static err_t read_any(enum event_encoding encoding, struct slice payload,
                      struct arena *arena, struct event *ret,
                      struct reason *reason) {
    if (payload.len > EVENT_BYTES_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "the event has %zu bytes, %d are allowed",
                          payload.len, EVENT_BYTES_MAX);
    }
    if (encoding == EVENT_ENCODING_CBOR) {
        return event_read_cbor(payload, ret, reason);
    }
    return event_read_json(payload, arena, ret, reason);
}

err_t event_read(enum event_encoding encoding, struct slice payload,
                 struct arena *arena, struct event *ret,
                 struct reason *reason) {
    size_t mark = arena->len;
    err_t err = read_any(encoding, payload, arena, ret, reason);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    /* Nothing else that was read is handed out: the id may have its room. */
    arena->len = mark;
    struct slice id;
    if (event_find_id(encoding, payload, arena, &id) == ERR_OK) {
        ret->id = id;
    }
    return err;
}

err_t event_extension_text(const struct event *event, const char *name,
                           struct slice *ret) {
    for (uint32_t i = 0; i < event->extension_count; i++) {
        const struct event_extension *extension = &event->extensions[i];
        if (extension->kind == EVENT_VALUE_TEXT &&
            slice_eq_str(extension->name, name)) {
            *ret = extension->text;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

struct slice event_key(const struct event *event) {
    struct slice key;
    if (event_extension_text(event, "partitionkey", &key) == ERR_OK &&
        key.len > 0) {
        return key;
    }
    return event->subject.len > 0 ? event->subject : event->source;
}

/* Each piece is hashed under the hash of all before it; XXH3 mixes a piece's
 * length in, so pieces cannot run into one another. */
uint64_t event_hash(const struct event *event) {
    struct entries entries = event_entries_of(event);
    uint64_t hash = entries.count;
    for (uint32_t i = 0; i < entries.count; i++) {
        const struct entry *entry = &entries.list[i];
        uint64_t scalar =
            (uint64_t)entry->kind << 32 | (uint64_t)(uint32_t)entry->integer;
        struct slice bytes = entry->bytes;
        hash = XXH3_64bits_withSeed(entry->name.data, entry->name.len, hash);
        hash = XXH3_64bits_withSeed(bytes.data, bytes.len, hash ^ scalar);
    }
    return hash;
}
