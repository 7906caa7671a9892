/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/batch.h"

#include <assert.h>
#include <stdlib.h>

err_t batch_init(struct batch *batch, uint32_t events_max, uint32_t bytes_max) {
    assert(events_max > 0 && bytes_max > 0);
    uint64_t heads = (uint64_t)events_max * FRAME_ITEM_HEAD_SIZE;
    size_t cap = (size_t)frame_size(heads + bytes_max);
    uint8_t *data = calloc(1, cap);
    ENSURE(data != NULL, ERR_MEMORY);
    *batch = (struct batch){
        .frame = writer_over(data, cap),
        .events_max = events_max,
        .bytes_max = bytes_max,
    };
    frame_begin(&batch->frame);
    return ERR_OK;
}

void batch_free(struct batch *batch) {
    free(batch->frame.data);
    *batch = (struct batch){0};
}

void batch_begin(struct batch *batch, uint64_t first_seq,
                 struct journal_stamp stamp) {
    assert(batch->events == 0);
    assert(stamp.wall_us >= 0 && stamp.mono_us >= 0);
    batch->first_seq = first_seq;
    batch->stamp = stamp;
    batch->begun = true;
}

uint32_t batch_room(const struct batch *batch) {
    if (batch->events == batch->events_max) {
        return 0;
    }
    assert(batch->bytes <= batch->bytes_max);
    return batch->bytes_max - batch->bytes;
}

uint64_t batch_append(struct batch *batch, struct slice record) {
    assert(batch->begun);
    assert(batch->events < batch->events_max);
    assert(record.len <= batch_room(batch));
    frame_add(&batch->frame, record);
    assert(!batch->frame.full);
    batch->bytes += (uint32_t)record.len;
    return batch->first_seq + batch->events++;
}

void batch_clear(struct batch *batch) {
    batch->events = 0;
    batch->bytes = 0;
    batch->begun = false;
    frame_begin(&batch->frame);
}

uint64_t batch_events_len(const struct batch *batch) {
    assert(batch->frame.len >= FRAME_HEAD_SIZE);
    return batch->frame.len - FRAME_HEAD_SIZE;
}

uint64_t batch_frame_size(const struct batch *batch) {
    return frame_size(batch_events_len(batch));
}

struct slice batch_frame(struct batch *batch, uint32_t incarnation,
                         uint64_t salt) {
    assert(batch->begun && batch->events > 0);
    uint64_t size = batch_frame_size(batch);
    const struct frame_head head = {
        .incarnation = incarnation,
        .first_seq = batch->first_seq,
        .count = batch->events,
        .wall_us = batch->stamp.wall_us,
        .mono_us = batch->stamp.mono_us,
    };
    struct slice frame = frame_finish(&batch->frame, &head, salt);
    assert(frame.len == size);
    return frame;
}
