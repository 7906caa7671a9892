/* SPDX-License-Identifier: Apache-2.0 */
/* The records that wait for one commit. They are kept where their frame will be
 * written from: the head's bytes are left free in front of them, so a commit is
 * one write. No I/O here, and no knowledge of the journal around it. */
#ifndef GATEWAY_JOURNAL_BATCH_H
#define GATEWAY_JOURNAL_BATCH_H

#include "gateway/base/base.h"
#include "gateway/journal/frame.h"
#include "gateway/journal/types.h"

struct batch {
    struct writer frame; /* room for the head, then the records */
    uint32_t events_max;
    uint32_t bytes_max;
    uint64_t first_seq; /* the number of its first record, once begun */
    uint32_t events;
    uint32_t bytes; /* of the records, without their heads */
    struct journal_stamp stamp;
    bool begun;
};

/* ERR_MEMORY. Pages of its memory cost nothing until a record reaches them. */
err_t batch_init(struct batch *batch, uint32_t events_max,
                 uint32_t bytes_max) MUST_USE;
void batch_free(struct batch *batch); /* may be zeroed */

/* The batch must be empty; it may have been begun before. */
void batch_begin(struct batch *batch, uint64_t first_seq,
                 struct journal_stamp stamp);
/* Bytes that it still takes, as one record or many; 0 if it holds as many
 * records as it may. */
uint32_t batch_room(const struct batch *batch);
/* Copies a record that batch_room() has room for into a batch that was begun.
 * Returns the record's number. */
uint64_t batch_append(struct batch *batch, struct slice record);
/* Empties it, so that it can be begun again. */
void batch_clear(struct batch *batch);

/* Bytes of the records with their heads. */
uint64_t batch_events_len(const struct batch *batch);
/* Bytes of the frame on the disk. */
uint64_t batch_frame_size(const struct batch *batch);
/* Finishes the frame of a batch that is not empty. To be called again only
 * after batch_clear(). */
struct slice batch_frame(struct batch *batch, uint32_t incarnation,
                         uint64_t salt);

#endif
