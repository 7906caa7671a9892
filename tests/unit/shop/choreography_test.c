/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each course that an order can take gives exactly the events that the
 * design names, in order, to whom they are due, and replay gives the same
 * state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/shop/harness.h"

#define TILL "till-1"
#define TERMINAL "card-1"
#define CASH "\"paymentDetails\":{\"paymentMethod\":\"CASH\"}"
#define ONLINE                                                                 \
    "\"paymentDetails\":{\"paymentMethod\":\"CARD\",\"paymentTransactionId\":" \
    "\"tx-9\"}"
#define ASK \
    "\"paymentDetails\":{\"paymentMethod\":\"CARD\",\"terminal\":\"card-1\"}"
#define NOTHING "\"paymentDetails\":{\"paymentMethod\":\"CARD\"}"
#define ORDER(id, items, payment)                               \
    "{\"orderId\":\"" id "\",\"customerId\":7,\"items\":" items \
    ",\"total\":\"12.50\"," payment "}"
#define ORDER_OF_TOTAL(id, total) \
    "{\"orderId\":\"" id          \
    "\",\"customerId\":7,\"items\":[\"tea\"],\"total\":\"" total "\"," ASK "}"

/* What was said begins so; what comes behind (who has the money, ids) has tests
 * of its own. */
static void assert_begins(const char *said, const char *beginning) {
    size_t len = strlen(beginning) - 1; /* without the closing brace */
    if (strncmp(said, beginning, len) != 0) {
        fail_msg("%s does not begin with %s", said, beginning);
    }
}

static size_t place(struct harness *harness, const char *data) {
    return harness_send(harness, TILL, "OrderPlaced", data);
}

static void stock(struct harness *harness, const char *items) {
    char data[512];
    snprintf(data, sizeof(data), "{\"items\":%s}", items);
    harness_send(harness, "scanner-1", "StockReceived", data);
}

static int setup(void **state) {
    static struct harness harness;
    harness_open(&harness, NULL);
    *state = &harness;
    return 0;
}

static int teardown(void **state) {
    struct harness *harness = *state;
    harness_check_replay(harness);
    harness_close(harness);
    return 0;
}

