/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory: reserves all lines of an order or none.
 *
 *            InventoryReserved              OrderFulfiled
 *     none --------------------> reserved -----------------> sold
 *       |                           |
 *       | InventoryRejected         | OrderCancelled
 *       v                           v
 *    refused                     released
 *
 * A sku is managed from its first StockReceived or StockCounted on. Any other
 * can always be reserved: the customer is holding it. An order remembers which
 * of its lines were managed when they were reserved.
 */
#include "gateway/shop/inventory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/event/json.h"
#include "gateway/shop/saved.h"
#include "gateway/shop/stock.h"

struct line {
    struct stock *stock; /* NULL: it was not managed */
    int64_t quantity;
    struct slice sku; /* in the same block as the lines */
};

struct holding {
    struct table_entry entry;
    uint32_t state;
    struct line *lines; /* owned; NULL unless reserved */
    uint32_t line_count;
};

struct inventory {
    struct table orders;
    struct table stocks;
};

struct inventory_verb {
    uint8_t next;
    err_t (*react)(const struct inventory *inventory,
                   const struct holding *holding,
                   const struct shop_event *event, struct reaction *reaction);
    err_t (*apply)(struct inventory *inventory, struct holding *holding,
                   const struct shop_event *event);
};

/* "sku":"...","quantity":n and so on, one object of a list. */
static void write_line(struct writer *data, bool first, struct slice sku) {
    writer_str(data, first ? "{\"sku\":" : ",{\"sku\":");
    json_write_string(data, sku);
}

static void write_number(struct writer *data, const char *name, int64_t value) {
    writer_printf(data, ",\"%s\":%" PRId64, name, value);
}

/* Writes the lines that are not available; returns how many. */
static uint32_t write_missing(const struct inventory *inventory,
                              const struct shop_event *event,
                              struct writer *data) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        const struct stock *stock = table_find(&inventory->stocks, line->sku);
        if (stock == NULL || stock_available(stock) >= line->quantity) {
            continue;
        }
        write_line(data, missing == 0, line->sku);
        write_number(data, "wanted", line->quantity);
        write_number(data, "available", stock_available(stock));
        writer_u8(data, '}');
        missing++;
    }
    return missing;
}

static err_t publish_reserved(const struct inventory *inventory,
                              const struct shop_event *event,
                              struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", event->order_id);
    writer_str(&data, ",\"items\":[");
    for (uint32_t i = 0; i < event->line_count; i++) {
        write_line(&data, i == 0, event->lines[i].sku);
        write_number(&data, "quantity", event->lines[i].quantity);
        writer_u8(&data, '}');
    }
    writer_str(&data, "],\"unmanaged\":[");
    bool first = true;
    for (uint32_t i = 0; i < event->line_count; i++) {
        struct slice sku = event->lines[i].sku;
        if (table_find(&inventory->stocks, sku) == NULL) {
            writer_str(&data, first ? "" : ",");
            json_write_string(&data, sku);
            first = false;
        }
    }
    writer_str(&data, "]}");
    return reaction_add(reaction, EVENT_TYPE_INVENTORY_RESERVED,
                        event->order_id, &data);
}

static err_t react_decide(const struct inventory *inventory,
                          const struct holding *holding,
                          const struct shop_event *event,
                          struct reaction *reaction) {
    (void)holding;
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", event->order_id);
    writer_str(&data, ",\"missing\":[");
    if (write_missing(inventory, event, &data) == 0) {
        return publish_reserved(inventory, event, reaction);
    }
    writer_str(&data, "]}");
    return reaction_add(reaction, EVENT_TYPE_INVENTORY_REJECTED,
                        event->order_id, &data);
}

static err_t react_release(const struct inventory *inventory,
                           const struct holding *holding,
                           const struct shop_event *event,
                           struct reaction *reaction) {
    (void)inventory;
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", event->order_id);
    writer_str(&data, ",\"items\":[");
    for (uint32_t i = 0; i < holding->line_count; i++) {
        write_line(&data, i == 0, holding->lines[i].sku);
        write_number(&data, "quantity", holding->lines[i].quantity);
        writer_u8(&data, '}');
    }
    writer_str(&data, "]}");
    return reaction_add(reaction, EVENT_TYPE_INVENTORY_RELEASED,
                        event->order_id, &data);
}

