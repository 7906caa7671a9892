/* SPDX-License-Identifier: Apache-2.0 */
/* The machine itself, behind the tables. */
#include "gateway/base/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static err_t errno_class(void) {
    switch (errno) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
    case EWOULDBLOCK:
        return ERR_BUSY;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

static err_t disk_open(void *self, const char *path, enum disk_open how,
                       int *ret_fd) {
    (void)self;
    static const int flags[] = {
        [DISK_READ] = O_RDONLY,
        [DISK_WRITE] = O_RDWR,
        [DISK_CREATE] = O_RDWR | O_CREAT | O_EXCL,
    };
    int fd = open(path, flags[how] | O_CLOEXEC, 0640);
    ENSURE(fd >= 0, errno_class());
    *ret_fd = fd;
    return ERR_OK;
}

static void disk_close(void *self, int fd) {
    (void)self;
    int cause = errno; /* of earlier calls: close has nothing to report */
    close(fd);
    errno = cause;
}

static err_t disk_read(void *self, int fd, uint64_t offset, void *buf,
                       size_t len, size_t *ret_len) {
    (void)self;
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, (uint8_t *)buf + done, len - done,
                            (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, errno_class());
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_len = done;
    return ERR_OK;
}

/* Written data will be synced next, so the device may start on the first pieces
 * of a long write. The sync reports any failure of this. */
enum { WRITE_PIECE = 128 * 1024 };

