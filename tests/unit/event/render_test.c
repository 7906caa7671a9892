/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/base64.h"
#include "gateway/event/json.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static _Alignas(16) uint8_t arena_buf[2 * 1024 * 1024];
static uint8_t out_buf[512 * 1024];

static const struct event_record RECORD = {
    .seq = 42,
    .wall_us = 1795429110123456,
    .journal_id = {{0x0b, 0xad, 0xca, 0xfe}},
    .life = {{0x5e, 0xed, 1, 2, 3, 4, 5, 6}},
};

/* SLICE() where only a constant will do. */
#define BYTES(literal) \
    { (const uint8_t *)(literal), sizeof(literal) - 1 }

static const struct event FULL = {
    .id = BYTES("p\"1"),
    .source = BYTES("/s"),
    .type = BYTES("T"),
    .subject = BYTES("o-1"),
    .time = BYTES("2026-11-23T10:18:30Z"),
    .dataschema = BYTES("urn:x"),
    .datacontenttype = BYTES("application/json"),
    .extensions =
        {{.name = BYTES("n"),
          .kind = EVENT_VALUE_INTEGER,
          .integer = INT32_MIN},
         {.name = BYTES("b"), .kind = EVENT_VALUE_BOOLEAN, .integer = 0},
         {.name = BYTES("t"), .kind = EVENT_VALUE_TEXT, .text = BYTES("")}},
    .extension_count = 3,
    .data_kind = EVENT_DATA_JSON,
    .data = BYTES("{ \"a\" :\n[1.50, \"x y\"]}"),
};

#define ATTRIBUTES                                                  \
    "{\"specversion\":\"1.0\",\"id\":\"p\\\"1\",\"source\":\"/s\"," \
    "\"type\":\"T\",\"subject\":\"o-1\","                           \
    "\"time\":\"2026-11-23T10:18:30Z\",\"dataschema\":\"urn:x\","   \
    "\"n\":-2147483648,\"b\":false,\"t\":\"\""

#define RECORDED                                     \
    ",\"journalid\":\"0badcafe00000000\""            \
    ",\"journallife\":\"5eed010203040506\""          \
    ",\"journalsequence\":\"00000000000000000042\"," \
    "\"recordedtime\":\"2026-11-23T10:18:30.123456Z\""

static struct slice render(const struct event *event,
                           const struct event_record *record) {
    struct writer writer = writer_over(out_buf, sizeof out_buf);
    assert_int_equal(event_render_json(event, record, &writer), ERR_OK);
    return writer_slice(&writer);
}

/* Goal: what the gateway adds stands there once, whatever a journal of an older
 * program holds; a life that is not known is not invented. */
static void adds_its_own_once(void **state) {
    (void)state;
    struct event event = {.id = SLICE("a"),
                          .source = SLICE("/s"),
                          .type = SLICE("T"),
                          .extension_count = 2};
    event.extensions[0] = (struct event_extension){.name = SLICE("journallife"),
                                                   .text = SLICE("forged")};
    event.extensions[1] = (struct event_extension){.name = SLICE("journalid"),
                                                   .text = SLICE("forged")};
    assert_says(render(&event, &RECORD),
                "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"/s\","
                "\"type\":\"T\"" RECORDED "}");
    event.extension_count = 0;
    struct event_record old = RECORD;
    old.life = (struct event_life){{0}};
    assert_says(render(&event, &old),
                "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"/s\","
                "\"type\":\"T\",\"journalid\":\"0badcafe00000000\","
                "\"journalsequence\":\"00000000000000000042\","
                "\"recordedtime\":\"2026-11-23T10:18:30.123456Z\"}");
}

/* Goal: an own event's id tells its life; an older form, a device's id and
 * anything else do not. */
