/* SPDX-License-Identifier: Apache-2.0 */
/* How requests reach a service: a table, as disk and clock are, so that a
 * sender can be tested without a socket. */
#ifndef BRIDGE_TRANSPORT_H
#define BRIDGE_TRANSPORT_H

#include "bridge/endpoint.h"
#include "bridge/http_response.h"

/* Why there is no answer. */
struct transport_error {
    const char *text;
    bool unreached; /* no address of the endpoint took a connection */
};

/* The answer, or NULL with why there is none. Both live for the call. Another
 * request may be sent from here. */
typedef void (*transport_done)(void *context,
                               const struct http_response *response,
                               const struct transport_error *error);

/* How a connection's line does. */
struct transport_line {
    int64_t sending_us; /* until the network had taken the last request */
    bool stalled;       /* it does not take the present one as fast as it could
                           be given */
};

/* One connection to one endpoint, which carries one request at a time. */
struct transport {
    void *self;
    /* Sends `head` (with its blank line) and `body`, which live until `done` is
     * called, possibly from within this call. No request may be in flight. */
    void (*send)(void *self, struct slice head, struct slice body);
    /* Drops the request in flight (`done` is not called for it) and frees the
     * transport. */
    void (*close)(void *self);
    /* NULL: nothing is known. */
    void (*look)(void *self, struct transport_line *ret);
};

/* Makes transports. `where` outlives them. Nothing is sent yet. ERR_MEMORY. */
struct connector {
    void *self;
    err_t (*open)(void *self, const struct endpoint *where, transport_done done,
                  void *context, struct transport *ret);
};

#endif
