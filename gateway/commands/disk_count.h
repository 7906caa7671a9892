/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the calls of a disk, so that another thread sees whether something
 * that waits for the disk goes on. */
#ifndef GATEWAY_COMMANDS_DISK_COUNT_H
#define GATEWAY_COMMANDS_DISK_COUNT_H

#include <stdatomic.h>

#include "gateway/base/base.h"

/* Of the calls that read, write, sync and allocate. Any thread may look: if
 * `begun` is read after `ended`, the difference is what is in flight. */
struct disk_count {
    struct disk real;
    atomic_uint_fast64_t begun;
    atomic_uint_fast64_t ended;
};

/* Replaces `disk` by one that counts; `count` outlives it. */
void disk_count_put(struct disk_count *count, struct disk *disk);

#endif
