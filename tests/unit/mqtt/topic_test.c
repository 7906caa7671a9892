/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a stream's topic names one device, and nothing else is taken for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/mqtt/topic.h"

static void test_topics(void **state) {
    (void)state;
    struct slice device = SLICE_EMPTY;
    assert_int_equal(
        topic_device(SLICE("shopme/s1/till-1/orders"), "s1", "orders", &device),
        ERR_OK);
    assert_true(slice_eq_str(device, "till-1"));
    static const char *const wrong[] = {
        "",
        "shopme/s1//orders",
        "shopme/s1/orders",
        "shopme/s2/till-1/orders",
        "shopme/s1/till-1/telemetry",
        "shopme/s1/till-1/orders/more",
        "xshopme/s1/till-1/orders",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(
            topic_device(slice_from_str(wrong[i]), "s1", "orders", &device),
            ERR_PARSE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
