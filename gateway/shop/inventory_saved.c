/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory in a snapshot and in the shop's hash. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/shop/inventory.h"
#include "gateway/shop/inventory_state.h"
#include "gateway/shop/quantity.h"
#include "gateway/shop/saved.h"

static uint64_t holding_hash(const struct holding *holding, uint32_t rules) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, table_key(&holding->entry));
    fingerprint_u64(&print, holding->state);
    fingerprint_u64(&print, holding->line_count);
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        fingerprint_slice(&print, line->sku);
        quantity_fingerprint(&print, line->quantity);
        fingerprint_u64(&print, line->stock != NULL);
        if (rules > SHOP_RULES_FIRST) {
            fingerprint_slice(&print, line->unit);
        }
    }
    return fingerprint_end(&print);
}

/* The entries' hashes are summed, so their order does not matter. */
uint64_t inventory_state_hash(const struct inventory *inventory) {
    uint64_t orders = 0;
    for (const struct table_entry *at = inventory->orders.first; at != NULL;
         at = at->next) {
        orders += holding_hash((const struct holding *)at, inventory->rules);
    }
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_u64(&print, orders);
    fingerprint_u64(&print, inventory->orders.count);
    fingerprint_u64(&print, stock_hash(&inventory->stocks, inventory->rules));
    fingerprint_u64(&print, inventory->stocks.table.count);
    return fingerprint_end(&print);
}

static void save_line(const struct line *line, uint32_t rules,
                      struct writer *to) {
    saved_text(to, line->sku);
    if (rules == SHOP_RULES_FIRST) {
        assert(line->quantity % QUANTITY_ONE == 0); /* downgrade sees to that */
        saved_i64(to, line->quantity / QUANTITY_ONE);
    } else {
        saved_i64(to, line->quantity);
        saved_text(to, line->unit);
    }
    writer_u8(to, line->stock != NULL);
}

void inventory_state_save(const struct inventory *inventory,
                          struct writer *to) {
    stock_save(&inventory->stocks, inventory->rules, to);
    writer_u64(to, inventory->orders.count);
    for (const struct table_entry *at = inventory->orders.first; at != NULL;
         at = at->next) {
        const struct holding *holding = (const struct holding *)at;
        saved_text(to, table_key(at));
        saved_state(to, holding->state);
        writer_u32(to, holding->line_count);
        for (uint32_t i = 0; i < holding->line_count; i++) {
            save_line(&holding->lines[i], inventory->rules, to);
        }
    }
}

static err_t load_quantity(struct cursor *from, uint32_t rules,
                           struct shop_line *ret) {
    TRY(saved_i64_read(from, &ret->quantity));
    if (rules > SHOP_RULES_FIRST) {
        return saved_text_read(from, SHOP_UNIT_MAX, &ret->unit);
    }
    ENSURE(ret->quantity >= 0 && ret->quantity <= INT64_MAX / QUANTITY_ONE,
           ERR_PARSE);
    ret->quantity *= QUANTITY_ONE;
    ret->unit = SLICE_EMPTY;
    return ERR_OK;
}

/* A line as the event that reserved it had it. */
static err_t load_line(struct cursor *from, uint32_t rules,
                       struct shop_line *ret) {
    uint8_t managed;
    TRY(saved_text_read(from, SHOP_SKU_MAX, &ret->sku));
    TRY(load_quantity(from, rules, ret));
    TRY(cursor_u8(from, &managed));
    ENSURE(managed <= 1, ERR_PARSE);
    ret->unmanaged = managed == 0;
    return ERR_OK;
}

static err_t load_lines(struct inventory *inventory, struct cursor *from,
                        uint32_t count, struct holding *holding) {
    struct shop_line lines[SHOP_ITEMS_MAX];
    ENSURE(count <= SHOP_ITEMS_MAX, ERR_PARSE);
    if (count == 0) {
        return ERR_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(load_line(from, inventory->rules, &lines[i]));
    }
    TRY(inventory_hold(inventory, lines, count, holding));
    for (uint32_t i = 0; i < count; i++) {
        struct line *line = &holding->lines[i];
        if (lines[i].unmanaged) {
            line->stock = NULL; /* whatever has been counted since */
        } else {
            ENSURE(line->stock != NULL, ERR_PARSE);
        }
    }
    return ERR_OK;
}

static err_t load_holding(struct inventory *inventory, struct cursor *from) {
    struct holding *holding;
    uint32_t line_count;
    TRY(saved_entry_read(from, &inventory->orders, sizeof(*holding),
                         SHOP_ORDER_ID_MAX, &holding));
    TRY(saved_state_read(from, INVENTORY_STATES, &holding->state));
    TRY(cursor_u32(from, &line_count));
    TRY(load_lines(inventory, from, line_count, holding));
    ENSURE((holding->state == INVENTORY_RESERVED) == (holding->lines != NULL),
           ERR_PARSE);
    return ERR_OK;
}

err_t inventory_state_load(struct inventory *inventory, struct cursor *from) {
    uint64_t count;
    TRY(stock_load(&inventory->stocks, inventory->rules, from));
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_holding(inventory, from));
    }
    return ERR_OK;
}
