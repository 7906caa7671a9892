/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/older_snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/snapshot.h"

enum { PATH_SIZE = CONFIG_PATH_MAX + CONFIG_NAME_MAX + 32 };

/* The caller frees `*ret_bytes`. */
static err_t save(const struct state *state, uint8_t **ret_bytes,
                  size_t *ret_len) {
    for (size_t cap = 256 * 1024;; cap *= 2) {
        uint8_t *bytes = malloc(cap);
        ENSURE(bytes != NULL, ERR_MEMORY);
        struct writer to = writer_over(bytes, cap);
        state_save_older(state, &to);
        if (!to.full) {
            *ret_bytes = bytes;
            *ret_len = to.len;
            return ERR_OK;
        }
        free(bytes);
    }
}

/* snapshot_write() has left at most one beside the new one. */
static err_t remove_other(const struct disk *disk, const char *dir,
                          uint64_t kept, struct reason *reason) {
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    err_t err = snapshot_list(disk, dir, seqs, &count);
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s", dir);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (seqs[i] != kept) {
            snprintf(path, sizeof path, "%s/%020" PRIu64 ".snap", dir, seqs[i]);
            err = disk->unlink(disk->self, path);
        }
    }
    if (err == ERR_OK) {
        err = disk->sync_dir(disk->self, dir);
    }
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "remove", path);
}

err_t older_snapshot_write(const struct disk *disk, const char *dir,
                           const struct opened *opened, struct reason *reason) {
    uint64_t end = journal_next_seq(opened->journal);
    if (end == 0) {
        return ERR_OK;
    }
    uint8_t *bytes;
    size_t len;
    TRY(save(opened->state, &bytes, &len));
    const struct snapshot_about about = {journal_id(opened->journal), end};
    err_t err =
        snapshot_write(disk, dir, &about, end, slice_of(bytes, len), reason);
    free(bytes);
    TRY(err);
    return remove_other(disk, dir, end, reason);
}
