/* SPDX-License-Identifier: Apache-2.0 */
/* The two executors of a real process, both for one libuv loop: libuv's pool,
 * shared by all work that may wait a little for a disk; and a dedicated thread,
 * for the one kind of work that must wait for nothing else, a journal's
 * commits.
 *
 * Design: the end of a job returns to the loop through libuv itself (pool) or
 * through an async handle (thread). No job is allocated: the pool has a fixed
 * number of places, and further jobs wait in line in the order they came. */
#ifndef GATEWAY_JOBS_JOBS_H
#define GATEWAY_JOBS_JOBS_H

#include <uv.h>

#include "gateway/base/base.h"
#include "gateway/base/executor.h"

enum {
    /* Jobs of one pool that run at once. Each loop has its own pool, and they
     * share libuv's threads: see job_pool_size(). */
    JOB_POOL_RUNNING_MAX = 12,
};

/* Gives libuv's pool so many threads that some are left for looking up names
 * even if all jobs of the loops hang on a disk. Call it before anything else
 * uses libuv. Respects UV_THREADPOOL_SIZE. */
void job_pool_size(void);

struct job_pool;

/* The loop outlives the pool. */
err_t job_pool_new(uv_loop_t *loop, struct job_pool **ret) MUST_USE;
struct executor job_pool_executor(struct job_pool *pool);
/* It must have no job. Takes NULL. */
void job_pool_free(struct job_pool *pool);

struct job_thread;

/* Starts a thread that runs jobs one after another. `name` is the thread's
 * name, as tools show it; at most 15 bytes are used. ERR_MEMORY. */
err_t job_thread_start(uv_loop_t *loop, const char *name,
                       struct job_thread **ret) MUST_USE;
struct executor job_thread_executor(struct job_thread *thread);
/* Ends the thread; it must have no job. Frees itself on a later turn of the
 * loop, which must still run. Takes NULL. */
void job_thread_stop(struct job_thread *thread);

#endif
