/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/base/bytes.h"

/* Goal: slices compare by content, and the empty slice is one whatever its
 * pointer. */
static void slices_compare_by_content(void **state) {
    (void)state;
    char copy[] = "till-1";
    assert_true(slice_eq(SLICE("till-1"), slice_from_str(copy)));
    assert_false(slice_eq(SLICE("till-1"), SLICE("till-2")));
    assert_false(slice_eq(SLICE("till-1"), SLICE("till-10")));
    assert_true(slice_eq(SLICE_EMPTY, slice_of(copy, 0)));
    assert_true(slice_eq(SLICE_EMPTY, slice_from_str(NULL)));
    assert_true(slice_eq_str(SLICE("a"), "a"));
    assert_true(slice_starts_with(SLICE("abc"), "ab"));
    assert_true(slice_starts_with(SLICE_EMPTY, ""));
    assert_false(slice_starts_with(SLICE("ab"), "abc"));
}

/* Goal: a part is exactly what was asked for, up to both ends. */
static void parts_reach_both_ends(void **state) {
    (void)state;
    struct slice all = SLICE("abcdef");
    assert_true(slice_eq_str(slice_part(all, 0, 6), "abcdef"));
    assert_true(slice_eq_str(slice_part(all, 2, 3), "cde"));
    assert_int_equal(slice_part(all, 6, 0).len, 0);
    assert_int_equal(slice_part(SLICE_EMPTY, 0, 0).len, 0);
}

/* Goal: a C string is made only if it says the same; else nothing is
 * touched. */
static void strings_do_not_lose_bytes(void **state) {
    (void)state;
    char buf[4] = "xyz";
    assert_int_equal(slice_to_str(SLICE("abcd"), buf, sizeof buf), ERR_FULL);
    assert_int_equal(slice_to_str(SLICE("a\0b"), buf, sizeof buf), ERR_PARSE);
    assert_string_equal(buf, "xyz");
    assert_int_equal(slice_to_str(SLICE("abc"), buf, sizeof buf), ERR_OK);
    assert_string_equal(buf, "abc");
    assert_int_equal(slice_to_str(SLICE_EMPTY, buf, sizeof buf), ERR_OK);
    assert_string_equal(buf, "");
}

/* What RFC 3629 says, written the slow way: decode, then ask whether the
 * shortest encoding of what came out is what went in. */
static bool utf8_by_definition(const uint8_t *p, size_t len) {
    size_t at = 0;
    while (at < len) {
        uint32_t lead = p[at];
        size_t more = lead < 0x80             ? 0
                      : (lead & 0xe0) == 0xc0 ? 1
                      : (lead & 0xf0) == 0xe0 ? 2
                      : (lead & 0xf8) == 0xf0 ? 3
                                              : 9;
        if (more == 9 || len - at <= more) {
            return false;
        }
        uint32_t value = more == 0 ? lead : lead & (0x3fU >> more);
        for (size_t i = 1; i <= more; i++) {
            if ((p[at + i] & 0xc0) != 0x80) {
                return false;
            }
            value = value << 6 | (p[at + i] & 0x3fU);
        }
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (value < least[more] || value > 0x10ffff ||
            (value >= 0xd800 && value <= 0xdfff)) {
            return false;
        }
        at += more + 1;
    }
    return true;
}

/* Goal: slice_is_utf8() agrees with the definition on every sequence of three
 * bytes, and on every four-byte one that begins with a four-byte lead (with
 * the last byte taken from its edges). */
static void utf8_agrees_with_the_definition(void **state) {
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    uint8_t p[4];
    for (uint32_t three = 0; three < 1U << 24; three++) {
        p[0] = (uint8_t)(three >> 16);
        p[1] = (uint8_t)(three >> 8);
        p[2] = (uint8_t)three;
        if (slice_is_utf8(slice_of(p, 3)) != utf8_by_definition(p, 3)) {
            fail_msg("bytes %02x %02x %02x", p[0], p[1], p[2]);
        }
        for (size_t i = 0; p[0] >= 0xf0 && i < sizeof edges; i++) {
            p[3] = edges[i];
            if (slice_is_utf8(slice_of(p, 4)) != utf8_by_definition(p, 4)) {
                fail_msg("bytes %02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
            }
        }
    }
}

/* Goal: a sequence cut off by the end is refused without a look past the end
 * (the sanitizer watches the exact buffer). */
static void utf8_does_not_look_past_the_end(void **state) {
    (void)state;
    static const char *const whole[] = {"\xc3\xa4", "\xe2\x82\xac",
                                        "\xf0\x9f\x9b\x92"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        for (size_t len = 1; len < strlen(whole[i]); len++) {
            uint8_t *exact = malloc(len);
            memcpy(exact, whole[i], len);
            assert_false(slice_is_utf8(slice_of(exact, len)));
            free(exact);
        }
        assert_true(slice_is_utf8(slice_from_str(whole[i])));
    }
}

/* Goal: a text that was cut, or is not UTF-8, becomes it, and what is whole
 * stays. */
static void texts_become_utf8(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"", ""},
        {"\xc3\xa4 \xf0\x9f\x9b\x92", "\xc3\xa4 \xf0\x9f\x9b\x92"},
        {"a\xc3", "a?"},
        {"\xf0\x9f\x9b", "???"},
        {"\xe4 \x80z", "? ?z"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[16];
        strcpy(text, texts[i][0]);
        str_mend_utf8(text);
        assert_string_equal(text, texts[i][1]);
    }
}

