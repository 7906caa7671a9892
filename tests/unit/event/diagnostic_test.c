/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint8_t in_buf[4096];
static char out_buf[16384];

static err_t describe(struct slice record, struct writer *out) {
    struct reason reason;
    struct slice input = exact(record);
    *out = writer_over(out_buf, sizeof out_buf);
    err_t err = event_render_diagnostic(input, out, &reason);
    exact_free(&input);
    return err;
}

/* Goal: the examples of RFC 8949, appendix A, as the RFC writes them; a number
 * with a point also says in how many bytes it came (section 8.1). */
static void writes_the_examples_of_rfc_8949(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        const char *diagnostic;
    } cases[] = {
        {"00", "0"},
        {"1818", "24"},
        {"1bffffffffffffffff", "18446744073709551615"},
        {"c249010000000000000000", "2(h'010000000000000000')"},
        {"3bffffffffffffffff", "-18446744073709551616"},
        {"20", "-1"},
        {"3903e7", "-1000"},
        {"f90000", "0.0_1"},
        {"f98000", "-0.0_1"},
        {"f93c00", "1.0_1"},
        {"fb3ff199999999999a", "1.1_3"},
        {"f93e00", "1.5_1"},
        {"fa47c35000", "100000.0_2"},
        {"fb7e37e43c8800759c", "1e+300_3"},
        {"f90400", "6.1035156e-05_1"},
        {"fbc010666666666666", "-4.1_3"},
        {"f97c00", "Infinity_1"},
        {"f97e00", "NaN_1"},
        {"f9fc00", "-Infinity_1"},
        {"fa7f800000", "Infinity_2"},
        {"fb7ff8000000000000", "NaN_3"},
        {"f4", "false"},
        {"f5", "true"},
        {"f6", "null"},
        {"f7", "undefined"},
        {"c074323031332d30332d32315432303a30343a30305a",
         "0(\"2013-03-21T20:04:00Z\")"},
        {"d74401020304", "23(h'01020304')"},
        {"d818456449455446", "24(<<\"IETF\">>)"},
        {"40", "h''"},
        {"4401020304", "h'01020304'"},
        {"60", "\"\""},
        {"62225c", "\"\\\"\\\\\""},
        {"62c3bc", "\"\xc3\xbc\""},
        {"80", "[]"},
        {"8301820203820405", "[1, [2, 3], [4, 5]]"},
        {"a0", "{}"},
        {"a201020304", "{1: 2, 3: 4}"},
        {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"},
        {"9fff", "[_ ]"},
        {"9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]"},
        {"bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct writer out;
        struct slice record = from_hex(cases[i].hex, in_buf, sizeof in_buf);
        assert_int_equal(describe(record, &out), ERR_OK);
        assert_says(writer_slice(&out), cases[i].diagnostic);
    }
}

/* Goal: what is tagged as CBOR and is none is shown as the bytes it is. */
static void shows_what_is_no_cbor_as_bytes(void **state) {
    (void)state;
    struct writer out;
    assert_int_equal(
        describe(from_hex("d8184161", in_buf, sizeof in_buf), &out), ERR_OK);
    assert_says(writer_slice(&out), "24(h'61')");
    assert_int_equal(describe(from_hex("d81801", in_buf, sizeof in_buf), &out),
                     ERR_OK);
    assert_says(writer_slice(&out), "24(1)");
}

/* Goal: what is not one item is refused, however deep it goes, embedded or not;
 * what has no room is told. */
static void refuses_what_is_not_one_item(void **state) {
    (void)state;
    struct writer out;
    static const char *const bad[] = {"", "0000", "18", "ff", "82", "a1", "c1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(
            describe(from_hex(bad[i], in_buf, sizeof in_buf), &out), ERR_PARSE);
    }
    memset(in_buf, 0x81, sizeof in_buf);
    assert_int_equal(describe(slice_of(in_buf, sizeof in_buf), &out),
                     ERR_PARSE);
    static const uint8_t text[] = {0x63, 'a', 'b', 'c'};
    struct reason reason;
    out = writer_over(out_buf, 4);
    assert_int_equal(
        event_render_diagnostic(slice_of(text, sizeof text), &out, &reason),
        ERR_OK);
    assert_true(out.full);
}

/* Goal: an event as the journal holds it, with its data verbatim. */
static void shows_a_record(void **state) {
    (void)state;
    const struct event event = {
        .id = SLICE("e-1"),
        .source = SLICE("/s/d"),
        .type = SLICE("T"),
        .data_kind = EVENT_DATA_CBOR,
        .data = SLICE("\xa1\x61\x6e\xf9\x3e\x00"),
    };
    struct writer record = writer_over(in_buf, sizeof in_buf);
    event_store(&event, &record);
    struct writer out;
    assert_int_equal(describe(writer_slice(&record), &out), ERR_OK);
    assert_says(writer_slice(&out),
                "{\"id\": \"e-1\", \"data\": 24(<<{\"n\": 1.5_1}>>), "
                "\"type\": \"T\", \"source\": \"/s/d\", "
                "\"specversion\": \"1.0\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_examples_of_rfc_8949),
        cmocka_unit_test(shows_what_is_no_cbor_as_bytes),
        cmocka_unit_test(refuses_what_is_not_one_item),
        cmocka_unit_test(shows_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
