/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/frame.h"

#include <assert.h>
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> /* the same, by the widest vectors */
#endif

#include "gateway/journal/fixed.h"

enum {
    CHECKSUM_AT = 38,  /* the item; its value is 8 bytes from the next one on */
    CHECKSUM_END = 47, /* the checksum covers what follows it, too */
};

static uint64_t frame_checksum(struct slice frame, uint64_t salt) {
    struct slice front = slice_part(frame, 0, CHECKSUM_AT);
    struct slice body =
        slice_part(frame, CHECKSUM_END, frame.len - CHECKSUM_END);
#ifdef EDGE_CONTROL_NO_SALT
    salt = 0;
#endif
    uint64_t seed = XXH3_64bits_withSeed(front.data, front.len, salt);
#ifdef EDGE_CONTROL_NO_HEAD_CHECKSUM
    seed = salt;
#endif
    return XXH3_64bits_withSeed(body.data, body.len, seed);
}

uint64_t frame_size(uint64_t events_len) {
    uint64_t used = FRAME_HEAD_SIZE + events_len + FRAME_ITEM_HEAD_SIZE;
    return (used + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

void frame_begin(struct writer *frame) {
    *frame = writer_over(frame->data, frame->cap);
    writer_fill(frame, 0, FRAME_HEAD_SIZE);
}

void frame_add(struct writer *frame, struct slice record) {
    assert(record.len <= UINT32_MAX);
    fixed_put_u32(frame, FIXED_BYTES_U32, (uint32_t)record.len);
    writer_slice_add(frame, record);
}

static void head_write(struct writer *writer, const struct frame_head *head,
                       uint64_t checksum, uint32_t events_len) {
    writer_u8(writer, FIXED_ARRAY_8);
    fixed_put_u32(writer, FIXED_U32, head->incarnation);
    fixed_put_u64(writer, FIXED_U64, head->first_seq);
    fixed_put_u32(writer, FIXED_U32, head->count);
    fixed_put_u64(writer, FIXED_U64, (uint64_t)head->wall_us);
    fixed_put_u64(writer, FIXED_U64, (uint64_t)head->mono_us);
    fixed_put_u64(writer, FIXED_U64, checksum);
    fixed_put_u32(writer, FIXED_BYTES_U32, events_len);
    assert(!writer->full && writer->len == FRAME_HEAD_SIZE);
}

struct slice frame_finish(struct writer *frame, const struct frame_head *head,
                          uint64_t salt) {
    assert(head->count > 0);
    assert(head->wall_us >= 0 && head->mono_us >= 0);
    assert(frame->len >= FRAME_HEAD_SIZE);
    size_t events_len = frame->len - FRAME_HEAD_SIZE;
    size_t used = frame->len + FRAME_ITEM_HEAD_SIZE;
    size_t padding = (size_t)frame_size(events_len) - used;
    assert(events_len <= UINT32_MAX);

    fixed_put_u32(frame, FIXED_BYTES_U32, (uint32_t)padding);
    writer_fill(frame, 0, padding);
    assert(!frame->full && frame->len % FRAME_ALIGN == 0);

    struct slice bytes = writer_slice(frame);
    struct writer front = writer_over(frame->data, FRAME_HEAD_SIZE);
    head_write(&front, head, 0, (uint32_t)events_len);
    uint64_t checksum = frame_checksum(bytes, salt);
    front = writer_over(frame->data, FRAME_HEAD_SIZE);
    head_write(&front, head, checksum, (uint32_t)events_len);
    return bytes;
}

static err_t item_time(struct cursor *cursor, int64_t *ret) {
    uint64_t value;
    TRY(fixed_u64(cursor, FIXED_U64, &value));
    ENSURE(value <= INT64_MAX, ERR_PARSE);
    *ret = (int64_t)value;
    return ERR_OK;
}

err_t frame_parse(struct slice bytes, struct frame_head *ret) {
    struct frame_head head;
    struct cursor cursor = cursor_over(bytes);
    TRY(fixed_expect(&cursor, FIXED_ARRAY_8));
    TRY(fixed_u32(&cursor, FIXED_U32, &head.incarnation));
    TRY(fixed_u64(&cursor, FIXED_U64, &head.first_seq));
    TRY(fixed_u32(&cursor, FIXED_U32, &head.count));
    TRY(item_time(&cursor, &head.wall_us));
    TRY(item_time(&cursor, &head.mono_us));
    TRY(fixed_u64(&cursor, FIXED_U64, &head.checksum));
    TRY(fixed_u32(&cursor, FIXED_BYTES_U32, &head.events_len));
    ENSURE(head.count > 0, ERR_PARSE);
    ENSURE(head.count <= head.events_len / FRAME_ITEM_HEAD_SIZE, ERR_PARSE);
    ENSURE(head.first_seq <= JOURNAL_SEQ_MAX - head.count, ERR_PARSE);
    *ret = head;
    return ERR_OK;
}

/* The records fill their byte string exactly and the padding the frame. */
static err_t frame_check_items(struct slice frame,
                               const struct frame_head *head) {
    struct cursor records = frame_records(frame, head);
    for (uint32_t i = 0; i < head->count; i++) {
        struct slice record;
        TRY(frame_record(&records, &record));
    }
    ENSURE(cursor_left(&records) == 0, ERR_PARSE);
    struct cursor rest = cursor_over(frame);
    rest.at = FRAME_HEAD_SIZE + (size_t)head->events_len;
    uint32_t padding;
    TRY(fixed_u32(&rest, FIXED_BYTES_U32, &padding));
    ENSURE(cursor_left(&rest) == padding, ERR_PARSE);
    return ERR_OK;
}

bool frame_verify(struct slice frame, const struct frame_head *head,
                  uint64_t salt) {
    assert(frame.len == frame_size(head->events_len));
    return frame_checksum(frame, salt) == head->checksum &&
           frame_check_items(frame, head) == ERR_OK;
}

struct cursor frame_records(struct slice frame, const struct frame_head *head) {
    return cursor_over(slice_part(frame, FRAME_HEAD_SIZE, head->events_len));
}

err_t frame_record(struct cursor *records, struct slice *ret) {
    uint32_t len;
    TRY(fixed_u32(records, FIXED_BYTES_U32, &len));
    return cursor_take(records, len, ret);
}
