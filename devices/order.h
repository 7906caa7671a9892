/* SPDX-License-Identifier: Apache-2.0 */
/* What a till sells: a small catalogue, and the data of one order drawn from
 * it. The same seed gives the same orders. */
#ifndef DEVICES_ORDER_H
#define DEVICES_ORDER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/client/random.h"

enum {
    ORDER_LINES_MAX = 4,
    ORDER_QUANTITY_MAX = 3,
    ORDER_CATALOGUE_SIZE = 20,
    ORDER_SCARCE = 19, /* this SKU of the catalogue is nearly sold out */
    ORDER_SKU_SIZE = 32,
    ORDER_MONEY_SIZE = 24,
};

struct order_product {
    const char *sku;
    uint32_t price_cents;
};

/* index < ORDER_CATALOGUE_SIZE. */
const struct order_product *order_product(uint32_t index);

struct order_plan {
    cJSON *data; /* of OrderPlaced; the caller's to delete */
    bool twice;  /* the key was pressed twice */
    bool cancel; /* the customer cancels at once */
};

/* Draws an order. With `terminals` of 0 no payment uses one. Aborts if memory
 * runs out. */
struct order_plan order_draw(struct random *rng, const char *order_id,
                             uint32_t terminals);

/* "12.05": minor units as the decimal string that Shopme writes. */
void order_money(uint64_t cents, char ret[ORDER_MONEY_SIZE]);

#endif
