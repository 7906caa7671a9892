/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/inventory_outputs.h"

#include <assert.h>

#include "gateway/event/event.h"
#include "gateway/event/json.h"
#include "gateway/shop/quantity.h"

/* {"sku":"...","unit":"..." : one object of a list begins. */
static void begin_line(struct writer *data, bool first, struct slice sku,
                       struct slice unit) {
    writer_str(data, first ? "{\"sku\":" : ",{\"sku\":");
    json_write_string(data, sku);
    if (unit.len > 0) {
        writer_str(data, ",\"unit\":");
        json_write_string(data, unit);
    }
}

/* The line's, else that in which the stock is kept. */
static struct slice unit_of(const struct stock *stock, struct slice told) {
    return told.len > 0 || stock == NULL ? told : stock_unit(stock);
}

static void write_quantity(struct writer *data, const char *name,
                           int64_t quantity) {
    writer_printf(data, ",\"%s\":", name);
    quantity_write(data, quantity);
}

static void begin_order(struct writer *data, const struct shop_event *event,
                        const char *list) {
    writer_u8(data, '{');
    reaction_text(data, "orderId", event->order_id);
    writer_printf(data, ",\"%s\":[", list);
}

static const struct stock *stock_of(const struct inventory *inventory,
                                    struct slice sku) {
    return table_find(&inventory->stocks.table, sku);
}

enum inventory_lack inventory_lack_of(const struct inventory *inventory,
                                      const struct goods_line *line) {
    const struct shop_settings *settings = &inventory->settings;
    const struct stock *stock = stock_of(inventory, line->sku);
    if (stock == NULL) {
        return settings->reject_unknown ? INVENTORY_UNKNOWN
                                        : INVENTORY_UNMANAGED;
    }
    int64_t left = stock_available(stock) - line->quantity;
    if (left >= 0) {
        return INVENTORY_LACKS_NOTHING;
    }
    return settings->flag_oversell && left >= -STOCK_MAX ? INVENTORY_SHORT
                                                         : INVENTORY_MISSING;
}

/* The skus of the lines that lack this; not even the list, if there are none
 * and it is `optional`. */
static void write_skus(const struct inventory *inventory,
                       const struct goods *goods, enum inventory_lack lack,
                       const char *name, bool optional, struct writer *data) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < goods->count; i++) {
        if (inventory_lack_of(inventory, &goods->lines[i]) != lack) {
            continue;
        }
        if (count++ == 0) {
            writer_printf(data, ",\"%s\":[", name);
        } else {
            writer_u8(data, ',');
        }
        json_write_string(data, goods->lines[i].sku);
    }
    if (count > 0) {
        writer_u8(data, ']');
    } else if (!optional) {
        writer_printf(data, ",\"%s\":[]", name);
    }
}

err_t inventory_publish_reserved(const struct inventory *inventory,
                                 const struct shop_event *event,
                                 const struct goods *goods,
                                 struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    begin_order(&data, event, "items");
    for (uint32_t i = 0; i < goods->count; i++) {
        const struct goods_line *line = &goods->lines[i];
        begin_line(&data, i == 0, line->sku,
                   unit_of(stock_of(inventory, line->sku), line->unit));
        write_quantity(&data, "quantity", line->quantity);
        writer_u8(&data, '}');
    }
    writer_u8(&data, ']');
    write_skus(inventory, goods, INVENTORY_UNMANAGED, "unmanaged", false,
               &data);
    write_skus(inventory, goods, INVENTORY_SHORT, "short", true, &data);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_INVENTORY_RESERVED,
                        event->order_id, &data);
}

err_t inventory_publish_rejected(const struct inventory *inventory,
                                 const struct shop_event *event,
                                 const struct goods *goods,
                                 struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    begin_order(&data, event, "missing");
    bool first = true;
    for (uint32_t i = 0; i < goods->count; i++) {
        const struct goods_line *line = &goods->lines[i];
        enum inventory_lack lack = inventory_lack_of(inventory, line);
        if (lack != INVENTORY_MISSING && lack != INVENTORY_UNKNOWN) {
            continue;
        }
        const struct stock *stock = stock_of(inventory, line->sku);
        begin_line(&data, first, line->sku, unit_of(stock, line->unit));
        write_quantity(&data, "wanted", line->quantity);
        write_quantity(&data, "available",
                       stock == NULL ? 0 : stock_available(stock));
        writer_str(&data, stock == NULL ? ",\"unknown\":true}" : "}");
        first = false;
    }
    writer_str(&data, "]}");
    return reaction_add(reaction, EVENT_TYPE_INVENTORY_REJECTED,
                        event->order_id, &data);
}

err_t inventory_publish_released(const struct holding *holding,
                                 const struct shop_event *event,
                                 struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    begin_order(&data, event, "items");
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        begin_line(&data, i == 0, line->sku, line->unit);
        write_quantity(&data, "quantity", line->quantity);
        writer_u8(&data, '}');
    }
    writer_str(&data, "]}");
    return reaction_add(reaction, EVENT_TYPE_INVENTORY_RELEASED,
                        event->order_id, &data);
}

