/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the edges of the bus. What is not an input of the shop's is refused
 * and changes nothing; a journal that refuses stops the run; outputs stay
 * within the header's bounds for the worst input; CBOR data, foreign events and
 * damaged ones in replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/shop/harness.h"

#define TILL "till-1"
#define CASH "\"paymentDetails\":{\"paymentMethod\":\"CASH\"}"
#define SIMPLE                                                           \
    "{\"orderId\":\"a\",\"customerId\":1,\"items\":[\"tea\"],\"total\":" \
    "\"1\"," CASH "}"

static int setup(void **state) {
    static struct harness harness;
    harness_open(&harness, NULL);
    *state = &harness;
    return 0;
}

static int teardown(void **state) {
    harness_close(*state);
    return 0;
}

static err_t refuse_all(void *self, const struct event *event,
                        struct slice device, struct shop_stamp *ret_stamp) {
    (void)self;
    (void)event;
    (void)device;
    (void)ret_stamp;
    return ERR_FULL;
}

static void say_nothing(void *self, const struct event *event,
                        struct shop_stamp stamp, struct slice device) {
    (void)self;
    (void)event;
    (void)stamp;
    (void)device;
}

static const struct shop_bus full_bus = {
    .publish = refuse_all,
    .tell = say_nothing,
};

static void what_is_no_input_is_refused(void **state) {
    struct harness *harness = *state;
    uint64_t before = shop_hash(harness->shop);
    static const struct {
        const char *type;
        const char *source;
        const char *device;
        const char *data;
        err_t err;
    } table[] = {
        {"OrderCreated", "/store-7/till-1", TILL, SIMPLE, ERR_REFUSED},
        {"OrderFulfiled", "/store-7/till-1", TILL, SIMPLE, ERR_REFUSED},
        {"Temperature", "/store-7/till-1", TILL, SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "/store-7/till-2", TILL, SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "/store-8/till-1", TILL, SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "/store-71/till-1", TILL, SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "/store-7/", "", SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "/store-7", "", SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "till-1", TILL, SIMPLE, ERR_REFUSED},
        {"OrderPlaced", "/store-7/till-1", TILL, "{}", ERR_CORRUPT},
        {"OrderPlaced", "/store-7/till-1", TILL, "7", ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct event event =
            harness_event(table[i].type, table[i].source, "1", table[i].data);
        assert_int_equal(shop_run(harness->shop, &event,
                                  slice_from_str(table[i].device),
                                  (struct shop_stamp){0}, &full_bus),
                         table[i].err);
        assert_int_equal(shop_hash(harness->shop), before);
    }
}

static void a_journal_that_refuses_stops_the_run(void **state) {
    struct harness *harness = *state;
    struct event event =
        harness_event("OrderPlaced", "/store-7/till-1", "1", SIMPLE);
    assert_int_equal(shop_run(harness->shop, &event, SLICE(TILL),
                              (struct shop_stamp){0}, &full_bus),
                     ERR_FULL);
}

static void a_wrong_currency_is_refused(void **state) {
    (void)state;
    struct shop *shop = NULL;
    struct shop_options options = {.store = SLICE("s"),
                                   .journal_id = harness_journal_id,
                                   .currency = "BITCOIN"};
    assert_int_equal(shop_new(&options, &shop), ERR_RANGE);
    assert_null(shop);
    shop_free(NULL);
}

/* Only what the shop makes of its own events is its business. */
static void foreign_events_are_passed_over(void **state) {
    struct harness *harness = *state;
    uint64_t before = shop_hash(harness->shop);
    static const char *const types[] = {"EventRejected", "JournalDamaged",
                                        "orderplaced"};
    for (size_t i = 0; i < 3; i++) {
        struct event event = harness_event(types[i], "/store-7", "1", "7");
        assert_int_equal(
            shop_apply(harness->shop, &event, (struct shop_stamp){0}), ERR_OK);
    }
    assert_int_equal(shop_hash(harness->shop), before);
}

/* A journal that is not whole is noticed, not built on. */
static void what_cannot_follow_is_corrupt(void **state) {
    struct harness *harness = *state;
    static const char *const events[][3] = {
        {"OrderFulfiled", "/store-7/fulfilment", "{\"orderId\":\"nobody\"}"},
        {"PaymentRefunded", "/store-7/payment", "{\"orderId\":\"nobody\"}"},
        {"InventoryReleased", "/store-7/inventory", "{\"orderId\":\"nobody\"}"},
        {"PaymentProcessed", "/store-7/payment", "{\"orderId\":\"a\"}"},
        {"PaymentRequested", "/store-7/payment",
         "{\"orderId\":\"a\",\"amount\":\"1\",\"currency\":\"EUR\"}"},
        {"InventoryReserved", "/store-7/inventory",
         "{\"orderId\":\"b\",\"items\":[{\"sku\":\"mug\",\"quantity\":3}],"
         "\"unmanaged\":[]}"},
        {"InventoryReserved", "/store-7/inventory",
         "{\"orderId\":\"b\",\"items\":[{\"sku\":\"tea\",\"quantity\":3}],"
         "\"unmanaged\":[]}"},
        {"InventoryReserved", "/store-7/inventory",
         "{\"orderId\":\"b\",\"items\":[{\"sku\":\"tea\",\"quantity\":3}],"
         "\"unmanaged\":[\"mug\"]}"},
        {"OrderPlaced", "/elsewhere/till-1", SIMPLE},
        {"OrderPlaced", "/store-7/till-1", "{}"},
        {"StockCounted", "/store-7/till-1", "{\"items\":5}"},
    };
    harness_send(harness, "scanner-1", "StockReceived",
                 "{\"items\":[{\"sku\":\"mug\",\"quantity\":2}]}");
    uint64_t before = shop_hash(harness->shop);
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
        struct event event =
            harness_event(events[i][0], events[i][1], "1", events[i][2]);
        if (shop_apply(harness->shop, &event, (struct shop_stamp){0}) !=
            ERR_CORRUPT) {
            fail_msg("%s %s is taken", events[i][0], events[i][2]);
        }
        assert_int_equal(shop_hash(harness->shop), before);
    }
}

