/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what people and scanners type for one sku is one sku; what is another
 * one stays so; making the form twice changes nothing more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/shop/sku.h"

static err_t normal(struct slice sku, enum sku_case wanted,
                    char ret[SHOP_SKU_MAX + 1]) {
    uint8_t memory[SHOP_SKU_MAX];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct slice form;
    TRY(sku_normal(sku, wanted, &arena, &form));
    return slice_to_str(form, ret, SHOP_SKU_MAX + 1);
}

static void one_sku_has_one_form(void **state) {
    (void)state;
    static const struct {
        const char *typed;
        enum sku_case wanted;
        const char *form;
    } table[] = {
        {"4006381333931", SKU_CASE_KEEP, "4006381333931"},
        {"4006381333931 ", SKU_CASE_KEEP, "4006381333931"},
        {"  4006381333931", SKU_CASE_KEEP, "4006381333931"},
        {"mug blue", SKU_CASE_KEEP, "mug blue"},
        {" mug  blue ", SKU_CASE_KEEP, "mug  blue"},
        {"Mug-7", SKU_CASE_KEEP, "Mug-7"},
        {"Mug-7", SKU_CASE_UPPER, "MUG-7"},
        {"Mug-7 ", SKU_CASE_LOWER, "mug-7"},
        {"MUG-7", SKU_CASE_UPPER, "MUG-7"},
        {"@[`{", SKU_CASE_UPPER, "@[`{"},
        {"@[`{", SKU_CASE_LOWER, "@[`{"},
        /* "e" with an acute accent, in one code point and in two. */
        {"caf\xc3\xa9", SKU_CASE_KEEP, "caf\xc3\xa9"},
        {"cafe\xcc\x81", SKU_CASE_KEEP, "caf\xc3\xa9"},
        {"cafe\xcc\x81", SKU_CASE_UPPER, "CAF\xc3\x89"},
        {"CAF\xc3\x89", SKU_CASE_LOWER, "caf\xc3\xa9"},
        /* The Kelvin and the Angstrom sign. */
        {"\xe2\x84\xaa", SKU_CASE_KEEP, "K"},
        {"\xe2\x84\xab", SKU_CASE_KEEP, "\xc3\x85"},
        /* Hangul of two letters. */
        {"\xe1\x84\x80\xe1\x85\xa1", SKU_CASE_KEEP, "\xea\xb0\x80"},
        /* Marks in another order. */
        {"a\xcc\x87\xcc\xa3", SKU_CASE_KEEP, "\xe1\xba\xa1\xcc\x87"},
        /* A no-break, an ideographic and a zero width space, a byte order
         * mark. */
        {"\xc2\xa0"
         "7\xc2\xa0",
         SKU_CASE_KEEP, "7"},
        {"\xe3\x80\x80"
         "7\xe2\x80\x8b",
         SKU_CASE_KEEP, "7"},
        {"\xef\xbb\xbf"
         "7 ",
         SKU_CASE_KEEP, "7"},
        /* Compatibility forms are other skus: that is NFKC's, not ours. */
        {"\xef\xbc\x97", SKU_CASE_KEEP, "\xef\xbc\x97"},
        {"\xc2\xb2", SKU_CASE_KEEP, "\xc2\xb2"},
        /* Sharp s stays: its upper case would be two letters. */
        {"\xc3\x9f", SKU_CASE_LOWER, "\xc3\x9f"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char form[SHOP_SKU_MAX + 1] = "";
        assert_int_equal(
            normal(slice_from_str(table[i].typed), table[i].wanted, form),
            ERR_OK);
        assert_string_equal(form, table[i].form);
    }
}

static void blanks_alone_are_no_sku(void **state) {
    (void)state;
    static const char *const blank[] = {" ", "   ", "\xc2\xa0",
                                        " \xe2\x80\x8b "};
    for (size_t i = 0; i < sizeof(blank) / sizeof(*blank); i++) {
        char form[SHOP_SKU_MAX + 1];
        assert_int_equal(normal(slice_from_str(blank[i]), SKU_CASE_KEEP, form),
                         ERR_NOT_FOUND);
    }
}

static void repeat(const char *text, size_t len, char ret[SHOP_SKU_MAX + 1]) {
    size_t at = 0;
    for (; at + len <= SHOP_SKU_MAX; at += len) {
        memcpy(ret + at, text, len);
    }
    ret[at] = '\0';
}

/* A few letters have no form in one code point, so theirs is longer. */
static void a_form_that_is_too_long_is_refused(void **state) {
    (void)state;
    char sku[SHOP_SKU_MAX + 1];
    char form[SHOP_SKU_MAX + 1];
    repeat("\xe0\xa5\x98", 3, sku); /* DEVANAGARI QA: QA is KA and NUKTA */
    assert_int_equal(normal(slice_from_str(sku), SKU_CASE_KEEP, form),
                     ERR_RANGE);
    /* The longest that fits comes through whole, of any kind of letter. */
    repeat("\xea\xb0\x80", 3, sku);
    assert_int_equal(normal(slice_from_str(sku), SKU_CASE_KEEP, form), ERR_OK);
    assert_string_equal(form, sku);
    repeat("\xe1\xbe\x82", 3, sku); /* decomposes into four */
    assert_int_equal(normal(slice_from_str(sku), SKU_CASE_KEEP, form), ERR_OK);
    assert_string_equal(form, sku);
    repeat("x", 1, sku);
    assert_int_equal(normal(slice_from_str(sku), SKU_CASE_UPPER, form), ERR_OK);
    assert_int_equal(strlen(form), SHOP_SKU_MAX);
}

static size_t encode(uint32_t point, char ret[5]) {
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; point >>= 6) {
        ret[i] = (char)(0x80 | (point & 0x3f));
    }
    ret[0] = (char)(lead[len] | point);
    ret[len] = '\0';
    return len;
}

/* Of every character, alone and before a mark, in each case. */
static void the_form_is_its_own_form(void **state) {
    (void)state;
    uint32_t forms = 0;
    for (uint32_t point = 0x20; point < 0x110000; point++) {
        if (point >= 0xd800 && point < 0xe000) {
            continue;
        }
        for (int wanted = SKU_CASE_KEEP; wanted <= SKU_CASE_LOWER; wanted++) {
            char typed[16];
            size_t len = encode(point, typed);
            memcpy(typed + len, "\xcc\x81x", 4);
            char once[SHOP_SKU_MAX + 1];
            char twice[SHOP_SKU_MAX + 1];
            assert_int_equal(
                normal(slice_from_str(typed), (enum sku_case)wanted, once),
                ERR_OK);
            assert_int_equal(
                normal(slice_from_str(once), (enum sku_case)wanted, twice),
                ERR_OK);
            if (strcmp(once, twice) != 0) {
                fail_msg("U+%04X, case %d: %s and %s", point, wanted, once,
                         twice);
            }
            forms++;
        }
    }
    print_message("%u forms\n", forms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sku_has_one_form),
        cmocka_unit_test(blanks_alone_are_no_sku),
        cmocka_unit_test(a_form_that_is_too_long_is_refused),
        cmocka_unit_test(the_form_is_its_own_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
