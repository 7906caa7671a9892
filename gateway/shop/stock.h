/* SPDX-License-Identifier: Apache-2.0 */
/* The stock of each sku that is managed, in a table by sku.
 *
 * On hand is what is in the store, so it holds what is reserved too; available
 * is the rest, and below zero if a count found less than open orders hold. For
 * each sku: on hand = received + adjusted - sold. */
#ifndef GATEWAY_SHOP_STOCK_H
#define GATEWAY_SHOP_STOCK_H

#include "gateway/shop/shop_event.h"
#include "gateway/shop/table.h"

struct stock {
    struct table_entry entry;
    int64_t on_hand;
    int64_t reserved; /* of that, held by open orders */
    int64_t received;
    int64_t adjusted; /* by counts: what was found less what was expected */
    int64_t sold;
    int64_t reorder_level; /* -1: none */
};

int64_t stock_available(const struct stock *stock);
/* With so many available: at the level or under. */
bool stock_is_low(int64_t available, int64_t reorder_level);

/* A StockReceived or StockCounted: a delivery adds to what is on hand, a count
 * says what it is. ERR_MEMORY. */
err_t stock_apply(struct table *stocks,
                  const struct shop_event *event) MUST_USE;
/* An order takes hold of what is available, gives it back, or carries it away.
 */
void stock_reserve(struct stock *stock, int64_t quantity);
void stock_release(struct stock *stock, int64_t quantity);
void stock_sell(struct stock *stock, int64_t quantity);

/* Over all of the table; does not depend on its order. */
uint64_t stock_hash(const struct table *stocks);
/* For a snapshot; `load` is into an empty table. ERR_PARSE, ERR_MEMORY. */
void stock_save(const struct table *stocks, struct writer *to);
err_t stock_load(struct table *stocks, struct cursor *from) MUST_USE;

#endif
