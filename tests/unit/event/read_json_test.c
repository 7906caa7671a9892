/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define REQUIRED \
    "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\""

static const char FULL[] =
    "{\"specversion\":\"1.0\",\"id\":\"p-1\",\"source\":\"/store-7/till-1\","
    "\"type\":\"OrderPlaced\",\"subject\":\"o-1\","
    "\"time\":\"2026-11-23T10:18:30Z\","
    "\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:x\","
    "\"partitionkey\":\"o-1\",\"count\":-3,\"urgent\":true,\"late\":false,"
    "\"gone\":null,\"data\":{\"total\":12.50}}";

static _Alignas(16) uint8_t arena_buf[2 * EVENT_BYTES_MAX];

/* Reads from a copy of exactly that size, which stays until the next call. */
static err_t read_text(const char *text, struct event *ret,
                       struct reason *reason) {
    static uint8_t payload[8192];
    struct slice bytes = slice_from_str(text);
    struct slice copy = exact(bytes);
    struct arena arena = arena_over(arena_buf, sizeof arena_buf);
    struct event event;
    err_t err = event_read(EVENT_ENCODING_JSON, copy, &arena, &event, reason);
    exact_free(&copy);
    if (err != ERR_OK) {
        return err;
    }
    arena_reset(&arena);
    memcpy(payload, bytes.data, bytes.len);
    return event_read(EVENT_ENCODING_JSON, slice_of(payload, bytes.len), &arena,
                      ret, reason);
}

static void refuse(const char *text, err_t err, const char *why) {
    struct reason reason = {""};
    struct event event;
    err_t got = read_text(text, &event, &reason);
    if (got != err || strstr(reason.text, why) == NULL) {
        fail_msg("%s\n  gives %s \"%s\"", text, err_name(got), reason.text);
    }
}

/* Goal: every attribute arrives where it belongs, in its own kind, and data to
 * the byte. */
static void reads_every_attribute(void **state) {
    (void)state;
    struct event event;
    struct slice text;
    assert_int_equal(read_text(FULL, &event, NULL), ERR_OK);
    assert_says(event.id, "p-1");
    assert_says(event.source, "/store-7/till-1");
    assert_says(event.type, "OrderPlaced");
    assert_says(event.subject, "o-1");
    assert_says(event.time, "2026-11-23T10:18:30Z");
    assert_says(event.datacontenttype, "application/json");
    assert_says(event.dataschema, "urn:x");
    assert_int_equal(event.data_kind, EVENT_DATA_JSON);
    assert_says(event.data, "{\"total\":12.50}");
    assert_int_equal(event.extension_count, 4);
    assert_int_equal(event_extension_text(&event, "partitionkey", &text),
                     ERR_OK);
    assert_says(text, "o-1");
    assert_int_equal(event_extension_text(&event, "count", &text),
                     ERR_NOT_FOUND);
    assert_says(event.extensions[1].name, "count");
    assert_int_equal(event.extensions[1].kind, EVENT_VALUE_INTEGER);
    assert_int_equal(event.extensions[1].integer, -3);
    assert_int_equal(event.extensions[2].kind, EVENT_VALUE_BOOLEAN);
    assert_int_equal(event.extensions[2].integer, 1);
    assert_int_equal(event.extensions[3].integer, 0);
}

/* Goal: the least that makes an event is enough, null is as good as absent,
 * white space is free, escapes in values are decoded. */
static void reads_the_least_there_can_be(void **state) {
    (void)state;
    struct event event;
    assert_int_equal(read_text("{" REQUIRED "}", &event, NULL), ERR_OK);
    assert_int_equal(event.data_kind, EVENT_DATA_NONE);
    assert_int_equal(event.extension_count, 0);
    assert_int_equal(event.subject.len, 0);
    assert_int_equal(
        read_text("\n{ " REQUIRED ",\"subject\":null,\"time\":null,"
                  "\"x\":null,\"data_base64\":null, \"dataschema\" : "
                  "\"caf\\u00e9\\/\"} ",
                  &event, NULL),
        ERR_OK);
    assert_int_equal(event.extension_count, 0);
    assert_int_equal(event.data_kind, EVENT_DATA_NONE);
    assert_says(event.dataschema, "caf\xc3\xa9/");
}

