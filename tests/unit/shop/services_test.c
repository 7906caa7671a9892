/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: for each service and every pair of (event type, state), the next state
 * and what is published are as drawn here, a second time and apart from the
 * code; what cannot be is refused and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/event/json.h"
#include "gateway/shop/fulfilment.h"
#include "gateway/shop/inventory.h"
#include "gateway/shop/order.h"
#include "gateway/shop/payment.h"

enum { STATES_MAX = 8, PATH_MAX_LEN = 4 };

#define ORDER_DATA                                                             \
    "{\"orderId\":\"x\",\"customerId\":1,\"items\":[\"mug\"],\"total\":\"5\"," \
    "\"currency\":\"EUR\",\"paymentDetails\":{\"paymentMethod\":\"CARD\","     \
    "\"terminal\":\"card-1\"}}"
#define WITH_REASON "{\"orderId\":\"x\",\"reason\":\"why\"}"
#define STOCK_DATA "{\"items\":[{\"sku\":\"mug\",\"quantity\":5}]}"
#define PAYMENT_DATA                                               \
    "{\"orderId\":\"x\",\"amount\":\"5.00\",\"currency\":\"EUR\"," \
    "\"terminal\":\"card-1\",\"mode\":\"terminal\"}"

static const char *const data_of[EVENT_TYPE_COUNT] = {
    [EVENT_TYPE_ORDER_PLACED] = ORDER_DATA,
    [EVENT_TYPE_ORDER_CANCEL_REQUESTED] = WITH_REASON,
    [EVENT_TYPE_PAYMENT_AUTHORIZED] = "{\"orderId\":\"x\"}",
    [EVENT_TYPE_PAYMENT_REFUSED] = WITH_REASON,
    [EVENT_TYPE_REFUND_CONFIRMED] = "{\"refundId\":\"r-1\",\"how\":\"cash\"}",
    [EVENT_TYPE_REFUND_FAILED] = "{\"refundId\":\"r-1\"}",
    [EVENT_TYPE_STOCK_RECEIVED] = STOCK_DATA,
    [EVENT_TYPE_STOCK_ADJUSTED] =
        "{\"items\":[{\"sku\":\"mug\",\"quantity\":-1}],\"reason\":\"broken\"}",
    [EVENT_TYPE_STOCK_COUNTED] = STOCK_DATA,
    [EVENT_TYPE_ORDER_CREATED] = ORDER_DATA,
    [EVENT_TYPE_ORDER_REJECTED] = WITH_REASON,
    [EVENT_TYPE_ORDER_CANCELLED] = WITH_REASON,
    [EVENT_TYPE_INVENTORY_RESERVED] =
        "{\"orderId\":\"x\",\"items\":[{\"sku\":\"mug\",\"quantity\":1}],"
        "\"unmanaged\":[\"mug\"]}",
    [EVENT_TYPE_INVENTORY_REJECTED] = WITH_REASON,
    [EVENT_TYPE_INVENTORY_RELEASED] = WITH_REASON,
    [EVENT_TYPE_INVENTORY_SHORT] = "{\"items\":[]}",
    [EVENT_TYPE_STOCK_CHANGED] =
        "{\"how\":\"received\",\"items\":[{\"sku\":\"mug\",\"change\":5,"
        "\"onHand\":5,\"available\":5}]}",
    [EVENT_TYPE_STOCK_LOW] = "{\"items\":[]}",
    [EVENT_TYPE_PAYMENT_REQUESTED] = PAYMENT_DATA,
    [EVENT_TYPE_PAYMENT_PROCESSED] = PAYMENT_DATA,
    [EVENT_TYPE_PAYMENT_DECLINED] = WITH_REASON,
    [EVENT_TYPE_PAYMENT_REFUNDED] =
        "{\"orderId\":\"x\",\"amount\":\"5.00\",\"currency\":\"EUR\","
        "\"terminal\":\"card-1\",\"refundId\":\"r-1\"}",
    [EVENT_TYPE_PAYMENT_UNMATCHED] = PAYMENT_DATA,
    [EVENT_TYPE_ORDER_FULFILED] = "{\"orderId\":\"x\"}",
    [EVENT_TYPE_PAYMENT_TIMED_OUT] = "{\"orderId\":\"x\"}",
    [EVENT_TYPE_PAYMENT_RESOLVED] = "{\"refundId\":\"r-1\"}",
    [EVENT_TYPE_CONFIG_CHANGED] = "{\"rules\":2,\"currency\":\"EUR\"}",
};

