/* SPDX-License-Identifier: Apache-2.0 */
/* Order: opens orders and ends each exactly once.
 *
 *            OrderPlaced            OrderCreated
 *     none --------------> placed ----------------> open
 *                            |                       |  OrderFulfiled
 *              OrderRejected |                       |---------------> fulfiled
 *                            v                       |
 *                         rejected                   | InventoryRejected,
 *                                                    | PaymentDeclined,
 *                              OrderCancelled        v OrderCancelRequested
 *                  cancelled <------------------ cancelling
 *
 * `placed` and `cancelling` last only within one run: they keep a second reason
 * for the same end from causing a second end. The event that last reported the
 * order's state is kept, so that an order placed again gets the same answer. */
#include "gateway/shop/order.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/event/json.h"
#include "gateway/shop/money.h"
#include "gateway/shop/quantity.h"
#include "gateway/shop/saved.h"

struct order {
    struct table_entry entry;
    uint32_t state;
    uint64_t content;    /* of what was placed */
    struct kept outcome; /* how it stands */
};

struct orders {
    struct table table;
    char currency[MONEY_CURRENCY_LEN + 1];
    struct order_counts counts;
};

struct order_verb {
    uint8_t next;
    err_t (*react)(const struct orders *orders, const struct order *order,
                   const struct shop_event *event, struct reaction *reaction);
    err_t (*apply)(struct orders *orders, struct order *order,
                   const struct shop_event *event);
};

/* Customer, lines, total and currency: what makes it the same order. */
static uint64_t content_of(const struct shop_event *event) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, event->customer);
    fingerprint_slice(&print, event->total);
    fingerprint_slice(&print, event->currency);
    for (uint32_t i = 0; i < event->line_count; i++) {
        fingerprint_slice(&print, event->lines[i].sku);
        quantity_fingerprint(&print, event->lines[i].quantity);
    }
    return fingerprint_end(&print);
}

/* The order's data verbatim, with missing members inserted at the front. */
static err_t publish_created(const struct shop_event *event,
                             struct slice currency, struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    struct slice text = event->data;
    if (event->order_id_made || event->currency.len == 0) {
        const uint8_t *brace = memchr(text.data, '{', text.len);
        assert(brace != NULL);
        size_t inside = (size_t)(brace - text.data) + 1;
        writer_u8(&data, '{');
        if (event->order_id_made) {
            reaction_text(&data, "orderId", event->order_id);
        }
        if (event->currency.len == 0) {
            reaction_text(&data, "currency", currency);
        }
        writer_u8(&data, ',');
        text = slice_part(text, inside, text.len - inside);
    }
    writer_slice_add(&data, text);
    return reaction_add(reaction, EVENT_TYPE_ORDER_CREATED, event->order_id,
                        &data);
}

static err_t publish_end(enum event_type type, const struct shop_event *event,
                         const char *why, struct slice detail,
                         struct reaction *reaction) {
    char text[SHOP_REASON_MAX];
    struct writer words = writer_over(text, sizeof(text));
    writer_str(&words, why);
    writer_slice_add(&words, detail);
    assert(!words.full);
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", event->order_id);
    reaction_text(&data, "reason", writer_slice(&words));
    writer_u8(&data, '}');
    return reaction_add(reaction, type, event->order_id, &data);
}

/* An order without a currency could not be checked against the shop's earlier.
 */
static err_t react_place(const struct orders *orders, const struct order *order,
                         const struct shop_event *event,
                         struct reaction *reaction) {
    (void)order;
    struct slice currency = event->currency.len > 0
                                ? event->currency
                                : slice_from_str(orders->currency);
    int64_t minor;
    if (money_parse(event->total, currency, &minor) != ERR_OK) {
        return publish_end(EVENT_TYPE_ORDER_REJECTED, event,
                           "total has more decimals than the shop's currency, ",
                           currency, reaction);
    }
    return publish_created(event, currency, reaction);
}

static err_t react_again(const struct orders *orders, const struct order *order,
                         const struct shop_event *event,
                         struct reaction *reaction) {
    (void)orders;
    (void)event;
    reaction->repeat = order == NULL ? NULL : &order->outcome;
    return ERR_OK;
}

static err_t react_cancel(const struct orders *orders,
                          const struct order *order,
                          const struct shop_event *event,
                          struct reaction *reaction) {
    (void)orders;
    (void)order;
    const char *why = "out of stock";
    struct slice detail = SLICE_EMPTY;
    if (event->type == EVENT_TYPE_PAYMENT_DECLINED) {
        why = "payment declined: ";
        detail = event->reason;
    } else if (event->type == EVENT_TYPE_ORDER_CANCEL_REQUESTED) {
        why = "cancel requested: ";
        detail =
            event->reason.len > 0 ? event->reason : SLICE("no reason given");
    }
    return publish_end(EVENT_TYPE_ORDER_CANCELLED, event, why, detail,
                       reaction);
}

static err_t apply_place(struct orders *orders, struct order *order,
                         const struct shop_event *event) {
    (void)orders;
    order->content = content_of(event);
    return ERR_OK;
}

