/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/types.h"

#include <assert.h>

static const struct type_facts types[TYPE_COUNT] = {
    [TYPE_ORDER_PLACED] = {"OrderPlaced", NULL, AUDIENCE_NOBODY},
    [TYPE_ORDER_CANCEL_REQUESTED] = {"OrderCancelRequested", NULL,
                                     AUDIENCE_NOBODY},
    [TYPE_PAYMENT_AUTHORIZED] = {"PaymentAuthorized", NULL, AUDIENCE_NOBODY},
    [TYPE_PAYMENT_REFUSED] = {"PaymentRefused", NULL, AUDIENCE_NOBODY},
    [TYPE_STOCK_RECEIVED] = {"StockReceived", NULL, AUDIENCE_NOBODY},
    [TYPE_STOCK_COUNTED] = {"StockCounted", NULL, AUDIENCE_NOBODY},
    [TYPE_ORDER_CREATED] = {"OrderCreated", "order", AUDIENCE_PLACER},
    [TYPE_ORDER_REJECTED] = {"OrderRejected", "order", AUDIENCE_PLACER},
    [TYPE_ORDER_CANCELLED] = {"OrderCancelled", "order", AUDIENCE_PLACER},
    [TYPE_INVENTORY_RESERVED] = {"InventoryReserved", "inventory",
                                 AUDIENCE_NOBODY},
    [TYPE_INVENTORY_REJECTED] = {"InventoryRejected", "inventory",
                                 AUDIENCE_PLACER},
    [TYPE_INVENTORY_RELEASED] = {"InventoryReleased", "inventory",
                                 AUDIENCE_NOBODY},
    [TYPE_STOCK_LOW] = {"StockLow", "inventory", AUDIENCE_NOBODY},
    [TYPE_PAYMENT_REQUESTED] = {"PaymentRequested", "payment", AUDIENCE_NOBODY},
    [TYPE_PAYMENT_PROCESSED] = {"PaymentProcessed", "payment", AUDIENCE_NOBODY},
    [TYPE_PAYMENT_DECLINED] = {"PaymentDeclined", "payment", AUDIENCE_PLACER},
    [TYPE_PAYMENT_REFUNDED] = {"PaymentRefunded", "payment", AUDIENCE_PLACER},
    [TYPE_ORDER_FULFILED] = {"OrderFulfiled", "fulfilment", AUDIENCE_PLACER},
};

const struct type_facts *type_facts(enum shop_type type) {
    assert(type < TYPE_COUNT);
    return &types[type];
}

err_t type_from_name(struct slice name, enum shop_type *ret) {
    for (uint32_t type = 0; type < TYPE_COUNT; type++) {
        if (slice_eq_str(name, types[type].name)) {
            *ret = (enum shop_type)type;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

bool type_is_input(enum shop_type type) {
    return type_facts(type)->service == NULL;
}
