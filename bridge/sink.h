/* SPDX-License-Identifier: Apache-2.0 */
/* A sink is a service that accepts events. A table says what it is called, what
 * it accepts, how a request is written and how its answer is read. Pure: it
 * knows no socket and no clock. */
#ifndef BRIDGE_SINK_H
#define BRIDGE_SINK_H

#include "bridge/answers.h"
#include "bridge/digest.h"
#include "bridge/forwarder.h"
#include "config/config.h"
#include "gateway/event/event.h"

/* Where a stream's events go, and what they come from; both pointers outlive
 * whoever holds it. */
struct sink_target {
    const struct config *config;
    const struct config_stream *stream;
    struct event_life journal_id;
};

/* An event to be sent: as the journal holds it, and as JSON. */
struct sink_event {
    const struct event *event;
    struct event_record record;
    struct slice json; /* event_render_json() */
};

/* A record of a request whose records are aggregates. */
struct sink_record {
    struct slice data;
    struct slice key;
    const char *hash_key;
};

struct sink {
    const char *service;      /* used in the signature and the host name */
    const char *variable;     /* environment variable overriding the endpoint */
    const char *call;         /* X-Amz-Target */
    const char *what;         /* what sink_name is, for people */
    const char *setting;      /* the configuration key that names it */
    const char *content_type; /* of requests, and of their answers */
    bool cbor;                /* bodies are CBOR, not JSON */
    struct forwarder_limits limits;
    struct answer_shape shape;
    /* The entry's size as the service counts it, and the largest it accepts. */
    uint64_t (*size)(const struct sink_target *target,
                     const struct sink_event *event);
    uint64_t entry_bytes_max;
    /* Why the service could never accept it, whatever its size, for after
     * "cannot be sent: "; NULL if it could. May be NULL itself. */
    const char *(*unfit)(const struct sink_target *target,
                         const struct sink_event *event);
    /* The parts of the body; check writer->full. */
    void (*write_head)(const struct sink_target *target, struct writer *writer);
    void (*write_entry)(const struct sink_target *target,
                        const struct sink_event *event, struct writer *writer);
    /* NULL: each entry is a record. Else records are written so (pack.h), and
     * have at most run_bytes_max bytes. */
    void (*write_record)(const struct sink_record *record,
                         struct writer *writer);
    uint64_t run_bytes_max;
    const char *between; /* two entries */
    const char *tail;    /* behind the last */
    /* The probe: a request that checks whether the target exists, for a service
     * that would not say so otherwise. NULL if it does. */
    const char *probe_call;
    const char *probe_member; /* a string member of its answer */
    void (*write_probe)(const struct sink_target *target,
                        struct writer *writer);
};

extern const struct sink sink_eventbridge;
extern const struct sink sink_eventbridge_large; /* requests of 1 MiB */
extern const struct sink sink_kinesis;
extern const struct sink sink_kinesis_cbor;
extern const struct sink sink_kinesis_aggregated; /* many events in a record */
extern const struct sink sink_kinesis_cbor_aggregated;

#define SINK_JSON "application/x-amz-json-1.1"
#define SINK_CBOR "application/x-amz-cbor-1.1"

/* The table for a stream; NULL for one without a sink. */
const struct sink *sink_of(const struct config_stream *stream);

/* What a request may hold, and shall: of aggregates no more than leaves each
 * connection its part of the lanes. */
struct forwarder_limits sink_limits(const struct sink *sink,
                                    const struct config *config);

/* A buffer that grows as needed. Zeroed is ready. */
struct sink_buffer {
    uint8_t *data;
    size_t cap;
};

void sink_buffer_free(struct sink_buffer *buffer);
/* At least so many bytes; what is in it stays. ERR_MEMORY, ERR_RANGE. */
err_t sink_buffer_keep(struct sink_buffer *buffer, size_t cap) MUST_USE;

/* Kinesis' key of an event: the event's; if that is too long its SHA-256, so
 * that it still names one shard. `hex` then holds the slice's bytes. */
struct slice sink_partition_key(const struct event *event,
                                char hex[DIGEST_HEX_SIZE]);
/* An event of a batch, as JSON in the scratch buffer. ERR_MEMORY; ERR_CORRUPT
 * if it can no longer be read. */
err_t sink_render(const struct sink_target *target,
                  const struct forwarder_entry *entry,
                  struct sink_buffer *scratch, struct event *event,
                  struct sink_event *ret) MUST_USE;

/* Fills `ret->key`, `size` and `sendable` for one journal record. If the sink
 * cannot accept the event it is not sendable, and `reason` says why.
 * ERR_MEMORY. */
err_t sink_measure(const struct sink *sink, const struct sink_target *target,
                   struct sink_buffer *scratch, struct forwarder_record *ret,
                   struct reason *reason) MUST_USE;

/* The body of a request. ERR_MEMORY; ERR_CORRUPT if an entry that was measured
 * can no longer be read. */
err_t sink_build(const struct sink *sink, const struct sink_target *target,
                 const struct forwarder_batch *batch,
                 struct sink_buffer *scratch, struct sink_buffer *body,
                 struct slice *ret) MUST_USE;

/* The body of an answer as JSON, on whichever wire it came. One that is not
 * CBOR where CBOR is due is empty if it reports a success (nothing but the
 * service's own shape is one) and itself if it reports an error. It may live in
 * `buffer`. */
struct slice sink_answer(const struct sink *sink, uint32_t status,
                         struct slice body, struct sink_buffer *buffer);

#endif
