/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: shop_check() lets in what docs/events.md describes, and refuses each
 * thing it does not with a reason that names the member and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/event/json.h"
#include "tests/unit/shop/harness.h"

#define CASH "\"paymentDetails\":{\"paymentMethod\":\"CASH\"}"
/* An order with its items, total and whatever else. */
#define ORDER(items, rest) \
    "{\"customerId\":1,\"items\":" items ",\"total\":\"1.00\"" rest "," CASH "}"
#define PAY(details)                                       \
    "{\"customerId\":1,\"items\":[\"a\"],\"total\":\"1\"," \
    "\"paymentDetails\":" details "}"
#define TEXT_64 \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static err_t check(const char *type, const char *data, struct reason *reason) {
    struct event event = harness_event(type, "/store-7/till-1", "1", data);
    if (json_check(event.data, NULL) != ERR_OK) {
        fail_msg("the test's own data is no JSON: %s", data);
    }
    return shop_check(&event, reason);
}

struct refusal {
    const char *type;
    const char *data;
    const char *reason; /* is the reason, or begins it */
};

static const struct refusal refusals[] = {
    {"OrderCreated", "{}", "type: \"OrderCreated\" is not an event that"},
    {"Nonsense", "{}", "type: \"Nonsense\" is not an event that a device"},
    {"OrderPlaced", "[]", "data: expected an object"},
    {"OrderPlaced", "null", "data: expected an object"},
    {"OrderPlaced", "{}", "data.customerId: expected it to be there"},
    {"OrderPlaced", "{\"customerId\":1}", "data.items: expected it to be"},
    {"OrderPlaced", "{\"customerId\":1,\"customerId\":2}",
     "data.customerId: expected it only once"},
    {"OrderPlaced", "{\"customerId\":1,\"customer\\u0049d\":2}",
     "data.customerId: expected it only once"},
    {"OrderPlaced", "{\"customerId\":1,\"items\":[\"a\"]}",
     "data.total: expected it to be there"},
    {"OrderPlaced", "{\"customerId\":1,\"items\":[\"a\"],\"total\":\"1\"}",
     "data.paymentDetails: expected it to be there"},
    {"OrderPlaced",
     "{\"customerId\":1.5,\"items\":[\"a\"],\"total\":\"1\"," CASH "}",
     "data.customerId: expected a string or a whole number"},
    {"OrderPlaced",
     "{\"customerId\":\"\",\"items\":[\"a\"],\"total\":\"1\"," CASH "}",
     "data.customerId: expected a string of 1 to 256 bytes"},
    {"OrderPlaced",
     "{\"customerId\":null,\"items\":[\"a\"],\"total\":\"1\"," CASH "}",
     "data.customerId: expected a string or a whole number"},
    {"OrderPlaced",
     "{\"customerId\":true,\"items\":[\"a\"],\"total\":\"1\"," CASH "}",
     "data.customerId: expected a string or a whole number"},
    /* The id. */
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":7"),
     "data.orderId: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":null"),
     "data.orderId: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"" TEXT_64 "x\""),
     "data.orderId: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"a\\nb\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"\x7f\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"\\u0085\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"\\ufdd0\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"\\uffff\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"\\ud83f\\udffe\""),
     "data.orderId: expected a string of 1 to 64 bytes without control"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"o-0badcafe-7\""),
     "data.orderId: expected an id of your own"},
    /* The items. */
    {"OrderPlaced", ORDER("\"a\"", ""), "data.items: expected a list"},
    {"OrderPlaced", ORDER("{}", ""), "data.items: expected a list"},
    {"OrderPlaced", ORDER("[]", ""), "data.items: expected at least one item"},
    {"OrderPlaced", ORDER("[\"a\",7]", ""),
     "data.items[1]: expected an object"},
    {"OrderPlaced", ORDER("[\"\"]", ""),
     "data.items[0]: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[\"" TEXT_64 "x\"]", ""),
     "data.items[0]: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[{}]", ""),
     "data.items[0].sku: expected it to be there"},
    {"OrderPlaced", ORDER("[{\"sku\":1}]", ""),
     "data.items[0].sku: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"sku\":\"b\"}]", ""),
     "data.items[0].sku: expected it only once"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":0}]", ""),
     "data.items[0].quantity: expected a whole number from 1 to 1000000"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":-1}]", ""),
     "data.items[0].quantity: expected a whole number from 1 to 1000000"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":1.0}]", ""),
     "data.items[0].quantity: expected a whole number"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":\"1\"}]", ""),
     "data.items[0].quantity: expected a whole number"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":1000001}]", ""),
     "data.items[0].quantity: expected a whole number from 1 to 1000000"},
    {"OrderPlaced",
     ORDER("[{\"sku\":\"a\",\"quantity\":99999999999999999999}]", ""),
     "data.items[0].quantity: expected a whole number from 1 to 1000000"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":1000000},\"a\"]", ""),
     "data.items[1].quantity: expected at most 1000000 of one sku"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"unitPrice\":1.5}]", ""),
     "data.items[0].unitPrice: expected a decimal in a string"},
    {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"unitPrice\":\"-1\"}]", ""),
     "data.items[0].unitPrice: expected a decimal in a string"},
    /* The total and its currency. */
    {"OrderPlaced",
     "{\"customerId\":1,\"items\":[\"a\"],\"total\":12.5," CASH "}",
     "data.total: expected a decimal in a string, such as \"12.50\""},
    {"OrderPlaced",
     "{\"customerId\":1,\"items\":[\"a\"],\"total\":\"12,5\"," CASH "}",
     "data.total: expected a decimal in a string"},
    {"OrderPlaced",
     "{\"customerId\":1,\"items\":[\"a\"],\"total\":\"-1\"," CASH "}",
     "data.total: expected a decimal in a string"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"currency\":\"euro\""),
     "data.currency: expected an ISO 4217 code in capitals"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"currency\":\"XXX\""),
     "data.currency: expected an ISO 4217 code in capitals"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"currency\":null"),
     "data.currency: expected an ISO 4217 code in capitals"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"currency\":\"JPY\""),
     "data.total: expected no more decimals than its currency has"},
    /* The payment. */
    {"OrderPlaced", PAY("\"CASH\""), "data.paymentDetails: expected an object"},
    {"OrderPlaced", PAY("{}"),
     "data.paymentDetails.paymentMethod: expected it to be there"},
    {"OrderPlaced", PAY("{\"paymentMethod\":\"cash\"}"),
     "data.paymentDetails.paymentMethod: expected \"CASH\" or \"CARD\""},
    {"OrderPlaced",
     PAY("{\"paymentMethod\":\"CARD\",\"paymentTransactionId\":\"\"}"),
     "data.paymentDetails.paymentTransactionId: expected a string of 1 to 128"},
    {"OrderPlaced",
     PAY("{\"paymentMethod\":\"CARD\",\"paymentTransactionId\":5}"),
     "data.paymentDetails.paymentTransactionId: expected a string"},
    {"OrderPlaced", PAY("{\"paymentMethod\":\"CARD\",\"terminal\":\"a/b\"}"),
     "data.paymentDetails.terminal: expected a device's name, without / + or"},
    {"OrderPlaced",
     PAY("{\"paymentMethod\":\"CARD\",\"terminal\":\"" TEXT_64 "x\"}"),
     "data.paymentDetails.terminal: expected a string of 1 to 64 bytes"},
    {"OrderPlaced", ORDER("[\"a\"]", ",\"shippingDetails\":\"home\""),
     "data.shippingDetails: expected an object"},
    /* The other inputs. */
    {"OrderCancelRequested", "{}", "data.orderId: expected it to be there"},
    {"OrderCancelRequested", "{\"orderId\":\"a\",\"reason\":5}",
     "data.reason: expected a string of at most 160 bytes"},
    {"OrderCancelRequested",
     "{\"orderId\":\"a\",\"reason\":\"" TEXT_64 TEXT_64 TEXT_64 "\"}",
     "data.reason: expected a string of at most 160 bytes"},
    {"PaymentAuthorized", "{}", "data.orderId: expected it to be there"},
    {"PaymentAuthorized", "{\"orderId\":\"a\",\"amount\":5}",
     "data.amount: expected a decimal in a string"},
    {"PaymentAuthorized", "{\"orderId\":\"a\",\"paymentTransactionId\":5}",
     "data.paymentTransactionId: expected a string of 1 to 128 bytes"},
    {"PaymentAuthorized", "{\"orderId\":\"a\",\"currency\":\"E\"}",
     "data.currency: expected an ISO 4217 code"},
    {"PaymentRefused", "{\"orderId\":5}", "data.orderId: expected a string"},
    {"StockReceived", "{}", "data.items: expected it to be there"},
    {"StockReceived", "{\"items\":[]}", "data.items: expected at least one"},
    {"StockReceived", "{\"items\":[\"a\"]}",
     "data.items[0]: expected an object"},
    {"StockReceived", "{\"items\":[{\"sku\":\"a\"}]}",
     "data.items[0].quantity: expected it to be there"},
    {"StockReceived", "{\"items\":[{\"sku\":\"a\",\"quantity\":-1}]}",
     "data.items[0].quantity: expected a whole number from 0 to 1000000"},
    {"StockReceived",
     "{\"items\":[{\"sku\":\"a\",\"quantity\":1,\"reorderLevel\":-1}]}",
     "data.items[0].reorderLevel: expected a whole number from 0 to 1000000"},
    {"StockCounted",
     "{\"items\":[{\"sku\":\"a\",\"quantity\":1},{\"sku\":\"a\","
     "\"quantity\":2}]}",
     "data.items[1].sku: expected each sku only once"},
};