/* What the stock changes by. */
static int64_t change_of(const struct inventory *inventory,
                         const struct shop_event *event,
                         const struct stock *stock,
                         const struct goods_line *line, int64_t counted_us) {
    if (event->type != EVENT_TYPE_STOCK_COUNTED) {
        return line->quantity;
    }
    return stock == NULL
               ? line->quantity
               : line->quantity - stock_then(&inventory->stocks, stock,
                                             counted_us, event->stamp.wall_us);
}

static void write_changed_line(const struct inventory *inventory,
                               const struct shop_event *event,
                               const struct goods_line *line,
                               int64_t counted_us, struct writer *data) {
    const struct stock *stock = stock_of(inventory, line->sku);
    int64_t change = change_of(inventory, event, stock, line, counted_us);
    int64_t on_hand = change + (stock == NULL ? 0 : stock->on_hand);
    write_quantity(data, "change", change);
    write_quantity(data, "onHand", on_hand);
    write_quantity(data, "available",
                   on_hand - (stock == NULL ? 0 : stock->reserved));
    if (line->reorder_level >= 0) {
        write_quantity(data, "reorderLevel", line->reorder_level);
    }
    writer_u8(data, '}');
}

static void write_time(struct writer *data, int64_t counted_us) {
    char text[EVENT_TIME_SIZE];
    event_time_format(counted_us, text);
    reaction_text(data, "countedAt", slice_from_str(text));
}

err_t inventory_publish_changed(const struct inventory *inventory,
                                const struct shop_event *event,
                                const struct goods *goods, int64_t counted_us,
                                struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    if (event->type == EVENT_TYPE_STOCK_COUNTED) {
        reaction_text(&data, "how", SLICE("counted"));
        write_time(&data, counted_us);
    } else if (event->type == EVENT_TYPE_STOCK_RECEIVED) {
        reaction_text(&data, "how", SLICE("received"));
    } else {
        assert(event->type == EVENT_TYPE_STOCK_ADJUSTED);
        reaction_text(&data, "how", SLICE("adjusted"));
        reaction_text(&data, "reason", event->reason);
    }
    writer_str(&data, ",\"items\":[");
    for (uint32_t i = 0; i < goods->count; i++) {
        const struct goods_line *line = &goods->lines[i];
        begin_line(&data, i == 0, line->sku,
                   unit_of(stock_of(inventory, line->sku), line->unit));
        write_changed_line(inventory, event, line, counted_us, &data);
    }
    writer_str(&data, "]}");
    return reaction_add(reaction, EVENT_TYPE_STOCK_CHANGED, SLICE_EMPTY, &data);
}

/* A sku's level before and after a line. */
struct levels {
    int64_t before;
    int64_t after;
    int64_t reorder_before;
    int64_t reorder_after;
};

static struct levels levels_of(const struct stock *stock,
                               const struct shop_event *event,
                               const struct shop_line *line) {
    int64_t reserved = stock == NULL ? 0 : stock->reserved;
    struct levels levels = {
        .before = stock == NULL ? 0 : stock_available(stock),
        .reorder_before = stock == NULL ? -1 : stock->reorder_level,
    };
    levels.reorder_after =
        line->reorder_level >= 0 ? line->reorder_level : levels.reorder_before;
    levels.after = event->type == EVENT_TYPE_INVENTORY_RESERVED
                       ? levels.before - line->quantity
                       : line->on_hand - reserved;
    return levels;
}

static void write_low(const struct shop_line *line, const struct levels *levels,
                      struct writer *data, uint32_t *count) {
    if (stock_is_low(levels->before, levels->reorder_before) ||
        !stock_is_low(levels->after, levels->reorder_after)) {
        return;
    }
    begin_line(data, (*count)++ == 0, line->sku, line->unit);
    write_quantity(data, "available", levels->after);
    write_quantity(data, "reorderLevel", levels->reorder_after);
    writer_u8(data, '}');
}

static void write_short(const struct shop_line *line,
                        const struct levels *levels, struct writer *data,
                        uint32_t *count) {
    if (levels->after >= 0 || levels->after >= levels->before) {
        return;
    }
    begin_line(data, (*count)++ == 0, line->sku, line->unit);
    write_quantity(data, "available", levels->after);
    writer_u8(data, '}');
}

static err_t publish_lines(const struct inventory *inventory,
                           const struct shop_event *event, enum event_type type,
                           struct reaction *reaction) {
    bool low = type == EVENT_TYPE_STOCK_LOW;
    /* A reorder level is about stock, a shortage about an order, if one. */
    struct slice subject = low ? SLICE_EMPTY : event->order_id;
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    if (subject.len > 0) {
        reaction_text(&data, "orderId", subject);
        writer_u8(&data, ',');
    }
    writer_str(&data, "\"items\":[");
    uint32_t count = 0;
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        if (line->unmanaged) {
            continue;
        }
        struct levels levels =
            levels_of(stock_of(inventory, line->sku), event, line);
        (low ? write_low : write_short)(line, &levels, &data, &count);
    }
    writer_str(&data, "]}");
    return count == 0 ? ERR_OK : reaction_add(reaction, type, subject, &data);
}

err_t inventory_publish_levels(const struct inventory *inventory,
                               const struct shop_event *event,
                               struct reaction *reaction) {
    TRY(publish_lines(inventory, event, EVENT_TYPE_STOCK_LOW, reaction));
    return publish_lines(inventory, event, EVENT_TYPE_INVENTORY_SHORT,
                         reaction);
}
