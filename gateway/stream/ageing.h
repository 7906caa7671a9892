/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that devices said stays for ever: what is older than `keep_max` goes.
 *
 *   what                     | goes
 *   -------------------------+------------------------------------------------
 *   a segment                | once the cloud has all of it (and, of the shop's
 *                            | stream, two snapshot files cover it, for which
 *                            | nothing need happen) and its first record is
 *                            | that old
 *   the one being written    | is ended early, to become such a segment
 *   what a trimmed one left  | is written over with zeros (remains.h)
 *   in files used again      |
 *   .rot and .bad files, and | that long after they were set aside
 *   the broker's .bad-N      |
 *
 * All of it begins a sixteenth of `keep_max` early, so that it is done in time:
 * three or four looks, 10 s apart, at most four segments each.
 * What the cloud does not have stays, however old. Ages are by the wall time of
 * the records, so a clock that goes back makes nothing older, and what was
 * recorded before a clock was set counts as old. Used on the thread that
 * commits. */
#ifndef GATEWAY_STREAM_AGEING_H
#define GATEWAY_STREAM_AGEING_H

#include "gateway/base/base.h"
#include "gateway/journal/journal.h"

struct ageing {
    const struct platform *platform; /* these four outlive it */
    const char *dir;
    const char *broker_dir; /* for its files that were set aside */
    struct journal *journal;
    uint64_t keep_max_ms; /* 0: no limit */
    /* When the first record of these two segments was appended, as far as it is
     * known: one page is read, once a segment. Zeroed at first. */
    struct ageing_first {
        bool known;
        uint64_t seq;
        int64_t us;
    } oldest, open;
    int64_t looked_us; /* monotonic: for files that were set aside; 0: never */
};

/* Does what is due, or some of it. `delivered`: the cloud has all before this;
 * `covered`: no start needs what is before this. `*ret_uncovered`: a snapshot
 * is wanted, so that something old may go. Errors are final. */
err_t ageing_run(struct ageing *ageing, uint64_t delivered, uint64_t covered,
                 bool *ret_uncovered, struct reason *reason) MUST_USE;

/* When the record `seq` was appended, if it is there and can be read. */
bool ageing_appended_at(const struct ageing *ageing, uint64_t seq,
                        int64_t *ret_us) MUST_USE;

#endif
