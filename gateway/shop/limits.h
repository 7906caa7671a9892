/* SPDX-License-Identifier: Apache-2.0 */
/* The shop's limits and its stamp: shared by its header and all of its parts.
 */
#ifndef GATEWAY_SHOP_LIMITS_H
#define GATEWAY_SHOP_LIMITS_H

#include <stdint.h>

#include "gateway/event/event_source.h"

enum {
    /* The rules that records are applied by (gateway/shop/ruleset.h): of
     * release 0.2.0, and those that this program decides by. */
    SHOP_RULES_FIRST = 1,
    SHOP_RULES_NEWEST = 2,
    SHOP_ORDER_ID_MAX = 64,                  /* bytes */
    SHOP_SKU_MAX = 64,                       /* bytes */
    SHOP_UNIT_MAX = 16,                      /* bytes of a line's unit */
    SHOP_ITEMS_MAX = 200,                    /* lines of an order */
    SHOP_DEVICE_MAX = EVENT_SOURCE_NAME_MAX, /* bytes, the name in the topic */
    SHOP_ORDERS_SHOWN = 50,  /* orders that shop_orders() can show */
    SHOP_REFUND_ID_MAX = 48, /* bytes, of the gateway's making */
    SHOP_OUTPUTS_MAX = 8,    /* events that one input can lead to in all */
    /* Bytes in the journal's form that those can need beyond a copy of the
     * input's own data. */
    SHOP_OUTPUT_BYTES_MAX = 208 * 1024,
};

/* An event's position in the journal. */
struct shop_stamp {
    uint64_t seq;
    int64_t wall_us;
};

#endif
