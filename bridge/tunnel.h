/* SPDX-License-Identifier: Apache-2.0 */
/* A way through an HTTP proxy: what is said to it (CONNECT, RFC 9110 section
 * 9.3.6), what it answers, and what that means to a person. Pure. */
#ifndef BRIDGE_TUNNEL_H
#define BRIDGE_TUNNEL_H

#include "bridge/endpoint.h"
#include "bridge/http_response.h"

enum { TUNNEL_REQUEST_MAX = 2 * 1024 };

/* The request for a way to the endpoint by its proxy; always fits. */
void tunnel_write(const struct endpoint *where, struct writer *writer);

/* Reads what the proxy sent into `response`, which was reset before. ERR_OK:
 * the way is open; ERR_AGAIN: its answer goes on; ERR_NETWORK with why there is
 * no way. Only the head is read: the body of a refusal is the proxy's. */
err_t tunnel_read(const struct endpoint *where, struct http_response *response,
                  struct slice bytes, struct reason *reason) MUST_USE;

#endif
