/* SPDX-License-Identifier: Apache-2.0 */
/* The log's buffer: whole lines in a ring of bytes. A line that does not fit is
 * counted, and the next one that does is preceded by a line with that count.
 * Not locked; no I/O. */
#ifndef GATEWAY_BASE_LOG_RING_H
#define GATEWAY_BASE_LOG_RING_H

#include "gateway/base/bytes.h"

enum {
    LOG_RING_BYTES = 256 * 1024,
    LOG_RING_LINE_MAX = 1024,
    /* PIPE_BUF: a pipe takes so much whole or not at all, so that no line is
     * cut by another process's. */
    LOG_RING_TAKE_MAX = 4096,
};

struct log_ring {
    size_t at;        /* of the first byte */
    size_t len;       /* bytes that wait */
    uint64_t dropped; /* lines, ever */
    uint64_t unsaid;  /* of those, not counted in a line yet */
    char bytes[LOG_RING_BYTES];
};

/* Adds a line, which ends with a newline. `notice` makes the line with the
 * count: it writes at most LOG_RING_LINE_MAX bytes and returns how many. */
void log_ring_put(struct log_ring *ring, struct slice line,
                  size_t (*notice)(uint64_t lines, char *ret));
/* Once there is room, puts the line with the count if one is due. */
void log_ring_say_dropped(struct log_ring *ring,
                          size_t (*notice)(uint64_t lines, char *ret));
/* Takes whole lines, LOG_RING_TAKE_MAX bytes at most; 0 if it is empty. */
size_t log_ring_take(struct log_ring *ring, char ret[LOG_RING_TAKE_MAX]);

#endif
