/* SPDX-License-Identifier: Apache-2.0 */
/* By properties: a stream is simulated a second at a time, by chance, and what
 * the forecast says is held against what then happens. */
#include "gateway/verdict/forecast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S ((int64_t)1000 * 1000)

enum { EVENT = 200, EVENT_SPACE = 4096, SPACE_A_SECOND = 20 * EVENT_SPACE };

/* A stream of which so much comes in and goes out each second. */
struct world {
    struct forecast forecast;
    struct forecast_sample now;
};

static void world_init(struct world *w) {
    *w = (struct world){.now = {.now_us = 5 * S,
                                .start = 1000,
                                .end = 1000,
                                .cursor = 1000,
                                .bounded = true,
                                .capacity = 256 << 20}};
}

static void second(struct world *w, uint64_t in, uint64_t out) {
    struct forecast_sample *now = &w->now;
    now->now_us += S;
    now->end += in;
    uint64_t waiting = now->end - now->cursor;
    now->cursor += out < waiting ? out : waiting;
    now->sent += out < waiting ? out : waiting;
    now->payload += in * EVENT;
    now->frames += in * EVENT_SPACE;
    now->written += in * EVENT_SPACE + 4096;
    now->space = (now->end - now->start) * EVENT_SPACE;
    forecast_add(&w->forecast, now);
}

static void seconds(struct world *w, int count, uint64_t in, uint64_t out) {
    for (int i = 0; i < count; i++) {
        second(w, in, out);
    }
}

static void assert_near(double is, double wanted, double share) {
    if (is < wanted * (1 - share) || is > wanted * (1 + share)) {
        print_error("%f is not near %f\n", is, wanted);
        fail();
    }
}

/* Goal: nothing is said before enough was seen, and nothing of an empty box. */
static void test_unknown_at_first(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    struct forecast_view view = forecast_view(&w.forecast);
    assert_true(view.full_in_s == FORECAST_UNKNOWN);
    assert_true(view.drained_in_s == FORECAST_UNKNOWN);
    seconds(&w, FORECAST_FIRST_S, 20, 0);
    view = forecast_view(&w.forecast);
    assert_true(view.full_in_s == FORECAST_UNKNOWN);
    assert_int_equal(view.bytes_in_per_s, 0);
    second(&w, 20, 0);
    second(&w, 20, 0);
    view = forecast_view(&w.forecast);
    assert_int_equal(view.bytes_in_per_s, 20 * EVENT);
    assert_true(view.full_in_s != FORECAST_UNKNOWN);
}

/* Goal: rates are exact for what is steady, in the bytes of the events; the
 * flash figure is what was given to the disk. */
static void test_steady(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    seconds(&w, 60, 20, 20);
    struct forecast_view view = forecast_view(&w.forecast);
    assert_int_equal(view.bytes_in_per_s, 20 * EVENT);
    assert_int_equal(view.bytes_out_per_s, 20 * EVENT);
    assert_near((double)view.flash_bytes_per_day,
                86400.0 * (SPACE_A_SECOND + 4096), 0.001);
    assert_true(view.full_in_s == FORECAST_UNKNOWN);
    assert_true(view.drained_in_s == FORECAST_UNKNOWN);
}

/* Goal: what is just being sent is no backlog, however unevenly it goes. */
static void test_online_is_never_filling(void **state) {
    (void)state;
    srand(1);
    struct world w;
    world_init(&w);
    for (int i = 0; i < 5000; i++) {
        second(&w, (uint64_t)rand() % 40, i % 3 == 0 ? 200 : 0);
        assert_true(forecast_view(&w.forecast).full_in_s == FORECAST_UNKNOWN);
    }
}

/* Goal: with the line cut it says when the stream will be full, and that time
 * comes: told 1 s later it is 1 s less, within a small share. */
static void test_full_in(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    seconds(&w, 600, 20, 20);
    seconds(&w, 300, 20, 0);
    int64_t said_s = forecast_view(&w.forecast).full_in_s;
    int64_t passed_s = 0;
    while ((w.now.end - w.now.cursor) * EVENT_SPACE < w.now.capacity) {
        second(&w, 20, 0);
        passed_s++;
    }
    assert_near((double)said_s, (double)passed_s, 0.01);
    assert_true(forecast_view(&w.forecast).full_in_s == 0);
}

/* Goal: a cut shows within a minute, and not as more than twice the time. */
static void test_a_cut_shows_soon(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    seconds(&w, 3600, 20, 20);
    seconds(&w, 60, 20, 0);
    int64_t right_s = (256 << 20) / SPACE_A_SECOND - 60;
    int64_t said_s = forecast_view(&w.forecast).full_in_s;
    assert_true(said_s >= right_s && said_s <= 2 * right_s);
}

