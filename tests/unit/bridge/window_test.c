/* SPDX-License-Identifier: Apache-2.0 */
/* The window against a plain model: which records may leave, whatever becomes
 * of them and however often it grows; and its memory, which goes when it is
 * empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/window.h"
#include "tests/unit/bridge/dice.h"

enum { EVENTS = 800, LANES = 5 };

static void push(struct window *window, uint64_t key) {
    uint8_t bytes[64];
    memset(bytes, (int)key, sizeof bytes);
    struct slot slot = {.key = key,
                        .lane =
                            window->lanes > 0 ? lane_of(key, window->lanes) : 0,
                        .size = 1,
                        .sendable = true};
    assert_int_equal(window_push(window, &slot, slice_of(bytes, sizeof bytes)),
                     ERR_OK);
}

/* Goal: a record that was settled before its turn is passed over, and its key
 * goes on, also behind a growth of the window. */
static void test_settled_before_its_turn(void **state) {
    (void)state;
    struct window window = {.base = 5};
    push(&window, 1); /* 5: stays */
    push(&window, 2); /* 6 */
    push(&window, 2); /* 7: settled first */
    window_finish(&window, 7);
    assert_int_equal(window_next_ready(&window, 0, 7), WINDOW_NONE);
    window_leave(&window, 6);
    window_finish(&window, 6);
    window_pass(&window);
    assert_int_equal(window.base, 5);
    while (window.count < 1000) {
        push(&window, 3);
    }
    push(&window, 2);
    assert_int_equal(window_next_ready(&window, 0, 5 + 1000), 5 + 1000);
    window_free(&window);
    assert_null(window.slots);
    assert_int_equal(window.count, 0);
}

enum { WAITS, LEFT, DONE };

struct model {
    uint64_t keys[EVENTS];
    uint8_t states[EVENTS];
    uint64_t count;
};

static bool may_leave(const struct model *model, uint64_t seq) {
    for (uint64_t i = 0; i < seq; i++) {
        if (model->keys[i] == model->keys[seq] && model->states[i] != DONE) {
            return false;
        }
    }
    return model->states[seq] == WAITS;
}

/* What may leave of a lane, and how much waits there. */
static uint64_t check_lane(const struct window *window,
                           const struct model *model, uint32_t lane) {
    uint64_t first = window_next_ready(window, lane, 0);
    uint64_t seq = first;
    uint32_t ready = 0;
    uint64_t waiting = 0;
    for (uint64_t i = window->base; i < model->count; i++) {
        if (lane_of(model->keys[i], LANES) != lane) {
            continue;
        }
        waiting += model->states[i] == WAITS ? 1 : 0;
        if (may_leave(model, i)) {
            assert_int_equal(seq, i);
            assert_int_equal(window_slot(window, i)->bytes[63], model->keys[i]);
            seq = window_next_ready(window, lane, i + 1);
            ready++;
        }
    }
    assert_int_equal(seq, WINDOW_NONE);
    assert_int_equal(window->lane[lane].ready_count, ready);
    assert_int_equal(window->lane[lane].waiting_size, waiting);
    return first;
}

/* Of the lanes that are free the one that has waited longest is the first. */
static void check(struct window *window, const struct model *model,
                  struct dice *dice) {
    uint64_t oldest = WINDOW_NONE;
    uint32_t ready = 0;
    window->busy = dice_below(dice, 1 << LANES);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        uint64_t first = check_lane(window, model, lane);
        if ((window->busy & lane_bit(lane)) == 0) {
            oldest = first < oldest ? first : oldest;
            ready += window->lane[lane].ready_count;
        }
    }
    uint64_t seq;
    uint32_t lane = window_first_lane(window, 0, &seq);
    assert_int_equal(seq, oldest);
    assert_true((lane == LANES_MAX) == (oldest == WINDOW_NONE));
    assert_true(lane == LANES_MAX || (window->busy & lane_bit(lane)) == 0);
    assert_int_equal(window_free_lanes(window).ready_count, ready);
    assert_true((window_due_us(window) == 0) == (ready > 0));
    window->busy = 0;
}

static void random_step(struct window *window, struct model *model,
                        struct dice *dice) {
    if (model->count < EVENTS && dice_below(dice, 2) == 0) {
        uint64_t key = dice_below(dice, 40);
        model->keys[model->count++] = key;
        push(window, key);
        return;
    }
    if (window->count == 0) {
        return;
    }
    uint64_t seq = window->base + dice_below(dice, window->count);
    if (model->states[seq] == LEFT && dice_below(dice, 4) == 0) {
        window_wait(window, seq);
        model->states[seq] = WAITS;
    } else if (model->states[seq] == LEFT ||
               (model->states[seq] == WAITS && dice_below(dice, 20) == 0)) {
        window_finish(window, seq);
        model->states[seq] = DONE;
        window_pass(window);
    } else if (may_leave(model, seq)) {
        window_leave(window, seq);
        model->states[seq] = LEFT;
    }
}

/* Goal: the same as the model has it, after each of many random steps. */
static void test_as_the_model_has_it(void **state) {
    (void)state;
    static struct model model;
    for (uint64_t seed = 20261129; seed < 20261129 + 3; seed++) {
        struct dice dice = {seed};
        struct window window = {.base = 0, .lanes = LANES};
        memset(&model, 0, sizeof model);
        for (uint32_t steps = 0; window.base < EVENTS; steps++) {
            assert_true(steps < 1000 * 1000);
            random_step(&window, &model, &dice);
            if (steps % 32 == 0 && window.count > 0) {
                check(&window, &model, &dice);
            }
        }
        assert_null(window.slots);
        assert_int_equal(window.bytes, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settled_before_its_turn),
        cmocka_unit_test(test_as_the_model_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
