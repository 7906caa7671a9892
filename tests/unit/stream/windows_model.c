/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/stream/windows_model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct model *model_new(uint32_t ids_max, uint32_t window, uint32_t names_max) {
    struct model *model = calloc(1, sizeof *model);
    assert(model != NULL);
    model->ids_max = ids_max;
    model->window = window;
    model->names_max = names_max;
    model->ids = calloc(ids_max + 1, sizeof *model->ids);
    model->names = calloc(names_max + 1, sizeof *model->names);
    assert(model->ids != NULL && model->names != NULL);
    return model;
}

void model_free(struct model *model) {
    free(model->ids);
    free(model->names);
    free(model);
}

static struct model_name *name_of(const struct model *model, unsigned device) {
    for (uint32_t i = 0; i < model->name_count; i++) {
        if (model->names[i].device == device) {
            return &model->names[i];
        }
    }
    return NULL;
}

const struct model_id *model_find(const struct model *model, unsigned device,
                                  unsigned id) {
    if (name_of(model, device) == NULL) {
        return NULL;
    }
    for (uint32_t i = model->id_count; i > 0; i--) {
        const struct model_id *at = &model->ids[i - 1];
        if (at->device == device && at->id == id) {
            return at;
        }
    }
    return NULL;
}

static void forget_oldest(struct model *model, struct model_name *name) {
    uint32_t at = 0;
    while (model->ids[at].device != name->device) {
        at++;
    }
    model->id_count--;
    name->held--;
    memmove(&model->ids[at], &model->ids[at + 1],
            (model->id_count - at) * sizeof *model->ids);
}

/* Those with one event first; of them the one silent longest. */
static void forget_name(struct model *model) {
    struct model_name *victim = &model->names[0];
    for (uint32_t i = 1; i < model->name_count; i++) {
        struct model_name *name = &model->names[i];
        bool once = name->events == 1;
        bool victim_once = victim->events == 1;
        if (once != victim_once ? once : name->last_seq < victim->last_seq) {
            victim = name;
        }
    }
    while (victim->held > 0) {
        forget_oldest(model, victim);
    }
    *victim = model->names[--model->name_count];
}

/* Who holds most; of them the one silent longest. */
static struct model_name *who_holds_most(const struct model *model) {
    struct model_name *most = &model->names[0];
    for (uint32_t i = 1; i < model->name_count; i++) {
        struct model_name *name = &model->names[i];
        if (name->held != most->held ? name->held > most->held
                                     : name->last_seq < most->last_seq) {
            most = name;
        }
    }
    return most;
}

void model_add(struct model *model, unsigned device, unsigned id,
               uint64_t content, uint64_t seq) {
    struct model_name *name = name_of(model, device);
    if (name == NULL) {
        if (model->name_count == model->names_max) {
            forget_name(model);
        }
        name = &model->names[model->name_count++];
        *name = (struct model_name){.device = device};
    }
    if (name->held == model->window) {
        forget_oldest(model, name);
    } else if (model->id_count == model->ids_max) {
        forget_oldest(model, who_holds_most(model));
    }
    model->ids[model->id_count++] = (struct model_id){device, id, content, seq};
    name->held++;
    name->events++;
    name->last_seq = seq;
}
