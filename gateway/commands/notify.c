/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/notify.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGE_MAX = 512 };

static uint64_t read_watchdog_us(void) {
    const char *pid = getenv("WATCHDOG_PID");
    const char *text = getenv("WATCHDOG_USEC");
    bool ours = pid == NULL || strtol(pid, NULL, 10) == (long)getpid();
    return text != NULL && ours ? strtoull(text, NULL, 10) : 0;
}

/* A path, or with a leading @ a name in the abstract name space. */
static bool read_address(struct notify *notify) {
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name == NULL ? 0 : strlen(name);
    if (len < 2 || len >= sizeof notify->to.sun_path ||
        (name[0] != '/' && name[0] != '@')) {
        return false;
    }
    notify->to.sun_family = AF_UNIX;
    memcpy(notify->to.sun_path, name, len);
    if (name[0] == '@') {
        notify->to.sun_path[0] = '\0';
    }
    notify->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

void notify_open(struct notify *ret) {
    *ret = (struct notify){.fd = -1};
    if (read_address(ret)) {
        ret->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ret->watchdog_us = read_watchdog_us();
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *notify) {
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    notify->fd = -1;
}

bool notify_say(const struct notify *notify, const char *format, ...) {
    if (notify->fd < 0) {
        return true;
    }
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(len > 0);
    if ((size_t)len >= sizeof text) { /* a long status is cut */
        len = sizeof text - 1;
    }
    union { /* sendto(2) takes the general type */
        const struct sockaddr_un *file;
        const struct sockaddr *any;
    } to = {.file = &notify->to};
    return sendto(notify->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  to.any, notify->to_len) == len;
}
