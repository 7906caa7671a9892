/* SPDX-License-Identifier: Apache-2.0 */
/* Orders about dead letters, as the API takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/console/reply_dead.h"

static err_t read(const char *text, struct dead_order *order) {
    struct reason reason = {""};
    err_t err = dead_order_read(slice_from_str(text), order, &reason);
    assert_true((err == ERR_OK) == (reason.text[0] == '\0'));
    return err;
}

static void test_good(void **state) {
    (void)state;
    struct dead_order order;
    assert_int_equal(read("{\"retry\": [0, 7]}", &order), ERR_OK);
    assert_int_equal(order.ask, DEAD_ASK_RETRY);
    assert_int_equal(order.count, 2);
    assert_int_equal(order.ids[1], 7);
    assert_int_equal(read("{\"drop\":[9223372036854775807]}", &order), ERR_OK);
    assert_int_equal(order.ask, DEAD_ASK_DROP);
    assert_true(order.ids[0] == INT64_MAX);
}

/* Goal: anything else is refused with words, also one id too many. */
static void test_bad(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"retry\":3}",
        "{\"retry\":[]}",
        "{\"retry\":[-1]}",
        "{\"retry\":[1.5]}",
        "{\"retry\":[\"1\"]}",
        "{\"send\":[1]}",
        "{\"retry\":[1],\"drop\":[2]}",
        "{\"retry\":[9223372036854775808]}",
    };
    struct dead_order order;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(read(bad[i], &order), ERR_OK);
    }
    char many[8 * DEAD_ASK_MAX];
    struct writer writer = writer_over(many, sizeof many - 1);
    writer_str(&writer, "{\"retry\":[1");
    for (int i = 0; i < DEAD_ASK_MAX; i++) {
        writer_str(&writer, ",1");
    }
    writer_str(&writer, "]}");
    many[writer.len] = '\0';
    assert_int_equal(read(many, &order), ERR_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
