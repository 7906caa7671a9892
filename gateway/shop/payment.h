/* SPDX-License-Identifier: Apache-2.0 */
/* The Payment service: takes an order's money once, and refunds it once. */
#ifndef GATEWAY_SHOP_PAYMENT_H
#define GATEWAY_SHOP_PAYMENT_H

#include "gateway/shop/service.h"

enum payment_state {
    PAYMENT_NONE,
    PAYMENT_REQUESTED,
    PAYMENT_TAKEN,
    PAYMENT_DECLINED,
    PAYMENT_VOID, /* cancelled before the terminal answered */
    PAYMENT_REFUNDED,
    PAYMENT_STATES,
};

extern const struct service payment_service;

uint64_t payment_open_count(const void *self);
/* Answers of terminals that were not asked, or had answered. */
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

#endif
