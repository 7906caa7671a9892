/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket on the loop: TCP on a loopback address, or a unix socket
 * file. Hands out accepted descriptors. */
#ifndef GATEWAY_CONSOLE_LISTENER_H
#define GATEWAY_CONSOLE_LISTENER_H

#include <uv.h>

#include "config/config.h"

struct listener {
    uv_poll_t *poll; /* its data is the listener; frees itself */
    int fd;          /* -1 = closed */
    /* Takes over `fd`. */
    void (*accepted)(void *context, struct listener *listener, int fd);
    void *context;
};

/* ERR_BUSY if the port or the socket path is in use, ERR_RANGE for an address
 * that is not loopback or too long a path, ERR_IO if the socket cannot be
 * created; the reason says what to do. On failure nothing stays open. The
 * socket's may wait for the disk. */
err_t listener_open_tcp(const struct config_address *address, int *ret_fd,
                        uint16_t *ret_port, struct reason *reason) MUST_USE;
err_t listener_open_unix(const char *path, int *ret_fd,
                         struct reason *reason) MUST_USE;

/* Watches `fd`, and owns it even if this fails. */
err_t listener_start(struct listener *listener, uv_loop_t *loop, int fd,
                     struct reason *reason) MUST_USE;
/* Closes if it is open, and may be started again at once; the old handle is
 * closed by the loop's next turn. */
void listener_stop(struct listener *listener);

#endif