static void reads_the_life_of_an_own_id(void **state) {
    (void)state;
    struct event_life life;
    char text[EVENT_LIFE_DIGITS + 1] = "";
    struct writer writer = writer_over(text, sizeof text);
    assert_int_equal(event_life_of_own_id(SLICE("5eed0102030405ff-7-1"), &life),
                     ERR_OK);
    event_life_write(&writer, life);
    assert_string_equal(text, "5eed0102030405ff");
    assert_true(event_life_is_known(life));
    static const char *const others[] = {"",
                                         "0badcafe-7-1",
                                         "5eed0102030405ff",
                                         "-7-1",
                                         "5eed0102030405FF-7",
                                         "5eed010203040g06-7-1",
                                         "till-1-000000000-1"};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(event_life_of_own_id(slice_from_str(others[i]), &life),
                         ERR_NOT_FOUND);
    }
}

/* Goal: one line, specversion, id, source and type first, data last, numbers
 * and strings of data as they came; without a record, nothing of it. */
static void renders_in_order(void **state) {
    (void)state;
    assert_says(render(&FULL, &RECORD),
                ATTRIBUTES RECORDED ",\"datacontenttype\":\"application/json\","
                                    "\"data\":{\"a\":[1.50,\"x y\"]}}");
    assert_says(render(&FULL, NULL),
                ATTRIBUTES ",\"datacontenttype\":\"application/json\","
                           "\"data\":{\"a\":[1.50,\"x y\"]}}");
}

/* Goal: binary data comes out as data_base64, none as nothing. */
static void renders_binary_and_nothing(void **state) {
    (void)state;
    struct event event = FULL;
    event.datacontenttype = SLICE("image/png");
    event.data_kind = EVENT_DATA_BINARY;
    event.data = SLICE("\xfb\xff\xbf!");
    assert_says(render(&event, &RECORD),
                ATTRIBUTES RECORDED ",\"datacontenttype\":\"image/png\","
                                    "\"data_base64\":\"+/+/IQ==\"}");
    event.data_kind = EVENT_DATA_NONE;
    event.datacontenttype = SLICE_EMPTY;
    assert_says(render(&event, &RECORD), ATTRIBUTES RECORDED "}");
}

/* Goal: CBOR data becomes JSON and its content type says so; another content
 * type is left alone, and so is application/cbor on binary data. */
static void converts_the_content_type(void **state) {
    (void)state;
    static const struct {
        const char *type;
        const char *rendered;
    } cases[] = {
        {"application/cbor", "application/json"},
        {"Application/CBOR; x=y", "application/json"},
        {"application/cbor-seq", "application/cbor-seq"},
        {"text/plain", "text/plain"},
    };
    struct event event = {.id = SLICE("1"),
                          .source = SLICE("/s"),
                          .type = SLICE("T"),
                          .data_kind = EVENT_DATA_CBOR,
                          .data = SLICE("\x82\x01\xf5")};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char wanted[256];
        event.datacontenttype = slice_from_str(cases[i].type);
        snprintf(wanted, sizeof wanted,
                 "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\","
                 "\"type\":\"T\",\"datacontenttype\":\"%s\","
                 "\"data\":[1,true]}",
                 cases[i].rendered);
        assert_says(render(&event, NULL), wanted);
    }
    event.datacontenttype = SLICE("application/cbor");
    event.data_kind = EVENT_DATA_BINARY;
    assert_says(render(&event, NULL),
                "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\","
                "\"type\":\"T\",\"datacontenttype\":\"application/cbor\","
                "\"data_base64\":\"ggH1\"}");
}

/* The event's data as JSON, out of an arena of exactly `room` bytes. */
static err_t convert(const char *hex, size_t room, struct slice *ret,
                     struct reason *reason) {
    static uint8_t bytes[512];
    struct arena arena = arena_over(arena_buf, room);
    struct event event = {.data_kind = EVENT_DATA_CBOR,
                          .data = from_hex(hex, bytes, sizeof bytes)};
    return event_data_json(&event, &arena, ret, reason);
}

