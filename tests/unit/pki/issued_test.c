/* SPDX-License-Identifier: Apache-2.0 */
/* The index of what a CA has issued, as text. */
#include "gateway/pki/issued.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/pki/when.h"

#define FIRST                                  \
    "certificate 4F0C\n device till-1\n from " \
    "2026-11-29T10:00:00Z\n until 2029-11-28T10:00:00Z\n"

static const char good[] =
    "shopme-edge issued 1\ncrl 3\ncertificate 01\n ca Shopme Edge CA 01\n"
    " from 2026-11-29T10:00:00Z\n until never\n" FIRST
    " revoked 2026-12-01T10:00:00Z\n"
    "certificate 5A\n server gw.local\n from 2026-11-29T10:00:00Z\n"
    " until 2028-11-29T10:00:00Z\nend 3\n";

/* Goal: what is read is written as it was. */
static void test_round(void **state) {
    (void)state;
    CLEANUP(issued_free) struct issued issued = {0};
    CLEANUP(octets_free) struct octets text = {NULL, 0};
    struct reason reason = {""};
    assert_int_equal(issued_read(slice_from_str(good), &issued, &reason),
                     ERR_OK);
    assert_int_equal(issued.count, 3);
    assert_int_equal(issued.crl_number, 3);
    assert_int_equal(issued.list[0].not_after_us, WHEN_NEVER);
    assert_string_equal(issued.list[1].name, "till-1");
    assert_int_not_equal(issued.list[1].revoked_us, 0);
    assert_int_equal(issued.list[2].kind, CERTIFICATE_SERVER);
    assert_int_equal(issued_write(&issued, &text), ERR_OK);
    assert_true(slice_eq_str(octets_slice(&text), good));
}

static const struct {
    const char *text;
    const char *reason;
} bad[] = {
    {"", "line 1"},
    {"shopme-edge issued 2\ncrl 0\nend 0\n", "line 1"},
    {"shopme-edge issued 1\nend 0\n", "line 2: \"crl\""},
    {"shopme-edge issued 1\ncrl -1\nend 0\n", "line 2: not a number"},
    {"shopme-edge issued 1\ncrl 00\nend 0\n", "line 2: not a number"},
    {"shopme-edge issued 1\ncrl 1234567890123456789\nend 0\n", "line 2"},
    {"shopme-edge issued 1\ncrl 1\n", "line 3"},
    {"shopme-edge issued 1\ncrl 1\nend 1\n", "line 3"},
    {"shopme-edge issued 1\ncrl 1\nend 0\nx\n", "line 4"},
    {"shopme-edge issued 1\ncrl 1\ncertificate 4f\n", "line 3: not a serial"},
    {"shopme-edge issued 1\ncrl 1\ncertificate 4F0\n", "line 3: not a serial"},
    {"shopme-edge issued 1\ncrl 1\ncertificate 004F\n", "line 3: not a serial"},
    {"shopme-edge issued 1\ncrl 1\ncertificate 4F\n till x\n", "line 4"},
    {"shopme-edge issued 1\ncrl 1\ncertificate 4F\n device \n", "line 4"},
    {"shopme-edge issued 1\ncrl 1\ncertificate 4F\n device a\n until never\n",
     "line 5: \"from \""},
    {"shopme-edge issued 1\ncrl 1\ncertificate 4F\n device a\n from x\n",
     "line 5: not a time"},
    {"shopme-edge issued 1\ncrl 1\n" FIRST " revoked never\nend 1\n",
     "line 7: not a time"},
    {"shopme-edge issued 1\ncrl 1\n" FIRST "end 2\n", "line 7"},
};

/* Goal: what is damaged is refused, with its line. */
static void test_damaged(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct issued issued = {0};
        struct reason reason = {""};
        err_t err = issued_read(slice_from_str(bad[i].text), &issued, &reason);
        assert_int_equal(err, ERR_CORRUPT);
        assert_non_null(strstr(reason.text, bad[i].reason));
    }
    for (size_t len = 0; len + 1 < sizeof good; len++) {
        struct issued issued = {0};
        struct reason reason = {""};
        assert_int_equal(issued_read(slice_of(good, len), &issued, &reason),
                         ERR_CORRUPT);
    }
}

static void put(struct issued *issued, const char *name, int days,
                bool revoked) {
    struct issued_entry entry = {.serial = "4F",
                                 .kind = CERTIFICATE_DEVICE,
                                 .not_after_us = days * WHEN_DAY_US,
                                 .revoked_us = revoked};
    assert_int_equal(
        slice_to_str(slice_from_str(name), entry.name, sizeof entry.name),
        ERR_OK);
    assert_int_equal(issued_add(issued, &entry), ERR_OK);
}

/* Goal: of a device the newest counts, revoked ones never; the nearest end is
 * that of the devices' newest. */
static void test_nearest(void **state) {
    (void)state;
    CLEANUP(issued_free) struct issued issued = {0};
    uint32_t ending = 9;
    assert_null(issued_nearest(&issued, 0, &ending));
    assert_int_equal(ending, 0);
    put(&issued, "b", 10, false);
    put(&issued, "b", 90, false);
    put(&issued, "a", 50, false);
    put(&issued, "c", 5, true);
    put(&issued, "d", 400, false);
    put(&issued, "a", 20, false);
    const struct issued_entry *nearest =
        issued_nearest(&issued, 60 * WHEN_DAY_US, &ending);
    assert_string_equal(nearest->name, "a");
    assert_int_equal(nearest->not_after_us, 50 * WHEN_DAY_US);
    assert_int_equal(ending, 1);
    assert_null(issued_newest(&issued, CERTIFICATE_DEVICE, "c"));
    assert_null(issued_newest(&issued, CERTIFICATE_SERVER, NULL));
    assert_int_equal(
        issued_newest(&issued, CERTIFICATE_DEVICE, "b")->not_after_us,
        90 * WHEN_DAY_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
