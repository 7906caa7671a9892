/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/owner.h"

#include <assert.h>

#include "gateway/journal/listing.h"
#include "gateway/journal/segment.h"

err_t owner_check(const struct journal_options *options,
                  const struct segment_header *header, struct reason *reason) {
    if (strcmp(header->store, options->store) == 0 &&
        strcmp(header->stream, options->stream) == 0) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_REFUSED,
                      "the journal belongs to store %s, stream %s, not to "
                      "store %s, stream %s: give this one a directory other "
                      "than %s",
                      header->store, header->stream, options->store,
                      options->stream, options->dir);
}

err_t owner_look(const struct journal_options *options, struct reason *reason) {
    const struct disk *disk = &options->platform->disk;
    CLEANUP(listing_free) struct listing listing = {.err = ERR_OK};
    assert(strlen(options->dir) <= SEGMENT_DIR_MAX);
    err_t err = listing_load(disk, options->dir, &listing, reason);
    ENSURE(err != ERR_NOT_FOUND, ERR_OK);
    TRY(err);
    for (size_t i = 0; i < listing.segment_count; i++) {
        struct segment segment;
        err = segment_open(disk, options->dir, listing.segments[i], DISK_READ,
                           &segment, NULL);
        if (err == ERR_OK) {
            segment_close(&segment);
            return owner_check(options, &segment.header, reason);
        }
    }
    return ERR_OK;
}
