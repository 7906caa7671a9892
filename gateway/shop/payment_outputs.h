/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the events that the Payment service publishes: each function adds one
 * output about the order of `event`. ERR_FULL if the run's memory is too small.
 */
#ifndef GATEWAY_SHOP_PAYMENT_OUTPUTS_H
#define GATEWAY_SHOP_PAYMENT_OUTPUTS_H

#include "gateway/shop/reaction.h"

/* Money and where it is from. Empty texts are left out. */
struct payment_money {
    int64_t amount_minor; /* below 0: unknown */
    struct slice currency;
    struct slice transaction;
    struct slice terminal; /* that has it; none: the till */
    struct slice report;   /* where there is no transaction */
    struct slice tip;      /* these three came on top of the amount */
    struct slice surcharge;
    struct slice cashback;
};

/* `mode`: "cash", "online", "terminal" or "none" (nothing is to be paid). */
err_t payment_publish_processed(const struct shop_event *event,
                                const char *mode,
                                const struct payment_money *money,
                                struct reaction *reaction) MUST_USE;
err_t payment_publish_declined(const struct shop_event *event, struct slice why,
                               struct reaction *reaction) MUST_USE;
/* Asks `event->terminal`. */
err_t payment_publish_requested(const struct shop_event *event,
                                int64_t amount_minor,
                                struct reaction *reaction) MUST_USE;
err_t payment_publish_unmatched(const struct shop_event *event,
                                const struct payment_money *money,
                                struct reaction *reaction) MUST_USE;
/* It is said to who has the money. */
err_t payment_publish_refunded(const struct shop_event *event,
                               const struct payment_money *money,
                               struct slice why,
                               struct reaction *reaction) MUST_USE;

#endif
