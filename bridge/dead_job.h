/* SPDX-License-Identifier: Apache-2.0 */
/* The job that the dead letters' owner runs: writes records, drops what is too
 * old, removes what is settled, and reads a page of what is to be sent again.
 *
 * The owner fills in the request, and reads the answer when the job has ended;
 * in between all of it, and the store, belong to the job. */
#ifndef BRIDGE_DEAD_JOB_H
#define BRIDGE_DEAD_JOB_H

#include "bridge/dead_retry.h"
#include "bridge/dead_status.h"
#include "bridge/dead_store.h"

/* A record to be written, in a line of them. */
struct dead_item {
    struct dead_item *next;
    struct dead_record record; /* its event is copied behind the item */
    uint32_t stream;           /* of a letter: the owner's number */
    uint64_t order;            /* the order that it is of; 0: none */
    bool written;              /* the answer */
    uint8_t event[];
};

/* First in, first out. Zeroed is empty. */
struct dead_line {
    struct dead_item *first;
    struct dead_item *last;
};

/* Copies the record. NULL: no memory. */
struct dead_item *dead_item_new(const struct dead_record *record);
void dead_line_add(struct dead_line *line, struct dead_item *item);
/* NULL: it is empty. */
struct dead_item *dead_line_take(struct dead_line *line);
/* Puts `before` in front. */
void dead_line_join(struct dead_line *line, struct dead_line *before);
void dead_line_free(struct dead_line *line);

struct dead_job {
    struct dead_store *store; /* outlives it */
    /* The request. */
    struct dead_line items;
    struct dead_cursor cursors[CONFIG_STREAMS_MAX];
    uint32_t cursor_count;
    const char *page_of; /* a stream whose letters are wanted; or NULL */
    int64_t now_us;      /* wall time */
    bool upkeep;
    bool age;       /* and drop what is too old */
    bool only_read; /* none of that: what is there is only counted */
    /* The answer. */
    err_t err; /* ERR_FULL: letters wait; others: the journal was closed */
    struct reason reason;
    bool reread; /* the journal was closed: the disk has lost some of it */
    struct dead_page page;
    struct dead_news news[CONFIG_STREAMS_MAX]; /* by the cursors' streams */
    struct dead_range damage;                  /* not told yet */
    uint64_t aged;                             /* letters dropped by age */
    uint64_t letters;
    uint64_t retried;
    uint64_t retried_of[CONFIG_STREAMS_MAX]; /* by the cursors' streams */
    uint64_t ageing;
    uint64_t lost;
    int64_t oldest_us;
};

void dead_job_run(struct dead_job *job);

#endif
