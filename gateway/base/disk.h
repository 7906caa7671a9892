/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers over a `struct disk` that several parts use: reading or replacing a
 * whole file, and syncing the folder that something is in. */
#ifndef GATEWAY_BASE_DISK_H
#define GATEWAY_BASE_DISK_H

#include "gateway/base/error.h"
#include "gateway/base/platform.h"

/* Why a call of the table failed: what errno says if it still belongs to that
 * call; if no call returns this error, its class instead. */
const char *disk_cause(err_t err);

/* The text for a failed call: "cannot VERB PATH: " and the cause. Of a long
 * path the end is shown. Returns `err`. Give ERR_IO for a call that is not one
 * of the table's. */
err_t disk_failed(struct reason *reason, err_t err, const char *verb,
                  const char *path);

/* The whole file. The caller frees `*ret`. Errors as the table's open and read;
 * ERR_CORRUPT for an impossibly large file, ERR_MEMORY. */
err_t disk_read_whole(const struct disk *disk, const char *path, uint8_t **ret,
                      size_t *ret_len) MUST_USE;

/* Puts a new file at `path`. It is created under the name `making` in the same
 * folder `dir` (one left there is removed), written, synced and renamed, and
 * the folder is synced: so a power cut leaves the old file or the new one.
 * Errors as the table's calls; after a failure the old file stays, and no other
 * if that could be removed. */
err_t disk_replace(const struct disk *disk, const char *dir, const char *making,
                   const char *path, const struct slice *parts,
                   size_t part_count) MUST_USE;

/* Is `path` still the file that is open as `fd`? ERR_IO, and the reason says
 * what to do, if it was removed or replaced: then what is written to `fd` is
 * found by nobody. ERR_IO and others if that cannot be told. */
err_t disk_check_place(const struct disk *disk, const char *path, int fd,
                       struct reason *reason) MUST_USE;

/* Syncs the folder that `path` is in, so that what was just created there
 * stays. */
err_t disk_sync_parent(const struct disk *disk, const char *path) MUST_USE;

#endif
