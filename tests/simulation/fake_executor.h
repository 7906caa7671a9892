/* SPDX-License-Identifier: Apache-2.0 */
/* An executor on the test's own thread: a job waits until the test runs it, and
 * has ended for its owner only when the test says so. */
#ifndef TESTS_SIMULATION_FAKE_EXECUTOR_H
#define TESTS_SIMULATION_FAKE_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/executor.h"

enum { FAKE_EXECUTOR_JOBS_MAX = 64 };

struct fake_executor {
    struct job *given[FAKE_EXECUTOR_JOBS_MAX]; /* not yet run, oldest first */
    uint32_t given_count;
    struct job *ran[FAKE_EXECUTOR_JOBS_MAX]; /* run, and the owner not told */
    uint32_t ran_count;
};

struct executor fake_executor(struct fake_executor *fake);
/* Runs the oldest job's work; false if there is none. */
bool fake_executor_work(struct fake_executor *fake);
/* Tells the owner of the job that ran first; false if there is none. */
bool fake_executor_done(struct fake_executor *fake);
/* Both, until there is nothing more. */
void fake_executor_settle(struct fake_executor *fake);

#endif
