/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "devices/client/message.h"
#include "devices/order.h"

enum { ORDERS = 5000 };

static uint64_t cents_of(const char *text) {
    char *end;
    uint64_t whole = strtoull(text, &end, 10);
    assert_true(end != text && *end == '.');
    assert_int_equal(strlen(end + 1), 2);
    return whole * 100 + strtoull(end + 1, NULL, 10);
}

/* Quantity times price over all lines is the total, and the counts are within
 * what the header promises. */
static void check_total(const cJSON *data) {
    const cJSON *items = cJSON_GetObjectItem(data, "items");
    uint64_t sum = 0;
    const cJSON *line;
    assert_in_range(cJSON_GetArraySize(items), 1, ORDER_LINES_MAX);
    cJSON_ArrayForEach(line, items) {
        int quantity = cJSON_GetObjectItem(line, "quantity")->valueint;
        assert_in_range(quantity, 1, ORDER_QUANTITY_MAX);
        sum += (uint64_t)quantity * cents_of(message_text(line, "unitPrice"));
    }
    assert_int_equal(sum, cents_of(message_text(data, "total")));
}

/* Totals add up for many orders of many seeds. */
static void test_totals(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ORDERS; seed++) {
        struct random rng = random_stream(seed, "till-1");
        struct order_plan plan = order_draw(&rng, "o-1", 2);
        assert_string_equal(message_text(plan.data, "orderId"), "o-1");
        check_total(plan.data);
        cJSON_Delete(plan.data);
    }
}

static char *orders_of(uint64_t seed, const char *till) {
    struct random rng = random_stream(seed, till);
    cJSON *all = cJSON_CreateArray();
    for (int i = 0; i < 50; i++) {
        struct order_plan plan = order_draw(&rng, "o", 1);
        cJSON_AddItemToArray(all, plan.data);
        cJSON_AddItemToArray(all, cJSON_CreateBool(plan.twice));
        cJSON_AddItemToArray(all, cJSON_CreateBool(plan.cancel));
    }
    char *text = cJSON_PrintUnformatted(all);
    cJSON_Delete(all);
    return text;
}

/* The same seed gives the same orders; another seed or till gives others. */
static void test_repeatable(void **state) {
    (void)state;
    char *first = orders_of(42, "till-1");
    char *second = orders_of(42, "till-1");
    char *other_seed = orders_of(43, "till-1");
    char *other_till = orders_of(42, "till-2");
    assert_string_equal(first, second);
    assert_string_not_equal(first, other_seed);
    assert_string_not_equal(first, other_till);
    free(first);
    free(second);
    free(other_seed);
    free(other_till);
}

/* Payments are shared out about as promised, a terminal is asked only if there
 * is one, and only of those there are. */
static void test_payments(void **state) {
    (void)state;
    struct random rng = random_stream(7, "till-1");
    int cash = 0;
    int approved = 0;
    int asked = 0;
    for (int i = 0; i < ORDERS; i++) {
        uint32_t terminals = i % 2 == 0 ? 0 : 3;
        struct order_plan plan = order_draw(&rng, "o", terminals);
        const cJSON *payment = cJSON_GetObjectItem(plan.data, "paymentDetails");
        const char *terminal = message_text(payment, "terminal");
        bool is_cash =
            strcmp(message_text(payment, "paymentMethod"), "CASH") == 0;
        bool has_transaction =
            message_text(payment, "paymentTransactionId")[0] != '\0';
        cash += is_cash;
        approved += has_transaction;
        asked += terminal[0] != '\0';
        assert_int_equal(is_cash + has_transaction + (terminal[0] != '\0'), 1);
        if (terminal[0] != '\0') {
            assert_int_equal(terminals, 3);
            assert_in_range(strtol(terminal + strlen("terminal-"), NULL, 10), 1,
                            3);
        }
        cJSON_Delete(plan.data);
    }
    assert_in_range(cash, ORDERS * 45 / 100, ORDERS * 55 / 100);
    assert_in_range(approved, ORDERS * 35 / 100, ORDERS * 45 / 100);
    assert_in_range(asked, ORDERS * 7 / 100, ORDERS * 13 / 100);
}

/* Minor units as a decimal string. */
static void test_money(void **state) {
    (void)state;
    static const struct {
        uint64_t cents;
        const char *text;
    } cases[] = {{0, "0.00"}, {5, "0.05"}, {1205, "12.05"}, {99999, "999.99"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[ORDER_MONEY_SIZE];
        order_money(cases[i].cents, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_payments),
        cmocka_unit_test(test_money),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
