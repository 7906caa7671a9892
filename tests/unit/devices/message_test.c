/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "devices/client/cbor.h"
#include "devices/client/message.h"
#include "devices/client/random.h"

static cJSON *sample_data(void) {
    cJSON *data = cJSON_Parse("{\"a\":[1,-1,23,24,255,256,65536,4294967296,"
                              "-500],\"t\":4.3,\"yes\":true,\"no\":false,"
                              "\"none\":null,\"deep\":{\"text\":\"\\u00e9\"}}");
    assert_non_null(data);
    return data;
}

/* An event reads back as it was written, in both encodings. */
static void test_round_trip(void **state) {
    (void)state;
    cJSON *data = sample_data();
    struct message_event event = {
        .id = "p-1",
        .source = "/s1/till-1",
        .type = "OrderPlaced",
        .subject = "o-1",
        .data = data,
        .wall_us = INT64_C(1700000000000001),
    };
    for (int encoding = MESSAGE_JSON; encoding <= MESSAGE_CBOR; encoding++) {
        uint8_t bytes[MESSAGE_BYTES_MAX];
        struct writer writer = writer_over(bytes, sizeof bytes);
        cJSON *back;
        assert_int_equal(
            message_write(&event, (enum message_encoding)encoding, &writer),
            ERR_OK);
        assert_int_equal(message_read(writer_slice(&writer), &back), ERR_OK);
        assert_string_equal(message_text(back, "specversion"), "1.0");
        assert_string_equal(message_text(back, "id"), "p-1");
        assert_string_equal(message_text(back, "source"), "/s1/till-1");
        assert_string_equal(message_text(back, "subject"), "o-1");
        assert_string_equal(message_text(back, "time"),
                            "2023-11-14T22:13:20.000001Z");
        assert_true(
            cJSON_Compare(cJSON_GetObjectItem(back, "data"), data, true));
        cJSON_Delete(back);
    }
    cJSON_Delete(data);
}

/* An event that does not fit is refused, not cut. */
static void test_too_large(void **state) {
    (void)state;
    cJSON *data = sample_data();
    struct message_event event = {
        .id = "p-1", .source = "/s1/till-1", .type = "T", .data = data};
    for (int encoding = MESSAGE_JSON; encoding <= MESSAGE_CBOR; encoding++) {
        uint8_t bytes[64];
        struct writer writer = writer_over(bytes, sizeof bytes);
        assert_int_equal(
            message_write(&event, (enum message_encoding)encoding, &writer),
            ERR_FULL);
    }
    cJSON_Delete(data);
}

/* CBOR as RFC 8949's appendix A writes it. */
static void test_cbor_examples(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *json;
    } cases[] = {
        {"\x00", 1, "0"},
        {"\x18\x64", 2, "100"},
        {"\x19\x03\xe8", 3, "1000"},
        {"\x1a\x00\x0f\x42\x40", 5, "1000000"},
        {"\x20", 1, "-1"},
        {"\x39\x03\xe7", 3, "-1000"},
        {"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", 9, "1.1"},
        {"\xf4", 1, "false"},
        {"\xf5", 1, "true"},
        {"\xf6", 1, "null"},
        {"\x60", 1, "\"\""},
        {"\x64IETF", 5, "\"IETF\""},
        {"\x83\x01\x82\x02\x03\x82\x04\x05", 8, "[1,[2,3],[4,5]]"},
        {"\xa2\x61\x61\x01\x61\x62\x82\x02\x03", 9, "{\"a\":1,\"b\":[2,3]}"},
        {"\xd9\xd9\xf7\x01", 4, "1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *tree;
        assert_int_equal(
            cbor_read(slice_of(cases[i].bytes, cases[i].len), 4, &tree),
            ERR_OK);
        char *text = cJSON_PrintUnformatted(tree);
        assert_string_equal(text, cases[i].json);
        free(text);
        cJSON_Delete(tree);
    }
}

/* What is broken, claims more than is there, or JSON cannot say is refused. */
static void test_cbor_refusals(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\x18", 1},                                 /* its number is missing */
        {"\x00\x00", 2},                             /* two items */
        {"\x62\x61", 2},                             /* a text cut short */
        {"\x7b\xff\xff\xff\xff\xff\xff\xff\xff", 9}, /* a huge text */
        {"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9}, /* a huge array */
        {"\x9f\xff", 2},                             /* indefinite */
        {"\xa1\x01\x02", 3},                         /* a key that is no text */
        {"\x62\xff\xff", 3},                         /* not UTF-8 */
        {"\x61\x00", 2},                             /* a NUL */
        {"\x41\x00", 2},                             /* bytes */
        {"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", 9}, /* infinity */
        {"\xf7", 1},                                 /* undefined */
        {"\x81\x81\x81\x81\x81\x01", 6},             /* too deep */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *tree = NULL;
        assert_int_equal(
            cbor_read(slice_of(cases[i].bytes, cases[i].len), 4, &tree),
            ERR_PARSE);
        assert_null(tree);
    }
}

/* Any bytes are read or refused, within their bounds (the sanitizers watch),
 * and what was read can be written and read again. */
static void test_cbor_any_bytes(void **state) {
    (void)state;
    struct random rng = random_stream(11, "any bytes");
    uint32_t read = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[12];
        uint32_t len = random_between(&rng, 0, sizeof bytes);
        for (uint32_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)random_u64(&rng);
        }
        cJSON *tree;
        if (cbor_read(slice_of(bytes, len), 4, &tree) != ERR_OK) {
            continue;
        }
        read++;
        uint8_t again[64];
        struct writer writer = writer_over(again, sizeof again);
        cbor_write(tree, &writer);
        assert_false(writer.full);
        cJSON *back;
        assert_int_equal(cbor_read(writer_slice(&writer), 4, &back), ERR_OK);
        assert_true(cJSON_Compare(tree, back, true));
        cJSON_Delete(tree);
        cJSON_Delete(back);
    }
    assert_true(read > 0);
}

/* What is neither JSON nor CBOR is refused. */
static void test_unreadable(void **state) {
    (void)state;
    static const char *const cases[] = {"", "hello", "{\"a\":", "{]"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *tree;
        assert_int_equal(message_read(slice_from_str(cases[i]), &tree),
                         ERR_PARSE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_cbor_examples),
        cmocka_unit_test(test_cbor_refusals),
        cmocka_unit_test(test_cbor_any_bytes),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