static const struct {
    const char *hex;
    const char *json;
} CONVERSIONS[] = {
    {"00", "0"},
    {"17", "23"},
    {"1818", "24"},
    {"1903e8", "1000"},
    {"1a000f4240", "1000000"},
    {"1b000000e8d4a51000", "1000000000000"},
    {"1bffffffffffffffff", "18446744073709551615"},
    {"c249010000000000000000", "\"AQAAAAAAAAAA\""},
    {"3bffffffffffffffff", "-18446744073709551616"},
    {"3bfffffffffffffffe", "-18446744073709551615"},
    {"c349010000000000000000", "\"~AQAAAAAAAAAA\""},
    {"20", "-1"},
    {"3863", "-100"},
    {"3903e7", "-1000"},
    {"f90000", "0"},
    {"f98000", "-0"},
    {"f93c00", "1"},
    {"fb3ff199999999999a", "1.1"},
    {"f93e00", "1.5"},
    {"f97bff", "65504"},
    {"fa47c35000", "100000"},
    {"fa41ad999a", "21.7"},
    {"fa7f7fffff", "3.4028235e+38"},
    {"fb7e37e43c8800759c", "1e+300"},
    {"f90001", "5.9604645e-08"},
    {"f90400", "6.1035156e-05"},
    {"f9c400", "-4"},
    {"fbc010666666666666", "-4.1"},
    {"fb3fb999999999999a", "0.1"},
    {"fb3fd5555555555555", "0.3333333333333333"},
    {"fb0000000000000001", "4.94065645841247e-324"},
    {"fb7fefffffffffffff", "1.7976931348623157e+308"},
    {"f4", "false"},
    {"f5", "true"},
    {"f6", "null"},
    {"c074323031332d30332d32315432303a30343a30305a",
     "\"2013-03-21T20:04:00Z\""},
    {"c11a514b67b0", "1363896240"},
    {"d74401020304", "\"01020304\""},
    {"d64401020304", "\"AQIDBA==\""},
    {"d54401020304", "\"AQIDBA\""},
    {"d818456449455446", "\"ZElFVEY\""},
    {"d82076687474703a2f2f7777772e6578616d706c652e636f6d",
     "\"http://www.example.com\""},
    {"40", "\"\""},
    {"4401020304", "\"AQIDBA\""},
    {"43fbffbf", "\"-_-_\""},
    {"60", "\"\""},
    {"62225c", "\"\\\"\\\\\""},
    {"62c3bc", "\"\xc3\xbc\""},
    {"620120", "\"\\u0001 \""},
    {"80", "[]"},
    {"8301820203820405", "[1,[2,3],[4,5]]"},
    {"a0", "{}"},
    {"a26161016162820203", "{\"a\":1,\"b\":[2,3]}"},
    {"826161a161626163", "[\"a\",{\"b\":\"c\"}]"},
    {"9fff", "[]"},
    {"9f018202039f0405ffff", "[1,[2,3],[4,5]]"},
    {"bfff", "{}"},
    {"bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"},
    {"d7824101d5420203", "[\"01\",\"AgM\"]"},
    {"a1622201f6", "{\"\\\"\\u0001\":null}"},
};

/* Goal: the examples of RFC 8949 appendix A that JSON can say come out as that
 * appendix and section 6.1 have them. */
static void converts_what_json_can_say(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(CONVERSIONS); i++) {
        struct slice json;
        struct reason reason = {""};
        if (convert(CONVERSIONS[i].hex, 256, &json, &reason) != ERR_OK) {
            fail_msg("%s: %s", CONVERSIONS[i].hex, reason.text);
        }
        assert_says(json, CONVERSIONS[i].json);
        assert_int_equal(json_check(json, NULL), ERR_OK);
    }
}