/* A cell: "x" cannot be; "=" stays; a digit is the next state; after ">" what
 * is published, and "again" if the outcome is repeated. */
struct drawn {
    const char *name;
    const struct service *service;
    uint32_t states;
    enum event_type paths[STATES_MAX][PATH_MAX_LEN]; /* to each state, up to
                                                        EVENT_TYPE_COUNT */
    const char *cells[EVENT_TYPE_COUNT][STATES_MAX];
};

#define STAYS \
    { "=", "=", "=", "=", "=", "=", "=" }

/* clang-format off */
static const struct drawn order = {
    "order", &order_service, ORDER_STATES,
    {
        [ORDER_NONE] = {EVENT_TYPE_COUNT},
        [ORDER_PLACED] = {EVENT_TYPE_ORDER_PLACED, EVENT_TYPE_COUNT},
        [ORDER_OPEN] = {EVENT_TYPE_ORDER_PLACED, EVENT_TYPE_ORDER_CREATED, EVENT_TYPE_COUNT},
        [ORDER_CANCELLING] = {EVENT_TYPE_ORDER_PLACED, EVENT_TYPE_ORDER_CREATED, EVENT_TYPE_PAYMENT_DECLINED, EVENT_TYPE_COUNT},
        [ORDER_FULFILED] = {EVENT_TYPE_ORDER_PLACED, EVENT_TYPE_ORDER_CREATED, EVENT_TYPE_ORDER_FULFILED, EVENT_TYPE_COUNT},
        [ORDER_CANCELLED] = {EVENT_TYPE_ORDER_PLACED, EVENT_TYPE_ORDER_CREATED, EVENT_TYPE_INVENTORY_REJECTED, EVENT_TYPE_ORDER_CANCELLED},
        [ORDER_REJECTED] = {EVENT_TYPE_ORDER_PLACED, EVENT_TYPE_ORDER_REJECTED, EVENT_TYPE_COUNT},
    },
    {
        /*                              none  placed open  cancelling fulfiled cancelled rejected */
        [EVENT_TYPE_ORDER_PLACED] =           {"1>OrderCreated", "x", "=>again", "x", "=>again", "=>again", "=>again"},
        [EVENT_TYPE_ORDER_CANCEL_REQUESTED] = {"=", "x", "3>OrderCancelled", "x", "=>again", "=>again", "=>again"},
        [EVENT_TYPE_PAYMENT_AUTHORIZED] =     STAYS,
        [EVENT_TYPE_PAYMENT_REFUSED] =        STAYS,
        [EVENT_TYPE_REFUND_CONFIRMED] =       STAYS,
        [EVENT_TYPE_REFUND_FAILED] =          STAYS,
        [EVENT_TYPE_STOCK_RECEIVED] =         STAYS,
        [EVENT_TYPE_STOCK_ADJUSTED] =         STAYS,
        [EVENT_TYPE_STOCK_COUNTED] =          STAYS,
        [EVENT_TYPE_ORDER_CREATED] =          {"x", "2", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_REJECTED] =         {"x", "6", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_CANCELLED] =        {"x", "x", "x", "5", "x", "x", "x"},
        [EVENT_TYPE_INVENTORY_RESERVED] =     STAYS,
        [EVENT_TYPE_INVENTORY_REJECTED] =     {"x", "x", "3>OrderCancelled", "=", "x", "x", "x"},
        [EVENT_TYPE_INVENTORY_RELEASED] =     STAYS,
        [EVENT_TYPE_INVENTORY_SHORT] =        STAYS,
        [EVENT_TYPE_STOCK_CHANGED] =          STAYS,
        [EVENT_TYPE_STOCK_LOW] =              STAYS,
        [EVENT_TYPE_PAYMENT_REQUESTED] =      STAYS,
        [EVENT_TYPE_PAYMENT_PROCESSED] =      STAYS,
        [EVENT_TYPE_PAYMENT_DECLINED] =       {"x", "x", "3>OrderCancelled", "=", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_REFUNDED] =       STAYS,
        [EVENT_TYPE_PAYMENT_UNMATCHED] =      STAYS,
        [EVENT_TYPE_ORDER_FULFILED] =         {"x", "x", "4", "x", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_TIMED_OUT] =      STAYS,
        [EVENT_TYPE_PAYMENT_RESOLVED] =       STAYS,
        [EVENT_TYPE_CONFIG_CHANGED] =         STAYS,
    },
};

