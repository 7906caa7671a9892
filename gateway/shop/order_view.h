/* SPDX-License-Identifier: Apache-2.0 */
/* How an order stands, for who watches the shop. */
#ifndef GATEWAY_SHOP_ORDER_VIEW_H
#define GATEWAY_SHOP_ORDER_VIEW_H

#include "gateway/base/base.h"

enum shop_order_state {
    SHOP_ORDER_OPEN,
    SHOP_ORDER_FULFILED,
    SHOP_ORDER_CANCELLED,
    SHOP_ORDER_REJECTED,
};

struct shop_order_view {
    struct slice order_id;
    struct slice device;
    enum shop_order_state state;
    bool reserved;
    bool paid;
    int64_t total_minor; /* money in the currency's minor units */
    char currency[4];
    struct slice reason; /* why cancelled or rejected; empty otherwise */
    int64_t placed_us;
    int64_t changed_us;
};

#endif
