/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "gateway/jobs/jobs.h"
#include "gateway/jobs/queue.h"

/* Two loops (the gateway's and the bridge's) with a full pool each, and four
 * more: of libuv's threads at most half look up names at a time. */
#define POOL_THREADS "28"

struct place {
    uv_work_t work;
    struct job_pool *pool;
    struct job *job; /* NULL: free */
};

struct job_pool {
    uv_loop_t *loop;
    struct place places[JOB_POOL_RUNNING_MAX];
    struct job_queue waiting;
};

void job_pool_size(void) {
    setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 0);
}

static void on_work(uv_work_t *work) {
    const struct place *place = work->data;
    place->job->work(place->job->self);
}

static void run(struct place *place, struct job *job);

/* The next job in line takes the place before the owner is told, since the
 * owner may submit another job from there. */
static void on_done(uv_work_t *work, int status) {
    struct place *place = work->data;
    struct job *job = place->job;
    assert(status == 0); /* nothing is ever cancelled here */
    place->job = NULL;
    struct job *next = job_queue_take(&place->pool->waiting);
    if (next != NULL) {
        run(place, next);
    }
    job->done(job->self);
}

static void run(struct place *place, struct job *job) {
    assert(place->job == NULL);
    place->job = job;
    place->work.data = place;
    int code = uv_queue_work(place->pool->loop, &place->work, on_work, on_done);
    assert(code == 0);
}

static void pool_submit(void *self, struct job *job) {
    struct job_pool *pool = self;
    for (uint32_t i = 0; i < JOB_POOL_RUNNING_MAX; i++) {
        if (pool->places[i].job == NULL) {
            run(&pool->places[i], job);
            return;
        }
    }
    job_queue_add(&pool->waiting, job);
}

err_t job_pool_new(uv_loop_t *loop, struct job_pool **ret) {
    struct job_pool *pool = calloc(1, sizeof *pool);
    ENSURE(pool != NULL, ERR_MEMORY);
    pool->loop = loop;
    for (uint32_t i = 0; i < JOB_POOL_RUNNING_MAX; i++) {
        pool->places[i].pool = pool;
    }
    *ret = pool;
    return ERR_OK;
}

struct executor job_pool_executor(struct job_pool *pool) {
    return (struct executor){pool, pool_submit};
}

void job_pool_free(struct job_pool *pool) {
    if (pool == NULL) {
        return;
    }
    for (uint32_t i = 0; i < JOB_POOL_RUNNING_MAX; i++) {
        assert(pool->places[i].job == NULL);
    }
    free(pool);
}
