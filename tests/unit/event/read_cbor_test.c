/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/event/json.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static _Alignas(16) uint8_t arena_buf[4 * 1024 * 1024];

/* A member of a CBOR event: its name and its value's bytes. */
struct pair {
    const char *name;
    const char *hex;
};

static const struct pair FULL[] = {
    {"specversion", "63312e30"},          /* "1.0" */
    {"id", "63702d31"},                   /* "p-1" */
    {"source", "d820672f73312f742d31"},   /* 32("/s1/t-1") */
    {"type", "6b4f72646572506c61636564"}, /* "OrderPlaced" */
    {"subject", "636f2d31"},              /* "o-1" */
    {"time", "c074323032362d31312d32335431303a31383a33305a"},
    {"datacontenttype", "706170706c69636174696f6e2f63626f72"},
    {"dataschema", "6575726e3a78"}, /* "urn:x" */
    {"partitionkey", "636f2d31"},   /* "o-1" */
    {"count", "22"},                /* -3 */
    {"urgent", "f5"},               /* true */
    {"gone", "f6"},                 /* null */
    {"data", "a265746f74616cfb4029000000000000616e1801"},
};

static void put_pair(struct writer *out, const struct pair *pair) {
    uint8_t bytes[512];
    cbor_text(out, slice_from_str(pair->name));
    writer_slice_add(out, from_hex(pair->hex, bytes, sizeof bytes));
}

/* The four required attributes and `count` more. */
static struct slice event_with(const struct pair *more, size_t count,
                               uint8_t *buf, size_t size) {
    struct writer out = writer_over(buf, size);
    cbor_head(&out, 5, 4 + count);
    for (size_t i = 0; i < 4; i++) {
        put_pair(&out, &FULL[i]);
    }
    for (size_t i = 0; i < count; i++) {
        put_pair(&out, &more[i]);
    }
    assert_false(out.full);
    return writer_slice(&out);
}

static struct slice full_event(uint8_t *buf, size_t size) {
    return event_with(&FULL[4], COUNT(FULL) - 4, buf, size);
}

static err_t read_bytes(struct slice bytes, struct event *ret,
                        struct reason *reason) {
    struct arena arena = arena_over(arena_buf, sizeof arena_buf);
    return event_read(EVENT_ENCODING_CBOR, bytes, &arena, ret, reason);
}

static void refuse(struct slice bytes, err_t err, const char *why) {
    struct reason reason = {""};
    struct event event;
    struct slice copy = exact(bytes);
    err_t got = read_bytes(copy, &event, &reason);
    exact_free(&copy);
    if (got != err || strstr(reason.text, why) == NULL) {
        fail_msg("wanted \"%s\", got %s \"%s\"", why, err_name(got),
                 reason.text);
    }
}

static void refuse_hex(const char *hex, const char *why) {
    uint8_t bytes[512];
    refuse(from_hex(hex, bytes, sizeof bytes), ERR_PARSE, why);
}

static void refuse_with(struct pair more, err_t err, const char *why) {
    uint8_t bytes[1024];
    refuse(event_with(&more, 1, bytes, sizeof bytes), err, why);
}

/* Goal: every attribute arrives where it belongs, tagged as the draft allows,
 * and data as the bytes that were sent. */
static void reads_every_attribute(void **state) {
    (void)state;
    uint8_t buf[1024];
    struct event event;
    struct slice text;
    uint8_t data[64];
    struct slice payload = full_event(buf, sizeof buf);
    assert_int_equal(event_encoding_guess(payload), EVENT_ENCODING_CBOR);
    assert_int_equal(read_bytes(payload, &event, NULL), ERR_OK);
    assert_says(event.id, "p-1");
    assert_says(event.source, "/s1/t-1");
    assert_says(event.type, "OrderPlaced");
    assert_says(event.subject, "o-1");
    assert_says(event.time, "2026-11-23T10:18:30Z");
    assert_says(event.datacontenttype, "application/cbor");
    assert_says(event.dataschema, "urn:x");
    assert_int_equal(event_extension_text(&event, "partitionkey", &text),
                     ERR_OK);
    assert_says(text, "o-1");
    assert_int_equal(event.extension_count, 3);
    assert_int_equal(event.extensions[1].integer, -3);
    assert_int_equal(event.extensions[2].kind, EVENT_VALUE_BOOLEAN);
    assert_int_equal(event.data_kind, EVENT_DATA_CBOR);
    assert_true(
        slice_eq(event.data, from_hex(FULL[12].hex, data, sizeof data)));
}

