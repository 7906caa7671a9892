/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream tells head office of dead letters. */
#ifndef GATEWAY_STREAM_STREAM_DEAD_H
#define GATEWAY_STREAM_STREAM_DEAD_H

#include "gateway/stream/own_event.h"

struct stream;

struct stream_dead {
    enum {
        STREAM_DEAD_LETTERED, /* these events became letters, */
        STREAM_DEAD_DROPPED,  /* and these letters nobody keeps any more */
        STREAM_DEAD_DAMAGED   /* damage took these records of their journal */
    } kind;
    uint64_t first;
    uint64_t last;
    uint64_t count;
    const char *code; /* LETTERED: of the last */
};

/* Journals it; it is durable once the stream's durable end has reached
 * `*ret_needs_end`. ERR_AGAIN: not now. Other errors are final. */
err_t stream_say_dead(struct stream *stream, const struct stream_dead *dead,
                      uint64_t *ret_needs_end) MUST_USE;
/* The event of it, to the batch that fills. Errors as batch_append(). */
err_t stream_dead_append(struct own_event *own,
                         const struct stream_dead *dead) MUST_USE;

#endif
