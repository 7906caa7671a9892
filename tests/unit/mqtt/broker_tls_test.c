/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: listeners with TLS are there when they can be, and a start that fails
 * finds out whether they were the reason. */
#include "gateway/mqtt/broker_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct broker_tls of(bool tls) {
    struct config_broker config = {
        .listeners = {{.anonymous = true}, {.tls = tls}},
        .listener_count = 2,
    };
    struct broker_tls ret;
    broker_tls_init(&ret, &config);
    return ret;
}

static void test_waits_until_it_is_told(void **state) {
    (void)state;
    struct broker_tls tls = of(true);
    assert_false(broker_tls_wanted(&tls));
    assert_string_not_equal(broker_tls_reason(&tls), "");
    broker_tls_say(&tls, "the clock was never set");
    assert_false(broker_tls_wanted(&tls));
    assert_string_equal(broker_tls_reason(&tls), "the clock was never set");
    broker_tls_say(&tls, "");
    assert_true(broker_tls_wanted(&tls));
    assert_string_equal(broker_tls_reason(&tls), "");
}

static void test_without_such_a_listener(void **state) {
    (void)state;
    struct broker_tls tls = of(false);
    assert_string_equal(broker_tls_reason(&tls), "");
    broker_tls_say(&tls, "");
    assert_false(broker_tls_wanted(&tls));
    assert_false(broker_tls_start_failed(&tls, false, "no"));
}

/* With: fails; without: starts. They were the reason, until they change. */
static void test_they_are_the_reason(void **state) {
    (void)state;
    struct broker_tls tls = of(true);
    broker_tls_say(&tls, "");
    assert_true(broker_tls_start_failed(&tls, true, "Unable to load"));
    assert_false(broker_tls_wanted(&tls));
    assert_non_null(strstr(broker_tls_reason(&tls), "Unable to load"));
    broker_tls_steady(&tls);
    assert_false(broker_tls_wanted(&tls));
    broker_tls_changed(&tls);
    assert_true(broker_tls_wanted(&tls));
    assert_string_equal(broker_tls_reason(&tls), "");
}

/* With: fails; without: fails, too. They come back, and the rest is tried. */
static void test_they_are_not_the_reason(void **state) {
    (void)state;
    struct broker_tls tls = of(true);
    broker_tls_say(&tls, "");
    assert_true(broker_tls_start_failed(&tls, true, "x"));
    assert_false(broker_tls_start_failed(&tls, false, "x"));
    assert_true(broker_tls_wanted(&tls));
    assert_false(broker_tls_start_failed(&tls, true, "x"));
    assert_true(broker_tls_wanted(&tls));
    broker_tls_steady(&tls); /* what it was is over: the next is another */
    assert_true(broker_tls_start_failed(&tls, true, "y"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_until_it_is_told),
        cmocka_unit_test(test_without_such_a_listener),
        cmocka_unit_test(test_they_are_the_reason),
        cmocka_unit_test(test_they_are_not_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
