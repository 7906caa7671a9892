/* SPDX-License-Identifier: Apache-2.0 */
/* A start: opens a stream's journal, loads the newest usable snapshot, and
 * replays what was appended since. */
#ifndef GATEWAY_STREAM_OPENING_H
#define GATEWAY_STREAM_OPENING_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/stream/state.h"

struct opening_options {
    const struct platform *platform; /* these outlive what is opened */
    const struct config *config;
    const struct config_stream *stream;
    const char *dir;
    uint64_t known_end; /* the cloud has everything before this */
    bool cursor_known;  /* and no more; so if known_end is not 0 */
};

struct opened {
    struct journal *journal;
    struct state *state;
    size_t snapshot_bytes;   /* of the one it began with; 0: none */
    uint64_t covered;        /* no start needs records before it */
    uint64_t replayed_bytes; /* of events after the snapshot */
    uint64_t unread_end;     /* records before it were not read */
};

/* Trusts sealed segments by their ends, unless `on_rot: stop` is set or what is
 * replayed is damaged: then it reads everything. Errors as journal_open(), and
 * ERR_CORRUPT if the shop's journal begins later than any snapshot reaches.
 * `*ret` is untouched on failure. */
err_t opening_run(const struct opening_options *options, struct opened *ret,
                  struct reason *reason) MUST_USE;

/* Opens only the journal, reads all of it and sets damage aside, as a full
 * check at a start with `on_rot: quarantine` does. Close it with
 * journal_close(). Errors as journal_open(). */
err_t opening_repair(const struct opening_options *options,
                     struct journal **ret, struct reason *reason) MUST_USE;

#endif
