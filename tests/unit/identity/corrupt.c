/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/identity/corrupt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/identity/lines.h"

enum { TEXT_MAX = 16 * 1024 };

/* Is it refused? If not, what it says is what was given. */
static bool is_refused(corrupt_again again, struct slice text,
                       struct reason *reason) {
    char *written = NULL;
    size_t len = 0;
    reason->text[0] = '\0';
    err_t err = again(text, &written, &len, reason);
    if (err != ERR_OK) {
        assert_int_equal(err, ERR_CORRUPT);
        assert_true(reason->text[0] != '\0');
        assert_true(lines_is_text(slice_from_str(reason->text)));
        return true;
    }
    if (!slice_eq(text, slice_of(written, len))) {
        print_error("accepted: %.*s\nwritten: %.*s\n", SLICE_ARG(text),
                    (int)len, written);
        fail();
    }
    free(written);
    return false;
}

static void check_case(corrupt_again again, const char *file, const char *whole,
                       const struct corrupt_case *now) {
    char text[TEXT_MAX];
    char where[64];
    struct reason reason;
    const char *at = strstr(whole, now->old);
    assert_non_null(at);
    assert_null(strstr(at + 1, now->old));
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, now->now,
             at + strlen(now->old));
    snprintf(where, sizeof where, "%s, line %d: ", file, now->line);
    bool refused = is_refused(again, slice_from_str(text), &reason);
    if (!refused || strstr(reason.text, where) != reason.text ||
        strstr(reason.text, now->says) == NULL) {
        print_error("\"%s\" for \"%s\": %s \"%s\", and not \"%s...%s\"\n",
                    now->now, now->old, refused ? "refused with" : "accepted",
                    reason.text, where, now->says);
        fail();
    }
}

static void check_bytes(corrupt_again again, struct slice whole) {
    static const uint8_t others[] = "\0\n \tAa0-/+#$\x7f\x80\xff";
    uint8_t text[TEXT_MAX];
    struct reason reason;
    size_t refused = 0;
    for (size_t i = 0; i < whole.len; i++) {
        for (size_t j = 0; j < sizeof others - 1; j++) {
            memcpy(text, whole.data, whole.len);
            text[i] = others[j];
            refused += is_refused(again, slice_of(text, whole.len), &reason);
        }
        assert_true(is_refused(again, slice_part(whole, 0, i), &reason));
    }
    assert_true(refused > whole.len);
}

/* A line less, and a line more. */
static void check_lines(corrupt_again again, struct slice whole) {
    uint8_t text[TEXT_MAX];
    struct reason reason;
    for (size_t from = 0; from < whole.len;) {
        const uint8_t *end = memchr(whole.data + from, '\n', whole.len - from);
        assert_non_null(end);
        size_t to = (size_t)(end - whole.data) + 1;
        memcpy(text, whole.data, from);
        memcpy(text + from, whole.data + to, whole.len - to);
        is_refused(again, slice_of(text, from + whole.len - to), &reason);
        memcpy(text, whole.data, to);
        memcpy(text + to, whole.data + from, whole.len - from);
        is_refused(again, slice_of(text, to + whole.len - from), &reason);
        from = to;
    }
}

void corrupt_check(corrupt_again again, const char *file, const char *whole,
                   const struct corrupt_case *cases, size_t count) {
    struct reason reason;
    struct slice text = slice_from_str(whole);
    if (is_refused(again, text, &reason)) {
        print_error("%s\n", reason.text);
        fail();
    }
    for (size_t i = 0; i < count; i++) {
        check_case(again, file, whole, &cases[i]);
    }
    check_bytes(again, text);
    check_lines(again, text);
}
