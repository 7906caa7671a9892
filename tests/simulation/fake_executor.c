/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/fake_executor.h"

#include <assert.h>
#include <string.h>

static void add(struct job **list, uint32_t *count, struct job *job) {
    assert(*count < FAKE_EXECUTOR_JOBS_MAX);
    list[(*count)++] = job;
}

static struct job *take_first(struct job **list, uint32_t *count) {
    assert(*count > 0);
    struct job *job = list[0];
    (*count)--;
    memmove(list, list + 1, *count * sizeof *list);
    return job;
}

static void fake_submit(void *self, struct job *job) {
    struct fake_executor *fake = self;
    add(fake->given, &fake->given_count, job);
}

struct executor fake_executor(struct fake_executor *fake) {
    return (struct executor){fake, fake_submit};
}

bool fake_executor_work(struct fake_executor *fake) {
    if (fake->given_count == 0) {
        return false;
    }
    struct job *job = take_first(fake->given, &fake->given_count);
    job->work(job->self);
    add(fake->ran, &fake->ran_count, job);
    return true;
}

bool fake_executor_done(struct fake_executor *fake) {
    if (fake->ran_count == 0) {
        return false;
    }
    struct job *job = take_first(fake->ran, &fake->ran_count);
    job->done(job->self);
    return true;
}

void fake_executor_settle(struct fake_executor *fake) {
    while (fake_executor_work(fake) || fake_executor_done(fake)) {
    }
}