/* Goal: the self-described tag and a map of indefinite length are taken; null
 * data is data. */
static void reads_what_encoders_write(void **state) {
    (void)state;
    static const struct pair null_data = {"data", "f6"};
    uint8_t buf[1024];
    uint8_t other[1024];
    struct event event;
    struct slice payload = event_with(&null_data, 1, buf, sizeof buf);
    struct writer out = writer_over(other, sizeof other);
    writer_slice_add(&out, slice_of("\xd9\xd9\xf7", 3));
    writer_u8(&out, 0xbf);
    writer_slice_add(&out, slice_part(payload, 1, payload.len - 1));
    writer_u8(&out, 0xff);
    assert_int_equal(event_encoding_guess(writer_slice(&out)),
                     EVENT_ENCODING_CBOR);
    assert_int_equal(read_bytes(writer_slice(&out), &event, NULL), ERR_OK);
    assert_int_equal(event.data_kind, EVENT_DATA_CBOR);
    assert_true(slice_eq(event.data, slice_of("\xf6", 1)));
}

/* Goal: a byte string is binary data; text is JSON where datacontenttype says
 * so, wherever that attribute stands, and a CBOR item elsewhere. */
static void tells_what_data_is(void **state) {
    (void)state;
    static const struct pair json_type = {"datacontenttype",
                                          "706170706c69636174696f6e2f6a736f6e"};
    static const struct pair json_text = {"data", "675b312c2022225d"};
    static const struct pair other_text = {"data", "615b"};
    static const struct pair bytes = {"data", "430001ff"};
    struct pair pairs[2] = {json_text, json_type};
    uint8_t buf[1024];
    struct event event;
    assert_int_equal(
        read_bytes(event_with(pairs, 2, buf, sizeof buf), &event, NULL),
        ERR_OK);
    assert_int_equal(event.data_kind, EVENT_DATA_JSON);
    assert_says(event.data, "[1, \"\"]");
    assert_int_equal(
        read_bytes(event_with(&json_text, 1, buf, sizeof buf), &event, NULL),
        ERR_OK);
    assert_int_equal(event.data_kind, EVENT_DATA_CBOR);
    assert_int_equal(
        read_bytes(event_with(&bytes, 1, buf, sizeof buf), &event, NULL),
        ERR_OK);
    assert_int_equal(event.data_kind, EVENT_DATA_BINARY);
    assert_true(slice_eq(event.data, slice_of("\0\1\xff", 3)));
    pairs[0] = other_text;
    refuse(event_with(pairs, 2, buf, sizeof buf), ERR_PARSE,
           "datacontenttype says that data is JSON, but it is not JSON at");
}

/* Goal: what no attribute can be is refused by name. */
static void refuses_wrong_values(void **state) {
    (void)state;
    refuse_with((struct pair){"x", "4161"}, ERR_PARSE,
                "\"x\" is a byte string: send it as text");
    refuse_with((struct pair){"subject", "4161"}, ERR_PARSE,
                "\"subject\" is a byte string: send it as text");
    refuse_with((struct pair){"subject", "01"}, ERR_PARSE,
                "\"subject\" must be a string");
    refuse_with((struct pair){"subject", "60"}, ERR_RANGE, "is empty");
    refuse_with((struct pair){"x", "f93c00"}, ERR_PARSE, "\"x\" must be");
    refuse_with((struct pair){"x", "fa3f800000"}, ERR_PARSE, "\"x\" must be");
    refuse_with((struct pair){"x", "80"}, ERR_PARSE, "\"x\" must be");
    refuse_with((struct pair){"x", "a0"}, ERR_PARSE, "\"x\" must be");
    refuse_with((struct pair){"x", "f7"}, ERR_PARSE, "\"x\" must be");
    refuse_with((struct pair){"x", "1a80000000"}, ERR_PARSE, "32 bits");
    refuse_with((struct pair){"x", "3a80000000"}, ERR_PARSE, "32 bits");
    refuse_with((struct pair){"x", "3bffffffffffffffff"}, ERR_PARSE, "32 bits");
    refuse_with((struct pair){"x", "c101"}, ERR_PARSE, "\"x\" must be");
    refuse_with((struct pair){"x", "c001"}, ERR_PARSE, "only text can have");
    refuse_with((struct pair){"x", "d820c06161"}, ERR_PARSE,
                "only text can have");
    refuse_with((struct pair){"x", "6101"}, ERR_PARSE, "control character");
    refuse_with((struct pair){"time", "6161"}, ERR_PARSE, "RFC 3339");
    refuse_with((struct pair){"recordedtime", "6161"}, ERR_RANGE,
                "added by the gateway");
    refuse_with((struct pair){"journalsequence", "f6"}, ERR_RANGE,
                "added by the gateway");
    refuse_with((struct pair){"data_base64", "6161"}, ERR_PARSE,
                "attribute name \"data_base64\"");
    refuse_with((struct pair){"X", "6161"}, ERR_PARSE, "attribute name \"X\"");
}

