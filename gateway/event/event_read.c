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

static err_t glance(enum event_encoding encoding, struct slice payload,
                    struct arena *arena, struct event_glance *ret) {
    if (encoding == EVENT_ENCODING_JSON) {
        return event_glance_json(payload, arena, ret);
    }
    event_glance_cbor(payload, ret);
    return ERR_OK;
}

static bool id_is_usable(struct slice id) {
    return id.len > 0 && id.len <= EVENT_ID_MAX && event_field_text_ok(id);
}

err_t event_find_id(enum event_encoding encoding, struct slice payload,
                    struct arena *arena, struct slice *ret) {
    struct event_glance seen;
    ENSURE(glance(encoding, payload, arena, &seen) == ERR_OK, ERR_NOT_FOUND);
    ENSURE(id_is_usable(seen.id), ERR_NOT_FOUND);
    *ret = seen.id;
    return ERR_OK;
}

static err_t read_any(enum event_encoding encoding, struct slice payload,
                      struct arena *arena, struct event *ret,
                      struct reason *reason) {
    if (encoding == EVENT_ENCODING_CBOR) {
        return event_read_cbor(payload, ret, reason);
    }
    return event_read_json(payload, arena, ret, reason);
}

/* Whoever sends plain JSON is told that it is no event, not what is wrong with
 * the name of its first member. */
static err_t explain(err_t err, enum event_encoding encoding,
                     struct slice payload, struct arena *arena,
                     struct event *ret, struct reason *reason) {
    struct event_glance seen;
    if (glance(encoding, payload, arena, &seen) != ERR_OK) {
        return err;
    }
    if (id_is_usable(seen.id)) {
        ret->id = seen.id;
    }
    if (!seen.whole || seen.has_version) {
        return err;
    }
    return reason_set(reason, ERR_RANGE,
                      "this is no CloudEvent: specversion is missing; set it "
                      "to \"" FIELD_VERSION
                      "\", and send what is your own in data");
}

err_t event_read(enum event_encoding encoding, struct slice payload,
                 struct arena *arena, struct event *ret,
                 struct reason *reason) {
    size_t mark = arena->len;
    if (payload.len > EVENT_BYTES_MAX) {
        struct slice id;
        if (event_find_id(encoding, payload, arena, &id) == ERR_OK) {
            ret->id = id;
        }
        return reason_set(reason, ERR_RANGE,
                          "the event has %zu bytes, %d are allowed",
                          payload.len, EVENT_BYTES_MAX);
    }
    err_t err = read_any(encoding, payload, arena, ret, reason);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    /* Nothing else that was read is returned, so the id may use its memory. */
    arena->len = mark;
    return explain(err, encoding, payload, arena, ret, reason);
}
