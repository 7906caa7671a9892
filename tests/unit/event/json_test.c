/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>

#include "gateway/event/json.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A literal that may hold NULs. */
#define TEXT(literal) \
    { literal, sizeof(literal) - 1 }

struct text {
    const char *bytes;
    size_t len;
};

static err_t check(struct text text, struct reason *reason) {
    struct slice copy = exact(slice_of(text.bytes, text.len));
    err_t err = json_check(copy, reason);
    exact_free(&copy);
    return err;
}

static void accept_all(const struct text *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct reason reason = {""};
        if (check(texts[i], &reason) != ERR_OK) {
            fail_msg("refused: %s: %s", texts[i].bytes, reason.text);
        }
    }
}

static void refuse_all(const struct text *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct reason reason = {""};
        if (check(texts[i], &reason) != ERR_PARSE) {
            fail_msg("text %zu of the table accepted: %s", i, texts[i].bytes);
        }
        assert_non_null(strstr(reason.text, " at byte "));
    }
}

/* Goal: every form of value that RFC 8259 allows is accepted, alone and in
 * company. */
static void accepts_what_the_grammar_allows(void **state) {
    (void)state;
    static const struct text texts[] = {
        TEXT("{}"),
        TEXT("[]"),
        TEXT("\"\""),
        TEXT("0"),
        TEXT("null"),
        TEXT("true"),
        TEXT("false"),
        TEXT(" \t\r\n{ \t\r\n} \t\r\n"),
        TEXT("[ ]"),
        TEXT("[ 1 , 2 ]"),
        TEXT("{ \"a\" : 1 , \"b\" : [ ] }"),
        TEXT("{\"a\":1,\"a\":2}"),
        TEXT("{\"\":0}"),
        TEXT("[[],{},[[{}]]]"),
        TEXT("-0"),
        TEXT("-0.0"),
        TEXT("0e0"),
        TEXT("1E9"),
        TEXT("1e+09"),
        TEXT("1e-999"),
        TEXT("1.000000000000000000000000001"),
        TEXT("123456789012345678901234567890123456789"),
        TEXT("-1.5E-7"),
        TEXT("[0,-1,2.5,3e3]"),
    };
    accept_all(texts, COUNT(texts));
}

/* Goal: every escape and every length of UTF-8 sequence is accepted. */
static void accepts_what_a_string_may_hold(void **state) {
    (void)state;
    static const struct text texts[] = {
        TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        TEXT("\"\\u0000\\u001f\\u00E9\\uabcd\\uABCD\""),
        TEXT("\"\\ud83d\\uded2\""),
        TEXT("\"\\uDBFF\\uDFFF\""),
        TEXT("\"\\ud7ff\\ue000\""),
        TEXT("\"\\uffff\""),
        TEXT("\"\\\\u12\""),
        TEXT("\"\x7f\""),
        TEXT("\"\xc2\x80 \xdf\xbf\""),
        TEXT("\"\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\""),
        TEXT("\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\""),
        TEXT("{\"\\u0061\":\"\xe2\x80\xa8\"}"),
        TEXT("\"' // /* \""),
    };
    accept_all(texts, COUNT(texts));
}