/* Goal: the edges of 32 bits are integers. */
static void takes_the_edges_of_integers(void **state) {
    (void)state;
    static const struct pair pairs[] = {
        {"a", "1a7fffffff"}, {"b", "3a7fffffff"}, {"c", "1b0000000000000005"}};
    uint8_t buf[1024];
    struct event event;
    assert_int_equal(
        read_bytes(event_with(pairs, 3, buf, sizeof buf), &event, NULL),
        ERR_OK);
    assert_int_equal(event.extensions[0].integer, INT32_MAX);
    assert_int_equal(event.extensions[1].integer, INT32_MIN);
    assert_int_equal(event.extensions[2].integer, 5);
}

/* Goal: what RFC 8949 calls malformed, or what we refuse on purpose, is refused
 * with its own word. */
static void refuses_broken_cbor(void **state) {
    (void)state;
    refuse_hex("", "ends where an item should begin");
    refuse_hex("80", "one CBOR map");
    refuse_hex("d9d9f780", "one CBOR map");
    refuse_hex("d9d9f7d9d9f7a0", "one CBOR map");
    refuse_hex("01", "one CBOR map");
    refuse(slice_of("\xa0", 1), ERR_RANGE,
           "this is no CloudEvent: specversion is missing");
    refuse(slice_of("\xa1\x01\x02", 3), ERR_RANGE, /* {1: 2} */
           "this is no CloudEvent: specversion is missing");
    refuse_hex("a26b7370656376657273696f6e63312e300101",
               "name must be a text string");
    refuse_hex("a26b7370656376657273696f6e63312e30416101",
               "name must be a text string");
    refuse_hex("a1", "more elements than there are bytes");
    refuse_hex("a161", "an item is cut short");
    refuse_hex("a16161", "ends where an item should begin");
    refuse_hex("bf", "ends where an item should begin");
    refuse_hex("bf6161ff", "a break with nothing to end");
    refuse_hex("a16161ff", "a break with nothing to end");
    refuse_hex("ff00", "a break with nothing to end");
    refuse_hex("a161611c", "a reserved head");
    refuse_hex("a161613f", "a reserved head");
    refuse_hex("a16161df", "a reserved head");
    refuse_hex("a16161e0", "unknown simple value");
    refuse_hex("a16161f818", "unknown simple value");
    refuse_hex("a16161f8ff", "unknown simple value");
    refuse_hex("a161617f6161ff", "send it in one piece");
    refuse_hex("a17f6161ff01", "send it in one piece");
    refuse_hex("a164646174615f4161ff", "send it in one piece");
    refuse_hex("a16161"
               "62c328",
               "not UTF-8");
    refuse_hex("a161ff01", "not UTF-8");
    refuse_hex("a16464617461"
               "8163eda0",
               "an item is cut short");
    refuse_hex("a16464617461"
               "8163eda080",
               "not UTF-8");
}

/* Goal: nothing may follow the event. */
static void refuses_trailing_bytes(void **state) {
    (void)state;
    uint8_t buf[1024];
    struct slice payload = full_event(buf, sizeof buf - 1);
    buf[payload.len] = 0xf6;
    refuse(slice_of(buf, payload.len + 1), ERR_PARSE,
           "something follows the event");
}

