/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of jobs, first in, first out, linked through the jobs themselves. Not
 * locked. */
#ifndef GATEWAY_JOBS_QUEUE_H
#define GATEWAY_JOBS_QUEUE_H

#include <stddef.h>

#include "gateway/base/executor.h"

struct job_queue {
    struct job *first;
    struct job *last;
};

static inline void job_queue_add(struct job_queue *queue, struct job *job) {
    job->next = NULL;
    if (queue->first == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
}

/* NULL if the queue is empty. */
static inline struct job *job_queue_take(struct job_queue *queue) {
    struct job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
    }
    return job;
}

#endif
