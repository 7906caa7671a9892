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

/* Is there anything that inventory_check() may refuse of this type? */
bool inventory_checks(enum event_type type);
/* Refuses what cannot be taken as the stock stands, before it is journaled: one
 * sku in two units, an adjustment of stock that nobody keeps, a count older
 * than what is remembered, a sum beyond STOCK_MAX. ERR_RANGE with a reason;
 * ERR_FULL if `arena` is too small. */
err_t inventory_check(const void *self, const struct shop_event *event,
                      struct arena *arena, struct reason *reason) MUST_USE;
/* The moment of a count: what its data says, else what the event says, and now
 * at the latest. */
int64_t inventory_moment(const struct shop_event *event);
/* Whether all that is there are pieces, as under SHOP_RULES_FIRST.
 * ERR_UNSUPPORTED with a reason. */
err_t inventory_check_whole(const void *self, struct reason *reason) MUST_USE;

/* How many skus are managed. */
uint64_t inventory_skus(const void *self);

#endif