/* Goal: what is outside a value or between values must be in its place. */
static void refuses_broken_structure(void **state) {
    (void)state;
    static const struct text texts[] = {
        TEXT(""),
        TEXT(" "),
        TEXT("["),
        TEXT("]"),
        TEXT("{"),
        TEXT("}"),
        TEXT("[1"),
        TEXT("[1,"),
        TEXT("[1,]"),
        TEXT("[,1]"),
        TEXT("[,]"),
        TEXT("[1,,2]"),
        TEXT("[1 2]"),
        TEXT("[1}"),
        TEXT("{\"a\":1]"),
        TEXT("[1]]"),
        TEXT("{}}"),
        TEXT("{\"a\""),
        TEXT("{\"a\":"),
        TEXT("{\"a\":1"),
        TEXT("{\"a\":1,"),
        TEXT("{\"a\":1,}"),
        TEXT("{,\"a\":1}"),
        TEXT("{\"a\" 1}"),
        TEXT("{\"a\"::1}"),
        TEXT("{\"a\",1}"),
        TEXT("{\"a\":}"),
        TEXT("{:1}"),
        TEXT("{a:1}"),
        TEXT("{1:1}"),
        TEXT("{'a':1}"),
        TEXT("{\"a\":1 \"b\":2}"),
        TEXT("{null:1}"),
        TEXT("{[]:1}"),
        TEXT("1 2"),
        TEXT("{} {}"),
        TEXT("[] x"),
        TEXT("{}\0"),
        TEXT("\0"),
        TEXT("1,"),
        TEXT("\xef\xbb\xbf{}"),
        TEXT("\xff\xfe{\0}\0"),
        TEXT("[1]/**/"),
        TEXT("/**/[1]"),
        TEXT("[1]//"),
        TEXT("[1]#"),
        TEXT("\x0c[]"),
        TEXT("[\x0b]"),
        TEXT("\xc2\xa0[]"),
        TEXT("[\xe2\x80\xa8]"),
    };
    refuse_all(texts, COUNT(texts));
}

/* Goal: numbers and words that other languages would take are refused. */
static void refuses_foreign_scalars(void **state) {
    (void)state;
    static const struct text texts[] = {
        TEXT("+1"),           TEXT("-"),         TEXT("--1"),
        TEXT("01"),           TEXT("-01"),       TEXT("00"),
        TEXT("0x10"),         TEXT("0b1"),       TEXT("1."),
        TEXT(".5"),           TEXT("-.5"),       TEXT("1.e1"),
        TEXT("1.5."),         TEXT("1e"),        TEXT("1e+"),
        TEXT("1e1.5"),        TEXT("1ee1"),      TEXT("1e++1"),
        TEXT("1_000"),        TEXT("1 000"),     TEXT("1,5"),
        TEXT("1a"),           TEXT("NaN"),       TEXT("-NaN"),
        TEXT("Infinity"),     TEXT("-Infinity"), TEXT("inf"),
        TEXT("\xef\xbc\x91"), TEXT("True"),      TEXT("TRUE"),
        TEXT("tru"),          TEXT("truee"),     TEXT("nul"),
        TEXT("nulL"),         TEXT("fals"),      TEXT("undefined"),
        TEXT("None"),         TEXT("[nu"),       TEXT("[-]"),
        TEXT("[1e]"),
    };
    refuse_all(texts, COUNT(texts));
}

/* Goal: a string that ends wrongly, holds a control or a broken escape, or is
 * not UTF-8, is refused. */
static void refuses_broken_strings(void **state) {
    (void)state;
    static const struct text texts[] = {
        TEXT("\""),
        TEXT("\"a"),
        TEXT("\"\\\""),
        TEXT("\"\\"),
        TEXT("'a'"),
        TEXT("\"a\"b\""),
        TEXT("\"\n\""),
        TEXT("\"\t\""),
        TEXT("\"\0\""),
        TEXT("\"\x1f\""),
        TEXT("\"\\a\""),
        TEXT("\"\\'\""),
        TEXT("\"\\x41\""),
        TEXT("\"\\0\""),
        TEXT("\"\\U0041\""),
        TEXT("\"\\\n\""),
        TEXT("\"\\u\""),
        TEXT("\"\\u1\""),
        TEXT("\"\\u12\""),
        TEXT("\"\\u123\""),
        TEXT("\"\\u123g\""),
        TEXT("\"\\u 123\""),
        TEXT("\"\\u+123\""),
        TEXT("\"\\ud800\""),
        TEXT("\"\\udbff\""),
        TEXT("\"\\udc00\""),
        TEXT("\"\\udfff\""),
        TEXT("\"\\ud83d \\uded2\""),
        TEXT("\"\\uded2\\ud83d\""),
        TEXT("\"\\ud83d\\ud83d\""),
        TEXT("\"\\ud83d\\u0041\""),
        TEXT("\"\\ud83d\\n\""),
        TEXT("\"\\ud83d\\u"),
        TEXT("\"\\ud83d\\"),
        TEXT("\"\x80\""),
        TEXT("\"\xbf\""),
        TEXT("\"\xc3\""),
        TEXT("\"\xc3(\""),
        TEXT("\"\xc0\xaf\""),
        TEXT("\"\xc1\xbf\""),
        TEXT("\"\xe0\x80\xaf\""),
        TEXT("\"\xe0\x9f\xbf\""),
        TEXT("\"\xe2\x82\""),
        TEXT("\"\xed\xa0\x80\""),
        TEXT("\"\xed\xbf\xbf\""),
        TEXT("\"\xf0\x80\x80\xaf\""),
        TEXT("\"\xf0\x8f\xbf\xbf\""),
        TEXT("\"\xf0\x9f\x9b\""),
        TEXT("\"\xf4\x90\x80\x80\""),
        TEXT("\"\xf5\x80\x80\x80\""),
        TEXT("\"\xfe\""),
        TEXT("\"\xff\""),
        TEXT("\"\xc3\xa4\x80\""),
        TEXT("{\"\xff\":0}"),
    };
    refuse_all(texts, COUNT(texts));
}

