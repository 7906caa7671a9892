/* SPDX-License-Identifier: Apache-2.0 */
/* Where work runs that may wait for a disk: a table, as disk and clock are, so
 * that a loop never waits and a test decides when a job runs and when its end
 * is reported.
 *
 * The owner gives a job away with submit() and gets it back when done() is
 * called, on the thread that submitted it and never from within submit(). Until
 * then the job's memory, and whatever work() uses, belong to the job. */
#ifndef GATEWAY_BASE_EXECUTOR_H
#define GATEWAY_BASE_EXECUTOR_H

struct job {
    void *self;
    void (*work)(void *self); /* on one of the executor's threads */
    void (*done)(void *self); /* on the owner's thread, once work() returned */
    struct job *next;         /* the executor's while it has the job */
};

struct executor {
    void *self;
    /* Accepts any number of jobs. Those of a serial executor run in order. */
    void (*submit)(void *self, struct job *job);
};

#endif
