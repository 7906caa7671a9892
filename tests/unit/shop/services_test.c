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

static const char *const data_of[TYPE_COUNT] = {
    [TYPE_ORDER_PLACED] = ORDER_DATA,
    [TYPE_ORDER_CANCEL_REQUESTED] = WITH_REASON,
    [TYPE_PAYMENT_AUTHORIZED] = "{\"orderId\":\"x\"}",
    [TYPE_PAYMENT_REFUSED] = WITH_REASON,
    [TYPE_STOCK_RECEIVED] = STOCK_DATA,
    [TYPE_STOCK_COUNTED] = STOCK_DATA,
    [TYPE_ORDER_CREATED] = ORDER_DATA,
    [TYPE_ORDER_REJECTED] = WITH_REASON,
    [TYPE_ORDER_CANCELLED] = WITH_REASON,
    [TYPE_INVENTORY_RESERVED] =
        "{\"orderId\":\"x\",\"items\":[{\"sku\":\"mug\",\"quantity\":1}],"
        "\"unmanaged\":[\"mug\"]}",
    [TYPE_INVENTORY_REJECTED] = WITH_REASON,
    [TYPE_INVENTORY_RELEASED] = WITH_REASON,
    [TYPE_STOCK_LOW] = "{\"items\":[]}",
    [TYPE_PAYMENT_REQUESTED] = PAYMENT_DATA,
    [TYPE_PAYMENT_PROCESSED] = PAYMENT_DATA,
    [TYPE_PAYMENT_DECLINED] = WITH_REASON,
    [TYPE_PAYMENT_REFUNDED] = PAYMENT_DATA,
    [TYPE_ORDER_FULFILED] = "{\"orderId\":\"x\"}",
};

/* A cell: "x" cannot be; "=" stays; a digit is the next state; after ">" what
 * is published, and "again" if the outcome is repeated. */
struct drawn {
    const char *name;
    const struct service *service;
    uint32_t states;
    enum shop_type paths[STATES_MAX]
                        [PATH_MAX_LEN]; /* to each state, up to TYPE_COUNT */
    const char *cells[TYPE_COUNT][STATES_MAX];
};

#define STAYS \
    { "=", "=", "=", "=", "=", "=", "=" }

/* clang-format off */
static const struct drawn order = {
    "order", &order_service, ORDER_STATES,
    {
        [ORDER_NONE] = {TYPE_COUNT},
        [ORDER_PLACED] = {TYPE_ORDER_PLACED, TYPE_COUNT},
        [ORDER_OPEN] = {TYPE_ORDER_PLACED, TYPE_ORDER_CREATED, TYPE_COUNT},
        [ORDER_CANCELLING] = {TYPE_ORDER_PLACED, TYPE_ORDER_CREATED, TYPE_PAYMENT_DECLINED, TYPE_COUNT},
        [ORDER_FULFILED] = {TYPE_ORDER_PLACED, TYPE_ORDER_CREATED, TYPE_ORDER_FULFILED, TYPE_COUNT},
        [ORDER_CANCELLED] = {TYPE_ORDER_PLACED, TYPE_ORDER_CREATED, TYPE_INVENTORY_REJECTED, TYPE_ORDER_CANCELLED},
        [ORDER_REJECTED] = {TYPE_ORDER_PLACED, TYPE_ORDER_REJECTED, TYPE_COUNT},
    },
    {
        /*                              none  placed open  cancelling fulfiled cancelled rejected */
        [TYPE_ORDER_PLACED] =           {"1>OrderCreated", "x", "=>again", "x", "=>again", "=>again", "=>again"},
        [TYPE_ORDER_CANCEL_REQUESTED] = {"=", "x", "3>OrderCancelled", "x", "=>again", "=>again", "=>again"},
        [TYPE_PAYMENT_AUTHORIZED] =     STAYS,
        [TYPE_PAYMENT_REFUSED] =        STAYS,
        [TYPE_STOCK_RECEIVED] =         STAYS,
        [TYPE_STOCK_COUNTED] =          STAYS,
        [TYPE_ORDER_CREATED] =          {"x", "2", "x", "x", "x", "x", "x"},
        [TYPE_ORDER_REJECTED] =         {"x", "6", "x", "x", "x", "x", "x"},
        [TYPE_ORDER_CANCELLED] =        {"x", "x", "x", "5", "x", "x", "x"},
        [TYPE_INVENTORY_RESERVED] =     STAYS,
        [TYPE_INVENTORY_REJECTED] =     {"x", "x", "3>OrderCancelled", "=", "x", "x", "x"},
        [TYPE_INVENTORY_RELEASED] =     STAYS,
        [TYPE_STOCK_LOW] =              STAYS,
        [TYPE_PAYMENT_REQUESTED] =      STAYS,
        [TYPE_PAYMENT_PROCESSED] =      STAYS,
        [TYPE_PAYMENT_DECLINED] =       {"x", "x", "3>OrderCancelled", "=", "x", "x", "x"},
        [TYPE_PAYMENT_REFUNDED] =       STAYS,
        [TYPE_ORDER_FULFILED] =         {"x", "x", "4", "x", "x", "x", "x"},
    },
};