/* Goal: JSON_DEPTH_MAX nestings pass, one more is refused by name, and a
 * hundred thousand do not touch the stack. */
static void bounds_the_depth(void **state) {
    (void)state;
    static char deep[100000];
    struct reason reason;
    memset(deep, '[', sizeof deep);
    memset(&deep[JSON_DEPTH_MAX], ']', JSON_DEPTH_MAX);
    assert_int_equal(json_check(slice_of(deep, 2 * JSON_DEPTH_MAX), NULL),
                     ERR_OK);
    memset(deep, '[', sizeof deep);
    memset(&deep[JSON_DEPTH_MAX + 1], ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(
        json_check(slice_of(deep, 2 * (JSON_DEPTH_MAX + 1)), &reason),
        ERR_PARSE);
    assert_string_equal(reason.text,
                        "JSON at byte 32 is nested more than 32 deep");
    memset(deep, '[', sizeof deep);
    assert_int_equal(json_check(slice_of(deep, sizeof deep), NULL), ERR_PARSE);
    for (size_t i = 0; i + 5 <= sizeof deep; i += 5) {
        memcpy(&deep[i], "{\"a\":", 5);
    }
    assert_int_equal(json_check(slice_of(deep, sizeof deep), NULL), ERR_PARSE);
}

/* Goal: the reason names the byte, counted from 0, and what was expected. */
static void reasons_name_the_byte(void **state) {
    (void)state;
    static const struct {
        struct text text;
        const char *reason;
    } cases[] = {
        {TEXT("{\"a\" 1}"), "not JSON at byte 5: expected ':'"},
        {TEXT("[1 2]"), "not JSON at byte 3: expected ',' or ']'"},
        {TEXT("{} x"), "not JSON at byte 3: something follows the value"},
        {TEXT("\"\xc3\xa4 \xc3\""), "not JSON at byte 4: not UTF-8"},
        {TEXT("\"a"), "not JSON at byte 2: the string does not end"},
        {TEXT("[tru]"), "not JSON at byte 1: expected a value"},
        {TEXT("\xef\xbb\xbf{}"),
         "not JSON at byte 0: a byte order mark; leave it out"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reason reason;
        assert_int_equal(check(cases[i].text, &reason), ERR_PARSE);
        assert_string_equal(reason.text, cases[i].reason);
    }
}

static struct slice checked(const char *text) {
    struct slice slice = slice_from_str(text);
    assert_int_equal(json_check(slice, NULL), ERR_OK);
    return slice;
}

/* Goal: members come in order, with raw names and exact values, whatever
 * white space and nesting is about. */
static void walks_members_in_order(void **state) {
    (void)state;
    struct slice object =
        checked(" { \"a\\\"b\" : { \"x\" : \"}\\\"]\" } ,\n\"\":[ 1,\"]\" ]\t,"
                "\"n\":-1.50e3, \"s\":\"\\\\\" ,\"t\" : true } ");
    static const char *const names[] = {"a\\\"b", "", "n", "s", "t"};
    static const char *const values[] = {
        "{ \"x\" : \"}\\\"]\" }", "[ 1,\"]\" ]", "-1.50e3", "\"\\\\\"", "true"};
    struct slice name;
    struct slice value;
    size_t at = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(json_member(object, &at, &name, &value), ERR_OK);
        assert_says(name, names[i]);
        assert_says(value, values[i]);
    }
    assert_int_equal(json_member(object, &at, &name, &value), ERR_END);
    assert_int_equal(json_member(object, &at, &name, &value), ERR_END);
    at = 0;
    assert_int_equal(json_member(checked(" { } "), &at, &name, &value),
                     ERR_END);
}

/* Goal: elements come in order; what is no array has none, and what is no
 * object no members. */
static void walks_elements_in_order(void **state) {
    (void)state;
    struct slice array = checked(" [ 1 ,[2,[3]], {\"a\":[]} ,\"x,]\",null ] ");
    static const char *const values[] = {"1", "[2,[3]]", "{\"a\":[]}",
                                         "\"x,]\"", "null"};
    struct slice name;
    struct slice value;
    size_t at = 0;
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_int_equal(json_element(array, &at, &value), ERR_OK);
        assert_says(value, values[i]);
    }
    assert_int_equal(json_element(array, &at, &value), ERR_END);
    static const char *const others[] = {"5", "\"[\"", "null", " true"};
    for (size_t i = 0; i < COUNT(others); i++) {
        at = 0;
        assert_int_equal(json_element(checked(others[i]), &at, &value),
                         ERR_END);
        assert_int_equal(json_member(checked(others[i]), &at, &name, &value),
                         ERR_END);
        assert_int_equal(json_get(checked(others[i]), "a", &value),
                         ERR_NOT_FOUND);
    }
    at = 0;
    assert_int_equal(json_element(checked("{\"a\":1}"), &at, &value), ERR_END);
    assert_int_equal(json_member(checked("[1]"), &at, &name, &value), ERR_END);
}

