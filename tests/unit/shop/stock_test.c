/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: stock comes out right: weighed goods, one sku however it is typed,
 * deliveries, adjustments, counts of a moment that is past, what is oversold or
 * unknown; what cannot be taken is refused by name; and replay decides nothing
 * again. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/judge.h"
#include "gateway/shop/moves.h"
#include "tests/unit/shop/harness.h"

#define TILL "till-1"
#define SCANNER "scanner-1"
#define CASH "\"paymentDetails\":{\"paymentMethod\":\"CASH\"}"
#define ASK                                           \
    "\"paymentDetails\":{\"paymentMethod\":\"CARD\"," \
    "\"terminal\":\"card-1\"}"
#define ORDER(id, items, payment)                               \
    "{\"orderId\":\"" id "\",\"customerId\":1,\"items\":" items \
    ",\"total\":\"5\"," payment "}"

static struct harness *open_with(struct shop_settings settings) {
    static struct harness harness;
    harness_open_with(&harness, settings);
    return &harness;
}

static struct harness *open_plain(void) {
    return open_with((struct shop_settings){0});
}

static void close(struct harness *harness) {
    harness_check_replay(harness);
    harness_close(harness);
}

static size_t place(struct harness *harness, const char *data) {
    return harness_send(harness, TILL, "OrderPlaced", data);
}

/* Sends a stock event and says what changed. */
static const char *stock(struct harness *harness, const char *type,
                         const char *data) {
    size_t at = harness_send(harness, SCANNER, type, data);
    return harness_data(harness, at, "StockChanged");
}

static int64_t now_us(const struct harness *harness) {
    return harness->entries[harness->count - 1].stamp.wall_us;
}

static const char *time_text(int64_t wall_us) {
    static char text[EVENT_TIME_SIZE];
    event_time_format(wall_us, text);
    return text;
}

static const char *count_at(int64_t wall_us, const char *items) {
    static char data[1024];
    snprintf(data, sizeof(data), "{\"items\":%s,\"time\":\"%s\"}", items,
             time_text(wall_us));
    return data;
}

static void weighed_goods_are_exact(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    assert_string_equal(
        stock(harness, "StockReceived",
              "{\"items\":[{\"sku\":\"apples\",\"quantity\":1.050,\"unit\":"
              "\"kg\",\"reorderLevel\":0.7}]}"),
        "{\"how\":\"received\",\"items\":[{\"sku\":\"apples\",\"unit\":\"kg\","
        "\"change\":1.05,\"onHand\":1.05,\"available\":1.05,\"reorderLevel\":"
        "0.7}]}");
    size_t at = place(
        harness,
        ORDER("a", "[{\"sku\":\"apples\",\"quantity\":0.35,\"unit\":\"kg\"}]",
              CASH));
    assert_string_equal(
        harness_data(harness, at, "InventoryReserved"),
        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"apples\",\"unit\":\"kg\","
        "\"quantity\":0.35}],\"unmanaged\":[]}");
    assert_string_equal(harness_data(harness, at, "StockLow"),
                        "{\"items\":[{\"sku\":\"apples\",\"unit\":\"kg\","
                        "\"available\":0.7,\"reorderLevel\":0.7}]}");
    /* 0.7 in parts of 0.1, which no float would add up to. */
    at = place(harness, ORDER("b",
                              "[{\"sku\":\"apples\",\"quantity\":0.1},"
                              "{\"sku\":\"apples\",\"quantity\":0.2},"
                              "{\"sku\":\"apples\",\"quantity\":0.4}]",
                              ASK));
    assert_string_equal(harness_data(harness, at, "InventoryReserved"),
                        "{\"orderId\":\"b\",\"items\":[{\"sku\":\"apples\","
                        "\"unit\":\"kg\",\"quantity\":0.7}],"
                        "\"unmanaged\":[]}");
    at = place(harness,
               ORDER("c", "[{\"sku\":\"apples\",\"quantity\":0.001}]", CASH));
    assert_string_equal(harness_data(harness, at, "InventoryRejected"),
                        "{\"orderId\":\"c\",\"missing\":[{\"sku\":\"apples\","
                        "\"unit\":\"kg\",\"wanted\":0.001,\"available\":0}]}");
    at = harness_send(harness, TILL, "OrderCancelRequested",
                      "{\"orderId\":\"b\"}");
    assert_string_equal(harness_data(harness, at, "InventoryReleased"),
                        "{\"orderId\":\"b\",\"items\":[{\"sku\":\"apples\","
                        "\"unit\":\"kg\",\"quantity\":0.7}]}");
    close(harness);
}

