/* SPDX-License-Identifier: Apache-2.0 */
/* The stock in a snapshot and in the shop's hash. Under the first rules both
 * are what release 0.2.0 writes: pieces, and no more than it knows. */
#include <assert.h>

#include "gateway/shop/quantity.h"
#include "gateway/shop/saved.h"
#include "gateway/shop/stock.h"

static void fingerprint_level(struct fingerprint *print, int64_t level) {
    if (level < 0) {
        fingerprint_u64(print, (uint64_t)level);
    } else {
        quantity_fingerprint(print, level);
    }
}

static uint64_t one_hash(const struct stock *stock, uint32_t rules) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, table_key(&stock->entry));
    quantity_fingerprint(&print, stock->on_hand);
    quantity_fingerprint(&print, stock->reserved);
    quantity_fingerprint(&print, stock->received);
    quantity_fingerprint(&print, stock->adjusted);
    quantity_fingerprint(&print, stock->sold);
    fingerprint_level(&print, stock->reorder_level);
    if (rules > SHOP_RULES_FIRST) {
        fingerprint_u64(&print, (uint64_t)stock->counted_us);
        fingerprint_u64(&print, stock->newest_move);
        fingerprint_slice(&print, stock_unit(stock));
    }
    return fingerprint_end(&print);
}

uint64_t stock_hash(const struct stocks *stocks, uint32_t rules) {
    uint64_t all = 0;
    for (const struct table_entry *at = stocks->table.first; at != NULL;
         at = at->next) {
        all += one_hash((const struct stock *)at, rules);
    }
    if (rules == SHOP_RULES_FIRST) {
        return all;
    }
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_u64(&print, all);
    moves_fingerprint(&stocks->moves, &print);
    return fingerprint_end(&print);
}

static void save_pieces(struct writer *to, int64_t quantity) {
    assert(quantity % QUANTITY_ONE == 0); /* downgrade sees to that */
    saved_i64(to, quantity / QUANTITY_ONE);
}

static void save_first(const struct stock *stock, struct writer *to) {
    save_pieces(to, stock->on_hand);
    save_pieces(to, stock->reserved);
    save_pieces(to, stock->received);
    save_pieces(to, stock->adjusted);
    save_pieces(to, stock->sold);
    if (stock->reorder_level < 0) {
        saved_i64(to, -1);
    } else {
        save_pieces(to, stock->reorder_level);
    }
}

static void save_one(const struct stock *stock, struct writer *to) {
    saved_i64(to, stock->on_hand);
    saved_i64(to, stock->reserved);
    saved_i64(to, stock->received);
    saved_i64(to, stock->adjusted);
    saved_i64(to, stock->sold);
    saved_i64(to, stock->reorder_level);
    saved_i64(to, stock->counted_us);
    writer_u64(to, stock->newest_move);
    saved_text(to, stock_unit(stock));
}

void stock_save(const struct stocks *stocks, uint32_t rules,
                struct writer *to) {
    writer_u64(to, stocks->table.count);
    for (const struct table_entry *at = stocks->table.first; at != NULL;
         at = at->next) {
        const struct stock *stock = (const struct stock *)at;
        saved_text(to, table_key(at));
        if (rules == SHOP_RULES_FIRST) {
            save_first(stock, to);
        } else {
            save_one(stock, to);
        }
    }
    if (rules > SHOP_RULES_FIRST) {
        moves_save(&stocks->moves, to);
    }
}

static err_t load_pieces(struct cursor *from, int64_t *ret) {
    int64_t pieces;
    TRY(saved_i64_read(from, &pieces));
    ENSURE(pieces >= INT64_MIN / QUANTITY_ONE, ERR_PARSE);
    ENSURE(pieces <= INT64_MAX / QUANTITY_ONE, ERR_PARSE);
    *ret = pieces * QUANTITY_ONE;
    return ERR_OK;
}

static err_t load_first(struct stock *stock, struct cursor *from) {
    stock->counted_us = STOCK_UNCOUNTED;
    TRY(load_pieces(from, &stock->on_hand));
    TRY(load_pieces(from, &stock->reserved));
    TRY(load_pieces(from, &stock->received));
    TRY(load_pieces(from, &stock->adjusted));
    TRY(load_pieces(from, &stock->sold));
    TRY(load_pieces(from, &stock->reorder_level));
    if (stock->reorder_level < 0) {
        stock->reorder_level = -1;
    }
    return ERR_OK;
}

static err_t load_one(struct stock *stock, struct cursor *from) {
    struct slice unit;
    TRY(saved_i64_read(from, &stock->on_hand));
    TRY(saved_i64_read(from, &stock->reserved));
    TRY(saved_i64_read(from, &stock->received));
    TRY(saved_i64_read(from, &stock->adjusted));
    TRY(saved_i64_read(from, &stock->sold));
    TRY(saved_i64_read(from, &stock->reorder_level));
    TRY(saved_i64_read(from, &stock->counted_us));
    TRY(cursor_u64(from, &stock->newest_move));
    TRY(saved_text_read(from, SHOP_UNIT_MAX, &unit));
    stock->unit_len = (uint8_t)unit.len;
    if (unit.len > 0) {
        memcpy(stock->unit, unit.data, unit.len);
    }
    return ERR_OK;
}

static err_t check_moves(const struct stocks *stocks) {
    for (const struct table_entry *at = stocks->table.first; at != NULL;
         at = at->next) {
        ENSURE(((const struct stock *)at)->newest_move <= stocks->moves.last,
               ERR_PARSE);
    }
    return ERR_OK;
}

err_t stock_load(struct stocks *stocks, uint32_t rules, struct cursor *from) {
    assert(stocks->table.count == 0);
    uint64_t count;
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        struct stock *stock;
        TRY(saved_entry_read(from, &stocks->table, sizeof(*stock), SHOP_SKU_MAX,
                             &stock));
        TRY(rules == SHOP_RULES_FIRST ? load_first(stock, from)
                                      : load_one(stock, from));
    }
    if (rules == SHOP_RULES_FIRST) {
        return ERR_OK;
    }
    TRY(moves_load(&stocks->moves, from));
    return check_moves(stocks);
}
