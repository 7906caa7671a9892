/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/arena.h"

/* Goal: what is allocated is aligned, apart from all the rest and inside the
 * buffer. */
static void allocations_do_not_touch(void **state) {
    (void)state;
    static _Alignas(16) uint8_t buf[256];
    struct arena arena = arena_over(buf, sizeof buf);
    uint8_t *before = buf;
    for (size_t len = 1; len <= 20; len += 3) {
        uint8_t *p = arena_alloc(&arena, len);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_true(p >= before);
        assert_true(p + len <= buf + sizeof buf);
        before = p + len;
    }
}

/* Goal: no room is NULL and takes nothing; also for a length near the end of
 * the number range, where a sum would wrap. */
static void no_room_takes_nothing(void **state) {
    (void)state;
    static _Alignas(16) uint8_t buf[64];
    struct arena arena = arena_over(buf, sizeof buf);
    assert_non_null(arena_alloc(&arena, 1));
    size_t used = arena.len;
    assert_null(arena_alloc(&arena, 49));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    assert_int_equal(arena.len, used);
    assert_non_null(arena_alloc(&arena, 48));
    assert_null(arena_alloc(&arena, 1));
}

/* Goal: a copy holds the same bytes elsewhere; too long a one is refused and
 * the result left alone; a reset gives all the room back. */
static void copies_and_resets(void **state) {
    (void)state;
    static _Alignas(16) uint8_t buf[32];
    struct arena arena = arena_over(buf, sizeof buf);
    struct slice text = SLICE("twenty bytes of text");
    struct slice copy = SLICE_EMPTY;
    assert_int_equal(arena_copy(&arena, text, &copy), ERR_OK);
    assert_true(slice_eq(copy, text));
    assert_ptr_not_equal(copy.data, text.data);
    struct slice second = SLICE("x");
    assert_int_equal(arena_copy(&arena, text, &second), ERR_FULL);
    assert_true(slice_eq_str(second, "x"));
    arena_reset(&arena);
    assert_int_equal(arena_copy(&arena, text, &second), ERR_OK);
    assert_int_equal(arena_copy(&arena, SLICE_EMPTY, &second), ERR_OK);
    assert_int_equal(second.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_do_not_touch),
        cmocka_unit_test(no_room_takes_nothing),
        cmocka_unit_test(copies_and_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
