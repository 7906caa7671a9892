/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/pack.h"

#include <assert.h>

enum {
    /* Beside a record's data, on either wire: names, keys, and what is between
     * two records. A key has 256 characters at most, which JSON may escape. */
    RECORD_AROUND = 2 * 1024,
    HEAD = 2 * 1024,
};

/* A request that is written: the parts that all of it needs. */
struct packing {
    struct pack *pack;
    const struct sink *sink;
    const struct sink_target *target;
    const struct forwarder_batch *batch;
    struct sink_buffer *scratch;
    struct sink_buffer *body;
    struct writer writer; /* into the body */
};

void pack_free(struct pack *pack) {
    sink_buffer_free(&pack->keys);
    sink_buffer_free(&pack->records);
    sink_buffer_free(&pack->data);
}

/* --- the body ----------------------------------------------------------- */

static err_t make_room(struct packing *packing, size_t more) {
    struct writer *writer = &packing->writer;
    if (writer->cap - writer->len < more) {
        TRY(sink_buffer_keep(packing->body, writer->len + more));
        size_t len = writer->len;
        *writer = writer_over(packing->body->data, packing->body->cap);
        writer->len = len;
    }
    return ERR_OK;
}

/* Base64 is the larger wire. */
static size_t on_the_wire(size_t len) {
    return len / 3 * 4 + 4 + RECORD_AROUND;
}

static err_t write_record(struct packing *packing, uint32_t i,
                          const struct sink_record *record) {
    struct writer *writer = &packing->writer;
    TRY(make_room(packing, on_the_wire(record->data.len)));
    writer_str(writer, i > 0 ? packing->sink->between : "");
    packing->sink->write_record(record, writer);
    assert(!writer->full);
    return ERR_OK;
}

/* --- records ------------------------------------------------------------ */

/* The run's first event, as it is but for its newline. */
static err_t write_single(struct packing *packing, uint32_t i,
                          const char *hash_key) {
    struct forwarder_run *run = &packing->batch->runs[i];
    struct sink_buffer *data = &packing->pack->data;
    struct event event;
    struct sink_event rendered;
    char hex[DIGEST_HEX_SIZE];
    run->kept = 1;
    TRY(sink_render(packing->target, &packing->batch->entries[run->first],
                    packing->scratch, &event, &rendered));
    size_t len = rendered.json.len;
    TRY(sink_buffer_keep(data, len + 1));
    memcpy(data->data, rendered.json.data, len);
    data->data[len] = '\n';
    const struct sink_record record = {slice_of(data->data, len + 1),
                                       sink_partition_key(&event, hex),
                                       hash_key};
    return write_record(packing, i, &record);
}

/* ERR_FULL: there is no room for it in this record. */
static err_t add_entry(struct packing *packing, uint32_t at) {
    const struct forwarder_batch *batch = packing->batch;
    struct event event;
    struct sink_event rendered;
    char hex[DIGEST_HEX_SIZE];
    err_t err = sink_render(packing->target, &batch->entries[at],
                            packing->scratch, &event, &rendered);
    ENSURE(err == ERR_OK, err == ERR_FULL ? ERR_CORRUPT : err);
    return aggregate_add(&packing->pack->aggregate,
                         sink_partition_key(&event, hex), rendered.json,
                         batch->run_bytes);
}

/* As many as fit; `ret` is how many. What a group of suspects is, is not for
 * the sake of units. */
static err_t gather(struct packing *packing, const struct forwarder_run *run,
                    uint32_t *ret) {
    uint32_t count = 0;
    err_t err = ERR_OK;
    while (count < run->count && err == ERR_OK) {
        err = add_entry(packing, run->first + count);
        count += err == ERR_OK ? 1 : 0;
    }
    ENSURE(err == ERR_OK || err == ERR_FULL, err);
    *ret = packing->batch->suspect || count == 0
               ? count
               : aggregate_cut(&packing->pack->aggregate);
    return ERR_OK;
}

static err_t write_aggregate(struct packing *packing, uint32_t i) {
    const struct aggregate *aggregate = &packing->pack->aggregate;
    struct sink_buffer *data = &packing->pack->data;
    TRY(sink_buffer_keep(data, aggregate_data_len(aggregate)));
    struct writer writer = writer_over(data->data, data->cap);
    aggregate_write(aggregate, &writer);
    assert(!writer.full);
    const struct sink_record record = {writer_slice(&writer),
                                       SLICE(AGGREGATE_PARTITION_KEY),
                                       aggregate->hash_key};
    return write_record(packing, i, &record);
}

static err_t write_run(struct packing *packing, uint32_t i) {
    struct pack *pack = packing->pack;
    struct forwarder_run *run = &packing->batch->runs[i];
    char hash_key[AGGREGATE_HASH_KEY_SIZE];
    aggregate_hash_key(packing->target->config->store,
                       packing->target->stream->name, run->lane, hash_key);
    if (run->count == 1) {
        return write_single(packing, i, hash_key);
    }
    size_t cap = (size_t)packing->batch->run_bytes;
    TRY(sink_buffer_keep(&pack->keys, cap));
    TRY(sink_buffer_keep(&pack->records, cap));
    aggregate_begin(&pack->aggregate, hash_key, pack->keys.data,
                    pack->records.data, cap);
    TRY(gather(packing, run, &run->kept));
    return run->kept > 1 ? write_aggregate(packing, i)
                         : write_single(packing, i, hash_key);
}

err_t pack_build(struct pack *pack, const struct sink *sink,
                 const struct sink_target *target,
                 const struct forwarder_batch *batch,
                 struct sink_buffer *scratch, struct sink_buffer *body,
                 struct slice *ret) {
    assert(sink->write_record != NULL && batch->run_count > 0);
    struct packing packing = {
        .pack = pack,
        .sink = sink,
        .target = target,
        .batch = batch,
        .scratch = scratch,
        .body = body,
        .writer = writer_over(body->data, body->cap),
    };
    TRY(make_room(&packing, HEAD));
    sink->write_head(target, &packing.writer);
    for (uint32_t i = 0; i < batch->run_count; i++) {
        TRY(write_run(&packing, i));
    }
    TRY(make_room(&packing, HEAD));
    writer_str(&packing.writer, sink->tail);
    assert(!packing.writer.full);
    *ret = writer_slice(&packing.writer);
    return ERR_OK;
}
