/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of dead letters on the disk, `<data>/dead`, and the index of what
 * it holds. It is made with the first letter. Each call waits for the disk: it
 * is made by one job at a time, or where there is no loop.
 *
 * What was appended counts only once dead_store_commit() returned ERR_OK. A
 * letter is there once for each event: one that is there already is not
 * appended again. */
#ifndef BRIDGE_DEAD_STORE_H
#define BRIDGE_DEAD_STORE_H

#include "bridge/dead_index.h"
#include "gateway/journal/journal.h"

#define DEAD_FOLDER DEAD_DAMAGE

enum {
    DEAD_DIR_MAX = CONFIG_PATH_MAX + 8,
    DEAD_SEGMENT_BYTES = 4 * 1024 * 1024,
    DEAD_PAGE_LETTERS = 64,        /* read from it at once, to be sent again, */
    DEAD_PAGE_BYTES = 1024 * 1024, /* and bytes of them, if more than one */
};

struct dead_store {
    const struct platform *platform; /* outlives it, as the next */
    const struct config *config;
    char dir[DEAD_DIR_MAX];
    struct journal *journal; /* NULL: there is none yet, or it failed */
    struct dead_index index;
    uint64_t unreadable;      /* records: a later program's, or nobody's */
    uint64_t lost;            /* those, and what damage took not long ago; */
    struct dead_range damage; /* part of those: that were not told yet */
};

/* Does not open it. */
void dead_store_init(struct dead_store *store, const struct platform *platform,
                     const struct config *config);
void dead_store_close(struct dead_store *store);
/* Is there a journal? */
bool dead_store_exists(const struct dead_store *store);
/* Opens, or makes, the journal and reads it. Errors as journal_open(). Does
 * nothing if it is open. */
err_t dead_store_open(struct dead_store *store, struct reason *reason) MUST_USE;
/* Only reads it, into the index: nothing is made, locked or mended there, and
 * nothing can be appended. ERR_IO, ERR_CORRUPT, ERR_FULL, ERR_MEMORY. */
err_t dead_store_look(struct dead_store *store, struct reason *reason) MUST_USE;

/* Appends a record, and takes the batch's time if it has none. ERR_FULL: there
 * is no room; nothing was appended. Other errors are final: close it. */
err_t dead_store_append(struct dead_store *store, struct dead_record *record,
                        struct reason *reason) MUST_USE;
/* ERR_FULL: the disk has no room; what was appended stays, and is committed
 * with the next call that succeeds. Other errors are final. */
err_t dead_store_commit(struct dead_store *store,
                        struct reason *reason) MUST_USE;

/* How far a stream's cursor is saved: letters before it are not needed to tell
 * what was settled. */
struct dead_cursor {
    const char *stream;
    uint64_t saved;
};
/* Removes what is settled: whole segments, oldest first; one with news only if
 * it is `full`, for what should be told may wait for just that room. ERR_IO is
 * final. */
err_t dead_store_trim(struct dead_store *store,
                      const struct dead_cursor *cursors, uint32_t count,
                      bool full, struct reason *reason) MUST_USE;

/* Records that were passed over. */
struct dead_loss {
    uint64_t count;
    uint64_t
        unknown;     /* part of those: damage that the journal does not know, */
    uint64_t unread; /* and records of a later program, or of nobody */
};
/* Reads letters for whoever asked: `each` gets those from `from_id` on, in
 * order, until it returns false. `ret_lost`: what cannot be read. ERR_IO,
 * ERR_CORRUPT, ERR_MEMORY. */
err_t dead_store_each(
    const struct disk *disk, const char *dir, uint64_t from_id, uint64_t end_id,
    bool (*each)(void *context, uint64_t id, const struct dead_record *record),
    void *context, struct dead_loss *ret_lost, struct reason *reason) MUST_USE;

#endif
