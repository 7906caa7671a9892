/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/build.h"

#include <assert.h>

/* A name sent by a device, made safe to show: ASCII, and short. */
struct shown {
    char text[32];
};

static struct shown show(struct slice name) {
    struct shown shown;
    size_t len = 0;
    while (len < name.len && len < sizeof shown.text - 1) {
        uint8_t c = name.data[len];
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        shown.text[len] = plain ? (char)c : '?';
        len++;
    }
    shown.text[len] = '\0';
    return shown;
}

/* `attribute "NAME" ...` */
#define REFUSE(build, err, name, what)                           \
    reason_set((build)->reason, (err), "attribute \"%s\" " what, \
               show(name).text)

err_t event_build_name(struct build *build, struct slice name) {
    if (!event_field_name_ok(name)) {
        return reason_set(build->reason, ERR_PARSE,
                          "attribute name \"%s\": use 1 to %d of a-z and 0-9, "
                          "and nothing else",
                          show(name).text, EVENT_NAME_MAX);
    }
    return ERR_OK;
}

static err_t twice(struct build *build, struct slice name) {
    return REFUSE(build, ERR_PARSE, name, "is given twice: send it once");
}

static err_t check_text(struct build *build, struct slice name,
                        struct slice text, size_t bytes_max) {
    if (text.len > bytes_max) {
        return reason_set(build->reason, ERR_RANGE,
                          "attribute \"%s\" has %zu bytes, %zu are allowed",
                          show(name).text, text.len, bytes_max);
    }
    if (!event_field_text_ok(text)) {
        return REFUSE(build, ERR_PARSE, name,
                      "holds a control character or a noncharacter, which "
                      "CloudEvents does not allow");
    }
    return ERR_OK;
}

/* There cannot be more characters than bytes. */
static err_t check_type(struct build *build, struct slice type) {
    ENSURE(type.len > EVENT_TYPE_MAX, ERR_OK);
    size_t characters = event_field_text_characters(type);
    if (characters > EVENT_TYPE_MAX) {
        return reason_set(build->reason, ERR_RANGE,
                          "attribute \"type\" has %zu characters, %d are "
                          "allowed",
                          characters, EVENT_TYPE_MAX);
    }
    return ERR_OK;
}

static err_t check_time(struct build *build, struct slice time) {
    int64_t ignored;
    if (event_time_parse(time, &ignored) != ERR_OK) {
        return reason_set(build->reason, ERR_PARSE,
                          "attribute \"time\" is not RFC 3339: write it as "
                          "2026-11-23T10:18:30Z");
    }
    return ERR_OK;
}

static err_t add_field(struct build *build, enum field_id id,
                       const struct build_value *value) {
    struct slice name = slice_from_str(EVENT_FIELDS[id].name);
    if (build->seen[id]) {
        return twice(build, name);
    }
    build->seen[id] = true;
    if (value->kind == BUILD_NULL) {
        return ERR_OK;
    }
    if (value->kind != BUILD_TEXT) {
        return REFUSE(build, ERR_PARSE, name, "must be a string");
    }
    if (value->text.len == 0) {
        return REFUSE(build, ERR_RANGE, name,
                      "is empty: give it a value or leave it out");
    }
    TRY(check_text(build, name, value->text,
                   id == FIELD_ID ? EVENT_ID_MAX : EVENT_TEXT_MAX));
    if (id == FIELD_TYPE) {
        TRY(check_type(build, value->text));
    } else if (id == FIELD_TIME) {
        TRY(check_time(build, value->text));
    }
    event_field_set(&build->event, id, value->text);
    return ERR_OK;
}

static err_t add_version(struct build *build, const struct build_value *value) {
    struct slice name = SLICE(FIELD_VERSION_NAME);
    if (build->seen_version) {
        return twice(build, name);
    }
    build->seen_version = true;
    if (value->kind == BUILD_NULL) {
        return ERR_OK;
    }
    if (value->kind != BUILD_TEXT ||
        !slice_eq_str(value->text, FIELD_VERSION)) {
        return REFUSE(build, ERR_RANGE, name,
                      "must be the string \"" FIELD_VERSION
                      "\", the version of CloudEvents supported here");
    }
    build->has_version = true;
    return ERR_OK;
}

