/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/lost_front.h"

#include <inttypes.h>

/* The next range from `from` on of which is known what became of it. */
static void next_known(const struct lost_front *front, uint64_t from,
                       uint64_t *ret_first, uint64_t *ret_end) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(front->journal, &count);
    *ret_first = UINT64_MAX;
    *ret_end = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (gaps[i].end > from) { /* they are sorted */
            *ret_first = gaps[i].first;
            *ret_end = gaps[i].end;
            break;
        }
    }
    struct drop_range range = drop_ledger_next(front->ledger, from);
    if (range.count > 0 && range.first < *ret_first) {
        *ret_first = range.first;
        *ret_end = range.end;
    }
}

static err_t note(const struct lost_front *front, uint64_t first, uint64_t end,
                  struct reason *reason) {
    if (!front->drops && front->stop) {
        return reason_set(reason, ERR_CORRUPT,
                          "neither the journal in %s nor the cloud has the "
                          "records %" PRIu64 " to %" PRIu64
                          "; shopme-edge journal repair puts that on record",
                          front->dir, first, end - 1);
    }
    log_line(LOG_ERROR, "stream",
             "missing dir=%s first=%" PRIu64 " last=%" PRIu64
             "; neither the journal nor the cloud has these events",
             front->dir, first, end - 1);
    if (!front->drops) {
        return journal_note_gap(front->journal, first, end, reason);
    }
    err_t err = drop_ledger_add_missing(front->ledger, first, end, reason);
    return err == ERR_FULL ? ERR_OK : err; /* the next start finds it, too */
}

err_t lost_front_note(const struct lost_front *front, struct reason *reason) {
    uint64_t start = atomic_load(&journal_position(front->journal)->start);
    uint64_t at = front->delivered;
    /* Without a cursor it was all delivered, or all dropped. */
    if (!front->delivered_known &&
        !(front->drops && drop_ledger_was_lost(front->ledger))) {
        return ERR_OK;
    }
    while (at < start) {
        uint64_t first;
        uint64_t end;
        next_known(front, at, &first, &end);
        if (first > at) {
            end = first < start ? first : start;
            TRY(note(front, at, end, reason));
        }
        at = end;
    }
    return ERR_OK;
}
