/* SPDX-License-Identifier: Apache-2.0 */
/* The file that keeps a stream's cursor: how far the cloud has confirmed.
 *
 * Two slots, each on a page of its own, written in turn, so that a power cut
 * can spoil only the older position. A slot that does not verify counts as
 * absent; with none the cursor is 0: everything is sent again under the same
 * ids, nothing is left out.
 *
 *   at 0 and at 4096, 40 bytes, big-endian:
 *     0  "SEDGECUR"            8 bytes
 *     8  version               u32, 1
 *    12  zero                  u32
 *    16  generation            u64, the greater is the newer
 *    24  cursor                u64, lowest seq not confirmed
 *    32  XXH3-64 of bytes 0..31
 */
#ifndef BRIDGE_CURSOR_H
#define BRIDGE_CURSOR_H

#include "config/config.h"
#include "gateway/base/base.h"

enum { CURSOR_SLOT_SIZE = 40, CURSOR_SLOT_APART = 4096 };

struct cursor_file {
    const struct disk *disk;
    char path[CONFIG_PATH_MAX + 16];
    int fd;
    uint64_t generation;
    uint64_t saved; /* the cursor as it is on the disk */
};

/* Opens or creates `<dir>/cursor`. `file->saved` is where sending resumes;
 * `ret_damaged` is set if the file existed and neither of its slots verified.
 * ERR_IO, ERR_FULL; ERR_UNSUPPORTED if a newer version of this program wrote
 * it. */
err_t cursor_file_open(struct cursor_file *file, const struct disk *disk,
                       const char *dir, bool *ret_damaged,
                       struct reason *reason) MUST_USE;
/* Writes and syncs. If it fails, the older position stays valid. ERR_IO, also
 * if the file was removed or replaced meanwhile; ERR_FULL. */
err_t cursor_file_save(struct cursor_file *file, uint64_t cursor,
                       struct reason *reason) MUST_USE;
/* How far the cloud has confirmed, according to the file in `dir`; 0 if there
 * is no file or neither slot verifies. Changes nothing. ERR_IO,
 * ERR_UNSUPPORTED. */
err_t cursor_file_peek(const struct disk *disk, const char *dir, uint64_t *ret,
                       struct reason *reason) MUST_USE;
void cursor_file_close(struct cursor_file *file);

#endif