/* Goal: data of any kind stays the text it was, whatever datacontenttype
 * says. */
static void keeps_data_verbatim(void **state) {
    (void)state;
    static const char *const values[] = {
        "{ \"a\" : 1.50,\"a\":1e400 }",
        "[1,\n2]",
        "\"caf\\u00e9 <xml>\"",
        "-0.0",
        "true",
        "null",
        "123456789012345678901234567890",
    };
    for (size_t i = 0; i < COUNT(values); i++) {
        char text[512];
        struct event event;
        snprintf(text, sizeof text,
                 "{" REQUIRED ",\"datacontenttype\":\"text/xml\","
                 "\"data\": %s }",
                 values[i]);
        assert_int_equal(read_text(text, &event, NULL), ERR_OK);
        assert_int_equal(event.data_kind, EVENT_DATA_JSON);
        assert_says(event.data, values[i]);
    }
}

/* Goal: data_base64 becomes its bytes, with JSON's escapes in it too. */
static void decodes_base64(void **state) {
    (void)state;
    static const struct {
        const char *base64;
        const char *bytes;
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"+\\/+\\u002f", "\xfb\xff\xbf"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        struct event event;
        snprintf(text, sizeof text, "{" REQUIRED ",\"data_base64\":\"%s\"}",
                 cases[i].base64);
        assert_int_equal(read_text(text, &event, NULL), ERR_OK);
        assert_int_equal(event.data_kind, EVENT_DATA_BINARY);
        assert_says(event.data, cases[i].bytes);
    }
}

/* Goal: base64 that RFC 4648 section 4 does not allow is refused. */
static void refuses_broken_base64(void **state) {
    (void)state;
    static const char *const cases[] = {
        "\"Z\"",       "\"Zg\"",   "\"Zg=\"",  "\"Zg===\"",      "\"Zh==\"",
        "\"Zm9=\"",    "\"=\"",    "\"====\"", "\"Z===\"",       "\"Zg==Zg==\"",
        "\"Zm9v\\n\"", "\"Zm 9\"", "\"Zm-_\"", "\"Zm9\\u0000\"", "12",
        "{}",          "\"=m9v\"", "\"Z=9v\"", "true",           "\"Zm=v\"",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" REQUIRED ",\"data_base64\":%s}",
                 cases[i]);
        refuse(text, ERR_PARSE,
               "data_base64 must be a string of padded base64");
    }
}

/* Goal: what is missing is named, with what to do about it; null and empty are
 * no way round. */
static void names_what_is_missing(void **state) {
    (void)state;
    refuse("{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"T\"}",
           ERR_RANGE,
           "attribute \"id\" is missing: give each event its own id");
    refuse("{\"specversion\":\"1.0\",\"id\":null,\"source\":\"/s\","
           "\"type\":\"T\"}",
           ERR_RANGE, "attribute \"id\" is missing");
    refuse("{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"T\"}", ERR_RANGE,
           "attribute \"source\" is missing");
    refuse("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\"}",
           ERR_RANGE, "attribute \"type\" is missing");
    refuse("{\"id\":\"1\",\"source\":\"/s\",\"type\":\"T\"}", ERR_RANGE,
           "this is no CloudEvent: specversion is missing; set it to \"1.0\"");
    refuse("{\"specversion\":null,\"id\":\"1\",\"source\":\"/s\","
           "\"type\":\"T\"}",
           ERR_RANGE, "attribute \"specversion\" is missing");
    refuse("{}", ERR_RANGE, "is missing");
    refuse("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\","
           "\"type\":\"T\"}",
           ERR_RANGE, "attribute \"id\" is empty");
    refuse("{" REQUIRED ",\"subject\":\"\"}", ERR_RANGE,
           "attribute \"subject\" is empty");
}

/* Goal: values of the wrong kind or with a character that CloudEvents bars are
 * refused by name. */
