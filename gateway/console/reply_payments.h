/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of money that is owed: in the status, the metrics, a list of
 * it; and what a person says of it. */
#ifndef GATEWAY_CONSOLE_REPLY_PAYMENTS_H
#define GATEWAY_CONSOLE_REPLY_PAYMENTS_H

#include "gateway/console/source.h"

/* The member "refunds" of the status. */
void reply_refunds(const struct shop_refunds *refunds, int64_t now_us,
                   struct writer *writer);
void reply_refunds_metrics(const struct shop_refunds *refunds, int64_t now_us,
                           struct writer *writer);
/* GET /api/v1/payments: the oldest first, as many as fit; `more` says whether
 * there are others. */
void reply_payments(const struct console_source *source, struct writer *writer);
/* POST: {"refundId":..., "how":..., "reason":...}. Borrows from `body` and
 * `arena`. ERR_PARSE, ERR_RANGE with what was expected. */
err_t reply_read_resolve(struct slice body, struct arena *arena,
                         struct console_resolve *ret,
                         struct reason *reason) MUST_USE;

#endif
