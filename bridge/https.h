/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTPS connection to one endpoint, on a libuv loop: resolves, connects,
 * does the TLS handshake, sends a request, reads its answer, and keeps the
 * connection for the next request. One request at a time.
 *
 * If a kept connection turns out to be dead, it is opened again once without
 * the caller noticing: the request had not been answered, and it may be sent
 * twice. Each step has a time limit. The limit on a request and its answer
 * starts again with each bit of progress, since a slow line is not a dead one,
 * up to a deadline by its size (request_size.h).
 * A line that loses everything that is sent is given up sooner than a server
 * that is slow to answer. An idle connection is closed after a while and frees
 * its buffers.
 *
 * A name is looked up for each connection, except while no address of it takes
 * one: then those of the last look-up are tried again for some seconds, so that
 * who probes often sends SYNs and not questions to a name server. If the name
 * server is away with the line, the addresses that it gave last are tried: TLS
 * tells whether they are still the service's. */
#ifndef BRIDGE_HTTPS_H
#define BRIDGE_HTTPS_H

#include <uv.h>

#include "bridge/tls.h"
#include "bridge/transport.h"

enum {
    HTTPS_RESOLVE_MS = 10 * 1000,
    HTTPS_ADDRESSES_MS = 5 * 1000, /* tried again without a new look-up, */
    HTTPS_UNNAMED_MS = 60 * 1000,  /* or so long after one that failed */
    HTTPS_CONNECT_MS = 4 * 1000,   /* each address */
    HTTPS_TUNNEL_MS = 15 * 1000,   /* for the proxy's answer, all of it */
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
/* Drops the request in flight (`done` is not called for it) and frees itself on
 * one of the next turns of the loop. Takes NULL. */
void https_close(struct https *https);

/* Sends `head` (with its blank line) and `body`, which live until `done`. No
 * request may be in flight. */
void https_send(struct https *https, struct slice head, struct slice body);
/* How the line does with the request under way or the last one. */
void https_look(struct https *https, struct transport_line *ret);

/* Both outlive the connections that the connector opens. */
struct https_connector {
    uv_loop_t *loop;
    struct tls_context *tls;
};

/* Opens such connections. */
struct connector https_connector_table(struct https_connector *connector);

#endif