static const struct drawn inventory = {
    "inventory", &inventory_service, INVENTORY_STATES,
    {
        [INVENTORY_NONE] = {EVENT_TYPE_COUNT},
        [INVENTORY_RESERVED] = {EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_COUNT},
        [INVENTORY_REFUSED] = {EVENT_TYPE_INVENTORY_REJECTED, EVENT_TYPE_COUNT},
        [INVENTORY_RELEASED] = {EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_ORDER_CANCELLED, EVENT_TYPE_COUNT},
        [INVENTORY_SOLD] = {EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_ORDER_FULFILED, EVENT_TYPE_COUNT},
    },
    {
        /*                              none  reserved refused released sold */
        [EVENT_TYPE_ORDER_PLACED] =           STAYS,
        [EVENT_TYPE_ORDER_CANCEL_REQUESTED] = STAYS,
        [EVENT_TYPE_PAYMENT_AUTHORIZED] =     STAYS,
        [EVENT_TYPE_PAYMENT_REFUSED] =        STAYS,
        [EVENT_TYPE_REFUND_CONFIRMED] =       STAYS,
        [EVENT_TYPE_REFUND_FAILED] =          STAYS,
        [EVENT_TYPE_STOCK_RECEIVED] =         {"=>StockChanged", "x", "x", "x", "x"},
        [EVENT_TYPE_STOCK_ADJUSTED] =         {"=>StockChanged", "x", "x", "x", "x"},
        [EVENT_TYPE_STOCK_COUNTED] =          {"=>StockChanged", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_CREATED] =          {"=>InventoryReserved", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_REJECTED] =         {"=", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_CANCELLED] =        {"x", "3>InventoryReleased", "=", "x", "x"},
        [EVENT_TYPE_INVENTORY_RESERVED] =     {"1", "x", "x", "x", "x"},
        [EVENT_TYPE_INVENTORY_REJECTED] =     {"2", "x", "x", "x", "x"},
        [EVENT_TYPE_INVENTORY_RELEASED] =     {"x", "x", "x", "=", "x"},
        [EVENT_TYPE_INVENTORY_SHORT] =        STAYS,
        [EVENT_TYPE_STOCK_CHANGED] =          {"=", "x", "x", "x", "x"},
        [EVENT_TYPE_STOCK_LOW] =              STAYS,
        [EVENT_TYPE_PAYMENT_REQUESTED] =      STAYS,
        [EVENT_TYPE_PAYMENT_PROCESSED] =      STAYS,
        [EVENT_TYPE_PAYMENT_DECLINED] =       STAYS,
        [EVENT_TYPE_PAYMENT_REFUNDED] =       STAYS,
        [EVENT_TYPE_PAYMENT_UNMATCHED] =      STAYS,
        [EVENT_TYPE_ORDER_FULFILED] =         {"x", "4", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_TIMED_OUT] =      STAYS,
        [EVENT_TYPE_PAYMENT_RESOLVED] =       STAYS,
        [EVENT_TYPE_CONFIG_CHANGED] =         STAYS,
    },
};