/* What is available after a line of the event, and the reorder level then. */
static void predict_line(const struct stock *stock,
                         const struct shop_event *event,
                         const struct shop_line *line, int64_t *ret_available,
                         int64_t *ret_level) {
    int64_t on_hand = stock == NULL ? 0 : stock->on_hand;
    int64_t reserved = stock == NULL ? 0 : stock->reserved;
    int64_t level = stock == NULL ? -1 : stock->reorder_level;
    if (event->type == EVENT_TYPE_INVENTORY_RESERVED) {
        reserved += line->quantity;
    } else if (event->type == EVENT_TYPE_STOCK_RECEIVED) {
        on_hand += line->quantity;
        level = line->reorder_level >= 0 ? line->reorder_level : level;
    } else {
        assert(event->type == EVENT_TYPE_STOCK_COUNTED);
        on_hand = line->quantity;
    }
    *ret_available = on_hand - reserved;
    *ret_level = level;
}

/* One StockLow for all skus that this event takes to their reorder level or
 * under; not again while they are there. */
static err_t react_low(const struct inventory *inventory,
                       const struct holding *holding,
                       const struct shop_event *event,
                       struct reaction *reaction) {
    (void)holding;
    struct writer data = reaction_begin(reaction);
    writer_str(&data, "{\"items\":[");
    uint32_t low = 0;
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        const struct stock *stock = table_find(&inventory->stocks, line->sku);
        int64_t left;
        int64_t level;
        predict_line(stock, event, line, &left, &level);
        bool was_low = stock != NULL && stock_is_low(stock_available(stock),
                                                     stock->reorder_level);
        if (line->unmanaged || was_low || !stock_is_low(left, level)) {
            continue;
        }
        write_line(&data, low == 0, line->sku);
        write_number(&data, "available", left);
        write_number(&data, "reorderLevel", level);
        writer_u8(&data, '}');
        low++;
    }
    writer_str(&data, "]}");
    return low == 0 ? ERR_OK
                    : reaction_add(reaction, EVENT_TYPE_STOCK_LOW, SLICE_EMPTY,
                                   &data);
}

/* Every managed line must find its stock. */
static bool lines_fit(const struct inventory *inventory,
                      const struct shop_event *event) {
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        const struct stock *stock = table_find(&inventory->stocks, line->sku);
        if ((stock == NULL) != line->unmanaged ||
            (stock != NULL && stock_available(stock) < line->quantity)) {
            return false;
        }
    }
    return true;
}

/* The lines and, behind them, the text of their skus, in one block. */
static err_t copy_lines(const struct inventory *inventory,
                        const struct shop_line *from, uint32_t count,
                        struct holding *holding) {
    size_t text_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        text_len += from[i].sku.len;
    }
    struct line *lines = malloc(count * sizeof(struct line) + text_len);
    ENSURE(lines != NULL, ERR_MEMORY);
    struct writer text = writer_over(lines + count, text_len);
    for (uint32_t i = 0; i < count; i++) {
        struct slice sku = from[i].sku;
        lines[i] = (struct line){
            .stock = table_find(&inventory->stocks, sku),
            .quantity = from[i].quantity,
            .sku = slice_of(text.data + text.len, sku.len),
        };
        writer_slice_add(&text, sku);
    }
    assert(!text.full);
    holding->lines = lines;
    holding->line_count = count;
    return ERR_OK;
}

static err_t apply_reserve(struct inventory *inventory, struct holding *holding,
                           const struct shop_event *event) {
    TRY(copy_lines(inventory, event->lines, event->line_count, holding));
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        if (line->stock != NULL) {
            stock_reserve(line->stock, line->quantity);
        }
    }
    return ERR_OK;
}

/* The order holds nothing any more. */
static void drop_lines(struct holding *holding) {
    free(holding->lines);
    holding->lines = NULL;
    holding->line_count = 0;
}

static err_t apply_release(struct inventory *inventory, struct holding *holding,
                           const struct shop_event *event) {
    (void)inventory;
    (void)event;
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        if (line->stock != NULL) {
            stock_release(line->stock, line->quantity);
        }
    }
    drop_lines(holding);
    return ERR_OK;
}

