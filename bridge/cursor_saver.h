/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a stream's cursor file up to date without the loop waiting for the
 * disk: a save is a job, one at a time and not again too soon. The saved
 * position moves when the save is durable, and not before. */
#ifndef BRIDGE_CURSOR_SAVER_H
#define BRIDGE_CURSOR_SAVER_H

#include "bridge/cursor.h"
#include "gateway/base/executor.h"

/* A save writes a page. It is made once a second at most; of a stream with a
 * commit_delay, which spares the flash, once in five delays, up to this. */
#define CURSOR_SAVE_US ((int64_t)1000 * 1000)
#define CURSOR_SAVE_MAX_US ((int64_t)10 * 1000 * 1000)
#define CURSOR_DELAYS 5

int64_t cursor_saver_every_us(uint32_t commit_delay_ms);

struct cursor_saver {
    struct cursor_file *file; /* open; the job's while `busy` */
    struct executor executor;
    int64_t every_us; /* from one begin to the next, at least */
    struct job job;
    bool busy;
    uint64_t saved;  /* is on the disk */
    uint64_t saving; /* while `busy` */
    uint32_t lanes;  /* to be saved with it; the owner may change it */
    uint32_t lanes_saved;
    uint32_t lanes_saving;
    uint64_t saves; /* that were made */
    err_t err;      /* of the last save */
    struct reason reason;
    int64_t begun_us;
    /* A save ended: see `saved`, `err` and its `reason`. */
    void (*ended)(void *context);
    void *context;
};

/* `file` was opened and outlives the saver; what it holds counts as saved. */
void cursor_saver_init(struct cursor_saver *saver, struct cursor_file *file,
                       struct executor executor, int64_t every_us,
                       void (*ended)(void *context), void *context);
/* Starts to save `cursor` and `lanes` if they are not saved yet and a save is
 * due. */
void cursor_saver_work(struct cursor_saver *saver, uint64_t cursor,
                       int64_t now_us);
/* When cursor_saver_work() will save `cursor`; INT64_MAX: not because of time.
 */
int64_t cursor_saver_due_us(const struct cursor_saver *saver, uint64_t cursor);
/* Saves `cursor` immediately, at the end. No save may be in flight; never call
 * it on a loop, since it waits for the disk. Errors as cursor_file_save(). */
err_t cursor_saver_finish(struct cursor_saver *saver, uint64_t cursor,
                          struct reason *reason) MUST_USE;

#endif
