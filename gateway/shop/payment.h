/* SPDX-License-Identifier: Apache-2.0 */
/* The Payment service: takes an order's money once, and owes whatever else was
 * taken until somebody has given it back. */
#ifndef GATEWAY_SHOP_PAYMENT_H
#define GATEWAY_SHOP_PAYMENT_H

#include "gateway/shop/refund_view.h"
#include "gateway/shop/service.h"

enum payment_state {
    PAYMENT_NONE,
    PAYMENT_REQUESTED,
    PAYMENT_TAKEN,
    PAYMENT_DECLINED,
    PAYMENT_VOID, /* cancelled before the terminal answered */
    PAYMENT_REFUNDED,
    PAYMENT_EXPIRED, /* only inside a run: its terminal's time is over */
    PAYMENT_STATES,
};

extern const struct service payment_service;

uint64_t payment_open_count(const void *self);
/* Refusals of terminals that were not asked or had answered, and money that was
 * reported before. */
uint64_t payment_answers_ignored(const void *self);
/* The terminal that was asked for the order's money; empty if none was. */
struct slice payment_terminal(const void *self, struct slice order_id);
/* The PaymentRequested events that wait for an answer, in order of asking, from
 * `from_seq` in the journal on and at most `max` of them. Returns where the
 * next stands; 0 after the last. */
uint64_t payment_each_open(const void *self, uint64_t from_seq, uint32_t max,
                           void (*each)(void *context,
                                        const struct kept *request,
                                        struct slice terminal),
                           void *context);
const struct shop_refunds *payment_refunds(const void *self);
bool payment_owes(const void *self, struct slice refund_id);
/* What is owed, likewise. `view->device` is empty for what the till has. */
uint64_t payment_each_refund(const void *self, uint64_t from_seq, uint32_t max,
                             void (*each)(void *context,
                                          const struct shop_refund_view *view,
                                          const struct kept *said),
                             void *context);

#endif
