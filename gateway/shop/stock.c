/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/stock.h"

#include <assert.h>

#include "gateway/shop/fingerprint.h"
#include "gateway/shop/saved.h"

int64_t stock_available(const struct stock *stock) {
    return stock->on_hand - stock->reserved;
}

bool stock_is_low(int64_t available, int64_t reorder_level) {
    return available <= reorder_level && reorder_level >= 0;
}

static void assert_conserved(const struct stock *stock) {
    assert(stock->on_hand == stock->received + stock->adjusted - stock->sold);
    assert(stock->reserved >= 0);
    assert(stock->sold >= 0);
}

static void apply_line(struct stock *stock, enum event_type type,
                       const struct shop_line *line) {
    assert(line->quantity >= 0);
    if (type == EVENT_TYPE_STOCK_RECEIVED) {
        stock->received += line->quantity;
        stock->on_hand += line->quantity;
    } else {
        stock->adjusted += line->quantity - stock->on_hand;
        stock->on_hand = line->quantity;
    }
    if (line->reorder_level >= 0) {
        stock->reorder_level = line->reorder_level;
    }
    assert_conserved(stock);
}

err_t stock_apply(struct table *stocks, const struct shop_event *event) {
    assert(event->type == EVENT_TYPE_STOCK_RECEIVED ||
           event->type == EVENT_TYPE_STOCK_COUNTED);
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        struct stock *stock = table_find(stocks, line->sku);
        if (stock == NULL) {
            stock = table_add(stocks, line->sku, sizeof(*stock));
            ENSURE(stock != NULL, ERR_MEMORY);
            stock->reorder_level = -1;
        }
        apply_line(stock, event->type, line);
    }
    return ERR_OK;
}

void stock_reserve(struct stock *stock, int64_t quantity) {
    assert(quantity >= 0);
    stock->reserved += quantity;
    assert(stock_available(stock) >= 0);
    assert_conserved(stock);
}

void stock_release(struct stock *stock, int64_t quantity) {
    assert(quantity >= 0);
    stock->reserved -= quantity;
    assert_conserved(stock);
}

void stock_sell(struct stock *stock, int64_t quantity) {
    assert(quantity >= 0);
    stock->reserved -= quantity;
    stock->on_hand -= quantity;
    stock->sold += quantity;
    assert_conserved(stock);
}

static uint64_t one_hash(const struct stock *stock) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, table_key(&stock->entry));
    fingerprint_u64(&print, (uint64_t)stock->on_hand);
    fingerprint_u64(&print, (uint64_t)stock->reserved);
    fingerprint_u64(&print, (uint64_t)stock->received);
    fingerprint_u64(&print, (uint64_t)stock->adjusted);
    fingerprint_u64(&print, (uint64_t)stock->sold);
    fingerprint_u64(&print, (uint64_t)stock->reorder_level);
    return fingerprint_end(&print);
}

uint64_t stock_hash(const struct table *stocks) {
    uint64_t sum = 0;
    for (const struct table_entry *at = stocks->first; at != NULL;
         at = at->next) {
        sum += one_hash((const struct stock *)at);
    }
    return sum;
}

static void save_one(const struct stock *stock, struct writer *to) {
    saved_text(to, table_key(&stock->entry));
    saved_i64(to, stock->on_hand);
    saved_i64(to, stock->reserved);
    saved_i64(to, stock->received);
    saved_i64(to, stock->adjusted);
    saved_i64(to, stock->sold);
    saved_i64(to, stock->reorder_level);
}

void stock_save(const struct table *stocks, struct writer *to) {
    writer_u64(to, stocks->count);
    for (const struct table_entry *at = stocks->first; at != NULL;
         at = at->next) {
        save_one((const struct stock *)at, to);
    }
}

static err_t load_one(struct table *stocks, struct cursor *from) {
    struct stock *stock;
    TRY(saved_entry_read(from, stocks, sizeof(*stock), SHOP_SKU_MAX, &stock));
    TRY(saved_i64_read(from, &stock->on_hand));
    TRY(saved_i64_read(from, &stock->reserved));
    TRY(saved_i64_read(from, &stock->received));
    TRY(saved_i64_read(from, &stock->adjusted));
    TRY(saved_i64_read(from, &stock->sold));
    return saved_i64_read(from, &stock->reorder_level);
}

err_t stock_load(struct table *stocks, struct cursor *from) {
    assert(stocks->count == 0);
    uint64_t count;
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_one(stocks, from));
    }
    return ERR_OK;
}
