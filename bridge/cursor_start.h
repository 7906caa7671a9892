/* SPDX-License-Identifier: Apache-2.0 */
/* Where sending resumes at a start: opens the cursor's file, says in the log
 * what became of one that is not usable, and refuses one that is past the
 * journal's end. */
#ifndef BRIDGE_CURSOR_START_H
#define BRIDGE_CURSOR_START_H

#include "bridge/cursor.h"

struct cursor_start {
    const struct disk *disk; /* outlives the file */
    const char *dir;
    /* A file elsewhere that keeps it in place of the one in `dir`, which is
     * only read then: sending resumes at the greater of the two. Or NULL. */
    const char *apart;
    struct cursor_owner owner;
    bool begins_whole; /* the journal has its first record */
    uint64_t end;      /* the journal's */
};

/* ERR_CORRUPT if the cursor is past the journal's end; else as
 * cursor_file_open(), or, apart, as cursor_file_open_shared() and
 * cursor_file_save(). Close the file whatever it returns. */
err_t cursor_start(struct cursor_file *file, const struct cursor_start *start,
                   struct reason *reason) MUST_USE;

#endif
