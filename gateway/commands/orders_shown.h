/* SPDX-License-Identifier: Apache-2.0 */
/* The orders as the page may show them. While a batch is being committed the
 * shop's memory is ahead of the disk, and a figure on a page is an outward
 * thing like any other (promise P4): then the orders are shown as they stood
 * when the last commit ended. */
#ifndef GATEWAY_COMMANDS_ORDERS_SHOWN_H
#define GATEWAY_COMMANDS_ORDERS_SHOWN_H

#include "gateway/base/base.h"
#include "gateway/shop/shop.h"

struct orders_shown {
    struct shop_counts counts;
    struct shop_order_view views[SHOP_ORDERS_SHOWN];
    uint32_t count;
    struct arena arena; /* holds the views' texts */
    uint8_t texts[SHOP_ORDERS_SHOWN * 512];
    int64_t watched_us; /* monotonic: when somebody last looked */
};

/* Copies the shop's orders. Only while all that the shop knows is durable. */
void orders_shown_take(struct orders_shown *shown, const struct shop *shop);

#endif
