/* SPDX-License-Identifier: Apache-2.0 */
/* The orders that the page may show. While a batch is being committed, the
 * shop's memory is ahead of the disk. A figure on a page is an output like any
 * other and must wait for the disk (promise P4), so until the commit ends the
 * page shows the orders as they were after the last commit. */
#ifndef GATEWAY_COMMANDS_ORDERS_SHOWN_H
#define GATEWAY_COMMANDS_ORDERS_SHOWN_H

#include "gateway/base/base.h"
#include "gateway/shop/refund_view.h"
#include "gateway/shop/shop.h"

struct orders_shown {
    struct shop_counts counts;
    struct shop_refunds refunds;
    struct shop_order_view views[SHOP_ORDERS_SHOWN];
    uint32_t count;
    struct arena arena; /* holds the views' texts */
    uint8_t texts[SHOP_ORDERS_SHOWN * 512];
    int64_t watched_us; /* monotonic: when somebody last looked */
};

/* Copies the shop's orders. Only while everything the shop knows is durable. */
void orders_shown_take(struct orders_shown *shown, const struct shop *shop);

#endif
