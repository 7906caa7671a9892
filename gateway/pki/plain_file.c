/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/plain_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/pki/store.h"

enum { SHOWN_MAX = 120 }; /* of a path, so that there is room for the advice */

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

/* The end of a long path. */
static const char *shown(const char *path) {
    size_t len = strlen(path);
    return len > SHOWN_MAX ? path + len - SHOWN_MAX : path;
}

static err_t open_failed(const struct plain_file *file, struct reason *reason) {
    const char *path = shown(file->path);
    if (errno == ENOENT || errno == ENOTDIR) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "%s: %s is not there; put it there, or make our own "
                          "with `shopme-edge pki`",
                          file->key, path);
    }
    if (errno == EACCES || errno == EPERM) {
        return reason_set(reason, ERR_REFUSED,
                          "%s: the gateway's user may not read %s; give it "
                          "that right (chown, chmod)",
                          file->key, path);
    }
    return reason_set(reason, ERR_IO, "%s: cannot read %s: %s", file->key, path,
                      strerror(errno));
}

static err_t check(const struct plain_file *file, const struct stat *st,
                   struct reason *reason) {
    const char *path = shown(file->path);
    if (!S_ISREG(st->st_mode)) {
        return reason_set(reason, ERR_RANGE, "%s: %s is not a file", file->key,
                          path);
    }
    if (file->is_private && (st->st_mode & (S_IROTH | S_IWOTH)) != 0) {
        return reason_set(reason, ERR_REFUSED,
                          "%s: everybody on this machine can read %s; take "
                          "that right away: chmod 600",
                          file->key, path);
    }
    if (st->st_size <= 0) {
        return reason_set(reason, ERR_RANGE, "%s: %s is empty", file->key,
                          path);
    }
    if ((uint64_t)st->st_size > file->bytes_max) {
        return reason_set(reason, ERR_RANGE,
                          "%s: %s has %" PRIu64
                          " bytes, and %zu are the most; is it the right file?",
                          file->key, path, (uint64_t)st->st_size,
                          file->bytes_max);
    }
    return ERR_OK;
}

/* All that there is, up to `size`. */
static err_t read_all(int fd, uint8_t *data, size_t size, size_t *ret_len) {
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, data + len, size - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO);
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    *ret_len = len;
    return ERR_OK;
}

static err_t read_file(const struct plain_file *file, struct octets *ret,
                       struct reason *reason) {
    struct stat st;
    CLEANUP(close_fd)
    int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return open_failed(file, reason);
    }
    TRY(check(file, &st, reason));
    uint8_t *data = malloc((size_t)st.st_size);
    if (data == NULL) {
        return reason_set(reason, ERR_MEMORY, "%s: no memory", file->key);
    }
    *ret = (struct octets){data, (size_t)st.st_size};
    err_t err = read_all(fd, data, ret->len, &ret->len);
    if (err == ERR_OK && ret->len > 0) {
        return ERR_OK;
    }
    free(data);
    *ret = (struct octets){NULL, 0};
    return err == ERR_OK ? reason_set(reason, ERR_RANGE, "%s: %s is empty",
                                      file->key, shown(file->path))
                         : open_failed(file, reason);
}

/* ERR_NOT_FOUND: no change says anything about it. */
static err_t read_changed(const struct plain_file *file, struct octets *ret) {
    char path[STORE_PATH_MAX];
    struct slice found;
    struct reason reason;
    CLEANUP(octets_free) struct octets change = {NULL, 0};
    const char *slash = strrchr(file->path, '/');
    const char *name = slash == NULL ? file->path : slash + 1;
    int folder = slash == NULL ? 1 : (int)(slash - file->path);
    int len = snprintf(path, sizeof path, "%.*s/change", folder,
                       slash == NULL ? "." : file->path);
    ENSURE(len > 0 && (size_t)len < sizeof path, ERR_NOT_FOUND);
    const struct plain_file about = {"", path, STORE_BYTES_MAX, false};
    ENSURE(read_file(&about, &change, &reason) == ERR_OK &&
               store_find(octets_slice(&change), name, &found) == ERR_OK &&
               found.len <= file->bytes_max,
           ERR_NOT_FOUND);
    return octets_copy(found, ret);
}

err_t plain_file_read(const struct plain_file *file, struct octets *ret,
                      struct reason *reason) {
    assert(file->bytes_max > 0);
    err_t err = read_changed(file, ret);
    return err == ERR_NOT_FOUND ? read_file(file, ret, reason) : err;
}
