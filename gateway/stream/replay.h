/* SPDX-License-Identifier: Apache-2.0 */
/* The state that the shop's journal and snapshots give, from the files alone:
 * while a gateway runs, or on the disk of a box that is down. Changes nothing.
 */
#ifndef GATEWAY_STREAM_REPLAY_H
#define GATEWAY_STREAM_REPLAY_H

#include "config/config.h"
#include "gateway/stream/state.h"

struct replay_options {
    const struct disk *disk;
    const char *dir;             /* of the shop's stream */
    const struct config *config; /* its store (empty: as the journal says) and
                                    currency */
    uint64_t end;    /* where the journal ends; UINT64_MAX: see what is there */
    uint64_t before; /* the state before this record; UINT64_MAX: after all */
    /* Damage took records [first, end); is that recorded? May be NULL. */
    void (*lost)(void *self, uint64_t first, uint64_t end, bool known);
    void *self;
};

struct replay {
    struct state *state; /* with the shop; the caller frees it */
    uint64_t from;       /* where it begins */
    uint64_t end;        /* the number after the last record applied */
    uint64_t lost;       /* of those, the ones that damage took */
    uint64_t snapshots;  /* later snapshots that had the same state */
    bool cut;            /* it ends in damage: there may have been more */
};

/* Begins as early as it can, with an empty shop or with the older snapshot, and
 * compares each later snapshot with the replayed state. Records that damage
 * took are skipped, and the next snapshot replaces the state. ERR_CORRUPT with
 * a reason if a snapshot has another state or a record does not fit;
 * ERR_NOT_FOUND if there is no journal, or nothing to begin from; ERR_RANGE if
 * the records before `before` no longer exist; ERR_UNSUPPORTED, ERR_IO,
 * ERR_MEMORY. Then `ret` is untouched. */
err_t replay_run(const struct replay_options *options, struct replay *ret,
                 struct reason *reason) MUST_USE;

#endif
