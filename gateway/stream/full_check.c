/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/full_check.h"

#include <assert.h>
#include <stdio.h>

#include "config/config.h"

enum { MARK_PATH_SIZE = CONFIG_PATH_MAX + CONFIG_NAME_MAX + 16 };

static void mark_path(const char *dir, char ret[MARK_PATH_SIZE]) {
    int len = snprintf(ret, MARK_PATH_SIZE, "%s/doubt", dir);
    assert(len > 0 && len < MARK_PATH_SIZE);
}

bool full_check_is_due(const struct disk *disk, const char *dir) {
    char path[MARK_PATH_SIZE];
    int fd;
    mark_path(dir, path);
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    disk->close(disk->self, fd);
    return true;
}

err_t full_check_ask(const struct disk *disk, const char *dir) {
    char path[MARK_PATH_SIZE];
    int fd;
    mark_path(dir, path);
    err_t err = disk->open(disk->self, path, DISK_CREATE, &fd);
    if (err == ERR_BUSY) {
        return ERR_OK; /* it is asked for already */
    }
    TRY(err);
    disk->close(disk->self, fd);
    return disk->sync_dir(disk->self, dir);
}

void full_check_done(const struct disk *disk, const char *dir) {
    char path[MARK_PATH_SIZE];
    mark_path(dir, path);
    (void)disk->unlink(disk->self, path);
}