static const struct drawn payment = {
    "payment", &payment_service, PAYMENT_STATES,
    {
        [PAYMENT_NONE] = {EVENT_TYPE_COUNT},
        [PAYMENT_REQUESTED] = {EVENT_TYPE_PAYMENT_REQUESTED, EVENT_TYPE_COUNT},
        [PAYMENT_TAKEN] = {EVENT_TYPE_PAYMENT_PROCESSED, EVENT_TYPE_COUNT},
        [PAYMENT_DECLINED] = {EVENT_TYPE_PAYMENT_REQUESTED, EVENT_TYPE_PAYMENT_DECLINED, EVENT_TYPE_COUNT},
        [PAYMENT_VOID] = {EVENT_TYPE_PAYMENT_REQUESTED, EVENT_TYPE_ORDER_CANCELLED, EVENT_TYPE_COUNT},
        [PAYMENT_REFUNDED] = {EVENT_TYPE_PAYMENT_PROCESSED, EVENT_TYPE_ORDER_CANCELLED, EVENT_TYPE_COUNT},
        [PAYMENT_EXPIRED] = {EVENT_TYPE_PAYMENT_REQUESTED, EVENT_TYPE_PAYMENT_TIMED_OUT, EVENT_TYPE_COUNT},
    },
    {
        /*                              none  requested taken declined void refunded expired */
        [EVENT_TYPE_ORDER_PLACED] =           STAYS,
        [EVENT_TYPE_ORDER_CANCEL_REQUESTED] = STAYS,
        [EVENT_TYPE_PAYMENT_AUTHORIZED] =     {"=>PaymentUnmatched,PaymentRefunded", "=>PaymentProcessed", "=>PaymentRefunded", "=>PaymentRefunded", "=>PaymentRefunded", "=>PaymentRefunded", "x"},
        [EVENT_TYPE_PAYMENT_REFUSED] =        {"=", "=>PaymentDeclined", "=", "=", "=", "=", "x"},
        [EVENT_TYPE_REFUND_CONFIRMED] =       {"=", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_REFUND_FAILED] =          {"=", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_STOCK_RECEIVED] =         STAYS,
        [EVENT_TYPE_STOCK_ADJUSTED] =         STAYS,
        [EVENT_TYPE_STOCK_COUNTED] =          STAYS,
        [EVENT_TYPE_ORDER_CREATED] =          {"=>PaymentRequested", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_REJECTED] =         {"=", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_CANCELLED] =        {"x", "4", "5>PaymentRefunded", "=", "=", "x", "x"},
        [EVENT_TYPE_INVENTORY_RESERVED] =     STAYS,
        [EVENT_TYPE_INVENTORY_REJECTED] =     STAYS,
        [EVENT_TYPE_INVENTORY_RELEASED] =     STAYS,
        [EVENT_TYPE_INVENTORY_SHORT] =        STAYS,
        [EVENT_TYPE_STOCK_CHANGED] =          STAYS,
        [EVENT_TYPE_STOCK_LOW] =              STAYS,
        [EVENT_TYPE_PAYMENT_REQUESTED] =      {"1", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_PROCESSED] =      {"2", "2", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_DECLINED] =       {"3", "3", "x", "x", "x", "x", "4"},
        [EVENT_TYPE_PAYMENT_REFUNDED] =       {"=", "=", "=", "=", "=", "=", "x"},
        [EVENT_TYPE_PAYMENT_UNMATCHED] =      {"=", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_ORDER_FULFILED] =         {"x", "x", "=", "x", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_TIMED_OUT] =      {"x", "6>PaymentDeclined", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_RESOLVED] =       {"=", "x", "x", "x", "x", "x", "x"},
        [EVENT_TYPE_CONFIG_CHANGED] =         {"=", "x", "x", "x", "x", "x", "x"},
    },
};

