/* SPDX-License-Identifier: Apache-2.0 */
/* The Fulfilment service: hands over what is both reserved and paid. */
#ifndef GATEWAY_SHOP_FULFILMENT_H
#define GATEWAY_SHOP_FULFILMENT_H

#include "gateway/shop/service.h"

enum fulfilment_state {
    FULFILMENT_NONE,
    FULFILMENT_RESERVED,
    FULFILMENT_PAID,
    FULFILMENT_READY, /* only inside a run */
    FULFILMENT_DONE,
    FULFILMENT_CANCELLED,
    FULFILMENT_STATES,
};

extern const struct service fulfilment_service;

#endif