static const struct drawn inventory = {
    "inventory", &inventory_service, INVENTORY_STATES,
    {
        [INVENTORY_NONE] = {TYPE_COUNT},
        [INVENTORY_RESERVED] = {TYPE_INVENTORY_RESERVED, TYPE_COUNT},
        [INVENTORY_REFUSED] = {TYPE_INVENTORY_REJECTED, TYPE_COUNT},
        [INVENTORY_RELEASED] = {TYPE_INVENTORY_RESERVED, TYPE_ORDER_CANCELLED, TYPE_COUNT},
        [INVENTORY_SOLD] = {TYPE_INVENTORY_RESERVED, TYPE_ORDER_FULFILED, TYPE_COUNT},
    },
    {
        /*                              none  reserved refused released sold */
        [TYPE_ORDER_PLACED] =           STAYS,
        [TYPE_ORDER_CANCEL_REQUESTED] = STAYS,
        [TYPE_PAYMENT_AUTHORIZED] =     STAYS,
        [TYPE_PAYMENT_REFUSED] =        STAYS,
        [TYPE_STOCK_RECEIVED] =         {"=", "x", "x", "x", "x"},
        [TYPE_STOCK_COUNTED] =          {"=", "x", "x", "x", "x"},
        [TYPE_ORDER_CREATED] =          {"=>InventoryReserved", "x", "x", "x", "x"},
        [TYPE_ORDER_REJECTED] =         {"=", "x", "x", "x", "x"},
        [TYPE_ORDER_CANCELLED] =        {"x", "3>InventoryReleased", "=", "x", "x"},
        [TYPE_INVENTORY_RESERVED] =     {"1", "x", "x", "x", "x"},
        [TYPE_INVENTORY_REJECTED] =     {"2", "x", "x", "x", "x"},
        [TYPE_INVENTORY_RELEASED] =     {"x", "x", "x", "=", "x"},
        [TYPE_STOCK_LOW] =              STAYS,
        [TYPE_PAYMENT_REQUESTED] =      STAYS,
        [TYPE_PAYMENT_PROCESSED] =      STAYS,
        [TYPE_PAYMENT_DECLINED] =       STAYS,
        [TYPE_PAYMENT_REFUNDED] =       STAYS,
        [TYPE_ORDER_FULFILED] =         {"x", "4", "x", "x", "x"},
    },
};