static const struct drawn fulfilment = {
    "fulfilment", &fulfilment_service, FULFILMENT_STATES,
    {
        [FULFILMENT_NONE] = {EVENT_TYPE_COUNT},
        [FULFILMENT_RESERVED] = {EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_COUNT},
        [FULFILMENT_PAID] = {EVENT_TYPE_PAYMENT_PROCESSED, EVENT_TYPE_COUNT},
        [FULFILMENT_READY] = {EVENT_TYPE_PAYMENT_PROCESSED, EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_COUNT},
        [FULFILMENT_DONE] = {EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_PAYMENT_PROCESSED, EVENT_TYPE_ORDER_FULFILED, EVENT_TYPE_COUNT},
        [FULFILMENT_CANCELLED] = {EVENT_TYPE_INVENTORY_RESERVED, EVENT_TYPE_ORDER_CANCELLED, EVENT_TYPE_COUNT},
    },
    {
        /*                              none  reserved paid ready done cancelled */
        [EVENT_TYPE_ORDER_PLACED] =           STAYS,
        [EVENT_TYPE_ORDER_CANCEL_REQUESTED] = STAYS,
        [EVENT_TYPE_PAYMENT_AUTHORIZED] =     STAYS,
        [EVENT_TYPE_PAYMENT_REFUSED] =        STAYS,
        [EVENT_TYPE_REFUND_CONFIRMED] =       STAYS,
        [EVENT_TYPE_REFUND_FAILED] =          STAYS,
        [EVENT_TYPE_STOCK_RECEIVED] =         STAYS,
        [EVENT_TYPE_STOCK_ADJUSTED] =         STAYS,
        [EVENT_TYPE_STOCK_COUNTED] =          STAYS,
        [EVENT_TYPE_ORDER_CREATED] =          STAYS,
        [EVENT_TYPE_ORDER_REJECTED] =         STAYS,
        [EVENT_TYPE_ORDER_CANCELLED] =        {"5", "5", "5", "x", "x", "x"},
        [EVENT_TYPE_INVENTORY_RESERVED] =     {"1", "x", "3>OrderFulfiled", "x", "x", "x"},
        [EVENT_TYPE_INVENTORY_REJECTED] =     STAYS,
        [EVENT_TYPE_INVENTORY_RELEASED] =     STAYS,
        [EVENT_TYPE_INVENTORY_SHORT] =        STAYS,
        [EVENT_TYPE_STOCK_CHANGED] =          STAYS,
        [EVENT_TYPE_STOCK_LOW] =              STAYS,
        [EVENT_TYPE_PAYMENT_REQUESTED] =      STAYS,
        [EVENT_TYPE_PAYMENT_PROCESSED] =      {"2", "3>OrderFulfiled", "x", "x", "x", "x"},
        [EVENT_TYPE_PAYMENT_DECLINED] =       STAYS,
        [EVENT_TYPE_PAYMENT_REFUNDED] =       STAYS,
        [EVENT_TYPE_PAYMENT_UNMATCHED] =      STAYS,
        [EVENT_TYPE_ORDER_FULFILED] =         {"x", "x", "x", "4", "x", "x"},
        [EVENT_TYPE_PAYMENT_TIMED_OUT] =      STAYS,
        [EVENT_TYPE_PAYMENT_RESOLVED] =       STAYS,
        [EVENT_TYPE_CONFIG_CHANGED] =         STAYS,
    },
};
/* clang-format on */

struct desk {
    uint8_t memory[64 * 1024];
    struct arena arena;
    struct event cloud_event;
    struct shop_event event;
};

/* Reads the type's event about order x. Stock events name no order: they are
 * given one, so that every pair is met. */
