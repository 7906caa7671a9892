/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/listing.h"

#include <stdlib.h>

#include "gateway/journal/segment.h"

void listing_free(struct listing *listing) {
    free(listing->segments);
    free(listing->leftovers);
    *listing = (struct listing){0};
}

static err_t list_add(uint64_t **list, size_t *count, uint64_t value) {
    if ((*count & (*count - 1)) == 0) { /* grow at each power of two */
        size_t cap = *count == 0 ? 1 : *count * 2;
        uint64_t *more = realloc(*list, cap * sizeof **list);
        ENSURE(more != NULL, ERR_MEMORY);
        *list = more;
    }
    (*list)[(*count)++] = value;
    return ERR_OK;
}

static void listing_each(void *context, const char *name) {
    struct listing *listing = context;
    uint64_t seq;
    err_t err = ERR_OK;
    if (segment_name_read(name, SEGMENT_SUFFIX, &seq)) {
        err = list_add(&listing->segments, &listing->segment_count, seq);
    } else if (segment_name_read(name, SEGMENT_SUFFIX_TEMPORARY, &seq)) {
        err = list_add(&listing->leftovers, &listing->leftover_count, seq);
    }
    if (err != ERR_OK) {
        listing->err = err;
    }
}

static int seq_compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

err_t listing_load(const struct disk *disk, const char *dir,
                   struct listing *listing, struct reason *reason) {
    err_t err = disk->list(disk->self, dir, listing_each, listing);
    err = err == ERR_OK ? listing->err : err;
    if (err != ERR_OK) {
        return disk_failed(reason, err, "list", dir);
    }
    if (listing->segment_count > 1) {
        qsort(listing->segments, listing->segment_count,
              sizeof *listing->segments, seq_compare);
    }
    return ERR_OK;
}