static err_t apply_sell(struct inventory *inventory, struct holding *holding,
                        const struct shop_event *event) {
    (void)inventory;
    (void)event;
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        if (line->stock != NULL) {
            stock_sell(line->stock, line->quantity);
        }
    }
    drop_lines(holding);
    return ERR_OK;
}

static err_t apply_stock(struct inventory *inventory, struct holding *holding,
                         const struct shop_event *event) {
    (void)holding;
    return stock_apply(&inventory->stocks, event);
}

enum verb {
    UNFILLED,
    NEVER,
    IGNORE,
    DECIDE,
    RESERVE,
    REFUSE,
    SELL,
    GIVE_UP, /* OrderCancelled while reserved: releases it */
    STOCK,
};

static const struct inventory_verb verbs[] = {
    [IGNORE] = {SERVICE_STAY, NULL, NULL},
    [DECIDE] = {SERVICE_STAY, react_decide, NULL},
    [RESERVE] = {INVENTORY_RESERVED, react_low, apply_reserve},
    [REFUSE] = {INVENTORY_REFUSED, NULL, NULL},
    [SELL] = {INVENTORY_SOLD, NULL, apply_sell},
    [GIVE_UP] = {INVENTORY_RELEASED, react_release, apply_release},
    [STOCK] = {SERVICE_STAY, react_low, apply_stock},
};

#define ROW_IGNORE \
    { IGNORE, IGNORE, IGNORE, IGNORE, IGNORE }
#define ROW_STOCK \
    { STOCK, NEVER, NEVER, NEVER, NEVER }

/* clang-format off */
static const uint8_t table[EVENT_TYPE_COUNT][INVENTORY_STATES] = {
/*                                      none     reserved refused  released sold */
[EVENT_TYPE_ORDER_PLACED] =           ROW_IGNORE,
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = ROW_IGNORE,
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUSED] =        ROW_IGNORE,
[EVENT_TYPE_STOCK_RECEIVED] =         ROW_STOCK,
[EVENT_TYPE_STOCK_COUNTED] =          ROW_STOCK,
[EVENT_TYPE_ORDER_CREATED] =          {DECIDE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_ORDER_REJECTED] =         {IGNORE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_ORDER_CANCELLED] =        {NEVER,   GIVE_UP, IGNORE,  NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_RESERVED] =     {RESERVE, NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_REJECTED] =     {REFUSE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_RELEASED] =     {NEVER,   NEVER,   NEVER,   IGNORE,  NEVER},
[EVENT_TYPE_STOCK_LOW] =              ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REQUESTED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_PROCESSED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_DECLINED] =       ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUNDED] =       ROW_IGNORE,
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,   SELL,    NEVER,   NEVER,   NEVER},
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_IGNORE,
};
/* clang-format on */

static uint8_t verb_of(const struct holding *holding, enum event_type type) {
    uint8_t verb =
        table[type][holding == NULL ? INVENTORY_NONE : holding->state];
    assert(verb != UNFILLED);
    return verb;
}

static bool inventory_admits(const void *self, const struct shop_event *event) {
    const struct inventory *inventory = self;
    uint8_t verb =
        verb_of(table_find(&inventory->orders, event->order_id), event->type);
    return verb != NEVER && (verb != RESERVE || lines_fit(inventory, event));
}

static err_t inventory_react(const void *self, const struct shop_event *event,
                             struct reaction *reaction) {
    const struct inventory *inventory = self;
    const struct holding *holding =
        table_find(&inventory->orders, event->order_id);
    const struct inventory_verb *verb = &verbs[verb_of(holding, event->type)];
    return verb->react == NULL
               ? ERR_OK
               : verb->react(inventory, holding, event, reaction);
}