/* Goal: the cursor reads big-endian, and at the end refuses and stays. */
static void cursors_stop_at_the_end(void **state) {
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    struct cursor in = cursor_over(slice_of(bytes, sizeof bytes));
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    struct slice part = SLICE_EMPTY;
    assert_int_equal(cursor_u64(&in, &u64), ERR_OK);
    assert_int_equal(u64, 0x0102030405060708);
    assert_int_equal(cursor_u32(&in, &u32), ERR_PARSE);
    assert_int_equal(cursor_left(&in), 3);
    assert_int_equal(cursor_u16(&in, &u16), ERR_OK);
    assert_int_equal(u16, 0x090a);
    assert_int_equal(cursor_take(&in, 2, &part), ERR_PARSE);
    assert_int_equal(cursor_take(&in, SIZE_MAX, &part), ERR_PARSE);
    assert_int_equal(cursor_left(&in), 1);
    assert_int_equal(cursor_u8(&in, &u8), ERR_OK);
    assert_int_equal(u8, 11);
    assert_int_equal(cursor_u8(&in, &u8), ERR_PARSE);
    assert_int_equal(cursor_take(&in, 0, &part), ERR_OK);
    assert_int_equal(part.len, 0);
}

/* Goal: whatever the writer writes, the cursor reads back. */
static void writers_and_cursors_agree(void **state) {
    (void)state;
    uint8_t buf[64];
    struct writer out = writer_over(buf, sizeof buf);
    writer_u8(&out, 0xfe);
    writer_u16(&out, 0xfedc);
    writer_u32(&out, 0xfedcba98);
    writer_u64(&out, 0xfedcba9876543210);
    writer_str(&out, "ab");
    writer_fill(&out, 'c', 3);
    writer_printf(&out, "%d", -7);
    assert_false(out.full);
    struct cursor in = cursor_over(writer_slice(&out));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    struct slice rest;
    assert_int_equal(cursor_u8(&in, &u8), ERR_OK);
    assert_int_equal(cursor_u16(&in, &u16), ERR_OK);
    assert_int_equal(cursor_u32(&in, &u32), ERR_OK);
    assert_int_equal(cursor_u64(&in, &u64), ERR_OK);
    assert_int_equal(u8, 0xfe);
    assert_int_equal(u16, 0xfedc);
    assert_int_equal(u32, 0xfedcba98);
    assert_true(u64 == 0xfedcba9876543210);
    assert_int_equal(cursor_take(&in, cursor_left(&in), &rest), ERR_OK);
    assert_true(slice_eq_str(rest, "abccc-7"));
}

/* Goal: the first write that does not fit marks the writer full; nothing past
 * the buffer is touched, and nothing more is written, not even what would
 * fit. */
static void a_full_writer_stays_full(void **state) {
    (void)state;
    uint8_t buf[8];
    memset(buf, 0xee, sizeof buf);
    struct writer out = writer_over(buf, 6);
    writer_u32(&out, 1);
    writer_u32(&out, 2);
    assert_true(out.full);
    writer_u8(&out, 3);
    writer_printf(&out, "x");
    writer_slice_add(&out, SLICE("x"));
    assert_int_equal(out.len, 4);
    assert_int_equal(buf[4], 0xee);
    assert_int_equal(buf[6], 0xee);
}

/* Goal: formatted text that is too long for one call is refused whole, not cut
 * off. */
static void long_formats_are_not_cut(void **state) {
    (void)state;
    uint8_t buf[2048];
    struct writer out = writer_over(buf, sizeof buf);
    writer_printf(&out, "%600d", 1);
    assert_true(out.full);
    assert_int_equal(out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_content),
        cmocka_unit_test(parts_reach_both_ends),
        cmocka_unit_test(strings_do_not_lose_bytes),
        cmocka_unit_test(utf8_agrees_with_the_definition),
        cmocka_unit_test(utf8_does_not_look_past_the_end),
        cmocka_unit_test(texts_become_utf8),
        cmocka_unit_test(cursors_stop_at_the_end),
        cmocka_unit_test(writers_and_cursors_agree),
        cmocka_unit_test(a_full_writer_stays_full),
        cmocka_unit_test(long_formats_are_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
