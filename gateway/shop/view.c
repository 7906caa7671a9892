/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/view.h"

#include <assert.h>

#include "gateway/shop/money.h"
#include "gateway/shop/saved.h"

struct placing {
    struct table_entry entry;
    uint64_t number; /* of all orders placed */
    uint32_t device_len;
    uint8_t device[SHOP_DEVICE_MAX];
};

void view_free(struct view *view) {
    table_free(&view->table, NULL);
}

static err_t add(struct view *view, const struct shop_event *event) {
    assert(event->device.len <= SHOP_DEVICE_MAX);
    struct placing *placing =
        table_add(&view->table, event->order_id, sizeof(*placing));
    ENSURE(placing != NULL, ERR_MEMORY);
    placing->number = view->placed++;
    placing->device_len = (uint32_t)event->device.len;
    memcpy(placing->device, event->device.data, event->device.len);
    view->ring[placing->number % SHOP_ORDERS_SHOWN] = (struct view_order){
        .id = table_key(&placing->entry),
        .device = slice_of(placing->device, placing->device_len),
        .state = SHOP_ORDER_OPEN,
        .placed_us = event->stamp.wall_us,
        .changed_us = event->stamp.wall_us,
    };
    return ERR_OK;
}

static void end(struct view_order *order, enum shop_order_state state,
                struct slice reason) {
    assert(reason.len <= sizeof(order->reason));
    order->state = state;
    order->reason_len = (uint32_t)reason.len;
    if (reason.len > 0) {
        memcpy(order->reason, reason.data, reason.len);
    }
}

static void show_total(struct view_order *order,
                       const struct shop_event *event) {
    int64_t minor;
    if (money_parse(event->total, event->currency, &minor) == ERR_OK) {
        order->total_minor = minor;
        memcpy(order->currency, event->currency.data, MONEY_CURRENCY_LEN);
    }
}

/* True if the event is one that shows. */
static bool change(struct view_order *order, const struct shop_event *event) {
    uint32_t type = event->type;
    if (type == EVENT_TYPE_ORDER_CREATED) {
        show_total(order, event);
    } else if (type == EVENT_TYPE_INVENTORY_RESERVED) {
        order->reserved = true;
    } else if (type == EVENT_TYPE_INVENTORY_RELEASED) {
        order->reserved = false;
    } else if (type == EVENT_TYPE_PAYMENT_PROCESSED) {
        order->paid = true;
    } else if (type == EVENT_TYPE_PAYMENT_REFUNDED) {
        /* Other money than the order's may be owed while it stays paid. */
        order->paid = order->paid && order->state != SHOP_ORDER_CANCELLED;
    } else if (type == EVENT_TYPE_ORDER_FULFILED) {
        end(order, SHOP_ORDER_FULFILED, SLICE_EMPTY);
    } else if (type == EVENT_TYPE_ORDER_CANCELLED) {
        end(order, SHOP_ORDER_CANCELLED, event->reason);
    } else if (type == EVENT_TYPE_ORDER_REJECTED) {
        end(order, SHOP_ORDER_REJECTED, event->reason);
    } else {
        return false;
    }
    return true;
}

static bool is_shown(const struct view *view, const struct placing *placing) {
    return placing->number + SHOP_ORDERS_SHOWN >= view->placed;
}

err_t view_apply(struct view *view, const struct shop_event *event) {
    const struct placing *placing = table_find(&view->table, event->order_id);
    if (placing == NULL) {
        return event->type == EVENT_TYPE_ORDER_PLACED ? add(view, event)
                                                      : ERR_OK;
    }
    if (!is_shown(view, placing)) {
        return ERR_OK;
    }
    struct view_order *order = &view->ring[placing->number % SHOP_ORDERS_SHOWN];
    if (change(order, event)) {
        order->changed_us = event->stamp.wall_us;
    }
    return ERR_OK;
}

static void save_shown(const struct view_order *order, struct writer *to) {
    saved_state(to, order->state);
    writer_u8(to, order->reserved);
    writer_u8(to, order->paid);
    saved_i64(to, order->total_minor);
    saved_text(to, slice_from_str(order->currency));
    saved_text(to, slice_of(order->reason, order->reason_len));
    saved_i64(to, order->placed_us);
    saved_i64(to, order->changed_us);
}