static void a_unit_stays_what_it_is(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"apples\",\"quantity\":5,\"unit\":\"kg\"}]}");
    static const char *const refused[][2] = {
        {"OrderPlaced",
         ORDER("a", "[\"pot\",{\"sku\":\"apples\",\"unit\":\"g\"}]", CASH)},
        {"StockReceived",
         "{\"items\":[{\"sku\":\"pot\",\"quantity\":1},{\"sku\""
         ":\"apples\",\"quantity\":500,\"unit\":\"g\"}]}"},
        {"StockAdjusted",
         "{\"items\":[{\"sku\":\"pot\",\"quantity\":1},{\"sku\":\"apples\","
         "\"quantity\":500,\"unit\":\"g\"}],\"reason\":\"r\"}"},
    };
    stock(harness, "StockCounted",
          "{\"items\":[{\"sku\":\"pot\",\"quantity\":"
          "1}]}");
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        assert_string_equal(
            harness_refusal(harness, TILL, refused[i][0], refused[i][1]),
            "data.items[1].unit: expected \"kg\", in which its stock is kept; "
            "to change it, count it in the other");
    }
    stock(
        harness, "StockCounted",
        "{\"items\":[{\"sku\":\"apples\",\"quantity\":5000,\"unit\":\"g\"}]}");
    assert_string_equal(
        harness_refusal(harness, TILL, refused[0][0], refused[0][1]), "");
    close(harness);
}

/* What is held, sold or delivered is in the unit that was. */
static void a_unit_changes_only_where_nothing_is_of_it(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"apples\",\"quantity\":5,\"unit\":\"kg\"}]}");
    int64_t before = now_us(harness);
    place(harness, ORDER("a", "[{\"sku\":\"apples\",\"quantity\":2}]", ASK));
    static const char items[] =
        "[{\"sku\":\"apples\",\"quantity\":5000,\"unit\":\"g\"}]";
    char count[128];
    snprintf(count, sizeof count, "{\"items\":%s}", items);
    assert_string_equal(
        harness_refusal(harness, SCANNER, "StockCounted", count),
        "data.items[0].unit: expected \"kg\", in which open orders hold it: "
        "end "
        "them first, or wait");
    harness_send(harness, "card-1", "PaymentAuthorized", "{\"orderId\":\"a\"}");
    assert_string_equal(harness_refusal(harness, SCANNER, "StockCounted",
                                        count_at(before, items)),
                        "data.items[0].unit: expected \"kg\", in which it was "
                        "sold or delivered "
                        "since: count again");
    assert_non_null(strstr(stock(harness, "StockCounted", count),
                           "\"onHand\":5000,\"available\":5000"));
    close(harness);
}

/* Whatever was recorded was before now. */
static void a_clock_that_was_put_back_sells_nothing_twice(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":10}]}");
    place(harness, ORDER("a", "[{\"sku\":\"mug\",\"quantity\":3}]", CASH));
    harness->inputs = 0;
    assert_non_null(
        strstr(stock(harness, "StockCounted",
                     "{\"items\":[{\"sku\":\"mug\",\"quantity\":7}]}"),
               "\"change\":0,\"onHand\":7,"));
    close(harness);
}

