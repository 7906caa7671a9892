/* SPDX-License-Identifier: Apache-2.0 */
/* The dedupe windows as plainly as they can be said: one list of all ids in the
 * order in which they came, searched from end to end. */
#ifndef TESTS_UNIT_STREAM_WINDOWS_MODEL_H
#define TESTS_UNIT_STREAM_WINDOWS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct model_id {
    unsigned device;
    unsigned id;
    uint64_t content;
    uint64_t seq;
};

struct model_name {
    unsigned device;
    uint64_t last_seq;
    uint32_t events; /* ever */
    uint32_t held;
};

struct model {
    uint32_t ids_max;
    uint32_t window;
    uint32_t names_max;
    struct model_id *ids; /* oldest first */
    uint32_t id_count;
    struct model_name *names;
    uint32_t name_count;
};

struct model *model_new(uint32_t ids_max, uint32_t window, uint32_t names_max);
void model_free(struct model *model);
/* NULL if it is not remembered. */
const struct model_id *model_find(const struct model *model, unsigned device,
                                  unsigned id);
/* An id that is not remembered; `seq` is above all before it. */
void model_add(struct model *model, unsigned device, unsigned id,
               uint64_t content, uint64_t seq);

#endif
