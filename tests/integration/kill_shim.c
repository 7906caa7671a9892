/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a command: kills it (SIGKILL) in front of its EDGE_KILL_AT-th
 * call that changes the disk, and counts such calls in the file that
 * EDGE_KILL_LOG names, a byte each. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset);

static void count(void) {
    static long calls;
    const char *at = getenv("EDGE_KILL_AT");
    const char *path = getenv("EDGE_KILL_LOG");
    if (at == NULL || path == NULL) {
        return;
    }
    if (++calls == strtol(at, NULL, 10)) {
        raise(SIGKILL);
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ssize_t ignored = write(fd, ".", 1);
        (void)ignored;
        close(fd);
    }
}

/* The library's own function of that name. */
static void find(void *ret, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(ret, &found, sizeof found);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *);
    find(&real, "rename");
    count();
    return real(from, to);
}

int unlink(const char *path) {
    int (*real)(const char *);
    find(&real, "unlink");
    count();
    return real(path);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t);
    find(&real, "mkdir");
    count();
    return real(path, mode);
}

int fchmod(int fd, mode_t mode) {
    int (*real)(int, mode_t);
    find(&real, "fchmod");
    count();
    return real(fd, mode);
}

int fsync(int fd) {
    int (*real)(int);
    find(&real, "fsync");
    count();
    return real(fd);
}

int fdatasync(int fd) {
    int (*real)(int);
    find(&real, "fdatasync");
    count();
    return real(fd);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t);
    find(&real, "pwrite");
    count();
    return real(fd, buf, len, offset);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset) {
    return pwrite(fd, buf, len, offset);
}
