/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: libwebsockets on the gateway's loop, with one virtual host
 * for TCP and one for the unix socket. Neither listens itself. */
#ifndef GATEWAY_CONSOLE_HTTP_H
#define GATEWAY_CONSOLE_HTTP_H

#include <uv.h>

#include "gateway/console/source.h"

struct http;

enum http_door { HTTP_TCP, HTTP_UNIX };

/* `source` outlives the server. */
err_t http_start(uv_loop_t *loop, const struct console_source *source,
                 struct http **ret, struct reason *reason) MUST_USE;
/* Takes over a connection. It is closed at once if its door has no place left;
 * each has its own, so that neither can take the other's. */
void http_adopt(struct http *http, enum http_door door, int fd);
/* Open connections, through both doors. */
uint32_t http_connections(const struct http *http);
/* As console_stop(). */
void http_stop(struct http *http, uv_loop_t *loop);

#endif
