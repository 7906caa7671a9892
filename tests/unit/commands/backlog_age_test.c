/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/backlog_age.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

enum { RECORDS = 5, A_RECORD_US = 1000 };

struct world {
    struct fixture *f;
    int64_t first_us;
    struct fake_executor executor;
    struct backlog_age age;
};

/* Five records, a millisecond between them. */
static int setup(void **state) {
    static struct world w;
    w = (struct world){.f = fixture_new(3)};
    w.first_us = w.f->wall_us;
    fixture_open(w.f);
    for (uint64_t i = 0; i < RECORDS; i++) {
        fixture_small(w.f, i);
        fixture_commit(w.f);
        w.f->wall_us += A_RECORD_US;
    }
    backlog_age_init(&w.age, &w.f->disk, FIXTURE_DIR,
                     fake_executor(&w.executor));
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    fixture_close(w->f);
    fixture_free(w->f);
    return 0;
}

static int64_t age(struct world *w, uint64_t cursor) {
    return backlog_age_us(&w->age, cursor, RECORDS);
}

/* Goal: it is known once a job has read it, and then without another job. */
static void test_known_once_it_was_read(void **state) {
    struct world *w = *state;
    assert_true(age(w, 2) == 0);
    assert_int_equal(w->executor.given_count, 1);
    assert_true(fake_executor_work(&w->executor));
    assert_true(age(w, 2) == 0); /* the loop was not told */
    assert_true(fake_executor_done(&w->executor));
    for (int i = 0; i < 3; i++) {
        assert_true(age(w, 2) == w->first_us + 2 * A_RECORD_US);
    }
    assert_int_equal(w->executor.given_count, 0);
}

/* Goal: with no backlog there is nothing to ask. */
static void test_no_backlog(void **state) {
    struct world *w = *state;
    assert_true(age(w, RECORDS) == 0);
    assert_true(backlog_age_us(&w->age, 0, 0) == 0);
    assert_int_equal(w->executor.given_count, 0);
}

/* Goal: a cursor that moves on is asked for anew, one job at a time, and never
 * answered with another's age. */
static void test_a_cursor_that_moves(void **state) {
    struct world *w = *state;
    assert_true(age(w, 0) == 0);
    assert_true(age(w, 1) == 0); /* while the job reads for 0 */
    assert_int_equal(w->executor.given_count, 1);
    fake_executor_settle(&w->executor);
    assert_true(age(w, 1) == w->first_us); /* that of 0, until 1 is read */
    fake_executor_settle(&w->executor);
    assert_true(age(w, 1) == w->first_us + A_RECORD_US);
    assert_true(age(w, 4) == w->first_us + A_RECORD_US);
    fake_executor_settle(&w->executor);
    assert_true(age(w, 4) == w->first_us + 4 * A_RECORD_US);
}

/* Goal: once all was sent, what waits next has nothing of what waited then:
 * else a first sale after two quiet days would be two days old. */
static void test_a_backlog_that_ended(void **state) {
    struct world *w = *state;
    (void)backlog_age_us(&w->age, 0, 2);
    fake_executor_settle(&w->executor);
    assert_true(backlog_age_us(&w->age, 0, 2) == w->first_us);
    assert_true(backlog_age_us(&w->age, 2, 2) == 0);
    assert_true(age(w, 2) == 0);
    fake_executor_settle(&w->executor);
    assert_true(age(w, 2) == w->first_us + 2 * A_RECORD_US);
}

/* Goal: a record that cannot be read has no age; it is asked for again. */
static void test_a_record_that_cannot_be_read(void **state) {
    struct world *w = *state;
    fixture_damage(w->f, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(age(w, 1) == 0);
        assert_int_equal(w->executor.given_count, 1);
        fake_executor_settle(&w->executor);
    }
    assert_true(age(w, 1) == 0);
}

/* Goal: nor has one in a journal that is not there. */
static void test_no_journal(void **state) {
    struct world *w = *state;
    backlog_age_init(&w->age, &w->f->disk, "/data/none",
                     fake_executor(&w->executor));
    assert_true(age(w, 1) == 0);
    fake_executor_settle(&w->executor);
    assert_true(age(w, 1) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_known_once_it_was_read),
        TEST(test_no_backlog),
        TEST(test_a_cursor_that_moves),
        TEST(test_a_backlog_that_ended),
        TEST(test_a_record_that_cannot_be_read),
        TEST(test_no_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
