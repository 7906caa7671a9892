/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_span(int64_t seconds, const char *wanted) {
    char text[SPAN_SIZE];
    assert_string_equal(span_text(seconds, text), wanted);
}

/* Goal: a span is told in the largest unit of which there are two. */
static void test_spans(void **state) {
    (void)state;
    assert_span(0, "0 s");
    assert_span(119, "119 s");
    assert_span(120, "2 min");
    assert_span(7199, "119 min");
    assert_span(7200, "2 h");
    assert_span(147600, "41 h");
    assert_span(172799, "47 h");
    assert_span(172800, "2 d");
    assert_span(INT64_MAX, "106751991167300 d");
}

static void assert_bytes(uint64_t bytes, const char *wanted) {
    char text[SPAN_SIZE];
    assert_string_equal(span_bytes(bytes, text), wanted);
}

/* Goal: so are amounts, with a digit after the point. */
static void test_amounts(void **state) {
    (void)state;
    assert_bytes(0, "0 B");
    assert_bytes(1023, "1023 B");
    assert_bytes(1024, "1.0 KiB");
    assert_bytes(1024 * 1024 - 1, "1024.0 KiB");
    assert_bytes(1024 * 1024, "1.0 MiB");
    assert_bytes(1288490188, "1.2 GiB");
    assert_bytes(UINT64_MAX, "16384.0 PiB");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
