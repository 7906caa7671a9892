/* SPDX-License-Identifier: Apache-2.0 */
/* How requests reach a service: a table, as disk and clock are, so that who
 * sends needs no socket to be tested. */
#ifndef BRIDGE_TRANSPORT_H
#define BRIDGE_TRANSPORT_H

#include "bridge/endpoint.h"
#include "bridge/http_response.h"

/* The answer, or NULL with words on why there is none. Both live for the call.
 * Another request may be sent from here. */
typedef void (*transport_done)(void *context,
                               const struct http_response *response,
                               const char *error);

/* One connection to one endpoint, which carries one request at a time. */
struct transport {
    void *self;
    /* Sends `head` (with its blank line) and `body`, which live until `done` is
     * called, maybe from within this. None may be in flight. */
    void (*send)(void *self, struct slice head, struct slice body);
    /* Drops what is in flight (`done` is not called for it) and frees it. */
    void (*close)(void *self);
};

/* Makes transports. `where` outlives what is made. Nothing is sent yet.
 * ERR_MEMORY. */
struct connector {
    void *self;
    err_t (*open)(void *self, const struct endpoint *where, transport_done done,
                  void *context, struct transport *ret);
};

#endif
