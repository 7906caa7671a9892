/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the events that the Payment service publishes: each function adds one
 * output about the order of `event`. ERR_FULL if the run's memory is too small.
 */
#ifndef GATEWAY_SHOP_PAYMENT_OUTPUTS_H
#define GATEWAY_SHOP_PAYMENT_OUTPUTS_H

#include "gateway/shop/reaction.h"

/* `mode`: "cash", "online" or "terminal". */
err_t payment_publish_processed(const struct shop_event *event,
                                const char *mode, int64_t amount_minor,
                                struct slice currency, struct slice transaction,
                                struct reaction *reaction) MUST_USE;
err_t payment_publish_declined(const struct shop_event *event, struct slice why,
                               struct reaction *reaction) MUST_USE;
/* Asks `event->terminal`. */
err_t payment_publish_requested(const struct shop_event *event,
                                int64_t amount_minor,
                                struct reaction *reaction) MUST_USE;
err_t payment_publish_refunded(const struct shop_event *event,
                               int64_t amount_minor, struct slice currency,
                               struct slice transaction,
                               struct reaction *reaction) MUST_USE;

#endif