/* Cash, stock nobody manages: fulfilled at once; the data says all of it. */
static void cash_is_fulfilled_at_once(void **state) {
    struct harness *harness = *state;
    size_t at = place(harness, ORDER("a",
                                     "[\"tea\",\"tea\",{\"sku\":\"mug\","
                                     "\"quantity\":3}]",
                                     CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed OrderFulfiled");
    assert_string_equal(
        harness_data(harness, at, "OrderCreated"),
        "{\"currency\":\"EUR\",\"orderId\":\"a\",\"customerId\":7,\"items\":["
        "\"tea\",\"tea\",{\"sku\":\"mug\",\"quantity\":3}],\"total\":\"12."
        "50\"," CASH "}");
    assert_string_equal(
        harness_data(harness, at, "InventoryReserved"),
        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"tea\",\"quantity\":2},"
        "{\"sku\":\"mug\",\"quantity\":3}],\"unmanaged\":[\"tea\",\"mug\"]}");
    assert_string_equal(
        harness_data(harness, at, "PaymentProcessed"),
        "{\"orderId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
        "\"mode\":\"cash\"}");
    assert_string_equal(harness_data(harness, at, "OrderFulfiled"),
                        "{\"orderId\":\"a\"}");
    assert_string_equal(harness_device(harness, at, "OrderCreated"), TILL);
    assert_string_equal(harness_device(harness, at, "OrderFulfiled"), TILL);
    assert_string_equal(harness_device(harness, at, "InventoryReserved"), "");
    assert_string_equal(harness_device(harness, at, "PaymentProcessed"), "");
    struct shop_counts counts = shop_counts(harness->shop);
    assert_int_equal(counts.placed, 1);
    assert_int_equal(counts.fulfiled, 1);
    assert_int_equal(counts.open, 0);
}

/* A derived event's attributes: id, source, subject, time, causation. */
static void attributes_come_from_the_cause(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", CASH));
    static const char *const expected[][3] = {
        {"5eed0123456789ab-0-1", "/store-7/order", "in-0"},
        {"5eed0123456789ab-1-1", "/store-7/inventory", "5eed0123456789ab-0-1"},
        {"5eed0123456789ab-1-2", "/store-7/payment", "5eed0123456789ab-0-1"},
        {"5eed0123456789ab-3-1", "/store-7/fulfilment", "5eed0123456789ab-1-2"},
    };
    for (size_t i = 0; i < 4; i++) {
        struct event event;
        struct slice cause;
        harness_load(harness, i + 1, &event);
        assert_true(slice_eq_str(event.id, expected[i][0]));
        assert_true(slice_eq_str(event.source, expected[i][1]));
        assert_true(slice_eq_str(event.subject, "a"));
        assert_true(slice_eq_str(event.time, "2026-05-28T20:26:40.000000Z"));
        assert_true(slice_eq_str(event.datacontenttype, "application/json"));
        assert_int_equal(event_extension_text(&event, "causationid", &cause),
                         ERR_OK);
        assert_true(slice_eq_str(cause, expected[i][2]));
    }
}

/* An order without an id gets one from the journal's id and its number. */
static void an_id_is_made(void **state) {
    struct harness *harness = *state;
    size_t at =
        place(harness, " { \"customerId\":\"c\",\"items\":[\"tea\"],"
                       "\"total\":\"1\",\"currency\":\"JPY\"," CASH "}");
    assert_string_equal(
        harness_data(harness, at, "OrderCreated"),
        "{\"orderId\":\"o-0badcafe-0\", \"customerId\":\"c\",\"items\":["
        "\"tea\"],\"total\":\"1\",\"currency\":\"JPY\"," CASH "}");
    assert_string_equal(
        harness_data(harness, at, "PaymentProcessed"),
        "{\"orderId\":\"o-0badcafe-0\",\"amount\":\"1\",\"currency\":\"JPY\","
        "\"mode\":\"cash\"}");
}

/* A card that was charged before the order: online. */
static void a_charged_card_is_online(void **state) {
    struct harness *harness = *state;
    size_t at = place(harness, ORDER("a", "[\"tea\"]", ONLINE));
    assert_string_equal(
        harness_data(harness, at, "PaymentProcessed"),
        "{\"orderId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
        "\"paymentTransactionId\":\"tx-9\",\"mode\":\"online\"}");
}

/* One line is missing: nothing is reserved, cash goes back once. */
static void out_of_stock_refunds_once(void **state) {
    struct harness *harness = *state;
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":2}]");
    size_t at =
        place(harness,
              ORDER("a", "[\"tea\",{\"sku\":\"mug\",\"quantity\":3}]", CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryRejected "
                        "PaymentProcessed OrderCancelled PaymentRefunded");
    assert_string_equal(harness_data(harness, at, "InventoryRejected"),
                        "{\"orderId\":\"a\",\"missing\":[{\"sku\":\"mug\","
                        "\"wanted\":3,\"available\":2}]}");
    assert_string_equal(harness_data(harness, at, "OrderCancelled"),
                        "{\"orderId\":\"a\",\"reason\":\"out of stock\"}");
    assert_begins(harness_data(harness, at, "PaymentRefunded"),
                  "{\"orderId\":\"a\",\"amount\":\"12.50\",\"currency\":"
                  "\"EUR\"}");
    assert_string_equal(harness_device(harness, at, "InventoryRejected"), TILL);
    assert_string_equal(harness_device(harness, at, "OrderCancelled"), TILL);
    assert_string_equal(harness_device(harness, at, "PaymentRefunded"), TILL);
}

/* Declined while reserved: released once, the stock is there again. */
static void declined_releases_once(void **state) {
    struct harness *harness = *state;
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":2}]");
    size_t at = place(harness, ORDER("a", "[\"mug\",\"mug\"]", NOTHING));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentDeclined OrderCancelled InventoryReleased");
    assert_string_equal(harness_data(harness, at, "InventoryReleased"),
                        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"mug\","
                        "\"quantity\":2}]}");
    at = place(harness, ORDER("b", "[\"mug\",\"mug\"]", CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed OrderFulfiled");
    at = place(harness, ORDER("c", "[\"mug\"]", CASH));
    assert_string_equal(harness_data(harness, at, "InventoryRejected"),
                        "{\"orderId\":\"c\",\"missing\":[{\"sku\":\"mug\","
                        "\"wanted\":1,\"available\":0}]}");
}

/* Out of stock and declined at once: one end. */
static void two_reasons_make_one_end(void **state) {
    struct harness *harness = *state;
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":0}]");
    size_t at = place(harness, ORDER("a", "[\"mug\"]", NOTHING));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryRejected "
                        "PaymentDeclined OrderCancelled");
}

/* A terminal is asked, answers, and only once. */
static void a_terminal_is_asked(void **state) {
    struct harness *harness = *state;
    size_t at = place(harness, ORDER("a", "[\"tea\"]", ASK));
    assert_string_equal(
        harness_types(harness, at),
        "OrderPlaced OrderCreated InventoryReserved PaymentRequested");
    assert_string_equal(harness_device(harness, at, "PaymentRequested"), "");
    assert_string_equal(harness_terminal(harness, at, "PaymentRequested"),
                        TERMINAL);
    assert_string_equal(
        harness_data(harness, at, "PaymentRequested"),
        "{\"orderId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
        "\"terminal\":\"card-1\"}");
    assert_int_equal(shop_counts(harness->shop).payments_open, 1);
    /* Another device may not answer: what it took goes back. */
    at = harness_send(harness, "card-2", "PaymentAuthorized",
                      "{\"orderId\":\"a\"}");
    assert_string_equal(harness_types(harness, at),
                        "PaymentAuthorized PaymentRefunded");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"),
                        "card-2");
    at = harness_send(harness, "card-2", "PaymentRefused",
                      "{\"orderId\":\"a\"}");
    assert_string_equal(harness_types(harness, at), "PaymentRefused");
    assert_int_equal(shop_counts(harness->shop).answers_ignored, 1);
    at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                      "{\"orderId\":\"a\",\"paymentTransactionId\":\"t1\"}");
    assert_string_equal(harness_types(harness, at),
                        "PaymentAuthorized PaymentProcessed OrderFulfiled");
    assert_string_equal(
        harness_data(harness, at, "PaymentProcessed"),
        "{\"orderId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
        "\"paymentTransactionId\":\"t1\",\"mode\":\"terminal\","
        "\"terminal\":\"card-1\"}");
    assert_string_equal(harness_device(harness, at, "OrderFulfiled"), TILL);
    at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                      "{\"orderId\":\"a\",\"paymentTransactionId\":\"t1\"}");
    assert_string_equal(harness_types(harness, at), "PaymentAuthorized");
    assert_int_equal(shop_counts(harness->shop).answers_ignored, 2);
    assert_int_equal(shop_counts(harness->shop).payments_open, 0);
}

