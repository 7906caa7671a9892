/* SPDX-License-Identifier: Apache-2.0 */
/* The two executors of a real process, both for one libuv loop: libuv's pool,
 * shared by all that may wait a little for a disk; and a thread of its own, for
 * the one thing that must wait for nobody else, a journal's commits.
 *
 * Design: a job's end comes back to the loop by libuv's own means (pool) or by
 * an async handle (thread). No job is allocated: the pool has a fixed number of
 * places, and jobs beyond that wait in line in the order they came. */
#ifndef GATEWAY_JOBS_JOBS_H
#define GATEWAY_JOBS_JOBS_H

#include <uv.h>

#include "gateway/base/base.h"
#include "gateway/base/executor.h"

enum {
    /* Jobs of one pool that run at once. Each loop has a pool of its own, and
     * the threads are shared: see job_pool_size(). */
    JOB_POOL_RUNNING_MAX = 12,
};

/* Gives libuv's pool so many threads that the loops' jobs, all of them stuck on
 * a disk, leave it some for looking up names. Call it before anything else uses
 * libuv. Respects UV_THREADPOOL_SIZE. */
void job_pool_size(void);

struct job_pool;

/* The loop outlives the pool. */
err_t job_pool_new(uv_loop_t *loop, struct job_pool **ret) MUST_USE;
struct executor job_pool_executor(struct job_pool *pool);
/* No job may be with it. Takes NULL. */
void job_pool_free(struct job_pool *pool);

struct job_thread;

/* Starts a thread that runs jobs one after the other. `name` is the thread's,
 * for who looks at the process; at most 15 bytes are used. ERR_MEMORY. */
err_t job_thread_start(uv_loop_t *loop, const char *name,
                       struct job_thread **ret) MUST_USE;
struct executor job_thread_executor(struct job_thread *thread);
/* Ends the thread; no job may be with it. Frees itself at a later turn of the
 * loop, which must still come. Takes NULL. */
void job_thread_stop(struct job_thread *thread);

#endif
