/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/lines.h"

#include <assert.h>

#include "gateway/shop/quantity.h"

#define ANY_QUANTITY ((int64_t)1 << 60)

struct bounds {
    int64_t min;
    int64_t max;
};

/* Of a quantity, in thousandths; of what a service says, more than any sum is.
 */
static const struct bounds bounds_of[EVENT_TYPE_COUNT] = {
    [EVENT_TYPE_ORDER_PLACED] = {1, SHOP_QUANTITY_MAX_THOUSANDTHS},
    [EVENT_TYPE_ORDER_CREATED] = {1, SHOP_QUANTITY_MAX_THOUSANDTHS},
    [EVENT_TYPE_STOCK_RECEIVED] = {0, SHOP_QUANTITY_MAX_THOUSANDTHS},
    [EVENT_TYPE_STOCK_COUNTED] = {0, SHOP_QUANTITY_MAX_THOUSANDTHS},
    [EVENT_TYPE_STOCK_ADJUSTED] = {-SHOP_QUANTITY_MAX_THOUSANDTHS,
                                   SHOP_QUANTITY_MAX_THOUSANDTHS},
    [EVENT_TYPE_INVENTORY_RESERVED] = {0, ANY_QUANTITY},
    [EVENT_TYPE_STOCK_CHANGED] = {-ANY_QUANTITY, ANY_QUANTITY},
};

static err_t read_unit(const struct lines_reader *reader,
                       const struct place *place, struct slice unit,
                       struct shop_line *ret) {
    /* Under the first rules it was one of the members that nobody reads. */
    if (unit.len == 0 || reader->rules == SHOP_RULES_FIRST) {
        return ERR_OK;
    }
    return members_name(unit, place, "unit", SHOP_UNIT_MAX, reader->pool,
                        &ret->unit);
}

static err_t read_quantity(const struct lines_reader *reader,
                           const struct place *place, const char *member,
                           struct slice value, struct shop_line *ret) {
    const struct bounds bounds = bounds_of[reader->type];
    assert(bounds.max > 0);
    TRY(members_quantity(value, place, member, bounds.min, bounds.max,
                         &ret->quantity));
    if (reader->type == EVENT_TYPE_STOCK_ADJUSTED && ret->quantity == 0) {
        return members_refuse(place, member, "what is added, or taken away");
    }
    return ERR_OK;
}

/* One line of an order, {sku, quantity?, unit?, unitPrice?} or a string. */
static err_t order_line(const struct lines_reader *reader,
                        const struct place *place, struct slice value,
                        struct shop_line *ret) {
    struct slice sku = value;
    struct slice quantity = SLICE_EMPTY;
    struct slice unit = SLICE_EMPTY;
    struct slice price = SLICE_EMPTY;
    const char *member = NULL;
    if (json_kind(value) != JSON_STRING) {
        const struct member members[] = {
            {"sku", MEMBER_REQUIRED, &sku},
            {"quantity", MEMBER_OPTIONAL, &quantity},
            {"unitPrice", MEMBER_NULLABLE, &price},
            {"unit", MEMBER_NULLABLE, &unit},
        };
        TRY(members_read(value, place, members,
                         reader->rules == SHOP_RULES_FIRST ? 3 : 4));
        member = "sku";
    }
    TRY(members_name(sku, place, member, SHOP_SKU_MAX, reader->pool,
                     &ret->sku));
    ret->quantity = QUANTITY_ONE;
    if (quantity.len > 0) {
        TRY(read_quantity(reader, place, "quantity", quantity, ret));
    }
    TRY(read_unit(reader, place, unit, ret));
    struct slice ignored;
    return price.len == 0 || !reader->intake
               ? ERR_OK
               : members_decimal(price, place, "unitPrice", reader->pool,
                                 &ignored);
}

/* One line of all others, {sku, quantity, unit?, reorderLevel?}; in
 * StockChanged {sku, change, onHand, unit?, reorderLevel?}. */