/* CBOR data leads to the same events as the JSON it stands for. */
static void cbor_orders_are_orders(void **state) {
    struct harness *harness = *state;
    static const char order[] = "\xa5\x67orderId\x61"
                                "a\x6a"
                                "customerId\x01\x65items\x81\x63tea\x65total"
                                "\x61"
                                "1\x6epaymentDetails\xa1\x6dpaymentMethod\x64"
                                "CASH";
    struct event event =
        harness_event("OrderPlaced", "/store-7/till-1", "1", "");
    event.datacontenttype = SLICE("application/cbor");
    event.data_kind = EVENT_DATA_CBOR;
    event.data = slice_of(order, sizeof(order) - 1);
    size_t at = harness_send_event(harness, TILL, &event);
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed OrderFulfiled");
    assert_string_equal(
        harness_data(harness, at, "OrderCreated"),
        "{\"currency\":\"EUR\",\"orderId\":\"a\","
        "\"customerId\":1,\"items\":[\"tea\"],\"total\":\"1\"," CASH "}");
    harness_check_replay(harness);
}

/* 200 skus of 64 bytes that are all escapes, each in a unit of escapes, taken
 * to its reorder level and below nothing, and a payment that is declined for
 * it. */
static void write_lines(struct writer *data, const char *rest) {
    for (int i = 0; i < SHOP_ITEMS_MAX; i++) {
        writer_printf(data, "%s{\"sku\":\"", i == 0 ? "" : ",");
        for (int j = 0; j < SHOP_SKU_MAX - 3; j++) {
            writer_str(data, "\\\"");
        }
        writer_printf(data, "%03d\",\"unit\":\"", i);
        for (int j = 0; j < SHOP_UNIT_MAX; j++) {
            writer_str(data, "\\\"");
        }
        writer_printf(data, "\"%s}", rest);
    }
}

