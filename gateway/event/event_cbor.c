/* SPDX-License-Identifier: Apache-2.0 */
/* The CBOR event format of CloudEvents, a working draft (cbor-format.md in the
 * specification's working-drafts). */
#include "gateway/event/build.h"
#include "gateway/event/item.h"
#include "gateway/event/json.h"

enum {
    TAG_DATE_TIME = 0,          /* RFC 8949 section 3.4.1 */
    TAG_URI = 32,               /* section 3.4.5.3 */
    TAG_SELF_DESCRIBED = 55799, /* section 3.4.6 */
};

struct reading {
    struct cursor in;
    struct build build;
    struct reason *reason;
    /* The data, held back until all attributes are read: their datacontenttype
     * says what it is. */
    bool has_data;
    struct slice data;
    struct item data_head;
};

static err_t refuse(struct reading *reading, struct slice name,
                    const char *what) {
    return reason_set(reading->reason, ERR_PARSE, "attribute \"%.*s\" %s",
                      SLICE_ARG(name), what);
}

static struct build_value integer_value(const struct item *item) {
    if (item->value > INT32_MAX) {
        return (struct build_value){.kind = BUILD_OTHER};
    }
    int32_t value = (int32_t)item->value;
    return (struct build_value){
        .kind = BUILD_INTEGER,
        .integer = item->kind == ITEM_UNSIGNED ? value : -1 - value};
}

static struct build_value attribute_value(const struct item *item) {
    switch (item->kind) {
    case ITEM_TEXT:
        return (struct build_value){.kind = BUILD_TEXT, .text = item->bytes};
    case ITEM_UNSIGNED:
    case ITEM_NEGATIVE:
        return integer_value(item);
    case ITEM_BOOLEAN:
        return (struct build_value){.kind = BUILD_BOOLEAN,
                                    .integer = (int32_t)item->value};
    case ITEM_NULL:
        return (struct build_value){.kind = BUILD_NULL};
    case ITEM_BYTES:
    case ITEM_ARRAY:
    case ITEM_MAP:
    case ITEM_TAG:
    case ITEM_UNDEFINED:
    case ITEM_HALF:
    case ITEM_FLOAT:
    case ITEM_DOUBLE:
        break;
    }
    return (struct build_value){.kind = BUILD_OTHER};
}

/* The tags that encoders put on what CloudEvents calls a timestamp or a URI. */
static bool is_text_tag(const struct item *item) {
    return item->kind == ITEM_TAG &&
           (item->value == TAG_DATE_TIME || item->value == TAG_URI);
}

static err_t add_attribute(struct reading *reading, struct slice name) {
    struct item item;
    TRY(event_build_name(&reading->build, name));
    TRY(event_item_next(&reading->in, &item, reading->reason));
    if (is_text_tag(&item)) {
        TRY(event_item_next(&reading->in, &item, reading->reason));
        if (item.kind != ITEM_TEXT) {
            return refuse(reading, name, "has a tag that only text can have");
        }
    }
    if (item.kind == ITEM_BYTES) {
        return refuse(reading, name, "is a byte string: send it as text");
    }
    struct build_value value = attribute_value(&item);
    return event_build_attribute(&reading->build, name, &value);
}

static err_t keep_data(struct reading *reading) {
    struct cursor *in = &reading->in;
    size_t start = in->at;
    if (reading->has_data) {
        return reason_set(reading->reason, ERR_PARSE,
                          "data is given twice: send it once");
    }
    reading->has_data = true;
    struct cursor ahead = *in;
    TRY(event_item_next(&ahead, &reading->data_head, reading->reason));
    TRY(event_item_skip(in, 1, reading->reason));
    reading->data = slice_part(in->all, start, in->at - start);
    return ERR_OK;
}

/* A byte string is binary data. For text, datacontenttype decides: JSON text if
 * it says JSON, else a CBOR item like any other (section 3.1.2). */
