/* SPDX-License-Identifier: Apache-2.0 */
/* How much space the disk of the data has left. A job asks the disk, every ten
 * seconds: other programs fill it, too. */
#ifndef GATEWAY_COMMANDS_DISK_ROOM_H
#define GATEWAY_COMMANDS_DISK_ROOM_H

#include "gateway/base/base.h"
#include "gateway/base/executor.h"

#define DISK_ROOM_EVERY_US ((int64_t)10 * 1000 * 1000)

struct disk_room {
    const struct disk *disk; /* these outlive it */
    const char *dir;
    struct executor executor;
    bool known;
    uint64_t free_bytes; /* as last asked; if it is known */
    int64_t asked_us;    /* monotonic */
    /* The job's while it runs. */
    struct job job;
    bool running;
    err_t err;
    uint64_t found_bytes;
};

void disk_room_init(struct disk_room *room, const struct disk *disk,
                    const char *dir, struct executor executor);
/* Asks again if it is time. */
void disk_room_tick(struct disk_room *room, int64_t now_us);

#endif
