/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/identity.h"

#include "gateway/journal/listing.h"
#include "gateway/journal/segment.h"

static err_t id_of_segment(const struct disk *disk, const char *dir,
                           uint64_t first_seq, uint8_t *ret,
                           struct reason *reason) {
    struct segment segment;
    TRY(segment_open(disk, dir, first_seq, DISK_READ, &segment, reason));
    memcpy(ret, segment.header.journal_id, JOURNAL_ID_SIZE);
    segment_close(&segment);
    return ERR_OK;
}

/* A segment that goes away meanwhile, or cannot be read, is passed over: all
 * segments of a journal have the same id. */
static err_t id_of_any(const struct disk *disk, const char *dir,
                       const struct listing *listing, uint8_t *ret,
                       struct reason *reason) {
    err_t err = ERR_NOT_FOUND;
    for (size_t i = 0; i < listing->segment_count; i++) {
        err = id_of_segment(disk, dir, listing->segments[i], ret, reason);
        if (err == ERR_OK || err == ERR_MEMORY) {
            return err;
        }
    }
    return err == ERR_IO ? ERR_IO : ERR_NOT_FOUND;
}

err_t journal_identity(const struct disk *disk, const char *dir, uint8_t *ret,
                       struct reason *reason) {
    struct listing listing = {.segments = NULL};
    err_t err = listing_load(disk, dir, &listing, reason);
    if (err == ERR_OK) {
        err = id_of_any(disk, dir, &listing, ret, reason);
    }
    listing_free(&listing);
    return err;
}
