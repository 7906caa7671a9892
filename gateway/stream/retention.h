/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a stream's segments are trimmed, and when. Segments that are in the
 * cloud are trimmed once they were kept as long as configured, and earlier if
 * their room is needed. Others are trimmed only if the stream may drop its
 * oldest events; those ranges are in the drop ledger until the cloud knows.
 *
 * Everything but the marks belongs to the committing thread: calls on it
 * may trim, write and wait for the disk. */
#ifndef GATEWAY_STREAM_RETENTION_H
#define GATEWAY_STREAM_RETENTION_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/stream/drop_ledger.h"

struct retention;

struct retention_options {
    const struct platform *platform; /* these outlive it */
    const struct config_stream *stream;
    const char *dir;
    const char *broker_dir; /* see ageing.h */
    struct journal *journal;
    struct drop_ledger *ledger;
};

err_t retention_new(const struct retention_options *options,
                    struct retention **ret) MUST_USE;
void retention_free(struct retention *retention); /* takes NULL */

/* --- On any thread --- */

/* The cloud durably has everything before `seq`. */
void retention_set_delivered(struct retention *retention, uint64_t seq);
/* A start needs nothing before `seq`, even if the newest snapshot is bad. Only
 * the shop's stream is limited by it. */
void retention_set_covered(struct retention *retention, uint64_t seq);
/* What is kept from now on, in place of `stream`'s keep and keep_for_ms. */
void retention_set_kept(struct retention *retention, uint64_t keep_bytes,
                        uint64_t keep_for_ms);

/* --- On the committing thread --- */

/* Commits what was handed over, making room for it if needed, and then trims
 * what need not be kept. `reserved`: the batch is the stream's own and may use
 * the reserve. ERR_FULL: there is no room now, be it for the ledger, and the
 * batch stays handed over; other errors are final. */
err_t retention_commit(struct retention *retention, bool reserved,
                       struct reason *reason) MUST_USE;
/* Finds room for `bytes` in advance, so that a message without room is not read
 * at all. ERR_FULL: there is none now; other errors are final. */
err_t retention_preallocate(struct retention *retention, uint64_t bytes,
                            struct reason *reason) MUST_USE;

/* What is due from time to time, with events or without: is the journal still
 * in its place? What is older than `keep_max` goes (ageing.h). Errors are
 * final. */
err_t retention_upkeep(struct retention *retention,
                       struct reason *reason) MUST_USE;
/* Something is too old, and stays only until snapshots cover it; or one of two
 * was bad, and a start would stand on the other alone. */
bool retention_wants_snapshot(const struct retention *retention);

/* Damage took records [first, end). */
void retention_note_lost(struct retention *retention, uint64_t first,
                         uint64_t end);
/* These are drop_ledger_offer() and drop_ledger_name(). */
struct drop_range retention_offer_dropped(struct retention *retention);
err_t retention_name_dropped(struct retention *retention, uint64_t named_at,
                             struct reason *reason) MUST_USE;
/* Events that were trimmed undelivered since it was made. */
uint64_t retention_dropped_ever(const struct retention *retention);

#endif