/* Goal: what JSON cannot say is refused, and said which. */
static void refuses_what_json_cannot_say(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        const char *what;
    } cases[] = {
        {"f97c00", "infinite or not a number"},
        {"f97e00", "infinite or not a number"},
        {"f9fc00", "infinite or not a number"},
        {"fa7f800000", "infinite or not a number"},
        {"fa7fc00000", "infinite or not a number"},
        {"fbfff0000000000000", "infinite or not a number"},
        {"f7", "undefined"},
        {"81f7", "undefined"},
        {"a10102", "a map key that is not a text string"},
        {"a1f602", "a map key that is not a text string"},
        {"a1416102", "a map key that is not a text string"},
        {"a1c0616102", "a map key that is not a text string"},
        {"bf8001ff", "a map key that is not a text string"},
        {"c201", "a bignum that is not a byte string"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice json = SLICE("untouched");
        struct reason reason = {""};
        assert_int_equal(convert(cases[i].hex, 256, &json, &reason),
                         ERR_UNSUPPORTED);
        assert_says(json, "untouched");
        if (strstr(reason.text, cases[i].what) == NULL) {
            fail_msg("%s: %s", cases[i].hex, reason.text);
        }
    }
}

/* Goal: rendering what JSON cannot say leaves the writer as it was; a writer
 * too small by any number of bytes is ERR_FULL and nothing is written past
 * it. */
static void failures_leave_no_mess(void **state) {
    (void)state;
    struct event event = FULL;
    event.data_kind = EVENT_DATA_CBOR;
    event.data = SLICE("\x82\x01\xf7");
    struct writer writer = writer_over(out_buf, sizeof out_buf);
    writer_str(&writer, "before");
    assert_int_equal(event_render_json(&event, &RECORD, &writer),
                     ERR_UNSUPPORTED);
    assert_says(writer_slice(&writer), "before");
    assert_false(writer.full);
    size_t whole = render(&FULL, &RECORD).len;
    for (size_t cap = 0; cap < whole; cap++) {
        uint8_t *exactly = malloc(cap + 1);
        writer = writer_over(exactly, cap);
        assert_int_equal(event_render_json(&FULL, &RECORD, &writer), ERR_FULL);
        free(exactly);
    }
}

/* Goal: data is JSON text whatever it came as, and a full arena says so and
 * keeps what it had. */
static void gives_data_as_json(void **state) {
    (void)state;
    struct arena arena = arena_over(arena_buf, 64);
    struct event event = {.data_kind = EVENT_DATA_NONE};
    struct slice json;
    assert_int_equal(event_data_json(&event, &arena, &json, NULL), ERR_OK);
    assert_says(json, "null");
    event.data_kind = EVENT_DATA_JSON;
    event.data = SLICE("{ \"a\":1e2 }");
    assert_int_equal(event_data_json(&event, &arena, &json, NULL), ERR_OK);
    assert_ptr_equal(json.data, event.data.data);
    event.data_kind = EVENT_DATA_BINARY;
    event.data = SLICE("foob");
    assert_int_equal(event_data_json(&event, &arena, &json, NULL), ERR_OK);
    assert_says(json, "\"Zm9vYg==\"");
    assert_int_equal(arena.len, 10);
    arena.cap = 16 + 9;
    assert_int_equal(event_data_json(&event, &arena, &json, NULL), ERR_FULL);
    assert_int_equal(arena.len, 10);
    arena.cap = 16 + 10;
    assert_int_equal(event_data_json(&event, &arena, &json, NULL), ERR_OK);
    arena.cap = 12;
    arena.len = 11;
    assert_int_equal(event_data_json(&event, &arena, &json, NULL), ERR_FULL);
}

/* Goal: what is rendered is an event again: reading it gives back the same one,
 * with the two attributes of the record taken off. */
