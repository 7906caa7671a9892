/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a request whose records are aggregates, one for each run of a batch.
 * It says of each run how many of its entries went in (`kept`): up to the size
 * that a record may have, exactly, and cut at a whole number of the units that
 * are paid for. A run of one is a record of its own that everybody can read; it
 * goes to the shard of its lane as well. */
#ifndef BRIDGE_PACK_H
#define BRIDGE_PACK_H

#include "bridge/aggregate.h"
#include "bridge/sink.h"

/* Zeroed is ready. Requests are built one at a time, so a stream has one. */
struct pack {
    struct aggregate aggregate;
    struct sink_buffer keys;
    struct sink_buffer records;
    struct sink_buffer data; /* one record's */
};

/* As sink_build(). */
err_t pack_build(struct pack *pack, const struct sink *sink,
                 const struct sink_target *target,
                 const struct forwarder_batch *batch,
                 struct sink_buffer *scratch, struct sink_buffer *body,
                 struct slice *ret) MUST_USE;
/* Frees all. */
void pack_free(struct pack *pack);

#endif
