/* SPDX-License-Identifier: Apache-2.0 */
/* All that decides who is let in, as one set of files that changes whole:
 *
 *     <data>/identity/sets/0000000012/accounts     (account.h)
 *                                     revoked      (revoked.h)
 *                                     server.pem, server.key, ca.pem
 *     <data>/identity/current -> sets/0000000012
 *
 * A new set is a new folder, synced before the symlink is renamed to it: after
 * a crash or a power cut at any step the old set stands or the new one, whole.
 * The folders have mode 0700 and the files 0600. Sets that are no longer
 * current are removed by the next writer: a reader that is at work meanwhile
 * finds its files. One writer at a time: the daemon, or a command that holds
 * the data folder's lock. Waits for the disk. */
#ifndef GATEWAY_IDENTITY_IDENTITY_SET_H
#define GATEWAY_IDENTITY_IDENTITY_SET_H

#include "gateway/base/base.h"

enum { IDENTITY_FILES_MAX = 8, IDENTITY_PATH_MAX = 512 };

struct identity_file {
    const char *name; /* in the folder, e.g. "accounts" */
    struct slice bytes;
};

/* Where a set lies: the data folder on a disk. */
struct identity_place {
    const struct disk *disk;
    const char *data;
};

/* Writes the next set from `changes`; files of the current set that are not
 * among them are taken over. A change of no bytes leaves the file out.
 * `*ret_number` is the new set's. Errors: ERR_FULL, ERR_IO, ERR_CORRUPT as
 * below; the reason says which file. `data` is the data folder; the set belongs
 * to its owner. */
err_t identity_set_write(const char *data, const struct identity_file *changes,
                         size_t count, uint64_t *ret_number,
                         struct reason *reason) MUST_USE;

/* Reads one file of the current set. ERR_NOT_FOUND if there is no set yet, or
 * no such file. The caller frees `*ret`. */
err_t identity_set_read(const char *data, const char *name, uint8_t **ret,
                        size_t *ret_len, struct reason *reason) MUST_USE;

/* The same of the set of this number, which identity_set_number() gave: so
 * that several files are of one set. ERR_NOT_FOUND also if that set was
 * replaced twice meanwhile: begin again. */
err_t identity_set_read_of(const char *data, uint64_t number, const char *name,
                           uint8_t **ret, size_t *ret_len,
                           struct reason *reason) MUST_USE;

/* The current set's number; 0 = there is none. ERR_CORRUPT if what is there is
 * no link to a set. */
err_t identity_set_number(const char *data, uint64_t *ret,
                          struct reason *reason) MUST_USE;

/* "<data>/identity/current[/name]". */
void identity_set_path(const char *data, const char *name,
                       char ret[static IDENTITY_PATH_MAX]);

/* The same on a disk that the caller brings. */
err_t identity_set_write_at(struct identity_place place,
                            const struct identity_file *changes, size_t count,
                            uint64_t *ret_number,
                            struct reason *reason) MUST_USE;
err_t identity_set_read_at(struct identity_place place, const char *name,
                           uint8_t **ret, size_t *ret_len,
                           struct reason *reason) MUST_USE;
err_t identity_set_number_at(struct identity_place place, uint64_t *ret,
                             struct reason *reason) MUST_USE;

#endif