static void refuses_wrong_values(void **state) {
    (void)state;
    static const struct {
        const char *member;
        err_t err;
        const char *why;
    } cases[] = {
        {"\"subject\":5", ERR_PARSE, "\"subject\" must be a string"},
        {"\"time\":true", ERR_PARSE, "\"time\" must be a string"},
        {"\"time\":\"yesterday\"", ERR_PARSE, "\"time\" is not RFC 3339"},
        {"\"time\":1795429110", ERR_PARSE, "\"time\" must be a string"},
        {"\"subject\":{}", ERR_PARSE, "\"subject\" must be a string"},
        {"\"x\":{}", ERR_PARSE, "\"x\" must be a string, a whole number"},
        {"\"x\":[1]", ERR_PARSE, "\"x\" must be"},
        {"\"x\":1.5", ERR_PARSE, "\"x\" must be"},
        {"\"x\":1e3", ERR_PARSE, "\"x\" must be"},
        {"\"x\":2147483648", ERR_PARSE, "\"x\" must be"},
        {"\"x\":-2147483649", ERR_PARSE, "\"x\" must be"},
        {"\"x\":\"a\\nb\"", ERR_PARSE, "\"x\" holds a control"},
        {"\"x\":\"\\u0000\"", ERR_PARSE, "\"x\" holds a control"},
        {"\"x\":\"\x7f\"", ERR_PARSE, "\"x\" holds a control"},
        {"\"x\":\"\\u0085\"", ERR_PARSE, "\"x\" holds a control"},
        {"\"x\":\"\xc2\x9f\"", ERR_PARSE, "\"x\" holds a control"},
        {"\"subject\":\"\\ufdd0\"", ERR_PARSE, "noncharacter"},
        {"\"subject\":\"\\ufdef\"", ERR_PARSE, "noncharacter"},
        {"\"subject\":\"\\uffff\"", ERR_PARSE, "noncharacter"},
        {"\"subject\":\"\\ud83f\\udffe\"", ERR_PARSE, "noncharacter"},
        {"\"subject\":\"\xf4\x8f\xbf\xbf\"", ERR_PARSE, "noncharacter"},
        {"\"partitionkey\":\"\"", ERR_RANGE, "\"partitionkey\" must be"},
        {"\"partitionkey\":7", ERR_RANGE, "\"partitionkey\" must be"},
        {"\"journalsequence\":\"1\"", ERR_RANGE, "is added by the gateway"},
        {"\"recordedtime\":\"x\"", ERR_RANGE, "is added by the gateway"},
        {"\"data\":1,\"data_base64\":\"\"", ERR_PARSE, "data is given twice"},
        {"\"data_base64\":\"\",\"data\":1", ERR_PARSE, "data is given twice"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" REQUIRED ",%s}", cases[i].member);
        refuse(text, cases[i].err, cases[i].why);
    }
    refuse("{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/s\","
           "\"type\":\"T\"}",
           ERR_RANGE, "\"specversion\" must be the string \"1.0\"");
    refuse("{\"specversion\":1.0,\"id\":\"1\",\"source\":\"/s\","
           "\"type\":\"T\"}",
           ERR_RANGE, "\"specversion\" must be the string \"1.0\"");
}

/* Goal: what is next to a barred character is allowed. */
static void allows_the_neighbours(void **state) {
    (void)state;
    struct event event;
    assert_int_equal(
        read_text("{" REQUIRED ",\"x\":\"\",\"y\":2147483647,"
                  "\"z\":-2147483648,\"subject\":\" ~\\u00a0\\ufdcf\\ufdf0"
                  "\\ufffd\\ud83f\\udffd\\ud800\\udc00\"}",
                  &event, NULL),
        ERR_OK);
    assert_int_equal(event.extensions[0].text.len, 0);
    assert_int_equal(event.extensions[1].integer, INT32_MAX);
    assert_int_equal(event.extensions[2].integer, INT32_MIN);
}

/* Goal: names are [a-z0-9]{1,20}, written plainly; a bad one is shown without
 * what could spoil a log line. */
