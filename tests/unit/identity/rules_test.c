/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule of rules.h, and the reason by which the opposite is refused. The
 * same for generated topics: rules_property_test.c. */
#include "gateway/identity/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PUB = RULES_PUBLISH, SUB = RULES_SUBSCRIBE, READ = RULES_READ };

static const struct rules rules = {
    .store = "s",
    .stream_count = 2,
    .streams = {"orders", "telemetry"},
    .anonymous = true,
};

struct rule_case {
    int action;
    const char *topic;
    enum refusal refusal;
    bool retain;
};

static void check(enum rules_who who, const struct account *account,
                  const struct rule_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        enum refusal is = rules_check(&rules, who, account,
                                      (enum rules_action)cases[i].action,
                                      cases[i].topic, cases[i].retain);
        if (is != cases[i].refusal) {
            print_error("%d of %s: \"%s\" instead of \"%s\"\n", cases[i].action,
                        cases[i].topic, refusal_code(is),
                        refusal_code(cases[i].refusal));
            fail();
        }
    }
}

/* What an anonymous client may do for any other name it may not for one that
 * is registered. */
static void test_anonymous_beside_registered(void **state) {
    (void)state;
    static const struct {
        int action;
        const char *topic;
        enum refusal refusal;
    } cases[] = {
        {PUB, "shopme/s/till/orders", REFUSAL_OTHER_DEVICE},
        {PUB, "shopme/s/till/status", REFUSAL_NO_STREAM},
        {PUB, "shopme/s/tills/orders", REFUSAL_NONE},
        {PUB, "shopme/s/til/orders", REFUSAL_NONE},
        {SUB, "shopme/s/till/receipts", REFUSAL_OTHER_DEVICE},
        {SUB, "shopme/s/till/notices", REFUSAL_OTHER_DEVICE},
        {SUB, "shopme/s/other/receipts", REFUSAL_NONE},
        {SUB, "shopme/s/+/receipts", REFUSAL_NONE},
        {READ, "shopme/s/till/receipts", REFUSAL_OTHER_DEVICE},
        {READ, "shopme/s/other/receipts", REFUSAL_NONE},
        {PUB, "shopme", REFUSAL_NO_STREAM},
        {PUB, "kitchen/till/till", REFUSAL_OUTSIDE},
    };
    struct accounts accounts = {0};
    const struct account till = {.name = "till"};
    assert_int_equal(accounts_put(&accounts, &till), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            rules_check_anonymous(&rules, &accounts,
                                  (enum rules_action)cases[i].action,
                                  cases[i].topic, false),
            cases[i].refusal);
    }
    accounts_free(&accounts);
}

static char kitchen[] = "kitchen/#";
static char bar[] = "bar/+/light";
static char *topics[] = {kitchen, bar};

