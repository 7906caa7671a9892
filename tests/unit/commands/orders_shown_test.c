/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/orders_shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

static int setup(void **state) {
    struct fixture *f = fixture_new(3);
    f->settings->shop = true;
    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture_close(*state);
    fixture_free(*state);
    return 0;
}

/* Goal: what is shown is a copy: it stays as it was while the shop runs ahead
 * of the disk. */
static void test_shown_as_they_stood(void **state) {
    struct fixture *f = *state;
    static struct orders_shown shown;
    fixture_order(f, 1);
    fixture_order(f, 2);
    fixture_commit(f);
    orders_shown_take(&shown, stream_shop(f->stream));
    fixture_take(f, "card-1", "p-1", "PaymentAuthorized",
                 "{\"orderId\":\"o-1\",\"paymentTransactionId\":\"t\"}");
    fixture_take(f, "till-1", "c-1", "OrderCancelRequested",
                 "{\"orderId\":\"o-2\",\"reason\":\"changed their mind\"}");
    assert_int_equal(shown.counts.placed, 2);
    assert_int_equal(shown.counts.open, 2);
    assert_int_equal(shown.count, 2);
    assert_true(
        slice_eq_str(shown.views[0].order_id, "o-2")); /* newest first */
    assert_true(slice_eq_str(shown.views[1].order_id, "o-1"));
    assert_true(slice_eq_str(shown.views[1].device, "till-1"));
    assert_int_equal(shown.views[0].state, SHOP_ORDER_OPEN);
    fixture_commit(f);
    orders_shown_take(&shown, stream_shop(f->stream));
    assert_int_equal(shown.counts.open, 0);
    assert_int_equal(shown.views[1].state, SHOP_ORDER_FULFILED);
    assert_int_equal(shown.views[0].state, SHOP_ORDER_CANCELLED);
    char reason[256];
    assert_int_equal(slice_to_str(shown.views[0].reason, reason, sizeof reason),
                     ERR_OK);
    assert_non_null(strstr(reason, "cancel"));
}

/* Goal: of many the newest are shown, and all are counted. */
static void test_the_newest_of_many(void **state) {
    struct fixture *f = *state;
    static struct orders_shown shown;
    orders_shown_take(&shown, stream_shop(f->stream));
    assert_int_equal(shown.count, 0);
    for (uint64_t i = 0; i < 2 * SHOP_ORDERS_SHOWN; i++) {
        fixture_order(f, i);
    }
    fixture_commit(f);
    orders_shown_take(&shown, stream_shop(f->stream));
    assert_int_equal(shown.count, SHOP_ORDERS_SHOWN);
    assert_int_equal(shown.counts.placed, 2 * SHOP_ORDERS_SHOWN);
    assert_true(slice_eq_str(shown.views[0].order_id, "o-99"));
    assert_true(
        slice_eq_str(shown.views[SHOP_ORDERS_SHOWN - 1].order_id, "o-50"));
}

/* Goal: reasons that are too long for all the room leave the orders shown. */
static void test_long_reasons(void **state) {
    struct fixture *f = *state;
    static struct orders_shown shown;
    char data[1024];
    char reason[401];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    for (int i = 0; i < SHOP_ORDERS_SHOWN; i++) {
        char id[16];
        snprintf(id, sizeof id, "c-%d", i);
        snprintf(data, sizeof data, "{\"orderId\":\"o-%d\",\"reason\":\"%s\"}",
                 i, reason);
        fixture_order(f, (uint64_t)i);
        fixture_take(f, "till-1", id, "OrderCancelRequested", data);
    }
    fixture_commit(f);
    orders_shown_take(&shown, stream_shop(f->stream));
    assert_int_equal(shown.count, SHOP_ORDERS_SHOWN);
    for (uint32_t i = 0; i < shown.count; i++) {
        assert_true(shown.views[i].device.len > 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_shown_as_they_stood),
        TEST(test_the_newest_of_many),
        TEST(test_long_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