/* Orders are numbered in the order in which the table holds them. */
void view_save(const struct view *view, struct writer *to) {
    assert(view->table.count == view->placed);
    writer_u64(to, view->placed);
    for (const struct table_entry *at = view->table.first; at != NULL;
         at = at->next) {
        const struct placing *placing = (const struct placing *)at;
        saved_text(to, table_key(at));
        saved_text(to, slice_of(placing->device, placing->device_len));
        if (is_shown(view, placing)) {
            save_shown(&view->ring[placing->number % SHOP_ORDERS_SHOWN], to);
        }
    }
}

static err_t load_shown(struct cursor *from, struct view_order *order) {
    uint32_t state;
    uint8_t reserved;
    uint8_t paid;
    struct slice currency;
    struct slice reason;
    TRY(saved_state_read(from, SHOP_ORDER_REJECTED + 1, &state));
    TRY(cursor_u8(from, &reserved));
    TRY(cursor_u8(from, &paid));
    TRY(saved_i64_read(from, &order->total_minor));
    TRY(saved_text_read(from, MONEY_CURRENCY_LEN, &currency));
    TRY(saved_text_read(from, sizeof(order->reason), &reason));
    TRY(saved_i64_read(from, &order->placed_us));
    TRY(saved_i64_read(from, &order->changed_us));
    ENSURE(reserved <= 1 && paid <= 1, ERR_PARSE);
    order->reserved = reserved == 1;
    order->paid = paid == 1;
    if (currency.len > 0) { /* rejected before it was known */
        memcpy(order->currency, currency.data, currency.len);
    }
    end(order, (enum shop_order_state)state, reason);
    return ERR_OK;
}

static err_t load_placing(struct view *view, uint64_t number,
                          struct cursor *from) {
    struct placing *placing;
    struct slice device;
    TRY(saved_entry_read(from, &view->table, sizeof(*placing),
                         SHOP_ORDER_ID_MAX, &placing));
    TRY(saved_text_read(from, SHOP_DEVICE_MAX, &device));
    ENSURE(device.len > 0, ERR_PARSE);
    placing->number = number;
    placing->device_len = (uint32_t)device.len;
    memcpy(placing->device, device.data, device.len);
    if (!is_shown(view, placing)) {
        return ERR_OK;
    }
    struct view_order *order = &view->ring[number % SHOP_ORDERS_SHOWN];
    *order = (struct view_order){
        .id = table_key(&placing->entry),
        .device = slice_of(placing->device, placing->device_len),
    };
    return load_shown(from, order);
}

err_t view_load(struct view *view, struct cursor *from) {
    TRY(cursor_u64(from, &view->placed));
    for (uint64_t number = 0; number < view->placed; number++) {
        TRY(load_placing(view, number, from));
    }
    return ERR_OK;
}

struct slice view_device(const struct view *view, struct slice order_id) {
    const struct placing *placing = table_find(&view->table, order_id);
    return placing == NULL ? SLICE_EMPTY
                           : slice_of(placing->device, placing->device_len);
}

void view_each(const struct view *view, uint32_t max,
               void (*each)(void *context, const struct shop_order_view *order),
               void *context) {
    for (uint64_t back = 1;
         back <= max && back <= SHOP_ORDERS_SHOWN && back <= view->placed;
         back++) {
        const struct view_order *order =
            &view->ring[(view->placed - back) % SHOP_ORDERS_SHOWN];
        struct shop_order_view shown = {
            .order_id = order->id,
            .device = order->device,
            .state = order->state,
            .reserved = order->reserved,
            .paid = order->paid,
            .total_minor = order->total_minor,
            .reason = slice_of(order->reason, order->reason_len),
            .placed_us = order->placed_us,
            .changed_us = order->changed_us,
        };
        memcpy(shown.currency, order->currency, sizeof(shown.currency));
        each(context, &shown);
    }
}