/* Goal: "drained in" is the time it then takes, whatever the rates. */
static void test_drained_in(void **state) {
    (void)state;
    srand(7);
    for (int round = 0; round < 50; round++) {
        struct world w;
        world_init(&w);
        uint64_t in = (uint64_t)rand() % 30;
        uint64_t out = in + 20 + (uint64_t)rand() % 300;
        seconds(&w, 2000, in + 10, 0);
        seconds(&w, 900, in, 0);
        for (int i = 0; i < 200 && w.now.cursor + 10 * out < w.now.end; i++) {
            second(&w, in, out);
        }
        int64_t said_s = forecast_view(&w.forecast).drained_in_s;
        if (w.now.cursor + 20 * out >= w.now.end) {
            continue; /* nearly done already */
        }
        assert_true(said_s != FORECAST_UNKNOWN);
        int64_t passed_s = 0;
        while (w.now.cursor + in < w.now.end) {
            second(&w, in, out);
            passed_s++;
        }
        assert_near((double)said_s, (double)passed_s, 0.15);
    }
}

/* Goal: while more comes than goes it never says when it will be drained, and
 * while more goes than comes never when it will be full. */
static void test_one_of_them(void **state) {
    (void)state;
    srand(3);
    for (int round = 0; round < 50; round++) {
        struct world w;
        world_init(&w);
        seconds(&w, 600, 500, 0);
        for (int i = 0; i < 300; i++) {
            second(&w, (uint64_t)rand() % 100, (uint64_t)rand() % 100);
            struct forecast_view view = forecast_view(&w.forecast);
            assert_true(view.full_in_s == FORECAST_UNKNOWN ||
                        view.drained_in_s == FORECAST_UNKNOWN);
            assert_true(view.full_in_s >= FORECAST_UNKNOWN);
            assert_true(view.drained_in_s >= FORECAST_UNKNOWN);
        }
    }
}

/* Goal: a stream without a sink fills from its beginning on; one without a
 * bound never does. */
static void test_without_a_sink(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    seconds(&w, 100, 20, 0);
    assert_near((double)forecast_view(&w.forecast).full_in_s,
                (double)((256 << 20) / SPACE_A_SECOND - 100), 0.01);
    w.now.bounded = false;
    second(&w, 20, 0);
    assert_true(forecast_view(&w.forecast).full_in_s == FORECAST_UNKNOWN);
}

/* Goal: what is dropped to make room was not sent: the stream stays full. */
static void test_drops_are_not_sent(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.now.capacity = 1000 * EVENT_SPACE;
    for (int i = 0; i < 600; i++) {
        if (w.now.end - w.now.start > 950) {
            w.now.start += 100; /* the cursor follows later */
        }
        second(&w, 20, 0);
    }
    struct forecast_view view = forecast_view(&w.forecast);
    assert_int_equal(view.bytes_out_per_s, 0);
    assert_true(view.full_in_s >= 0 && view.full_in_s < 10);
    assert_true(view.drained_in_s == FORECAST_UNKNOWN);
}

/* Goal: odd samples (twice the same time, a clock or a counter that goes back,
 * a long pause) never give a figure that is not a number of seconds. */
static void test_odd_samples(void **state) {
    (void)state;
    srand(11);
    struct world w;
    world_init(&w);
    for (int i = 0; i < 20000; i++) {
        struct forecast_sample *now = &w.now;
        second(&w, (uint64_t)rand() % 50, (uint64_t)rand() % 60);
        now->now_us += (rand() % 5 - 2) * (int64_t)(rand() % 1000) * S;
        now->now_us = now->now_us < 0 ? 0 : now->now_us;
        if (rand() % 50 == 0) {
            now->payload /= 2;
            now->written = 0;
            now->space = rand() % 2 == 0 ? 0 : UINT32_MAX;
            now->capacity = (uint64_t)rand() % 2 * now->space;
        }
        struct forecast_view view = forecast_view(&w.forecast);
        assert_true(view.full_in_s >= FORECAST_UNKNOWN);
        assert_true(view.drained_in_s >= FORECAST_UNKNOWN);
        assert_true(view.bytes_in_per_s < UINT32_MAX);
    }
}

/* Goal: streams on one disk fill it together: each is told its part of what is
 * left, so that all are full at the same time, when the disk is. */
static void test_shared_room(void **state) {
    (void)state;
    const uint64_t room = (uint64_t)1 << 40;
    assert_int_equal(forecast_share(room, 5, 5), room);
    assert_int_equal(forecast_share(room, 0, 5), room);
    assert_int_equal(forecast_share(room, 0, 0), room);
    assert_int_equal(forecast_share(room, 5, 10), room / 2);
    assert_int_equal(forecast_share(room, 1, 4), room / 4);
    const struct forecast_view grows = {.bytes_in_per_s = 7,
                                        .bytes_out_per_s = 3};
    const struct forecast_view drains = {.bytes_in_per_s = 3,
                                         .bytes_out_per_s = 7};
    assert_int_equal(forecast_growth(&grows), 4);
    assert_int_equal(forecast_growth(&drains), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_room),
        cmocka_unit_test(test_unknown_at_first),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_online_is_never_filling),
        cmocka_unit_test(test_full_in),
        cmocka_unit_test(test_a_cut_shows_soon),
        cmocka_unit_test(test_drained_in),
        cmocka_unit_test(test_one_of_them),
        cmocka_unit_test(test_without_a_sink),
        cmocka_unit_test(test_drops_are_not_sent),
        cmocka_unit_test(test_odd_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
