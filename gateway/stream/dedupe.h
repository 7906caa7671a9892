/* SPDX-License-Identifier: Apache-2.0 */
/* Which events of a device the journal holds already: the last ids of each
 * device, a window of its own for each, so that none evicts another's. */
#ifndef GATEWAY_STREAM_DEDUPE_H
#define GATEWAY_STREAM_DEDUPE_H

#include "gateway/base/base.h"

enum {
    DEDUPE_WINDOW = 1024,       /* ids remembered for a device */
    DEDUPE_DEVICES_MAX = 10000, /* devices; 36 KiB each with a full window */
};

struct dedupe;

err_t dedupe_new(struct dedupe **ret) MUST_USE;
void dedupe_free(struct dedupe *dedupe); /* takes NULL */

enum dedupe_verdict {
    DEDUPE_NEW,
    DEDUPE_SAME,  /* same id, same content: a repeat */
    DEDUPE_OTHER, /* same id, other content: a mistake of the sender's */
};

/* Looks an id up. `*ret_seq` is where the first stands, unless new. */
enum dedupe_verdict dedupe_find(const struct dedupe *dedupe,
                                struct slice device, struct slice id,
                                uint64_t content_hash, uint64_t *ret_seq);

/* Remembers an event that is in the journal; the device's oldest makes room.
 * ERR_FULL if there are DEDUPE_DEVICES_MAX other devices, ERR_MEMORY. */
err_t dedupe_add(struct dedupe *dedupe, struct slice device, struct slice id,
                 uint64_t content_hash, uint64_t seq) MUST_USE;

/* For a snapshot: all windows, and what was written into an empty one. The
 * bytes are this module's own. ERR_PARSE for what dedupe_save() never wrote,
 * ERR_MEMORY. */
void dedupe_save(const struct dedupe *dedupe, struct writer *to);
err_t dedupe_load(struct dedupe *dedupe, struct cursor *from) MUST_USE;

/* True if dedupe_add() would not refuse this device. */
bool dedupe_has_room(const struct dedupe *dedupe, struct slice device);

#endif
