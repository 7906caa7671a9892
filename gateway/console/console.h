/* SPDX-License-Identifier: Apache-2.0 */
/* The console: the page, its API, health and metrics over HTTP, on a loopback
 * TCP address and on the unix socket that the command line uses.
 *
 * Promises. It shows only what it is given, through one table of functions, and
 * holds no state of the store. A page on another site cannot read or command
 * it: over TCP the Host header must name this machine, and a POST must carry
 * `Content-Type: application/json`, which a browser does not send elsewhere
 * without asking first. Requests, bodies and connections are bounded.
 *
 * Not its job: TLS, and users. Whoever may open the unix socket (mode
 * 0660) or connect on this machine may pause the uplink.
 *
 * Routes, the same on both:
 *   GET  /  /style.css  /app.js  /words.js  /icon.svg   the page
 *   GET  /healthz            the verdict; 503 if a restart helps, else 200
 *   GET  /api/v1/status      what console_source.status() gives, as JSON
 *   GET  /api/v1/orders      the last CONSOLE_ORDERS_MAX orders, newest first
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
#include "gateway/console/source.h"

struct console_options {
    uv_loop_t *loop;                     /* outlives the console */
    const struct config_address *listen; /* loopback; NULL = no TCP */
    const char *socket_path;             /* NULL = no unix socket */
    struct console_source source;
};

struct console;

/* Listens and serves from the loop's next turn on. ERR_BUSY if the port or the
 * socket path is in use, ERR_RANGE for an address that is not loopback, ERR_IO
 * if the socket cannot be created, ERR_UNSUPPORTED if libwebsockets does not
 * start; the reason says what to do. A socket file that a crash left (nobody
 * listens on it) is replaced. */
err_t console_start(const struct console_options *options, struct console **ret,
                    struct reason *reason) MUST_USE;

/* The TCP port, 0 without one. */
uint16_t console_port(const struct console *console);

/* Closes everything, removes the socket file, frees. Takes NULL. Call it only
 * when the loop is not running (after uv_run has returned): it turns the loop
 * itself until its own handles are closed. */
void console_stop(struct console *console);

#endif
