/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 and 16 as written: RFC 4648's vectors, any length, any room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/event/base64.h"

typedef void write_fn(struct writer *writer, struct slice bytes);

static void check(write_fn *write, struct slice bytes, const char *expected) {
    char text[200];
    for (size_t room = 0; room <= strlen(expected); room++) {
        memset(text, '!', sizeof text);
        struct writer writer = writer_over(text + 1, room);
        write(&writer, bytes);
        assert_int_equal(writer.full, room < strlen(expected));
        assert_true(text[0] == '!' && text[1 + room] == '!');
        if (!writer.full) {
            assert_true(slice_eq_str(writer_slice(&writer), expected));
        }
    }
}

/* Goal: the vectors of RFC 4648 section 10, in no more room than they need. */
static void test_the_vectors(void **state) {
    (void)state;
    check(event_base64_write, SLICE(""), "");
    check(event_base64_write, SLICE("f"), "Zg==");
    check(event_base64_write, SLICE("fo"), "Zm8=");
    check(event_base64_write, SLICE("foo"), "Zm9v");
    check(event_base64_write, SLICE("foob"), "Zm9vYg==");
    check(event_base64_write, SLICE("fooba"), "Zm9vYmE=");
    check(event_base64_write, SLICE("foobar"), "Zm9vYmFy");
    check(event_base64_write, SLICE("\xfb\xff\xfe"), "+//+");
    check(event_base64url_write, SLICE("\xfb\xff\xfe"), "-__-");
    check(event_base64url_write, SLICE("f"), "Zg");
    check(event_base64url_write, SLICE("fooba"), "Zm9vYmE");
    check(event_base16_write, SLICE("\x00\xff\x1a"), "00FF1A");
}

/* Goal: what is written behind other bytes reads back, at every length. */
static void test_back_again(void **state) {
    (void)state;
    uint8_t bytes[100];
    uint8_t text[200];
    uint8_t back[200];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(37 * i + 11);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct writer writer = writer_over(text, sizeof text);
        writer_str(&writer, "x");
        event_base64_write(&writer, slice_of(bytes, len));
        assert_false(writer.full);
        assert_int_equal(writer.len, 1 + (len + 2) / 3 * 4);
        size_t back_len;
        assert_int_equal(event_base64_read(slice_of(text + 1, writer.len - 1),
                                           back, &back_len),
                         ERR_OK);
        assert_true(slice_eq(slice_of(back, back_len), slice_of(bytes, len)));
    }
}

/* Goal: a writer that is full stays as it is. */
static void test_a_full_writer(void **state) {
    (void)state;
    uint8_t text[20];
    struct writer writer = writer_over(text, 1);
    writer_str(&writer, "xx");
    assert_true(writer.full);
    event_base64_write(&writer, SLICE(""));
    event_base64_write(&writer, SLICE("f"));
    assert_true(writer.full);
    assert_int_equal(writer.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors),
        cmocka_unit_test(test_back_again),
        cmocka_unit_test(test_a_full_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