static const struct drawn payment = {
    "payment", &payment_service, PAYMENT_STATES,
    {
        [PAYMENT_NONE] = {TYPE_COUNT},
        [PAYMENT_REQUESTED] = {TYPE_PAYMENT_REQUESTED, TYPE_COUNT},
        [PAYMENT_TAKEN] = {TYPE_PAYMENT_PROCESSED, TYPE_COUNT},
        [PAYMENT_DECLINED] = {TYPE_PAYMENT_REQUESTED, TYPE_PAYMENT_DECLINED, TYPE_COUNT},
        [PAYMENT_VOID] = {TYPE_PAYMENT_REQUESTED, TYPE_ORDER_CANCELLED, TYPE_COUNT},
        [PAYMENT_REFUNDED] = {TYPE_PAYMENT_PROCESSED, TYPE_ORDER_CANCELLED, TYPE_PAYMENT_REFUNDED, TYPE_COUNT},
    },
    {
        /*                              none  requested taken declined void refunded */
        [TYPE_ORDER_PLACED] =           STAYS,
        [TYPE_ORDER_CANCEL_REQUESTED] = STAYS,
        [TYPE_PAYMENT_AUTHORIZED] =     {"=", "=>PaymentProcessed", "=", "=", "=>PaymentRefunded", "="},
        [TYPE_PAYMENT_REFUSED] =        {"=", "=>PaymentDeclined", "=", "=", "=", "="},
        [TYPE_STOCK_RECEIVED] =         STAYS,
        [TYPE_STOCK_COUNTED] =          STAYS,
        [TYPE_ORDER_CREATED] =          {"=>PaymentRequested", "x", "x", "x", "x", "x"},
        [TYPE_ORDER_REJECTED] =         {"=", "x", "x", "x", "x", "x"},
        [TYPE_ORDER_CANCELLED] =        {"x", "4", "=>PaymentRefunded", "=", "x", "="},
        [TYPE_INVENTORY_RESERVED] =     STAYS,
        [TYPE_INVENTORY_REJECTED] =     STAYS,
        [TYPE_INVENTORY_RELEASED] =     STAYS,
        [TYPE_STOCK_LOW] =              STAYS,
        [TYPE_PAYMENT_REQUESTED] =      {"1", "x", "x", "x", "x", "x"},
        [TYPE_PAYMENT_PROCESSED] =      {"2", "2", "x", "x", "x", "x"},
        [TYPE_PAYMENT_DECLINED] =       {"3", "3", "x", "x", "x", "x"},
        [TYPE_PAYMENT_REFUNDED] =       {"x", "x", "5", "5", "5", "x"},
        [TYPE_ORDER_FULFILED] =         {"x", "x", "=", "x", "x", "x"},
    },
};

static const struct drawn fulfilment = {
    "fulfilment", &fulfilment_service, FULFILMENT_STATES,
    {
        [FULFILMENT_NONE] = {TYPE_COUNT},
        [FULFILMENT_RESERVED] = {TYPE_INVENTORY_RESERVED, TYPE_COUNT},
        [FULFILMENT_PAID] = {TYPE_PAYMENT_PROCESSED, TYPE_COUNT},
        [FULFILMENT_READY] = {TYPE_PAYMENT_PROCESSED, TYPE_INVENTORY_RESERVED, TYPE_COUNT},
        [FULFILMENT_DONE] = {TYPE_INVENTORY_RESERVED, TYPE_PAYMENT_PROCESSED, TYPE_ORDER_FULFILED, TYPE_COUNT},
        [FULFILMENT_CANCELLED] = {TYPE_INVENTORY_RESERVED, TYPE_ORDER_CANCELLED, TYPE_COUNT},
    },
    {
        /*                              none  reserved paid ready done cancelled */
        [TYPE_ORDER_PLACED] =           STAYS,
        [TYPE_ORDER_CANCEL_REQUESTED] = STAYS,
        [TYPE_PAYMENT_AUTHORIZED] =     STAYS,
        [TYPE_PAYMENT_REFUSED] =        STAYS,
        [TYPE_STOCK_RECEIVED] =         STAYS,
        [TYPE_STOCK_COUNTED] =          STAYS,
        [TYPE_ORDER_CREATED] =          STAYS,
        [TYPE_ORDER_REJECTED] =         STAYS,
        [TYPE_ORDER_CANCELLED] =        {"5", "5", "5", "x", "x", "x"},
        [TYPE_INVENTORY_RESERVED] =     {"1", "x", "3>OrderFulfiled", "x", "x", "x"},
        [TYPE_INVENTORY_REJECTED] =     STAYS,
        [TYPE_INVENTORY_RELEASED] =     STAYS,
        [TYPE_STOCK_LOW] =              STAYS,
        [TYPE_PAYMENT_REQUESTED] =      STAYS,
        [TYPE_PAYMENT_PROCESSED] =      {"2", "3>OrderFulfiled", "x", "x", "x", "x"},
        [TYPE_PAYMENT_DECLINED] =       STAYS,
        [TYPE_PAYMENT_REFUNDED] =       STAYS,
        [TYPE_ORDER_FULFILED] =         {"x", "x", "x", "4", "x", "x"},
    },
};
/* clang-format on */