static uint64_t output_bytes(const struct harness *harness, size_t from,
                             size_t input_data_len) {
    uint64_t bytes = 0;
    for (size_t i = from + 1; i < harness->count; i++) {
        bytes += harness->entries[i].len;
    }
    return bytes - input_data_len;
}

static void the_worst_order_stays_in_bounds(void **state) {
    struct harness *harness = *state;
    static char data[256 * 1024];
    for (int managed = 1; managed >= 0; managed--) {
        struct writer writer = writer_over(data, sizeof(data) - 1);
        writer_str(&writer, "{\"items\":[");
        write_lines(&writer,
                    ",\"quantity\":999999.998,\"reorderLevel\":999999.997");
        writer_str(&writer, "]}");
        data[writer.len] = '\0';
        harness_close(harness);
        harness_open_with(harness,
                          (struct shop_settings){.flag_oversell = true});
        if (managed == 1) {
            size_t at =
                harness_send(harness, "scanner-1", "StockReceived", data);
            print_message("a delivery: %u bytes\n",
                          (unsigned)output_bytes(harness, at, 0));
            assert_true(output_bytes(harness, at, 0) <= SHOP_OUTPUT_BYTES_MAX);
        }
        writer = writer_over(data, sizeof(data) - 1);
        writer_str(&writer, "{\"customerId\":1,\"items\":[");
        write_lines(&writer, ",\"quantity\":999999.999");
        writer_str(&writer, "],\"total\":\"999999999999.99\","
                            "\"paymentDetails\":{\"paymentMethod\":\"CARD\"}}");
        data[writer.len] = '\0';
        size_t at = harness_send(harness, TILL, "OrderPlaced", data);
        assert_string_equal(
            harness_types(harness, at),
            managed == 1
                ? "OrderPlaced OrderCreated InventoryReserved PaymentDeclined "
                  "StockLow InventoryShort OrderCancelled InventoryReleased"
                : "OrderPlaced OrderCreated InventoryReserved PaymentDeclined "
                  "OrderCancelled InventoryReleased");
        assert_true(harness->count - at - 1 <= SHOP_OUTPUTS_MAX);
        uint64_t bytes = output_bytes(harness, at, writer.len);
        print_message("%s: %u bytes beyond a copy of the order\n",
                      managed == 1 ? "managed" : "unmanaged", (unsigned)bytes);
        assert_true(bytes <= SHOP_OUTPUT_BYTES_MAX);
        harness_check_replay(harness);
    }
}

/* The largest event there is still has room in the shop's memory. */
static void the_largest_event_is_taken(void **state) {
    struct harness *harness = *state;
    char *data = malloc(EVENT_BYTES_MAX + 1);
    assert_non_null(data);
    struct writer writer = writer_over(data, EVENT_BYTES_MAX);
    writer_str(&writer,
               "{\"customerId\":1,\"items\":[\"tea\"],\"total\":\"1\"," CASH
               ",\"note\":\"");
    writer_fill(&writer, 'n', EVENT_BYTES_MAX - writer.len - 2);
    writer_str(&writer, "\"}");
    assert_false(writer.full);
    data[writer.len] = '\0';
    size_t at = harness_send(harness, TILL, "OrderPlaced", data);
    assert_string_equal(harness_types(harness, at),
                        "OrderPlaced OrderCreated InventoryReserved "
                        "PaymentProcessed OrderFulfiled");
    free(data);
    harness_check_replay(harness);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_input_is_refused),
        TEST(a_journal_that_refuses_stops_the_run),
        TEST(a_wrong_currency_is_refused),
        TEST(foreign_events_are_passed_over),
        TEST(what_cannot_follow_is_corrupt),
        TEST(cbor_orders_are_orders),
        TEST(the_worst_order_stays_in_bounds),
        TEST(the_largest_event_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
