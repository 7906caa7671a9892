/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the table finds what was put in and nothing else, through every
 * doubling, with entries that keep their address and order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/shop/table.h"

enum { COUNT = 5000 };

struct item {
    struct table_entry entry;
    int number;
};

static struct slice key_of(int number, char ret[16]) {
    snprintf(ret, 16, "key-%d", number);
    return slice_from_str(ret);
}

static void all_are_found_while_it_grows(void **state) {
    (void)state;
    static struct item *items[COUNT];
    struct table table = {0};
    char text[16];
    assert_null(table_find(&table, SLICE("none")));
    for (int i = 0; i < COUNT; i++) {
        assert_null(table_find(&table, key_of(i, text)));
        items[i] = table_add(&table, key_of(i, text), sizeof(struct item));
        assert_non_null(items[i]);
        items[i]->number = i;
        assert_true(slice_eq(table_key(&items[i]->entry), key_of(i, text)));
    }
    for (int i = 0; i < COUNT; i++) {
        assert_ptr_equal(table_find(&table, key_of(i, text)), items[i]);
    }
    assert_null(table_find(&table, SLICE("key-5000")));
    assert_null(table_find(&table, SLICE_EMPTY));
    assert_int_equal(table.count, COUNT);
    assert_true(table.capacity >= COUNT);
    int number = 0;
    for (struct table_entry *at = table.first; at != NULL; at = at->next) {
        assert_int_equal(((struct item *)at)->number, number++);
    }
    assert_int_equal(number, COUNT);
    table_free(&table, NULL);
    assert_null(table_find(&table, SLICE("key-0")));
}

static int freed;

static void count_freed(struct table_entry *entry) {
    freed += ((struct item *)entry)->number;
}

static void each_entry_is_freed_once(void **state) {
    (void)state;
    struct table table = {0};
    for (int i = 0; i < 100; i++) {
        char text[16];
        struct item *item =
            table_add(&table, key_of(i, text), sizeof(struct item));
        item->number = i;
    }
    freed = 0;
    table_free(&table, count_freed);
    assert_int_equal(freed, 4950);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_found_while_it_grows),
        cmocka_unit_test(each_entry_is_freed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
