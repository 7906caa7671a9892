/* SPDX-License-Identifier: Apache-2.0 */
/* How long the network takes a request, and whether it does so at all. */
#ifndef BRIDGE_SENDING_H
#define BRIDGE_SENDING_H

#include "bridge/socket.h"
#include "bridge/transport.h"

enum {
    SENDING_STALLED_MS = 20,    /* some of a request unsent for so long */
    SENDING_HUNG_MS = 2 * 1000, /* and none of it sent for so long */
};

struct sending {
    uint64_t begun_ms;   /* when it was first offered to the network, */
    uint64_t taken_ms;   /* and all of it taken; 0: not yet */
    uint64_t written_ms; /* the last time that the kernel took a part */
    int unsent;          /* bytes that it had not sent, */
    uint64_t moved_ms;   /* and when that was another number */
};

/* `tcp` is NULL unless a request is under way on it. */
void sending_look(struct sending *sending, uint64_t now_ms, const uv_tcp_t *tcp,
                  struct transport_line *ret);

#endif