static void refuses_wrong_names(void **state) {
    (void)state;
    static const char *const names[] = {
        "",
        "Id",
        "a_b",
        "a-b",
        "a.b",
        "a b",
        "caf\xc3\xa9",
        "a\\u0062",
        "abcdefghijklmnopqrstu",
        "data_base65",
        "DATA",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" REQUIRED ",\"%s\":\"x\"}", names[i]);
        refuse(text, ERR_PARSE, "attribute name \"");
    }
    refuse("{" REQUIRED ",\"caf\xc3\xa9\\n\":1}", ERR_PARSE,
           "attribute name \"caf\?\?\?n\": use 1 to 20 of a-z and 0-9");
    struct event event;
    assert_int_equal(read_text("{" REQUIRED
                               ",\"abcdefghijklmnopqrst\":1,\"0\":2}",
                               &event, NULL),
                     ERR_OK);
}

/* Goal: no attribute may stand twice, whatever the second one holds: every
 * member of a full event is tried with its own value, with null and with
 * another. */
static void refuses_every_duplicate(void **state) {
    (void)state;
    static const char *const names[] = {
        "specversion",  "id",    "source",          "type",
        "subject",      "time",  "datacontenttype", "dataschema",
        "partitionkey", "count", "urgent",          "late",
        "gone",         "data",
    };
    static const char *const values[] = {"null", "\"x\"", "\"1.0\"", "7"};
    for (size_t i = 0; i < COUNT(names); i++) {
        for (size_t k = 0; k < COUNT(values); k++) {
            char text[1024];
            snprintf(text, sizeof text, "%.*s,\"%s\":%s}",
                     (int)(sizeof FULL - 2), FULL, names[i], values[k]);
            refuse(text, ERR_PARSE, "is given twice");
        }
    }
}

/* Goal: each length has its limit, and the limit itself passes. The type is
 * counted in characters, as EventBridge counts its DetailType. */
static void keeps_to_the_lengths(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t max;
        const char *letter;
    } cases[] = {
        {"id", EVENT_ID_MAX, "i"},
        {"source", EVENT_TEXT_MAX, "s"},
        {"type", EVENT_TYPE_MAX, "t"},
        {"type", EVENT_TYPE_MAX, "\xe2\x82\xac"},
        {"subject", EVENT_TEXT_MAX, "x"},
        {"anything", EVENT_TEXT_MAX, "x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t more = 0; more <= 1; more++) {
            static char text[4096];
            struct writer out = writer_over(text, sizeof text);
            writer_str(&out, "{\"specversion\":\"1.0\"");
            static const char *const names[] = {"id", "source", "type"};
            for (size_t k = 0; k < COUNT(names); k++) {
                if (strcmp(names[k], cases[i].name) != 0) {
                    writer_printf(&out, ",\"%s\":\"x\"", names[k]);
                }
            }
            writer_printf(&out, ",\"%s\":\"", cases[i].name);
            for (size_t k = 0; k < cases[i].max + more; k++) {
                writer_str(&out, cases[i].letter);
            }
            writer_str(&out, "\"}");
            writer_u8(&out, 0);
            struct reason reason = {""};
            struct event event;
            err_t err = read_text(text, &event, &reason);
            assert_int_equal(err, more == 0 ? ERR_OK : ERR_RANGE);
            assert_true(more == 0 || strstr(reason.text, "allowed") != NULL);
        }
    }
}

/* Goal: the number of extensions is bounded, nulls included. */
static void bounds_the_extensions(void **state) {
    (void)state;
    for (unsigned count = 16; count <= 17; count++) {
        char text[1024];
        struct writer out = writer_over(text, sizeof text);
        struct event event;
        struct reason reason = {""};
        writer_str(&out, "{" REQUIRED);
        for (unsigned i = 0; i < count; i++) {
            writer_printf(&out, ",\"e%u\":%s", i, i % 2 == 0 ? "null" : "1");
        }
        writer_str(&out, "}");
        writer_u8(&out, 0);
        assert_int_equal(read_text(text, &event, &reason),
                         count == 16 ? ERR_OK : ERR_RANGE);
    }
}

/* Goal: what is not one object is refused with a word that helps. */
static void refuses_other_shapes(void **state) {
    (void)state;
    refuse("", ERR_PARSE, "not JSON at byte 0");
    refuse("[{" REQUIRED "}]", ERR_PARSE, "send one at a time");
    refuse("\"x\"", ERR_PARSE, "one JSON object");
    refuse("{" REQUIRED "}{}", ERR_PARSE, "something follows");
    refuse("{" REQUIRED ",}", ERR_PARSE, "expected a string");
}