static void one_sku_however_it_is_typed(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    assert_string_equal(
        stock(harness, "StockCounted",
              "{\"items\":[{\"sku\":\" cafe\\u0301 \",\"quantity\":2}]}"),
        "{\"how\":\"counted\",\"countedAt\":\"2026-05-28T20:26:40.000000Z\","
        "\"items\":[{\"sku\":\"caf\xc3\xa9\",\"change\":2,\"onHand\":2,"
        "\"available\":2}]}");
    size_t at = place(
        harness, ORDER("a", "[\"caf\\u00e9\",\"cafe\\u0301\xc2\xa0\"]", CASH));
    assert_string_equal(
        harness_data(harness, at, "InventoryReserved"),
        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"caf\xc3\xa9\",\"quantity\":2}"
        "],\"unmanaged\":[]}");
    at = place(harness, ORDER("b", "[\"caf\\u00e9 \"]", CASH));
    assert_string_equal(
        harness_types(harness, at),
        "OrderPlaced OrderCreated InventoryRejected PaymentProcessed "
        "OrderCancelled PaymentRefunded");
    /* What is placed is passed on as it was. */
    at = place(harness, ORDER("c", "[\"Tea \"]", CASH));
    assert_non_null(strstr(harness_data(harness, at, "OrderCreated"),
                           "\"items\":[\"Tea \"]"));
    static const char *const refused[][3] = {
        {"OrderPlaced", ORDER("d", "[\"a\",\"\\u00a0 \"]", CASH),
         "data.items[1].sku: expected more than blanks"},
        {"StockReceived",
         "{\"items\":[{\"sku\":\"a\",\"quantity\":1},{\"sku\":\"a \","
         "\"quantity\":1}]}",
         "data.items[1].sku: expected each sku only once"},
        {"OrderPlaced",
         ORDER("d",
               "[{\"sku\":\"a\",\"quantity\":999999.999},{\"sku\":\"a \","
               "\"quantity\":0.002}]",
               CASH),
         "data.items[1].quantity: expected at most 1000000 of one sku in an "
         "order"},
        {"OrderPlaced",
         ORDER("d",
               "[{\"sku\":\"a\",\"unit\":\"kg\"},{\"sku\":\"a \",\"unit\":"
               "\"g\"}]",
               CASH),
         "data.items[1].unit: expected the same one in all lines of a sku"},
        {"OrderPlaced",
         ORDER("d",
               "[\"\\u0958\\u0958\\u0958\\u0958\\u0958\\u0958\\u0958\\u0958"
               "\\u0958\\u0958\\u0958\"]",
               CASH),
         "data.items[0].sku: expected at most 64 bytes in Unicode's normal "
         "form C"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        assert_string_equal(
            harness_refusal(harness, TILL, refused[i][0], refused[i][1]),
            refused[i][2]);
    }
    close(harness);
}

static void case_is_what_the_shop_says(void **state) {
    (void)state;
    static const struct {
        enum sku_case wanted;
        const char *kept;
        bool sold;
    } cases[] = {
        {SKU_CASE_KEEP, "Mug", false},
        {SKU_CASE_UPPER, "MUG", true},
        {SKU_CASE_LOWER, "mug", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct harness *harness = open_with((struct shop_settings){
            .sku_case = cases[i].wanted, .reject_unknown = true});
        const char *said =
            stock(harness, "StockCounted",
                  "{\"items\":[{\"sku\":\"Mug\",\"quantity\":1}]}");
        char sku[32];
        snprintf(sku, sizeof(sku), "\"sku\":\"%s\"", cases[i].kept);
        assert_non_null(strstr(said, sku));
        place(harness, ORDER("a", "[\"mUG\"]", CASH));
        assert_int_equal(shop_counts(harness->shop).fulfiled, cases[i].sold);
        /* Replay asks for no setting. */
        harness->settings = (struct shop_settings){0};
        close(harness);
    }
}

static void an_adjustment_has_a_reason(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    assert_string_equal(
        harness_refusal(harness, SCANNER, "StockAdjusted",
                        "{\"items\":[{\"sku\":\"mug\",\"quantity\":-1}],"
                        "\"reason\":\"broken\"}"),
        "data.items[0].sku: expected one whose stock is kept: count it first");
    stock(harness, "StockCounted",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":3}]}");
    assert_string_equal(
        stock(harness, "StockAdjusted",
              "{\"items\":[{\"sku\":\"mug\",\"quantity\":-1}],"
              "\"reason\":\"broken\"}"),
        "{\"how\":\"adjusted\",\"reason\":\"broken\",\"items\":[{\"sku\":"
        "\"mug\",\"change\":-1,\"onHand\":2,\"available\":2}]}");
    /* More than there was: a person is told. */
    size_t at = harness_send(harness, SCANNER, "StockAdjusted",
                             "{\"items\":[{\"sku\":\"mug\",\"quantity\":-2.5}],"
                             "\"reason\":\"stolen\"}");
    assert_string_equal(harness_types(harness, at),
                        "StockAdjusted StockChanged InventoryShort");
    assert_string_equal(harness_data(harness, at, "InventoryShort"),
                        "{\"items\":[{\"sku\":\"mug\",\"available\":-0.5}]}");
    /* Not of what makes it less short. */
    at = harness_send(harness, SCANNER, "StockReceived",
                      "{\"items\":[{\"sku\":\"mug\",\"quantity\":0.25}]}");
    assert_string_equal(harness_types(harness, at),
                        "StockReceived StockChanged");
    close(harness);
}

/* What was sold, received and adjusted since is taken into account. */
static void a_count_is_of_its_moment(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":10},{\"sku\":\"cup\","
          "\"quantity\":10}]}");
    int64_t moment = now_us(harness);
    place(harness, ORDER("a", "[{\"sku\":\"mug\",\"quantity\":3}]", CASH));
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":5}]}");
    stock(harness, "StockAdjusted",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":-1}],\"reason\":\"x\"}");
    place(harness, ORDER("b", "[{\"sku\":\"mug\",\"quantity\":4}]", ASK));
    /* 9 were found where 10 should have been; then -3 + 5 - 1; 4 are held. */
    char expected[256];
    snprintf(expected, sizeof(expected),
             "{\"how\":\"counted\",\"countedAt\":\"%s\",\"items\":[{\"sku\":"
             "\"mug\",\"change\":-1,\"onHand\":10,\"available\":6}]}",
             time_text(moment));
    assert_string_equal(
        stock(harness, "StockCounted",
              count_at(moment, "[{\"sku\":\"mug\",\"quantity\":9}]")),
        expected);
    /* The same count once more changes nothing, an older one is refused. */
    assert_non_null(
        strstr(stock(harness, "StockCounted",
                     count_at(moment, "[{\"sku\":\"mug\",\"quantity\":9}]")),
               "\"change\":0,\"onHand\":10,"));
    const char *why = harness_refusal(
        harness, SCANNER, "StockCounted",
        count_at(moment - 1, "[{\"sku\":\"cup\",\"quantity\":9},"
                             "{\"sku\":\"mug\",\"quantity\":9}]"));
    assert_string_equal(
        why, "data.items[1]: counted at 2026-05-28T20:26:39.999999Z, but there "
             "is a newer count, of 2026-05-28T20:26:40.000000Z: leave it out, "
             "or count again");
    /* A clock that runs ahead counts now. */
    assert_non_null(
        strstr(stock(harness, "StockCounted",
                     count_at(now_us(harness) + 3600000000,
                              "[{\"sku\":\"mug\",\"quantity\":7}]")),
               "\"change\":-3,\"onHand\":7,\"available\":3"));
    close(harness);
}