/* Goal: no attribute may stand twice: every one of a full event, with its own
 * value, with null and with another. */
static void refuses_every_duplicate(void **state) {
    (void)state;
    static const char *const values[] = {"f6", "6178", "63312e30", "07"};
    for (size_t i = 0; i < COUNT(FULL); i++) {
        for (size_t k = 0; k <= COUNT(values); k++) {
            struct pair more[COUNT(FULL) - 3];
            uint8_t buf[2048];
            memcpy(more, &FULL[4], sizeof more - sizeof *more);
            more[COUNT(FULL) - 4] = (struct pair){
                FULL[i].name, k < COUNT(values) ? values[k] : FULL[i].hex};
            refuse(event_with(more, COUNT(more), buf, sizeof buf), ERR_PARSE,
                   "is given twice");
        }
    }
}

/* Goal: every truncation is refused, reading no byte past its end, and of the
 * result only the id is touched, once it is whole. */
static void refuses_every_truncation(void **state) {
    (void)state;
    uint8_t buf[1024];
    struct slice payload = full_event(buf, sizeof buf);
    struct event before;
    memset(&before, 0x5a, sizeof before);
    size_t named = 0;
    for (size_t len = 0; len < payload.len; len++) {
        struct slice part = exact(slice_part(payload, 0, len));
        struct event event;
        struct reason reason = {""};
        memset(&event, 0x5a, sizeof event);
        assert_int_equal(read_bytes(part, &event, &reason), ERR_PARSE);
        assert_true(strlen(reason.text) > 0);
        if (memcmp(&event.id, &before.id, sizeof event.id) != 0) {
            assert_says(event.id, "p-1");
            event.id = before.id;
            named++;
        }
        assert_memory_equal(&event, &before, sizeof event);
        exact_free(&part);
    }
    assert_true(named > payload.len / 2);
}

/* In data, `count` times `head` and then a null. */
static err_t read_nested(uint8_t head, size_t count, struct reason *reason) {
    static uint8_t buf[70000];
    struct writer out = writer_over(buf, sizeof buf);
    struct event event;
    cbor_head(&out, 5, 5);
    for (size_t i = 0; i < 4; i++) {
        put_pair(&out, &FULL[i]);
    }
    cbor_text(&out, SLICE("data"));
    for (size_t i = 0; i < count; i++) {
        writer_u8(&out, head);
        if (head == 0xa1) {
            cbor_text(&out, SLICE("a"));
        }
    }
    writer_u8(&out, 0xf6);
    assert_false(out.full);
    return read_bytes(writer_slice(&out), &event, reason);
}

/* Goal: arrays, maps and tags nest as deep as JSON may, the event itself
 * included, and no deeper; twenty thousand do not touch the stack. */
static void bounds_the_depth(void **state) {
    (void)state;
    static const uint8_t heads[] = {0x81, 0xa1, 0xc6, 0xd7};
    for (size_t i = 0; i < sizeof heads; i++) {
        struct reason reason = {""};
        assert_int_equal(read_nested(heads[i], JSON_DEPTH_MAX - 1, &reason),
                         ERR_OK);
        assert_int_equal(read_nested(heads[i], JSON_DEPTH_MAX, &reason),
                         ERR_PARSE);
        assert_non_null(strstr(reason.text, "nested more than 32 deep"));
        assert_int_equal(read_nested(heads[i], 20000, &reason), ERR_PARSE);
    }
}

static size_t resident_pages(void) {
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident;
}

/* Goal: a few bytes that claim millions of elements, or gigabytes of text, cost
 * what a few bytes cost: no memory, no time. */
static void bombs_cost_nothing(void **state) {
    (void)state;
    static const char *const bombs[] = {
        "9a01ffffff",
        "9affffffff",
        "9bffffffffffffffff",
        "9b7fffffffffffffff",
        "ba01ffffff",
        "bbffffffffffffffff",
        "bb8000000000000000",
        "5affffffff",
        "7bffffffffffffffff",
        "a161619a01ffffff",
        "a164646174619a01ffffff",
        "a16464617461bb7fffffffffffffff",
        "a164646174615bffffffffffffffff",
        "bf64646174619fff9a01ffffff",
    };
    size_t before = resident_pages();
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < COUNT(bombs); i++) {
            uint8_t bytes[32];
            struct event event;
            struct slice bomb = from_hex(bombs[i], bytes, sizeof bytes);
            assert_int_equal(read_bytes(bomb, &event, NULL), ERR_PARSE);
        }
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true((resident_pages() - before) * page < (size_t)1024 * 1024 ||
                resident_pages() < before);
}

