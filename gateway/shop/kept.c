/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/kept.h"

#include <assert.h>
#include <stdlib.h>

err_t kept_set(struct kept *kept, const struct event *event,
               struct shop_stamp stamp) {
    size_t bound = event_store_bound(event);
    uint8_t *data = malloc(bound);
    ENSURE(data != NULL, ERR_MEMORY);
    struct writer writer = writer_over(data, bound);
    event_store(event, &writer);
    assert(!writer.full);
    kept_free(kept);
    *kept = (struct kept){.data = data, .len = writer.len, .stamp = stamp};
    return ERR_OK;
}

void kept_free(struct kept *kept) {
    free(kept->data);
    *kept = (struct kept){0};
}

void kept_event(const struct kept *kept, struct event *ret) {
    assert(kept->len > 0);
    err_t err = event_load(slice_of(kept->data, kept->len), ret);
    assert(err == ERR_OK);
}

void kept_fingerprint(const struct kept *kept, struct fingerprint *print) {
    fingerprint_slice(print, slice_of(kept->data, kept->len));
    fingerprint_u64(print, kept->stamp.seq);
    fingerprint_u64(print, (uint64_t)kept->stamp.wall_us);
}
