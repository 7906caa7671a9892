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
 * A sku is managed from its first delivery or count on. Any other can be
 * reserved, unless the shop wants it otherwise: the customer is holding it. An
 * order remembers which of its lines were managed when they were reserved.
 *
 * What a delivery, a count or an adjustment comes to is decided when it is
 * taken, and journaled as StockChanged, which is what changes the stock. Under
 * SHOP_RULES_FIRST deliveries and counts did so themselves.
 */
#include "gateway/shop/inventory.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/event/event.h"
#include "gateway/shop/inventory_outputs.h"
#include "gateway/shop/quantity.h"

struct inventory_verb {
    uint8_t next;
    err_t (*react)(const struct inventory *inventory,
                   const struct holding *holding,
                   const struct shop_event *event, struct reaction *reaction);
    err_t (*apply)(struct inventory *inventory, struct holding *holding,
                   const struct shop_event *event);
};

/* What was checked before it was taken (inventory_check) has goods. */
static err_t read_goods(const struct inventory *inventory,
                        const struct shop_event *event,
                        struct reaction *reaction, struct goods *ret) {
    err_t err = goods_of(event, inventory->settings.sku_case, reaction->arena,
                         ret, NULL);
    return err == ERR_RANGE ? ERR_CORRUPT : err;
}

static err_t react_decide(const struct inventory *inventory,
                          const struct holding *holding,
                          const struct shop_event *event,
                          struct reaction *reaction) {
    (void)holding;
    struct goods goods;
    TRY(read_goods(inventory, event, reaction, &goods));
    for (uint32_t i = 0; i < goods.count; i++) {
        enum inventory_lack lack =
            inventory_lack_of(inventory, &goods.lines[i]);
        if (lack == INVENTORY_MISSING || lack == INVENTORY_UNKNOWN) {
            return inventory_publish_rejected(inventory, event, &goods,
                                              reaction);
        }
    }
    return inventory_publish_reserved(inventory, event, &goods, reaction);
}

static err_t react_release(const struct inventory *inventory,
                           const struct holding *holding,
                           const struct shop_event *event,
                           struct reaction *reaction) {
    (void)inventory;
    return inventory_publish_released(holding, event, reaction);
}

int64_t inventory_moment(const struct shop_event *event) {
    int64_t now = event->stamp.wall_us;
    int64_t moment = event->counted_us;
    if (moment == SHOP_NO_TIME &&
        event_time_parse(event->cloud_event->time, &moment) != ERR_OK) {
        return now;
    }
    return moment < now ? moment : now;
}

static err_t react_stock(const struct inventory *inventory,
                         const struct holding *holding,
                         const struct shop_event *event,
                         struct reaction *reaction) {
    (void)holding;
    struct goods goods;
    TRY(read_goods(inventory, event, reaction, &goods));
    return inventory_publish_changed(inventory, event, &goods,
                                     inventory_moment(event), reaction);
}

static err_t react_levels(const struct inventory *inventory,
                          const struct holding *holding,
                          const struct shop_event *event,
                          struct reaction *reaction) {
    (void)holding;
    return inventory_publish_levels(inventory, event, reaction);
}

/* Every managed line must find its stock, and as much of it as it says. */
static bool lines_fit(const struct inventory *inventory,
                      const struct shop_event *event) {
    for (uint32_t i = 0; i < event->line_count; i++) {
        const struct shop_line *line = &event->lines[i];
        const struct stock *stock =
            table_find(&inventory->stocks.table, line->sku);
        bool is_short =
            stock != NULL && stock_available(stock) < line->quantity;
        if ((stock == NULL) != line->unmanaged || is_short != line->is_short) {
            return false;
        }
    }
    return true;
}

static struct slice copy(struct writer *text, struct slice from) {
    size_t begin = text->len;
    writer_slice_add(text, from);
    return slice_of(text->data + begin, from.len);
}

err_t inventory_hold(const struct inventory *inventory,
                     const struct shop_line *from, uint32_t count,
                     struct holding *holding) {
    size_t text_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        text_len += from[i].sku.len + from[i].unit.len;
    }
    struct line *lines = malloc(count * sizeof(struct line) + text_len);
    ENSURE(lines != NULL, ERR_MEMORY);
    struct writer text = writer_over(lines + count, text_len);
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = (struct line){
            .stock = table_find(&inventory->stocks.table, from[i].sku),
            .quantity = from[i].quantity,
            .sku = copy(&text, from[i].sku),
            .unit = copy(&text, from[i].unit),
        };
    }
    assert(!text.full);
    holding->lines = lines;
    holding->line_count = count;
    return ERR_OK;
}

static err_t apply_reserve(struct inventory *inventory, struct holding *holding,
                           const struct shop_event *event) {
    TRY(inventory_hold(inventory, event->lines, event->line_count, holding));
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
    for (uint32_t i = 0; i < holding->line_count; i++) {
        const struct line *line = &holding->lines[i];
        if (line->stock == NULL) {
            continue;
        }
        stock_sell(line->stock, line->quantity);
        if (inventory->rules > SHOP_RULES_FIRST) {
            TRY(stock_note_sale(&inventory->stocks, line->stock, line->quantity,
                                event->stamp.wall_us));
        }
    }
    drop_lines(holding);
    return ERR_OK;
}

