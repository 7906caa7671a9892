/* SPDX-License-Identifier: Apache-2.0 */
/* What the Inventory service knows: for its own files only. */
#ifndef GATEWAY_SHOP_INVENTORY_STATE_H
#define GATEWAY_SHOP_INVENTORY_STATE_H

#include "gateway/shop/settings.h"
#include "gateway/shop/stock.h"

struct line {
    struct stock *stock; /* NULL: it was not managed */
    int64_t quantity;
    struct slice sku;  /* in the same block as the lines */
    struct slice unit; /* likewise */
};

struct holding {
    struct table_entry entry;
    uint32_t state;
    struct line *lines; /* owned; NULL unless reserved */
    uint32_t line_count;
};

struct inventory {
    struct table orders; /* of struct holding */
    struct stocks stocks;
    uint32_t rules;
    struct shop_settings settings; /* for what is decided live */
};

/* An order takes hold of these lines: they and the text of their skus and units
 * in one block. ERR_MEMORY. */
err_t inventory_hold(const struct inventory *inventory,
                     const struct shop_line *from, uint32_t count,
                     struct holding *holding) MUST_USE;

uint64_t inventory_state_hash(const struct inventory *inventory);
void inventory_state_save(const struct inventory *inventory, struct writer *to);
/* ERR_PARSE, ERR_MEMORY. */
err_t inventory_state_load(struct inventory *inventory,
                           struct cursor *from) MUST_USE;

#endif
