/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTPS connection to one endpoint, on a libuv loop: resolves, connects,
 * shakes hands, sends a request, reads its answer, and keeps the connection for
 * the next one. One request at a time.
 *
 * A kept connection that turns out to be dead is made anew once, unasked: the
 * request had not been answered, and sending it twice is allowed here. Each
 * step has a limit in time, and the limit on a request and its answer starts
 * again with each bit of progress, since a slow line is not a dead one; a line
 * that swallows what is sent is given up sooner than a server that thinks. An
 * idle connection is closed after a while and gives its buffers back. */
#ifndef BRIDGE_HTTPS_H
#define BRIDGE_HTTPS_H

#include <uv.h>

#include "bridge/tls.h"
#include "bridge/transport.h"

enum {
    HTTPS_RESOLVE_MS = 10 * 1000,
    HTTPS_CONNECT_MS = 4 * 1000, /* each address */
    HTTPS_HANDSHAKE_MS = 10 * 1000,
    HTTPS_UNSEEN_MS = 10 * 1000, /* sent and not acknowledged by TCP */
    HTTPS_ANSWER_MS = 30 * 1000, /* without progress */
    HTTPS_IDLE_MS = 45 * 1000,
};

struct https_options {
    uv_loop_t *loop;              /* outlives the closing */
    struct tls_context *tls;      /* as well */
    const struct endpoint *where; /* as well */
    transport_done done;
    void *context;
};

struct https;

err_t https_new(const struct https_options *options,
                struct https **ret) MUST_USE;
/* Drops what is in flight (`done` is not called for it) and frees itself on the
 * loop's next rounds. Takes NULL. */
void https_close(struct https *https);

/* Sends `head` (with its blank line) and `body`, which live until `done`. None
 * may be in flight. */
void https_send(struct https *https, struct slice head, struct slice body);

/* Both outlive what the connector opens. */
struct https_connector {
    uv_loop_t *loop;
    struct tls_context *tls;
};

/* Opens such connections. */
struct connector https_connector_table(struct https_connector *connector);

#endif