/* Goal: a member is found by what its name means, the first one wins, and one
 * of an inner object is not found. */
static void finds_members_by_name(void **state) {
    (void)state;
    struct slice object = checked("{\"x\":{\"id\":0},\"\\u0069d\":1,\"id\":2,"
                                  "\"caf\\u00e9\":3,\"long\\nname\":4}");
    struct slice value = SLICE("untouched");
    assert_int_equal(json_get(object, "id", &value), ERR_OK);
    assert_says(value, "1");
    assert_int_equal(json_get(object, "caf\xc3\xa9", &value), ERR_OK);
    assert_says(value, "3");
    assert_int_equal(json_get(object, "long\nname", &value), ERR_OK);
    assert_int_equal(json_get(object, "i", &value), ERR_NOT_FOUND);
    assert_int_equal(json_get(object, "ID", &value), ERR_NOT_FOUND);
    assert_says(value, "4");
}

/* Goal: escapes decode to UTF-8; without escapes nothing is copied; a full
 * arena says so. */
static void decodes_strings(void **state) {
    (void)state;
    static _Alignas(16) uint8_t buf[64];
    struct arena arena = arena_over(buf, sizeof buf);
    struct slice text;
    struct slice plain = checked("\"caf\xc3\xa9\"");
    assert_int_equal(json_string(plain, &arena, &text), ERR_OK);
    assert_ptr_equal(text.data, plain.data + 1);
    assert_int_equal(arena.len, 0);
    assert_int_equal(
        json_string(checked(" \"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), &arena, &text),
        ERR_OK);
    assert_says(text, "\"\\/\b\f\n\r\t");
    assert_int_equal(
        json_string(checked("\"\\u00e9\\u20AC\\ud83d\\uded2x\\u0041\""), &arena,
                    &text),
        ERR_OK);
    assert_says(text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9b\x92xA");
    struct arena small = arena_over(buf, 7);
    assert_int_equal(json_string(checked("\"a\\u0000b\""), &small, &text),
                     ERR_FULL);
    small.cap = 8;
    assert_int_equal(json_string(checked("\"a\\u0000b\""), &small, &text),
                     ERR_OK);
    assert_true(slice_eq(text, SLICE("a\0b")));
    assert_int_equal(json_string(checked("12"), &arena, &text), ERR_RANGE);
    assert_int_equal(json_string(checked("[\"a\"]"), &arena, &text), ERR_RANGE);
}

/* Goal: whole numbers to the edges of 64 bits, and nothing else. */
static void reads_integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {" 7 ", 7},
        {"-2147483648", INT32_MIN},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {"1.0",
                                      "1e2",
                                      "0.5",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "\"1\"",
                                      "{}",
                                      "true",
                                      "99999999999999999999999"};
    int64_t value = 0;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(
            json_integer(checked(good[i].text), INT64_MIN, INT64_MAX, &value),
            ERR_OK);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(
            json_integer(checked(bad[i]), INT64_MIN, INT64_MAX, &value),
            ERR_RANGE);
    }
    assert_int_equal(json_integer(checked("5"), 1, 4, &value), ERR_RANGE);
    assert_int_equal(json_integer(checked("0"), 1, 4, &value), ERR_RANGE);
    assert_int_equal(json_integer(checked("4"), 1, 4, &value), ERR_OK);
}

/* Goal: kinds are told with white space in front as well. */
static void tells_kinds(void **state) {
    (void)state;
    assert_int_equal(json_kind(checked(" {}")), JSON_OBJECT);
    assert_int_equal(json_kind(checked("\n[]")), JSON_ARRAY);
    assert_int_equal(json_kind(checked("\"1\"")), JSON_STRING);
    assert_int_equal(json_kind(checked("-1")), JSON_NUMBER);
    assert_int_equal(json_kind(checked("true")), JSON_TRUE);
    assert_int_equal(json_kind(checked("false")), JSON_FALSE);
    assert_int_equal(json_kind(checked("null")), JSON_NULL);
}

/* Goal: what is written is JSON on one line that decodes to what was given,
 * for random bytes of valid UTF-8 with controls among them. */
static void writes_what_it_reads(void **state) {
    (void)state;
    struct random random = random_start("writes_what_it_reads");
    static _Alignas(16) uint8_t buf[8192];
    uint8_t out[1024];
    for (int i = 0; i < 20000; i++) {
        struct arena arena = arena_over(buf, sizeof buf);
        uint8_t *copy = arena_alloc(&arena, 64);
        struct slice text = random_text(&random, &arena, 64);
        memcpy(copy, text.data, text.len);
        for (size_t k = 0; k < text.len; k++) {
            if (copy[k] == ' ') {
                copy[k] = (uint8_t)random_below(&random, 0x20);
            }
        }
        text = slice_of(copy, text.len);
        struct writer writer = writer_over(out, sizeof out);
        json_write_string(&writer, text);
        struct slice back;
        assert_int_equal(json_check(writer_slice(&writer), NULL), ERR_OK);
        assert_int_equal(json_string(writer_slice(&writer), &arena, &back),
                         ERR_OK);
        assert_true(slice_eq(back, text));
        assert_null(memchr(out, '\n', writer.len));
    }
}

/* Goal: the compact form drops white space between tokens and nothing else. */
static void compacts_between_tokens_only(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *compact;
    } cases[] = {
        {" { \"a b\" :\n[ 1.50 ,\t\"\\\" x\" ] , \"n\" : null } ",
         "{\"a b\":[1.50,\"\\\" x\"],\"n\":null}"},
        {"\r\n 1e+09 ", "1e+09"},
        {"\"  \"", "\"  \""},
        {"[]", "[]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[128];
        struct writer writer = writer_over(out, sizeof out);
        json_write_compact(&writer, checked(cases[i].text));
        assert_says(writer_slice(&writer), cases[i].compact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_the_grammar_allows),
        cmocka_unit_test(accepts_what_a_string_may_hold),
        cmocka_unit_test(refuses_broken_structure),
        cmocka_unit_test(refuses_foreign_scalars),
        cmocka_unit_test(refuses_broken_strings),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(reasons_name_the_byte),
        cmocka_unit_test(walks_members_in_order),
        cmocka_unit_test(walks_elements_in_order),
        cmocka_unit_test(finds_members_by_name),
        cmocka_unit_test(decodes_strings),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(tells_kinds),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(compacts_between_tokens_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
