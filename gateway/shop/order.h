/* SPDX-License-Identifier: Apache-2.0 */
/* The Order service: opens each order once and ends it exactly once. */
#ifndef GATEWAY_SHOP_ORDER_H
#define GATEWAY_SHOP_ORDER_H

#include "gateway/shop/service.h"

enum order_state {
    ORDER_NONE,
    ORDER_PLACED, /* only inside a run */
    ORDER_OPEN,
    ORDER_CANCELLING, /* only inside a run */
    ORDER_FULFILED,
    ORDER_CANCELLED,
    ORDER_REJECTED,
    ORDER_STATES,
};

extern const struct service order_service;

struct order_counts {
    uint64_t in_state[ORDER_STATES];
    uint64_t repeated;
    uint64_t conflicting;
    uint64_t cancels_ignored;
};

struct order_counts order_counts(const void *self);

#endif
