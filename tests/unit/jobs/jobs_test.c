/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a job's work runs off the loop and its end is told on the loop, once
 * and after submit() returned; a stuck job of one executor keeps no other's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "gateway/jobs/jobs.h"

enum { MANY = 100 };

struct order {
    uint32_t worked[MANY];
    _Atomic uint32_t worked_count;
    uint32_t done[MANY];
    uint32_t done_count;
};

struct step {
    struct job job;
    uint32_t number;
    struct order *order;
    sem_t *gate; /* waited for by the work; NULL: not */
    pthread_t worker;
    uint32_t again; /* submissions still to be made from done() */
    struct executor executor;
};

static void step_work(void *self) {
    struct step *step = self;
    if (step->gate != NULL) {
        sem_wait(step->gate);
    }
    step->worker = pthread_self();
    step->order->worked[atomic_fetch_add(&step->order->worked_count, 1)] =
        step->number;
}

static void step_done(void *self) {
    struct step *step = self;
    step->order->done[step->order->done_count++] = step->number;
    if (step->again > 0) {
        step->again--;
        step->executor.submit(step->executor.self, &step->job);
    }
}

static void step_init(struct step *step, uint32_t number, struct order *order,
                      struct executor executor) {
    *step = (struct step){.number = number,
                          .order = order,
                          .executor = executor,
                          .job = {.work = step_work, .done = step_done}};
    step->job.self = step;
}

static void submit(struct step *step) {
    uint32_t done = step->order->done_count;
    step->executor.submit(step->executor.self, &step->job);
    assert_int_equal(step->order->done_count, done); /* never from within */
}

static void run_until(uv_loop_t *loop, const struct order *order,
                      uint32_t count) {
    while (order->done_count < count) {
        uv_run(loop, UV_RUN_ONCE);
    }
}

static void close_loop(uv_loop_t *loop) {
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void test_thread_keeps_the_order(void **state) {
    (void)state;
    uv_loop_t loop;
    struct job_thread *thread;
    struct order order = {0};
    static struct step steps[MANY];
    uv_loop_init(&loop);
    assert_int_equal(job_thread_start(&loop, "commit-a-long-name", &thread),
                     ERR_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        step_init(&steps[i], i, &order, job_thread_executor(thread));
        submit(&steps[i]);
    }
    run_until(&loop, &order, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(order.worked[i], i);
        assert_int_equal(order.done[i], i);
        assert_false(pthread_equal(steps[i].worker, pthread_self()));
        assert_true(pthread_equal(steps[i].worker, steps[0].worker));
    }
    job_thread_stop(thread);
    close_loop(&loop);
}

static void test_done_may_submit_again(void **state) {
    (void)state;
    uv_loop_t loop;
    struct job_thread *thread;
    struct job_pool *pool;
    struct order order = {0};
    struct step steps[2];
    uv_loop_init(&loop);
    assert_int_equal(job_thread_start(&loop, "commit", &thread), ERR_OK);
    assert_int_equal(job_pool_new(&loop, &pool), ERR_OK);
    step_init(&steps[0], 0, &order, job_thread_executor(thread));
    step_init(&steps[1], 1, &order, job_pool_executor(pool));
    steps[0].again = 9;
    steps[1].again = 9;
    submit(&steps[0]);
    submit(&steps[1]);
    run_until(&loop, &order, 20);
    job_thread_stop(thread);
    close_loop(&loop);
    job_pool_free(pool);
}

/* More jobs than places: the rest wait their turn, and none is lost. */
static void test_pool_takes_any_number(void **state) {
    (void)state;
    uv_loop_t loop;
    struct job_pool *pool;
    struct order order = {0};
    static struct step steps[MANY];
    uv_loop_init(&loop);
    assert_int_equal(job_pool_new(&loop, &pool), ERR_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        step_init(&steps[i], i, &order, job_pool_executor(pool));
        submit(&steps[i]);
    }
    run_until(&loop, &order, MANY);
    bool seen[MANY] = {false};
    for (uint32_t i = 0; i < MANY; i++) {
        assert_false(seen[order.done[i]]);
        seen[order.done[i]] = true;
        assert_false(pthread_equal(steps[i].worker, pthread_self()));
    }
    close_loop(&loop);
    job_pool_free(pool);
}

/* A full pool of stuck jobs keeps neither another loop's pool nor a thread. */
static void test_stuck_jobs_hold_only_their_own(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_t other_loop;
    struct job_pool *pool;
    struct job_pool *other;
    struct job_thread *thread;
    struct order stuck = {0};
    struct order free_order = {0};
    static struct step steps[JOB_POOL_RUNNING_MAX + 4];
    uint32_t count = JOB_POOL_RUNNING_MAX + 4;
    struct step others[2];
    sem_t gate;
    sem_init(&gate, 0, 0);
    uv_loop_init(&loop);
    uv_loop_init(&other_loop);
    assert_int_equal(job_pool_new(&loop, &pool), ERR_OK);
    assert_int_equal(job_pool_new(&other_loop, &other), ERR_OK);
    assert_int_equal(job_thread_start(&other_loop, "commit", &thread), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        step_init(&steps[i], i, &stuck, job_pool_executor(pool));
        steps[i].gate = &gate;
        submit(&steps[i]);
    }
    step_init(&others[0], 0, &free_order, job_pool_executor(other));
    step_init(&others[1], 1, &free_order, job_thread_executor(thread));
    submit(&others[0]);
    submit(&others[1]);
    run_until(&other_loop, &free_order, 2);
    assert_int_equal(stuck.done_count, 0);
    for (uint32_t i = 0; i < count; i++) {
        sem_post(&gate);
    }
    run_until(&loop, &stuck, count);
    job_thread_stop(thread);
    close_loop(&loop);
    close_loop(&other_loop);
    job_pool_free(pool);
    job_pool_free(other);
    sem_destroy(&gate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_keeps_the_order),
        cmocka_unit_test(test_done_may_submit_again),
        cmocka_unit_test(test_pool_takes_any_number),
        cmocka_unit_test(test_stuck_jobs_hold_only_their_own),
    };
    job_pool_size();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