static void test_device(void **state) {
    static const struct account till = {
        .name = "till", .topic_count = 2, .topics = topics};
    static const struct rule_case cases[] = {
        {PUB, "shopme/s/till/orders", REFUSAL_NONE, false},
        {PUB, "shopme/s/till/telemetry", REFUSAL_NONE, false},
        {PUB, "shopme/s/till/orders", REFUSAL_RETAINED, true},
        {PUB, "shopme/s/till/status", REFUSAL_NONE, false},
        {PUB, "shopme/s/till/status", REFUSAL_NONE, true},
        {PUB, "shopme/s/till/receipts", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/till/notices", REFUSAL_NO_STREAM, true},
        {PUB, "shopme/s/till/other", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/till/orders/x", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/till/", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/till", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s", REFUSAL_NO_STREAM, false},
        {PUB, "shopme", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/", REFUSAL_OTHER_STORE, false},
        {PUB, "shopme/s/", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/till-2/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/til/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/Till/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/till-2/orders", REFUSAL_OTHER_DEVICE, true},
        {PUB, "shopme/s/gateway/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/events/orders", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/+/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/t/till/orders", REFUSAL_OTHER_STORE, false},
        {PUB, "shopme/s2/till/orders", REFUSAL_OTHER_STORE, false},
        {SUB, "shopme/s/till/receipts", REFUSAL_NONE, false},
        {SUB, "shopme/s/till/notices", REFUSAL_NONE, false},
        {READ, "shopme/s/till/receipts", REFUSAL_NONE, false},
        {READ, "shopme/s/till/receipts", REFUSAL_NONE, true},
        {SUB, "shopme/s/till/orders", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/till/#", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/till/+", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/till/receipts/#", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/till-2/receipts", REFUSAL_OTHER_DEVICE, false},
        {READ, "shopme/s/till-2/receipts", REFUSAL_OTHER_DEVICE, false},
        {SUB, "shopme/s/+/receipts", REFUSAL_OTHER_DEVICE, false},
        {SUB, "shopme/s/#", REFUSAL_OTHER_DEVICE, false},
        {SUB, "shopme/+/till/receipts", REFUSAL_OTHER_STORE, false},
        {SUB, "shopme/#", REFUSAL_OTHER_STORE, false},
        {SUB, "+/s/till/receipts", REFUSAL_OTHER_DEVICE, false},
        {SUB, "+", REFUSAL_OTHER_DEVICE, false},
        {SUB, "#", REFUSAL_OTHER_DEVICE, false},
        {SUB, "shopme/s/events/OrderPlaced", REFUSAL_CHANNEL, false},
        {SUB, "shopme/s/events/#", REFUSAL_CHANNEL, false},
        {READ, "shopme/s/events/OrderPlaced", REFUSAL_CHANNEL, false},
        {SUB, "$share/g/shopme/s/till/receipts", REFUSAL_SHARED, false},
        {SUB, "$SYS/#", REFUSAL_SYSTEM, false},
        {SUB, "$shopme/report", REFUSAL_SYSTEM, false},
        {READ, "$SYS/broker/uptime", REFUSAL_SYSTEM, false},
        {PUB, "$CONTROL/shopme/v1", REFUSAL_SYSTEM, false},
        {SUB, "$share", REFUSAL_SYSTEM, false},
        {PUB, "kitchen/oven", REFUSAL_NONE, true},
        {SUB, "kitchen", REFUSAL_NONE, false},
        {SUB, "kitchen/#", REFUSAL_NONE, false},
        {SUB, "kitchen/+/a", REFUSAL_NONE, false},
        {READ, "bar/1/light", REFUSAL_NONE, false},
        {SUB, "bar/+/light", REFUSAL_NONE, false},
        {SUB, "bar/#", REFUSAL_OUTSIDE, false},
        {PUB, "bar/light", REFUSAL_OUTSIDE, false},
        {PUB, "bar/+/light", REFUSAL_OUTSIDE, false},
        {READ, "kitchen/#", REFUSAL_OUTSIDE, false},
        {PUB, "Kitchen/a", REFUSAL_OUTSIDE, false},
        {PUB, "shopmee/s/till/orders", REFUSAL_OUTSIDE, false},
        {PUB, "/shopme/s/till/orders", REFUSAL_OUTSIDE, false},
        {PUB, "", REFUSAL_OUTSIDE, false},
    };
    (void)state;
    check(RULES_DEVICE, &till, cases, sizeof cases / sizeof *cases);
}

static void test_channel(void **state) {
    static const struct account screen = {.name = "screen", .channel = true};
    static const struct rule_case cases[] = {
        {SUB, "shopme/s/events/OrderPlaced", REFUSAL_NONE, false},
        {SUB, "shopme/s/events/#", REFUSAL_NONE, false},
        {SUB, "shopme/s/events/+/+", REFUSAL_NONE, false},
        {READ, "shopme/s/events/OrderPlaced", REFUSAL_NONE, false},
        {PUB, "shopme/s/events/OrderPlaced", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/t/events/#", REFUSAL_OTHER_STORE, false},
        {SUB, "shopme/s/+/OrderPlaced", REFUSAL_OTHER_DEVICE, false},
        {SUB, "shopme/s/eventsx/#", REFUSAL_OTHER_DEVICE, false},
        {SUB, "$share/g/shopme/s/events/#", REFUSAL_SHARED, false},
        {SUB, "kitchen/#", REFUSAL_OUTSIDE, false},
    };
    (void)state;
    check(RULES_DEVICE, &screen, cases, sizeof cases / sizeof *cases);
}

static void test_anonymous(void **state) {
    static const struct rule_case cases[] = {
        {PUB, "shopme/s/till/orders", REFUSAL_NONE, false},
        {PUB, "shopme/s/sensor.1/telemetry", REFUSAL_NONE, false},
        {PUB, "shopme/s/till/orders", REFUSAL_RETAINED, true},
        {PUB, "shopme/s/till/status", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/till/receipts", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/gateway/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/order/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/events/orders", REFUSAL_NO_STREAM, false},
        {PUB, "shopme/s/a b/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/s/+/orders", REFUSAL_OTHER_DEVICE, false},
        {PUB, "shopme/t/till/orders", REFUSAL_OTHER_STORE, false},
        {SUB, "shopme/s/till/receipts", REFUSAL_NONE, false},
        {SUB, "shopme/s/+/receipts", REFUSAL_NONE, false},
        {SUB, "shopme/s/+/notices", REFUSAL_NONE, false},
        {READ, "shopme/s/till/notices", REFUSAL_NONE, false},
        {SUB, "shopme/s/+/orders", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/+/+", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/+/#", REFUSAL_NO_STREAM, false},
        {SUB, "shopme/s/#", REFUSAL_OTHER_DEVICE, false},
        {READ, "shopme/s/+/receipts", REFUSAL_OTHER_DEVICE, false},
        {SUB, "shopme/s/events/#", REFUSAL_CHANNEL, false},
        {READ, "shopme/s/events/receipts", REFUSAL_CHANNEL, false},
        {SUB, "#", REFUSAL_OTHER_DEVICE, false},
        {SUB, "$share/g/shopme/s/+/receipts", REFUSAL_SHARED, false},
        {SUB, "$SYS/#", REFUSAL_SYSTEM, false},
        {PUB, "kitchen/oven", REFUSAL_OUTSIDE, false},
        {SUB, "kitchen/oven", REFUSAL_OUTSIDE, false},
    };
    (void)state;
    check(RULES_ANONYMOUS, NULL, cases, sizeof cases / sizeof *cases);
    struct rules closed = rules;
    closed.anonymous = false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rules_check(&closed, RULES_ANONYMOUS, NULL,
                                     (enum rules_action)cases[i].action,
                                     cases[i].topic, false),
                         REFUSAL_ANONYMOUS);
    }
}

static void test_gateway(void **state) {
    static const struct rule_case cases[] = {
        {SUB, "#", REFUSAL_NONE, false},
        {SUB, "$shopme/report", REFUSAL_NONE, false},
        {PUB, "$CONTROL/shopme/v1", REFUSAL_NONE, false},
        {PUB, "shopme/s/till/receipts", REFUSAL_NONE, true},
        {READ, "shopme/s/till/orders", REFUSAL_NONE, false},
    };
    (void)state;
    check(RULES_GATEWAY, NULL, cases, sizeof cases / sizeof *cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anonymous_beside_registered),
        cmocka_unit_test(test_device),
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_anonymous),
        cmocka_unit_test(test_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
