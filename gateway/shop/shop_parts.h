/* SPDX-License-Identifier: Apache-2.0 */
/* What a shop is made of: shared by the bus and by what shows it. */
#ifndef GATEWAY_SHOP_SHOP_PARTS_H
#define GATEWAY_SHOP_SHOP_PARTS_H

#include "gateway/event/event_type.h"
#include "gateway/shop/ruleset.h"
#include "gateway/shop/service.h"
#include "gateway/shop/shop.h"
#include "gateway/shop/view.h"

enum {
    SHOP_ORDER,
    SHOP_INVENTORY,
    SHOP_PAYMENT,
    SHOP_FULFILMENT,
    SHOP_SERVICE_COUNT,
};

struct published {
    enum event_type type;
    struct event event; /* in the arena */
    struct slice told;  /* likewise; besides the device that placed the order */
    struct shop_stamp stamp;
};

struct shop {
    uint8_t *store; /* owned */
    struct shop_context context;
    struct ruleset rules;  /* as journaled */
    struct ruleset wanted; /* as this program decides */
    bool has_life;
    struct event_life life;
    void *services[SHOP_SERVICE_COUNT];
    struct view view;
    uint8_t *memory; /* owned; the arena's */
    struct arena arena;
    struct shop_event event;                  /* the event at hand */
    struct published queue[SHOP_OUTPUTS_MAX]; /* of the run */
    uint32_t queue_count;
    bool gap; /* events are missing */
    uint64_t unfitting;
};

#endif
