/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a lost connection comes back soon, one that cannot be made later, one
 * that another client takes over ever later; and two that contend for one
 * session leave each other in peace for minutes, and notice when it is over. */
#include "gateway/mqtt/link_retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SECOND = 1000, HOUR = 3600 * SECOND };

/* The longest wait that a number can give. */
static const uint32_t longest = UINT32_MAX;

static void test_no_broker(void **state) {
    (void)state;
    struct link_retry retry = {0};
    uint32_t before = 0;
    for (int i = 0; i < 100; i++) {
        uint32_t wait = link_retry_lost(&retry, 0, longest);
        assert_in_range(wait, LINK_RETRY_MS_MIN / 2, LINK_RETRY_MS_MAX);
        assert_true(wait >= before || i > 8);
        before = wait < LINK_RETRY_MS_MAX / 2 ? wait : before;
    }
    assert_in_range(link_retry_lost(&retry, 0, 0), LINK_RETRY_MS_MAX / 2,
                    LINK_RETRY_MS_MAX);
    link_retry_up(&retry, 0);
    assert_in_range(link_retry_lost(&retry, HOUR, longest), 0,
                    LINK_RETRY_MS_MIN);
}

/* A broker that accepts and closes is not asked ten times a second. */
static void test_short_lived(void **state) {
    (void)state;
    struct link_retry retry = {0};
    uint64_t now = 0;
    uint32_t wait = 0;
    for (int i = 0; i < 20; i++) {
        link_retry_up(&retry, now);
        wait = link_retry_lost(&retry, ++now, longest);
        assert_true(i > 3 || wait <= LINK_RETRY_MS_MIN);
    }
    assert_true(wait >= LINK_RETRY_MS_MAX / 2);
    link_retry_up(&retry, now);
    assert_in_range(link_retry_lost(&retry, now + LINK_RETRY_SHORT_MS, longest),
                    0, LINK_RETRY_MS_MIN);
}

/* Two boxes: each takes the session when its wait is over, and so ends the
 * other's connection. How often in an hour? */
static unsigned long contend(bool told, struct link_retry boxes[2]) {
    uint64_t now = 0;
    size_t holder = 0;
    link_retry_up(&boxes[0], now);
    while (now < HOUR) {
        size_t comes = 1 - holder;
        link_retry_up(&boxes[comes], now);
        uint32_t random = (uint32_t)rand();
        (void)link_retry_lost(&boxes[holder], now, random);
        uint32_t wait = link_retry_taken(&boxes[holder], told, random);
        now += wait > 0 ? wait : LINK_RETRY_MS_MIN;
        holder = comes;
    }
    return (unsigned long)(boxes[0].takeovers + boxes[1].takeovers);
}

static void test_two_boxes(void **state) {
    (void)state;
    for (int told = 0; told < 2; told++) {
        struct link_retry boxes[2] = {{0}, {0}};
        unsigned long took = contend(told, boxes);
        assert_in_range(took, 12, 60);
        uint64_t now = 2 * (uint64_t)HOUR;
        assert_true(link_retry_is_contended(&boxes[0], now - HOUR));
        /* Nobody comes any more. */
        link_retry_up(&boxes[0], now);
        now += LINK_RETRY_CALM_MS;
        assert_true(link_retry_is_contended(&boxes[0], now - 1));
        assert_false(link_retry_is_contended(&boxes[0], now));
        link_retry_reset(&boxes[0]);
        assert_true(boxes[0].takeovers > 0);
    }
}

/* A connection that stood for a while was not taken over, unless it is known to
 * be contended: a disk that hangs makes the broker close one. */
static void test_long_lived(void **state) {
    (void)state;
    struct link_retry retry = {0};
    for (int i = 0; i < 10; i++) {
        link_retry_up(&retry, 0);
        (void)link_retry_lost(&retry, LINK_RETRY_SHORT_MS, 0);
        assert_int_equal(link_retry_taken(&retry, false, longest), 0);
        assert_false(link_retry_is_contended(&retry, LINK_RETRY_SHORT_MS));
    }
    assert_true(link_retry_taken(&retry, true, longest) > 0);
    assert_int_equal(retry.takeovers, 1);
}

int main(void) {
    srand(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_broker),
        cmocka_unit_test(test_short_lived),
        cmocka_unit_test(test_two_boxes),
        cmocka_unit_test(test_long_lived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