static void renders_what_it_can_read(void **state) {
    (void)state;
    struct random random = random_start("renders_what_it_can_read");
    for (int i = 0; i < 1000; i++) {
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct event event = random_event(&random, &arena);
        struct event back;
        struct slice data;
        struct slice text = render(&event, NULL);
        assert_null(memchr(text.data, '\n', text.len));
        assert_int_equal(
            event_read(EVENT_ENCODING_JSON, text, &arena, &back, NULL), ERR_OK);
        if (event.data_kind == EVENT_DATA_CBOR) {
            assert_int_equal(event_data_json(&event, &arena, &data, NULL),
                             ERR_OK);
            event.data_kind = EVENT_DATA_JSON;
            event.data = data;
        }
        assert_same_event(&event, &back);
        /* With the record it is one whose reserved names a device may not
         * send. */
        text = render(&event, &RECORD);
        assert_int_equal(json_check(text, NULL), ERR_OK);
        assert_int_equal(json_get(text, "journalsequence", &data), ERR_OK);
        assert_says(data, "\"00000000000000000042\"");
    }
}

/* Goal: converting never needs more than six times the data's length and 16
 * bytes, as the header says. */
static void conversion_keeps_to_its_bound(void **state) {
    (void)state;
    static const char *const worst[] = {
        "f4",
        "6101",
        "f90400",
        "fbffefffffffffffff",
        "60",
        "fa80800001",
        "3bffffffffffffffff",
        "40",
        "c340",
        "a16000",
        "8af4f4f4f4f4f4f4f4f4f4",
    };
    for (size_t i = 0; i < COUNT(worst); i++) {
        struct slice json;
        size_t room = strlen(worst[i]) / 2 * 6 + 16;
        assert_int_equal(convert(worst[i], room, &json, NULL), ERR_OK);
    }
    struct random random = random_start("conversion_keeps_to_its_bound");
    for (int i = 0; i < 1000; i++) {
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct event event;
        struct slice json;
        do {
            arena_reset(&arena);
            event = random_event(&random, &arena);
        } while (event.data_kind != EVENT_DATA_CBOR);
        struct arena room = arena_over(out_buf, event.data.len * 6 + 16);
        assert_int_equal(event_data_json(&event, &room, &json, NULL), ERR_OK);
    }
}

/* Goal: base 64 and 16 write the vectors of RFC 4648 section 10. */
static void writes_the_vectors_of_rfc_4648(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        const char *base64;
        const char *base64url;
        const char *base16;
    } cases[] = {
        {"", "", "", ""},
        {"f", "Zg==", "Zg", "66"},
        {"fo", "Zm8=", "Zm8", "666F"},
        {"foo", "Zm9v", "Zm9v", "666F6F"},
        {"foob", "Zm9vYg==", "Zm9vYg", "666F6F62"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE", "666F6F6261"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy", "666F6F626172"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice bytes = slice_from_str(cases[i].bytes);
        uint8_t buf[3][16];
        struct writer out[3];
        for (size_t k = 0; k < 3; k++) {
            out[k] = writer_over(buf[k], sizeof buf[k]);
        }
        event_base64_write(&out[0], bytes);
        event_base64url_write(&out[1], bytes);
        event_base16_write(&out[2], bytes);
        assert_says(writer_slice(&out[0]), cases[i].base64);
        assert_says(writer_slice(&out[1]), cases[i].base64url);
        assert_says(writer_slice(&out[2]), cases[i].base16);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_its_own_once),
        cmocka_unit_test(reads_the_life_of_an_own_id),
        cmocka_unit_test(renders_in_order),
        cmocka_unit_test(renders_binary_and_nothing),
        cmocka_unit_test(converts_the_content_type),
        cmocka_unit_test(converts_what_json_can_say),
        cmocka_unit_test(refuses_what_json_cannot_say),
        cmocka_unit_test(failures_leave_no_mess),
        cmocka_unit_test(gives_data_as_json),
        cmocka_unit_test(renders_what_it_can_read),
        cmocka_unit_test(conversion_keeps_to_its_bound),
        cmocka_unit_test(writes_the_vectors_of_rfc_4648),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
