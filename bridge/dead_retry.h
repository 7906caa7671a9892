/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a stream's letters once more, in the order in which they became
 * letters, and one of a key at a time: over a connection of its own, beside the
 * stream, which has gone on long ago. The event is as it was, its id too; its
 * `journalsequence` says that it is late.
 *
 * A page of letters at a time; what comes of each is told at once. What fails
 * for now is tried again; a letter that is refused again is told so, and later
 * ones of its key go on. Lives on the bridge's loop. */
#ifndef BRIDGE_DEAD_RETRY_H
#define BRIDGE_DEAD_RETRY_H

#include "bridge/dead_store.h"
#include "bridge/sender.h"

/* A letter as it was read. */
struct dead_page_letter {
    uint64_t id;
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct event_life journal_id;
    uint32_t tries;
    size_t offset; /* of its event in the page's bytes */
    size_t len;
};

/* Zeroed is empty. */
struct dead_page {
    struct dead_page_letter letters[DEAD_PAGE_LETTERS];
    uint32_t count;
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

void dead_page_free(struct dead_page *page);
/* False: it has no room for that. ERR_MEMORY. */
err_t dead_page_add(struct dead_page *page, uint64_t id, uint32_t tries,
                    const struct dead_record *record, bool *ret) MUST_USE;

struct dead_retry;

/* All of it outlives the retry. */
struct dead_retry_options {
    const struct sender_context *context;
    const struct config_stream *stream;
    /* `code` is NULL if it was taken, else it was refused again. */
    void (*result)(void *self, uint64_t id, uint32_t tries, const char *code,
                   const char *words);
    /* There may be more to do; as the sender's. */
    void (*turn)(void *self);
    void *self;
};

/* ERR_CONFIG if the endpoint is not usable; ERR_MEMORY. */
err_t dead_retry_new(const struct dead_retry_options *options,
                     struct dead_retry **ret, struct reason *reason) MUST_USE;
/* Drops the request in flight. Takes NULL. */
void dead_retry_free(struct dead_retry *retry);

/* All letters of the page before are done: it may have another, which it takes
 * over. */
bool dead_retry_is_idle(const struct dead_retry *retry);
void dead_retry_give(struct dead_retry *retry, struct dead_page *page);
/* Sends if there is something to send. */
void dead_retry_work(struct dead_retry *retry, int64_t offset_us);
/* When to call that; INT64_MAX: not because of time. */
int64_t dead_retry_due_us(const struct dead_retry *retry);
bool dead_retry_is_busy(const struct dead_retry *retry);

#endif