static err_t apply_again(struct orders *orders, struct order *order,
                         const struct shop_event *event) {
    orders->counts.repeated++;
    if (order->content != content_of(event)) {
        orders->counts.conflicting++;
    }
    return ERR_OK;
}

static err_t apply_outcome(struct orders *orders, struct order *order,
                           const struct shop_event *event) {
    (void)orders;
    return kept_set(&order->outcome, event->cloud_event, event->stamp);
}

static err_t apply_too_late(struct orders *orders, struct order *order,
                            const struct shop_event *event) {
    (void)order;
    (void)event;
    orders->counts.cancels_ignored++;
    return ERR_OK;
}

enum verb {
    UNFILLED,
    NEVER,
    IGNORE,
    PLACE,
    AGAIN,
    OPEN,
    REJECT,
    CANCEL,
    CANCELLED,
    FULFIL,
    TOO_LATE,
};

static const struct order_verb verbs[] = {
    [IGNORE] = {SERVICE_STAY, NULL, NULL},
    [PLACE] = {ORDER_PLACED, react_place, apply_place},
    [AGAIN] = {SERVICE_STAY, react_again, apply_again},
    [OPEN] = {ORDER_OPEN, NULL, apply_outcome},
    [REJECT] = {ORDER_REJECTED, NULL, apply_outcome},
    [CANCEL] = {ORDER_CANCELLING, react_cancel, NULL},
    [CANCELLED] = {ORDER_CANCELLED, NULL, apply_outcome},
    [FULFIL] = {ORDER_FULFILED, NULL, apply_outcome},
    [TOO_LATE] = {SERVICE_STAY, react_again, apply_too_late},
};

#define ROW_IGNORE \
    { IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE }

/* clang-format off */
static const uint8_t table[EVENT_TYPE_COUNT][ORDER_STATES] = {
/*                                      none      placed   open    cancelling fulfiled  cancelled  rejected */
[EVENT_TYPE_ORDER_PLACED] =           {PLACE,    NEVER,   AGAIN,  NEVER,     AGAIN,    AGAIN,     AGAIN},
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = {TOO_LATE, NEVER,   CANCEL, NEVER,     TOO_LATE, TOO_LATE,  TOO_LATE},
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUSED] =        ROW_IGNORE,
[EVENT_TYPE_REFUND_CONFIRMED] =       ROW_IGNORE,
[EVENT_TYPE_REFUND_FAILED] =          ROW_IGNORE,
[EVENT_TYPE_STOCK_RECEIVED] =         ROW_IGNORE,
[EVENT_TYPE_STOCK_ADJUSTED] =         ROW_IGNORE,
[EVENT_TYPE_STOCK_COUNTED] =          ROW_IGNORE,
[EVENT_TYPE_ORDER_CREATED] =          {NEVER,    OPEN,    NEVER,  NEVER,     NEVER,    NEVER,     NEVER},
[EVENT_TYPE_ORDER_REJECTED] =         {NEVER,    REJECT,  NEVER,  NEVER,     NEVER,    NEVER,     NEVER},
[EVENT_TYPE_ORDER_CANCELLED] =        {NEVER,    NEVER,   NEVER,  CANCELLED, NEVER,    NEVER,     NEVER},
[EVENT_TYPE_INVENTORY_RESERVED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_REJECTED] =     {NEVER,    NEVER,   CANCEL, IGNORE,    NEVER,    NEVER,     NEVER},
[EVENT_TYPE_INVENTORY_RELEASED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_SHORT] =        ROW_IGNORE,
[EVENT_TYPE_STOCK_CHANGED] =          ROW_IGNORE,
[EVENT_TYPE_STOCK_LOW] =              ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REQUESTED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_PROCESSED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_DECLINED] =       {NEVER,    NEVER,   CANCEL, IGNORE,    NEVER,    NEVER,     NEVER},
[EVENT_TYPE_PAYMENT_REFUNDED] =       ROW_IGNORE,
[EVENT_TYPE_PAYMENT_UNMATCHED] =      ROW_IGNORE,
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,    NEVER,   FULFIL, NEVER,     NEVER,    NEVER,     NEVER},
[EVENT_TYPE_PAYMENT_TIMED_OUT] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_RESOLVED] =       ROW_IGNORE,
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_IGNORE,
};
/* clang-format on */

static uint8_t verb_of(const struct order *order, enum event_type type) {
    uint8_t verb = table[type][order == NULL ? ORDER_NONE : order->state];
    assert(verb != UNFILLED);
    return verb;
}

static bool order_admits(const void *self, const struct shop_event *event) {
    const struct orders *orders = self;
    return verb_of(table_find(&orders->table, event->order_id), event->type) !=
           NEVER;
}

static err_t order_react(const void *self, const struct shop_event *event,
                         struct reaction *reaction) {
    const struct orders *orders = self;
    const struct order *order = table_find(&orders->table, event->order_id);
    const struct order_verb *verb = &verbs[verb_of(order, event->type)];
    return verb->react == NULL ? ERR_OK
                               : verb->react(orders, order, event, reaction);
}