static void send_count(struct harness *harness, const char *time,
                       const char *data) {
    struct event event =
        harness_event("StockCounted", "/" HARNESS_STORE "/" SCANNER, "c", data);
    char id[32];
    snprintf(id, sizeof(id), "c-%zu", harness->count);
    event.id = slice_from_str(id);
    event.time = slice_from_str(time);
    harness_send_event(harness, SCANNER, &event);
}

/* The event's own time is the moment, unless its data has another. */
static void an_events_time_is_its_moment(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":10}]}");
    int64_t first = now_us(harness);
    place(harness, ORDER("a", "[{\"sku\":\"mug\",\"quantity\":3}]", CASH));
    int64_t second = now_us(harness);
    place(harness, ORDER("b", "[{\"sku\":\"mug\",\"quantity\":2}]", CASH));
    char time[EVENT_TIME_SIZE];
    event_time_format(second, time);
    size_t at = harness->count;
    send_count(harness, time,
               count_at(first, "[{\"sku\":\"mug\",\"quantity\":10}]"));
    assert_non_null(strstr(harness_data(harness, at, "StockChanged"),
                           "\"change\":0,\"onHand\":5"));
    at = harness->count;
    send_count(harness, time, "{\"items\":[{\"sku\":\"mug\",\"quantity\":7}]}");
    assert_non_null(strstr(harness_data(harness, at, "StockChanged"),
                           "\"change\":0,\"onHand\":5"));
    close(harness);
}

