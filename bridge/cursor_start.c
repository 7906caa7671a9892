/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cursor_start.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "gateway/base/log.h"

/* Of a journal that has all of its records: so that a start that misses some
 * knows that the cloud does not have them. Not if some are gone already, nobody
 * knows where to. And the number of lanes, before anything is sent by it.
 * Without it a start only knows less. */
static void save_first(struct cursor_file *file,
                       const struct cursor_start *start) {
    bool news = !file->known || file->lanes == 0;
    file->lanes = file->lanes == 0 ? start->lanes : file->lanes;
    if (news && (file->known || start->begins_whole) &&
        cursor_file_save(file, file->saved, NULL) != ERR_OK) {
        log_line(LOG_WARN, "bridge", "stream=%s %s cannot be written yet",
                 start->owner.stream, file->path);
    }
}

static void say_found(const struct cursor_file *file, const char *stream,
                      enum cursor_found found) {
    if (found == CURSOR_FOREIGN) {
        log_line(LOG_ERROR, "bridge",
                 "stream=%s %s was another journal's or stream's: it is set "
                 "aside as %s.other, and everything is sent again with the "
                 "same ids",
                 stream, file->path, file->path);
    }
    if (found == CURSOR_DAMAGED) {
        log_line(LOG_ERROR, "bridge",
                 "stream=%s %s is damaged: sending everything again with the "
                 "same ids",
                 stream, file->path);
    }
}

static err_t check_end(const char *path, uint64_t seq,
                       const struct cursor_start *start,
                       struct reason *reason) {
    if (seq <= start->end) {
        return ERR_OK;
    }
    return reason_set(
        reason, ERR_CORRUPT,
        "%s says that %" PRIu64 " events were sent, but the journal has only "
        "%" PRIu64 ": the journal was replaced or has lost its end; to send "
        "all of it, remove that file",
        path, seq, start->end);
}

/* Nothing is sent before the file elsewhere can be written. */
static err_t start_apart(struct cursor_file *file,
                         const struct cursor_start *start,
                         struct reason *reason) {
    assert(start->apart != NULL);
    uint64_t own;
    bool known;
    char path[sizeof file->path];
    TRY(cursor_file_open_shared(file, start->disk, start->apart, &start->owner,
                                reason));
    TRY(check_end(file->path, file->saved, start, reason));
    TRY(cursor_file_peek(start->disk, start->dir, &start->owner, &own, &known,
                         reason));
    snprintf(path, sizeof path, "%s/cursor", start->dir);
    TRY(check_end(path, own, start, reason));
    return cursor_file_save(file, own > file->saved ? own : file->saved,
                            reason);
}

err_t cursor_start(struct cursor_file *file, const struct cursor_start *start,
                   struct reason *reason) {
    if (start->apart != NULL) {
        return start_apart(file, start, reason);
    }
    enum cursor_found found = CURSOR_GOOD;
    TRY(cursor_file_open(file, start->disk, start->dir, &start->owner, &found,
                         reason));
    say_found(file, start->owner.stream, found);
    TRY(check_end(file->path, file->saved, start, reason));
    save_first(file, start);
    return ERR_OK;
}
