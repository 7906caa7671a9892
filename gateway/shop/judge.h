/* SPDX-License-Identifier: Apache-2.0 */
/* What the shop refuses by the state at hand, before anything is journaled:
 * beside shop_check(), which knows no state. */
#ifndef GATEWAY_SHOP_JUDGE_H
#define GATEWAY_SHOP_JUDGE_H

#include "gateway/shop/shop.h"

/* An input that shop_check() lets in: one sku in two units, a count that is
 * older than what is remembered (inventory_check). `wall_us` is now. ERR_RANGE
 * with a reason; ERR_MEMORY. */
err_t shop_judge(const struct shop *shop, const struct event *input,
                 int64_t wall_us, struct reason *reason) MUST_USE;

/* Can the release whose rules are SHOP_RULES_FIRST go on with what is there?
 * ERR_UNSUPPORTED with a reason. */
err_t shop_check_older(const struct shop *shop, struct reason *reason) MUST_USE;

#endif
