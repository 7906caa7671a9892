/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a device speaks for itself, under a name that is not the gateway's;
 * everything else is refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/shop/shop.h"
#include "gateway/stream/admission.h"

static void test_device_names(void **state) {
    (void)state;
    char longest[SHOP_DEVICE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    struct reason why;
    assert_int_equal(admission_device(slice_of(longest, SHOP_DEVICE_MAX), &why),
                     ERR_OK);
    assert_int_equal(
        admission_device(slice_of(longest, SHOP_DEVICE_MAX + 1), &why),
        ERR_REFUSED);
    assert_int_equal(admission_device(SLICE("K\xc3\xbc"
                                            "che 2"),
                                      &why),
                     ERR_OK);
    static const char *const wrong[] = {
        "",   "gateway", "events", "order", "inventory", "payment",    "a/b",
        "a+", "#",       "a\x01",  "a\x7f", "\xff",      "fulfilment",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        why.text[0] = '\0';
        assert_int_equal(admission_device(slice_from_str(wrong[i]), &why),
                         ERR_REFUSED);
        assert_string_not_equal(why.text, "");
    }
}

static void test_sources(void **state) {
    (void)state;
    struct event event = {.source = SLICE("/s1/till-1")};
    struct reason why = {""};
    assert_int_equal(admission_source(&event, "s1", SLICE("till-1"), &why),
                     ERR_OK);
    assert_int_equal(admission_source(&event, "s1", SLICE("till-2"), &why),
                     ERR_REFUSED);
    assert_non_null(strstr(why.text, "/s1/till-2"));
    assert_int_equal(admission_source(&event, "s2", SLICE("till-1"), &why),
                     ERR_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device_names),
        cmocka_unit_test(test_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
