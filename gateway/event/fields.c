/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/fields.h"

#include <assert.h>

#define FIELD(name) #name, sizeof #name - 1, offsetof(struct event, name)

const struct field EVENT_FIELDS[FIELD_COUNT] = {
    [FIELD_ID] = {FIELD(id), "give each event its own id"},
    [FIELD_TIME] = {FIELD(time), NULL},
    [FIELD_TYPE] = {FIELD(type), "say what happened, as in \"OrderPlaced\""},
    [FIELD_SOURCE] = {FIELD(source),
                      "name the sender, as in \"/store-7/till-1\""},
    [FIELD_SUBJECT] = {FIELD(subject), NULL},
    [FIELD_DATASCHEMA] = {FIELD(dataschema), NULL},
    [FIELD_DATACONTENTTYPE] = {FIELD(datacontenttype), NULL},
};

struct slice event_field_get(const struct event *event, enum field_id id) {
    struct slice value;
    assert(id < FIELD_COUNT);
    memcpy(&value, (const char *)event + EVENT_FIELDS[id].offset, sizeof value);
    return value;
}

void event_field_set(struct event *event, enum field_id id,
                     struct slice value) {
    assert(id < FIELD_COUNT);
    memcpy((char *)event + EVENT_FIELDS[id].offset, &value, sizeof value);
}

enum field_id event_field_find(struct slice name) {
    unsigned id = 0;
    while (id < FIELD_COUNT &&
           !slice_eq(name, slice_of(EVENT_FIELDS[id].name,
                                    EVENT_FIELDS[id].name_len))) {
        id++;
    }
    return (enum field_id)id;
}

bool event_field_name_ok(struct slice name) {
    if (name.len == 0 || name.len > EVENT_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return true;
}

bool event_field_is_added(struct slice name) {
    static const char *const added[] = {"journalid", "journallife",
                                        "journalsequence", "recordedtime"};
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        if (slice_eq_str(name, added[i])) {
            return true;
        }
    }
    return false;
}

/* The code point at the front of valid UTF-8; moves behind it. */
static uint32_t take_code_point(struct cursor *in) {
    uint8_t lead = in->all.data[in->at];
    if (lead < 0x80) {
        in->at++;
        return lead;
    }
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t code_point = lead & (0x3fU >> more);
    for (size_t i = 1; i <= more; i++) {
        code_point = code_point << 6 | (in->all.data[in->at + i] & 0x3f);
    }
    in->at += more + 1;
    return code_point;
}

static bool is_barred(uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f) ||
           (code_point >= 0xfdd0 && code_point <= 0xfdef) ||
           (code_point & 0xfffe) == 0xfffe;
}

bool event_field_text_ok(struct slice text) {
    struct cursor in = cursor_over(text);
    while (in.at < text.len) {
        if (is_barred(take_code_point(&in))) {
            return false;
        }
    }
    return true;
}

size_t event_field_text_characters(struct slice text) {
    struct cursor in = cursor_over(text);
    size_t count = 0;
    while (in.at < text.len) {
        take_code_point(&in);
        count++;
    }
    return count;
}

/* "type/subtype" alone. */
static struct slice without_parameters(struct slice content_type) {
    size_t len = 0;
    while (len < content_type.len && content_type.data[len] != ';' &&
           content_type.data[len] != ' ') {
        len++;
    }
    return slice_part(content_type, 0, len);
}

/* Whether `text` ends with `end`, ASCII letters alike in either case; `end` is
 * given in small letters. */
static bool ends_with(struct slice text, const char *end) {
    size_t len = strlen(end);
    if (text.len < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.data[text.len - len + i];
        if (c >= 'A' && c <= 'Z') {
            c = (uint8_t)(c - 'A' + 'a');
        }
        if (c != (uint8_t)end[i]) {
            return false;
        }
    }
    return true;
}

bool event_field_is_json(struct slice content_type) {
    struct slice type = without_parameters(content_type);
    return ends_with(type, "/json") || ends_with(type, "+json");
}

bool event_field_is_cbor(struct slice content_type) {
    struct slice type = without_parameters(content_type);
    return type.len == strlen("application/cbor") &&
           ends_with(type, "application/cbor");
}
