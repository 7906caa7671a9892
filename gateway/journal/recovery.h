/* SPDX-License-Identifier: Apache-2.0 */
/* Repairs what a journal's directory holds, before anything is added. */
#ifndef GATEWAY_JOURNAL_RECOVERY_H
#define GATEWAY_JOURNAL_RECOVERY_H

#include "gateway/base/base.h"
#include "gateway/journal/damage.h"
#include "gateway/journal/options.h"
#include "gateway/journal/segment.h"

struct recovery {
    uint8_t journal_id[JOURNAL_ID_SIZE]; /* zeros if `incarnation` is 0 */
    uint32_t incarnation; /* the last one taken; 0 without a segment */
    uint64_t first_seq;   /* [first_seq, next_seq) is durable */
    uint64_t next_seq;
    struct damage damage;           /* its gaps; the caller frees it */
    struct journal_segment *sealed; /* those with records, oldest first; the
                                       caller frees it */
    size_t sealed_count;
#ifdef EDGE_CONTROL_KEEP_TAIL
    struct segment tail; /* to be continued at `tail_end`, if it is open */
    uint64_t tail_end;
#endif
};

/* Verifies every segment and, if asked to, sets damage aside; then removes
 * leftover temporary files and completes the last segment. Afterwards every
 * segment with records is sealed and synced.
 *
 * The caller holds the lock, and then publishes a segment that begins with
 * `next_seq`, of the next incarnation; it replaces an empty one of that name.
 * Errors as journal_open; nothing is changed on ERR_CORRUPT, ERR_REFUSED or
 * ERR_UNSUPPORTED. */
err_t recovery_run(const struct journal_options *options, struct recovery *ret,
                   struct reason *reason) MUST_USE;

#endif
