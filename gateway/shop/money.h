/* SPDX-License-Identifier: Apache-2.0 */
/* Money: a decimal string outside, a whole number of the currency's minor units
 * inside, and never a float between them. */
#ifndef GATEWAY_SHOP_MONEY_H
#define GATEWAY_SHOP_MONEY_H

#include "gateway/base/base.h"

enum {
    MONEY_INTEGER_DIGITS_MAX = 12,
    MONEY_DECIMALS_MAX = 4, /* the most that ISO 4217 gives a currency */
    MONEY_TEXT_MAX = MONEY_INTEGER_DIGITS_MAX + 1 + MONEY_DECIMALS_MAX,
    MONEY_CURRENCY_LEN = 3,
};

/* How many decimals a currency has (ISO 4217: EUR 2, JPY 0, KWD 3).
 * ERR_NOT_FOUND for a code that is not in the list. */
err_t money_decimals(struct slice currency, uint32_t *ret) MUST_USE;

/* Whether `text` is a decimal: digits without a needless leading zero, then at
 * most MONEY_DECIMALS_MAX decimals after a point; no sign, no exponent. */
bool money_is_decimal(struct slice text);

/* ERR_PARSE if not a decimal, ERR_NOT_FOUND for an unknown currency, ERR_RANGE
 * if it has more decimals than the currency (even zeros). */
err_t money_parse(struct slice text, struct slice currency,
                  int64_t *ret_minor) MUST_USE;

/* All of the currency's decimals, always: 1250 EUR is "12.50". The currency
 * must be known and the amount not negative. */
void money_write(struct writer *writer, int64_t minor, struct slice currency);

#endif
