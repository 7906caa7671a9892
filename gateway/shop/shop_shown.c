/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a shop, and said again. */
#include <assert.h>

#include "gateway/shop/inventory.h"
#include "gateway/shop/order.h"
#include "gateway/shop/payment.h"
#include "gateway/shop/refund_view.h"
#include "gateway/shop/shop_parts.h"

struct shop_counts shop_counts(const struct shop *shop) {
    struct order_counts orders = order_counts(shop->services[SHOP_ORDER]);
    struct shop_counts counts = {
        .open = orders.in_state[ORDER_PLACED] + orders.in_state[ORDER_OPEN] +
                orders.in_state[ORDER_CANCELLING],
        .fulfiled = orders.in_state[ORDER_FULFILED],
        .cancelled = orders.in_state[ORDER_CANCELLED],
        .rejected = orders.in_state[ORDER_REJECTED],
        .skus = inventory_skus(shop->services[SHOP_INVENTORY]),
        .payments_open = payment_open_count(shop->services[SHOP_PAYMENT]),
        .repeated = orders.repeated,
        .conflicting = orders.conflicting,
        .answers_ignored =
            payment_answers_ignored(shop->services[SHOP_PAYMENT]),
        .cancels_ignored = orders.cancels_ignored,
        .unfitting = shop->unfitting,
    };
    counts.placed =
        counts.open + counts.fulfiled + counts.cancelled + counts.rejected;
    return counts;
}

void shop_orders(const struct shop *shop, uint32_t max,
                 void (*each)(void *context, const struct shop_order_view *),
                 void *context) {
    view_each(&shop->view, max, each, context);
}

struct open_payments {
    void (*each)(void *context, const struct event *event,
                 struct shop_stamp stamp, struct slice terminal);
    void *context;
};

static void each_open_payment(void *context, const struct kept *request,
                              struct slice terminal) {
    const struct open_payments *open = context;
    struct event event;
    kept_event(request, &event);
    open->each(open->context, &event, request->stamp, terminal);
}

uint64_t shop_open_payments(
    const struct shop *shop, uint64_t from_seq, uint32_t max,
    void (*each)(void *context, const struct event *event,
                 struct shop_stamp stamp, struct slice terminal),
    void *context) {
    struct open_payments open = {.each = each, .context = context};
    assert(max > 0);
    return payment_each_open(shop->services[SHOP_PAYMENT], from_seq, max,
                             each_open_payment, &open);
}

const struct shop_refunds *shop_refunds(const struct shop *shop) {
    return payment_refunds(shop->services[SHOP_PAYMENT]);
}

bool shop_owes(const struct shop *shop, struct slice refund_id) {
    return payment_owes(shop->services[SHOP_PAYMENT], refund_id);
}

struct open_refunds {
    const struct shop *shop;
    shop_each_refund *each;
    void *context;
};

static void each_open_refund(void *context, const struct shop_refund_view *view,
                             const struct kept *said) {
    const struct open_refunds *open = context;
    struct shop_refund_view whole = *view;
    struct event event;
    if (whole.device.len == 0) {
        whole.device = view_device(&open->shop->view, view->order_id);
    }
    kept_event(said, &event);
    open->each(open->context, &whole, &event, said->stamp);
}

uint64_t shop_open_refunds(const struct shop *shop, uint64_t from_seq,
                           uint32_t max, shop_each_refund *each,
                           void *context) {
    struct open_refunds open = {shop, each, context};
    assert(max > 0);
    return payment_each_refund(shop->services[SHOP_PAYMENT], from_seq, max,
                               each_open_refund, &open);
}
