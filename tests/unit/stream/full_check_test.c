/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/full_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

/* Goal: what is asked for is due, over a power cut too, until it was done; to
 * ask twice is to ask once. */
static void test_asked_for_until_done(void **state) {
    struct fixture *f = *state;
    assert_false(full_check_is_due(&f->disk, FIXTURE_DATA));
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DATA), ERR_OK);
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DATA), ERR_OK);
    fake_disk_power_cut(f->fake, FAKE_DROP);
    assert_true(full_check_is_due(&f->disk, FIXTURE_DATA));
    assert_true(full_check_is_due(&f->disk, FIXTURE_DATA));
    full_check_done(&f->disk, FIXTURE_DATA);
    assert_false(full_check_is_due(&f->disk, FIXTURE_DATA));
    full_check_done(&f->disk, FIXTURE_DATA); /* nothing to do is no harm */
}

/* Goal: who asks is told if the mark may not be there at the next start. */
static void test_a_mark_that_cannot_be_made(void **state) {
    struct fixture *f = *state;
    fake_disk_fail_at(f->fake, FAKE_CREATE, 1, ERR_FULL);
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DATA), ERR_FULL);
    assert_false(full_check_is_due(&f->disk, FIXTURE_DATA));
    fake_disk_fail_at(f->fake, FAKE_SYNC_DIR, 1, ERR_IO);
    assert_int_equal(full_check_ask(&f->disk, FIXTURE_DATA), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_asked_for_until_done),
        FIXTURE_TEST(test_a_mark_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
