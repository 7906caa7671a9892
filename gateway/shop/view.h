/* SPDX-License-Identifier: Apache-2.0 */
/* What the bus and the console know of orders: who placed each, and how the
 * last ones stand. An observer: it receives every event and publishes nothing;
 * no service reads it. */
#ifndef GATEWAY_SHOP_VIEW_H
#define GATEWAY_SHOP_VIEW_H

#include "gateway/shop/order_view.h"
#include "gateway/shop/shop_event.h"
#include "gateway/shop/table.h"

struct view_order {
    struct slice id; /* in the table's entry, as is the device */
    struct slice device;
    enum shop_order_state state;
    bool reserved;
    bool paid;
    int64_t total_minor;
    char currency[4];
    char reason[SHOP_REASON_MAX];
    uint32_t reason_len;
    int64_t placed_us;
    int64_t changed_us;
};

struct view {
    struct table table; /* every order, for its device */
    struct view_order ring[SHOP_ORDERS_SHOWN];
    uint64_t placed; /* the next goes to ring[placed % SHOP_ORDERS_SHOWN] */
};

void view_free(struct view *view);
/* ERR_MEMORY. */
err_t view_apply(struct view *view, const struct shop_event *event) MUST_USE;
/* For a snapshot, as a service's. `load` is into a zeroed one. ERR_PARSE,
 * ERR_MEMORY. */
void view_save(const struct view *view, struct writer *to);
err_t view_load(struct view *view, struct cursor *from) MUST_USE;
/* The device that placed an order; empty if unknown. */
struct slice view_device(const struct view *view, struct slice order_id);
/* The last orders placed, newest first. */
void view_each(const struct view *view, uint32_t max,
               void (*each)(void *context, const struct shop_order_view *order),
               void *context);

#endif