/* Goal: plain JSON is told that it is no event, not what is wrong with the name
 * or the value of its first member; what has a specversion is told the latter.
 */
static void says_what_is_no_event(void **state) {
    (void)state;
    static const char no_event[] = "this is no CloudEvent: specversion is "
                                   "missing";
    refuse("{}", ERR_RANGE, no_event);
    refuse("{\"orderId\":\"o-1\",\"total\":{\"EUR\":5}}", ERR_RANGE, no_event);
    refuse("{\"temperature\": 21.5}", ERR_RANGE, no_event);
    refuse("{\"id\":7,\"data\":1,\"data\":2}", ERR_RANGE, no_event);
    refuse("{\"orderId\":\"o-1\",\"specversion\":\"1.0\"}", ERR_PARSE,
           "attribute name \"orderId\"");
    refuse("{\"orderId\":\"o-1\"", ERR_PARSE, "not JSON at byte 16");
    refuse("[{\"orderId\":\"o-1\"}]", ERR_PARSE, "an event is one JSON object");
}

/* Goal: every truncation of a valid event is refused, reading no byte past its
 * end, and of the result only the id is touched, once it is whole. */
static void refuses_every_truncation(void **state) {
    (void)state;
    struct event before;
    memset(&before, 0x5a, sizeof before);
    unsigned named = 0;
    for (size_t len = 0; len < sizeof FULL - 1; len++) {
        struct slice part = exact(slice_of(FULL, len));
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct event event;
        struct reason reason = {""};
        memset(&event, 0x5a, sizeof event);
        assert_int_equal(
            event_read(EVENT_ENCODING_JSON, part, &arena, &event, &reason),
            ERR_PARSE);
        assert_true(strlen(reason.text) > 0);
        if (memcmp(&event.id, &before.id, sizeof event.id) != 0) {
            assert_says(event.id, "p-1");
            event.id = before.id;
            named++;
        }
        assert_memory_equal(&event, &before, sizeof event);
        exact_free(&part);
    }
    static const char to_id[] = "{\"specversion\":\"1.0\",\"id\":\"p-1\"";
    assert_int_equal(named, sizeof FULL - sizeof to_id);
}

/* Goal: the payload's length plus 64 KiB of arena is always enough, for the
 * payloads that want most: everything escaped, the largest there may be. */
static void promised_arena_is_enough(void **state) {
    (void)state;
    static uint8_t payload[EVENT_BYTES_MAX];
    struct writer out = writer_over(payload, sizeof payload);
    struct event event;
    writer_str(&out, "{" REQUIRED);
    for (unsigned i = 0; i < EVENT_EXTENSIONS_MAX; i++) {
        writer_printf(&out, ",\"e%u\":\"", i);
        for (unsigned k = 0; k < EVENT_TEXT_MAX; k++) {
            writer_str(&out, "\\u0061");
        }
        writer_str(&out, "\"");
    }
    writer_str(&out, ",\"data_base64\":\"");
    while (sizeof payload - out.len > 16) {
        writer_str(&out, "\\/\\/\\/\\/");
    }
    writer_str(&out, "\"}");
    assert_false(out.full);
    struct arena arena =
        arena_over(arena_buf, writer_slice(&out).len + (size_t)64 * 1024);
    assert_int_equal(event_read(EVENT_ENCODING_JSON, writer_slice(&out), &arena,
                                &event, NULL),
                     ERR_OK);
    arena = arena_over(arena_buf, 1024);
    assert_int_equal(event_read(EVENT_ENCODING_JSON, writer_slice(&out), &arena,
                                &event, NULL),
                     ERR_FULL);
}

