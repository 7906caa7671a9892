/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a sku's stock changed by since a moment is known for the newest
 * movements, whatever the clock did; what is forgotten is known to be; a saved
 * ring is the same ring. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/moves.h"

enum { SKUS = 3 };

struct naive {
    int64_t wall_us;
    int64_t change;
    int sku;
};

static int set_up(void **state) {
    struct moves *moves = malloc(sizeof(*moves));
    assert_non_null(moves);
    moves_begin(moves);
    *state = moves;
    return 0;
}

static int tear_down(void **state) {
    moves_free(*state);
    free(*state);
    return 0;
}

static uint64_t print_of(const struct moves *moves) {
    struct fingerprint print;
    fingerprint_begin(&print);
    moves_fingerprint(moves, &print);
    return fingerprint_end(&print);
}

static void each_sku_has_its_own(void **state) {
    struct moves *moves = *state;
    uint64_t newest[SKUS] = {MOVES_NONE};
    assert_int_equal(moves_since(moves, newest[0], INT64_MIN, INT64_MAX), 0);
    assert_int_equal(moves_add(moves, 10, -3, &newest[0]), ERR_OK);
    assert_int_equal(moves_add(moves, 20, 7, &newest[1]), ERR_OK);
    assert_int_equal(moves_add(moves, 30, -5, &newest[0]), ERR_OK);
    assert_int_equal(moves_since(moves, newest[0], 9, INT64_MAX), -8);
    assert_int_equal(moves_since(moves, newest[0], 10, INT64_MAX), -5);
    assert_int_equal(moves_since(moves, newest[0], 29, INT64_MAX), -5);
    assert_int_equal(moves_since(moves, newest[0], 30, INT64_MAX), 0);
    /* Of a clock that was put back to 15. */
    assert_int_equal(moves_since(moves, newest[0], 9, 15), -3);
    assert_int_equal(moves_since(moves, newest[1], 0, INT64_MAX), 7);
    assert_int_equal(moves_since(moves, newest[2], 0, INT64_MAX), 0);
    assert_true(moves->known_from_us == INT64_MIN);
}

static void what_is_forgotten_is_known_to_be(void **state) {
    struct moves *moves = *state;
    uint64_t newest = MOVES_NONE;
    uint64_t other = MOVES_NONE;
    assert_int_equal(moves_add(moves, 1, -1, &other), ERR_OK);
    for (int64_t i = 2; i <= MOVES_MAX; i++) {
        assert_int_equal(moves_add(moves, i, -1, &newest), ERR_OK);
    }
    assert_true(moves->known_from_us == INT64_MIN);
    assert_int_equal(moves_since(moves, newest, 0, INT64_MAX),
                     -(MOVES_MAX - 1));
    assert_int_equal(moves_since(moves, other, 0, INT64_MAX), -1);
    assert_int_equal(moves_add(moves, MOVES_MAX + 1, -1, &newest), ERR_OK);
    assert_int_equal(moves->known_from_us, 1);
    assert_int_equal(moves_since(moves, other, 1, INT64_MAX), 0);
    assert_int_equal(moves_since(moves, newest, 1, INT64_MAX), -MOVES_MAX);
    moves_forget(moves, 77);
    assert_int_equal(moves->known_from_us, 77);
    assert_int_equal(moves_since(moves, newest, 0, INT64_MAX), 0);
    assert_int_equal(moves_add(moves, 78, -4, &newest), ERR_OK);
    assert_int_equal(moves_since(moves, newest, 0, INT64_MAX), -4);
}

/* Against a plain list, over twice the ring, with a clock that steps. */
static void sums_are_those_of_a_list(void **state) {
    struct moves *moves = *state;
    enum { COUNT = 2 * MOVES_MAX + 100 };
    struct naive *list = calloc(COUNT, sizeof(*list));
    assert_non_null(list);
    uint64_t newest[SKUS] = {MOVES_NONE};
    uint64_t seed = 0x5eed;
    print_message("seed %" PRIu64 "\n", seed);
    for (size_t i = 0; i < COUNT; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        list[i] = (struct naive){(int64_t)(seed >> 50),
                                 (int64_t)(seed >> 30 & 0xfff) - 2000,
                                 (int)(seed >> 44 & 0xff) % SKUS};
        assert_int_equal(moves_add(moves, list[i].wall_us, list[i].change,
                                   &newest[list[i].sku]),
                         ERR_OK);
    }
    for (int sku = 0; sku < SKUS; sku++) {
        for (int64_t since = -1; since < 1 << 14; since += 1111) {
            int64_t sum = 0;
            for (size_t i = COUNT - MOVES_MAX; i < COUNT; i++) {
                sum += list[i].sku == sku && list[i].wall_us > since
                           ? list[i].change
                           : 0;
            }
            assert_int_equal(moves_since(moves, newest[sku], since, INT64_MAX),
                             sum);
        }
    }
    assert_int_equal(moves->known_from_us, list[COUNT - MOVES_MAX - 1].wall_us);
    free(list);
}

static void a_saved_ring_is_the_same(void **state) {
    struct moves *moves = *state;
    uint64_t newest = MOVES_NONE;
    for (int64_t i = 0; i < MOVES_MAX + 5; i++) {
        assert_int_equal(moves_add(moves, i, i + 1, &newest), ERR_OK);
    }
    size_t cap = 2 * 1024 * 1024;
    uint8_t *bytes = malloc(cap);
    assert_non_null(bytes);
    struct writer to = writer_over(bytes, cap);
    moves_save(moves, &to);
    assert_false(to.full);
    print_message("%zu bytes\n", to.len);
    struct moves copy;
    moves_begin(&copy);
    struct cursor from = cursor_over(writer_slice(&to));
    assert_int_equal(moves_load(&copy, &from), ERR_OK);
    assert_int_equal(cursor_left(&from), 0);
    assert_int_equal(print_of(&copy), print_of(moves));
    assert_int_equal(moves_since(&copy, newest, 100, INT64_MAX),
                     moves_since(moves, newest, 100, INT64_MAX));
    moves_free(&copy);
    /* A cut one, and one of more than there can be, are refused. */
    from = cursor_over(slice_of(bytes, to.len - 1));
    assert_int_equal(moves_load(&copy, &from), ERR_PARSE);
    moves_free(&copy);
    bytes[15] ^= 1; /* `first` */
    bytes[8] = 0;
    from = cursor_over(writer_slice(&to));
    bytes[16 + 5] = 1; /* `last` */
    assert_int_equal(moves_load(&copy, &from), ERR_PARSE);
    moves_free(&copy);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_sku_has_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_known_to_be,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(sums_are_those_of_a_list, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_saved_ring_is_the_same, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