static void what_is_forgotten_cannot_be_counted(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    enum { LINES = 128 };
    static char data[16 * 1024];
    struct writer items = writer_over(data, sizeof(data) - 1);
    writer_str(&items, "{\"items\":[");
    for (int i = 0; i < LINES; i++) {
        writer_printf(&items, "%s{\"sku\":\"s%d\",\"quantity\":1}",
                      i == 0 ? "" : ",", i);
    }
    writer_str(&items, "]}");
    data[items.len] = '\0';
    harness_send(harness, SCANNER, "StockReceived", data);
    int64_t moment = now_us(harness);
    const char *count = "[{\"sku\":\"s0\",\"quantity\":1},{\"sku\":\"new\","
                        "\"quantity\":1}]";
    for (int i = 1; i < MOVES_MAX / LINES; i++) {
        harness_send(harness, SCANNER, "StockReceived", data);
    }
    assert_string_equal(harness_refusal(harness, SCANNER, "StockCounted",
                                        count_at(moment - 1, count)),
                        "");
    harness_send(harness, SCANNER, "StockReceived", data);
    assert_string_equal(
        harness_refusal(harness, SCANNER, "StockCounted",
                        count_at(moment - 1, count)),
        "data.items[0]: counted at 2026-05-28T20:26:39.999999Z, but sales and "
        "deliveries are remembered only since 2026-05-28T20:26:40.000000Z: "
        "count again");
    assert_string_equal(harness_refusal(harness, SCANNER, "StockCounted",
                                        count_at(moment, count)),
                        "");
    close(harness);
}

static void unknown_skus_are_as_the_shop_says(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    size_t at = place(harness, ORDER("a", "[\"tea\"]", CASH));
    assert_string_equal(harness_data(harness, at, "InventoryReserved"),
                        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"tea\","
                        "\"quantity\":1}],\"unmanaged\":[\"tea\"]}");
    close(harness);
    harness = open_with((struct shop_settings){.reject_unknown = true});
    stock(harness, "StockCounted",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":3}]}");
    at = place(harness, ORDER("a", "[\"mug\",\"tea\"]", CASH));
    assert_string_equal(
        harness_types(harness, at),
        "OrderPlaced OrderCreated InventoryRejected PaymentProcessed "
        "OrderCancelled PaymentRefunded");
    assert_string_equal(harness_data(harness, at, "InventoryRejected"),
                        "{\"orderId\":\"a\",\"missing\":[{\"sku\":\"tea\","
                        "\"wanted\":1,\"available\":0,\"unknown\":true}]}");
    close(harness);
}