/* Goal: one byte more than an event may have is refused by its length. */
static void bounds_the_payload(void **state) {
    (void)state;
    static uint8_t payload[EVENT_BYTES_MAX + 1];
    struct arena arena = arena_over(arena_buf, sizeof arena_buf);
    struct reason reason = {""};
    struct event event;
    memset(payload, ' ', sizeof payload);
    memcpy(payload, FULL, sizeof FULL - 1);
    assert_int_equal(event_read(EVENT_ENCODING_JSON,
                                slice_of(payload, EVENT_BYTES_MAX), &arena,
                                &event, &reason),
                     ERR_OK);
    assert_int_equal(event_read(EVENT_ENCODING_JSON,
                                slice_of(payload, sizeof payload), &arena,
                                &event, &reason),
                     ERR_RANGE);
    assert_string_equal(reason.text,
                        "the event has 1048577 bytes, 1048576 are allowed");
}

/* Goal: no mutation of a valid event makes the reader fail in another way than
 * with a class and a reason. */
static void survives_mutations(void **state) {
    (void)state;
    struct random random = random_start("survives_mutations");
    size_t taken = 0;
    for (int i = 0; i < 20000; i++) {
        struct slice copy = exact(slice_of(FULL, sizeof FULL - 1));
        uint8_t *bytes = malloc(copy.len);
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct reason reason = {""};
        struct event event;
        memcpy(bytes, copy.data, copy.len);
        for (size_t k = random_below(&random, 3); k > 0; k--) {
            static const char any[] = "{}[]\",:\\u0019ae.-\n";
            bytes[random_below(&random, copy.len)] =
                (uint8_t)any[random_below(&random, sizeof any - 1)];
        }
        err_t err = event_read(EVENT_ENCODING_JSON, slice_of(bytes, copy.len),
                               &arena, &event, &reason);
        taken += err == ERR_OK ? 1 : 0;
        if (err != ERR_OK) {
            assert_true(err == ERR_PARSE || err == ERR_RANGE);
            assert_true(strlen(reason.text) > 0);
        }
        free(bytes);
        exact_free(&copy);
    }
    assert_true(taken > 1000 && taken < 19000);
}

/* Reads what is refused, and says which id it is refused under. */
static void refused_id(const char *text, const char *id) {
    struct slice copy = exact(slice_from_str(text));
    struct arena arena = arena_over(arena_buf, sizeof arena_buf);
    struct reason reason = {""};
    struct event event = {0};
    err_t err = event_read(EVENT_ENCODING_JSON, copy, &arena, &event, &reason);
    assert_true(err == ERR_PARSE || err == ERR_RANGE);
    assert_true(strlen(reason.text) > 0);
    if (!slice_eq_str(event.id, id)) {
        fail_msg("%s\n  gives the id \"%.*s\"", text, SLICE_ARG(event.id));
    }
    exact_free(&copy);
}

/* Goal: whatever is wrong with an event, wherever it stands, the id comes out
 * if there is one, so that the device can match the refusal. */
static void refused_event_keeps_its_id(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "\"time\":\"noon\"",  "\"Upper\":1",          "\"source\":7",
        "\"subject\":\"\"",   "\"x\":{\"id\":\"9\"}", "\"data_base64\":\"!\"",
        "\"recordedtime\":1", "\"id2\":1.5",
    };
    char text[32 * 1024];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(text, sizeof text, "{" REQUIRED ",%s}", wrong[i]);
        refused_id(text, "1");
        snprintf(text, sizeof text, "{%s," REQUIRED "}", wrong[i]);
        refused_id(text, "1");
    }
    /* Also where an error follows it. */
    static const char *const broken[] = {
        "{\"id\":\"1\"",        "{\"id\":\"1\",",
        "{\"id\":\"1\"}{",      "{\"id\":\"1\"}x",
        "{\"id\":\"1\",}",      "{\"id\":\"1\",\"a\":}",
        "{\"id\":\"1\" \"a\"}", "{\"id\":\"1\",\"a\":\"\xff\"}",
        "{\"id\":\"1\",a}",     "{\"a\":{},\"id\":\"1\",\"b\":01}",
    };
    for (size_t i = 0; i < COUNT(broken); i++) {
        refused_id(broken[i], "1");
    }
    refused_id("{\"id\":\"caf\\u00e9\",\"source\":\"/s\",\"type\":\"T\"}",
               "caf\xc3\xa9");
    struct writer out = writer_over(text, sizeof text);
    writer_str(&out, "{\"subject\":\"");
    writer_fill(&out, 's', EVENT_TEXT_MAX + 1);
    writer_str(&out, "\"," REQUIRED "}");
    writer_u8(&out, 0);
    refused_id(text, "1");
    out = writer_over(text, sizeof text);
    writer_str(&out, "{");
    for (int i = 0; i <= EVENT_EXTENSIONS_MAX; i++) {
        writer_printf(&out, "\"x%d\":1,", i);
    }
    writer_str(&out, REQUIRED "}");
    writer_u8(&out, 0);
    refused_id(text, "1");
}

