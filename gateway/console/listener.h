/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket on the loop: TCP on a loopback address, or a unix socket
 * file. Hands out accepted descriptors. */
#ifndef GATEWAY_CONSOLE_LISTENER_H
#define GATEWAY_CONSOLE_LISTENER_H

#include <uv.h>

#include "config/config.h"

struct listener {
    uv_poll_t poll; /* its data is the listener */
    int fd;         /* -1 = closed */
    /* Takes over `fd`. */
    void (*accepted)(void *context, struct listener *listener, int fd);
    void *context;
};

/* Errors as console_start(). On failure nothing stays open. */
err_t listener_open_tcp(const struct config_address *address, int *ret_fd,
                        uint16_t *ret_port, struct reason *reason) MUST_USE;
err_t listener_open_unix(const char *path, int *ret_fd,
                         struct reason *reason) MUST_USE;

/* Watches `fd`, and owns it even if this fails. */
err_t listener_start(struct listener *listener, uv_loop_t *loop, int fd,
                     struct reason *reason) MUST_USE;
/* Closes; the handle is closed after the loop's next turn. */
void listener_stop(struct listener *listener);

#endif
