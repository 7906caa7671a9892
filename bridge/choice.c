/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/choice.h"

#include <assert.h>

static bool makes_runs(const struct forwarder *forwarder) {
    return forwarder->run_bytes_max > 0;
}

static uint64_t lower(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t request_max(const struct forwarder *forwarder) {
    return lower(forwarder->size.now, forwarder->bytes_now_max);
}

static uint64_t run_max(const struct forwarder *forwarder) {
    return lower(request_max(forwarder), forwarder->run_bytes_max);
}

static bool is_suspect(const struct slot *slot) {
    return slot->alone || slot->follows || slot->mate != WINDOW_NONE;
}

/* --- when --------------------------------------------------------------- */

/* An aggregate waits for company, unless it is full or others wait for room. */
static int64_t lane_due_us(const struct forwarder *forwarder, uint32_t i) {
    const struct window_lane *lane = &forwarder->window.lane[i];
    if ((forwarder->window.busy & lane_bit(i)) != 0 || lane->ready_count == 0) {
        return INT64_MAX;
    }
    if (lane->group_count > 0 || forwarder->tight ||
        lane->waiting_size >= run_max(forwarder)) {
        return 0;
    }
    return lane->since_us + forwarder->linger_us;
}

int64_t choice_due_us(const struct forwarder *forwarder) {
    const struct window *window = &forwarder->window;
    if (!makes_runs(forwarder) || window_due_us(window) > 0) {
        return window_due_us(window);
    }
    int64_t due_us = window->delayed_count > 0 ? window->delayed_us : INT64_MAX;
    for (uint32_t i = 0; i < window->lanes; i++) {
        int64_t lane_us = lane_due_us(forwarder, i);
        due_us = lane_us < due_us ? lane_us : due_us;
    }
    return due_us;
}

bool choice_fills(const struct forwarder *forwarder) {
    struct window_lane sum = window_free_lanes(&forwarder->window);
    uint64_t size = makes_runs(forwarder) ? sum.waiting_size : sum.ready_size;
    return sum.ready_count >= forwarder->limits.entries_max ||
           size >= request_max(forwarder) || sum.group_count > 0 ||
           (makes_runs(forwarder) && forwarder->tight);
}

/* --- what --------------------------------------------------------------- */

struct forwarder_entry choice_entry(const struct forwarder *forwarder,
                                    uint64_t seq) {
    const struct slot *slot = window_slot(&forwarder->window, seq);
    return (struct forwarder_entry){
        .seq = seq,
        .wall_us = slot->wall_us,
        .life = slot->life,
        .bytes = slice_of(slot->bytes, slot->len),
    };
}

static void add(struct forwarder *forwarder, uint64_t seq,
                struct forwarder_batch *batch) {
    struct slot *slot = window_slot(&forwarder->window, seq);
    assert(batch->count < batch->cap);
    batch->entries[batch->count++] = choice_entry(forwarder, seq);
    batch->bytes += slot->size;
    batch->lanes |= lane_bit(slot->lane);
    forwarder->counts.repeated += slot->attempt > 0 ? 1 : 0;
    slot->attempt++;
    window_leave(&forwarder->window, seq);
}

/* All from entry `first` on are a record. */
static void end_run(struct forwarder_batch *batch, uint32_t first,
                    uint32_t lane) {
    uint32_t count = batch->count - first;
    if (batch->runs != NULL && count > 0) {
        batch->runs[batch->run_count++] =
            (struct forwarder_run){first, count, lane, count};
    }
}

/* The rest of a group is a group. */
static void begin_group(struct forwarder *forwarder, uint64_t seq) {
    if (seq != WINDOW_NONE) {
        window_slot(&forwarder->window, seq)->follows = false;
        window_wait(&forwarder->window, seq);
    }
}

/* Those that are suspected together have a request of their own. */
static void fill_suspects(struct forwarder *forwarder, uint64_t seq,
                          struct forwarder_batch *batch) {
    uint32_t lane = window_slot(&forwarder->window, seq)->lane;
    batch->suspect = true;
    while (seq != WINDOW_NONE && forwarder_batch_has_room(batch)) {
        uint64_t mate = window_slot(&forwarder->window, seq)->mate;
        add(forwarder, seq, batch);
        seq = mate;
    }
    begin_group(forwarder, seq); /* there was no memory for all */
    end_run(batch, 0, lane);
}

static bool fits(const struct forwarder *forwarder,
                 const struct forwarder_batch *batch, const struct slot *slot) {
    return batch->count == 0 ||
           (batch->count < forwarder->limits.entries_max &&
            batch->bytes + slot->size <= request_max(forwarder));
}

/* What may leave of a lane, oldest first. False: the request is full. */
static bool fill_entries(struct forwarder *forwarder, uint32_t lane,
                         struct forwarder_batch *batch) {
    struct window *window = &forwarder->window;
    for (uint64_t seq = window_next_ready(window, lane, 0); seq != WINDOW_NONE;
         seq = window_next_ready(window, lane, seq + 1)) {
        const struct slot *slot = window_slot(window, seq);
        if (is_suspect(slot)) {
            continue;
        }
        if (!fits(forwarder, batch, slot)) {
            return false;
        }
        add(forwarder, seq, batch);
    }
    return true;
}

/* A part of a full aggregate is for the next request. */
static bool run_fits(const struct forwarder *forwarder,
                     const struct forwarder_batch *batch, uint32_t lane) {
    uint64_t size =
        lower(forwarder->window.lane[lane].waiting_size, run_max(forwarder));
    return batch->count == 0 ||
           (batch->run_count < forwarder->limits.entries_max &&
            batch->bytes + size <= request_max(forwarder));
}

/* What waits in a lane, in order, as one record. */
static bool fill_run(struct forwarder *forwarder, uint32_t lane,
                     struct forwarder_batch *batch) {
    struct window *window = &forwarder->window;
    uint32_t first = batch->count;
    uint64_t begin = batch->bytes;
    if (!run_fits(forwarder, batch, lane)) {
        return false;
    }
    for (uint64_t seq = window_next_ready(window, lane, 0);
         seq != WINDOW_NONE;) {
        const struct slot *slot = window_slot(window, seq);
        uint64_t next = slot->next;
        if (slot->state != SLOT_WAITING || !slot->sendable ||
            is_suspect(slot) || !forwarder_batch_has_room(batch) ||
            (batch->count > first &&
             batch->bytes - begin + slot->size > run_max(forwarder))) {
            break;
        }
        add(forwarder, seq, batch);
        seq = next;
    }
    end_run(batch, first, lane);
    return true;
}

static bool is_due(const struct forwarder *forwarder, uint32_t lane,
                   int64_t now_us) {
    return !makes_runs(forwarder) || lane_due_us(forwarder, lane) <= now_us;
}

void choice_fill(struct forwarder *forwarder, int64_t now_us,
                 struct forwarder_batch *batch) {
    uint64_t looked_at = 0;
    uint64_t seq;
    batch->run_bytes = run_max(forwarder);
    for (;;) {
        uint32_t lane = window_first_lane(&forwarder->window, looked_at, &seq);
        if (lane == LANES_MAX) {
            return;
        }
        looked_at |= lane_bit(lane);
        if (!is_due(forwarder, lane, now_us)) {
            continue;
        }
        if (is_suspect(window_slot(&forwarder->window, seq)) &&
            batch->count == 0) {
            fill_suspects(forwarder, seq, batch);
            return;
        }
        bool more = makes_runs(forwarder)
                        ? fill_run(forwarder, lane, batch)
                        : fill_entries(forwarder, lane, batch);
        if (!more) {
            return;
        }
    }
}

/* --- what was not kept -------------------------------------------------- */

static void give_back(struct forwarder *forwarder, uint64_t seq,
                      struct forwarder_batch *batch) {
    struct slot *slot = window_slot(&forwarder->window, seq);
    assert(slot->attempt > 0);
    slot->attempt--;
    forwarder->counts.repeated -= slot->attempt > 0 ? 1 : 0;
    batch->bytes -= slot->size;
    window_wait(&forwarder->window, seq);
}

void choice_trim(struct forwarder *forwarder, struct forwarder_batch *batch,
                 int64_t now_us) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->run_count; i++) {
        struct forwarder_run *run = &batch->runs[i];
        uint32_t first = count;
        assert(run->kept > 0 && run->kept <= run->count);
        for (uint32_t j = 0; j < run->kept; j++) {
            batch->entries[count++] = batch->entries[run->first + j];
        }
        for (uint32_t j = run->kept; j < run->count; j++) {
            give_back(forwarder, batch->entries[run->first + j].seq, batch);
        }
        if (run->kept < run->count) {
            forwarder->window.lane[run->lane].since_us = now_us;
        }
        *run = (struct forwarder_run){first, run->kept, run->lane, run->kept};
    }
    batch->count = batch->runs != NULL ? count : batch->count;
}

bool choice_same_lane(const struct forwarder *forwarder,
                      const struct forwarder_batch *batch, uint32_t i,
                      uint32_t j) {
    return window_slot(&forwarder->window, batch->entries[i].seq)->lane ==
           window_slot(&forwarder->window, batch->entries[j].seq)->lane;
}
