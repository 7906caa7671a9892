/* SPDX-License-Identifier: Apache-2.0 */
/* The stock of each sku that is managed, in a table by sku, and its newest
 * movements. All quantities are thousandths.
 *
 * On hand is what is in the store, so it holds what is reserved too; available
 * is the rest. It is below zero if a count found less than open orders hold, or
 * more was sold than was there. For each sku: on hand = received + adjusted -
 * sold.
 *
 * Under SHOP_RULES_FIRST deliveries and counts change the stock as they are
 * told, and neither movements nor moments of counts are remembered. */
#ifndef GATEWAY_SHOP_STOCK_H
#define GATEWAY_SHOP_STOCK_H

#include "gateway/shop/moves.h"
#include "gateway/shop/shop_event.h"
#include "gateway/shop/table.h"

/* On hand and what is available stay within this, so no sum of them overflows:
 * 10^12 pieces. Sums of all that ever was (received, adjusted, sold) wrap
 * round; what they are told for, a difference, is right all the same. */
#define STOCK_MAX ((int64_t)1000 * 1000 * 1000 * 1000 * 1000)

/* When a sku was never counted, or not as far as is known. */
#define STOCK_UNCOUNTED INT64_MIN

struct stock {
    struct table_entry entry;
    int64_t on_hand;
    int64_t reserved; /* of that, held by open orders */
    int64_t received;
    int64_t adjusted; /* by adjustments, and by counts: what was found less what
                         was expected */
    int64_t sold;
    int64_t reorder_level; /* -1: none */
    int64_t counted_us;    /* the moment of its newest count */
    uint64_t newest_move;
    uint8_t unit_len; /* 0: none is known */
    uint8_t unit[SHOP_UNIT_MAX];
};

struct stocks {
    struct table table; /* of struct stock */
    struct moves moves;
};

void stocks_begin(struct stocks *stocks);
void stocks_free(struct stocks *stocks);

int64_t stock_available(const struct stock *stock);
struct slice stock_unit(const struct stock *stock);
/* With so many available: at the level or under. */
bool stock_is_low(int64_t available, int64_t reorder_level);
/* What a sku should have had on hand at `counted_us`, by what was recorded
 * since; it is `now_us`. */
int64_t stock_then(const struct stocks *stocks, const struct stock *stock,
                   int64_t counted_us, int64_t now_us);

/* A StockReceived or StockCounted under the first rules: a delivery adds to
 * what is on hand, a count says what it is. ERR_MEMORY. */
err_t stock_apply_first(struct stocks *stocks,
                        const struct shop_event *event) MUST_USE;
/* A StockChanged. ERR_MEMORY. */
err_t stock_apply_changed(struct stocks *stocks,
                          const struct shop_event *event) MUST_USE;
/* An order takes hold of what is available, gives it back, or carries it away.
 */
void stock_reserve(struct stock *stock, int64_t quantity);
void stock_release(struct stock *stock, int64_t quantity);
void stock_sell(struct stock *stock, int64_t quantity);
/* The sale as a movement. ERR_MEMORY. */
err_t stock_note_sale(struct stocks *stocks, struct stock *stock,
                      int64_t quantity, int64_t wall_us) MUST_USE;

/* Other rules from here on, at `wall_us`: begins to remember, or forgets what
 * the first rules do not know. */
void stocks_change_rules(struct stocks *stocks, uint32_t rules,
                         int64_t wall_us);

/* Over all of the table; does not depend on its order. */
uint64_t stock_hash(const struct stocks *stocks, uint32_t rules);
/* For a snapshot; `load` is into an empty table. ERR_PARSE, ERR_MEMORY. */
void stock_save(const struct stocks *stocks, uint32_t rules, struct writer *to);
err_t stock_load(struct stocks *stocks, uint32_t rules,
                 struct cursor *from) MUST_USE;

#endif
