/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of an order, a delivery, a count or an adjustment as the shop
 * understands them: each sku in its one form, in one line. Live only: what
 * follows from them is journaled. */
#ifndef GATEWAY_SHOP_GOODS_H
#define GATEWAY_SHOP_GOODS_H

#include "gateway/shop/shop_event.h"
#include "gateway/shop/sku.h"

struct goods_line {
    struct slice sku;
    struct slice unit;     /* empty: not given */
    int64_t quantity;      /* thousandths */
    int64_t reorder_level; /* thousandths; -1: not given */
    uint32_t index;        /* of its first line in the event's items */
};

struct goods {
    uint32_t count;
    struct goods_line lines[SHOP_ITEMS_MAX];
};

/* Lines of one sku are added up in an order and refused in others. ERR_RANGE
 * with a reason; ERR_FULL if `arena` is too small. */
err_t goods_of(const struct shop_event *event, enum sku_case wanted,
               struct arena *arena, struct goods *ret,
               struct reason *reason) MUST_USE;

/* ERR_RANGE: "data.items[I].MEMBER: expected EXPECTED". */
err_t goods_refuse(uint32_t index, const char *member, const char *expected,
                   struct reason *reason);

#endif