static err_t disk_write(void *self, int fd, uint64_t offset,
                        struct slice bytes) {
    (void)self;
    size_t done = 0;
    while (done < bytes.len) {
        size_t left = bytes.len - done;
        size_t len = left < WRITE_PIECE ? left : WRITE_PIECE;
        ssize_t put =
            pwrite(fd, bytes.data + done, len, (off_t)(offset + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(put > 0, errno_class());
        if (bytes.len > WRITE_PIECE) { /* start while the rest is copied */
            (void)sync_file_range(fd, (off_t)(offset + done), put,
                                  SYNC_FILE_RANGE_WRITE);
        }
        done += (size_t)put;
    }
    return ERR_OK;
}

static err_t disk_sync(void *self, int fd) {
    (void)self;
    ENSURE(fdatasync(fd) == 0, errno_class());
    return ERR_OK;
}

/* If the file system cannot preallocate, a longer file must do: then space is
 * needed only at the write, which may return ERR_FULL. */
static err_t disk_allocate(void *self, int fd, uint64_t size) {
    (void)self;
    if (fallocate(fd, 0, 0, (off_t)size) == 0) {
        return ERR_OK;
    }
    ENSURE(errno == EOPNOTSUPP || errno == ENOSYS, errno_class());
    ENSURE(ftruncate(fd, (off_t)size) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_truncate(void *self, int fd, uint64_t size) {
    (void)self;
    ENSURE(ftruncate(fd, (off_t)size) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_size(void *self, int fd, uint64_t *ret_size) {
    (void)self;
    struct statx st; /* and no times: see disk_names() */
    ENSURE(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) == 0, errno_class());
    *ret_size = st.stx_size;
    return ERR_OK;
}

static err_t disk_rename(void *self, const char *from, const char *to) {
    (void)self;
    ENSURE(rename(from, to) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_unlink(void *self, const char *path) {
    (void)self;
    ENSURE(unlink(path) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_make_dir(void *self, const char *path) {
    (void)self;
    ENSURE(mkdir(path, 0750) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_remove_dir(void *self, const char *path) {
    (void)self;
    ENSURE(rmdir(path) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_make_link(void *self, const char *target, const char *path) {
    (void)self;
    ENSURE(symlink(target, path) == 0, errno_class());
    return ERR_OK;
}

static err_t disk_read_link(void *self, const char *path, char *ret,
                            size_t ret_size) {
    (void)self;
    ssize_t len = readlink(path, ret, ret_size);
    ENSURE(len >= 0, errno == EINVAL ? ERR_RANGE : errno_class());
    ENSURE((size_t)len < ret_size, ERR_RANGE);
    ret[len] = '\0';
    return ERR_OK;
}

/* Of what is open, so that nobody puts another file in between. Only root may
 * give files away, and only it has to: others own what they make. */
static err_t make_open_private(int fd, const struct stat *owner) {
    struct stat st;
    ENSURE(fstat(fd, &st) == 0, errno_class());
    ENSURE(fchmod(fd, S_ISDIR(st.st_mode) ? 0700 : 0600) == 0, errno_class());
    if (geteuid() == 0 && st.st_uid != owner->st_uid) {
        ENSURE(fchown(fd, owner->st_uid, owner->st_gid) == 0, errno_class());
    }
    return ERR_OK;
}

static err_t disk_make_private(void *self, const char *path,
                               const char *owned) {
    struct stat owner;
    struct stat st;
    ENSURE(stat(owned, &owner) == 0, errno_class());
    ENSURE(lstat(path, &st) == 0, errno_class());
    if (S_ISLNK(st.st_mode)) {
        bool give = geteuid() == 0;
        ENSURE(!give || lchown(path, owner.st_uid, owner.st_gid) == 0,
               errno_class());
        return ERR_OK;
    }
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ENSURE(fd >= 0, errno_class());
    err_t err = make_open_private(fd, &owner);
    disk_close(self, fd);
    return err;
}

static err_t disk_sync_dir(void *self, const char *path) {
    (void)self;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0, errno_class());
    int failed = fsync(fd);
    err_t err = failed != 0 ? errno_class() : ERR_OK;
    close(fd);
    return err;
}

static err_t disk_list(void *self, const char *path,
                       void (*each)(void *context, const char *name),
                       void *context) {
    (void)self;
    DIR *dir = opendir(path);
    ENSURE(dir != NULL, errno_class());
    errno = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        each(context, e->d_name);
        errno = 0;
    }
    err_t err = errno != 0 ? ERR_IO : ERR_OK;
    closedir(dir);
    return err;
}

static err_t disk_lock(void *self, const char *path, int *ret_fd) {
    (void)self;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    ENSURE(fd >= 0, errno_class());
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err_t err = errno_class();
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static err_t disk_free_space(void *self, const char *path,
                             uint64_t *ret_bytes) {
    (void)self;
    struct statvfs st;
    ENSURE(statvfs(path, &st) == 0, errno_class());
    *ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return ERR_OK;
}

static err_t disk_changed_us(void *self, const char *path, int64_t *ret_us) {
    (void)self;
    struct stat st;
    ENSURE(stat(path, &st) == 0, errno_class());
    *ret_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
    return ERR_OK;
}

/* Asks for no times: on kernels with fine-grained ones (6.13 on) each write
 * after such a question has to change the inode, which makes a commit half as
 * long again. */
static err_t disk_names(void *self, const char *path, int fd, bool *ret) {
    (void)self;
    const int flags = AT_STATX_DONT_SYNC;
    struct statx named;
    struct statx held;
    ENSURE(statx(fd, "", flags | AT_EMPTY_PATH, STATX_INO, &held) == 0,
           errno_class());
    *ret = false;
    if (statx(AT_FDCWD, path, flags, STATX_INO, &named) != 0) {
        ENSURE(errno == ENOENT || errno == ENOTDIR, errno_class());
        return ERR_OK;
    }
    *ret = named.stx_ino == held.stx_ino &&
           named.stx_dev_major == held.stx_dev_major &&
           named.stx_dev_minor == held.stx_dev_minor;
    return ERR_OK;
}

static int64_t clock_us(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t clock_wall_us(void *self) {
    (void)self;
    return clock_us(CLOCK_REALTIME);
}

static int64_t clock_mono_us(void *self) {
    (void)self;
    return clock_us(CLOCK_MONOTONIC);
}

/* getrandom(2) fails only if the kernel does not have the call; then there is
 * no safe way to continue. */
static void entropy_fill(void *self, void *buf, size_t len) {
    (void)self;
    size_t done = 0;
    while (done < len) {
        ssize_t got = getrandom((uint8_t *)buf + done, len - done, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            abort();
        }
        done += (size_t)got;
    }
}

struct platform platform_real(void) {
    return (struct platform){
        .disk =
            {
                .open = disk_open,
                .close = disk_close,
                .read = disk_read,
                .write = disk_write,
                .sync = disk_sync,
                .allocate = disk_allocate,
                .truncate = disk_truncate,
                .size = disk_size,
                .rename = disk_rename,
                .unlink = disk_unlink,
                .make_dir = disk_make_dir,
                .remove_dir = disk_remove_dir,
                .make_link = disk_make_link,
                .read_link = disk_read_link,
                .make_private = disk_make_private,
                .sync_dir = disk_sync_dir,
                .list = disk_list,
                .lock = disk_lock,
                .free_space = disk_free_space,
                .changed_us = disk_changed_us,
                .names = disk_names,
            },
        .clock = {.wall_us = clock_wall_us, .mono_us = clock_mono_us},
        .entropy = {.fill = entropy_fill},
    };
}

uint64_t entropy_u64(const struct entropy *entropy) {
    uint64_t value;
    entropy->fill(entropy->self, &value, sizeof value);
    return value;
}
