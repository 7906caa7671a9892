/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's form, in deterministic CBOR (RFC 8949 section 4.2.1): shortest
 * heads, sizes given, keys sorted. So each event has exactly one form, and the
 * reader refuses all others.
 *
 *   map(n) {
 *     "id": text                         each attribute that is there
 *     "data": text                       JSON, verbatim
 *           | tag 24 (byte string)       one CBOR item, verbatim
 *           | byte string                binary
 *     "specversion": "1.0"
 *     extension: text | integer | boolean
 *   } */
#include <assert.h>

#include "gateway/event/entries.h"
#include "gateway/event/item.h"
#include "gateway/event/json.h"

enum major {
    MAJOR_UNSIGNED = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
};

enum {
    HEAD_MAX = 9,
    SIMPLE_FALSE = 20,
    SIMPLE_TRUE = 21,
    TAG_CBOR = 24, /* "encoded CBOR data item" */
};

static void write_head(struct writer *writer, enum major major,
                       uint64_t value) {
    assert(major <= MAJOR_SIMPLE);
    uint8_t high = (uint8_t)(major << 5);
    if (value < 24) {
        writer_u8(writer, (uint8_t)(high | value));
    } else if (value <= UINT8_MAX) {
        writer_u8(writer, high | 24);
        writer_u8(writer, (uint8_t)value);
    } else if (value <= UINT16_MAX) {
        writer_u8(writer, high | 25);
        writer_u16(writer, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        writer_u8(writer, high | 26);
        writer_u32(writer, (uint32_t)value);
    } else {
        writer_u8(writer, high | 27);
        writer_u64(writer, value);
    }
}

static void write_string(struct writer *writer, enum major major,
                         struct slice bytes) {
    write_head(writer, major, bytes.len);
    writer_slice_add(writer, bytes);
}

static void write_value(struct writer *writer, const struct entry *entry) {
    switch (entry->kind) {
    case ENTRY_TEXT:
    case ENTRY_DATA_JSON:
        write_string(writer, MAJOR_TEXT, entry->bytes);
        return;
    case ENTRY_INTEGER:
        if (entry->integer >= 0) {
            write_head(writer, MAJOR_UNSIGNED, (uint64_t)entry->integer);
        } else {
            write_head(writer, MAJOR_NEGATIVE,
                       (uint64_t)(-1 - (int64_t)entry->integer));
        }
        return;
    case ENTRY_BOOLEAN:
        write_head(writer, MAJOR_SIMPLE,
                   entry->integer != 0 ? SIMPLE_TRUE : SIMPLE_FALSE);
        return;
    case ENTRY_DATA_CBOR:
        write_head(writer, MAJOR_TAG, TAG_CBOR);
        write_string(writer, MAJOR_BYTES, entry->bytes);
        return;
    case ENTRY_DATA_BINARY:
        write_string(writer, MAJOR_BYTES, entry->bytes);
        return;
    }
}

/* Nothing that event_load() refuses may reach a journal. */
static void assert_valid(const struct entry *entry) {
    switch (entry->kind) {
    case ENTRY_TEXT:
        assert(slice_is_utf8(entry->bytes));
        break;
    case ENTRY_DATA_JSON:
        assert(json_check(entry->bytes, NULL) == ERR_OK);
        break;
    case ENTRY_DATA_CBOR:
        assert(event_item_check(entry->bytes, NULL) == ERR_OK);
        break;
    case ENTRY_INTEGER:
    case ENTRY_BOOLEAN:
    case ENTRY_DATA_BINARY:
        break;
    }
}

void event_store(const struct event *event, struct writer *writer) {
    struct entries entries = event_entries_of(event);
    assert(event->id.len > 0);
    assert(event->source.len > 0);
    assert(event->type.len > 0);
    write_head(writer, MAJOR_MAP, entries.count);
    for (uint32_t i = 0; i < entries.count; i++) {
        const struct entry *entry = &entries.list[i];
        assert(i == 0 ||
               event_entry_name_before(entries.list[i - 1].name, entry->name));
        assert_valid(entry);
        write_string(writer, MAJOR_TEXT, entry->name);
        write_value(writer, entry);
    }
}

size_t event_store_bound(const struct event *event) {
    struct entries entries = event_entries_of(event);
    size_t bound = HEAD_MAX;
    for (uint32_t i = 0; i < entries.count; i++) {
        /* A name's head, a tag, and the value's own. */
        bound += entries.list[i].name.len + entries.list[i].bytes.len +
                 (size_t)3 * HEAD_MAX;
    }
    return bound;
}

struct head {
    enum major major;
    uint64_t value;
};

/* Accepts the shortest form only. */
static err_t take_head(struct cursor *in, struct head *ret) {
    uint8_t first;
    uint8_t value8;
    uint16_t value16;
    uint32_t value32;
    TRY(cursor_u8(in, &first));
    ret->major = (enum major)(first >> 5);
    switch (first & 0x1f) {
    case 24:
        TRY(cursor_u8(in, &value8));
        ret->value = value8;
        ENSURE(ret->value >= 24, ERR_PARSE);
        return ERR_OK;
    case 25:
        TRY(cursor_u16(in, &value16));
        ret->value = value16;
        ENSURE(ret->value > UINT8_MAX, ERR_PARSE);
        return ERR_OK;
    case 26:
        TRY(cursor_u32(in, &value32));
        ret->value = value32;
        ENSURE(ret->value > UINT16_MAX, ERR_PARSE);
        return ERR_OK;
    case 27:
        TRY(cursor_u64(in, &ret->value));
        ENSURE(ret->value > UINT32_MAX, ERR_PARSE);
        return ERR_OK;
    default:
        ret->value = first & 0x1f;
        ENSURE(ret->value < 24, ERR_PARSE);
        return ERR_OK;
    }
}

static err_t take_string(struct cursor *in, enum major major,
                         struct slice *ret) {
    struct head head;
    TRY(take_head(in, &head));
    ENSURE(head.major == major && head.value <= cursor_left(in), ERR_PARSE);
    TRY(cursor_take(in, (size_t)head.value, ret));
    ENSURE(major != MAJOR_TEXT || slice_is_utf8(*ret), ERR_PARSE);
    return ERR_OK;
}

static err_t load_data(struct cursor *in, struct event *event) {
    struct cursor ahead = *in;
    struct head head;
    TRY(take_head(&ahead, &head));
    if (head.major == MAJOR_TEXT) {
        event->data_kind = EVENT_DATA_JSON;
        TRY(take_string(in, MAJOR_TEXT, &event->data));
        return json_check(event->data, NULL);
    }
    if (head.major == MAJOR_TAG && head.value == TAG_CBOR) {
        event->data_kind = EVENT_DATA_CBOR;
        TRY(take_head(in, &head));
        TRY(take_string(in, MAJOR_BYTES, &event->data));
        return event_item_check(event->data, NULL);
    }
    event->data_kind = EVENT_DATA_BINARY;
    return take_string(in, MAJOR_BYTES, &event->data);
}

static err_t load_field(struct cursor *in, struct event *event,
                        enum field_id id) {
    struct slice value;
    TRY(take_string(in, MAJOR_TEXT, &value));
    ENSURE(value.len > 0, ERR_PARSE);
    event_field_set(event, id, value);
    return ERR_OK;
}

static err_t load_value(struct cursor *in, struct event_extension *extension) {
    struct cursor ahead = *in;
    struct head head;
    TRY(take_head(&ahead, &head));
    if (head.major == MAJOR_TEXT) {
        extension->kind = EVENT_VALUE_TEXT;
        return take_string(in, MAJOR_TEXT, &extension->text);
    }
    *in = ahead;
    if (head.major == MAJOR_SIMPLE) {
        ENSURE(head.value == SIMPLE_FALSE || head.value == SIMPLE_TRUE,
               ERR_PARSE);
        extension->kind = EVENT_VALUE_BOOLEAN;
        extension->integer = head.value == SIMPLE_TRUE ? 1 : 0;
        return ERR_OK;
    }
    ENSURE(head.major == MAJOR_UNSIGNED || head.major == MAJOR_NEGATIVE,
           ERR_PARSE);
    ENSURE(head.value <= INT32_MAX, ERR_PARSE);
    int32_t value = (int32_t)head.value;
    extension->kind = EVENT_VALUE_INTEGER;
    extension->integer = head.major == MAJOR_UNSIGNED ? value : -1 - value;
    return ERR_OK;
}

static err_t load_extension(struct cursor *in, struct event *event,
                            struct slice name) {
    struct event_extension extension = {.name = name};
    ENSURE(event->extension_count < EVENT_EXTENSIONS_MAX, ERR_PARSE);
    ENSURE(event_field_name_ok(name), ERR_PARSE);
    TRY(load_value(in, &extension));
    event->extensions[event->extension_count] = extension;
    event->extension_count++;
    return ERR_OK;
}

static err_t load_entry(struct cursor *in, struct event *event,
                        struct slice name, bool *has_version) {
    enum field_id id = event_field_find(name);
    if (id != FIELD_COUNT) {
        return load_field(in, event, id);
    }
    if (slice_eq_str(name, "data")) {
        return load_data(in, event);
    }
    if (slice_eq_str(name, FIELD_VERSION_NAME)) {
        struct slice version;
        TRY(take_string(in, MAJOR_TEXT, &version));
        ENSURE(slice_eq_str(version, FIELD_VERSION), ERR_PARSE);
        *has_version = true;
        return ERR_OK;
    }
    return load_extension(in, event, name);
}

static err_t load(struct cursor *in, struct event *event) {
    struct head head;
    struct slice before = SLICE_EMPTY;
    bool has_version = false;
    TRY(take_head(in, &head));
    ENSURE(head.major == MAJOR_MAP, ERR_PARSE);
    for (uint64_t i = 0; i < head.value; i++) {
        struct slice name;
        TRY(take_string(in, MAJOR_TEXT, &name));
        ENSURE(event_entry_name_before(before, name), ERR_PARSE);
        TRY(load_entry(in, event, name, &has_version));
        before = name;
    }
    ENSURE(cursor_left(in) == 0 && has_version, ERR_PARSE);
    ENSURE(event->id.len > 0 && event->source.len > 0 && event->type.len > 0,
           ERR_PARSE);
    return ERR_OK;
}

err_t event_load(struct slice stored, struct event *ret) {
    struct cursor in = cursor_over(stored);
    struct event event = {.data_kind = EVENT_DATA_NONE};
    ENSURE(load(&in, &event) == ERR_OK, ERR_CORRUPT);
    *ret = event;
    return ERR_OK;
}
