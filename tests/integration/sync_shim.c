/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the gateway: notes every positioned write and every sync with
 * the time at which it ended, and makes syncs slow, so that an acknowledgement
 * that does not wait for its sync is seen on the wire before it.
 *
 * And it makes syncs hang: as long as the file EDGE_SYNC_STUCK is there, each
 * fdatasync() and fsync() of a file whose path contains the text in it waits.
 * That one does is told by a file of the same name with `.seen` behind it. With
 * EDGE_SYNC_FAIL likewise, they fail with EIO.
 *
 * EDGE_CLOCK_SHIFT names a file with a number of seconds: as long as it is
 * there, the wall clock is so much ahead (or, with a minus, behind).
 *
 * EDGE_SYNC_LOG is the file that is appended to, EDGE_SYNC_DELAY_MS the delay.
 * A record is little-endian: kind u8 ('W' or 'S'), fd i32, begun ns u64, ended
 * ns u64 (CLOCK_MONOTONIC), length u32, and that many bytes written. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset);

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void note(char kind, int fd, uint64_t begun, const void *buf,
                 uint32_t len) {
    const char *path = getenv("EDGE_SYNC_LOG");
    if (path == NULL) {
        return;
    }
    int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log < 0) {
        return;
    }
    uint64_t ended = now_ns();
    uint8_t head[25];
    head[0] = (uint8_t)kind;
    memcpy(head + 1, &fd, 4);
    memcpy(head + 5, &begun, 8);
    memcpy(head + 13, &ended, 8);
    memcpy(head + 21, &len, 4);
    union {
        const void *in;
        void *out;
    } data = {.in = buf};
    struct iovec parts[2] = {{head, sizeof head}, {data.out, len}};
    if (writev(log, parts, 2) < 0) {
        abort();
    }
    close(log);
}

static void delay(void) {
    const char *text = getenv("EDGE_SYNC_DELAY_MS");
    if (text != NULL) {
        long ms = strtol(text, NULL, 10);
        struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
}

/* Does the path of the file behind `fd` contain what `control` says? */
static bool is_named(int fd, const char *control) {
    char text[PATH_MAX] = "";
    char link[64];
    char path[PATH_MAX] = "";
    int file = open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t len = read(file, text, sizeof text - 1);
    close(file);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return len > 0 && readlink(link, path, sizeof path - 1) > 0 &&
           strstr(path, text) != NULL;
}

static void hang(int fd) {
    const char *control = getenv("EDGE_SYNC_STUCK");
    char seen[PATH_MAX];
    if (control == NULL || !is_named(fd, control)) {
        return;
    }
    snprintf(seen, sizeof seen, "%s.seen", control);
    int file = open(seen, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) {
        close(file);
    }
    while (is_named(fd, control)) {
        struct timespec pause = {0, 10 * 1000000};
        nanosleep(&pause, NULL);
    }
}

static bool fails(int fd) {
    const char *control = getenv("EDGE_SYNC_FAIL");
    if (control != NULL && is_named(fd, control)) {
        errno = EIO;
        return true;
    }
    return false;
}

/* POSIX gives dlsym() a data pointer for a function. */
static void find(const char *name, void *ret_function) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(ret_function, &found, sizeof found);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t);
    find("pwrite", &real);
    uint64_t begun = now_ns();
    ssize_t put = real(fd, buf, len, offset);
    if (put > 0) {
        note('W', fd, begun, buf, (uint32_t)put);
    }
    return put;
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset) {
    return pwrite(fd, buf, len, offset);
}

/* Seconds by which the wall clock is to be wrong. */
static time_t shift(void) {
    const char *control = getenv("EDGE_CLOCK_SHIFT");
    char text[32] = "";
    int file = control == NULL ? -1 : open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    ssize_t len = read(file, text, sizeof text - 1);
    close(file);
    return len > 0 ? (time_t)strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *);
    find("clock_gettime", &real);
    int code = real(id, now);
    if (code == 0 && id == CLOCK_REALTIME) {
        now->tv_sec += shift();
    }
    return code;
}

int fdatasync(int fd) {
    int (*real)(int);
    find("fdatasync", &real);
    uint64_t begun = now_ns();
    hang(fd);
    delay();
    int code = fails(fd) ? -1 : real(fd);
    if (code == 0) {
        note('S', fd, begun, NULL, 0);
    }
    return code;
}

int fsync(int fd) {
    int (*real)(int);
    find("fsync", &real);
    hang(fd);
    return fails(fd) ? -1 : real(fd);
}
