/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told: sd_notify(3)'s protocol, one datagram a
 * message to the socket named by NOTIFY_SOCKET. These few lines save a library
 * that nothing else here needs, and they never block: if the manager's queue is
 * full, the message is lost, and the caller says it again later. */
#ifndef GATEWAY_COMMANDS_NOTIFY_H
#define GATEWAY_COMMANDS_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gateway/base/base.h"

struct notify {
    int fd; /* -1: nobody is to be told */
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t watchdog_us; /* WATCHDOG_USEC, if it is meant for us; else 0 */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from
 * the environment: a child would speak in our name (Mosquitto says READY=1).
 * Call it before there is a second thread. */
void notify_open(struct notify *ret);
void notify_close(struct notify *notify);
/* Sends lines such as "READY=1\nSTATUS=...", cut after 511 bytes. From any
 * thread. False if it was not sent and should be said again. */
bool notify_say(const struct notify *notify, const char *format, ...)
    PRINTF_LIKE(2, 3);

#endif
