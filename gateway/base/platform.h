/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal, the shop and the forwarder may use of the machine: a disk,
 * a clock and a source of random bytes, each a table of functions. platform_*()
 * make the real ones; a simulator provides its own, so the same code runs in
 * both. Each call passes the table's `self` first. */
#ifndef GATEWAY_BASE_PLATFORM_H
#define GATEWAY_BASE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/bytes.h"
#include "gateway/base/error.h"

enum disk_open {
    DISK_READ,   /* must exist */
    DISK_WRITE,  /* read and write; must exist */
    DISK_CREATE, /* read and write; must not exist */
};

/* Errors: ERR_NOT_FOUND, ERR_BUSY (exists already, or locked), ERR_FULL (no
 * space or quota), else ERR_IO. `errno` keeps the exact cause, for a log line.
 */
struct disk {
    void *self;
    err_t (*open)(void *self, const char *path, enum disk_open how,
                  int *ret_fd);
    void (*close)(void *self, int fd);
    /* All of `len` bytes, or fewer only at the end of the file. */
    err_t (*read)(void *self, int fd, uint64_t offset, void *buf, size_t len,
                  size_t *ret_len);
    /* Writes everything or returns an error; the table handles EINTR and short
     * writes. */
    err_t (*write)(void *self, int fd, uint64_t offset, struct slice bytes);
    /* fdatasync(2). EINTR is a failure like any other: never repeated. */
    err_t (*sync)(void *self, int fd);
    err_t (*allocate)(void *self, int fd, uint64_t size);
    err_t (*truncate)(void *self, int fd, uint64_t size);
    err_t (*size)(void *self, int fd, uint64_t *ret_size);
    err_t (*rename)(void *self, const char *from, const char *to);
    err_t (*unlink)(void *self, const char *path);
    /* Makes one directory, mode 0750; ERR_BUSY if it is there already. */
    err_t (*make_dir)(void *self, const char *path);
    /* Removes an empty directory. */
    err_t (*remove_dir)(void *self, const char *path);
    /* Makes a symbolic link at `path`; ERR_BUSY if something is there. */
    err_t (*make_link)(void *self, const char *target, const char *path);
    /* What a symbolic link names, as a string; ERR_RANGE if it does not fit or
     * is no link. */
    err_t (*read_link)(void *self, const char *path, char *ret,
                       size_t ret_size);
    /* Takes a file (mode 0600), a directory (0700) or a link from everybody but
     * the owner of `owned`, who owns it then, if this process may give it. */
    err_t (*make_private)(void *self, const char *path, const char *owned);
    /* Makes creations, renames and unlinks in a directory durable. */
    err_t (*sync_dir)(void *self, const char *path);
    /* Calls `each` for every name in a directory, in no order. */
    err_t (*list)(void *self, const char *path,
                  void (*each)(void *context, const char *name), void *context);
    /* Creates it if needed, and locks it for this process until closed;
     * ERR_BUSY if another process holds it. */
    err_t (*lock)(void *self, const char *path, int *ret_fd);
    err_t (*free_space)(void *self, const char *path, uint64_t *ret_bytes);
    /* Wall time of the last change of a file's bytes, us since 1970. */
    err_t (*changed_us)(void *self, const char *path, int64_t *ret_us);
    /* Is the file that is open as `fd` still the one that `path` names? No, if
     * the path is gone. */
    err_t (*names)(void *self, const char *path, int fd, bool *ret);
};

struct clock {
    void *self;
    int64_t (*wall_us)(void *self); /* since 1970, UTC; may jump */
    int64_t (*mono_us)(void *self); /* since some start; never goes backwards */
};

struct entropy {
    void *self;
    void (*fill)(void *self, void *buf, size_t len);
};

struct platform {
    struct disk disk;
    struct clock clock;
    struct entropy entropy;
};

/* The real machine. */
struct platform platform_real(void);

uint64_t entropy_u64(const struct entropy *entropy);

#endif