static err_t add_data(struct reading *reading) {
    struct build *build = &reading->build;
    const struct item *head = &reading->data_head;
    if (head->kind == ITEM_BYTES) {
        return event_build_data(build, EVENT_DATA_BINARY, head->bytes);
    }
    if (head->kind != ITEM_TEXT ||
        !event_field_is_json(build->event.datacontenttype)) {
        return event_build_data(build, EVENT_DATA_CBOR, reading->data);
    }
    struct reason why;
    if (json_check(head->bytes, &why) != ERR_OK) {
        return reason_set(reading->reason, ERR_PARSE,
                          "datacontenttype says that data is JSON, but it is "
                          "%s",
                          why.text);
    }
    return event_build_data(build, EVENT_DATA_JSON, head->bytes);
}

static err_t add_pair(struct reading *reading) {
    struct item key;
    TRY(event_item_next(&reading->in, &key, reading->reason));
    if (key.kind != ITEM_TEXT) {
        return reason_set(reading->reason, ERR_PARSE,
                          "an attribute's name must be a text string");
    }
    if (slice_eq_str(key.bytes, "data")) {
        return keep_data(reading);
    }
    return add_attribute(reading, key.bytes);
}

static err_t begin_map(struct cursor *in, struct item *ret,
                       struct reason *reason) {
    TRY(event_item_next(in, ret, reason));
    if (ret->kind == ITEM_TAG && ret->value == TAG_SELF_DESCRIBED) {
        TRY(event_item_next(in, ret, reason));
    }
    if (ret->kind != ITEM_MAP) {
        return reason_set(reason, ERR_PARSE,
                          "an event is one CBOR map: send one at a time");
    }
    return ERR_OK;
}

err_t event_read_cbor(struct slice payload, struct event *ret,
                      struct reason *reason) {
    struct reading reading = {.in = cursor_over(payload),
                              .build = {.reason = reason},
                              .reason = reason};
    struct item map;
    TRY(begin_map(&reading.in, &map, reason));
    while (event_item_more(&reading.in, &map)) {
        TRY(add_pair(&reading));
    }
    if (cursor_left(&reading.in) > 0) {
        return reason_set(reason, ERR_PARSE,
                          "something follows the event at byte %zu",
                          reading.in.at);
    }
    if (reading.has_data) {
        TRY(add_data(&reading));
    }
    return event_build_finish(&reading.build, ret);
}

/* Reads a pair of the map: its key, and its value's head. */
static err_t take_pair(struct cursor *in, struct item *ret_key,
                       struct item *ret_value) {
    struct cursor ahead = *in;
    TRY(event_item_next(&ahead, ret_key, NULL));
    TRY(event_item_skip(in, 1, NULL));
    ahead = *in;
    TRY(event_item_next(&ahead, ret_value, NULL));
    if (is_text_tag(ret_value)) {
        TRY(event_item_next(&ahead, ret_value, NULL));
    }
    return event_item_skip(in, 1, NULL);
}

static bool key_is(const struct item *key, const char *name) {
    return key->kind == ITEM_TEXT && slice_eq_str(key->bytes, name);
}

/* False if it ends in an error. */
static bool glance_at_pairs(struct cursor *in, struct item *map,
                            struct event_glance *glance) {
    while (event_item_more(in, map)) {
        struct item key;
        struct item value;
        if (take_pair(in, &key, &value) != ERR_OK) {
            return false;
        }
        glance->has_version |= key_is(&key, FIELD_VERSION_NAME);
        if (key_is(&key, EVENT_FIELDS[FIELD_ID].name)) {
            glance->ids++;
            glance->id = value.kind == ITEM_TEXT ? value.bytes : SLICE_EMPTY;
        }
    }
    return true;
}

void event_glance_cbor(struct slice payload, struct event_glance *ret) {
    struct cursor in = cursor_over(payload);
    struct item map;
    *ret = (struct event_glance){.ids = 0};
    if (begin_map(&in, &map, NULL) == ERR_OK) {
        ret->whole = glance_at_pairs(&in, &map, ret) && cursor_left(&in) == 0;
    }
    if (ret->ids != 1) {
        ret->id = SLICE_EMPTY;
    }
}
