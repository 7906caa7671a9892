/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/jobs/jobs.h"
#include "gateway/jobs/queue.h"

enum { THREAD_NAME_SIZE = 16 }; /* pthread_setname_np(3) */

struct job_thread {
    pthread_t thread;
    uv_async_t ended;
    uint32_t with_us; /* jobs; the loop's */
    /* Of both threads, under the mutex. */
    pthread_mutex_t mutex;
    pthread_cond_t given;
    struct job_queue waiting;
    struct job_queue done;
    bool stopping;
};

/* The next job, or NULL when the thread is to end. */
static struct job *next_job(struct job_thread *thread) {
    pthread_mutex_lock(&thread->mutex);
    struct job *job = job_queue_take(&thread->waiting);
    while (job == NULL && !thread->stopping) {
        pthread_cond_wait(&thread->given, &thread->mutex);
        job = job_queue_take(&thread->waiting);
    }
    pthread_mutex_unlock(&thread->mutex);
    return job;
}

static void *run(void *context) {
    struct job_thread *thread = context;
    for (struct job *job; (job = next_job(thread)) != NULL;) {
        job->work(job->self);
        pthread_mutex_lock(&thread->mutex);
        job_queue_add(&thread->done, job);
        pthread_mutex_unlock(&thread->mutex);
        uv_async_send(&thread->ended);
    }
    return NULL;
}

static void on_ended(uv_async_t *async) {
    struct job_thread *thread = async->data;
    pthread_mutex_lock(&thread->mutex);
    struct job_queue done = thread->done;
    thread->done = (struct job_queue){NULL, NULL};
    pthread_mutex_unlock(&thread->mutex);
    for (struct job *job; (job = job_queue_take(&done)) != NULL;) {
        thread->with_us--;
        job->done(job->self);
    }
}

static void thread_submit(void *self, struct job *job) {
    struct job_thread *thread = self;
    thread->with_us++;
    pthread_mutex_lock(&thread->mutex);
    assert(!thread->stopping);
    job_queue_add(&thread->waiting, job);
    pthread_cond_signal(&thread->given);
    pthread_mutex_unlock(&thread->mutex);
}

static void free_thread(uv_handle_t *handle) {
    struct job_thread *thread = handle->data;
    pthread_cond_destroy(&thread->given);
    pthread_mutex_destroy(&thread->mutex);
    free(thread);
}

/* Only the main thread handles signals. */
static int start_without_signals(struct job_thread *thread) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->thread, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

err_t job_thread_start(uv_loop_t *loop, const char *name,
                       struct job_thread **ret) {
    struct job_thread *thread = calloc(1, sizeof *thread);
    ENSURE(thread != NULL, ERR_MEMORY);
    if (uv_async_init(loop, &thread->ended, on_ended) != 0) {
        free(thread);
        return ERR_MEMORY;
    }
    thread->ended.data = thread;
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->given, NULL);
    if (start_without_signals(thread) != 0) {
        uv_close((uv_handle_t *)&thread->ended, free_thread);
        return ERR_MEMORY;
    }
    char short_name[THREAD_NAME_SIZE];
    snprintf(short_name, sizeof short_name, "%.15s", name);
    (void)pthread_setname_np(thread->thread, short_name);
    *ret = thread;
    return ERR_OK;
}

struct executor job_thread_executor(struct job_thread *thread) {
    return (struct executor){thread, thread_submit};
}

void job_thread_stop(struct job_thread *thread) {
    if (thread == NULL) {
        return;
    }
    assert(thread->with_us == 0);
    pthread_mutex_lock(&thread->mutex);
    thread->stopping = true;
    pthread_cond_signal(&thread->given);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(thread->thread, NULL);
    uv_close((uv_handle_t *)&thread->ended, free_thread);
}
