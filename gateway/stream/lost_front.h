/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between the bridge's cursor and the journal's first record: the
 * cloud does not have it, and never will. The drop ledger and the recorded
 * damage say what became of it; the rest (a file is missing, or a crash or rot
 * took the record of a drop) is put on record here, to be announced by the
 * stream's first batch. */
#ifndef GATEWAY_STREAM_LOST_FRONT_H
#define GATEWAY_STREAM_LOST_FRONT_H

#include "gateway/base/base.h"
#include "gateway/journal/journal.h"
#include "gateway/stream/drop_ledger.h"

struct lost_front {
    const char *dir;
    struct journal *journal;
    struct drop_ledger *ledger;
    uint64_t delivered;   /* the cursor */
    bool delivered_known; /* else it is 0, and the cloud may have more */
    bool drops; /* the stream may drop: it counts as dropped, else as damage */
    bool stop;  /* damage is refused */
};

/* ERR_CORRUPT if it is damage that is refused; ERR_IO, ERR_FULL, ERR_MEMORY. If
 * the disk is full what was dropped is left for the next start to find. */
err_t lost_front_note(const struct lost_front *front,
                      struct reason *reason) MUST_USE;

#endif
