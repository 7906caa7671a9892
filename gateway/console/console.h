/* SPDX-License-Identifier: Apache-2.0 */
/* The console: the page, its API, health and metrics over HTTP, on a loopback
 * TCP address and on the unix socket that the command line uses.
 *
 * Promises. It shows only what it is given, through one table of functions, and
 * holds no state of the store. A page on another site cannot read or command
 * it: over TCP the Host header must name this machine, and a POST must carry
 * `Content-Type: application/json`, which a browser does not send elsewhere
 * without asking first. Requests, bodies and connections are bounded, each
 * way in for itself.
 *
 * A guest: the store sells without it. If the port is taken or the socket
 * cannot be made, that is logged once and tried again every
 * CONSOLE_AGAIN_MS, until it is there.
 *
 * Not its job: TLS, and users. Whoever may open the unix socket (mode
 * 0660) or connect on this machine may pause the uplink.
 *
 * Routes, the same on both:
 *   GET  /  /style.css  /app.js  /words.js  /icon.svg   the page
 *   GET  /healthz            the verdict; 503 if a restart helps, else 200
 *   GET  /api/v1/status      what console_source.status() gives, as JSON
 *   GET  /api/v1/orders      the last CONSOLE_ORDERS_MAX orders, newest first
 *   GET  /api/v1/devices     who is there (reply_devices.h)
 *   POST /api/v1/uplink      {"paused": true | false}
 *   GET  /metrics            Prometheus text format 0.0.4
 * Errors are JSON: {"error": "..."}.
 *
 * Design: this folder listens and accepts by itself (so that a taken port is an
 * error in words, and the socket's mode is right from its first moment) and
 * hands each connection to libwebsockets, which runs on the gateway's loop. An
 * answer is written whole into a buffer, then sent as the peer takes it. */
#ifndef GATEWAY_CONSOLE_CONSOLE_H
#define GATEWAY_CONSOLE_CONSOLE_H

#include <uv.h>

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/console/source.h"

enum { CONSOLE_AGAIN_MS = 5000 };

struct console_options {
    uv_loop_t *loop;          /* outlives the console, as does the executor */
    struct executor executor; /* for what waits for the disk */
    const struct config_address *listen; /* loopback; NULL = no TCP */
    const char *socket_path;             /* NULL = no unix socket */
    struct console_source source;
};

struct console;

/* Listens and serves from the loop's next turn on, or later: see above. A
 * socket file that a crash left (nobody listens on it) is replaced. ERR_MEMORY.
 */
err_t console_start(const struct console_options *options, struct console **ret,
                    struct reason *reason) MUST_USE;

/* Another address for the page, or NULL for none: the old one is closed, the
 * new one is tried at once and then as at a start. Connections stay. */
void console_listen(struct console *console,
                    const struct config_address *listen);

/* The TCP port, 0 while there is none. */
uint16_t console_port(const struct console *console);
/* Why the page, or the control socket, is wanted and not there, and what to do;
 * NULL if it is. Valid until the loop's next turn. */
const char *console_page_away(const struct console *console);
const char *console_socket_away(const struct console *console);

/* Closes everything, waits for its job, removes the socket file, frees. Takes
 * NULL. Call it only when the loop is not running (after uv_run has returned):
 * it turns the loop itself until its own handles are closed. */
void console_stop(struct console *console);

#endif
