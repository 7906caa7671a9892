/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: "/<store>/<name>" is written and taken apart by one pair of functions;
 * whatever is not exactly that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/event/event_source.h"

static void names_come_back(void **state) {
    (void)state;
    char longest[EVENT_SOURCE_NAME_MAX + 1];
    memset(longest, 'n', EVENT_SOURCE_NAME_MAX);
    longest[EVENT_SOURCE_NAME_MAX] = '\0';
    const char *const names[] = {"till-1", "t", "gateway",
                                 "K\xc3\xbc"
                                 "che 2",
                                 longest};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[128];
        struct writer writer = writer_over(text, sizeof text);
        event_source_write(&writer, SLICE("store-7"), slice_from_str(names[i]));
        struct slice name = SLICE_EMPTY;
        assert_int_equal(
            event_source_parse(writer_slice(&writer), SLICE("store-7"), &name),
            ERR_OK);
        assert_true(slice_eq_str(name, names[i]));
    }
}

static void it_is_written_as_documented(void **state) {
    (void)state;
    char text[32];
    struct writer writer = writer_over(text, sizeof text);
    event_source_write(&writer, SLICE("store-7"), SLICE("till-1"));
    assert_true(slice_eq_str(writer_slice(&writer), "/store-7/till-1"));
}

static void all_else_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "/",
        "//",
        "//till-1",
        "/s1",
        "/s1/",
        "s1/till-1",
        "/s1till-1",
        "/s1//till-1",
        "/s1/till-1/",
        "/s1/a/b",
        "/s2/till-1",
        "/s/till-1",
        "/s11/till-1",
        "/S1/till-1",
        " /s1/till-1",
        "urn:s1:till-1",
        /* 65 bytes of a name */
        "/s1/"
        "1234567890123456789012345678901234567890123456789012345678901234"
        "5",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct slice name = SLICE("untouched");
        if (event_source_parse(slice_from_str(wrong[i]), SLICE("s1"), &name) !=
            ERR_PARSE) {
            fail_msg("taken: %s", wrong[i]);
        }
        assert_true(slice_eq_str(name, "untouched"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(it_is_written_as_documented),
        cmocka_unit_test(all_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
