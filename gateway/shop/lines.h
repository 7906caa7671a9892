/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of an event's `items`, as they are told. */
#ifndef GATEWAY_SHOP_LINES_H
#define GATEWAY_SHOP_LINES_H

#include "gateway/event/event_type.h"
#include "gateway/shop/limits.h"
#include "gateway/shop/members.h"

enum {
    SHOP_QUANTITY_MAX = 1000 * 1000,
    SHOP_QUANTITY_MAX_THOUSANDTHS = SHOP_QUANTITY_MAX * 1000,
};

/* Quantities are thousandths (gateway/shop/quantity.h). */
struct shop_line {
    struct slice sku;
    struct slice unit;     /* empty if none */
    int64_t quantity;      /* of StockChanged: what is added, or below zero */
    int64_t on_hand;       /* of StockChanged: after it */
    int64_t reorder_level; /* -1: not given */
    uint32_t index;        /* in the event's items */
    bool unmanaged;        /* of InventoryReserved */
    bool is_short;         /* of InventoryReserved: more than is available */
};

/* One for each sku. */
struct lines {
    struct shop_line *list; /* SHOP_ITEMS_MAX of them have room */
    uint32_t count;
};

struct lines_reader {
    enum event_type type;
    uint32_t rules;     /* that the event was made under */
    bool intake;        /* with all checks, before it is journaled */
    struct arena *pool; /* for decoded texts */
    const struct place *place;
};

/* Lines of the same sku in an order are added up. `lines` is empty before.
 * ERR_RANGE with a reason. */
err_t lines_read(const struct lines_reader *reader, struct slice items,
                 struct lines *lines) MUST_USE;

/* NULL if there is none. */
struct shop_line *lines_find(const struct lines *lines, struct slice sku);

#endif
