/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities of goods, counted or weighed: a JSON number with at most three
 * decimals outside, a whole number of thousandths inside, and never a float
 * between them. */
#ifndef GATEWAY_SHOP_QUANTITY_H
#define GATEWAY_SHOP_QUANTITY_H

#include "gateway/base/base.h"
#include "gateway/shop/fingerprint.h"

enum {
    QUANTITY_ONE = 1000, /* one piece, one kilogram: whatever the unit is */
    QUANTITY_DECIMALS_MAX = 3,
    QUANTITY_TEXT_MAX = 24, /* bytes that quantity_write() writes */
};

/* The value of a JSON number, however it is written (0.35, 0.350, 35e-2).
 * ERR_PARSE if it is no number, ERR_UNSUPPORTED if it has more decimals than
 * QUANTITY_DECIMALS_MAX, ERR_RANGE outside [min, max]. */
err_t quantity_parse(struct slice text, int64_t min, int64_t max,
                     int64_t *ret) MUST_USE;

/* The shortest form without an exponent: "2", "0.35", "-1.5". */
void quantity_write(struct writer *writer, int64_t quantity);

/* A whole quantity counts as what it was before quantities had decimals, so
 * that a state of whole quantities keeps its hash. */
void quantity_fingerprint(struct fingerprint *print, int64_t quantity);

#endif
