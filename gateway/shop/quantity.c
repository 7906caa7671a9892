/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/quantity.h"

#include <inttypes.h>

enum {
    /* More significant digits than any quantity has; they fit 64 bits. */
    DIGITS_MAX = 18,
    EXPONENT_MAX = 100 * 1000, /* beyond it every exponent is as good */
};

/* A decimal: digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    uint32_t count;   /* of the digits, without zeros at either end */
    uint32_t zeros;   /* behind them, not yet in `digits` */
    int64_t exponent; /* of the last digit read */
};

static bool is_digit(struct slice text, size_t at) {
    return at < text.len && text.data[at] >= '0' && text.data[at] <= '9';
}

/* Zeros at the end say nothing, so they are taken only when another digit
 * follows. */
static err_t add_digit(struct decimal *decimal, uint8_t digit) {
    if (digit == 0) {
        decimal->zeros += decimal->count > 0;
        return ERR_OK;
    }
    decimal->count += decimal->zeros + 1;
    ENSURE(decimal->count <= DIGITS_MAX, ERR_RANGE);
    for (; decimal->zeros > 0; decimal->zeros--) {
        decimal->digits *= 10;
    }
    decimal->digits = decimal->digits * 10 + digit;
    return ERR_OK;
}

/* Reads digits up to the first other byte; there must be one. */
static err_t read_digits(struct slice text, size_t *at,
                         struct decimal *decimal) {
    ENSURE(is_digit(text, *at), ERR_PARSE);
    for (; is_digit(text, *at); (*at)++) {
        TRY(add_digit(decimal, text.data[*at] - '0'));
    }
    return ERR_OK;
}

static err_t read_exponent(struct slice text, size_t *at, int64_t *ret) {
    (*at)++;
    bool negative = *at < text.len && text.data[*at] == '-';
    if (negative || (*at < text.len && text.data[*at] == '+')) {
        (*at)++;
    }
    ENSURE(is_digit(text, *at), ERR_PARSE);
    int64_t exponent = 0;
    for (; is_digit(text, *at); (*at)++) {
        if (exponent < EXPONENT_MAX) {
            exponent = exponent * 10 + (text.data[*at] - '0');
        }
    }
    *ret = negative ? -exponent : exponent;
    return ERR_OK;
}

/* Its places are those of the text, so a text that is too long for `decimal`
 * is known by them: what has more than 18 digits has too many decimals, or is
 * too large. */
static err_t read_decimal(struct slice text, size_t at,
                          struct decimal *decimal) {
    size_t begin = at;
    err_t err = read_digits(text, &at, decimal);
    ENSURE(err == ERR_OK, err);
    ENSURE(at == begin + 1 || text.data[begin] != '0', ERR_PARSE);
    if (at < text.len && text.data[at] == '.') {
        size_t point = at++;
        err = read_digits(text, &at, decimal);
        ENSURE(err != ERR_RANGE, ERR_UNSUPPORTED);
        TRY(err);
        decimal->exponent = -(int64_t)(at - point - 1);
    }
    int64_t exponent = 0;
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        TRY(read_exponent(text, &at, &exponent));
    }
    ENSURE(at == text.len, ERR_PARSE);
    decimal->exponent += exponent + decimal->zeros;
    return ERR_OK;
}

static err_t to_thousandths(const struct decimal *decimal, uint64_t *ret) {
    int64_t exponent = decimal->exponent + QUANTITY_DECIMALS_MAX;
    uint64_t value = decimal->digits;
    ENSURE(value == 0 || exponent >= 0, ERR_UNSUPPORTED);
    for (; value > 0 && exponent > 0; exponent--) {
        ENSURE(value <= INT64_MAX / 10, ERR_RANGE);
        value *= 10;
    }
    *ret = value;
    return ERR_OK;
}

err_t quantity_parse(struct slice text, int64_t min, int64_t max,
                     int64_t *ret) {
    struct decimal decimal = {0};
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t value;
    TRY(read_decimal(text, negative ? 1 : 0, &decimal));
    TRY(to_thousandths(&decimal, &value));
    ENSURE(value <= INT64_MAX, ERR_RANGE);
    int64_t quantity = negative ? -(int64_t)value : (int64_t)value;
    ENSURE(quantity >= min && quantity <= max, ERR_RANGE);
    *ret = quantity;
    return ERR_OK;
}

void quantity_write(struct writer *writer, int64_t quantity) {
    uint64_t value = quantity < 0 ? -(uint64_t)quantity : (uint64_t)quantity;
    uint64_t fraction = value % QUANTITY_ONE;
    writer_printf(writer, "%s%" PRIu64, quantity < 0 ? "-" : "",
                  value / QUANTITY_ONE);
    for (uint64_t place = QUANTITY_ONE / 10; fraction > 0; place /= 10) {
        writer_str(writer, place == QUANTITY_ONE / 10 ? "." : "");
        writer_u8(writer, (uint8_t)('0' + fraction / place));
        fraction %= place;
    }
}

void quantity_fingerprint(struct fingerprint *print, int64_t quantity) {
    fingerprint_u64(print, (uint64_t)(quantity / QUANTITY_ONE));
    if (quantity % QUANTITY_ONE != 0) {
        /* No whole quantity is as far from zero as this. */
        fingerprint_u64(print, (uint64_t)INT64_MIN +
                                   (uint64_t)(quantity % QUANTITY_ONE));
    }
}
