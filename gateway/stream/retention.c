/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/retention.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/stream/ageing.h"

enum { TRIM_A_COMMIT = 4 }; /* segments, so that receipts never wait long */

struct retention {
    struct retention_options options;
    /* Of any thread. */
    _Atomic uint64_t delivered;
    _Atomic uint64_t covered;
    _Atomic uint64_t keep_bytes;
    _Atomic uint64_t keep_for_ms;
    /* Of the committing thread, from here on. */
    uint64_t dropped_ever; /* events */
    /* When what follows the oldest segment was appended: not before its last
     * record. */
    uint64_t aged_seq; /* of that segment's end; 0: not known */
    int64_t aged_us;
    struct ageing ageing;
    bool uncovered; /* as of the last upkeep */
};

err_t retention_new(const struct retention_options *options,
                    struct retention **ret) {
    assert(options->journal != NULL && options->ledger != NULL);
    struct retention *retention = calloc(1, sizeof *retention);
    ENSURE(retention != NULL, ERR_MEMORY);
    retention->options = *options;
    retention_set_kept(retention, options->stream->keep,
                       options->stream->keep_for_ms);
    retention->ageing = (struct ageing){
        .platform = options->platform,
        .dir = options->dir,
        .broker_dir = options->broker_dir,
        .journal = options->journal,
        .keep_max_ms = options->stream->keep_max_ms,
    };
    *ret = retention;
    return ERR_OK;
}

void retention_free(struct retention *retention) {
    free(retention);
}

void retention_set_kept(struct retention *retention, uint64_t keep_bytes,
                        uint64_t keep_for_ms) {
    atomic_store_explicit(&retention->keep_bytes, keep_bytes,
                          memory_order_relaxed);
    atomic_store_explicit(&retention->keep_for_ms, keep_for_ms,
                          memory_order_relaxed);
}

void retention_set_delivered(struct retention *retention, uint64_t seq) {
    atomic_store_explicit(&retention->delivered, seq, memory_order_relaxed);
}

void retention_set_covered(struct retention *retention, uint64_t seq) {
    atomic_store_explicit(&retention->covered, seq, memory_order_relaxed);
}

/* --- Making room --- */

/* The oldest segment, if the cloud has all of it. In the shop's stream the
 * older of two snapshots must also cover it, since its state is replayed from
 * there. */
static bool oldest_delivered(const struct retention *retention,
                             struct journal_segment *ret) {
    uint64_t before =
        atomic_load_explicit(&retention->delivered, memory_order_relaxed);
    uint64_t covered =
        atomic_load_explicit(&retention->covered, memory_order_relaxed);
    if (retention->options.stream->shop && covered < before) {
        before = covered;
    }
    return journal_oldest(retention->options.journal, ret) &&
           ret->end_seq <= before;
}

/* The ledger comes first: what is gone must be on record. If it cannot be
 * written, nothing is dropped. */
static err_t drop_oldest(struct retention *retention, struct reason *reason) {
    struct journal_segment oldest;
    ENSURE(journal_oldest(retention->options.journal, &oldest), ERR_FULL);
    uint64_t delivered =
        atomic_load_explicit(&retention->delivered, memory_order_relaxed);
    uint64_t first =
        delivered > oldest.first_seq ? delivered : oldest.first_seq;
    if (first < oldest.end_seq) {
        TRY(drop_ledger_add(retention->options.ledger, first, oldest.end_seq,
                            reason));
        retention->dropped_ever += oldest.end_seq - first;
    }
    return journal_trim(retention->options.journal, reason);
}

/* Delivered segments first, even those to be kept; then, if the stream may
 * drop, undelivered ones. ERR_FULL: there is no more room to make. */
static err_t make_room(struct retention *retention, struct reason *reason) {
    struct journal_segment oldest;
    if (oldest_delivered(retention, &oldest)) {
        return journal_trim(retention->options.journal, reason);
    }
    ENSURE(retention->options.stream->when_full == CONFIG_FULL_DROP_OLDEST,
           ERR_FULL);
    return drop_oldest(retention, reason);
}

static err_t commit_once(struct journal *journal, bool reserved,
                         struct reason *reason) {
    return reserved ? journal_commit_handed_reserved(journal, reason)
                    : journal_commit_handed(journal, reason);
}

