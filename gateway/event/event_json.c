/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON event format of CloudEvents 1.0.2, structured mode. */
#include "gateway/event/base64.h"
#include "gateway/event/build.h"
#include "gateway/event/json.h"

static err_t add_attribute(struct build *build, struct arena *arena,
                           struct slice name, struct slice json) {
    struct build_value value = {.kind = BUILD_NULL};
    int64_t number;
    TRY(event_build_name(build, name));
    switch (json_kind(json)) {
    case JSON_STRING:
        value.kind = BUILD_TEXT;
        TRY(json_string(json, arena, &value.text));
        break;
    case JSON_NUMBER:
        value.kind = BUILD_OTHER;
        if (json_integer(json, INT32_MIN, INT32_MAX, &number) == ERR_OK) {
            value.kind = BUILD_INTEGER;
            value.integer = (int32_t)number;
        }
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value.kind = BUILD_BOOLEAN;
        value.integer = json_kind(json) == JSON_TRUE ? 1 : 0;
        break;
    case JSON_NULL:
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        value.kind = BUILD_OTHER;
        break;
    }
    return event_build_attribute(build, name, &value);
}

static err_t add_base64(struct build *build, struct arena *arena,
                        struct slice json) {
    static const char wanted[] = "data_base64 must be a string of padded "
                                 "base64 (RFC 4648 section 4)";
    struct slice text;
    size_t len;
    if (json_kind(json) == JSON_NULL) {
        return ERR_OK;
    }
    if (json_kind(json) != JSON_STRING) {
        return reason_set(build->reason, ERR_PARSE, "%s", wanted);
    }
    size_t mark = arena->len;
    TRY(json_string(json, arena, &text));
    /* A text with escapes was decoded to the mark. The bytes are decoded in
     * place over it, so that the arena does not have to hold both. */
    arena->len = mark;
    uint8_t *bytes = arena_alloc(arena, text.len);
    ENSURE(bytes != NULL, ERR_FULL);
    if (event_base64_read(text, bytes, &len) != ERR_OK) {
        return reason_set(build->reason, ERR_PARSE, "%s", wanted);
    }
    return event_build_data(build, EVENT_DATA_BINARY, slice_of(bytes, len));
}

static err_t add_member(struct build *build, struct arena *arena,
                        struct slice name, struct slice json) {
    if (slice_eq_str(name, "data")) {
        return event_build_data(build, EVENT_DATA_JSON, json);
    }
    if (slice_eq_str(name, "data_base64")) {
        return add_base64(build, arena, json);
    }
    return add_attribute(build, arena, name, json);
}

err_t event_read_json(struct slice payload, struct arena *arena,
                      struct event *ret, struct reason *reason) {
    struct build build = {.reason = reason};
    struct slice name;
    struct slice json;
    size_t at = 0;
    TRY(json_check(payload, reason));
    if (json_kind(payload) != JSON_OBJECT) {
        return reason_set(reason, ERR_PARSE,
                          "an event is one JSON object: send one at a time");
    }
    while (json_member(payload, &at, &name, &json) == ERR_OK) {
        TRY(add_member(&build, arena, name, json));
    }
    return event_build_finish(&build, ret);
}

err_t event_glance_json(struct slice payload, struct arena *arena,
                        struct event_glance *ret) {
    struct slice id = SLICE_EMPTY;
    struct slice name;
    struct slice json;
    size_t at = 0;
    err_t err;
    *ret = (struct event_glance){.ids = 0};
    while ((err = json_member_strict(payload, &at, &name, &json)) == ERR_OK) {
        ret->has_version |= slice_eq_str(name, FIELD_VERSION_NAME);
        if (slice_eq_str(name, EVENT_FIELDS[FIELD_ID].name)) {
            id = json;
            ret->ids++;
        }
    }
    ret->whole = err == ERR_END;
    if (ret->ids != 1 || json_kind(id) != JSON_STRING) {
        return ERR_OK;
    }
    return json_string(id, arena, &ret->id);
}
