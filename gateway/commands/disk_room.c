/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/disk_room.h"

#include <assert.h>

static void work(void *self) {
    struct disk_room *room = self;
    room->err =
        room->disk->free_space(room->disk->self, room->dir, &room->found_bytes);
}

/* What was known stays, should the disk not say it now. */
static void done(void *self) {
    struct disk_room *room = self;
    assert(room->running);
    room->running = false;
    if (room->err == ERR_OK) {
        room->known = true;
        room->free_bytes = room->found_bytes;
    }
}

void disk_room_init(struct disk_room *room, const struct disk *disk,
                    const char *dir, struct executor executor) {
    *room = (struct disk_room){.disk = disk,
                               .dir = dir,
                               .executor = executor,
                               .asked_us = -DISK_ROOM_EVERY_US};
    room->job = (struct job){.self = room, .work = work, .done = done};
}

void disk_room_tick(struct disk_room *room, int64_t now_us) {
    if (room->running || now_us - room->asked_us < DISK_ROOM_EVERY_US) {
        return;
    }
    room->running = true;
    room->asked_us = now_us;
    room->executor.submit(room->executor.self, &room->job);
}
