/* SPDX-License-Identifier: Apache-2.0 */
/* The Inventory service: stock, and what each order holds of it. */
#ifndef GATEWAY_SHOP_INVENTORY_H
#define GATEWAY_SHOP_INVENTORY_H

#include "gateway/shop/service.h"

enum inventory_state {
    INVENTORY_NONE,
    INVENTORY_RESERVED,
    INVENTORY_REFUSED,
    INVENTORY_RELEASED,
    INVENTORY_SOLD,
    INVENTORY_STATES,
};

extern const struct service inventory_service;

/* How many skus are managed. */
uint64_t inventory_skus(const void *self);

struct inventory_stock {
    int64_t on_hand;  /* in the store, what orders hold included */
    int64_t reserved; /* of that, held by open orders */
    int64_t received;
    int64_t adjusted; /* by counts: what was found less what was expected */
    int64_t sold;
};

/* ERR_NOT_FOUND for a sku that is not managed. */
err_t inventory_stock(const void *self, struct slice sku,
                      struct inventory_stock *ret) MUST_USE;

#endif
