/* SPDX-License-Identifier: Apache-2.0 */
/* The revoked serial numbers: found however they are written, kept in one form,
 * and each damage refused with its line. */
#include "gateway/identity/revoked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/identity/corrupt.h"

static const char whole[] = "shopme-edge revoked 1\n"        /* 1 */
                            "expires 2026-12-29T10:00:00Z\n" /* 2 */
                            "refuse-expired\n"               /* 3 */
                            "serial 00\n"                    /* 4 */
                            "serial 0A1B\n"                  /* 5 */
                            "serial FF000000000000000000"
                            "00000000000000000001\n" /* 6 */
                            "end 3\n";               /* 7 */

static err_t again(struct slice text, char **ret, size_t *ret_len,
                   struct reason *reason) {
    struct revoked revoked = {.count = 77};
    err_t err = revoked_read(text, &revoked, reason);
    if (err != ERR_OK) {
        assert_int_equal(revoked.count, 77); /* untouched */
        return err;
    }
    err = revoked_write(&revoked, ret, ret_len);
    revoked_free(&revoked);
    return err;
}

static void test_corrupt(void **state) {
    static const struct corrupt_case cases[] = {
        {"revoked 1", "revoked 2", 1, "instead of"},
        {"expires 2026-12-29T10:00:00Z\n", "", 2, "\"expires\" is missing"},
        {"2026-12-29T10:00:00Z", "soon", 2, "neither \"never\" nor a time"},
        {"2026-12-29T10:00:00Z", "", 2, "neither \"never\" nor a time"},
        {"refuse-expired\n", "refuse-expired\nrefuse-expired\n", 4,
         "instead of \"end 0\""},
        {"serial 0A1B", "serial A1B", 5, "not a serial number"},
        {"serial 0A1B", "serial 0a1b", 5, "not a serial number"},
        {"serial 0A1B", "serial 000A1B", 5, "not a serial number"},
        {"serial 0A1B", "serial ", 5, "not a serial number"},
        {"serial 0A1B", "serial 0x1B", 5, "not a serial number"},
        {"serial 0A1B", "serial -A1B", 5, "not a serial number"},
        {"serial 0A1B", "serial 00", 5, "00 is not in order"},
        {"serial 00\n", "serial 0B\n", 5, "0A1B is not in order"},
        {"serial FF", "serial FFFF", 6, "not a serial number"},
        {"end 3", "end 2", 7, "\"end 2\" instead of \"end 3\""},
        {"end 3\n", "", 7, "the file is cut"},
        {"end 3\n", "end 3\nserial FFFF\n", 8, "more after the end"},
    };
    (void)state;
    corrupt_check(again, "revoked", whole, cases, sizeof cases / sizeof *cases);
}

/* Goal: a number is found in whatever way it is written, and no other is. */
static void test_has(void **state) {
    (void)state;
    struct revoked revoked;
    struct reason reason;
    assert_int_equal(revoked_read(slice_from_str(whole), &revoked, &reason),
                     ERR_OK);
    assert_int_equal(revoked.count, 3);
    assert_true(revoked.refuse_expired);
    assert_int_equal(revoked.expires_us, 1798538400LL * 1000000);
    assert_true(revoked_has(&revoked, "0A1B"));
    assert_true(revoked_has(&revoked, "A1B"));
    assert_true(revoked_has(&revoked, "0a1b"));
    assert_true(revoked_has(&revoked, "00000A1B"));
    assert_true(revoked_has(&revoked, "0"));
    assert_true(
        revoked_has(&revoked, "FF00000000000000000000000000000000000001"));
    assert_true(
        revoked_has(&revoked, "00FF00000000000000000000000000000000000001"));
    assert_false(revoked_has(&revoked, "0A1C"));
    assert_false(revoked_has(&revoked, "A1B0"));
    assert_false(revoked_has(&revoked, ""));
    assert_false(revoked_has(&revoked, "0A1B "));
    assert_false(
        revoked_has(&revoked, "FF0000000000000000000000000000000000000100"));
    revoked_free(&revoked);
    assert_false(revoked_has(&revoked, "0A1B"));
    revoked_free(NULL);
}

/* Goal: a list in any order and form is written in the one form. */
static void test_written(void **state) {
    (void)state;
    char serials[][REVOKED_SERIAL_MAX] = {"ff", "1", "0A1B", "a1b", "0"};
    struct revoked revoked = {
        .expires_us = INT64_MAX, .count = 5, .serials = serials};
    char *text;
    size_t len;
    assert_int_equal(revoked_write(&revoked, &text, &len), ERR_OK);
    assert_true(slice_eq_str(slice_of(text, len),
                             "shopme-edge revoked 1\nexpires never\nserial 00\n"
                             "serial 01\nserial 0A1B\nserial FF\nend 4\n"));
    free(text);
    memcpy(serials[2], "none", 5);
    assert_int_equal(revoked_write(&revoked, &text, &len), ERR_RANGE);
    revoked.count = REVOKED_MAX + 1;
    assert_int_equal(revoked_write(&revoked, &text, &len), ERR_FULL);
}

/* Goal: as many as there may be, and not one more. */
static void test_many(void **state) {
    (void)state;
    struct revoked revoked = {.count = REVOKED_MAX};
    struct revoked read;
    struct reason reason;
    char *text;
    size_t len;
    revoked.serials = calloc(REVOKED_MAX, sizeof *revoked.serials);
    assert_non_null(revoked.serials);
    for (uint32_t i = 0; i < REVOKED_MAX; i++) {
        snprintf(revoked.serials[i], sizeof *revoked.serials, "%X",
                 (unsigned)i);
    }
    assert_int_equal(revoked_write(&revoked, &text, &len), ERR_OK);
    assert_int_equal(revoked_read(slice_of(text, len), &read, &reason), ERR_OK);
    assert_int_equal(read.count, REVOKED_MAX);
    for (uint32_t i = 0; i < REVOKED_MAX; i++) {
        assert_true(revoked_has(&read, revoked.serials[i]));
    }
    revoked_free(&read);
    struct writer more = writer_over(malloc(len + 64), len + 64);
    assert_non_null(more.data);
    writer_slice_add(&more, slice_of(text, len - strlen("end 100000\n")));
    writer_str(&more, "serial FFFFFFFF\nend 100001\n");
    assert_int_equal(revoked_read(writer_slice(&more), &read, &reason),
                     ERR_CORRUPT);
    assert_non_null(strstr(reason.text, "more than 100000 certificates"));
    free(more.data);
    free(text);
    revoked_free(&revoked);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_has),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
