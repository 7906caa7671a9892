/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the accounts, made on the disk: read from the current set, applied
 * in memory, written as the next set. All of it waits for the disk. */
#ifndef GATEWAY_IDENTITY_EDIT_H
#define GATEWAY_IDENTITY_EDIT_H

#include "gateway/identity/change.h"
#include "gateway/identity/identity_set.h"

/* The one writer's lock on `<data>/identity`, which is made if it is not there:
 * the daemon's while it runs, else a command's while it writes. A file that
 * lies beside the sets, so it stays when they change. ERR_BUSY if somebody else
 * holds it, ERR_IO. */
err_t identity_lock(const char *data, int *ret_fd,
                    struct reason *reason) MUST_USE;
void identity_unlock(const int *fd); /* takes -1 */

/* One change, and what came of it. */
struct identity_edit {
    const struct identity_change *change;
    err_t err; /* if it was not made; then the reason says why */
    struct reason reason;
};

/* The current set's accounts; none if there is no set, or no such file in it.
 * ERR_CORRUPT, ERR_IO, ERR_MEMORY, with the reason. */
err_t identity_accounts_load(const char *data, struct accounts *ret,
                             struct reason *reason) MUST_USE;

/* Makes them in this order, as one set, with `files` besides it. If nothing
 * changes, nothing is written; `first` writes accounts if there are none yet.
 * `*ret_set` is the set that now holds all of it. Errors: as above and as of
 * identity_set_write(): then nothing was changed. */
err_t identity_edit(const char *data, int64_t now_us, bool first,
                    struct identity_edit *edits, size_t count,
                    const struct identity_file *files, size_t file_count,
                    uint64_t *ret_set, struct reason *reason) MUST_USE;

/* Accounts that are damaged become the file `accounts.bad` of a new set, whose
 * accounts are none: so what lets devices in can start, and new ones can be
 * added. The file goes from set to set until a person removes it. Errors as of
 * identity_set_write(). */
err_t identity_set_aside(const char *data, uint64_t *ret_set,
                         struct reason *reason) MUST_USE;
/* The same after the whole set is gone, with the accounts of an `older` one for
 * a person to look at; empty if there is none. */
err_t identity_set_lost(const char *data, struct slice older, uint64_t *ret_set,
                        struct reason *reason) MUST_USE;
/* Is there such a file? Then `reason` says so, and where. */
bool identity_is_aside(const char *data, struct reason *reason);

#endif
