/* SPDX-License-Identifier: Apache-2.0 */
/* A transport without TLS, on a libuv loop, to an endpoint of this machine or
 * of its link that gives credentials: addresses that are known, little to send,
 * a short answer. One request at a time; the connection is kept for the next
 * one of the same transport. */
#ifndef BRIDGE_PLAIN_HTTP_H
#define BRIDGE_PLAIN_HTTP_H

#include <uv.h>

#include "bridge/credential_place.h"
#include "bridge/transport.h"

enum {
    PLAIN_CONNECT_MS = 1000, /* each address */
    PLAIN_ANSWER_MS = 5000,  /* the whole of it */
};

/* `loop` outlives the closing, `place` the transport. ERR_MEMORY. */
err_t plain_http_open(uv_loop_t *loop, const struct credential_place *place,
                      transport_done done, void *context,
                      struct transport *ret) MUST_USE;

#endif
