/* SPDX-License-Identifier: Apache-2.0 */
/* The events of the choreography: who publishes each, and for whom. */
#ifndef GATEWAY_SHOP_TYPES_H
#define GATEWAY_SHOP_TYPES_H

#include "gateway/base/base.h"

enum shop_type {
    /* From devices. */
    TYPE_ORDER_PLACED,
    TYPE_ORDER_CANCEL_REQUESTED,
    TYPE_PAYMENT_AUTHORIZED,
    TYPE_PAYMENT_REFUSED,
    TYPE_STOCK_RECEIVED,
    TYPE_STOCK_COUNTED,
    /* From the services. */
    TYPE_ORDER_CREATED,
    TYPE_ORDER_REJECTED,
    TYPE_ORDER_CANCELLED,
    TYPE_INVENTORY_RESERVED,
    TYPE_INVENTORY_REJECTED,
    TYPE_INVENTORY_RELEASED,
    TYPE_STOCK_LOW,
    TYPE_PAYMENT_REQUESTED,
    TYPE_PAYMENT_PROCESSED,
    TYPE_PAYMENT_DECLINED,
    TYPE_PAYMENT_REFUNDED,
    TYPE_ORDER_FULFILED,
    TYPE_COUNT,
};

/* Whom an event's notice is for. What a payment terminal is told depends on
 * how the run ends; shop.c sees to that. */
enum audience {
    AUDIENCE_NOBODY,
    AUDIENCE_PLACER, /* the device that placed the order */
};

struct type_facts {
    const char *name;
    const char *service; /* last segment of its source; NULL: a device's */
    enum audience audience;
};

const struct type_facts *type_facts(enum shop_type type);
/* ERR_NOT_FOUND for a type that is not the shop's. */
err_t type_from_name(struct slice name, enum shop_type *ret) MUST_USE;
bool type_is_input(enum shop_type type);

#endif
