/* SPDX-License-Identifier: Apache-2.0 */
/* What one commit makes durable: the records that devices' messages, the shop
 * and the stream itself add, each with the number and time it will have.
 *
 * A batch that was handed to a commit never changes; the next one fills
 * meanwhile, with the numbers that follow. So everything here speaks of the one
 * that fills. Used on the owner's thread only. */
#ifndef GATEWAY_STREAM_BATCH_H
#define GATEWAY_STREAM_BATCH_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"
#include "gateway/journal/journal.h"
#include "gateway/shop/shop.h"

enum {
    BATCH_EVENTS_MAX = 4096,
    BATCH_BYTES_MIN = 4 * 1024 * 1024,
    /* What an event may need beyond its payload, read or stored. */
    BATCH_EVENT_EXTRA = 64 * 1024,
    /* The stream's own events, in addition to those of a message: one for a
     * refusal, one for what was dropped. */
    BATCH_OWN_EVENTS_MAX = 2,
    BATCH_OWN_BYTES_MAX = 8 * 1024, /* of one, in the journal's form */
};

struct batch;

/* `event_bytes_max` limits a message's payload. The journal outlives the batch.
 * ERR_MEMORY. */
err_t batch_new(struct journal *journal, uint32_t event_bytes_max,
                struct batch **ret) MUST_USE;
void batch_free(struct batch *batch); /* takes NULL */

/* The most that one message can add, in bytes: itself, what the shop makes of
 * it (one of those events echoes its data), their heads, and the stream's own
 * events. */
uint32_t batch_message_bytes_max(uint32_t event_bytes_max);

/* Appends an event; the first one takes the batch's time. `*ret` is its
 * position. ERR_FULL if the batch has no room for it; ERR_RANGE, ERR_IO as
 * journal_append(). */
err_t batch_append(struct batch *batch, const struct event *event,
                   struct shop_stamp *ret) MUST_USE;
/* One of the gateway's own events as JSON, from its position in the journal;
 * its id tells the life. `*ret` lives until the next call. ERR_FULL,
 * ERR_UNSUPPORTED as event_render_json(). */
err_t batch_render(struct batch *batch, const struct event *event,
                   struct shop_stamp stamp, struct slice *ret) MUST_USE;

/* The number that the next record will have: all before it are in the journal,
 * in the batch being committed, or in this one. */
uint64_t batch_end(const struct batch *batch);
uint32_t batch_events(const struct batch *batch);
/* Begins the batch, if it is empty: what is appended until the next hand-over
 * has the time of this call. */
struct journal_stamp batch_begin(struct batch *batch);
/* Bytes of events appended since the batch was created, over all hand-overs. */
uint64_t batch_bytes_ever(const struct batch *batch);

/* Whether another message of any size fits, in the frame and on the disk. */
bool batch_takes_message(const struct batch *batch);
/* Whether a message of any size will surely find room on the disk. */
bool batch_has_room(const struct batch *batch);
/* How many of the stream's own events fit next to what is there and still leave
 * a message its room; with an empty batch, which may use the reserve, many. */
uint32_t batch_takes_own(const struct batch *batch);

/* Does another event like those in the batch take another page of the disk? */
bool batch_fills_page(const struct batch *batch);

/* Gives what was appended to a commit, and begins an empty batch. */
void batch_hand_over(struct batch *batch);
/* Looks how much room there is. Only while no job works on the journal; until
 * the next call the batch relies on what it saw. */
void batch_look(struct batch *batch);

#endif
