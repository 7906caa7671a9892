/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program that writes files: kills it in front of one of its
 * calls. EDGE_KILL_AT names a file with a number and a text, such as
 * "7 /identity": as long as the file is there, calls on files whose path has
 * the text in it are counted, and the seventh is never made. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

/* POSIX gives dlsym() a data pointer for a function. */
static void find(const char *name, void *ret_function) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(ret_function, &found, sizeof found);
}

static int real_open(const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...);
    find("open", &real);
    return real(path, flags, mode);
}

/* False if nothing is to be killed now. */
static bool read_order(int *ret_at, char text[64]) {
    const char *control = getenv("EDGE_KILL_AT");
    char order[128] = "";
    int file =
        control == NULL ? -1 : real_open(control, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) {
        return false;
    }
    ssize_t len = read(file, order, sizeof order - 1);
    close(file);
    return len > 0 && sscanf(order, "%d %63s", ret_at, text) == 2;
}

static void count(const char *path) {
    int at;
    char text[64];
    if (!read_order(&at, text)) {
        atomic_store(&calls, 0);
    } else if (strstr(path, text) != NULL &&
               atomic_fetch_add(&calls, 1) + 1 == at) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

static void count_fd(int fd) {
    char link[64];
    char path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) > 0) {
        count(path);
    }
}

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    count(path);
    return real_open(path, flags, mode);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t);
    find("pwrite", &real);
    count_fd(fd);
    return real(fd, buf, len, offset);
}

int fdatasync(int fd) {
    int (*real)(int);
    find("fdatasync", &real);
    count_fd(fd);
    return real(fd);
}

int fsync(int fd) {
    int (*real)(int);
    find("fsync", &real);
    count_fd(fd);
    return real(fd);
}

int fchmod(int fd, mode_t mode) {
    int (*real)(int, mode_t);
    find("fchmod", &real);
    count_fd(fd);
    return real(fd, mode);
}

int unlink(const char *path) {
    int (*real)(const char *);
    find("unlink", &real);
    count(path);
    return real(path);
}

int rmdir(const char *path) {
    int (*real)(const char *);
    find("rmdir", &real);
    count(path);
    return real(path);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t);
    find("mkdir", &real);
    count(path);
    return real(path, mode);
}

int rename(const char *path, const char *to) {
    int (*real)(const char *, const char *);
    find("rename", &real);
    count(path);
    return real(path, to);
}

int symlink(const char *target, const char *path) {
    int (*real)(const char *, const char *);
    find("symlink", &real);
    count(path);
    return real(target, path);
}