static err_t commit_with_room(struct retention *retention, bool reserved,
                              struct reason *reason) {
    struct journal *journal = retention->options.journal;
    err_t err = commit_once(journal, reserved, reason);
    while (err == ERR_FULL) {
        TRY(make_room(retention, reason));
        err = commit_once(journal, reserved, reason);
    }
    return err;
}

err_t retention_preallocate(struct retention *retention, uint64_t bytes,
                            struct reason *reason) {
    struct journal *journal = retention->options.journal;
    err_t err = ERR_FULL;
    while (journal_room(journal) < bytes && err == ERR_FULL) {
        err = journal_preallocate(journal, reason);
        if (err == ERR_FULL) {
            TRY(make_room(retention, reason));
        }
    }
    return journal_room(journal) >= bytes ? ERR_OK : err;
}

/* --- Keeping --- */

static uint64_t bytes_of_events(const struct retention *retention) {
    struct journal_stats stats = journal_stats(retention->options.journal);
    assert(stats.bytes >= stats.spare_bytes);
    return stats.bytes - stats.spare_bytes;
}

/* Is all of it older than `keep_for`? Judged by the record after it, so that
 * one page is read, once a segment. If that is not known, only `keep` counts.
 */
static bool is_past_keep_for(struct retention *retention,
                             const struct journal_segment *oldest) {
    uint64_t keep_for_ms =
        atomic_load_explicit(&retention->keep_for_ms, memory_order_relaxed);
    if (keep_for_ms == 0) {
        return true;
    }
    if (retention->aged_seq != oldest->end_seq) {
        if (!ageing_appended_at(&retention->ageing, oldest->end_seq,
                                &retention->aged_us)) {
            return true;
        }
        retention->aged_seq = oldest->end_seq;
    }
    const struct clock *clock = &retention->options.platform->clock;
    int64_t age_us = clock->wall_us(clock->self) - retention->aged_us;
    return age_us >= 0 && (uint64_t)age_us / 1000 >= keep_for_ms;
}

/* Delivered segments are trimmed, oldest first, down to what is to be kept. */
static err_t trim_delivered(struct retention *retention,
                            struct reason *reason) {
    uint64_t keep =
        atomic_load_explicit(&retention->keep_bytes, memory_order_relaxed);
    struct journal_segment oldest;
    for (int i = 0; i < TRIM_A_COMMIT && oldest_delivered(retention, &oldest) &&
                    bytes_of_events(retention) - oldest.bytes >= keep &&
                    is_past_keep_for(retention, &oldest);
         i++) {
        TRY(journal_trim(retention->options.journal, reason));
    }
    return ERR_OK;
}

err_t retention_commit(struct retention *retention, bool reserved,
                       struct reason *reason) {
    TRY(commit_with_room(retention, reserved, reason));
    return trim_delivered(retention, reason);
}

err_t retention_upkeep(struct retention *retention, struct reason *reason) {
    uint64_t delivered =
        atomic_load_explicit(&retention->delivered, memory_order_relaxed);
    uint64_t covered = UINT64_MAX;
    if (retention->options.stream->shop) {
        covered =
            atomic_load_explicit(&retention->covered, memory_order_relaxed);
    }
    TRY(journal_check_place(retention->options.journal, reason));
    TRY(ageing_run(&retention->ageing, delivered, covered,
                   &retention->uncovered, reason));
    const struct journal *journal = retention->options.journal;
    if (covered < atomic_load(&journal_position(journal)->start)) {
        retention->uncovered = true; /* one of two files was bad */
    }
    return ERR_OK;
}

bool retention_wants_snapshot(const struct retention *retention) {
    return retention->uncovered;
}

/* --- What was dropped --- */

void retention_note_lost(struct retention *retention, uint64_t first,
                         uint64_t end) {
    uint64_t delivered =
        atomic_load_explicit(&retention->delivered, memory_order_relaxed);
    first = first > delivered ? first : delivered;
    if (first < end) {
        drop_ledger_lose_names(retention->options.ledger, first, end);
    }
}

struct drop_range retention_offer_dropped(struct retention *retention) {
    return drop_ledger_offer(retention->options.ledger);
}

err_t retention_name_dropped(struct retention *retention, uint64_t named_at,
                             struct reason *reason) {
    return drop_ledger_name(retention->options.ledger, named_at, reason);
}

uint64_t retention_dropped_ever(const struct retention *retention) {
    return retention->dropped_ever;
}
