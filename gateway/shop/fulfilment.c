/* SPDX-License-Identifier: Apache-2.0 */
/* Fulfilment: joins two events that come in any order.
 *
 *                  InventoryReserved             PaymentProcessed
 *            .----------------------> reserved -----------------.
 *            |                                                  v OrderFulfiled
 *     none --+                                                ready ----> done
 *            |                                                  ^
 *            `----------------------> paid ---------------------'
 *                  PaymentProcessed             InventoryReserved
 *
 * OrderCancelled in none, reserved or paid: cancelled, for good. */
#include "gateway/shop/fulfilment.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/shop/saved.h"

struct handover {
    struct table_entry entry;
    uint32_t state;
};

struct fulfilment {
    struct table table;
};

enum verb {
    UNFILLED,
    NEVER,
    IGNORE,
    RESERVE,
    PAY,
    COMPLETE, /* the second of the two arrived */
    DONE,
    CANCEL,
};

static const uint8_t next_state[] = {
    [IGNORE] = SERVICE_STAY,  [RESERVE] = FULFILMENT_RESERVED,
    [PAY] = FULFILMENT_PAID,  [COMPLETE] = FULFILMENT_READY,
    [DONE] = FULFILMENT_DONE, [CANCEL] = FULFILMENT_CANCELLED,
};

#define ROW_IGNORE \
    { IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE }

/* clang-format off */
static const uint8_t table[EVENT_TYPE_COUNT][FULFILMENT_STATES] = {
/*                                      none     reserved  paid      ready  done   cancelled */
[EVENT_TYPE_ORDER_PLACED] =           ROW_IGNORE,
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = ROW_IGNORE,
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUSED] =        ROW_IGNORE,
[EVENT_TYPE_REFUND_CONFIRMED] =       ROW_IGNORE,
[EVENT_TYPE_REFUND_FAILED] =          ROW_IGNORE,
[EVENT_TYPE_STOCK_RECEIVED] =         ROW_IGNORE,
[EVENT_TYPE_STOCK_ADJUSTED] =         ROW_IGNORE,
[EVENT_TYPE_STOCK_COUNTED] =          ROW_IGNORE,
[EVENT_TYPE_ORDER_CREATED] =          ROW_IGNORE,
[EVENT_TYPE_ORDER_REJECTED] =         ROW_IGNORE,
[EVENT_TYPE_ORDER_CANCELLED] =        {CANCEL,  CANCEL,   CANCEL,   NEVER, NEVER, NEVER},
[EVENT_TYPE_INVENTORY_RESERVED] =     {RESERVE, NEVER,    COMPLETE, NEVER, NEVER, NEVER},
[EVENT_TYPE_INVENTORY_REJECTED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_RELEASED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_SHORT] =        ROW_IGNORE,
[EVENT_TYPE_STOCK_CHANGED] =          ROW_IGNORE,
[EVENT_TYPE_STOCK_LOW] =              ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REQUESTED] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_PROCESSED] =      {PAY,     COMPLETE, NEVER,    NEVER, NEVER, NEVER},
[EVENT_TYPE_PAYMENT_DECLINED] =       ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REFUNDED] =       ROW_IGNORE,
[EVENT_TYPE_PAYMENT_UNMATCHED] =      ROW_IGNORE,
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,   NEVER,    NEVER,    DONE,  NEVER, NEVER},
[EVENT_TYPE_PAYMENT_TIMED_OUT] =      ROW_IGNORE,
[EVENT_TYPE_PAYMENT_RESOLVED] =       ROW_IGNORE,
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_IGNORE,
};
/* clang-format on */

static uint8_t verb_of(const struct handover *handover, enum event_type type) {
    uint8_t verb =
        table[type][handover == NULL ? FULFILMENT_NONE : handover->state];
    assert(verb != UNFILLED);
    return verb;
}

static bool fulfilment_admits(const void *self,
                              const struct shop_event *event) {
    const struct fulfilment *fulfilment = self;
    return verb_of(table_find(&fulfilment->table, event->order_id),
                   event->type) != NEVER;
}

static err_t fulfilment_react(const void *self, const struct shop_event *event,
                              struct reaction *reaction) {
    const struct fulfilment *fulfilment = self;
    if (verb_of(table_find(&fulfilment->table, event->order_id), event->type) !=
        COMPLETE) {
        return ERR_OK;
    }
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", event->order_id);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_ORDER_FULFILED, event->order_id,
                        &data);
}

static err_t fulfilment_apply(void *self, const struct shop_event *event) {
    struct fulfilment *fulfilment = self;
    struct handover *handover = table_find(&fulfilment->table, event->order_id);
    uint8_t verb = verb_of(handover, event->type);
    assert(verb != NEVER);
    if (next_state[verb] == SERVICE_STAY) {
        return ERR_OK;
    }
    if (handover == NULL) {
        handover =
            table_add(&fulfilment->table, event->order_id, sizeof(*handover));
        ENSURE(handover != NULL, ERR_MEMORY);
    }
    /* An end is an end. */
    assert(handover->state < FULFILMENT_DONE);
    handover->state = next_state[verb];
    return ERR_OK;
}

static uint32_t fulfilment_state_of(const void *self, struct slice order_id) {
    const struct fulfilment *fulfilment = self;
    const struct handover *handover = table_find(&fulfilment->table, order_id);
    return handover == NULL ? FULFILMENT_NONE : handover->state;
}

/* The entries' hashes are summed, so their order does not matter. */
static uint64_t fulfilment_hash(const void *self) {
    const struct fulfilment *fulfilment = self;
    uint64_t sum = 0;
    struct fingerprint print;
    for (const struct table_entry *at = fulfilment->table.first; at != NULL;
         at = at->next) {
        fingerprint_begin(&print);
        fingerprint_slice(&print, table_key(at));
        fingerprint_u64(&print, ((const struct handover *)at)->state);
        sum += fingerprint_end(&print);
    }
    fingerprint_begin(&print);
    fingerprint_u64(&print, sum);
    fingerprint_u64(&print, fulfilment->table.count);
    return fingerprint_end(&print);
}

static void fulfilment_save(const void *self, struct writer *to) {
    const struct fulfilment *fulfilment = self;
    writer_u64(to, fulfilment->table.count);
    for (const struct table_entry *at = fulfilment->table.first; at != NULL;
         at = at->next) {
        saved_text(to, table_key(at));
        saved_state(to, ((const struct handover *)at)->state);
    }
}

static err_t fulfilment_load(void *self, uint32_t rules, struct cursor *from) {
    (void)rules;
    struct fulfilment *fulfilment = self;
    uint64_t count;
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        struct handover *handover;
        TRY(saved_entry_read(from, &fulfilment->table, sizeof(*handover),
                             SHOP_ORDER_ID_MAX, &handover));
        TRY(saved_state_read(from, FULFILMENT_STATES, &handover->state));
    }
    return ERR_OK;
}

static void *fulfilment_open(const struct service_options *options) {
    (void)options;
    return calloc(1, sizeof(struct fulfilment));
}

static void fulfilment_close(void *self) {
    struct fulfilment *fulfilment = self;
    if (fulfilment != NULL) {
        table_free(&fulfilment->table, NULL);
        free(fulfilment);
    }
}

const struct service fulfilment_service = {
    .open = fulfilment_open,
    .close = fulfilment_close,
    .admits = fulfilment_admits,
    .react = fulfilment_react,
    .apply = fulfilment_apply,
    .hash = fulfilment_hash,
    .saved_versions = {0, 1, 1},
    .save = fulfilment_save,
    .load = fulfilment_load,
    .state = fulfilment_state_of,
};
