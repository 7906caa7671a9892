/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/disk_count.h"

#include <assert.h>

static void begin(struct disk_count *count) {
    atomic_fetch_add_explicit(&count->begun, 1, memory_order_relaxed);
}

static err_t end(struct disk_count *count, err_t err) {
    atomic_fetch_add_explicit(&count->ended, 1, memory_order_relaxed);
    return err;
}

static err_t count_read(void *self, int fd, uint64_t offset, void *buf,
                        size_t len, size_t *ret_len) {
    struct disk_count *count = self;
    begin(count);
    return end(count, count->real.read(count->real.self, fd, offset, buf, len,
                                       ret_len));
}

static err_t count_write(void *self, int fd, uint64_t offset,
                         struct slice bytes) {
    struct disk_count *count = self;
    begin(count);
    return end(count, count->real.write(count->real.self, fd, offset, bytes));
}

static err_t count_sync(void *self, int fd) {
    struct disk_count *count = self;
    begin(count);
    return end(count, count->real.sync(count->real.self, fd));
}

static err_t count_sync_dir(void *self, const char *path) {
    struct disk_count *count = self;
    begin(count);
    return end(count, count->real.sync_dir(count->real.self, path));
}

static err_t count_allocate(void *self, int fd, uint64_t size) {
    struct disk_count *count = self;
    begin(count);
    return end(count, count->real.allocate(count->real.self, fd, size));
}

static err_t count_truncate(void *self, int fd, uint64_t size) {
    struct disk_count *count = self;
    begin(count);
    return end(count, count->real.truncate(count->real.self, fd, size));
}

/* The calls that are not counted get our `self`, so theirs must not matter. */
void disk_count_put(struct disk_count *count, struct disk *disk) {
    assert(disk->self == NULL && count->real.read == NULL);
    count->real = *disk;
    disk->self = count;
    disk->read = count_read;
    disk->write = count_write;
    disk->sync = count_sync;
    disk->sync_dir = count_sync_dir;
    disk->allocate = count_allocate;
    disk->truncate = count_truncate;
}