static void what_is_oversold_is_said(void **state) {
    (void)state;
    struct harness *harness =
        open_with((struct shop_settings){.flag_oversell = true});
    stock(harness, "StockCounted",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":1},{\"sku\":\"cup\","
          "\"quantity\":1}]}");
    size_t at = place(harness, ORDER("a", "[\"mug\",\"mug\",\"cup\"]", CASH));
    assert_string_equal(
        harness_types(harness, at),
        "OrderPlaced OrderCreated InventoryReserved PaymentProcessed "
        "InventoryShort OrderFulfiled");
    assert_string_equal(
        harness_data(harness, at, "InventoryReserved"),
        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"mug\",\"quantity\":2},"
        "{\"sku\":\"cup\",\"quantity\":1}],\"unmanaged\":[],\"short\":"
        "[\"mug\"]}");
    assert_string_equal(
        harness_data(harness, at, "InventoryShort"),
        "{\"orderId\":\"a\",\"items\":[{\"sku\":\"mug\",\"available\":-1}]}");
    assert_string_equal(harness_device(harness, at, "InventoryShort"), TILL);
    /* All or nothing still holds for what is given back. */
    at = place(harness, ORDER("b", "[\"cup\"]", ASK));
    assert_string_equal(harness_data(harness, at, "InventoryShort"),
                        "{\"orderId\":\"b\",\"items\":[{\"sku\":\"cup\","
                        "\"available\":-1}]}");
    harness_send(harness, TILL, "OrderCancelRequested", "{\"orderId\":\"b\"}");
    assert_non_null(strstr(
        stock(harness, "StockReceived",
              "{\"items\":[{\"sku\":\"cup\",\"quantity\":1},{\"sku\":\"mug\","
              "\"quantity\":1}]}"),
        "[{\"sku\":\"cup\",\"change\":1,\"onHand\":1,\"available\":1},"
        "{\"sku\":\"mug\",\"change\":1,\"onHand\":0,\"available\":0}]"));
    harness->settings = (struct shop_settings){0};
    close(harness);
}

/* A state that no test would reach by sending. */
static void apply_changed(struct shop *shop, const char *data) {
    struct event event = harness_event(
        "StockChanged", "/" HARNESS_STORE "/inventory", "x", data);
    assert_int_equal(shop_apply(shop, &event, (struct shop_stamp){0, 0}),
                     ERR_OK);
}

static void no_sum_overflows(void **state) {
    (void)state;
    struct harness *harness =
        open_with((struct shop_settings){.flag_oversell = true});
    apply_changed(harness->shop,
                  "{\"how\":\"received\",\"items\":[{\"sku\":\"mug\","
                  "\"change\":999999999999,\"onHand\":999999999999},"
                  "{\"sku\":\"cup\",\"change\":-999999999999,\"onHand\":"
                  "-999999999999}]}");
    assert_string_equal(
        harness_refusal(harness, SCANNER, "StockReceived",
                        "{\"items\":[{\"sku\":\"mug\",\"quantity\":1.001}]}"),
        "data.items[0].quantity: expected no more than 1000000000000 of one "
        "sku in stock");
    assert_string_equal(
        harness_refusal(harness, SCANNER, "StockReceived",
                        "{\"items\":[{\"sku\":\"mug\",\"quantity\":1}]}"),
        "");
    assert_string_equal(
        harness_refusal(harness, SCANNER, "StockAdjusted",
                        "{\"items\":[{\"sku\":\"cup\",\"quantity\":-1.001}],"
                        "\"reason\":\"r\"}"),
        "data.items[0].quantity: expected no more than 1000000000000 of one "
        "sku in stock");
    /* Not even where the shop oversells. */
    size_t at = place(harness, ORDER("a",
                                     "[{\"sku\":\"cup\",\"quantity\":"
                                     "1.001}]",
                                     CASH));
    assert_non_null(strstr(harness_types(harness, at), "InventoryRejected"));
    at = place(harness, ORDER("b", "[{\"sku\":\"cup\",\"quantity\":1}]", CASH));
    assert_non_null(strstr(harness_types(harness, at), "OrderFulfiled"));
    harness_close(harness);
}

static err_t check_older(struct harness *harness, struct reason *reason) {
    return shop_check_older(harness->shop, reason);
}

