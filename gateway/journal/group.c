/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/group.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LARGE = 256 * 1024, /* bytes of a frame, from which on its pages go back */
    KEPT = 64 * 1024,   /* but for these */
};

err_t group_init(struct group *group, uint32_t events_max, uint32_t bytes_max) {
    assert(events_max > 0 && bytes_max > 0);
    uint64_t heads = (uint64_t)events_max * FRAME_ITEM_HEAD_SIZE;
    size_t cap = (size_t)frame_size(heads + bytes_max);
    uint8_t *data = calloc(1, cap);
    ENSURE(data != NULL, ERR_MEMORY);
    *group = (struct group){
        .frame = writer_over(data, cap),
        .events_max = events_max,
        .bytes_max = bytes_max,
    };
    frame_begin(&group->frame);
    return ERR_OK;
}

void group_free(struct group *group) {
    free(group->frame.data);
    *group = (struct group){0};
}

void group_begin(struct group *group, uint64_t first_seq,
                 struct journal_stamp stamp) {
    assert(group->events == 0);
    assert(stamp.wall_us >= 0 && stamp.mono_us >= 0);
    group->first_seq = first_seq;
    group->stamp = stamp;
    group->begun = true;
}

uint64_t group_append(struct group *group, struct slice record) {
    assert(group->begun);
    assert(group->events < group->events_max);
    assert(record.len <= group_room(group));
    frame_add(&group->frame, record);
    assert(!group->frame.full);
    group->bytes += (uint32_t)record.len;
    return group->first_seq + group->events++;
}

/* A box that rests does not keep what its largest commit took. */
static void give_back(struct group *group) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t over = ((uintptr_t)group->frame.data + KEPT) % page;
    size_t from = KEPT + (page - over) % page;
    if (group->frame.len < LARGE) {
        return;
    }
    assert(from < group->frame.len);
    size_t len = (group->frame.len - from) / page * page;
    (void)madvise(group->frame.data + from, len, MADV_DONTNEED);
}

void group_clear(struct group *group) {
    give_back(group);
    group->events = 0;
    group->bytes = 0;
    group->begun = false;
    frame_begin(&group->frame);
}

uint64_t group_events_len(const struct group *group) {
    assert(group->frame.len >= FRAME_HEAD_SIZE);
    return group->frame.len - FRAME_HEAD_SIZE;
}

uint64_t group_frame_size(const struct group *group) {
    return frame_size(group_events_len(group));
}

struct slice group_frame(struct group *group, uint32_t incarnation,
                         uint64_t salt) {
    assert(group->begun && group->events > 0);
    uint64_t size = group_frame_size(group);
    const struct frame_head head = {
        .incarnation = incarnation,
        .first_seq = group->first_seq,
        .count = group->events,
        .wall_us = group->stamp.wall_us,
        .mono_us = group->stamp.mono_us,
    };
    struct slice frame = frame_finish(&group->frame, &head, salt);
    assert(frame.len == size);
    return frame;
}
