/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/sync_progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
    int64_t now_us;
    struct sync_progress progress;
    struct sync_view view;
};

static int64_t now_us(void *self) {
    return ((struct bench *)self)->now_us;
}

static void begin(struct bench *bench, uint64_t sent, uint64_t left) {
    const struct clock clock = {bench, now_us, now_us};
    *bench = (struct bench){.now_us = 1000000};
    sync_progress_begin(&bench->progress, &clock, false);
    bench->progress.columns = 120;
    bench->view.count = 1;
    bench->view.sent = sent;
    bench->view.left = left;
    bench->view.streams[0] =
        (struct sync_stream){.name = "orders", .link = "online", .left = left};
    bench->progress.form = SYNC_LINES; /* says nothing below 10 s */
}

/* `count` events are sent, a second passes. */
static void a_second(struct bench *bench, uint64_t count) {
    sync_progress_show(&bench->progress, &bench->view);
    bench->now_us += 1000000;
    bench->view.sent += count;
    bench->view.left -= count;
    bench->progress.told_us = bench->now_us;
    sync_progress_show(&bench->progress, &bench->view);
}

static const char *bar(struct bench *bench, char ret[200]) {
    struct writer writer = writer_over(ret, 199);
    sync_progress_bar(&bench->progress, &bench->view, &writer);
    ret[writer.len] = '\0';
    return ret;
}

/* Goal: the bar counts from where it began, not from the journal's start. */
static void test_the_bar(void **state) {
    (void)state;
    struct bench bench;
    char text[200];
    begin(&bench, 5000, 1000);
    sync_progress_show(&bench.progress, &bench.view);
    assert_string_equal(bar(&bench, text),
                        "[--------------------]   0 %  1000 events left, "
                        "orders: online");
    a_second(&bench, 250);
    assert_string_equal(bar(&bench, text),
                        "[#####---------------]  25 %  750 events left, 250 a "
                        "second, about 3 s to go, orders: online");
    a_second(&bench, 750);
    bench.view.streams[0].left = 0;
    assert_string_equal(bar(&bench, text),
                        "[####################] 100 %  0 events left, 500 a "
                        "second, about 0 s to go");
    bench.progress.columns = 30; /* the last column stays free */
    assert_string_equal(bar(&bench, text), "[####################] 100 % ");
}

/* Goal: the rate is that of lately: an hour of outage does not count. */
static void test_the_rate(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 0, 1000000);
    assert_int_equal(sync_progress_rate(&bench.progress), 0);
    for (int i = 0; i < 3600; i++) {
        a_second(&bench, 0);
    }
    assert_int_equal(sync_progress_rate(&bench.progress), 0);
    for (int i = 0; i < SYNC_SAMPLES; i++) {
        a_second(&bench, 1000);
    }
    assert_in_range(sync_progress_rate(&bench.progress), 999, 1001);
}

/* Goal: a gateway that starts anew, and says less than before, is no rate below
 * zero. */
static void test_less_than_before(void **state) {
    (void)state;
    struct bench bench;
    char text[200];
    begin(&bench, 5000, 1000);
    a_second(&bench, 100);
    bench.view.sent = 0;
    bench.view.left = 6000;
    a_second(&bench, 10);
    assert_int_equal(sync_progress_rate(&bench.progress), 0);
    assert_non_null(strstr(bar(&bench, text), "  0 %  5990 events left, o"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bar),
        cmocka_unit_test(test_the_rate),
        cmocka_unit_test(test_less_than_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
