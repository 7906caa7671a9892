/* SPDX-License-Identifier: Apache-2.0 */
/* Where work goes that may wait for a disk: a table, as disk and clock are, so
 * that a loop never waits and a test decides when a job runs and when its end
 * is told.
 *
 * The owner of a job gives it away with submit() and gets it back when done()
 * is called, on the thread that submitted it and never from within submit().
 * Until then the job's memory, and whatever work() uses, belong to the job. */
#ifndef GATEWAY_BASE_EXECUTOR_H
#define GATEWAY_BASE_EXECUTOR_H

struct job {
    void *self;
    void (*work)(void *self); /* on a thread of the executor's */
    void (*done)(void *self); /* on the owner's thread, once work() returned */
    struct job *next;         /* the executor's while it has the job */
};

struct executor {
    void *self;
    /* Takes any number of jobs. Those of a serial executor run in order. */
    void (*submit)(void *self, struct job *job);
};

#endif