/* An event in both encodings, made of the same random attributes and data. */
struct twins {
    struct writer json;
    struct writer cbor;
};

static void put_twin_text(struct twins *twins, const char *name,
                          struct slice value) {
    writer_printf(&twins->json, ",\"%s\":", name);
    json_write_string(&twins->json, value);
    cbor_text(&twins->cbor, slice_from_str(name));
    cbor_text(&twins->cbor, value);
}

static void make_twins(struct random *random, struct arena *arena,
                       struct twins *twins) {
    int32_t number = (int32_t)(uint32_t)random_u64(random);
    writer_str(&twins->json, "{\"specversion\":\"1.0\"");
    cbor_head(&twins->cbor, 5, 8);
    put_pair(&twins->cbor, &FULL[0]);
    put_twin_text(twins, "id", SLICE("p-1"));
    put_twin_text(twins, "source", SLICE("/s1/t-1"));
    put_twin_text(twins, "type", SLICE("OrderPlaced"));
    put_twin_text(twins, "extra", random_text(random, arena, 100));
    writer_printf(&twins->json,
                  ",\"number\":%d,\"yes\":true,\"data\":", (int)number);
    cbor_text(&twins->cbor, SLICE("number"));
    if (number >= 0) {
        cbor_head(&twins->cbor, 0, (uint64_t)number);
    } else {
        cbor_head(&twins->cbor, 1, (uint64_t)(-1 - (int64_t)number));
    }
    cbor_text(&twins->cbor, SLICE("yes"));
    writer_u8(&twins->cbor, 0xf5);
    cbor_text(&twins->cbor, SLICE("data"));
    random_twins(random, arena, 5, &twins->json, &twins->cbor);
    writer_u8(&twins->json, '}');
    assert_false(twins->json.full || twins->cbor.full);
}

/* Goal: the same event sent in JSON and in CBOR comes out as the same text, the
 * whole of it and its data. */
static void twins_render_alike(void **state) {
    (void)state;
    struct random random = random_start("twins_render_alike");
    static uint8_t buf[4][256 * 1024];
    const struct event_record record = {.seq = 7, .wall_us = 1};
    for (int i = 0; i < 1000; i++) {
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct twins twins = {.json = writer_over(buf[0], sizeof buf[0]),
                              .cbor = writer_over(buf[1], sizeof buf[1])};
        struct event a;
        struct event b;
        struct slice a_data;
        struct slice b_data;
        struct writer a_out = writer_over(buf[2], sizeof buf[2]);
        struct writer b_out = writer_over(buf[3], sizeof buf[3]);
        make_twins(&random, &arena, &twins);
        assert_int_equal(event_read(EVENT_ENCODING_JSON,
                                    writer_slice(&twins.json), &arena, &a,
                                    NULL),
                         ERR_OK);
        assert_int_equal(event_read(EVENT_ENCODING_CBOR,
                                    writer_slice(&twins.cbor), &arena, &b,
                                    NULL),
                         ERR_OK);
        assert_int_equal(event_data_json(&a, &arena, &a_data, NULL), ERR_OK);
        assert_int_equal(event_data_json(&b, &arena, &b_data, NULL), ERR_OK);
        assert_true(slice_eq(a_data, b_data));
        assert_int_equal(event_render_json(&a, &record, &a_out), ERR_OK);
        assert_int_equal(event_render_json(&b, &record, &b_out), ERR_OK);
        assert_true(slice_eq(writer_slice(&a_out), writer_slice(&b_out)));
    }
}

/* Goal: no mutation of a valid event makes the reader fail in another way than
 * with a class and a reason; what it takes can be kept and rendered, or is said
 * to be beyond JSON. */