static void a_terminal_refuses(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", ASK));
    size_t at = harness_send(harness, TERMINAL, "PaymentRefused",
                             "{\"orderId\":\"a\",\"reason\":\"card expired\"}");
    assert_string_equal(
        harness_types(harness, at),
        "PaymentRefused PaymentDeclined OrderCancelled InventoryReleased");
    assert_string_equal(harness_data(harness, at, "PaymentDeclined"),
                        "{\"orderId\":\"a\",\"reason\":\"card expired\"}");
    assert_string_equal(
        harness_data(harness, at, "OrderCancelled"),
        "{\"orderId\":\"a\",\"reason\":\"payment declined: card expired\"}");
    /* It knows. */
    assert_string_equal(harness_terminal(harness, at, "OrderCancelled"), "");
}

/* An order that is void by the end of the run in which it was placed: nobody
 * is asked for its money, though the journal says what payment wanted. */
static void nobody_is_asked_for_what_is_void(void **state) {
    struct harness *harness = *state;
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":0}]");
    size_t at = place(harness, ORDER("a", "[\"mug\"]", ASK));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryRejected "
                        "PaymentRequested OrderCancelled");
    assert_string_equal(harness_device(harness, at, "PaymentRequested"), "");
    assert_string_equal(harness_terminal(harness, at, "PaymentRequested"), "");
    assert_string_equal(harness_terminal(harness, at, "OrderCancelled"), "");
    assert_string_equal(harness_device(harness, at, "OrderCancelled"), TILL);
    assert_int_equal(shop_counts(harness->shop).payments_open, 0);
}

