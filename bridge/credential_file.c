/* SPDX-License-Identifier: Apache-2.0 */
/* Not by the disk's table: these are no files of the gateway's, and what stands
 * at the path may be anything. */
#include "bridge/credential_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

static err_t fill(int fd, struct credential_file *file, size_t cap) {
    while (file->len < cap) {
        ssize_t len = read(fd, file->text + file->len, cap - file->len);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(len >= 0, ERR_IO);
        if (len == 0) {
            break;
        }
        file->len += (size_t)len;
    }
    return ERR_OK;
}

static err_t read_open(int fd, const char *path, size_t max,
                       struct credential_file *file, struct reason *reason) {
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return reason_set(reason, ERR_RANGE,
                          "%.160s is no regular file: name one", path);
    }
    file->others_may = (status.st_mode & S_IRWXO) != 0;
    file->text = malloc(max + 2);
    ENSURE(file->text != NULL, ERR_MEMORY);
    if (fill(fd, file, max + 1) != ERR_OK) {
        return disk_failed(reason, ERR_IO, "read", path);
    }
    if (file->len > max) {
        return reason_set(reason, ERR_RANGE,
                          "%.160s has more than %zu bytes: name another file",
                          path, max);
    }
    file->text[file->len] = '\0';
    return ERR_OK;
}

err_t credential_file_read(const char *path, size_t max,
                           struct credential_file *ret, struct reason *reason) {
    CLEANUP(close_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        return disk_failed(reason, absent ? ERR_NOT_FOUND : ERR_IO, "read",
                           path);
    }
    struct credential_file file = {NULL, 0, false};
    err_t err = read_open(fd, path, max, &file, reason);
    if (err != ERR_OK) {
        credential_file_free(&file);
        return err;
    }
    *ret = file;
    return ERR_OK;
}

void credential_file_free(struct credential_file *file) {
    if (file->text != NULL) {
        explicit_bzero(file->text, file->len);
        free(file->text);
        file->text = NULL;
    }
}