static void survives_mutations(void **state) {
    (void)state;
    struct random random = random_start("survives_mutations");
    uint8_t buf[1024];
    static uint8_t out[64 * 1024];
    struct slice payload = full_event(buf, sizeof buf);
    size_t taken = 0;
    for (int i = 0; i < 10000; i++) {
        uint8_t *bytes = malloc(payload.len);
        struct reason reason = {""};
        struct event event;
        memcpy(bytes, payload.data, payload.len);
        for (size_t k = random_below(&random, 3); k > 0; k--) {
            bytes[random_below(&random, payload.len)] =
                (uint8_t)random_u64(&random);
        }
        err_t err = read_bytes(slice_of(bytes, payload.len), &event, &reason);
        if (err == ERR_OK) {
            struct writer writer = writer_over(out, sizeof out);
            struct event_record record = {.seq = 0};
            taken++;
            event_store(&event, &writer);
            err = event_render_json(&event, &record, &writer);
            assert_true(err == ERR_OK || err == ERR_UNSUPPORTED);
        } else {
            assert_true(err == ERR_PARSE || err == ERR_RANGE);
            assert_true(strlen(reason.text) > 0);
        }
        free(bytes);
    }
    assert_true(taken > 1000 && taken < 19000);
}

static void refused_id(struct slice bytes, const char *id) {
    struct reason reason = {""};
    struct event event = {0};
    struct slice copy = exact(bytes);
    err_t err = read_bytes(copy, &event, &reason);
    assert_true(err == ERR_PARSE || err == ERR_RANGE);
    if (!slice_eq_str(event.id, id)) {
        fail_msg("\"%s\" comes with the id \"%.*s\"", reason.text,
                 SLICE_ARG(event.id));
    }
    exact_free(&copy);
}

static void refused_hex_id(const char *hex, const char *id) {
    uint8_t bytes[512];
    refused_id(from_hex(hex, bytes, sizeof bytes), id);
}

/* Goal: a refused event hands its id out, and nothing that is none. */
static void refused_event_keeps_its_id(void **state) {
    (void)state;
    static const struct pair wrong[] = {
        {"time", "646e6f6f6e"},      /* "noon" */
        {"Upper", "01"},             /* a name with a capital */
        {"subject", "60"},           /* "" */
        {"x", "a16269646139"},       /* {"id": "9"} */
        {"y", "4101"},               /* a byte string */
        {"z", "fb3ff8000000000000"}, /* 1.5 */
    };
    uint8_t buf[1024];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        refused_id(event_with(&wrong[i], 1, buf, sizeof buf), "p-1");
    }
    refused_hex_id("a262696463702d310102", "p-1");   /* 1: 2 */
    refused_hex_id("a281010262696463702d31", "p-1"); /* [1]: 2 */
    refused_hex_id("bf62696463702d31ff", "p-1");
    refused_hex_id("d9d9f7a1626964d82063702d31", "p-1");
    refused_hex_id("a1626964d82163702d31", "");  /* another tag */
    refused_hex_id("a162696460", "");            /* "" */
    refused_hex_id("a162696407", "");            /* 7 */
    refused_hex_id("a162696443702d31", "");      /* bytes */
    refused_hex_id("a162696463702d3100", "p-1"); /* what follows */
    refused_hex_id("a262696463702d31", "p-1");   /* cut short behind it */
    refused_hex_id("a262696463702d316161", "p-1");
    refused_hex_id("a262696463702d", ""); /* cut short in it */
    refused_hex_id("a2626964", "");
    refused_hex_id("a26161ff62696463702d31", ""); /* before it */
    refused_hex_id("a262696461316269646132", ""); /* twice */
    refused_hex_id("a16178a16269646131", "");     /* not on top */
    refused_hex_id("81626964", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_attribute),
        cmocka_unit_test(reads_what_encoders_write),
        cmocka_unit_test(tells_what_data_is),
        cmocka_unit_test(refuses_wrong_values),
        cmocka_unit_test(takes_the_edges_of_integers),
        cmocka_unit_test(refuses_broken_cbor),
        cmocka_unit_test(refuses_trailing_bytes),
        cmocka_unit_test(refuses_every_duplicate),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(bombs_cost_nothing),
        cmocka_unit_test(twins_render_alike),
        cmocka_unit_test(survives_mutations),
        cmocka_unit_test(refused_event_keeps_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
