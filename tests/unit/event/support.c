/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/event/json.h"

struct random random_start(const char *what) {
    const char *given = getenv("EDGE_SEED");
    uint64_t seed;
    if (given != NULL) {
        seed = strtoull(given, NULL, 0);
    } else {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    }
    printf("%s: EDGE_SEED=%llu\n", what, (unsigned long long)seed);
    return (struct random){seed};
}

/* splitmix64. */
uint64_t random_u64(struct random *random) {
    random->state += 0x9e3779b97f4a7c15;
    uint64_t z = random->state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

size_t random_below(struct random *random, size_t below) {
    return (size_t)(random_u64(random) % below);
}

struct slice exact(struct slice bytes) {
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(copy);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return slice_of(copy, bytes.len);
}

void exact_free(struct slice *bytes) {
    void *data;
    memcpy(&data, &bytes->data, sizeof data);
    free(data);
    *bytes = SLICE_EMPTY;
}

struct slice from_hex(const char *hex, uint8_t *buf, size_t size) {
    size_t len = strlen(hex) / 2;
    assert_true(len <= size);
    for (size_t i = 0; i < len; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        buf[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return slice_of(buf, len);
}

void cbor_head(struct writer *out, int major, uint64_t value) {
    uint8_t high = (uint8_t)(major << 5);
    if (value < 24) {
        writer_u8(out, (uint8_t)(high + value));
    } else if (value < 256) {
        writer_u8(out, (uint8_t)(high + 24));
        writer_u8(out, (uint8_t)value);
    } else {
        writer_u8(out, (uint8_t)(high + 27));
        writer_u64(out, value);
    }
}

void cbor_text(struct writer *out, struct slice text) {
    cbor_head(out, 3, text.len);
    writer_slice_add(out, text);
}

struct slice random_text(struct random *random, struct arena *arena,
                         size_t max) {
    static const char *const letters[] = {
        "a",        "B",
        "7",        " ",
        "/",        "\"",
        "\\",       "\xc3\xa4",
        "\xc2\xa0", "\xe2\x82\xac",
        "{",        "\xf0\x9f\x9b\x92",
    };
    uint8_t *room = arena_alloc(arena, max);
    assert_non_null(room);
    struct writer out = writer_over(room, max);
    size_t count = random_below(random, max + 1);
    for (size_t i = 0; i < count && !out.full; i++) {
        size_t which = random_below(random, sizeof letters / sizeof *letters);
        writer_str(&out, letters[which]);
    }
    return writer_slice(&out);
}

static void twin_number(struct random *random, struct writer *json,
                        struct writer *cbor) {
    uint64_t magnitude = random_u64(random) >> random_below(random, 64);
    if (random_below(random, 2) == 0) {
        writer_printf(json, "%llu", (unsigned long long)magnitude);
        cbor_head(cbor, 0, magnitude);
        return;
    }
    uint64_t n = magnitude >> 1;
    writer_printf(json, "-%llu", (unsigned long long)n + 1);
    cbor_head(cbor, 1, n);
}

/* Eighths: exact in binary, short in decimal. */
static void twin_double(struct random *random, struct writer *json,
                        struct writer *cbor) {
    double number = (double)random_below(random, 100000) / 8 - 500;
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    writer_printf(json, "%.10g", number);
    writer_u8(cbor, 0xfb);
    writer_u64(cbor, bits);
}

static void twin_nested(struct random *random, struct arena *arena,
                        uint32_t depth, struct writer *json,
                        struct writer *cbor) {
    bool is_map = random_below(random, 2) == 0;
    bool indefinite = random_below(random, 2) == 0;
    size_t count = random_below(random, 5);
    int major = is_map ? 5 : 4;
    if (indefinite) {
        writer_u8(cbor, (uint8_t)(major << 5 | 31));
    } else {
        cbor_head(cbor, major, count);
    }
    writer_u8(json, is_map ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        writer_str(json, i > 0 ? "," : "");
        if (is_map) {
            struct slice key = random_text(random, arena, 8);
            json_write_string(json, key);
            writer_u8(json, ':');
            cbor_text(cbor, key);
        }
        random_twins(random, arena, depth - 1, json, cbor);
    }
    writer_u8(json, is_map ? '}' : ']');
    if (indefinite) {
        writer_u8(cbor, 0xff);
    }
}

void random_twins(struct random *random, struct arena *arena, uint32_t depth,
                  struct writer *json, struct writer *cbor) {
    struct slice text;
    switch (random_below(random, depth > 0 ? 9 : 6)) {
    case 0:
        twin_number(random, json, cbor);
        return;
    case 1:
        twin_double(random, json, cbor);
        return;
    case 2:
        text = random_text(random, arena, 20);
        json_write_string(json, text);
        cbor_text(cbor, text);
        return;
    case 3:
        writer_str(json, "true");
        writer_u8(cbor, 0xf5);
        return;
    case 4:
        writer_str(json, "false");
        writer_u8(cbor, 0xf4);
        return;
    case 5:
        writer_str(json, "null");
        writer_u8(cbor, 0xf6);
        return;
    default:
        twin_nested(random, arena, depth, json, cbor);
        return;
    }
}

static struct slice not_empty(struct random *random, struct arena *arena,
                              size_t max) {
    struct slice text = random_text(random, arena, max);
    return text.len > 0 ? text : SLICE("x");
}

static struct slice maybe(struct random *random, struct arena *arena) {
    return random_below(random, 2) == 0 ? SLICE_EMPTY
                                        : not_empty(random, arena, 300);
}

static void random_extensions(struct random *random, struct arena *arena,
                              struct event *event) {
    event->extension_count =
        (uint32_t)random_below(random, EVENT_EXTENSIONS_MAX + 1);
    for (uint32_t i = 0; i < event->extension_count; i++) {
        uint8_t *room = arena_alloc(arena, EVENT_NAME_MAX);
        assert_non_null(room);
        struct writer name = writer_over(room, EVENT_NAME_MAX);
        /* Unlike names of unlike lengths. */
        writer_printf(&name, "e%c%u", (char)('a' + random_below(random, 26)),
                      i);
        writer_fill(&name, 'z', random_below(random, 12));
        struct event_extension *extension = &event->extensions[i];
        *extension = (struct event_extension){.name = writer_slice(&name)};
        switch (random_below(random, 3)) {
        case 0:
            extension->kind = EVENT_VALUE_TEXT;
            extension->text = random_text(random, arena, 200);
            break;
        case 1:
            extension->kind = EVENT_VALUE_INTEGER;
            extension->integer = (int32_t)(uint32_t)(random_u64(random) >>
                                                     random_below(random, 64));
            break;
        default:
            extension->kind = EVENT_VALUE_BOOLEAN;
            extension->integer = (int32_t)random_below(random, 2);
            break;
        }
    }
}

static void random_data(struct random *random, struct arena *arena,
                        struct event *event) {
    enum { ROOM = 64 * 1024 };
    void *json_room = arena_alloc(arena, ROOM);
    void *cbor_room = arena_alloc(arena, ROOM);
    assert_non_null(json_room);
    assert_non_null(cbor_room);
    struct writer json = writer_over(json_room, ROOM);
    struct writer cbor = writer_over(cbor_room, ROOM);
    random_twins(random, arena, 4, &json, &cbor);
    assert_false(json.full || cbor.full);
    event->data_kind = (enum event_data_kind)random_below(random, 4);
    if (event->data_kind == EVENT_DATA_JSON) {
        event->data = writer_slice(&json);
    } else if (event->data_kind != EVENT_DATA_NONE) {
        event->data = writer_slice(&cbor);
    }
}

struct event random_event(struct random *random, struct arena *arena) {
    struct event event = {
        .id = not_empty(random, arena, EVENT_ID_MAX),
        .source = not_empty(random, arena, 100),
        .type = not_empty(random, arena, EVENT_TYPE_MAX),
        .subject = maybe(random, arena),
        .dataschema = maybe(random, arena),
    };
    if (random_below(random, 2) == 0) {
        event.time = SLICE("2026-11-23T10:18:30.123456Z");
    }
    if (random_below(random, 2) == 0) {
        event.datacontenttype = SLICE("application/vnd.shopme");
    }
    random_extensions(random, arena, &event);
    random_data(random, arena, &event);
    return event;
}

static void assert_same(struct slice a, struct slice b, const char *what) {
    if (!slice_eq(a, b)) {
        fail_msg("%s: \"%.*s\" is not \"%.*s\"", what, SLICE_ARG(a),
                 SLICE_ARG(b));
    }
}

static const struct event_extension *find_extension(const struct event *event,
                                                    struct slice name) {
    for (uint32_t i = 0; i < event->extension_count; i++) {
        if (slice_eq(event->extensions[i].name, name)) {
            return &event->extensions[i];
        }
    }
    fail_msg("no extension \"%.*s\"", SLICE_ARG(name));
    return NULL;
}

void assert_same_event(const struct event *a, const struct event *b) {
    assert_same(a->id, b->id, "id");
    assert_same(a->source, b->source, "source");
    assert_same(a->type, b->type, "type");
    assert_same(a->subject, b->subject, "subject");
    assert_same(a->time, b->time, "time");
    assert_same(a->datacontenttype, b->datacontenttype, "datacontenttype");
    assert_same(a->dataschema, b->dataschema, "dataschema");
    assert_int_equal(a->data_kind, b->data_kind);
    assert_same(a->data, b->data, "data");
    assert_int_equal(a->extension_count, b->extension_count);
    for (uint32_t i = 0; i < a->extension_count; i++) {
        const struct event_extension *x = &a->extensions[i];
        const struct event_extension *y = find_extension(b, x->name);
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->integer, y->integer);
        assert_same(x->text, y->text, "extension");
    }
}

void assert_says(struct slice slice, const char *text) {
    assert_same(slice, slice_from_str(text), "text");
}
