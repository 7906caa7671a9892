/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/state.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/event/event_source.h"
#include "gateway/event/event_type.h"
#include "gateway/stream/admission.h"

/* The version is that of the dedupe windows: the shop's parts have their own.
 */
enum { STATE_VERSION = DEDUPE_SAVED_2 };

struct state {
    const char *store;
    struct dedupe *dedupe;
    struct shop *shop;
    uint64_t unknown; /* records whose type is not known here */
};

static err_t open_parts(struct state *state,
                        const struct state_options *options) {
    uint32_t ids_max =
        options->ids_max == 0 ? DEDUPE_IDS_DEFAULT : options->ids_max;
    TRY(dedupe_new(ids_max, &state->dedupe));
    if (!options->has_shop) {
        return ERR_OK;
    }
    const struct shop_options shop = {
        .store = slice_from_str(options->store),
        .journal_id = options->journal_id,
        .life = options->life,
        .currency = options->currency,
        .settings = options->settings,
    };
    return shop_new(&shop, &state->shop);
}

err_t state_new(const struct state_options *options, struct state **ret) {
    struct state *state = calloc(1, sizeof *state);
    ENSURE(state != NULL, ERR_MEMORY);
    state->store = options->store;
    err_t err = open_parts(state, options);
    if (err != ERR_OK) {
        state_free(state);
        return err;
    }
    *ret = state;
    return ERR_OK;
}

void state_free(struct state *state) {
    if (state == NULL) {
        return;
    }
    shop_free(state->shop);
    dedupe_free(state->dedupe);
    free(state);
}

/* The device that an event came from, if it came from one: the rest of its
 * source after "/{store}/". The gateway's and the shop's own events belong to
 * no device. */
static struct slice device_of(const struct state *state,
                              const struct event *event) {
    struct slice device;
    return event_source_parse(event->source, slice_from_str(state->store),
                              &device) == ERR_OK &&
                   admission_device(device, NULL) == ERR_OK
               ? device
               : SLICE_EMPTY;
}

static err_t remember(struct state *state, const struct event *event,
                      struct slice device, uint64_t content_hash,
                      struct shop_stamp stamp) {
    struct dedupe_event added = {
        .device = device,
        .id = event->id,
        .content_hash = content_hash,
        .seq = stamp.seq,
        .time_us = DEDUPE_NO_TIME,
        .wall_us = stamp.wall_us,
    };
    if (event_time_parse(event->time, &added.time_us) != ERR_OK) {
        added.time_us = DEDUPE_NO_TIME;
    }
    return dedupe_add(state->dedupe, &added);
}

err_t state_apply(struct state *state, const struct journal_record *record) {
    struct event event;
    TRY(event_load(record->bytes, &event));
    struct slice device = device_of(state, &event);
    const struct shop_stamp stamp = {record->seq, record->wall_us};
    if (device.len > 0) {
        TRY(remember(state, &event, device, event_hash(&event), stamp));
    }
    if (state->shop == NULL) {
        return ERR_OK;
    }
    enum event_type type;
    state->unknown += event_type_find(event.type, &type) == ERR_OK ? 0 : 1;
    return shop_apply(state->shop, &event, stamp);
}

uint64_t state_unknown(const struct state *state) {
    return state->unknown;
}

void state_pass_gap(struct state *state) {
    if (state->shop != NULL) {
        shop_pass_gap(state->shop);
    }
}

err_t state_run(struct state *state, const struct event *event,
                struct slice device, uint64_t content_hash,
                struct shop_stamp stamp, const struct shop_bus *bus) {
    assert(device.len > 0);
    TRY(remember(state, event, device, content_hash, stamp));
    return state->shop == NULL
               ? ERR_OK
               : shop_run(state->shop, event, device, stamp, bus);
}

uint64_t state_hash(const struct state *state) {
    return state->shop == NULL ? 0 : shop_hash(state->shop);
}

uint64_t state_ids_hash(const struct state *state) {
    return dedupe_hash(state->dedupe);
}

const struct dedupe *state_dedupe(const struct state *state) {
    return state->dedupe;
}

struct shop *state_shop(const struct state *state) {
    return state->shop;
}

void state_save(const struct state *state, struct writer *to) {
    writer_u32(to, STATE_VERSION);
    dedupe_save(state->dedupe, to);
    if (state->shop != NULL) {
        shop_save(state->shop, to);
    }
}

void state_save_older(const struct state *state, struct writer *to) {
    writer_u32(to, DEDUPE_SAVED_1);
    dedupe_save_older(state->dedupe, to);
    if (state->shop != NULL) {
        shop_save(state->shop, to);
    }
}

static err_t load_parts(struct state *state, struct slice saved) {
    struct cursor from = cursor_over(saved);
    uint32_t version;
    TRY(cursor_u32(&from, &version));
    ENSURE(version >= DEDUPE_SAVED_1 && version <= STATE_VERSION,
           ERR_UNSUPPORTED);
    TRY(dedupe_load(state->dedupe, version, &from));
    struct slice rest;
    TRY(cursor_take(&from, cursor_left(&from), &rest));
    if (state->shop == NULL) {
        ENSURE(rest.len == 0, ERR_UNSUPPORTED); /* it had one */
        return ERR_OK;
    }
    return shop_load(state->shop, rest);
}

err_t state_load(struct state *state, struct slice saved) {
    err_t err = load_parts(state, saved);
    return err == ERR_PARSE ? ERR_CORRUPT : err;
}
