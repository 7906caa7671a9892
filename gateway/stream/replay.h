/* SPDX-License-Identifier: Apache-2.0 */
/* What the shop comes to by its journal and its snapshots, from the files
 * alone: beside a running gateway, or on a dead box's disk. Changes nothing. */
#ifndef GATEWAY_STREAM_REPLAY_H
#define GATEWAY_STREAM_REPLAY_H

#include "config/config.h"
#include "gateway/stream/state.h"

struct replay_options {
    const struct disk *disk;
    const char *dir;             /* of the shop's stream */
    const struct config *config; /* its store and currency */
    uint64_t end;    /* where the journal ends; UINT64_MAX: see what is there */
    uint64_t before; /* the state before this record; UINT64_MAX: after all */
};

struct replay {
    struct state *state; /* with the shop; the caller frees it */
    uint64_t from;       /* where it begins */
    uint64_t end;        /* the one behind the last */
    uint64_t lost;       /* of them, those that damage took */
    uint64_t snapshots;  /* met on the way, and of the same state */
};

/* Begins as early as it can, with an empty shop or from the older snapshot, and
 * holds each snapshot that it comes by against the state it has. What damage
 * took is passed over, and the next snapshot taken in its place. ERR_CORRUPT
 * with words if a snapshot is of another state, or a record cannot follow;
 * ERR_NOT_FOUND if there is no journal, or nothing to begin from; ERR_RANGE if
 * the records before `before` are not there any more; ERR_UNSUPPORTED, ERR_IO,
 * ERR_MEMORY. `ret` is untouched then. */
err_t replay_run(const struct replay_options *options, struct replay *ret,
                 struct reason *reason) MUST_USE;

#endif