static const struct shop_event *event_about_x(struct desk *desk,
                                              enum event_type type) {
    static const struct shop_context context = {
        .rules = SHOP_RULES_NEWEST,
        .store = {(const uint8_t *)"s", 1},
        .life_hex = "00000000"};
    desk->arena = arena_over(desk->memory, sizeof(desk->memory));
    desk->cloud_event = (struct event){
        .id = SLICE("1"),
        .source = SLICE("/s/card-1"),
        .type = slice_from_str(event_type_name(type)),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_from_str(data_of[type]),
    };
    assert_int_equal(shop_event_read(&desk->cloud_event, type,
                                     (struct shop_stamp){.seq = type}, &context,
                                     &desk->arena, &desk->event),
                     ERR_OK);
    desk->event.order_id = SLICE("x");
    return &desk->event;
}

static void *open_in_state(const struct drawn *drawn, uint32_t state,
                           struct desk *desk) {
    struct service_options options = {.currency = "EUR",
                                      .rules = SHOP_RULES_NEWEST};
    void *self = drawn->service->open(&options);
    assert_non_null(self);
    for (size_t i = 0; i < PATH_MAX_LEN; i++) {
        enum event_type type = drawn->paths[state][i];
        if (type == EVENT_TYPE_COUNT) {
            break;
        }
        const struct shop_event *event = event_about_x(desk, type);
        assert_true(drawn->service->admits(self, event));
        assert_int_equal(drawn->service->apply(self, event), ERR_OK);
    }
    assert_int_equal(drawn->service->state(self, SLICE("x")), state);
    return self;
}

static void list_outputs(const struct reaction *reaction, char ret[128]) {
    struct writer writer = writer_over(ret, 127);
    for (uint32_t i = 0; i < reaction->count; i++) {
        writer_printf(&writer, "%s%s", i == 0 ? ">" : ",",
                      event_type_name(reaction->outputs[i].type));
        assert_true(json_check(reaction->outputs[i].data, NULL) == ERR_OK);
    }
    if (reaction->repeat != NULL) {
        writer_str(&writer, ">again");
    }
    ret[writer.len] = '\0';
}

static void check_cell(const struct drawn *drawn, enum event_type type,
                       uint32_t state) {
    static struct desk desk;
    const char *cell = drawn->cells[type][state];
    assert_non_null(cell);
    void *self = open_in_state(drawn, state, &desk);
    uint64_t before = drawn->service->hash(self);
    const struct shop_event *event = event_about_x(&desk, type);
    struct reaction reaction = {.arena = &desk.arena};
    char said[160] = "";
    char found[200] = "x";
    if (drawn->service->admits(self, event)) {
        assert_int_equal(drawn->service->react(self, event, &reaction), ERR_OK);
        list_outputs(&reaction, said);
        assert_int_equal(drawn->service->hash(self), before);
        assert_int_equal(drawn->service->apply(self, event), ERR_OK);
        uint32_t next = drawn->service->state(self, SLICE("x"));
        if (next == state) {
            snprintf(found, sizeof(found), "=%s", said);
        } else {
            snprintf(found, sizeof(found), "%u%s", next, said);
        }
    }
    if (strcmp(found, cell) != 0) {
        fail_msg("%s, %s in state %u: %s, drawn %s", drawn->name,
                 event_type_name(type), state, found, cell);
    }
    drawn->service->close(self);
}

static void check_all(const struct drawn *drawn) {
    for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
        /* The services listen to all but what the gateway says of itself. */
        bool heard = drawn->cells[type][0] != NULL;
        assert_int_equal(shop_event_is_read((enum event_type)type), heard);
        for (uint32_t state = 0; heard && state < drawn->states; state++) {
            check_cell(drawn, (enum event_type)type, state);
        }
    }
}

static void order_is_as_drawn(void **state) {
    (void)state;
    check_all(&order);
}

static void inventory_is_as_drawn(void **state) {
    (void)state;
    check_all(&inventory);
}

static void payment_is_as_drawn(void **state) {
    (void)state;
    check_all(&payment);
}

static void fulfilment_is_as_drawn(void **state) {
    (void)state;
    check_all(&fulfilment);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_as_drawn),
        cmocka_unit_test(inventory_is_as_drawn),
        cmocka_unit_test(payment_is_as_drawn),
        cmocka_unit_test(fulfilment_is_as_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