/* Goal: what is no id of an event is never taken for one. */
static void refused_event_has_no_other_id(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "\"id\"",
        "{}",
        "{\"id\":\"1",
        "{\"id\" \"1\"}",
        "x{\"id\":\"1\"}",
        "[{\"id\":\"1\"}",
        "{,\"id\":\"1\"}",
        "{\"a\":1 \"id\":\"1\"}",
        "{\"a\":[1},\"id\":\"1\"}",
        "{\"id\":\"1\",\"id\":\"1\"",
        "{\"id\":\"\"}",
        "{\"id\":null}",
        "{\"id\":7}",
        "{\"id\":[\"1\"]}",
        "{\"id\":\"a\\u0001\"}",
        "{\"id\":\"1\",\"id\":\"1\"}",
        "{\"id\":null,\"id\":\"1\"}",
        "{\"data\":{\"id\":\"1\"}}",
        "{\"x\":\"\\\"id\\\":1\"}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refused_id(cases[i], "");
    }
    char text[1024];
    char longest[EVENT_ID_MAX + 1];
    snprintf(longest, sizeof longest, "%0*d", EVENT_ID_MAX, 7);
    snprintf(text, sizeof text, "{\"id\":\"%s\"}", longest);
    refused_id(text, longest);
    snprintf(text, sizeof text, "{\"id\":\"%0*d\"}", EVENT_ID_MAX + 1, 7);
    refused_id(text, "");
}

/* Goal: an event that is larger than any that is read still has its id, found
 * without room for more than the id. */
static void finds_the_id_of_what_is_too_large(void **state) {
    (void)state;
    static uint8_t payload[2 * EVENT_BYTES_MAX];
    _Alignas(16) uint8_t room[64];
    struct writer out = writer_over(payload, sizeof payload);
    writer_str(&out, "{\"data\":\"");
    writer_fill(&out, 'x', sizeof payload - 32);
    writer_str(&out, "\",\"id\":\"b\\/1\"}");
    assert_false(out.full);
    struct arena arena = arena_over(room, sizeof room);
    struct slice id;
    assert_int_equal(
        event_find_id(EVENT_ENCODING_JSON, writer_slice(&out), &arena, &id),
        ERR_OK);
    assert_says(id, "b/1");
    out.len -= 2; /* the last quote too */
    assert_int_equal(
        event_find_id(EVENT_ENCODING_JSON, writer_slice(&out), &arena, &id),
        ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_attribute),
        cmocka_unit_test(reads_the_least_there_can_be),
        cmocka_unit_test(keeps_data_verbatim),
        cmocka_unit_test(decodes_base64),
        cmocka_unit_test(refuses_broken_base64),
        cmocka_unit_test(names_what_is_missing),
        cmocka_unit_test(says_what_is_no_event),
        cmocka_unit_test(refuses_wrong_values),
        cmocka_unit_test(allows_the_neighbours),
        cmocka_unit_test(refuses_wrong_names),
        cmocka_unit_test(refuses_every_duplicate),
        cmocka_unit_test(keeps_to_the_lengths),
        cmocka_unit_test(bounds_the_extensions),
        cmocka_unit_test(refuses_other_shapes),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(promised_arena_is_enough),
        cmocka_unit_test(bounds_the_payload),
        cmocka_unit_test(survives_mutations),
        cmocka_unit_test(refused_event_keeps_its_id),
        cmocka_unit_test(refused_event_has_no_other_id),
        cmocka_unit_test(finds_the_id_of_what_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
