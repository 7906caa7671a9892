/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/order.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    UNKNOWN_PERCENT = 3, /* of the lines: a SKU the store never received */
    CASH_PERCENT = 50,
    CARD_PERCENT = 30, /* approved before the order; the rest: a terminal */
    TWICE_PERCENT = 1,
    CANCEL_PERCENT = 2,
    CUSTOMERS = 500,
};

const struct order_product *order_product(uint32_t index) {
    static const struct order_product catalogue[ORDER_CATALOGUE_SIZE] = {
        {"espresso", 220},    {"cappuccino", 310},   {"flat-white", 340},
        {"tea-green", 250},   {"tea-black", 240},    {"water-still", 180},
        {"cola", 260},        {"orange-juice", 390}, {"croissant", 210},
        {"bagel", 280},       {"sandwich-ham", 520}, {"sandwich-veg", 490},
        {"salad-small", 450}, {"salad-large", 690},  {"soup", 420},
        {"muffin", 270},      {"cookie", 150},       {"beans-250g", 899},
        {"mug", 1250},        {"grinder", 7995},
    };
    assert(index < ORDER_CATALOGUE_SIZE);
    return &catalogue[index];
}

void order_money(uint64_t cents, char ret[ORDER_MONEY_SIZE]) {
    int len = snprintf(ret, ORDER_MONEY_SIZE, "%" PRIu64 ".%02u", cents / 100,
                       (unsigned)(cents % 100));
    assert(len >= 4 && len < ORDER_MONEY_SIZE);
}

/* One line of the order; returns what it costs. */
static uint64_t line_add(struct random *rng, cJSON *items, uint32_t index) {
    const struct order_product *product = order_product(index);
    uint32_t quantity = random_between(rng, 1, ORDER_QUANTITY_MAX);
    char sku[ORDER_SKU_SIZE];
    char price[ORDER_MONEY_SIZE];
    if (random_percent(rng, UNKNOWN_PERCENT)) {
        snprintf(sku, sizeof sku, "special-%" PRIu32,
                 random_between(rng, 1, 9999));
    } else {
        snprintf(sku, sizeof sku, "%s", product->sku);
    }
    order_money(product->price_cents, price);

    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "sku", sku);
    cJSON_AddNumberToObject(line, "quantity", quantity);
    cJSON_AddStringToObject(line, "unitPrice", price);
    cJSON_AddItemToArray(items, line);
    return (uint64_t)quantity * product->price_cents;
}

/* Lines of different products, from a random place in the catalogue on. */
static uint64_t lines_add(struct random *rng, cJSON *data) {
    cJSON *items = cJSON_AddArrayToObject(data, "items");
    assert(items != NULL);
    uint32_t lines = random_between(rng, 1, ORDER_LINES_MAX);
    uint32_t index = random_between(rng, 0, ORDER_CATALOGUE_SIZE - 1);
    uint64_t total_cents = 0;
    for (uint32_t i = 0; i < lines; i++) {
        total_cents += line_add(rng, items, index);
        index = (index + random_between(rng, 1, 4)) % ORDER_CATALOGUE_SIZE;
    }
    return total_cents;
}

static void payment_add(struct random *rng, cJSON *data, uint32_t terminals) {
    cJSON *payment = cJSON_AddObjectToObject(data, "paymentDetails");
    uint32_t draw = random_between(rng, 0, 99);
    if (draw < CASH_PERCENT) {
        cJSON_AddStringToObject(payment, "paymentMethod", "CASH");
        return;
    }
    cJSON_AddStringToObject(payment, "paymentMethod", "CARD");
    if (draw < CASH_PERCENT + CARD_PERCENT || terminals == 0) {
        char text[ORDER_SKU_SIZE];
        snprintf(text, sizeof text, "txn-%016" PRIx64, random_u64(rng));
        cJSON_AddStringToObject(payment, "paymentTransactionId", text);
        return;
    }
    char terminal[ORDER_SKU_SIZE];
    snprintf(terminal, sizeof terminal, "terminal-%" PRIu32,
             random_between(rng, 1, terminals));
    cJSON_AddStringToObject(payment, "terminal", terminal);
}

struct order_plan order_draw(struct random *rng, const char *order_id,
                             uint32_t terminals) {
    struct order_plan plan = {.data = cJSON_CreateObject()};
    char text[ORDER_SKU_SIZE];
    assert(plan.data != NULL && order_id[0] != '\0');
    snprintf(text, sizeof text, "customer-%" PRIu32,
             random_between(rng, 1, CUSTOMERS));
    cJSON_AddStringToObject(plan.data, "orderId", order_id);
    cJSON_AddStringToObject(plan.data, "customerId", text);
    char total[ORDER_MONEY_SIZE];
    order_money(lines_add(rng, plan.data), total);
    cJSON_AddStringToObject(plan.data, "total", total);
    cJSON_AddStringToObject(plan.data, "currency", "EUR");
    payment_add(rng, plan.data, terminals);
    plan.twice = random_percent(rng, TWICE_PERCENT);
    plan.cancel = random_percent(rng, CANCEL_PERCENT);
    return plan;
}
