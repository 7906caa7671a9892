/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a payload in either encoding. */
#include "gateway/event/build.h"

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
    /* Nothing else that was read is returned, so the id may use its memory. */
    arena->len = mark;
    struct slice id;
    if (event_find_id(encoding, payload, arena, &id) == ERR_OK) {
        ret->id = id;
    }
    return err;
}