/* A terminal that took another amount: what it took goes back. */
static void another_amount_goes_back(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", ASK));
    size_t at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                             "{\"orderId\":\"a\",\"amount\":\"12.5\"}");
    assert_string_equal(harness_types(harness, at),
                        "PaymentAuthorized PaymentProcessed OrderFulfiled");
    place(harness, ORDER("b", "[\"tea\"]", ASK));
    at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                      "{\"orderId\":\"b\",\"amount\":\"1.25\"}");
    assert_string_equal(harness_types(harness, at),
                        "PaymentAuthorized PaymentDeclined PaymentRefunded "
                        "OrderCancelled InventoryReleased");
    assert_begins(
        harness_data(harness, at, "PaymentRefunded"),
        "{\"orderId\":\"b\",\"amount\":\"1.25\",\"currency\":\"EUR\"}");
    assert_int_equal(shop_counts(harness->shop).answers_ignored, 0);
}

/* What a terminal says it took and was not asked for, in place of "amount" and
 * "currency", why it is declined, and what goes back. */
static const struct {
    const char *said;
    const char *why;
    const char *back;
} wrong_money[] = {
    {"\"amount\":\"12.500\"",
     "the terminal took what is no amount of the order's currency",
     "\"amount\":\"12.50\",\"currency\":\"EUR\""},
    {"\"amount\":\"12.50\",\"currency\":\"USD\"",
     "the terminal took another currency",
     "\"amount\":\"12.50\",\"currency\":\"USD\""},
    {"\"amount\":\"1.125\",\"currency\":\"KWD\"",
     "the terminal took another currency",
     "\"amount\":\"1.125\",\"currency\":\"KWD\""},
    {"\"currency\":\"JPY\"", "the terminal took another currency",
     "\"amount\":\"12.50\",\"currency\":\"EUR\""},
};

/* Another currency, or what is no amount of the order's, ends the order and
 * gives the money back, too late as well: nothing is asked for ever. */
static void another_currency_goes_back(void **state) {
    struct harness *harness = *state;
    for (size_t i = 0; i < sizeof(wrong_money) / sizeof(*wrong_money); i++) {
        for (int late = 0; late <= 1; late++) {
            char id[16];
            char data[256];
            snprintf(id, sizeof(id), "%c%d", late ? 'l' : 'a', (int)i);
            snprintf(data, sizeof(data),
                     "{\"orderId\":\"%s\",\"customerId\":7,\"items\":["
                     "\"tea\"],\"total\":\"12.50\"," ASK "}",
                     id);
            place(harness, data);
            if (late) {
                snprintf(data, sizeof(data), "{\"orderId\":\"%s\"}", id);
                harness_send(harness, TILL, "OrderCancelRequested", data);
            }
            snprintf(data, sizeof(data), "{\"orderId\":\"%s\",%s}", id,
                     wrong_money[i].said);
            size_t at =
                harness_send(harness, TERMINAL, "PaymentAuthorized", data);
            assert_string_equal(
                harness_types(harness, at),
                late ? "PaymentAuthorized PaymentRefunded"
                     : "PaymentAuthorized PaymentDeclined PaymentRefunded "
                       "OrderCancelled InventoryReleased");
            snprintf(data, sizeof(data), "{\"orderId\":\"%s\",%s}", id,
                     wrong_money[i].back);
            assert_begins(harness_data(harness, at, "PaymentRefunded"), data);
            if (!late) {
                snprintf(data, sizeof(data),
                         "{\"orderId\":\"%s\",\"reason\":\"%s\"}", id,
                         wrong_money[i].why);
                assert_string_equal(
                    harness_data(harness, at, "PaymentDeclined"), data);
            }
        }
    }
    struct shop_counts counts = shop_counts(harness->shop);
    assert_int_equal(counts.payments_open, 0);
    assert_int_equal(counts.open, 0);
    assert_int_equal(counts.answers_ignored, 0);
}

