/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/stock.h"

#include <assert.h>

#include "gateway/shop/quantity.h"

void stocks_begin(struct stocks *stocks) {
    *stocks = (struct stocks){0};
    moves_begin(&stocks->moves);
}

void stocks_free(struct stocks *stocks) {
    table_free(&stocks->table, NULL);
    moves_free(&stocks->moves);
}

/* Modulo 2^64, which signed numbers may not be. */
static int64_t sum(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t difference(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

int64_t stock_available(const struct stock *stock) {
    return difference(stock->on_hand, stock->reserved);
}

struct slice stock_unit(const struct stock *stock) {
    return slice_of(stock->unit, stock->unit_len);
}

bool stock_is_low(int64_t available, int64_t reorder_level) {
    return available <= reorder_level && reorder_level >= 0;
}

int64_t stock_then(const struct stocks *stocks, const struct stock *stock,
                   int64_t counted_us, int64_t now_us) {
    return difference(
        stock->on_hand,
        moves_since(&stocks->moves, stock->newest_move, counted_us, now_us));
}

static void assert_conserved(const struct stock *stock) {
    assert(stock->on_hand ==
           difference(sum(stock->received, stock->adjusted), stock->sold));
    assert(stock->reserved >= 0);
}

static err_t find_or_add(struct stocks *stocks, struct slice sku,
                         struct stock **ret) {
    struct stock *stock = table_find(&stocks->table, sku);
    if (stock == NULL) {
        stock = table_add(&stocks->table, sku, sizeof(*stock));
        ENSURE(stock != NULL, ERR_MEMORY);
        stock->reorder_level = -1;
        stock->counted_us = STOCK_UNCOUNTED;
    }
    *ret = stock;
    return ERR_OK;
}

static void receive(struct stock *stock, int64_t quantity) {
    stock->received = sum(stock->received, quantity);
    stock->on_hand = sum(stock->on_hand, quantity);
}

static void adjust(struct stock *stock, int64_t on_hand) {
    stock->adjusted = sum(stock->adjusted, difference(on_hand, stock->on_hand));
    stock->on_hand = on_hand;
}

static void take_level(struct stock *stock, const struct shop_line *line) {
    if (line->reorder_level >= 0) {
        stock->reorder_level = line->reorder_level;
    }
}

err_t stock_apply_first(struct stocks *stocks, const struct shop_event *event) {
    assert(event->type == EVENT_TYPE_STOCK_RECEIVED ||
           event->type == EVENT_TYPE_STOCK_COUNTED);
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        struct stock *stock;
        assert(line->quantity >= 0);
        TRY(find_or_add(stocks, line->sku, &stock));
        if (event->type == EVENT_TYPE_STOCK_RECEIVED) {
            receive(stock, line->quantity);
        } else {
            adjust(stock, line->quantity);
        }
        take_level(stock, line);
        assert_conserved(stock);
    }
    return ERR_OK;
}

static void take_unit(struct stock *stock, struct slice unit) {
    assert(unit.len <= SHOP_UNIT_MAX);
    if (unit.len > 0) {
        memcpy(stock->unit, unit.data, unit.len);
        stock->unit_len = (uint8_t)unit.len;
    }
}

/* A count corrects what was before its moment, so it is no movement after it.
 * What is told to be on hand is: where events are missing it is more than what
 * is known here and the change. */
static err_t change(struct stocks *stocks, const struct shop_event *event,
                    const struct shop_line *line, struct stock *stock) {
    if (event->stock_change == STOCK_CHANGE_COUNTED) {
        adjust(stock, line->on_hand);
        stock->counted_us = event->counted_us;
        return ERR_OK;
    }
    if (event->stock_change == STOCK_CHANGE_RECEIVED) {
        receive(stock, line->quantity);
    } else {
        adjust(stock, sum(stock->on_hand, line->quantity));
    }
    adjust(stock, line->on_hand);
    return moves_add(&stocks->moves, event->stamp.wall_us, line->quantity,
                     &stock->newest_move);
}

err_t stock_apply_changed(struct stocks *stocks,
                          const struct shop_event *event) {
    assert(event->type == EVENT_TYPE_STOCK_CHANGED);
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        struct stock *stock;
        TRY(find_or_add(stocks, line->sku, &stock));
        TRY(change(stocks, event, line, stock));
        take_level(stock, line);
        take_unit(stock, line->unit);
        assert_conserved(stock);
    }
    return ERR_OK;
}

void stock_reserve(struct stock *stock, int64_t quantity) {
    assert(quantity >= 0);
    stock->reserved = sum(stock->reserved, quantity);
    assert_conserved(stock);
}

void stock_release(struct stock *stock, int64_t quantity) {
    assert(quantity >= 0);
    stock->reserved = difference(stock->reserved, quantity);
    assert_conserved(stock);
}

void stock_sell(struct stock *stock, int64_t quantity) {
    assert(quantity >= 0);
    stock->reserved = difference(stock->reserved, quantity);
    stock->on_hand = difference(stock->on_hand, quantity);
    stock->sold = sum(stock->sold, quantity);
    assert_conserved(stock);
}

err_t stock_note_sale(struct stocks *stocks, struct stock *stock,
                      int64_t quantity, int64_t wall_us) {
    return moves_add(&stocks->moves, wall_us, -quantity, &stock->newest_move);
}

/* The sums that are not whole begin anew: they are told for nothing but their
 * difference. */
static void keep_pieces(struct stock *stock) {
    stock->counted_us = STOCK_UNCOUNTED;
    stock->newest_move = MOVES_NONE;
    stock->unit_len = 0;
    if (stock->received % QUANTITY_ONE != 0 ||
        stock->adjusted % QUANTITY_ONE != 0 ||
        stock->sold % QUANTITY_ONE != 0) {
        stock->received = stock->on_hand;
        stock->adjusted = 0;
        stock->sold = 0;
    }
    if (stock->reorder_level > 0) {
        stock->reorder_level -= stock->reorder_level % QUANTITY_ONE;
    }
    assert_conserved(stock);
}

void stocks_change_rules(struct stocks *stocks, uint32_t rules,
                         int64_t wall_us) {
    if (rules > SHOP_RULES_FIRST) {
        if (stocks->table.count > 0) {
            moves_forget(&stocks->moves, wall_us);
        }
        return;
    }
    moves_free(&stocks->moves);
    for (struct table_entry *at = stocks->table.first; at != NULL;
         at = at->next) {
        keep_pieces((struct stock *)at);
    }
}
