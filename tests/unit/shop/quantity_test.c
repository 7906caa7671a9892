/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a JSON number with at most three decimals becomes exactly its
 * thousandths, however it is written, and comes back; everything else is
 * refused by what is wrong with it, whatever its length. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/quantity.h"

enum { MAX = 1000 * 1000 * QUANTITY_ONE };

static err_t parse(const char *text, int64_t *ret) {
    return quantity_parse(slice_from_str(text), -(int64_t)MAX, MAX, ret);
}

static void numbers_are_exact(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t thousandths;
        const char *written;
    } table[] = {
        {"0", 0, "0"},
        {"-0", 0, "0"},
        {"0.0", 0, "0"},
        {"0e99", 0, "0"},
        {"0.0000e-999999999999", 0, "0"},
        {"1", 1000, "1"},
        {"1.0", 1000, "1"},
        {"10", 10000, "10"},
        {"0.35", 350, "0.35"},
        {"0.350", 350, "0.35"},
        {"0.35000000000000000000000000", 350, "0.35"},
        {"0.001", 1, "0.001"},
        {"0.010", 10, "0.01"},
        {"0.101", 101, "0.101"},
        {"-1.5", -1500, "-1.5"},
        {"-0.001", -1, "-0.001"},
        {"35e-2", 350, "0.35"},
        {"35E-2", 350, "0.35"},
        {"0.00035e3", 350, "0.35"},
        {"1e-3", 1, "0.001"},
        {"1e+06", 1000000000, "1000000"},
        {"1000000", 1000000000, "1000000"},
        {"999999.999", 999999999, "999999.999"},
        {"1000000.000", 1000000000, "1000000"},
        {"10000e-2", 100000, "100"},
        {"1000000000000000000000000e-24", 1000, "1"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        int64_t value = 77;
        if (parse(table[i].text, &value) != ERR_OK ||
            value != table[i].thousandths) {
            fail_msg("%s is %" PRId64, table[i].text, value);
        }
        char text[QUANTITY_TEXT_MAX + 1];
        struct writer writer = writer_over(text, QUANTITY_TEXT_MAX);
        quantity_write(&writer, value);
        assert_false(writer.full);
        text[writer.len] = '\0';
        assert_string_equal(text, table[i].written);
    }
}

static void others_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text;
        err_t err;
    } table[] = {
        {"", ERR_PARSE},
        {"-", ERR_PARSE},
        {"+1", ERR_PARSE},
        {".5", ERR_PARSE},
        {"1.", ERR_PARSE},
        {"1.e2", ERR_PARSE},
        {"01", ERR_PARSE},
        {"00", ERR_PARSE},
        {"1e", ERR_PARSE},
        {"1e+", ERR_PARSE},
        {"1 ", ERR_PARSE},
        {"1,5", ERR_PARSE},
        {"0x10", ERR_PARSE},
        {"NaN", ERR_PARSE},
        {"\"1\"", ERR_PARSE},
        {"true", ERR_PARSE},
        {"0.0001", ERR_UNSUPPORTED},
        {"0.3501", ERR_UNSUPPORTED},
        {"1e-4", ERR_UNSUPPORTED},
        {"1e-999999999999999999999", ERR_UNSUPPORTED},
        {"0.30000000000000004", ERR_UNSUPPORTED},
        {"0.3000000000000000000000000004", ERR_UNSUPPORTED},
        {"1000000.001", ERR_RANGE},
        {"-1000000.001", ERR_RANGE},
        {"1000001", ERR_RANGE},
        {"1e7", ERR_RANGE},
        {"1e99", ERR_RANGE},
        {"1e999999999999999999999", ERR_RANGE},
        {"9223372036854775807", ERR_RANGE},
        {"9223372036854775808", ERR_RANGE},
        {"18446744073709551617", ERR_RANGE},
        {"99999999999999999999999999999999", ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        int64_t value = 77;
        err_t err = parse(table[i].text, &value);
        if (err != table[i].err) {
            fail_msg("%s gives %s", table[i].text, err_name(err));
        }
        assert_int_equal(value, 77);
    }
}

static void bounds_are_inclusive(void **state) {
    (void)state;
    int64_t value;
    assert_int_equal(quantity_parse(SLICE("0.001"), 1, 2, &value), ERR_OK);
    assert_int_equal(quantity_parse(SLICE("0.002"), 1, 2, &value), ERR_OK);
    assert_int_equal(quantity_parse(SLICE("0"), 1, 2, &value), ERR_RANGE);
    assert_int_equal(quantity_parse(SLICE("0.003"), 1, 2, &value), ERR_RANGE);
}

static void largest_numbers_are_written(void **state) {
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } table[] = {
        {INT64_MAX, "9223372036854775.807"},
        {INT64_MIN, "-9223372036854775.808"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char text[QUANTITY_TEXT_MAX + 1];
        struct writer writer = writer_over(text, QUANTITY_TEXT_MAX);
        quantity_write(&writer, table[i].value);
        assert_false(writer.full);
        text[writer.len] = '\0';
        assert_string_equal(text, table[i].text);
    }
}

/* Against the C library's own division of a number: what is written is read
 * again as the same, over all of the range. */
static void all_come_back(void **state) {
    (void)state;
    uint64_t seed = 0x5eed;
    print_message("seed %" PRIu64 "\n", seed);
    for (int i = 0; i < 200 * 1000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t value = (int64_t)(seed >> 33) % (2 * (int64_t)MAX + 1) - MAX;
        char text[QUANTITY_TEXT_MAX + 1];
        struct writer writer = writer_over(text, QUANTITY_TEXT_MAX);
        quantity_write(&writer, value);
        text[writer.len] = '\0';
        int64_t back;
        assert_int_equal(parse(text, &back), ERR_OK);
        assert_int_equal(back, value);
        char plain[40];
        lldiv_t parts = lldiv(llabs(value), QUANTITY_ONE);
        snprintf(plain, sizeof plain, "%s%lld.%03lld", value < 0 ? "-" : "",
                 parts.quot, parts.rem);
        assert_int_equal(parse(plain, &back), ERR_OK);
        assert_int_equal(back, value);
    }
}

static uint64_t print_of(int64_t quantity) {
    struct fingerprint print;
    fingerprint_begin(&print);
    quantity_fingerprint(&print, quantity);
    return fingerprint_end(&print);
}

static void whole_quantities_keep_their_fingerprint(void **state) {
    (void)state;
    static const int64_t whole[] = {0, 1, 350, 1000000, -3};
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        struct fingerprint print;
        fingerprint_begin(&print);
        fingerprint_u64(&print, (uint64_t)whole[i]);
        assert_int_equal(print_of(whole[i] * QUANTITY_ONE),
                         fingerprint_end(&print));
    }
    static const int64_t other[] = {0, 1, -1, 350, -350, 350000, 1350, 999};
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(print_of(other[i]) != print_of(other[j]));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(others_are_refused_by_name),
        cmocka_unit_test(bounds_are_inclusive),
        cmocka_unit_test(largest_numbers_are_written),
        cmocka_unit_test(all_come_back),
        cmocka_unit_test(whole_quantities_keep_their_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
