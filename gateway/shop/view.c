/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/view.h"

#include <assert.h>

#include "gateway/shop/money.h"

struct placing {
    struct table_entry entry;
    uint64_t number; /* of all orders placed */
    uint32_t device_len;
    uint8_t device[SHOP_DEVICE_MAX];
};

void view_free(struct view *view) {
    table_free(&view->table, NULL);
}

static err_t add(struct view *view, const struct fact *fact) {
    assert(fact->device.len <= SHOP_DEVICE_MAX);
    struct placing *placing =
        table_add(&view->table, fact->order_id, sizeof(*placing));
    ENSURE(placing != NULL, ERR_MEMORY);
    placing->number = view->placed++;
    placing->device_len = (uint32_t)fact->device.len;
    memcpy(placing->device, fact->device.data, fact->device.len);
    view->ring[placing->number % SHOP_ORDERS_SHOWN] = (struct view_order){
        .id = table_key(&placing->entry),
        .device = slice_of(placing->device, placing->device_len),
        .state = SHOP_ORDER_OPEN,
        .placed_us = fact->stamp.wall_us,
        .changed_us = fact->stamp.wall_us,
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

static void show_total(struct view_order *order, const struct fact *fact) {
    int64_t minor;
    if (money_parse(fact->total, fact->currency, &minor) == ERR_OK) {
        order->total_minor = minor;
        memcpy(order->currency, fact->currency.data, MONEY_CURRENCY_LEN);
    }
}

/* True if the event is one that shows. */
static bool change(struct view_order *order, const struct fact *fact) {
    uint32_t type = fact->type;
    if (type == TYPE_ORDER_CREATED) {
        show_total(order, fact);
    } else if (type == TYPE_INVENTORY_RESERVED) {
        order->reserved = true;
    } else if (type == TYPE_INVENTORY_RELEASED) {
        order->reserved = false;
    } else if (type == TYPE_PAYMENT_PROCESSED) {
        order->paid = true;
    } else if (type == TYPE_PAYMENT_REFUNDED) {
        order->paid = false;
    } else if (type == TYPE_ORDER_FULFILED) {
        end(order, SHOP_ORDER_FULFILED, SLICE_EMPTY);
    } else if (type == TYPE_ORDER_CANCELLED) {
        end(order, SHOP_ORDER_CANCELLED, fact->reason);
    } else if (type == TYPE_ORDER_REJECTED) {
        end(order, SHOP_ORDER_REJECTED, fact->reason);
    } else {
        return false;
    }
    return true;
}

err_t view_apply(struct view *view, const struct fact *fact) {
    const struct placing *placing = table_find(&view->table, fact->order_id);
    if (placing == NULL) {
        return fact->type == TYPE_ORDER_PLACED ? add(view, fact) : ERR_OK;
    }
    if (placing->number + SHOP_ORDERS_SHOWN < view->placed) {
        return ERR_OK; /* no longer shown */
    }
    struct view_order *order = &view->ring[placing->number % SHOP_ORDERS_SHOWN];
    if (change(order, fact)) {
        order->changed_us = fact->stamp.wall_us;
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
