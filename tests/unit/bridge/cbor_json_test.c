/* SPDX-License-Identifier: Apache-2.0 */
/* A service's CBOR as JSON: each form there is, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/cbor_json.h"
#include "gateway/event/json.h"

#define CBOR(literal) \
    { (const uint8_t *)("" literal), sizeof(literal) - 1 }

static err_t convert(struct slice cbor, char *ret, size_t ret_size) {
    struct writer writer = writer_over(ret, ret_size - 1);
    err_t err = cbor_to_json(cbor, &writer);
    ret[writer.len] = '\0';
    return err;
}

/* Goal: each kind of item in each form, by RFC 8949's own examples where it has
 * one (appendix A). */
static void test_every_form(void **state) {
    (void)state;
    static const struct {
        struct slice cbor;
        const char *json;
    } cases[] = {
        {CBOR("\x00"), "0"},
        {CBOR("\x17"), "23"},
        {CBOR("\x18\x18"), "24"},
        {CBOR("\x19\x03\xe8"), "1000"},
        {CBOR("\x1a\x00\x0f\x42\x40"), "1000000"},
        {CBOR("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615"},
        {CBOR("\x20"), "-1"},
        {CBOR("\x38\x63"), "-100"},
        {CBOR("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), "-9223372036854775808"},
        {CBOR("\xf4"), "false"},
        {CBOR("\xf5"), "true"},
        {CBOR("\xf6"), "null"},
        {CBOR("\xf7"), "null"},
        {CBOR("\xf9\x3c\x00"), "null"},
        {CBOR("\xfa\x47\xc3\x50\x00"), "null"},
        {CBOR("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"), "null"},
        {CBOR("\xc1\x1a\x51\x4b\x67\xb0"), "1363896240"},
        {CBOR("\x40"), "null"},
        {CBOR("\x44\x01\x02\x03\x04"), "null"},
        {CBOR("\x5f\x42\x01\x02\x43\x03\x04\x05\xff"), "null"},
        {CBOR("\x60"), "\"\""},
        {CBOR("\x62\"\\"), "\"\\\"\\\\\""},
        {CBOR("\x62\xc3\xbc"), "\"\xc3\xbc\""},
        {CBOR("\x61\x0a"), "\"\\u000a\""},
        {CBOR("\x7f\x65strea\x64ming\xff"), "\"streaming\""},
        {CBOR("\x7f\xff"), "\"\""},
        {CBOR("\x7f\x60\x61\"\xff"), "\"\\\"\""},
        {CBOR("\x80"), "[]"},
        {CBOR("\x83\x01\x02\x03"), "[1,2,3]"},
        {CBOR("\x9f\xff"), "[]"},
        {CBOR("\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff"), "[1,[2,3],[4,5]]"},
        {CBOR("\xa0"), "{}"},
        {CBOR("\xa2\x61"
              "a\x01\x61"
              "b\x82\x02\x03"),
         "{\"a\":1,\"b\":[2,3]}"},
        {CBOR("\xbf\x7f\x61"
              "F\xff\xf5\x61"
              "A\x21\xff"),
         "{\"F\":true,\"A\":-2}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        err_t err = convert(cases[i].cbor, text, sizeof text);
        if (err != ERR_OK || strcmp(text, cases[i].json) != 0) {
            fail_msg("%zu: %s, expected %s", i, text, cases[i].json);
        }
    }
}

/* Goal: what is not one whole item, or has no form in JSON. */
static void test_what_is_refused(void **state) {
    (void)state;
    static const struct slice cases[] = {
        CBOR(""),
        CBOR("\x18"),
        CBOR("\x1b\x00\x00\x00\x00\x00\x00\x00"),
        CBOR("\x1c"),                     /* reserved */
        CBOR("\x1f"),                     /* no integer is indefinite */
        CBOR("\xdf\x01"),                 /* and no tag */
        CBOR("\x01\x01"),                 /* two */
        CBOR("\x61"),                     /* cut */
        CBOR("\x61\xff"),                 /* not UTF-8 */
        CBOR("\x7f\x61\xc3\x61\xbc\xff"), /* nor in each chunk */
        CBOR("\x7f\x61"
             "a"), /* without its end */
        CBOR("\x7f\x41"
             "a\xff"), /* bytes among text */
        CBOR("\x5f\x61"
             "a\xff"),
        CBOR("\x7f\x7f\x61"
             "a\xff\xff"), /* chunks in chunks */
        CBOR("\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
        CBOR("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
        CBOR("\x82\x01"),
        CBOR("\x9f\x01"),
        CBOR("\xa1\x61"
             "a"),
        CBOR("\xa1\x01\x02\x03"), /* a name that is a number, or bytes */
        CBOR("\xa1\x41\x61\x01"),
        CBOR("\xbf\x61"
             "a\xff"), /* a name without a value */
        CBOR("\xff"),
        CBOR("\x81\xff"),
        CBOR("\xf3"), /* simple values nobody has given a meaning */
        CBOR("\xf8\x20"),
        CBOR("\xfc"),
        CBOR("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"), /* below 64 bits */
        CBOR("{\"a\":1}"),
        CBOR("<html>"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        if (convert(cases[i], text, sizeof text) != ERR_PARSE) {
            fail_msg("%zu: taken for %s", i, text);
        }
    }
}

/* Goal: as deep as JSON may be, and no deeper, whatever nests. */
static void test_depth(void **state) {
    (void)state;
    static const char nests[] = "\x81\x9f\xc1";
    for (size_t i = 0; i < 3; i++) {
        for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1;
             depth++) {
            uint8_t cbor[2 * JSON_DEPTH_MAX + 4];
            memset(cbor, nests[i], depth);
            cbor[depth] = 1;
            memset(cbor + depth + 1, 0xff, depth);
            size_t len = depth + 1 + (i == 1 ? depth : 0);
            char text[200];
            err_t err = convert(slice_of(cbor, len), text, sizeof text);
            assert_int_equal(err, depth == JSON_DEPTH_MAX ? ERR_OK : ERR_PARSE);
        }
    }
}

/* Goal: no room is said as such, at every length but the right one. */
static void test_no_room(void **state) {
    (void)state;
    static const struct slice cbor = CBOR("\xbf\x61"
                                          "a\x9f\x63x\ny\x7f\x61"
                                          "b\xff\x39\x01\x00\xff\xff");
    char text[200];
    assert_int_equal(convert(cbor, text, sizeof text), ERR_OK);
    assert_string_equal(text, "{\"a\":[\"x\\u000ay\",\"b\",-257]}");
    for (size_t room = 0; room < strlen(text); room++) {
        char less[200];
        struct writer writer = writer_over(less, room);
        assert_int_equal(cbor_to_json(cbor, &writer), ERR_FULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
