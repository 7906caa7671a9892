/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    PATH_SHOWN_MAX = 140
}; /* so that there is room for the cause after it */

static bool is_from_a_call(err_t err) {
    return err == ERR_IO || err == ERR_FULL || err == ERR_NOT_FOUND ||
           err == ERR_BUSY;
}

const char *disk_cause(err_t err) {
    assert(err != ERR_OK);
    return errno != 0 && is_from_a_call(err) ? strerror(errno) : err_name(err);
}

err_t disk_failed(struct reason *reason, err_t err, const char *verb,
                  const char *path) {
    const char *cause = disk_cause(err); /* first: later calls may set errno */
    size_t len = strlen(path);
    bool cut = len > PATH_SHOWN_MAX;
    return reason_set(reason, err, "cannot %s %s%s: %s", verb, cut ? "..." : "",
                      cut ? path + len - PATH_SHOWN_MAX : path, cause);
}

/* --- Reading ------------------------------------------------------------- */

static err_t read_open(const struct disk *disk, int fd, uint8_t **ret,
                       size_t *ret_len) {
    uint64_t size;
    TRY(disk->size(disk->self, fd, &size));
    ENSURE(size < SIZE_MAX, ERR_CORRUPT);
    uint8_t *bytes = malloc((size_t)size + 1);
    ENSURE(bytes != NULL, ERR_MEMORY);
    err_t err = disk->read(disk->self, fd, 0, bytes, (size_t)size, ret_len);
    if (err != ERR_OK) {
        int cause = errno;
        free(bytes);
        errno = cause;
        return err;
    }
    *ret = bytes;
    return ERR_OK;
}

err_t disk_read_whole(const struct disk *disk, const char *path, uint8_t **ret,
                      size_t *ret_len) {
    int fd;
    TRY(disk->open(disk->self, path, DISK_READ, &fd));
    err_t err = read_open(disk, fd, ret, ret_len);
    disk->close(disk->self, fd);
    return err;
}

/* --- Replacing ----------------------------------------------------------- */

static err_t write_parts(const struct disk *disk, int fd,
                         const struct slice *parts, size_t part_count) {
    uint64_t offset = 0;
    for (size_t i = 0; i < part_count; i++) {
        TRY(disk->write(disk->self, fd, offset, parts[i]));
        offset += parts[i].len;
    }
    return disk->sync(disk->self, fd);
}

static err_t make(const struct disk *disk, const char *making,
                  const struct slice *parts, size_t part_count) {
    int fd;
    err_t err = disk->unlink(disk->self, making);
    ENSURE(err == ERR_OK || err == ERR_NOT_FOUND, err);
    TRY(disk->open(disk->self, making, DISK_CREATE, &fd));
    err = write_parts(disk, fd, parts, part_count);
    disk->close(disk->self, fd);
    return err;
}

err_t disk_replace(const struct disk *disk, const char *dir, const char *making,
                   const char *path, const struct slice *parts,
                   size_t part_count) {
    err_t err = make(disk, making, parts, part_count);
    if (err == ERR_OK) {
        err = disk->rename(disk->self, making, path);
    }
    if (err != ERR_OK) {
        int cause = errno;
        (void)disk->unlink(disk->self, making);
        errno = cause;
        return err;
    }
    return disk->sync_dir(disk->self, dir);
}

/* --- Places ------------------------------------------------------------- */

enum { PATH_BACK_MAX = 90 }; /* of what has to be put back: advice follows */

err_t disk_check_place(const struct disk *disk, const char *path, int fd,
                       struct reason *reason) {
    bool same;
    err_t err = disk->names(disk->self, path, fd, &same);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "look for", path);
    }
    if (same) {
        return ERR_OK;
    }
    size_t len = strlen(path);
    bool cut = len > PATH_BACK_MAX;
    errno = ENOENT;
    return reason_set(reason, ERR_IO,
                      "%s%s was removed or replaced while the gateway ran: put "
                      "the data directory back, or mount its disk, then start "
                      "the gateway again",
                      cut ? "..." : "",
                      cut ? path + len - PATH_BACK_MAX : path);
}

/* --- Folders ------------------------------------------------------------- */

static size_t without_slashes(const char *path, size_t len) {
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return len;
}

err_t disk_sync_parent(const struct disk *disk, const char *path) {
    size_t len = without_slashes(path, strlen(path));
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    len = without_slashes(path, len);
    if (len == 0) {
        return disk->sync_dir(disk->self, ".");
    }
    char *parent = malloc(len + 1);
    ENSURE(parent != NULL, ERR_MEMORY);
    memcpy(parent, path, len);
    parent[len] = '\0';
    err_t err = disk->sync_dir(disk->self, parent);
    free(parent);
    return err;
}