static err_t apply_stock(struct inventory *inventory, struct holding *holding,
                         const struct shop_event *event) {
    (void)holding;
    return inventory->rules == SHOP_RULES_FIRST
               ? stock_apply_first(&inventory->stocks, event)
               : ERR_OK;
}

static err_t apply_changed(struct inventory *inventory, struct holding *holding,
                           const struct shop_event *event) {
    (void)holding;
    return stock_apply_changed(&inventory->stocks, event);
}

/* The first rules know no units. */
static void drop_units(struct inventory *inventory) {
    for (struct table_entry *at = inventory->orders.first; at != NULL;
         at = at->next) {
        struct holding *holding = (struct holding *)at;
        for (uint32_t i = 0; i < holding->line_count; i++) {
            holding->lines[i].unit = SLICE_EMPTY;
        }
    }
}

static err_t apply_config(struct inventory *inventory, struct holding *holding,
                          const struct shop_event *event) {
    (void)holding;
    if (inventory->rules == event->rules) {
        return ERR_OK;
    }
    inventory->rules = event->rules;
    stocks_change_rules(&inventory->stocks, event->rules, event->stamp.wall_us);
    if (event->rules == SHOP_RULES_FIRST) {
        drop_units(inventory);
    }
    return ERR_OK;
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
    CHANGED,
    CONFIG,
};

static const struct inventory_verb verbs[] = {
    [IGNORE] = {SERVICE_STAY, NULL, NULL},
    [DECIDE] = {SERVICE_STAY, react_decide, NULL},
    [RESERVE] = {INVENTORY_RESERVED, react_levels, apply_reserve},
    [REFUSE] = {INVENTORY_REFUSED, NULL, NULL},
    [SELL] = {INVENTORY_SOLD, NULL, apply_sell},
    [GIVE_UP] = {INVENTORY_RELEASED, react_release, apply_release},
    [STOCK] = {SERVICE_STAY, react_stock, apply_stock},
    [CHANGED] = {SERVICE_STAY, react_levels, apply_changed},
    [CONFIG] = {SERVICE_STAY, NULL, apply_config},
};

#define ROW_IGNORE \
    { IGNORE, IGNORE, IGNORE, IGNORE, IGNORE }
#define ROW_CONFIG \
    { CONFIG, CONFIG, CONFIG, CONFIG, CONFIG }
#define ROW_STOCK \
    { STOCK, NEVER, NEVER, NEVER, NEVER }
#define ROW_CHANGED \
    { CHANGED, NEVER, NEVER, NEVER, NEVER }

/* clang-format off */
static const uint8_t table[EVENT_TYPE_COUNT][INVENTORY_STATES] = {
/*                                      none     reserved refused  released sold */
[EVENT_TYPE_ORDER_PLACED] =           ROW_IGNORE,
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = ROW_IGNORE,
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUSED] =        ROW_IGNORE,
[EVENT_TYPE_REFUND_CONFIRMED] =       ROW_IGNORE,
[EVENT_TYPE_REFUND_FAILED] =          ROW_IGNORE,
[EVENT_TYPE_STOCK_RECEIVED] =         ROW_STOCK,
[EVENT_TYPE_STOCK_ADJUSTED] =         ROW_STOCK,
[EVENT_TYPE_STOCK_COUNTED] =          ROW_STOCK,
[EVENT_TYPE_ORDER_CREATED] =          {DECIDE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_ORDER_REJECTED] =         {IGNORE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_ORDER_CANCELLED] =        {NEVER,   GIVE_UP, IGNORE,  NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_RESERVED] =     {RESERVE, NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_REJECTED] =     {REFUSE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_RELEASED] =     {NEVER,   NEVER,   NEVER,   IGNORE,  NEVER},
[EVENT_TYPE_INVENTORY_SHORT] =        ROW_IGNORE,
[EVENT_TYPE_STOCK_CHANGED] =          ROW_CHANGED,
[EVENT_TYPE_STOCK_LOW] =              ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REQUESTED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_PROCESSED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_DECLINED] =       ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUNDED] =       ROW_IGNORE,
[EVENT_TYPE_PAYMENT_UNMATCHED] =      ROW_IGNORE,
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,   SELL,    NEVER,   NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_TIMED_OUT] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_RESOLVED] =       ROW_IGNORE,
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_CONFIG,
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
    return inventory->stocks.table.count;
}

static uint64_t inventory_hash(const void *self) {
    return inventory_state_hash(self);
}

static void inventory_save(const void *self, struct writer *to) {
    inventory_state_save(self, to);
}

static err_t inventory_load(void *self, uint32_t rules, struct cursor *from) {
    struct inventory *inventory = self;
    inventory->rules = rules;
    return inventory_state_load(inventory, from);
}

static void *inventory_open(const struct service_options *options) {
    struct inventory *inventory = calloc(1, sizeof(*inventory));
    if (inventory != NULL) {
        inventory->rules = options->rules;
        inventory->settings = options->settings;
        stocks_begin(&inventory->stocks);
    }
    return inventory;
}

static void free_holding(struct table_entry *entry) {
    free(((struct holding *)entry)->lines);
}

static void inventory_close(void *self) {
    struct inventory *inventory = self;
    if (inventory != NULL) {
        table_free(&inventory->orders, free_holding);
        stocks_free(&inventory->stocks);
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
    .saved_versions = {0, 1, 2},
    .save = inventory_save,
    .load = inventory_load,
    .state = inventory_state_of,
};
