/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/batch.h"

#include <assert.h>
#include <stdlib.h>

enum { RUN_ENTRIES_FIRST = 1024 };

struct forwarder_batch *forwarder_batch_new(uint32_t records_max, bool runs) {
    assert(records_max > 0 && records_max <= FORWARDER_BATCH_MAX);
    struct forwarder_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return NULL;
    }
    batch->cap = runs ? RUN_ENTRIES_FIRST : records_max;
    batch->entries = malloc(batch->cap * sizeof *batch->entries);
    batch->runs = runs ? calloc(records_max, sizeof *batch->runs) : NULL;
    if (batch->entries == NULL || (runs && batch->runs == NULL)) {
        forwarder_batch_free(batch);
        return NULL;
    }
    return batch;
}

void forwarder_batch_free(struct forwarder_batch *batch) {
    if (batch != NULL) {
        free(batch->entries);
        free(batch->runs);
        free(batch);
    }
}

void forwarder_batch_clear(struct forwarder_batch *batch) {
    assert(!batch->in_flight);
    *batch = (struct forwarder_batch){
        .entries = batch->entries, .cap = batch->cap, .runs = batch->runs};
}

bool forwarder_batch_has_room(struct forwarder_batch *batch) {
    if (batch->count < batch->cap) {
        return true;
    }
    uint32_t cap = batch->cap * 2;
    struct forwarder_entry *entries =
        realloc(batch->entries, cap * sizeof *entries);
    if (entries != NULL) {
        batch->entries = entries;
        batch->cap = cap;
    }
    return entries != NULL;
}

uint32_t forwarder_batch_records(const struct forwarder_batch *batch) {
    return batch->runs != NULL ? batch->run_count : batch->count;
}

struct forwarder_run forwarder_batch_record(const struct forwarder_batch *batch,
                                            uint32_t i) {
    assert(i < forwarder_batch_records(batch));
    return batch->runs != NULL ? batch->runs[i]
                               : (struct forwarder_run){i, 1, 0, 1};
}