/* Cancelled while the terminal is asked: what it takes too late goes back. */
static void a_late_answer_is_refunded(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", ASK));
    size_t at = harness_send(harness, TILL, "OrderCancelRequested",
                             "{\"orderId\":\"a\",\"reason\":\"gone\"}");
    assert_string_equal(
        harness_types(harness, at),
        "OrderCancelRequested OrderCancelled InventoryReleased");
    assert_string_equal(
        harness_data(harness, at, "OrderCancelled"),
        "{\"orderId\":\"a\",\"reason\":\"cancel requested: gone\"}");
    assert_string_equal(harness_device(harness, at, "OrderCancelled"), TILL);
    assert_string_equal(harness_terminal(harness, at, "OrderCancelled"),
                        TERMINAL);
    at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                      "{\"orderId\":\"a\",\"paymentTransactionId\":\"t1\"}");
    assert_string_equal(harness_types(harness, at),
                        "PaymentAuthorized PaymentRefunded");
    assert_begins(
        harness_data(harness, at, "PaymentRefunded"),
        "{\"orderId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
        "\"paymentTransactionId\":\"t1\"}");
    at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                      "{\"orderId\":\"a\",\"paymentTransactionId\":\"t1\"}");
    assert_string_equal(harness_types(harness, at), "PaymentAuthorized");
    assert_int_equal(shop_counts(harness->shop).answers_ignored, 1);
}

/* After the end, or of nothing: no event, and the asker hears how it stands. */
static void a_cancel_can_be_too_late(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", CASH));
    size_t at = harness_send(harness, "till-2", "OrderCancelRequested",
                             "{\"orderId\":\"a\"}");
    assert_string_equal(harness_types(harness, at), "OrderCancelRequested");
    assert_string_equal(harness->last_repeat.type, "OrderFulfiled");
    assert_string_equal(harness->last_repeat.device, "till-2");
    at = harness_send(harness, TILL, "OrderCancelRequested",
                      "{\"orderId\":\"nobody\"}");
    assert_string_equal(harness_types(harness, at), "OrderCancelRequested");
    assert_int_equal(harness->repeats, 1);
    assert_int_equal(shop_counts(harness->shop).cancels_ignored, 2);
}

/* The same order again: nothing changes, the same answer; other content under
 * the same id is counted and gets the original's answer. */
static void an_order_placed_twice_changes_nothing(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", ASK));
    size_t at = place(harness, ORDER("a", "[\"tea\"]", ASK));
    assert_string_equal(harness_types(harness, at), "OrderPlaced");
    assert_string_equal(harness->last_repeat.type, "OrderCreated");
    assert_string_equal(harness->last_repeat.order_id, "a");
    assert_int_equal(harness->last_repeat.seq, 1);
    assert_int_equal(shop_counts(harness->shop).conflicting, 0);
    place(harness, ORDER_OF_TOTAL("a", "12.5"));
    assert_int_equal(shop_counts(harness->shop).conflicting, 1);
    harness_send(harness, TERMINAL, "PaymentAuthorized", "{\"orderId\":\"a\"}");
    at = harness_send(harness, "till-2", "OrderPlaced",
                      ORDER("a", "[\"mug\"]", CASH));
    assert_string_equal(harness_types(harness, at), "OrderPlaced");
    assert_string_equal(harness->last_repeat.type, "OrderFulfiled");
    assert_string_equal(harness->last_repeat.device, "till-2");
    struct shop_counts counts = shop_counts(harness->shop);
    assert_int_equal(counts.placed, 1);
    assert_int_equal(counts.repeated, 3);
    assert_int_equal(counts.conflicting, 2);
    assert_int_equal(harness->repeats, 3);
}