struct desk {
    uint8_t memory[64 * 1024];
    struct arena arena;
    struct event event;
    struct fact fact;
};

/* Reads the type's event about order x. Stock events name no order: they are
 * given one, so that every pair is met. */
static const struct fact *fact_about_x(struct desk *desk, enum shop_type type) {
    const struct fact_context context = {.store = SLICE("s"),
                                         .journal_hex = "00000000"};
    desk->arena = arena_over(desk->memory, sizeof(desk->memory));
    desk->event = (struct event){
        .id = SLICE("1"),
        .source = SLICE("/s/card-1"),
        .type = slice_from_str(type_facts(type)->name),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_from_str(data_of[type]),
    };
    assert_int_equal(fact_read(&desk->event, type,
                               (struct shop_stamp){.seq = type}, &context,
                               &desk->arena, &desk->fact),
                     ERR_OK);
    desk->fact.order_id = SLICE("x");
    return &desk->fact;
}

static void *open_in_state(const struct drawn *drawn, uint32_t state,
                           struct desk *desk) {
    struct service_options options = {.currency = "EUR"};
    void *self = drawn->service->open(&options);
    assert_non_null(self);
    for (size_t i = 0; i < PATH_MAX_LEN; i++) {
        enum shop_type type = drawn->paths[state][i];
        if (type == TYPE_COUNT) {
            break;
        }
        const struct fact *fact = fact_about_x(desk, type);
        assert_true(drawn->service->admits(self, fact));
        assert_int_equal(drawn->service->apply(self, fact), ERR_OK);
    }
    assert_int_equal(drawn->service->state(self, SLICE("x")), state);
    return self;
}

static void list_outputs(const struct reaction *reaction, char ret[128]) {
    struct writer writer = writer_over(ret, 127);
    for (uint32_t i = 0; i < reaction->count; i++) {
        writer_printf(&writer, "%s%s", i == 0 ? ">" : ",",
                      type_facts(reaction->outputs[i].type)->name);
        assert_true(json_check(reaction->outputs[i].data, NULL) == ERR_OK);
    }
    if (reaction->repeat != NULL) {
        writer_str(&writer, ">again");
    }
    ret[writer.len] = '\0';
}

static void check_cell(const struct drawn *drawn, enum shop_type type,
                       uint32_t state) {
    static struct desk desk;
    const char *cell = drawn->cells[type][state];
    assert_non_null(cell);
    void *self = open_in_state(drawn, state, &desk);
    uint64_t before = drawn->service->hash(self);
    const struct fact *fact = fact_about_x(&desk, type);
    struct reaction reaction = {.arena = &desk.arena};
    char said[160] = "";
    char found[200] = "x";
    if (drawn->service->admits(self, fact)) {
        assert_int_equal(drawn->service->react(self, fact, &reaction), ERR_OK);
        list_outputs(&reaction, said);
        assert_int_equal(drawn->service->hash(self), before);
        assert_int_equal(drawn->service->apply(self, fact), ERR_OK);
        uint32_t next = drawn->service->state(self, SLICE("x"));
        if (next == state) {
            snprintf(found, sizeof(found), "=%s", said);
        } else {
            snprintf(found, sizeof(found), "%u%s", next, said);
        }
    }
    if (strcmp(found, cell) != 0) {
        fail_msg("%s, %s in state %u: %s, drawn %s", drawn->name,
                 type_facts(type)->name, state, found, cell);
    }
    drawn->service->close(self);
}

static void check_all(const struct drawn *drawn) {
    for (uint32_t type = 0; type < TYPE_COUNT; type++) {
        for (uint32_t state = 0; state < drawn->states; state++) {
            check_cell(drawn, (enum shop_type)type, state);
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
