/* SPDX-License-Identifier: Apache-2.0 */
/* A sink is a service that takes events: a table of what it is called, what it
 * takes, how a request to it is written and how its answer is read. Pure: it
 * knows no socket and no clock. */
#ifndef BRIDGE_SINK_H
#define BRIDGE_SINK_H

#include "bridge/answers.h"
#include "bridge/forwarder.h"
#include "config/config.h"
#include "gateway/event/event.h"

/* Where a stream's events go; both outlive whoever holds it. */
struct sink_target {
    const struct config *config;
    const struct config_stream *stream;
};

/* An event on its way: what the journal holds and its JSON. */
struct sink_event {
    const struct event *event;
    struct event_record record;
    struct slice json; /* event_render_json() */
};

struct sink {
    const char *service;  /* of the signature and of the host name */
    const char *variable; /* the environment's word for its endpoint */
    const char *call;     /* X-Amz-Target */
    const char *what;     /* what sink_name names, for a person */
    const char *setting;  /* where it is set */
    struct forwarder_limits limits;
    struct answer_shape shape;
    /* The entry's size as the service counts it, and the most it takes. */
    uint64_t (*size)(const struct sink_target *target,
                     const struct sink_event *event);
    uint64_t entry_bytes_max;
    /* The parts of the body; check writer->full. */
    void (*write_head)(const struct sink_target *target, struct writer *writer);
    void (*write_entry)(const struct sink_target *target,
                        const struct sink_event *event, struct writer *writer);
    /* A question that tells whether the target is there, where the service
     * would not say so otherwise. NULL if it does. */
    const char *probe_call;
    const char *probe_member; /* a string member of its answer */
    void (*write_probe)(const struct sink_target *target,
                        struct writer *writer);
};

extern const struct sink sink_eventbridge;
extern const struct sink sink_kinesis;

/* The table for a stream; NULL for one without a sink. */
const struct sink *sink_of(const struct config_stream *stream);

/* A buffer that grows to what it must hold. Zeroed is ready. */
struct sink_buffer {
    uint8_t *data;
    size_t cap;
};

void sink_buffer_free(struct sink_buffer *buffer);

/* Fills `ret->key`, `size` and `sendable` for one journal record. An event that
 * the sink cannot take is not sendable, and `reason` says why. ERR_MEMORY. */
err_t sink_measure(const struct sink *sink, const struct sink_target *target,
                   struct sink_buffer *scratch, struct forwarder_record *ret,
                   struct reason *reason) MUST_USE;

/* The body of a request. ERR_MEMORY; ERR_CORRUPT if an entry that was measured
 * cannot be read any more. */
err_t sink_build(const struct sink *sink, const struct sink_target *target,
                 const struct forwarder_batch *batch,
                 struct sink_buffer *scratch, struct sink_buffer *body,
                 struct slice *ret) MUST_USE;

#endif
