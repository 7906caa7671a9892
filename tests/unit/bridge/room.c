/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bridge/room.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/event/event.h"

enum { EVENT_ROOM = 6 * 1024 * 1024 };

/* --- the disk ----------------------------------------------------------- */

static const struct disk *allowed(void *self) {
    const struct room *room = self;
    assert_true(room->disk_allowed);
    return &room->inner;
}

static err_t guard_open(void *self, const char *path, enum disk_open how,
                        int *ret_fd) {
    const struct disk *disk = allowed(self);
    return disk->open(disk->self, path, how, ret_fd);
}

static void guard_close(void *self, int fd) {
    const struct disk *disk = allowed(self);
    disk->close(disk->self, fd);
}

static err_t guard_read(void *self, int fd, uint64_t offset, void *buf,
                        size_t len, size_t *ret_len) {
    const struct disk *disk = allowed(self);
    return disk->read(disk->self, fd, offset, buf, len, ret_len);
}

static err_t guard_write(void *self, int fd, uint64_t offset,
                         struct slice bytes) {
    const struct disk *disk = allowed(self);
    return disk->write(disk->self, fd, offset, bytes);
}

static err_t guard_sync(void *self, int fd) {
    const struct disk *disk = allowed(self);
    return disk->sync(disk->self, fd);
}

static err_t guard_size(void *self, int fd, uint64_t *ret_size) {
    const struct disk *disk = allowed(self);
    return disk->size(disk->self, fd, ret_size);
}

static err_t guard_sync_dir(void *self, const char *path) {
    const struct disk *disk = allowed(self);
    return disk->sync_dir(disk->self, path);
}

static err_t guard_list(void *self, const char *path,
                        void (*each)(void *context, const char *name),
                        void *context) {
    const struct disk *disk = allowed(self);
    return disk->list(disk->self, path, each, context);
}

static err_t guard_names(void *self, const char *path, int fd, bool *ret) {
    const struct disk *disk = allowed(self);
    return disk->names(disk->self, path, fd, ret);
}

/* What a feed or a cursor has no use for stays NULL. */
static struct disk guarded(struct room *room) {
    return (struct disk){
        .self = room,
        .open = guard_open,
        .close = guard_close,
        .read = guard_read,
        .write = guard_write,
        .sync = guard_sync,
        .size = guard_size,
        .sync_dir = guard_sync_dir,
        .list = guard_list,
        .names = guard_names,
    };
}

static int64_t read_mono(void *self) {
    const struct room *room = self;
    return room->mono_us;
}

static int64_t read_wall(void *self) {
    const struct room *room = self;
    return room->wall_us;
}

/* --- the journal -------------------------------------------------------- */

void room_init(struct room *room, uint32_t segment_pages) {
    *room = (struct room){
        .fake = fake_disk_new(7),
        .disk_allowed = true,
        .dice = {20261128},
        .mono_us = 1000,
        .wall_us = 1795432440000000,
        .keys = 5,
    };
    room->inner = fake_disk_table(room->fake);
    room->platform = (struct platform){
        .disk = guarded(room),
        .clock = {room, read_wall, read_mono},
        .entropy = dice_entropy(&room->dice),
    };
    room->writing = room->platform;
    room->writing.disk = room->inner;
    assert_int_equal(room->inner.make_dir(room->inner.self, "/data"), ERR_OK);
    assert_int_equal(room->inner.sync_dir(room->inner.self, ""), ERR_OK);
    struct journal_options options = {
        .platform = &room->writing,
        .dir = ROOM_DIR,
        .store = "store-7",
        .stream = "orders",
        .segment_bytes = (uint64_t)segment_pages * JOURNAL_PAGE,
    };
    room->journal = support_open(&options);
    room->position = journal_position(room->journal);
}

void room_free(struct room *room) {
    assert_int_equal(room->executor.given_count, 0);
    assert_int_equal(room->executor.ran_count, 0);
    journal_close(room->journal);
    fake_disk_free(room->fake);
}

static void append_event(struct room *room, size_t bytes, uint8_t *memory) {
    uint64_t seq = journal_next_seq(room->journal);
    char id[32];
    char subject[32];
    char *data = (char *)memory + EVENT_ROOM / 2;
    snprintf(id, sizeof id, "e%" PRIu64, seq);
    snprintf(subject, sizeof subject, "k%" PRIu64, seq % room->keys);
    int head = snprintf(data, 64, "{\"pad\":\"");
    memset(data + head, 'x', bytes);
    memcpy(data + head + bytes, "\"}", 2);
    struct event event = {
        .id = slice_from_str(id),
        .source = SLICE("/store-7/sensor"),
        .type = SLICE("ReadingTaken"),
        .subject = slice_from_str(subject),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_of(data, (size_t)head + bytes + 2),
    };
    struct writer writer = writer_over(memory, EVENT_ROOM / 2);
    event_store(&event, &writer);
    assert_false(writer.full);
    assert_int_equal(support_append(room->journal, writer_slice(&writer)), seq);
}

void room_append(struct room *room, uint32_t count, size_t bytes) {
    uint8_t *memory = malloc(EVENT_ROOM);
    assert_non_null(memory);
    journal_begin(room->journal);
    for (uint32_t i = 0; i < count; i++) {
        append_event(room, bytes, memory);
    }
    support_commit(room->journal);
    free(memory);
}

void room_append_frames(struct room *room, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        room_append(room, 1, 10);
    }
}

void room_trim(struct room *room) {
    assert_int_equal(journal_trim(room->journal, NULL), ERR_OK);
}

void room_damage(struct room *room, uint64_t first_seq, uint32_t page) {
    char path[64];
    snprintf(path, sizeof path, ROOM_DIR "/%020" PRIu64 ".seg", first_seq);
    fake_disk_flip(room->fake, path, ((uint64_t)page * JOURNAL_PAGE + 60) * 8);
}

/* --- jobs --------------------------------------------------------------- */

bool room_work(struct room *room) {
    bool before = room->disk_allowed;
    room->disk_allowed = true;
    bool worked = fake_executor_work(&room->executor);
    room->disk_allowed = before;
    return worked;
}

bool room_done(struct room *room) {
    return fake_executor_done(&room->executor);
}

void room_settle(struct room *room) {
    while (room_work(room) || room_done(room)) {
    }
}

void room_loop_begins(struct room *room) {
    room->disk_allowed = false;
}

void room_loop_ends(struct room *room) {
    room->disk_allowed = true;
}
