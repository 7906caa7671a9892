/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/money.h"

#include <assert.h>
#include <inttypes.h>

/* ISO 4217, list one, the codes that are legal tender; by number of decimals.
 * Three letters each, so that the list can be read against the standard's. */
static const char *const currencies[MONEY_DECIMALS_MAX + 1] = {
    [0] = "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXVNDVUVXAFXOFXPF",
    [1] = "",
    [2] = "AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBMDBNDBOBBRLBSDBTNBWPBYN"
          "BZDCADCDFCHFCNYCOPCRCCUPCVECZKDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHS"
          "GIPGMDGTQGYDHKDHNLHTGHUFIDRILSINRIRRJMDKESKGSKHRKPWKYDKZTLAKLBPLKR"
          "LRDLSLMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMYRMZNNADNGNNIONOKNPRNZD"
          "PABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDGSEKSGDSHPSLESOSSRDSSPSTN"
          "SVCSYPSZLTHBTJSTMTTOPTRYTTDTWDTZSUAHUSDUYUUZSVEDVESWSTXCDYERZARZMW"
          "ZWG",
    [3] = "BHDIQDJODKWDLYDOMRTND",
    [4] = "CLFUYW",
};

static const int64_t power_of_ten[MONEY_DECIMALS_MAX + 1] = {1, 10, 100, 1000,
                                                             10000};

err_t money_decimals(struct slice currency, uint32_t *ret) {
    ENSURE(currency.len == MONEY_CURRENCY_LEN, ERR_NOT_FOUND);
    for (uint32_t decimals = 0; decimals <= MONEY_DECIMALS_MAX; decimals++) {
        struct slice codes = slice_from_str(currencies[decimals]);
        for (size_t at = 0; at < codes.len; at += MONEY_CURRENCY_LEN) {
            if (slice_eq(slice_part(codes, at, MONEY_CURRENCY_LEN), currency)) {
                *ret = decimals;
                return ERR_OK;
            }
        }
    }
    return ERR_NOT_FOUND;
}

/* Digits from `at`, at most what fits 64 bits by the callers' bounds. */
static size_t digits(struct slice text, size_t at, int64_t *value) {
    size_t count = 0;
    while (at + count < text.len && count <= MONEY_INTEGER_DIGITS_MAX &&
           text.data[at + count] >= '0' && text.data[at + count] <= '9') {
        *value = *value * 10 + (text.data[at + count] - '0');
        count++;
    }
    return count;
}

/* `*ret` is the number without its point. */
static err_t read_decimal(struct slice text, int64_t *ret,
                          uint32_t *ret_decimals) {
    int64_t value = 0;
    size_t whole = digits(text, 0, &value);
    ENSURE(whole >= 1 && whole <= MONEY_INTEGER_DIGITS_MAX, ERR_PARSE);
    ENSURE(whole == 1 || text.data[0] != '0', ERR_PARSE);
    size_t decimals = 0;
    if (whole < text.len) {
        ENSURE(text.data[whole] == '.', ERR_PARSE);
        ENSURE(text.len - whole - 1 <= MONEY_DECIMALS_MAX, ERR_PARSE);
        decimals = digits(text, whole + 1, &value);
        ENSURE(decimals >= 1 && whole + 1 + decimals == text.len, ERR_PARSE);
    }
    *ret = value;
    *ret_decimals = (uint32_t)decimals;
    return ERR_OK;
}

bool money_is_decimal(struct slice text) {
    int64_t value;
    uint32_t decimals;
    return read_decimal(text, &value, &decimals) == ERR_OK;
}

err_t money_parse(struct slice text, struct slice currency,
                  int64_t *ret_minor) {
    int64_t value;
    uint32_t decimals;
    uint32_t decimals_max;
    TRY(read_decimal(text, &value, &decimals));
    TRY(money_decimals(currency, &decimals_max));
    ENSURE(decimals <= decimals_max, ERR_RANGE);
    *ret_minor = value * power_of_ten[decimals_max - decimals];
    return ERR_OK;
}

void money_write(struct writer *writer, int64_t minor, struct slice currency) {
    uint32_t decimals = 0;
    err_t err = money_decimals(currency, &decimals);
    assert(err == ERR_OK && minor >= 0);
    int64_t unit = power_of_ten[decimals];
    writer_printf(writer, "%" PRId64, minor / unit);
    if (decimals > 0) {
        writer_printf(writer, ".%0*" PRId64, (int)decimals, minor % unit);
    }
}
