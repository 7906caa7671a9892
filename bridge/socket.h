/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge wants of a TCP socket beyond what libuv offers. */
#ifndef BRIDGE_SOCKET_H
#define BRIDGE_SOCKET_H

#include <uv.h>

/* Sends at once, gives up what is not acknowledged for `unseen_ms`, and keeps
 * little that it has not sent. */
void socket_tune(uv_tcp_t *tcp, unsigned unseen_ms);
/* Bytes that the kernel has taken and not sent yet. */
int socket_unsent(const uv_tcp_t *tcp);

#endif
