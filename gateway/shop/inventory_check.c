/* SPDX-License-Identifier: Apache-2.0 */
/* What the Inventory service refuses before it is journaled. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "gateway/event/event.h"
#include "gateway/shop/goods.h"
#include "gateway/shop/inventory.h"
#include "gateway/shop/inventory_state.h"
#include "gateway/shop/quantity.h"

/* A kilogram is no piece. A count begins the stock anew, in a unit of its own.
 */
static err_t check_unit(const struct stock *stock,
                        const struct goods_line *line, struct reason *reason) {
    struct slice known = stock == NULL ? SLICE_EMPTY : stock_unit(stock);
    if (known.len == 0 || line->unit.len == 0 || slice_eq(known, line->unit)) {
        return ERR_OK;
    }
    char expected[128];
    snprintf(expected, sizeof(expected),
             "\"%.*s\", in which its stock is kept; to change it, count it in "
             "the other",
             SLICE_ARG(known));
    return goods_refuse(line->index, "unit", expected, reason);
}

static err_t check_range(int64_t on_hand, const struct goods_line *line,
                         struct reason *reason) {
    if (on_hand >= -STOCK_MAX && on_hand <= STOCK_MAX) {
        return ERR_OK;
    }
    return goods_refuse(line->index, "quantity",
                        "no more than 1000000000000 of one sku in stock",
                        reason);
}

static err_t check_adjusted(const struct stock *stock,
                            const struct goods_line *line,
                            struct reason *reason) {
    if (stock == NULL) {
        return goods_refuse(line->index, "sku",
                            "one whose stock is kept: count it first", reason);
    }
    return check_range(stock->on_hand + line->quantity, line, reason);
}

/* "data.items[3]: counted at 2026-05-28T20:26:39.000000Z, but <words> <time>:
 * <advice>". */
static err_t refuse_count(const struct goods_line *line, int64_t counted_us,
                          const char *words, int64_t known_us,
                          const char *advice, struct reason *reason) {
    char counted[EVENT_TIME_SIZE];
    char known[EVENT_TIME_SIZE];
    event_time_format(counted_us, counted);
    event_time_format(known_us, known);
    return reason_set(reason, ERR_RANGE,
                      "data.items[%" PRIu32 "]: counted at %s, but %s %s: %s",
                      line->index, counted, words, known, advice);
}

/* What open orders hold, and what was sold and delivered since the count, is in
 * the unit in which the stock is kept. */
static err_t check_new_unit(const struct stock *stock, int64_t then,
                            const struct goods_line *line,
                            struct reason *reason) {
    struct slice known = stock_unit(stock);
    if (known.len == 0 || line->unit.len == 0 || slice_eq(known, line->unit) ||
        (stock->reserved == 0 && then == stock->on_hand)) {
        return ERR_OK;
    }
    char expected[160];
    snprintf(expected, sizeof(expected), "\"%.*s\", in which %s: %s",
             SLICE_ARG(known),
             stock->reserved != 0 ? "open orders hold it"
                                  : "it was sold or delivered since",
             stock->reserved != 0 ? "end them first, or wait" : "count again");
    return goods_refuse(line->index, "unit", expected, reason);
}

/* A moment that is not past yet is that of a clock that was put back. */
static bool is_past(int64_t moment_us, const struct shop_event *event) {
    return moment_us <= event->stamp.wall_us;
}

static err_t check_counted(const struct inventory *inventory,
                           const struct shop_event *event,
                           const struct stock *stock,
                           const struct goods_line *line, int64_t counted_us,
                           struct reason *reason) {
    const struct moves *moves = &inventory->stocks.moves;
    if (counted_us < moves->known_from_us &&
        is_past(moves->known_from_us, event)) {
        return refuse_count(line, counted_us,
                            "sales and deliveries are remembered only since",
                            moves->known_from_us, "count again", reason);
    }
    if (stock == NULL) {
        return ERR_OK;
    }
    if (counted_us < stock->counted_us && is_past(stock->counted_us, event)) {
        return refuse_count(line, counted_us, "there is a newer count, of",
                            stock->counted_us, "leave it out, or count again",
                            reason);
    }
    int64_t then =
        stock_then(&inventory->stocks, stock, counted_us, event->stamp.wall_us);
    TRY(check_new_unit(stock, then, line, reason));
    return check_range(stock->on_hand + line->quantity - then, line, reason);
}

static err_t check_line(const struct inventory *inventory,
                        const struct shop_event *event,
                        const struct goods_line *line, int64_t counted_us,
                        struct reason *reason) {
    const struct stock *stock = table_find(&inventory->stocks.table, line->sku);
    if (event->type == EVENT_TYPE_STOCK_COUNTED) {
        return check_counted(inventory, event, stock, line, counted_us, reason);
    }
    TRY(check_unit(stock, line, reason));
    if (event->type == EVENT_TYPE_STOCK_ADJUSTED) {
        return check_adjusted(stock, line, reason);
    }
    if (event->type == EVENT_TYPE_STOCK_RECEIVED) {
        return check_range((stock == NULL ? 0 : stock->on_hand) +
                               line->quantity,
                           line, reason);
    }
    return ERR_OK;
}

bool inventory_checks(enum event_type type) {
    return type == EVENT_TYPE_ORDER_PLACED ||
           type == EVENT_TYPE_STOCK_RECEIVED ||
           type == EVENT_TYPE_STOCK_ADJUSTED ||
           type == EVENT_TYPE_STOCK_COUNTED;
}

err_t inventory_check(const void *self, const struct shop_event *event,
                      struct arena *arena, struct reason *reason) {
    const struct inventory *inventory = self;
    assert(inventory_checks(event->type));
    struct goods goods;
    TRY(goods_of(event, inventory->settings.sku_case, arena, &goods, reason));
    int64_t counted_us = inventory_moment(event);
    for (uint32_t i = 0; i < goods.count; i++) {
        TRY(check_line(inventory, event, &goods.lines[i], counted_us, reason));
    }
    return ERR_OK;
}

static bool is_whole(int64_t quantity) {
    return quantity % QUANTITY_ONE == 0;
}

/* Sums of all that ever was are begun anew (stocks_change_rules). */
static err_t check_whole_stock(const struct inventory *inventory,
                               struct reason *reason) {
    for (const struct table_entry *at = inventory->stocks.table.first;
         at != NULL; at = at->next) {
        const struct stock *stock = (const struct stock *)at;
        if (!is_whole(stock->on_hand) || !is_whole(stock->reserved)) {
            return reason_set(reason, ERR_UNSUPPORTED,
                              "the stock of \"%.*s\" is no whole number, and "
                              "an older release keeps pieces only: count it "
                              "as whole, with no open orders of it",
                              SLICE_ARG(table_key(at)));
        }
    }
    return ERR_OK;
}

err_t inventory_check_whole(const void *self, struct reason *reason) {
    const struct inventory *inventory = self;
    TRY(check_whole_stock(inventory, reason));
    for (const struct table_entry *at = inventory->orders.first; at != NULL;
         at = at->next) {
        const struct holding *holding = (const struct holding *)at;
        for (uint32_t i = 0; i < holding->line_count; i++) {
            if (!is_whole(holding->lines[i].quantity)) {
                return reason_set(reason, ERR_UNSUPPORTED,
                                  "the open order %.*s holds less than whole "
                                  "pieces, and an older release keeps those "
                                  "only: end it first",
                                  SLICE_ARG(table_key(at)));
            }
        }
    }
    return ERR_OK;
}
