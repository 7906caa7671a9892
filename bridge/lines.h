/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's connections to its service: each carries one request at a time, is
 * opened when there is a request for it, and closed by its transport when it
 * has been idle. Knows how long a request takes.
 *
 * One request at a time is enough for a service that does not answer, and for a
 * line that takes seconds for it. Each that the network took soon and that was
 * answered allows one more. */
#ifndef BRIDGE_LINES_H
#define BRIDGE_LINES_H

#include "bridge/exchange.h"

enum { LINES_MAX = 16 };

/* A further request that is not full leaves no sooner than this after the last:
 * live traffic shares requests instead of having one for each event. */
#define LINES_SPREAD_US ((int64_t)5 * 1000)

/* The network took a request sooner: the line is not the limit. Later than the
 * second: it is. */
#define LINES_SOON_US ((int64_t)500 * 1000)
#define LINES_LATE_US ((int64_t)2 * 1000 * 1000)

/* What a line holds, mostly TLS's, is 140 KiB: an idle gateway has one. */
#define LINES_UNUSED_US ((int64_t)300 * 1000)

struct lines;

struct line {
    struct lines *lines;
    struct exchange *exchange; /* NULL: never used */
    int64_t sent_us;           /* monotonic */
};

struct lines {
    struct exchange_options
        exchange;  /* `done` and `context` as for the owner */
    uint32_t most; /* 1 to LINES_MAX */
    struct line each[LINES_MAX];
    uint32_t busy;
    uint32_t now;    /* how many may be busy now */
    int64_t trip_us; /* of a request and its answer, on average; 0: unknown */
    int64_t sent_us; /* the last one */
    bool open;
};

/* What `options` points to outlives the lines, and these stay where they are.
 * ERR_MEMORY. */
err_t lines_open(struct lines *lines, const struct exchange_options *options,
                 uint32_t most) MUST_USE;
/* Closes all; what is in flight is dropped. */
void lines_close(struct lines *lines);

/* Send on a line that is free: ERR_AGAIN if none is; else as exchange_send()
 * and exchange_ask(), or ERR_MEMORY. */
err_t lines_send(struct lines *lines, const struct forwarder_batch *batch,
                 int64_t offset_us) MUST_USE;
err_t lines_ask(struct lines *lines, int64_t offset_us) MUST_USE;

/* The network does not take what is sent as fast as it could be given. */
bool lines_are_stalled(const struct lines *lines);
/* The time between two requests that are not full. */
int64_t lines_spread_us(const struct lines *lines);
/* Frees large buffers; nothing may be in flight. */
void lines_rest(struct lines *lines);
/* In each turn: closes all but one once nothing was sent for a while. */
void lines_close_unused(struct lines *lines);
/* When it would; INT64_MAX: not because of time alone. */
int64_t lines_due_us(const struct lines *lines);

#endif