static err_t inventory_apply(void *self, const struct shop_event *event) {
    struct inventory *inventory = self;
    struct holding *holding = table_find(&inventory->orders, event->order_id);
    uint8_t name = verb_of(holding, event->type);
    assert(name != NEVER);
    const struct inventory_verb *verb = &verbs[name];
    if (holding == NULL && verb->next != SERVICE_STAY) {
        holding =
            table_add(&inventory->orders, event->order_id, sizeof(*holding));
        ENSURE(holding != NULL, ERR_MEMORY);
    }
    if (verb->apply != NULL) {
        TRY(verb->apply(inventory, holding, event));
    }
    if (verb->next != SERVICE_STAY) {
        holding->state = verb->next;
        /* Only a reserved order holds stock. */
        assert((holding->state == INVENTORY_RESERVED) ==
               (holding->lines != NULL));
    }
    return ERR_OK;
}

static uint32_t inventory_state_of(const void *self, struct slice order_id) {
    const struct inventory *inventory = self;
    const struct holding *holding = table_find(&inventory->orders, order_id);
    return holding == NULL ? INVENTORY_NONE : holding->state;
}

uint64_t inventory_skus(const void *self) {
    const struct inventory *inventory = self;
    return inventory->stocks.count;
}

static uint64_t holding_hash(const struct holding *holding) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, table_key(&holding->entry));
    fingerprint_u64(&print, holding->state);
    fingerprint_u64(&print, holding->line_count);
    for (uint32_t i = 0; i < holding->line_count; i++) {
        fingerprint_slice(&print, holding->lines[i].sku);
        fingerprint_u64(&print, (uint64_t)holding->lines[i].quantity);
        fingerprint_u64(&print, holding->lines[i].stock != NULL);
    }
    return fingerprint_end(&print);
}

/* The entries' hashes are summed, so their order does not matter. */
static uint64_t inventory_hash(const void *self) {
    const struct inventory *inventory = self;
    uint64_t orders = 0;
    for (const struct table_entry *at = inventory->orders.first; at != NULL;
         at = at->next) {
        orders += holding_hash((const struct holding *)at);
    }
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_u64(&print, orders);
    fingerprint_u64(&print, inventory->orders.count);
    fingerprint_u64(&print, stock_hash(&inventory->stocks));
    fingerprint_u64(&print, inventory->stocks.count);
    return fingerprint_end(&print);
}

static void save_holding(const struct holding *holding, struct writer *to) {
    saved_text(to, table_key(&holding->entry));
    saved_state(to, holding->state);
    writer_u32(to, holding->line_count);
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        saved_text(to, line->sku);
        saved_i64(to, line->quantity);
        writer_u8(to, line->stock != NULL);
    }
}

static void inventory_save(const void *self, struct writer *to) {
    const struct inventory *inventory = self;
    stock_save(&inventory->stocks, to);
    writer_u64(to, inventory->orders.count);
    for (const struct table_entry *at = inventory->orders.first; at != NULL;
         at = at->next) {
        save_holding((const struct holding *)at, to);
    }
}

/* A line as the event that reserved it had it. */
static err_t load_line(struct cursor *from, struct shop_line *ret) {
    uint8_t managed;
    TRY(saved_text_read(from, SHOP_SKU_MAX, &ret->sku));
    TRY(saved_i64_read(from, &ret->quantity));
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
        TRY(load_line(from, &lines[i]));
    }
    TRY(copy_lines(inventory, lines, count, holding));
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

static err_t inventory_load(void *self, uint32_t rules, struct cursor *from) {
    (void)rules;
    struct inventory *inventory = self;
    uint64_t count;
    TRY(stock_load(&inventory->stocks, from));
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_holding(inventory, from));
    }
    return ERR_OK;
}

static void *inventory_open(const struct service_options *options) {
    (void)options;
    return calloc(1, sizeof(struct inventory));
}

static void free_holding(struct table_entry *entry) {
    free(((struct holding *)entry)->lines);
}

static void inventory_close(void *self) {
    struct inventory *inventory = self;
    if (inventory != NULL) {
        table_free(&inventory->orders, free_holding);
        table_free(&inventory->stocks, NULL);
        free(inventory);
    }
}

const struct service inventory_service = {
    .open = inventory_open,
    .close = inventory_close,
    .admits = inventory_admits,
    .react = inventory_react,
    .apply = inventory_apply,
    .hash = inventory_hash,
    .saved_versions = {0, 1, 1},
    .save = inventory_save,
    .load = inventory_load,
    .state = inventory_state_of,
};