static err_t remember_name(struct build *build, struct slice name) {
    for (uint32_t i = 0; i < build->name_count; i++) {
        if (slice_eq(build->names[i], name)) {
            return twice(build, name);
        }
    }
    if (build->name_count == EVENT_EXTENSIONS_MAX) {
        return reason_set(build->reason, ERR_RANGE,
                          "more than %d extension attributes: move what can "
                          "be into data",
                          EVENT_EXTENSIONS_MAX);
    }
    build->names[build->name_count] = name;
    build->name_count++;
    return ERR_OK;
}

static err_t check_extension(struct build *build, struct slice name,
                             const struct build_value *value) {
    if (event_field_is_added(name)) {
        return REFUSE(build, ERR_RANGE, name,
                      "is added by the gateway: leave it out");
    }
    if (value->kind == BUILD_TEXT) {
        TRY(check_text(build, name, value->text, EVENT_TEXT_MAX));
    }
    if (slice_eq_str(name, "partitionkey") && value->kind != BUILD_NULL &&
        (value->kind != BUILD_TEXT || value->text.len == 0)) {
        return REFUSE(build, ERR_RANGE, name, "must be a string, not empty");
    }
    return ERR_OK;
}

static err_t add_extension(struct build *build, struct slice name,
                           const struct build_value *value) {
    static const enum event_value_kind kinds[] = {
        [BUILD_TEXT] = EVENT_VALUE_TEXT,
        [BUILD_INTEGER] = EVENT_VALUE_INTEGER,
        [BUILD_BOOLEAN] = EVENT_VALUE_BOOLEAN,
    };
    TRY(remember_name(build, name));
    if (value->kind == BUILD_OTHER) {
        return REFUSE(build, ERR_PARSE, name,
                      "must be a string, a whole number of 32 bits, true or "
                      "false");
    }
    TRY(check_extension(build, name, value));
    if (value->kind == BUILD_NULL) {
        return ERR_OK;
    }
    struct event *event = &build->event;
    assert(event->extension_count < EVENT_EXTENSIONS_MAX);
    event->extensions[event->extension_count] = (struct event_extension){
        .name = name,
        .kind = kinds[value->kind],
        .text = value->text,
        .integer = value->integer,
    };
    event->extension_count++;
    return ERR_OK;
}

err_t event_build_attribute(struct build *build, struct slice name,
                            const struct build_value *value) {
    enum field_id id = event_field_find(name);
    if (id != FIELD_COUNT) {
        return add_field(build, id, value);
    }
    if (slice_eq_str(name, FIELD_VERSION_NAME)) {
        return add_version(build, value);
    }
    return add_extension(build, name, value);
}

err_t event_build_data(struct build *build, enum event_data_kind kind,
                       struct slice data) {
    if (build->has_data) {
        return reason_set(build->reason, ERR_PARSE,
                          "data is given twice: send one data or one "
                          "data_base64");
    }
    build->has_data = true;
    build->event.data_kind = kind;
    build->event.data = data;
    return ERR_OK;
}

err_t event_build_finish(struct build *build, struct event *ret) {
    if (!build->has_version) {
        return REFUSE(build, ERR_RANGE, SLICE(FIELD_VERSION_NAME),
                      "is missing: set it to \"" FIELD_VERSION "\"");
    }
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        if (EVENT_FIELDS[id].missing != NULL &&
            event_field_get(&build->event, (enum field_id)id).len == 0) {
            return reason_set(build->reason, ERR_RANGE,
                              "attribute \"%s\" is missing: %s",
                              EVENT_FIELDS[id].name, EVENT_FIELDS[id].missing);
        }
    }
    assert(build->event.extension_count <= build->name_count);
    *ret = build->event;
    return ERR_OK;
}
