/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: shop_check() lets in what docs/events.md describes, and refuses each
 * thing it does not with a reason that names the member and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/event/event_type.h"
#include "gateway/event/json.h"
#include "tests/unit/shop/check_cases.h"
#include "tests/unit/shop/harness.h"

static err_t check(const char *type, const char *data, struct reason *reason) {
    struct event event = harness_event(type, "/store-7/till-1", "1", data);
    if (json_check(event.data, NULL) != ERR_OK) {
        fail_msg("the test's own data is no JSON: %s", data);
    }
    return shop_check(&event, reason);
}

static void each_refusal_says_why(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(check_refusals) / sizeof(*check_refusals);
         i++) {
        const struct check_refusal *refusal = &check_refusals[i];
        struct reason reason = {""};
        assert_int_equal(check(refusal->type, refusal->data, &reason),
                         ERR_RANGE);
        if (strncmp(reason.text, refusal->reason, strlen(refusal->reason)) !=
            0) {
            fail_msg("%s: got \"%s\", not \"%s\"", refusal->data, reason.text,
                     refusal->reason);
        }
    }
}

static void what_is_described_is_let_in(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(check_accepted) / sizeof(*check_accepted);
         i++) {
        struct reason reason = {""};
        if (check(check_accepted[i][0], check_accepted[i][1], &reason) !=
            ERR_OK) {
            fail_msg("%s: %s", check_accepted[i][1], reason.text);
        }
    }
}

/* 200 lines are the most, of whatever spelling. */
static void two_hundred_items_are_the_most(void **state) {
    (void)state;
    for (int count = SHOP_ITEMS_MAX; count <= SHOP_ITEMS_MAX + 1; count++) {
        static char data[64 * 1024];
        struct writer writer = writer_over(data, sizeof(data) - 1);
        writer_str(&writer, "{\"customerId\":1,\"items\":[");
        for (int i = 0; i < count; i++) {
            writer_printf(&writer,
                          "%s{\"sku\":\"\\u0061%062d\\\"\",\"unitPrice\":"
                          "\"\\u0031\"}",
                          i == 0 ? "" : ",", i);
        }
        writer_str(&writer, "],\"total\":\"1\"," CASH "}");
        data[writer.len] = '\0';
        struct reason reason = {""};
        err_t err = check("OrderPlaced", data, &reason);
        if (count <= SHOP_ITEMS_MAX) {
            assert_int_equal(err, ERR_OK);
        } else {
            assert_int_equal(err, ERR_RANGE);
            assert_string_equal(
                reason.text,
                "data.items: expected at most 200 items in one event");
        }
    }
}

static err_t check_bytes(enum event_data_kind kind, const void *data,
                         size_t len, struct reason *reason) {
    struct event event =
        harness_event("OrderCancelRequested", "/store-7/till-1", "1", "");
    event.data_kind = kind;
    event.data = slice_of(data, len);
    return shop_check(&event, reason);
}

/* CBOR is read as the JSON it stands for, but may not blow up. */
static void cbor_is_read_as_json(void **state) {
    (void)state;
    struct reason reason = {""};
    static const char good[] = "\xa1\x67orderId\x61"
                               "a";
    assert_int_equal(
        check_bytes(EVENT_DATA_CBOR, good, sizeof(good) - 1, &reason), ERR_OK);
    static const char empty[] = "\xa1\x67orderId\x60";
    assert_int_equal(
        check_bytes(EVENT_DATA_CBOR, empty, sizeof(empty) - 1, &reason),
        ERR_RANGE);
    assert_non_null(strstr(reason.text, "data.orderId: expected a string"));
    /* A key that is no text cannot be said in JSON. */
    static const char no_text[] = "\xa1\x01\x02";
    assert_int_equal(
        check_bytes(EVENT_DATA_CBOR, no_text, sizeof(no_text) - 1, &reason),
        ERR_RANGE);
    assert_true(strlen(reason.text) > 0);
}

/* {"orderId": "a", "x": [null, ..., false, false, ...]}. As JSON, with its
 * comma, a null has 4 bytes more than as CBOR, a false 5, and the rest of it 5;
 * data may grow by 16,384. */
static void cbor_may_not_blow_up(void **state) {
    (void)state;
    static const struct {
        uint16_t nulls;
        uint16_t falses;
        err_t err;
    } table[] = {
        {0, 3000, ERR_OK},    {1, 3275, ERR_OK}, /* by 16,384 */
        {0, 3276, ERR_RANGE},                    /* by 16,385 */
        {0, 4000, ERR_RANGE}, {0, 60000, ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        static uint8_t data[64 * 1024];
        struct writer writer = writer_over(data, sizeof(data));
        writer_str(&writer, "\xa2\x67orderId\x61"
                            "a\x61x\x99");
        writer_u16(&writer, (uint16_t)(table[i].nulls + table[i].falses));
        writer_fill(&writer, 0xf6, table[i].nulls);
        writer_fill(&writer, 0xf4, table[i].falses);
        assert_false(writer.full);
        struct reason reason = {""};
        assert_int_equal(
            check_bytes(EVENT_DATA_CBOR, data, writer.len, &reason),
            table[i].err);
        if (table[i].err != ERR_OK) {
            assert_non_null(strstr(reason.text, "not much longer as JSON"));
        }
    }
}

static void other_data_is_refused(void **state) {
    (void)state;
    static const enum event_data_kind kinds[] = {EVENT_DATA_NONE,
                                                 EVENT_DATA_BINARY};
    for (size_t i = 0; i < 2; i++) {
        struct reason reason = {""};
        assert_int_equal(check_bytes(kinds[i], "x", 1, &reason), ERR_RANGE);
        assert_string_equal(reason.text,
                            "data: expected an object, in JSON or CBOR");
    }
}

/* The stream asks first; the shop does not rely on it. */
static void what_services_publish_is_refused(void **state) {
    (void)state;
    for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
        const char *name = event_type_name((enum event_type)type);
        struct event event = {.type = slice_from_str(name),
                              .data_kind = EVENT_DATA_JSON,
                              .data = SLICE("{}")};
        struct reason reason = {""};
        assert_int_equal(shop_check(&event, &reason), ERR_RANGE);
        assert_int_equal(strncmp(reason.text, "type: ", 6) != 0,
                         event_type_is_sendable((enum event_type)type));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_says_why),
        cmocka_unit_test(what_is_described_is_let_in),
        cmocka_unit_test(two_hundred_items_are_the_most),
        cmocka_unit_test(cbor_is_read_as_json),
        cmocka_unit_test(cbor_may_not_blow_up),
        cmocka_unit_test(other_data_is_refused),
        cmocka_unit_test(what_services_publish_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
