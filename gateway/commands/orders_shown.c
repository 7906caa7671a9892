/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/orders_shown.h"

static void take_view(void *context, const struct shop_order_view *view) {
    struct orders_shown *shown = context;
    if (shown->count == SHOP_ORDERS_SHOWN) {
        return;
    }
    struct shop_order_view copy = *view;
    if (arena_copy(&shown->arena, view->order_id, &copy.order_id) != ERR_OK ||
        arena_copy(&shown->arena, view->device, &copy.device) != ERR_OK) {
        return;
    }
    if (arena_copy(&shown->arena, view->reason, &copy.reason) != ERR_OK) {
        copy.reason = SLICE_EMPTY;
    }
    shown->views[shown->count++] = copy;
}

void orders_shown_take(struct orders_shown *shown, const struct shop *shop) {
    shown->counts = shop_counts(shop);
    shown->refunds = *shop_refunds(shop);
    shown->count = 0;
    shown->arena = arena_over(shown->texts, sizeof shown->texts);
    shop_orders(shop, SHOP_ORDERS_SHOWN, take_view, shown);
}