static err_t stock_line(const struct lines_reader *reader,
                        const struct place *place, struct slice value,
                        struct shop_line *ret) {
    struct slice sku;
    struct slice quantity;
    struct slice level;
    struct slice unit = SLICE_EMPTY;
    struct slice on_hand = SLICE_EMPTY;
    enum event_type type = reader->type;
    bool changed = type == EVENT_TYPE_STOCK_CHANGED;
    const char *quantity_name = changed ? "change" : "quantity";
    const struct member members[] = {
        {"sku", MEMBER_REQUIRED, &sku},
        {quantity_name, MEMBER_REQUIRED, &quantity},
        {"reorderLevel", MEMBER_NULLABLE, &level},
        {"unit", MEMBER_NULLABLE, &unit},
        {"onHand", MEMBER_REQUIRED, &on_hand},
    };
    bool first = reader->rules == SHOP_RULES_FIRST;
    TRY(members_read(value, place, members, changed ? 5 : first ? 3 : 4));
    TRY(members_name(sku, place, "sku", SHOP_SKU_MAX, reader->pool, &ret->sku));
    TRY(read_quantity(reader, place, quantity_name, quantity, ret));
    TRY(read_unit(reader, place, unit, ret));
    if (changed) {
        TRY(members_quantity(on_hand, place, "onHand", -ANY_QUANTITY,
                             ANY_QUANTITY, &ret->on_hand));
    }
    if (level.len > 0 && (changed || type == EVENT_TYPE_STOCK_RECEIVED)) {
        TRY(members_quantity(level, place, "reorderLevel", 0,
                             SHOP_QUANTITY_MAX_THOUSANDTHS,
                             &ret->reorder_level));
    }
    return ERR_OK;
}

struct shop_line *lines_find(const struct lines *lines, struct slice sku) {
    for (uint32_t i = 0; i < lines->count; i++) {
        if (slice_eq(lines->list[i].sku, sku)) {
            return &lines->list[i];
        }
    }
    return NULL;
}

static bool is_order(enum event_type type) {
    return type == EVENT_TYPE_ORDER_PLACED || type == EVENT_TYPE_ORDER_CREATED;
}

/* In a delivery or a count a sku that stands twice is refused: the meaning
 * would be unclear. */
static err_t take_line(const struct lines_reader *reader,
                       const struct place *place, const struct shop_line *line,
                       struct lines *lines) {
    struct shop_line *same = lines_find(lines, line->sku);
    if (same == NULL) {
        lines->list[lines->count++] = *line;
        return ERR_OK;
    }
    if (!is_order(reader->type)) {
        return members_refuse(place, "sku", "each sku only once");
    }
    if (!slice_eq(same->unit, line->unit)) {
        return members_refuse(place, "unit",
                              "the same one in all lines of a sku");
    }
    if (same->quantity + line->quantity > SHOP_QUANTITY_MAX_THOUSANDTHS) {
        return members_refuse(place, "quantity",
                              "at most 1000000 of one sku in an order");
    }
    same->quantity += line->quantity;
    return ERR_OK;
}

err_t lines_read(const struct lines_reader *reader, struct slice items,
                 struct lines *lines) {
    assert(lines->count == 0);
    struct place place = *reader->place;
    if (json_kind(items) != JSON_ARRAY) {
        return members_refuse(&place, "items", "a list");
    }
    bool order = is_order(reader->type);
    place.list = "items";
    size_t at = 0;
    struct slice value;
    for (; json_element(items, &at, &value) == ERR_OK; place.index++) {
        if (place.index == SHOP_ITEMS_MAX) {
            return members_refuse(reader->place, "items",
                                  "at most 200 items in one event");
        }
        struct shop_line line = {.reorder_level = -1, .index = place.index};
        TRY((order ? order_line : stock_line)(reader, &place, value, &line));
        TRY(take_line(reader, &place, &line, lines));
    }
    if (place.index == 0) {
        return members_refuse(reader->place, "items", "at least one item");
    }
    return ERR_OK;
}
