/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sink.h"

#include <stdlib.h>
#include <xxhash.h>

#include "bridge/cbor_json.h"

enum {
    BUFFER_FIRST = 16 * 1024,
    /* An event of the largest size whose CBOR grows most as JSON, or a whole
     * request of the largest size in base64, and room. */
    BUFFER_MAX = 16 * 1024 * 1024,
};

static const struct sink *of_kinesis(const struct config_stream *stream) {
    if (stream->wire == CONFIG_WIRE_CBOR) {
        return stream->aggregate ? &sink_kinesis_cbor_aggregated
                                 : &sink_kinesis_cbor;
    }
    return stream->aggregate ? &sink_kinesis_aggregated : &sink_kinesis;
}

const struct sink *sink_of(const struct config_stream *stream) {
    switch (stream->sink) {
    case CONFIG_SINK_NONE:
        return NULL;
    case CONFIG_SINK_EVENTBRIDGE:
        return stream->request == CONFIG_REQUEST_1MIB ? &sink_eventbridge_large
                                                      : &sink_eventbridge;
    case CONFIG_SINK_KINESIS:
        return of_kinesis(stream);
    }
    return NULL;
}

struct forwarder_limits sink_limits(const struct sink *sink,
                                    const struct config *config) {
    struct forwarder_limits limits = sink->limits;
    uint64_t lanes = config->cloud.lanes;
    uint64_t connections = config->cloud.connections;
    if (sink->run_bytes_max > 0 && connections > 0) {
        uint64_t runs = (lanes + connections - 1) / connections;
        uint64_t bytes = (runs > 0 ? runs : 1) * sink->run_bytes_max;
        limits.bytes_max = bytes < limits.bytes_max ? bytes : limits.bytes_max;
    }
    return limits;
}

void sink_buffer_free(struct sink_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct sink_buffer){0};
}

/* Doubles the size and keeps no content: everything is written again. */
static err_t buffer_grow(struct sink_buffer *buffer) {
    size_t cap = buffer->cap > 0 ? 2 * buffer->cap : BUFFER_FIRST;
    ENSURE(cap <= BUFFER_MAX, ERR_RANGE);
    uint8_t *data = malloc(cap);
    ENSURE(data != NULL, ERR_MEMORY);
    free(buffer->data);
    *buffer = (struct sink_buffer){data, cap};
    return ERR_OK;
}

err_t sink_buffer_keep(struct sink_buffer *buffer, size_t cap) {
    if (buffer->cap >= cap) {
        return ERR_OK;
    }
    ENSURE(cap <= BUFFER_MAX, ERR_RANGE);
    uint8_t *data = realloc(buffer->data, cap);
    ENSURE(data != NULL, ERR_MEMORY);
    *buffer = (struct sink_buffer){data, cap};
    return ERR_OK;
}

/* Loads a stored event and renders it into the scratch buffer. */
static err_t render(struct slice stored, const struct event_record *record,
                    struct sink_buffer *scratch, struct event *event,
                    struct sink_event *ret) {
    TRY(event_load(stored, event));
    for (;;) {
        struct writer writer = writer_over(scratch->data, scratch->cap);
        err_t err = event_render_json(event, record, &writer);
        if (err == ERR_OK) {
            *ret = (struct sink_event){event, *record, writer_slice(&writer)};
            return ERR_OK;
        }
        ENSURE(err == ERR_FULL, err);
        TRY(buffer_grow(scratch));
    }
}

/* An event that cannot be loaded has no key: it waits for no other, and no
 * other waits for it. */
static err_t not_sendable(struct forwarder_record *record, err_t err,
                          struct reason *reason) {
    ENSURE(err != ERR_MEMORY, err);
    record->sendable = false;
    record->size = 0;
    record->key = XXH3_64bits(&record->seq, sizeof record->seq);
    reason_set(reason, err, "event %llu cannot be sent: %s",
               (unsigned long long)record->seq,
               err == ERR_UNSUPPORTED ? "its CBOR data has no form in JSON"
               : err == ERR_RANGE     ? "it is too large as JSON"
                                      : "it cannot be read from the journal");
    return ERR_OK;
}