static void each_refusal_says_why(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        const struct refusal *refusal = &refusals[i];
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
    static const char *const accepted[][2] = {
        {"OrderPlaced", ORDER("[\"a\"]", "")},
        {"OrderPlaced", " \t\n" ORDER("[ \"a\" , \"a\" ]", "") "\r\n"},
        {"OrderPlaced",
         ORDER("[\"" TEXT_64 "\"]", ",\"orderId\":\"" TEXT_64 "\"")},
        {"OrderPlaced",
         ORDER("[\"12\\\" "
               "TV\",\"Caf\\u00e9\",\"caf\xc3\xa9\",\"\\ud83c\\udf75\"]",
               ",\"orderId\":\"\\u0061\"")},
        {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"quantity\":1000000,"
                              "\"unitPrice\":\"0.0001\",\"colour\":[]}]",
                              ",\"anything\":{\"else\":null}")},
        {"OrderPlaced", ORDER("[{\"sku\":\"a\",\"unitPrice\":null}]",
                              ",\"shippingDetails\":null")},
        {"OrderPlaced",
         ORDER("[\"a\"]", ",\"shippingDetails\":{\"city\":\"Ulm\"}")},
        {"OrderPlaced", ORDER("[\"a\"]", ",\"currency\":\"KWD\"")},
        {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"o-0badcafe-x\"")},
        {"OrderPlaced", ORDER("[\"a\"]", ",\"orderId\":\"o-17\"")},
        {"OrderPlaced",
         PAY("{\"paymentMethod\":\"CASH\",\"paymentTransactionId\":null,"
             "\"terminal\":null}")},
        {"OrderPlaced", PAY("{\"paymentMethod\":\"CARD\"}")},
        {"OrderCancelRequested", "{\"orderId\":\"a\"}"},
        {"OrderCancelRequested", "{\"orderId\":\"o-0badcafe-7\"}"},
        {"OrderCancelRequested", "{\"orderId\":\"a\",\"reason\":\"\"}"},
        {"PaymentAuthorized", "{\"orderId\":\"a\"}"},
        {"PaymentAuthorized",
         "{\"orderId\":\"a\",\"amount\":\"1\",\"currency\":\"EUR\","
         "\"paymentTransactionId\":\"t\"}"},
        {"PaymentRefused", "{\"orderId\":\"a\",\"reason\":null}"},
        {"StockReceived", "{\"items\":[{\"sku\":\"a\",\"quantity\":0,"
                          "\"reorderLevel\":0}]}"},
        {"StockCounted", "{\"items\":[{\"sku\":\"a\",\"quantity\":1000000}]}"},
    };
    for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
        struct reason reason = {""};
        if (check(accepted[i][0], accepted[i][1], &reason) != ERR_OK) {
            fail_msg("%s: %s", accepted[i][1], reason.text);
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

/* {"orderId": "a", "x": [false, false, ...]}: one byte each, then six. */
static void cbor_may_not_blow_up(void **state) {
    (void)state;
    static const struct {
        uint16_t count;
        err_t err;
    } table[] = {{3000, ERR_OK}, {4000, ERR_RANGE}, {60000, ERR_RANGE}};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        static uint8_t data[64 * 1024];
        struct writer writer = writer_over(data, sizeof(data));
        writer_str(&writer, "\xa2\x67orderId\x61"
                            "a\x61x\x99");
        writer_u16(&writer, table[i].count);
        writer_fill(&writer, 0xf4, table[i].count);
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

static void only_inputs_are_taken(void **state) {
    (void)state;
    static const char *const inputs[] = {
        "OrderPlaced",    "OrderCancelRequested", "PaymentAuthorized",
        "PaymentRefused", "StockReceived",        "StockCounted"};
    static const char *const others[] = {
        "OrderCreated",      "OrderRejected",     "OrderCancelled",
        "InventoryReserved", "InventoryRejected", "InventoryReleased",
        "StockLow",          "PaymentRequested",  "PaymentProcessed",
        "PaymentDeclined",   "PaymentRefunded",   "OrderFulfiled",
        "OrderFulfilled",    "orderplaced",       ""};
    for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++) {
        assert_true(shop_takes(slice_from_str(inputs[i])));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_false(shop_takes(slice_from_str(others[i])));
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
        cmocka_unit_test(only_inputs_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
