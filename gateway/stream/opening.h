/* SPDX-License-Identifier: Apache-2.0 */
/* A start: opens a stream's journal, takes the newest snapshot that serves, and
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
    uint64_t known_end; /* the cloud has all before this */
};

struct opened {
    struct journal *journal;
    struct state *state;
    size_t snapshot_bytes;   /* of the one it began with; 0: none */
    uint64_t covered;        /* no start needs what lies before it */
    uint64_t replayed_bytes; /* of events behind the snapshot */
    uint64_t unread_end;     /* records before it were not read */
};

/* Sealed segments are believed by their ends, unless `on_rot: stop` or what is
 * replayed is damaged: then everything is read. Errors as journal_open(), and
 * ERR_CORRUPT if the shop's journal begins later than any snapshot reaches.
 * `*ret` is untouched on failure. */
err_t opening_run(const struct opening_options *options, struct opened *ret,
                  struct reason *reason) MUST_USE;

/* Opens the journal alone, reading all of it and setting damage aside, as a
 * start with `on_rot: quarantine` does that was asked for a full check. Close
 * it with journal_close(). Errors as journal_open(). */
err_t opening_repair(const struct opening_options *options,
                     struct journal **ret, struct reason *reason) MUST_USE;

#endif
