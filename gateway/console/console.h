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
 * Does not: speak TLS or know a user. Whoever may open the unix socket (mode
 * 0660) or connect on this machine may pause the uplink.
 *
 * Routes, the same on both:
 *   GET  /  /style.css  /app.js  /icon.svg   the page
 *   GET  /healthz            200, or 503 with the reason
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

#include "bridge/bridge.h"
#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/shop/shop.h"

enum {
    CONSOLE_ORDERS_MAX = 50,
    CONSOLE_CONNECTIONS_MAX = 24,
    CONSOLE_BODY_MAX = 256, /* bytes of a request's body */
};

struct console_stream {
    const char *name; /* borrowed for the call */
    uint64_t start;   /* durable records: sequence numbers [start, end) */
    uint64_t end;
    uint64_t received, accepted, rejected, duplicates; /* since start */
    uint64_t dropped; /* let go of undelivered since start, to make room */
    const struct journal_gap *gaps; /* what damage took of it, ever */
    size_t gap_count;
    uint64_t damaged; /* events in those */
    const char *full; /* why it takes nothing more; NULL if it does */
    struct journal_stats journal;
    bool has_sink;                      /* else `bridge` is not looked at */
    struct bridge_stream_status bridge; /* as the bridge last said */
    int64_t oldest_us; /* wall time of the oldest event that is not in the
                          cloud yet, 0 if there is none or not known */
};

struct console_status {
    const char *store; /* borrowed for the call, as all strings here */
    const char *version;
    int64_t now_us; /* wall time */
    int64_t uptime_s;
    const char *unhealthy; /* why not, in words; NULL if all is well */
    bool broker_up;
    uint16_t broker_port;
    uint64_t broker_restarts;
    struct console_stream streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    bool has_shop; /* else `orders` is not looked at */
    struct shop_counts orders;
    int64_t clock_offset_ms; /* the cloud's clock less ours */
};

/* Called on the loop's thread, for each request. None may block. */
struct console_source {
    void *self;
    /* `ret` comes zeroed. */
    void (*status)(void *self, struct console_status *ret);
    /* As shop_orders(); NULL without a shop. */
    void (*orders)(void *self, uint32_t max,
                   void (*each)(void *context, const struct shop_order_view *),
                   void *context);
    err_t (*uplink)(void *self, bool paused);
};

struct console_options {
    uv_loop_t *loop;                     /* outlives the console */
    const struct config_address *listen; /* loopback; NULL = no TCP */
    const char *socket_path;             /* NULL = no unix socket */
    struct console_source source;
};

struct console;

/* Listens and serves from the loop's next turn on. ERR_BUSY if the port or the
 * socket path is somebody's, ERR_RANGE for an address that is not a loopback
 * one, ERR_IO if the socket cannot be made, ERR_UNSUPPORTED if libwebsockets
 * does not start; the reason says what to do. A socket file that a crash left
 * (nobody listens) is replaced. */
err_t console_start(const struct console_options *options, struct console **ret,
                    struct reason *reason) MUST_USE;

/* The TCP port, 0 without one. */
uint16_t console_port(const struct console *console);

/* Closes everything, removes the socket file, frees. Takes NULL. Call it while
 * the loop is not running (after uv_run has returned): it turns the loop itself
 * until its own handles are closed. */
void console_stop(struct console *console);

#endif
