/* SPDX-License-Identifier: Apache-2.0 */
/* Which events of a device the journal already holds: the last ids of each
 * device, in a separate window for each, so that no device evicts another's
 * ids. */
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
    DEDUPE_OTHER, /* same id, other content: the sender's mistake */
};

/* Looks an id up. `*ret_seq` is the first event's number, unless the id is new.
 */
enum dedupe_verdict dedupe_find(const struct dedupe *dedupe,
                                struct slice device, struct slice id,
                                uint64_t content_hash, uint64_t *ret_seq);

/* Remembers an event that is in the journal; the device's oldest id is evicted.
 * ERR_FULL if there are DEDUPE_DEVICES_MAX other devices, ERR_MEMORY. */
err_t dedupe_add(struct dedupe *dedupe, struct slice device, struct slice id,
                 uint64_t content_hash, uint64_t seq) MUST_USE;

/* For a snapshot: saves all windows, and loads them into an empty one. The
 * format is private to this file. ERR_PARSE for what dedupe_save() never wrote,
 * ERR_MEMORY. */
void dedupe_save(const struct dedupe *dedupe, struct writer *to);
err_t dedupe_load(struct dedupe *dedupe, struct cursor *from) MUST_USE;

/* True if dedupe_add() would not refuse this device. */
bool dedupe_has_room(const struct dedupe *dedupe, struct slice device);

#endif
