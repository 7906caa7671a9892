/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the gateway: stops a loop. As long as the file EDGE_LOOP_STUCK
 * says "gateway", the main thread does not come back from waiting for events;
 * with "bridge", no other thread does. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static bool is_stuck(void) {
    const char *control = getenv("EDGE_LOOP_STUCK");
    char text[16] = "";
    int file = control == NULL ? -1 : open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t len = read(file, text, sizeof text - 1);
    close(file);
    bool main_thread = gettid() == getpid();
    return len > 0 && (strncmp(text, "gateway", 7) == 0) == main_thread;
}

static void stand_still(void) {
    int cause = errno; /* of the call before */
    while (is_stuck()) {
        struct timespec pause = {0, 50 * 1000000};
        nanosleep(&pause, NULL);
    }
    errno = cause;
}

/* POSIX gives dlsym() a data pointer for a function. */
static void find(const char *name, void *ret_function) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(ret_function, &found, sizeof found);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
    int (*real)(int, struct epoll_event *, int, int);
    find("epoll_wait", &real);
    int count = real(fd, events, max, timeout);
    stand_still();
    return count;
}

int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout,
                const sigset_t *mask) {
    int (*real)(int, struct epoll_event *, int, int, const sigset_t *);
    find("epoll_pwait", &real);
    int count = real(fd, events, max, timeout, mask);
    stand_still();
    return count;
}