/* The release before this one keeps pieces. */
static void pieces_can_go_back(void **state) {
    (void)state;
    struct harness *harness = open_plain();
    struct reason reason = {""};
    stock(harness, "StockReceived",
          "{\"items\":[{\"sku\":\"mug\",\"quantity\":2,\"unit\":\"pc\"},"
          "{\"sku\":\"apples\",\"quantity\":2.5,\"reorderLevel\":0.5}]}");
    assert_int_equal(check_older(harness, &reason), ERR_UNSUPPORTED);
    assert_string_equal(
        reason.text,
        "the stock of \"apples\" is no whole number, and an older release "
        "keeps pieces only: count it as whole, with no open orders of it");
    place(harness,
          ORDER("a", "[{\"sku\":\"apples\",\"quantity\":0.5},\"mug\"]", ASK));
    place(harness, ORDER("b", "[{\"sku\":\"tea\",\"quantity\":0.5}]", ASK));
    stock(harness, "StockCounted",
          "{\"items\":[{\"sku\":\"apples\",\"quantity\":2}]}");
    assert_int_equal(check_older(harness, &reason), ERR_UNSUPPORTED);
    harness_send(harness, TILL, "OrderCancelRequested", "{\"orderId\":\"a\"}");
    assert_int_equal(check_older(harness, &reason), ERR_UNSUPPORTED);
    assert_string_equal(reason.text,
                        "the open order b holds less than whole pieces, and an "
                        "older release keeps those only: end it first");
    harness_send(harness, TILL, "OrderCancelRequested", "{\"orderId\":\"b\"}");
    assert_int_equal(check_older(harness, &reason), ERR_OK);
    place(harness, ORDER("c", "[\"mug\"]", ASK));
    /* What is saved under the first rules is what is there under them. */
    struct event back = harness_event(
        "ConfigChanged", "/" HARNESS_STORE "/gateway", "g", "{\"rules\":1}");
    assert_int_equal(shop_apply(harness->shop, &back, (struct shop_stamp){0}),
                     ERR_OK);
    static uint8_t saved[256 * 1024];
    struct writer to = writer_over(saved, sizeof(saved));
    shop_save(harness->shop, &to);
    assert_false(to.full);
    struct shop *loaded = harness_new_shop(harness);
    assert_int_equal(shop_load(loaded, writer_slice(&to)), ERR_OK);
    assert_true(shop_hash(loaded) == shop_hash(harness->shop));
    /* And on again: the same from the snapshot as from the journal. */
    struct event on =
        harness_event("ConfigChanged", "/" HARNESS_STORE "/gateway", "h",
                      "{\"rules\":2,\"currency\":\"EUR\"}");
    const struct shop_stamp stamp = {900, now_us(harness) + 5};
    assert_int_equal(shop_apply(harness->shop, &on, stamp), ERR_OK);
    assert_int_equal(shop_apply(loaded, &on, stamp), ERR_OK);
    assert_true(shop_hash(loaded) == shop_hash(harness->shop));
    struct shop *same = harness->shop;
    harness->shop = loaded;
    char expected[256];
    snprintf(expected, sizeof(expected),
             "remembered only since %s: count again", time_text(stamp.wall_us));
    assert_non_null(
        strstr(harness_refusal(harness, SCANNER, "StockCounted",
                               count_at(stamp.wall_us - 1,
                                        "[{\"sku\":\"mug\",\"quantity\":9}]")),
               expected));
    shop_free(same);
    harness_close(harness);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighed_goods_are_exact),
        cmocka_unit_test(a_unit_stays_what_it_is),
        cmocka_unit_test(a_unit_changes_only_where_nothing_is_of_it),
        cmocka_unit_test(a_clock_that_was_put_back_sells_nothing_twice),
        cmocka_unit_test(one_sku_however_it_is_typed),
        cmocka_unit_test(case_is_what_the_shop_says),
        cmocka_unit_test(an_adjustment_has_a_reason),
        cmocka_unit_test(a_count_is_of_its_moment),
        cmocka_unit_test(an_events_time_is_its_moment),
        cmocka_unit_test(what_is_forgotten_cannot_be_counted),
        cmocka_unit_test(unknown_skus_are_as_the_shop_says),
        cmocka_unit_test(what_is_oversold_is_said),
        cmocka_unit_test(no_sum_overflows),
        cmocka_unit_test(pieces_can_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
