/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that more than one part does with a `struct disk`: files that
 * are read or replaced as a whole, and the folder that something lies in. */
#ifndef GATEWAY_BASE_DISK_H
#define GATEWAY_BASE_DISK_H

#include "gateway/base/error.h"
#include "gateway/base/platform.h"

/* Why a call of the table failed: what errno says, as long as it is still the
 * call's; the error's class if it is one that no call gives. */
const char *disk_cause(err_t err);

/* The words for a call that failed: "cannot VERB PATH: " and the cause. Of a
 * long path the end is shown. Returns `err`. For a call that is not the table's
 * say ERR_IO. */
err_t disk_failed(struct reason *reason, err_t err, const char *verb,
                  const char *path);

/* All of a file. `*ret` is the caller's to free. As the table's open and read;
 * ERR_CORRUPT for one that is too large to be true, ERR_MEMORY. */
err_t disk_read_whole(const struct disk *disk, const char *path, uint8_t **ret,
                      size_t *ret_len) MUST_USE;

/* Puts a new file under `path`, made under the name `making` in the same folder
 * `dir` (one left there is removed): written, synced, renamed, the folder
 * synced, so that a power cut leaves the old file or the new one. As the
 * table's calls; what failed left the old file, and no other if that could be
 * removed. */
err_t disk_replace(const struct disk *disk, const char *dir, const char *making,
                   const char *path, const struct slice *parts,
                   size_t part_count) MUST_USE;

/* Syncs the folder that `path` lies in: what was just made there stays. */
err_t disk_sync_parent(const struct disk *disk, const char *path) MUST_USE;

#endif