err_t sink_measure(const struct sink *sink, const struct sink_target *target,
                   struct sink_buffer *scratch, struct forwarder_record *ret,
                   struct reason *reason) {
    struct event event;
    struct sink_event rendered;
    const struct event_record record = {ret->seq, ret->wall_us,
                                        target->journal_id, ret->life};
    err_t err = render(ret->bytes, &record, scratch, &event, &rendered);
    if (err != ERR_OK) {
        return not_sendable(ret, err, reason);
    }
    struct slice key = event_key(&event);
    ret->key = XXH3_64bits(key.data, key.len);
    uint64_t size = sink->size(target, &rendered);
    ret->sendable = size <= sink->entry_bytes_max;
    ret->size = ret->sendable ? (uint32_t)size : 0;
    const char *unfit =
        sink->unfit != NULL ? sink->unfit(target, &rendered) : NULL;
    if (unfit != NULL) {
        ret->sendable = false;
        ret->size = 0;
        reason_set(reason, ERR_UNSUPPORTED,
                   "event %llu (%.*s) cannot be sent: %s",
                   (unsigned long long)ret->seq, SLICE_ARG(event.type), unfit);
    } else if (!ret->sendable) {
        reason_set(reason, ERR_RANGE,
                   "event %llu (%.*s) cannot be sent: it has %llu bytes, and "
                   "%s accepts at most %llu",
                   (unsigned long long)ret->seq, SLICE_ARG(event.type),
                   (unsigned long long)size, sink->service,
                   (unsigned long long)sink->entry_bytes_max);
    }
    return ERR_OK;
}

err_t sink_render(const struct sink_target *target,
                  const struct forwarder_entry *entry,
                  struct sink_buffer *scratch, struct event *event,
                  struct sink_event *ret) {
    const struct event_record record = {entry->seq, entry->wall_us,
                                        target->journal_id, entry->life};
    err_t err = render(entry->bytes, &record, scratch, event, ret);
    ENSURE(err == ERR_OK, err == ERR_MEMORY ? err : ERR_CORRUPT);
    return ERR_OK;
}

static err_t write_entry(const struct sink *sink,
                         const struct sink_target *target,
                         const struct forwarder_entry *entry,
                         struct sink_buffer *scratch, struct writer *writer) {
    struct event event;
    struct sink_event rendered;
    TRY(sink_render(target, entry, scratch, &event, &rendered));
    sink->write_entry(target, &rendered, writer);
    return ERR_OK;
}

static err_t write_body(const struct sink *sink,
                        const struct sink_target *target,
                        const struct forwarder_batch *batch,
                        struct sink_buffer *scratch, struct writer *writer) {
    sink->write_head(target, writer);
    for (uint32_t i = 0; i < batch->count && !writer->full; i++) {
        writer_str(writer, i > 0 ? sink->between : "");
        TRY(write_entry(sink, target, &batch->entries[i], scratch, writer));
    }
    writer_str(writer, sink->tail);
    return writer->full ? ERR_FULL : ERR_OK;
}

err_t sink_build(const struct sink *sink, const struct sink_target *target,
                 const struct forwarder_batch *batch,
                 struct sink_buffer *scratch, struct sink_buffer *body,
                 struct slice *ret) {
    for (;;) {
        struct writer writer = writer_over(body->data, body->cap);
        err_t err = write_body(sink, target, batch, scratch, &writer);
        if (err == ERR_OK) {
            *ret = writer_slice(&writer);
            return ERR_OK;
        }
        ENSURE(err == ERR_FULL, err);
        TRY(buffer_grow(body));
    }
}

/* ERR_PARSE if it is not CBOR, ERR_RANGE, ERR_MEMORY. */
static err_t answer_to_json(struct slice body, struct sink_buffer *buffer,
                            struct slice *ret) {
    for (;;) {
        struct writer writer = writer_over(buffer->data, buffer->cap);
        err_t err = cbor_to_json(body, &writer);
        if (err == ERR_OK) {
            *ret = writer_slice(&writer);
            return ERR_OK;
        }
        ENSURE(err == ERR_FULL, err);
        TRY(buffer_grow(buffer));
    }
}

struct slice sink_answer(const struct sink *sink, uint32_t status,
                         struct slice body, struct sink_buffer *buffer) {
    struct slice json;
    if (!sink->cbor) {
        return body;
    }
    if (answer_to_json(body, buffer, &json) == ERR_OK) {
        return json;
    }
    return status == 200 ? SLICE_EMPTY : body;
}
