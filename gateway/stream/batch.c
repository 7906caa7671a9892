/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/batch.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/journal/frame.h"

enum {
    RECORD_HEAD_MAX = 16, /* bytes; what a record takes beyond itself */
    OWN_EVENTS_ALONE = 256,
    OWN_EVENTS_BESIDE = 8,
};

struct batch {
    struct journal *journal;
    uint32_t message_bytes_max;
    uint8_t *stored; /* an event in the journal's form */
    size_t stored_cap;
    uint8_t *rendered; /* an event as JSON */
    size_t rendered_cap;
    uint64_t bytes_ever;
    uint64_t room;   /* for all of this batch, as it was last looked at */
    uint64_t used;   /* of it */
    uint64_t framed; /* bytes of the records in their frame */
};

uint32_t batch_message_bytes_max(uint32_t event_bytes_max) {
    return 2 * (event_bytes_max + BATCH_EVENT_EXTRA) + SHOP_OUTPUT_BYTES_MAX +
           BATCH_OWN_EVENTS_MAX * BATCH_OWN_BYTES_MAX;
}

err_t batch_new(struct journal *journal, uint32_t event_bytes_max,
                struct batch **ret) {
    struct batch *batch = calloc(1, sizeof *batch);
    ENSURE(batch != NULL, ERR_MEMORY);
    batch->journal = journal;
    batch->message_bytes_max = batch_message_bytes_max(event_bytes_max);
    batch->stored_cap = 2 * (size_t)event_bytes_max + BATCH_EVENT_EXTRA;
    batch->rendered_cap = batch->stored_cap;
    batch->stored = malloc(batch->stored_cap);
    batch->rendered = malloc(batch->rendered_cap);
    if (batch->stored == NULL || batch->rendered == NULL) {
        batch_free(batch);
        return ERR_MEMORY;
    }
    batch_look(batch);
    *ret = batch;
    return ERR_OK;
}

void batch_free(struct batch *batch) {
    if (batch == NULL) {
        return;
    }
    free(batch->stored);
    free(batch->rendered);
    free(batch);
}

struct journal_stamp batch_begin(struct batch *batch) {
    if (journal_batch_events(batch->journal) == 0) {
        journal_begin(batch->journal);
    }
    return journal_batch_stamp(batch->journal);
}

err_t batch_append(struct batch *batch, const struct event *event,
                   struct shop_stamp *ret) {
    struct writer out = writer_over(batch->stored, batch->stored_cap);
    event_store(event, &out);
    ENSURE(!out.full, ERR_FULL);
    const struct journal_stamp begun = batch_begin(batch);
    uint64_t seq;
    uint64_t expected = batch_end(batch);
    TRY(journal_append(batch->journal, writer_slice(&out), &seq));
    assert(seq == expected);
    batch->bytes_ever += out.len;
    batch->used += out.len + RECORD_HEAD_MAX;
    batch->framed += out.len + FRAME_ITEM_HEAD_SIZE;
    *ret = (struct shop_stamp){.seq = seq, .wall_us = begun.wall_us};
    return ERR_OK;
}

err_t batch_render(struct batch *batch, const struct event *event,
                   struct shop_stamp stamp, struct slice *ret) {
    struct event_record record = {
        .seq = stamp.seq,
        .wall_us = stamp.wall_us,
        .journal_id = event_life_of(journal_id(batch->journal)),
    };
    /* An answer given again may be an earlier life's, or so old that its id
     * does not tell. */
    if (event_life_of_own_id(event->id, &record.life) != ERR_OK) {
        record.life = (struct event_life){{0}};
    }
    struct writer out = writer_over(batch->rendered, batch->rendered_cap);
    TRY(event_render_json(event, &record, &out));
    *ret = writer_slice(&out);
    return ERR_OK;
}

uint64_t batch_end(const struct batch *batch) {
    return journal_next_seq(batch->journal);
}

uint32_t batch_events(const struct batch *batch) {
    return journal_batch_events(batch->journal);
}

uint64_t batch_bytes_ever(const struct batch *batch) {
    return batch->bytes_ever;
}

/* --- Room --- */

static uint64_t room_left(const struct batch *batch) {
    return batch->room > batch->used ? batch->room - batch->used : 0;
}

bool batch_has_room(const struct batch *batch) {
    return room_left(batch) >= batch->message_bytes_max;
}

bool batch_takes_message(const struct batch *batch) {
    return batch_events(batch) + 1 + SHOP_OUTPUTS_MAX + BATCH_OWN_EVENTS_MAX <=
               BATCH_EVENTS_MAX &&
           journal_batch_room(batch->journal) >= batch->message_bytes_max &&
           batch_has_room(batch);
}

uint32_t batch_takes_own(const struct batch *batch) {
    if (batch_events(batch) == 0) {
        return OWN_EVENTS_ALONE;
    }
    uint64_t need =
        batch->message_bytes_max + OWN_EVENTS_BESIDE * BATCH_OWN_BYTES_MAX;
    bool fits = batch_events(batch) + OWN_EVENTS_BESIDE + 1 + SHOP_OUTPUTS_MAX +
                        BATCH_OWN_EVENTS_MAX <=
                    BATCH_EVENTS_MAX &&
                journal_batch_room(batch->journal) >= need &&
                room_left(batch) >= need;
    return fits ? OWN_EVENTS_BESIDE : 0;
}

bool batch_fills_page(const struct batch *batch) {
    uint32_t events = batch_events(batch);
    if (events == 0) {
        return false;
    }
    uint64_t frame = FRAME_HEAD_SIZE + batch->framed + FRAME_ITEM_HEAD_SIZE;
    uint64_t left = JOURNAL_PAGE - frame % JOURNAL_PAGE;
    return left < batch->framed / events;
}

void batch_hand_over(struct batch *batch) {
    journal_hand_over(batch->journal);
    assert(batch_events(batch) == 0);
    batch->room = journal_room_behind(batch->journal);
    batch->used = 0;
    batch->framed = 0;
}

/* journal_room() is what is left beside what the batch holds. */
void batch_look(struct batch *batch) {
    batch->room = journal_room(batch->journal) + batch->used;
}
