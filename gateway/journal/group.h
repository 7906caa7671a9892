/* SPDX-License-Identifier: Apache-2.0 */
/* The records that wait for one commit. They are kept where their frame will be
 * written from: room for the head is left free in front of them, so a commit is
 * one write. No I/O here, and no knowledge of the rest of the journal. */
#ifndef GATEWAY_JOURNAL_GROUP_H
#define GATEWAY_JOURNAL_GROUP_H

#include <assert.h>

#include "gateway/base/base.h"
#include "gateway/journal/frame.h"
#include "gateway/journal/types.h"

struct group {
    struct writer frame; /* room for the head, then the records */
    uint32_t events_max;
    uint32_t bytes_max;
    uint64_t first_seq; /* the number of its first record, once begun */
    uint32_t events;
    uint32_t bytes; /* of the records, without their heads */
    struct journal_stamp stamp;
    bool begun;
};

/* ERR_MEMORY. Its pages of memory cost nothing until a record reaches them. */
err_t group_init(struct group *group, uint32_t events_max,
                 uint32_t bytes_max) MUST_USE;
void group_free(struct group *group); /* may be zeroed */

/* The batch must be empty; it may have been begun before. */
void group_begin(struct group *group, uint64_t first_seq,
                 struct journal_stamp stamp);
/* Bytes that it still accepts, as one record or many; 0 if it has as many
 * records as it may. */
static inline uint32_t group_room(const struct group *group) {
    if (group->events == group->events_max) {
        return 0;
    }
    assert(group->bytes <= group->bytes_max);
    return group->bytes_max - group->bytes;
}
/* Copies a record, for which group_room() has room, into a batch that was
 * begun. Returns the record's number. */
uint64_t group_append(struct group *group, struct slice record);
/* Empties it, so that it can be begun again. */
void group_clear(struct group *group);

/* Bytes of the records with their heads. */
uint64_t group_events_len(const struct group *group);
/* Bytes of the frame on the disk. */
uint64_t group_frame_size(const struct group *group);
/* Finishes the frame of a batch that is not empty. May be called again only
 * after group_clear(). */
struct slice group_frame(struct group *group, uint32_t incarnation,
                         uint64_t salt);

#endif
