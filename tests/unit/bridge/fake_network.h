/* SPDX-License-Identifier: Apache-2.0 */
/* A network without sockets: a connector whose requests wait for the test to
 * answer them, or are answered at once by a service that takes everything. */
#ifndef TESTS_UNIT_BRIDGE_FAKE_NETWORK_H
#define TESTS_UNIT_BRIDGE_FAKE_NETWORK_H

#include "bridge/transport.h"

enum {
    FAKE_HEAD_MAX = 16 * 1024,
    FAKE_BODY_MAX = 8 * 1024 * 1024,
    FAKE_SEQS_MAX = 512,
};

struct fake_network {
    transport_done done;
    void *context;
    bool open;
    bool refuse; /* to open: ERR_MEMORY */
    bool in_flight;
    bool at_once;         /* take everything, from within send(), */
    _Atomic bool refuses; /* or refuse the connection */
    uint32_t requests;
    char head[FAKE_HEAD_MAX];
    char *body;
    size_t body_len;
    /* EventBridge entries of the request, by their journalsequence. */
    uint64_t seqs[FAKE_SEQS_MAX];
    uint32_t seq_count;
    const char *date; /* header Date of the answers; NULL: none */
    bool has_age;
};

void fake_network_init(struct fake_network *network);
void fake_network_free(struct fake_network *network);
/* One connection at a time. */
struct connector fake_network_connector(struct fake_network *network);

/* True if the request in flight makes this call (X-Amz-Target). */
bool fake_network_asks(const struct fake_network *network, const char *call);
/* Ends the request in flight. */
void fake_network_answer(struct fake_network *network, uint32_t status,
                         const char *body);
void fake_network_fail(struct fake_network *network, const char *why);
void fake_network_refuse(struct fake_network *network); /* the connection */
/* As a service does that accepts all of it, a probe or entries. */
void fake_network_take(struct fake_network *network);
/* The same but for entry `index`, which gets this ErrorCode. */
void fake_network_take_but(struct fake_network *network, uint32_t index,
                           const char *code);

#endif
