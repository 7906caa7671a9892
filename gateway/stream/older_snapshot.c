/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/older_snapshot.h"

#include <stdlib.h>

#include "gateway/journal/snapshot.h"

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
    return snapshot_remove_others(disk, dir, end, reason);
}