static void enter(struct orders *orders, struct order *order, uint32_t state) {
    uint64_t *in_state = orders->counts.in_state;
    in_state[order->state]--;
    in_state[state]++;
    order->state = state;
}

static err_t add_order(struct orders *orders, struct slice id,
                       struct order **ret) {
    struct order *order = table_add(&orders->table, id, sizeof(*order));
    ENSURE(order != NULL, ERR_MEMORY);
    orders->counts.in_state[ORDER_NONE]++;
    *ret = order;
    return ERR_OK;
}

static err_t order_apply(void *self, const struct shop_event *event) {
    struct orders *orders = self;
    struct order *order = table_find(&orders->table, event->order_id);
    uint8_t name = verb_of(order, event->type);
    assert(name != NEVER);
    const struct order_verb *verb = &verbs[name];
    if (order == NULL && verb->next != SERVICE_STAY) {
        TRY(add_order(orders, event->order_id, &order));
    }
    if (verb->apply != NULL) {
        TRY(verb->apply(orders, order, event));
    }
    if (verb->next != SERVICE_STAY) {
        /* An end is an end. */
        assert(order->state < ORDER_FULFILED);
        enter(orders, order, verb->next);
    }
    return ERR_OK;
}

static uint32_t order_state_of(const void *self, struct slice order_id) {
    const struct orders *orders = self;
    const struct order *order = table_find(&orders->table, order_id);
    return order == NULL ? ORDER_NONE : order->state;
}

struct order_counts order_counts(const void *self) {
    const struct orders *orders = self;
    return orders->counts;
}

/* The entries' hashes are summed, so their order does not matter. */
static uint64_t order_hash(const void *self) {
    const struct orders *orders = self;
    uint64_t sum = 0;
    struct fingerprint print;
    for (const struct table_entry *at = orders->table.first; at != NULL;
         at = at->next) {
        const struct order *order = (const struct order *)at;
        fingerprint_begin(&print);
        fingerprint_slice(&print, table_key(at));
        fingerprint_u64(&print, order->state);
        fingerprint_u64(&print, order->content);
        kept_fingerprint(&order->outcome, &print);
        sum += fingerprint_end(&print);
    }
    fingerprint_begin(&print);
    fingerprint_u64(&print, sum);
    fingerprint_u64(&print, orders->table.count);
    fingerprint_u64(&print, orders->counts.repeated);
    fingerprint_u64(&print, orders->counts.conflicting);
    fingerprint_u64(&print, orders->counts.cancels_ignored);
    return fingerprint_end(&print);
}

static void order_save(const void *self, struct writer *to) {
    const struct orders *orders = self;
    writer_u64(to, orders->counts.repeated);
    writer_u64(to, orders->counts.conflicting);
    writer_u64(to, orders->counts.cancels_ignored);
    writer_u64(to, orders->table.count);
    for (const struct table_entry *at = orders->table.first; at != NULL;
         at = at->next) {
        const struct order *order = (const struct order *)at;
        saved_text(to, table_key(at));
        saved_state(to, order->state);
        writer_u64(to, order->content);
        saved_kept(to, &order->outcome);
    }
}

static err_t load_order(struct orders *orders, struct cursor *from) {
    struct order *order;
    TRY(saved_entry_read(from, &orders->table, sizeof(*order),
                         SHOP_ORDER_ID_MAX, &order));
    TRY(saved_state_read(from, ORDER_STATES, &order->state));
    TRY(cursor_u64(from, &order->content));
    TRY(saved_kept_read(from, &order->outcome));
    orders->counts.in_state[order->state]++;
    /* States that last only within a run can persist where events are missing.
     */
    bool told = order->outcome.len > 0;
    ENSURE(order->state != ORDER_NONE && (told || order->state == ORDER_PLACED),
           ERR_PARSE);
    return ERR_OK;
}

static err_t order_load(void *self, uint32_t rules, struct cursor *from) {
    (void)rules;
    struct orders *orders = self;
    uint64_t count;
    TRY(cursor_u64(from, &orders->counts.repeated));
    TRY(cursor_u64(from, &orders->counts.conflicting));
    TRY(cursor_u64(from, &orders->counts.cancels_ignored));
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_order(orders, from));
    }
    return ERR_OK;
}

static void *order_open(const struct service_options *options) {
    struct orders *orders = calloc(1, sizeof(*orders));
    if (orders != NULL) {
        assert(strlen(options->currency) == MONEY_CURRENCY_LEN);
        memcpy(orders->currency, options->currency, MONEY_CURRENCY_LEN);
    }
    return orders;
}

static void free_order(struct table_entry *entry) {
    kept_free(&((struct order *)entry)->outcome);
}

static void order_close(void *self) {
    struct orders *orders = self;
    if (orders != NULL) {
        table_free(&orders->table, free_order);
        free(orders);
    }
}

const struct service order_service = {
    .open = order_open,
    .close = order_close,
    .admits = order_admits,
    .react = order_react,
    .apply = order_apply,
    .hash = order_hash,
    .saved_versions = {0, 1, 1},
    .save = order_save,
    .load = order_load,
    .state = order_state_of,
};
