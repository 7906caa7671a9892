/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/goods.h"

#include <assert.h>

#include "gateway/shop/members.h"

err_t goods_refuse(uint32_t index, const char *member, const char *expected,
                   struct reason *reason) {
    const struct place place = {
        .list = "items", .index = index, .reason = reason};
    return members_refuse(&place, member, expected);
}

static struct goods_line *find(struct goods *goods, struct slice sku) {
    for (uint32_t i = 0; i < goods->count; i++) {
        if (slice_eq(goods->lines[i].sku, sku)) {
            return &goods->lines[i];
        }
    }
    return NULL;
}

static err_t normal(const struct shop_line *line, enum sku_case wanted,
                    struct arena *arena, struct slice *ret,
                    struct reason *reason) {
    err_t err = sku_normal(line->sku, wanted, arena, ret);
    if (err == ERR_NOT_FOUND) {
        return goods_refuse(line->index, "sku", "more than blanks", reason);
    }
    if (err == ERR_RANGE) {
        return goods_refuse(line->index, "sku",
                            "at most 64 bytes in Unicode's normal form C",
                            reason);
    }
    return err;
}

static err_t merge(struct goods_line *same, const struct shop_line *line,
                   struct reason *reason) {
    if (!slice_eq(same->unit, line->unit)) {
        return goods_refuse(line->index, "unit",
                            "the same one in all lines of a sku", reason);
    }
    if (same->quantity + line->quantity > SHOP_QUANTITY_MAX_THOUSANDTHS) {
        return goods_refuse(line->index, "quantity",
                            "at most 1000000 of one sku in an order", reason);
    }
    same->quantity += line->quantity;
    return ERR_OK;
}

err_t goods_of(const struct shop_event *event, enum sku_case wanted,
               struct arena *arena, struct goods *ret, struct reason *reason) {
    bool adds_up = event->type == EVENT_TYPE_ORDER_PLACED ||
                   event->type == EVENT_TYPE_ORDER_CREATED;
    ret->count = 0;
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        struct slice sku;
        TRY(normal(line, wanted, arena, &sku, reason));
        struct goods_line *same = find(ret, sku);
        if (same != NULL && !adds_up) {
            return goods_refuse(line->index, "sku", "each sku only once",
                                reason);
        }
        if (same != NULL) {
            TRY(merge(same, line, reason));
            continue;
        }
        assert(ret->count < SHOP_ITEMS_MAX);
        ret->lines[ret->count++] = (struct goods_line){
            .sku = sku,
            .unit = line->unit,
            .quantity = line->quantity,
            .reorder_level = line->reorder_level,
            .index = line->index,
        };
    }
    return ERR_OK;
}
