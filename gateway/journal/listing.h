/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a journal's directory that are segments. */
#ifndef GATEWAY_JOURNAL_LISTING_H
#define GATEWAY_JOURNAL_LISTING_H

#include "gateway/base/base.h"

/* Zeroed is empty. */
struct listing {
    uint64_t *segments; /* first sequence numbers, sorted */
    size_t segment_count;
    uint64_t *leftovers; /* temporary files, by the same number */
    size_t leftover_count;
    err_t err; /* of listing_load() itself */
};

/* Loads into an empty listing; free it also after a failure. ERR_NOT_FOUND,
 * ERR_IO, ERR_MEMORY. */
err_t listing_load(const struct disk *disk, const char *dir,
                   struct listing *listing, struct reason *reason) MUST_USE;
void listing_free(struct listing *listing);

#endif