/* Without a currency a total can be too fine for the shop's. */
static void an_order_can_be_rejected(void **state) {
    struct harness *harness = *state;
    static const char order[] =
        "{\"orderId\":\"a\",\"customerId\":7,\"items\":[\"tea\"],\"total\":"
        "\"1.234\"," CASH "}";
    size_t at = place(harness, order);
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderRejected");
    assert_string_equal(
        harness_data(harness, at, "OrderRejected"),
        "{\"orderId\":\"a\",\"reason\":\"total has more decimals than the "
        "shop's currency, EUR\"}");
    assert_string_equal(harness_device(harness, at, "OrderRejected"), TILL);
    place(harness, order);
    assert_string_equal(harness->last_repeat.type, "OrderRejected");
    assert_int_equal(shop_counts(harness->shop).rejected, 1);
}

/* StockLow once for each crossing, for all skus of one event together. */
static void stock_low_is_said_once_a_crossing(void **state) {
    struct harness *harness = *state;
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":4,\"reorderLevel\":2},"
                   "{\"sku\":\"cup\",\"quantity\":3,\"reorderLevel\":2},"
                   "{\"sku\":\"pot\",\"quantity\":9}]");
    size_t at = place(harness, ORDER("a", "[\"mug\"]", CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed OrderFulfiled");
    at = place(harness, ORDER("b", "[\"mug\",\"cup\",\"pot\"]", CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed StockLow OrderFulfiled");
    assert_string_equal(
        harness_data(harness, at, "StockLow"),
        "{\"items\":[{\"sku\":\"mug\",\"available\":2,\"reorderLevel\":2},"
        "{\"sku\":\"cup\",\"available\":2,\"reorderLevel\":2}]}");
    at = place(harness, ORDER("c", "[\"mug\"]", CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed OrderFulfiled");
    at = harness_send(harness, "scanner-1", "StockCounted",
                      "{\"items\":[{\"sku\":\"mug\",\"quantity\":7}]}");
    assert_string_equal(harness_types(harness, at),
                        "StockCounted StockChanged");
    at = harness_send(harness, "scanner-1", "StockCounted",
                      "{\"items\":[{\"sku\":\"mug\",\"quantity\":1}]}");
    assert_string_equal(harness_types(harness, at),
                        "StockCounted StockChanged StockLow");
}

/* A reorder level of 0 is a level: the last one sold is said. */
static void stock_is_low_when_none_is_left(void **state) {
    struct harness *harness = *state;
    size_t at = harness_send(harness, "scanner-1", "StockReceived",
                             "{\"items\":[{\"sku\":\"cup\",\"quantity\":0,"
                             "\"reorderLevel\":0}]}");
    assert_string_equal(harness_data(harness, at, "StockLow"),
                        "{\"items\":[{\"sku\":\"cup\",\"available\":0,"
                        "\"reorderLevel\":0}]}");
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":1,\"reorderLevel\":0}]");
    at = place(harness, ORDER("a", "[\"mug\"]", CASH));
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed StockLow OrderFulfiled");
}

/* A count below what open orders hold leaves less than nothing available, and
 * the order that holds it is still fulfilled. */
static void a_count_may_contradict_a_reservation(void **state) {
    struct harness *harness = *state;
    stock(harness, "[{\"sku\":\"mug\",\"quantity\":2}]");
    place(harness, ORDER("a", "[\"mug\",\"mug\"]", ASK));
    harness_send(harness, "scanner-1", "StockCounted",
                 "{\"items\":[{\"sku\":\"mug\",\"quantity\":1}]}");
    size_t at = place(harness, ORDER("b", "[\"mug\"]", CASH));
    assert_string_equal(harness_data(harness, at, "InventoryRejected"),
                        "{\"orderId\":\"b\",\"missing\":[{\"sku\":\"mug\","
                        "\"wanted\":1,\"available\":-1}]}");
    at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                      "{\"orderId\":\"a\"}");
    assert_string_equal(harness_types(harness, at),
                        "PaymentAuthorized PaymentProcessed OrderFulfiled");
}

static void collect_payment(void *context, const struct event *event,
                            struct shop_stamp stamp, struct slice terminal) {
    struct writer *writer = context;
    writer_printf(writer, "%.*s@%d>%.*s ", SLICE_ARG(event->id), (int)stamp.seq,
                  SLICE_ARG(terminal));
}

/* Open payments are told in the order of asking, also after replay. */
static void open_payments_are_told(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", ASK));
    place(harness, ORDER("b", "[\"tea\"]", ASK));
    place(harness, ORDER("c", "[\"tea\"]", ASK));
    harness_send(harness, TERMINAL, "PaymentRefused", "{\"orderId\":\"b\"}");
    struct shop *replayed = harness_replay(harness, harness->count);
    const struct shop *shops[] = {harness->shop, replayed};
    for (size_t i = 0; i < 2; i++) {
        char text[256];
        struct writer writer = writer_over(text, sizeof(text));
        uint64_t next =
            shop_open_payments(shops[i], 0, 9, collect_payment, &writer);
        assert_int_equal(next, 0);
        assert_true(slice_eq_str(
            writer_slice(&writer),
            "5eed0123456789ab-1-2@3>card-1 5eed0123456789ab-9-2@11>card-1 "));
    }
    shop_free(replayed);
}

/* Goal: with more open payments than are told at a time, each is told in its
 * turn, whatever is answered or asked between two calls. */
static void open_payments_take_turns(void **state) {
    struct harness *harness = *state;
    for (int i = 0; i < 5; i++) {
        char data[256];
        snprintf(data, sizeof(data),
                 "{\"orderId\":\"o%d\",\"customerId\":7,\"items\":[\"tea\"],"
                 "\"total\":\"1\"," ASK "}",
                 i);
        place(harness, data);
    }
    char text[256];
    struct writer writer = writer_over(text, sizeof(text));
    uint64_t next =
        shop_open_payments(harness->shop, 0, 2, collect_payment, &writer);
    assert_int_equal(next, 11);
    assert_true(slice_eq_str(
        writer_slice(&writer),
        "5eed0123456789ab-1-2@3>card-1 5eed0123456789ab-5-2@7>card-1 "));
    /* Where it was to carry on is answered: so it does behind that. */
    harness_send(harness, TERMINAL, "PaymentAuthorized",
                 "{\"orderId\":\"o2\"}");
    writer = writer_over(text, sizeof(text));
    next = shop_open_payments(harness->shop, next, 1, collect_payment, &writer);
    assert_int_equal(next, 19);
    assert_true(slice_eq_str(writer_slice(&writer),
                             "5eed0123456789ab-13-2@15>card-1 "));
    place(harness, ORDER("late", "[\"tea\"]", ASK));
    writer = writer_over(text, sizeof(text));
    next = shop_open_payments(harness->shop, next, 2, collect_payment, &writer);
    assert_int_equal(next, 0);
    assert_true(slice_eq_str(
        writer_slice(&writer),
        "5eed0123456789ab-17-2@19>card-1 5eed0123456789ab-24-2@26>card-1 "));
    /* All behind it are answered: nothing to tell, and it begins again. */
    writer = writer_over(text, sizeof(text));
    next = shop_open_payments(harness->shop, 1000, 2, collect_payment, &writer);
    assert_int_equal(next, 0);
    assert_int_equal(writer.len, 0);
}

static void collect_order(void *context, const struct shop_order_view *order) {
    struct writer *writer = context;
    writer_printf(
        writer, "%.*s/%.*s/%d%d%d/%d%s/%.*s ", SLICE_ARG(order->order_id),
        SLICE_ARG(order->device), order->state, order->reserved, order->paid,
        (int)order->total_minor, order->currency, SLICE_ARG(order->reason));
}

/* The console's view: newest first, at most what is asked for and 50. */
static void orders_are_shown(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "[\"tea\"]", CASH));
    place(harness, ORDER("b", "[\"tea\"]", NOTHING));
    place(harness, ORDER("c", "[\"tea\"]", ASK));
    struct shop *replayed = harness_replay(harness, harness->count);
    const struct shop *shops[] = {harness->shop, replayed};
    for (size_t i = 0; i < 2; i++) {
        char text[512];
        struct writer writer = writer_over(text, sizeof(text) - 1);
        shop_orders(shops[i], 2, collect_order, &writer);
        text[writer.len] = '\0';
        assert_string_equal(
            text, "c/till-1/010/1250EUR/ b/till-1/200/1250EUR/payment "
                  "declined: a card needs a paymentTransactionId or a terminal "
                  "that can be asked ");
    }
    shop_free(replayed);
    for (int i = 0; i < SHOP_ORDERS_SHOWN; i++) {
        place(harness,
              "{\"customerId\":7,\"items\":[\"tea\"],\"total\":\"1\"," CASH
              "}");
    }
    /* One that is no longer shown still gets its notices. */
    size_t at = harness_send(harness, TERMINAL, "PaymentAuthorized",
                             "{\"orderId\":\"c\"}");
    assert_string_equal(harness_device(harness, at, "OrderFulfiled"), TILL);
    char text[8192];
    struct writer writer = writer_over(text, sizeof(text) - 1);
    shop_orders(harness->shop, 1000, collect_order, &writer);
    size_t shown = 0;
    for (size_t i = 0; i < writer.len; i++) {
        shown += text[i] == ' ';
    }
    assert_int_equal(shown, SHOP_ORDERS_SHOWN);
}

/* The oldest of those shown is kept up to date too. */
static void the_oldest_order_shown_is_told_of(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("c", "[\"tea\"]", ASK));
    for (int i = 1; i < SHOP_ORDERS_SHOWN; i++) {
        place(harness,
              "{\"customerId\":7,\"items\":[\"tea\"],\"total\":\"1\"," CASH
              "}");
    }
    harness_send(harness, TERMINAL, "PaymentAuthorized", "{\"orderId\":\"c\"}");
    char text[8192];
    struct writer writer = writer_over(text, sizeof(text) - 1);
    shop_orders(harness->shop, SHOP_ORDERS_SHOWN, collect_order, &writer);
    text[writer.len] = '\0';
    assert_non_null(strstr(text, " c/till-1/111/1250EUR/ "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(cash_is_fulfilled_at_once),
        TEST(attributes_come_from_the_cause),
        TEST(an_id_is_made),
        TEST(a_charged_card_is_online),
        TEST(out_of_stock_refunds_once),
        TEST(declined_releases_once),
        TEST(two_reasons_make_one_end),
        TEST(a_terminal_is_asked),
        TEST(a_terminal_refuses),
        TEST(nobody_is_asked_for_what_is_void),
        TEST(another_amount_goes_back),
        TEST(another_currency_goes_back),
        TEST(a_late_answer_is_refunded),
        TEST(a_cancel_can_be_too_late),
        TEST(an_order_placed_twice_changes_nothing),
        TEST(an_order_can_be_rejected),
        TEST(stock_low_is_said_once_a_crossing),
        TEST(stock_is_low_when_none_is_left),
        TEST(a_count_may_contradict_a_reservation),
        TEST(open_payments_are_told),
        TEST(open_payments_take_turns),
        TEST(orders_are_shown),
        TEST(the_oldest_order_shown_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
