/* SPDX-License-Identifier: Apache-2.0 */
/* The id of an event that was refused, found in whatever was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/plugin/event_id.h"

static void expect(struct slice payload, const char *id) {
    char found[REPORT_ID_MAX];
    /* A copy of its own, so that reading past it is seen. */
    uint8_t *copy = malloc(payload.len + 1);
    assert_non_null(copy);
    memcpy(copy, payload.data, payload.len);
    event_id_find(slice_of(copy, payload.len), found);
    free(copy);
    assert_string_equal(found, id);
}

/* Goal: found in JSON and in CBOR, as the event's reader finds it; in anything
 * else there is none. */
static void test_kinds(void **state) {
    (void)state;
    expect(SLICE("{\"specversion\":\"1.0\",\"id\":\"e-1\",\"data\":{}}"),
           "e-1");
    expect(SLICE("{\"id\":\"a\\u0062c\",\"x\":1}"), "abc");
    expect(SLICE("\xa2\x62id\x63"
                 "e-2\x61x\x01"),
           "e-2");
    expect(SLICE("{\"data\":{\"id\":\"inner\"}}"), "");
    expect(SLICE("{\"id\":7}"), "");
    expect(SLICE("{\"id\":\"a\\u0000b\"}"), "");
    expect(SLICE("hello"), "");
    expect(SLICE("\xff\xff\xff\xff"), "");
    expect(SLICE("{"), "");
    char found[REPORT_ID_MAX];
    event_id_find(SLICE_EMPTY, found);
    assert_string_equal(found, "");
}

/* Goal: of a large one its beginning is read, and no more. */
static void test_large(void **state) {
    (void)state;
    enum { SIZE = 4 * EVENT_ID_SCAN_MAX };
    static char payload[SIZE + 1];
    int len = snprintf(payload, sizeof payload,
                       "{\"id\":\"front\",\"data\":\"%*s\"}", SIZE - 40, "x");
    expect(slice_of(payload, (size_t)len), "front");
    len = snprintf(payload, sizeof payload, "{\"data\":\"%*s\",\"id\":\"z\"}",
                   SIZE - 40, "x");
    expect(slice_of(payload, (size_t)len), "");
}

/* Goal: an id that is longer than any may be is none. */
static void test_long_id(void **state) {
    (void)state;
    char payload[600];
    snprintf(payload, sizeof payload, "{\"id\":\"%0300d\"}", 1);
    expect(slice_from_str(payload), "");
    snprintf(payload, sizeof payload, "{\"id\":\"%0256d\"}", 1);
    char id[300];
    snprintf(id, sizeof id, "%0256d", 1);
    expect(slice_from_str(payload), id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_long_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
