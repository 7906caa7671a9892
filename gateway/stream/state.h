/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream knows from its journal: which events it has (dedupe) and, if it
 * runs the shop, the shop's state. Both depend on the journal's records and on
 * nothing else; a snapshot is their bytes. Used on one thread. */
#ifndef GATEWAY_STREAM_STATE_H
#define GATEWAY_STREAM_STATE_H

#include "gateway/base/base.h"
#include "gateway/journal/reader.h"
#include "gateway/shop/shop.h"
#include "gateway/stream/dedupe.h"

struct state;

struct state_options {
    const char *store;         /* outlives the state */
    const char *currency;      /* copied */
    const uint8_t *journal_id; /* copied */
    /* Of what runs now; copied. NULL if nothing is run, only applied. */
    const uint8_t *life;
    uint32_t ids_max; /* of the dedupe windows; 0: DEDUPE_IDS_DEFAULT */
    bool has_shop;
    struct shop_settings settings; /* of the shop, if it is run */
};

/* The state before the first record. ERR_MEMORY, ERR_RANGE as shop_new(). */
err_t state_new(const struct state_options *options,
                struct state **ret) MUST_USE;
void state_free(struct state *state); /* takes NULL */

/* Applies a record of the journal: at a start, in a replay. ERR_CORRUPT if it
 * does not fit what was applied before it; ERR_MEMORY. */
err_t state_apply(struct state *state,
                  const struct journal_record *record) MUST_USE;
/* Records are missing from here on: see shop_pass_gap(). */
void state_pass_gap(struct state *state);

/* Takes an event that was just appended, live: remembers it and runs it through
 * the shop. As shop_run() and dedupe_add(). */
err_t state_run(struct state *state, const struct event *event,
                struct slice device, uint64_t content_hash,
                struct shop_stamp stamp, const struct shop_bus *bus) MUST_USE;

/* How many of the shop's records that were applied have a type that this
 * program does not know: a newer one wrote them, and they are passed over. */
uint64_t state_unknown(const struct state *state);

/* Of the shop; 0 without one. Equal before a stop and after a start. */
uint64_t state_hash(const struct state *state);
/* Of the dedupe windows; equal likewise. */
uint64_t state_ids_hash(const struct state *state);
const struct dedupe *state_dedupe(const struct state *state);
struct shop *state_shop(const struct state *state); /* NULL without */

/* For a snapshot: saves the state, and loads it into a new one. `to->full`
 * means that it had no room. Loads what an older version of this program saved,
 * too. ERR_UNSUPPORTED for a newer version's, or for one with a shop where
 * there is none; ERR_CORRUPT; ERR_MEMORY. After an error the state must be
 * freed. */
void state_save(const struct state *state, struct writer *to);
/* The same in the form that release 0.1.0 reads. */
void state_save_older(const struct state *state, struct writer *to);
err_t state_load(struct state *state, struct slice saved) MUST_USE;

#endif
