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

#endif
