/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: money goes from decimal string to minor units and back without loss,
 * by the currency's own decimals, and everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/shop/money.h"

static void decimals_follow_iso_4217(void **state) {
    (void)state;
    static const struct {
        const char *currency;
        uint32_t decimals;
    } known[] = {
        {"EUR", 2}, {"USD", 2}, {"GBP", 2}, {"CHF", 2}, {"ZWG", 2}, {"AED", 2},
        {"JPY", 0}, {"KRW", 0}, {"ISK", 0}, {"BIF", 0}, {"XPF", 0}, {"KWD", 3},
        {"BHD", 3}, {"TND", 3}, {"CLF", 4}, {"UYW", 4},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        uint32_t decimals = 99;
        assert_int_equal(
            money_decimals(slice_from_str(known[i].currency), &decimals),
            ERR_OK);
        assert_int_equal(decimals, known[i].decimals);
    }
    /* RCH and URF stand in the list, across its codes. */
    static const char *const unknown[] = {"",    "EU",  "EURO", "eur",
                                          "XXX", "RCH", "URF",  "EUR\n"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        uint32_t decimals = 99;
        assert_int_equal(money_decimals(slice_from_str(unknown[i]), &decimals),
                         ERR_NOT_FOUND);
        assert_int_equal(decimals, 99);
    }
}

static void amounts_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *currency;
        int64_t minor;
        const char *written;
    } table[] = {
        {"0", "EUR", 0, "0.00"},
        {"0.01", "EUR", 1, "0.01"},
        {"0.1", "EUR", 10, "0.10"},
        {"12.5", "EUR", 1250, "12.50"},
        {"12.50", "EUR", 1250, "12.50"},
        {"12", "EUR", 1200, "12.00"},
        {"999999999999.99", "EUR", 99999999999999, "999999999999.99"},
        {"1200", "JPY", 1200, "1200"},
        {"1.234", "KWD", 1234, "1.234"},
        {"1.2", "KWD", 1200, "1.200"},
        {"0.0001", "CLF", 1, "0.0001"},
        {"999999999999.9999", "UYW", 9999999999999999, "999999999999.9999"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        int64_t minor = -1;
        struct slice currency = slice_from_str(table[i].currency);
        assert_int_equal(
            money_parse(slice_from_str(table[i].text), currency, &minor),
            ERR_OK);
        assert_int_equal(minor, table[i].minor);
        char text[MONEY_TEXT_MAX];
        struct writer writer = writer_over(text, sizeof(text));
        money_write(&writer, minor, currency);
        assert_true(slice_eq_str(writer_slice(&writer), table[i].written));
    }
}

static void what_is_not_money_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *currency;
        err_t err;
    } table[] = {
        {"", "EUR", ERR_PARSE},
        {"-1", "EUR", ERR_PARSE},
        {"+1", "EUR", ERR_PARSE},
        {" 1", "EUR", ERR_PARSE},
        {"1 ", "EUR", ERR_PARSE},
        {"1.", "EUR", ERR_PARSE},
        {".5", "EUR", ERR_PARSE},
        {"01", "EUR", ERR_PARSE},
        {"00", "EUR", ERR_PARSE},
        {"1,50", "EUR", ERR_PARSE},
        {"1e2", "EUR", ERR_PARSE},
        {"1.2.3", "EUR", ERR_PARSE},
        {"0x10", "EUR", ERR_PARSE},
        {"NaN", "EUR", ERR_PARSE},
        {"1.00000", "EUR", ERR_PARSE},
        {"1000000000000", "EUR", ERR_PARSE},
        {"99999999999999999999999999", "EUR", ERR_PARSE},
        {"1.999999999999999999999999", "EUR", ERR_PARSE},
        {"1.000", "EUR", ERR_RANGE},
        {"1.0", "JPY", ERR_RANGE},
        {"1.2345", "KWD", ERR_RANGE},
        {"1", "ABC", ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        int64_t minor = -7;
        assert_int_equal(money_parse(slice_from_str(table[i].text),
                                     slice_from_str(table[i].currency), &minor),
                         table[i].err);
        assert_int_equal(minor, -7);
        assert_int_equal(money_is_decimal(slice_from_str(table[i].text)),
                         table[i].err != ERR_PARSE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_follow_iso_4217),
        cmocka_unit_test(amounts_are_read_and_written),
        cmocka_unit_test(what_is_not_money_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
