/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/forwarder.h"

#include <assert.h>
#include <stdlib.h>

#include "bridge/choice.h"
#include "bridge/retry.h"

/* So many entries in a row that were each refused alone are no bad entries, but
 * a service that takes none: it is not asked at full speed. */
enum { BLAMED_MAX = 16 };

/* Answers that take as long as the first are no reason for a larger window, nor
 * is what comes after the second. */
#define TRIP_NEAR_US ((int64_t)20 * 1000)
#define TRIP_FAR_US ((int64_t)80 * 1000)

_Static_assert((int)FORWARDER_BATCH_MAX <= (int)FORWARDER_EVENTS_MAX,
               "a batch fits the window");

void forwarder_init(struct forwarder *forwarder,
                    const struct forwarder_limits *limits,
                    const struct entropy *entropy, uint64_t cursor) {
    assert(limits->entries_max > 0);
    assert(limits->entries_max <= FORWARDER_BATCH_MAX);
    *forwarder = (struct forwarder){
        .limits = *limits,
        .entropy = entropy,
        .window = {.base = cursor, .lanes = LANES_DEFAULT},
        .events_max = FORWARDER_EVENTS_MAX,
        .bytes_max = FORWARDER_BYTES_MAX,
        .bytes_now_max = UINT64_MAX,
    };
    request_size_init(&forwarder->size, limits->bytes_max);
}

void forwarder_set_lanes(struct forwarder *forwarder, uint32_t lanes) {
    assert(lanes > 0 && lanes <= LANES_MAX);
    assert(forwarder->window.count == 0 && forwarder->in_flight == 0);
    forwarder->window.lanes = lanes;
}

static void free_batches(struct forwarder *forwarder, uint32_t first) {
    for (uint32_t i = first; i < FORWARDER_IN_FLIGHT_MAX; i++) {
        forwarder_batch_free(forwarder->batches[i]);
        forwarder->batches[i] = NULL;
    }
}

void forwarder_free(struct forwarder *forwarder) {
    window_free(&forwarder->window);
    free_batches(forwarder, 0);
}

uint64_t forwarder_next_seq(const struct forwarder *forwarder) {
    return forwarder->window.base + forwarder->window.count;
}

/* --- filling the window ------------------------------------------------- */

bool forwarder_has_room(const struct forwarder *forwarder, size_t len) {
    const struct window *window = &forwarder->window;
    return window->count < forwarder->events_max &&
           (window->bytes == 0 || len > WINDOW_RECORD_MAX ||
            window->bytes + len <= forwarder->bytes_max);
}

void forwarder_learn_trip(struct forwarder *forwarder, int64_t trip_us) {
    int64_t span_us = TRIP_FAR_US - TRIP_NEAR_US;
    int64_t over_us = trip_us - TRIP_NEAR_US;
    over_us = over_us < 0 ? 0 : over_us < span_us ? over_us : span_us;
    forwarder->events_max =
        FORWARDER_EVENTS_MAX +
        (uint32_t)((FORWARDER_EVENTS_FAR_MAX - FORWARDER_EVENTS_MAX) * over_us /
                   span_us);
    forwarder->bytes_max =
        FORWARDER_BYTES_MAX +
        (uint64_t)((FORWARDER_BYTES_FAR_MAX - FORWARDER_BYTES_MAX) * over_us /
                   span_us);
}

static void mark_refused(struct forwarder *forwarder, struct slot *slot,
                         bool refused) {
    if (slot->refused != refused) {
        slot->refused = refused;
        forwarder->counts.refused += refused ? 1 : UINT32_MAX;
    }
}

/* Moves the cursor past what is done at the front of the window. */
static void advance(struct forwarder *forwarder) {
    window_pass(&forwarder->window);
    if (forwarder->window.count == 0) {
        assert(forwarder->in_flight == 0);
        free_batches(forwarder, 1);
    }
}

/* For good, as far as this program can tell: to be settled by whoever asked
 * for that, else tried again in a minute. */
static void refuse(struct forwarder *forwarder, uint64_t seq, int64_t now_us) {
    struct slot *slot = window_slot(&forwarder->window, seq);
    slot->not_before_us = now_us + FORWARDER_REFUSED_US;
    slot->alone = slot->alone || forwarder->run_bytes_max > 0;
    mark_refused(forwarder, slot, true);
    if (forwarder->letters) {
        slot->state = SLOT_FINAL;
    } else {
        window_wait(&forwarder->window, seq);
    }
}

/* What need not be sent, or cannot be. */
static void settle_at_once(struct forwarder *forwarder,
                           const struct forwarder_record *record) {
    if (record->settled) {
        window_finish(&forwarder->window, record->seq);
        advance(forwarder);
    } else if (!record->sendable) {
        refuse(forwarder, record->seq, 0);
    }
}

/* Who waits for whom: the records of a key, and in aggregates all of a lane. */
static uint64_t order_key(const struct forwarder *forwarder,
                          const struct forwarder_record *record) {
#ifdef EDGE_CONTROL_TWO_PER_KEY
    (void)forwarder;
    return record->seq;
#else
    return forwarder->run_bytes_max > 0
               ? lane_of(record->key, forwarder->window.lanes)
               : record->key;
#endif
}

err_t forwarder_push(struct forwarder *forwarder,
                     const struct forwarder_record *record) {
    ENSURE(record->seq == forwarder_next_seq(forwarder), ERR_CORRUPT);
    ENSURE(record->bytes.len <= WINDOW_RECORD_MAX, ERR_CORRUPT);
    ENSURE(forwarder_has_room(forwarder, record->bytes.len), ERR_FULL);
    uint32_t lane = lane_of(record->key, forwarder->window.lanes);
    const struct slot slot = {
        .key = order_key(forwarder, record),
        .lane = lane,
        .wall_us = record->wall_us,
        .life = record->life,
        .size = record->size,
        .sendable = record->sendable,
    };
    if (forwarder->window.lane[lane].waiting_size == 0) {
        forwarder->window.lane[lane].since_us = record->pushed_us;
    }
    TRY(window_push(&forwarder->window, &slot, record->bytes));
    forwarder->tight = false;
    settle_at_once(forwarder, record);
    return ERR_OK;
}

/* --- choosing ----------------------------------------------------------- */

bool forwarder_ready(const struct forwarder *forwarder, int64_t now_us) {
    return !forwarder->paused && forwarder->hold_until_us <= now_us &&
           choice_due_us(forwarder) <= now_us;
}

bool forwarder_fills(struct forwarder *forwarder, int64_t now_us) {
    window_wake(&forwarder->window, now_us);
    return forwarder_ready(forwarder, now_us) && choice_fills(forwarder);
}

int64_t forwarder_due_us(const struct forwarder *forwarder, int64_t now_us) {
    int64_t due_us = choice_due_us(forwarder);
    if (forwarder->paused || due_us == INT64_MAX) {
        return INT64_MAX;
    }
    int64_t hold_us = forwarder->hold_until_us;
    due_us = due_us > hold_us ? due_us : hold_us;
    return due_us > now_us ? due_us : now_us;
}

/* A free batch: ERR_AGAIN if all of them are in flight. */
static err_t batch_find(struct forwarder *forwarder,
                        struct forwarder_batch **ret) {
    const struct forwarder_limits *limits = &forwarder->limits;
    for (uint32_t i = 0; i < FORWARDER_IN_FLIGHT_MAX; i++) {
        struct forwarder_batch **batch = &forwarder->batches[i];
        if (*batch == NULL) {
            *batch = forwarder_batch_new(limits->entries_max,
                                         forwarder->run_bytes_max > 0);
            ENSURE(*batch != NULL, ERR_MEMORY);
        }
        if (!(*batch)->in_flight) {
            forwarder_batch_clear(*batch);
            *ret = *batch;
            return ERR_OK;
        }
    }
    return ERR_AGAIN;
}

err_t forwarder_take(struct forwarder *forwarder, int64_t now_us,
                     const struct forwarder_batch **ret) {
    ENSURE(forwarder_ready(forwarder, now_us), ERR_AGAIN);
    struct forwarder_batch *batch;
    TRY(batch_find(forwarder, &batch));
    window_wake(&forwarder->window, now_us);
    choice_fill(forwarder, now_us, batch);
    ENSURE(batch->count > 0, ERR_AGAIN); /* its lane is busy */
    assert((forwarder->window.busy & batch->lanes) == 0);
#ifndef EDGE_CONTROL_LANE_TWICE
    forwarder->window.busy |= batch->lanes;
#endif
    batch->in_flight = true;
    batch->attempt = forwarder->attempt;
    batch->answers = forwarder->answers;
    forwarder->in_flight++;
    *ret = batch;
    return ERR_OK;
}

/* --- answers ------------------------------------------------------------ */

bool forwarder_is_drained(const struct forwarder *forwarder) {
    const struct window *window = &forwarder->window;
    if (forwarder->in_flight > 0) {
        return false;
    }
    for (uint32_t i = 0; i < window->count; i++) {
        const struct slot *slot = window_slot(window, window->base + i);
        bool may_leave = slot->head && !slot->refused;
        if (slot->state == SLOT_FINAL ||
            (slot->state != SLOT_DONE && may_leave)) {
            return false;
        }
    }
    return true;
}

void forwarder_skip(struct forwarder *forwarder, uint64_t seq) {
    assert(forwarder_is_drained(forwarder));
    assert(seq >= forwarder_next_seq(forwarder));
    window_skip(&forwarder->window, seq);
    forwarder->counts.refused = 0;
}

static void wait_alone(struct forwarder *forwarder, uint64_t seq,
                       int64_t now_us, struct retry_pace pace) {
    struct slot *slot = window_slot(&forwarder->window, seq);
    slot->not_before_us =
        now_us + retry_delay_us(forwarder->entropy, pace, slot->attempt - 1);
    window_wait(&forwarder->window, seq);
}

/* Entries [first, end) of the batch, of one lane, wait to be sent together
 * again, and with nobody else. */
static void suspect(struct forwarder *forwarder,
                    const struct forwarder_batch *batch, uint32_t first,
                    uint32_t end) {
    struct window *window = &forwarder->window;
    for (uint32_t i = end; i-- > first;) {
        uint64_t seq = batch->entries[i].seq;
        struct slot *slot = window_slot(window, seq);
        slot->mate = i + 1 < end ? batch->entries[i + 1].seq : WINDOW_NONE;
        slot->follows = i > first;
        slot->alone = end - first == 1;
        window_wait(window, seq);
    }
}

static void halve(struct forwarder *forwarder,
                  const struct forwarder_batch *batch, uint32_t first,
                  uint32_t end) {
    uint32_t half = first + (end - first) / 2;
    suspect(forwarder, batch, first, half);
    suspect(forwarder, batch, half, end);
}

static void confirm(struct forwarder *forwarder, uint64_t seq) {
    forwarder->counts.sent++;
    mark_refused(forwarder, window_slot(&forwarder->window, seq), false);
    window_finish(&forwarder->window, seq);
}

static void entry_answered(struct forwarder *forwarder, uint64_t seq,
                           int64_t now_us, enum forwarder_outcome outcome) {
    switch (outcome) {
    case ENTRY_CONFIRMED:
        confirm(forwarder, seq);
        return;
    case ENTRY_FAILED:
#ifdef EDGE_CONTROL_CURSOR_PAST_FAILED
        window_finish(&forwarder->window, seq);
        return;
#endif
        wait_alone(forwarder, seq, now_us, RETRY_FAILED);
        return;
    case ENTRY_THROTTLED:
        wait_alone(forwarder, seq, now_us, RETRY_THROTTLED);
        return;
    case ENTRY_REFUSED:
        refuse(forwarder, seq, now_us);
        return;
    }
    assert(false);
}

/* The events of a record share its answer. An aggregate that is refused for
 * good goes on in halves, until the event at fault is alone. */
static void record_answered(struct forwarder *forwarder,
                            const struct forwarder_batch *batch, uint32_t i,
                            int64_t now_us, enum forwarder_outcome outcome) {
    struct forwarder_run run = forwarder_batch_record(batch, i);
    const struct forwarder_entry *entries = &batch->entries[run.first];
    if (outcome == ENTRY_REFUSED && run.count > 1) {
        halve(forwarder, batch, run.first, run.first + run.count);
        return;
    }
    entry_answered(forwarder, entries[0].seq, now_us, outcome);
    for (uint32_t j = 1; j < run.count; j++) {
        if (outcome == ENTRY_CONFIRMED) {
            confirm(forwarder, entries[j].seq);
        } else { /* behind the first one */
            window_wait(&forwarder->window, entries[j].seq);
        }
    }
}

static void hold(struct forwarder *forwarder, int64_t now_us,
                 struct retry_pace pace) {
    forwarder->hold_until_us =
        now_us + retry_delay_us(forwarder->entropy, pace, forwarder->attempt);
    forwarder->attempt++;
}

void forwarder_hold(struct forwarder *forwarder, int64_t now_us,
                    enum forwarder_call call) {
    switch (call) {
    case CALL_THROTTLED:
        hold(forwarder, now_us, RETRY_THROTTLED);
        return;
    case CALL_FAILED:
        hold(forwarder, now_us, RETRY_FAILED);
        return;
    case CALL_OFFLINE:
        hold(forwarder, now_us, RETRY_OFFLINE);
        return;
    case CALL_UNREACHED:
        forwarder->hold_until_us =
            now_us +
            retry_unreached_us(forwarder->entropy, forwarder->attempt++);
        return;
    case CALL_REFUSED:
    case CALL_INVALID:
    case CALL_TOO_LARGE:
        forwarder->hold_until_us = now_us + retry_slow_us(forwarder->entropy);
        return;
    case CALL_ANSWERED:
    case CALL_AGAIN:
        return;
    }
    assert(false);
}

/* Requests that were in flight together and fail together count as one failure:
 * the first one answered sets the wait. */
static void hold_once(struct forwarder *forwarder,
                      const struct forwarder_batch *batch, int64_t now_us,
                      enum forwarder_call call) {
    if (batch->attempt >= forwarder->attempt) {
        forwarder_hold(forwarder, now_us, call);
    }
}

/* The service answered for each entry. If it throttled all of them the whole
 * stream waits, else only those that failed. */
static void answered(struct forwarder *forwarder,
                     const struct forwarder_batch *batch, int64_t now_us,
                     const enum forwarder_outcome *outcomes) {
    uint32_t throttled = 0;
    uint32_t records = forwarder_batch_records(batch);
    for (uint32_t i = 0; i < records; i++) {
        throttled += outcomes[i] == ENTRY_THROTTLED ? 1 : 0;
        record_answered(forwarder, batch, i, now_us, outcomes[i]);
    }
    if (throttled == records) {
        hold_once(forwarder, batch, now_us, CALL_THROTTLED);
        return;
    }
    forwarder->attempt = 0;
    forwarder->blamed = 0;
    forwarder->answers++;
    request_size_answered(&forwarder->size, batch->bytes, forwarder->sending_us,
                          now_us);
}

/* What fails together goes on by lanes, and within a lane by halves. */
static void divide(struct forwarder *forwarder,
                   const struct forwarder_batch *batch) {
    uint32_t first = 0;
    for (uint32_t end = 1; end <= batch->count; end++) {
        if (end < batch->count &&
            choice_same_lane(forwarder, batch, first, end)) {
            continue;
        }
        if (first == 0 && end == batch->count) {
            halve(forwarder, batch, 0, end);
            return;
        }
        suspect(forwarder, batch, first, end);
        first = end;
    }
}

/* The whole request was refused for something in it: halve it until the entry
 * at fault is alone, and then that one is refused. */
static void blame(struct forwarder *forwarder,
                  const struct forwarder_batch *batch, int64_t now_us,
                  enum forwarder_call call) {
    if (call == CALL_TOO_LARGE) {
        request_size_refused(&forwarder->size, batch->bytes, now_us);
    }
    if (batch->count > 1) {
        divide(forwarder, batch);
        return;
    }
    uint64_t seq = batch->entries[0].seq;
    window_slot(&forwarder->window, seq)->alone = true;
    refuse(forwarder, seq, now_us);
    if (++forwarder->blamed >= BLAMED_MAX) {
        forwarder_hold(forwarder, now_us, call);
    }
}

static void put_back(struct forwarder *forwarder,
                     const struct forwarder_batch *batch) {
    if (batch->suspect) {
        suspect(forwarder, batch, 0, batch->count);
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        window_wait(&forwarder->window, batch->entries[i].seq);
    }
}

/* It failed while others were answered: the line is good, and what is wrong may
 * be in it. Only its entries wait. */
static void failed_beside_others(struct forwarder *forwarder,
                                 const struct forwarder_batch *batch,
                                 int64_t now_us) {
    if (batch->count > 1) {
        divide(forwarder, batch);
        return;
    }
    wait_alone(forwarder, batch->entries[0].seq, now_us, RETRY_FAILED);
}

/* The service accepted none of it, as far as is known. */
static void failed(struct forwarder *forwarder,
                   const struct forwarder_batch *batch, int64_t now_us,
                   enum forwarder_call call) {
    if (call == CALL_TOO_LARGE || call == CALL_INVALID) {
        blame(forwarder, batch, now_us, call);
        return;
    }
    if (call == CALL_OFFLINE) {
        request_size_failed(&forwarder->size, batch->bytes);
    }
    if ((call == CALL_OFFLINE || call == CALL_FAILED) &&
        batch->answers < forwarder->answers) {
        failed_beside_others(forwarder, batch, now_us);
        return;
    }
    hold_once(forwarder, batch, now_us, call);
    put_back(forwarder, batch);
}

void forwarder_answer(struct forwarder *forwarder,
                      const struct forwarder_batch *batch, int64_t now_us,
                      enum forwarder_call call,
                      const enum forwarder_outcome *outcomes) {
    assert(forwarder->in_flight > 0);
    assert(batch->in_flight);
    uint32_t i = 0;
    while (forwarder->batches[i] != batch) {
        i++;
        assert(i < FORWARDER_IN_FLIGHT_MAX);
    }
    forwarder->in_flight--;
    forwarder->batches[i]->in_flight = false;
    forwarder->window.busy &= ~batch->lanes;
    choice_trim(forwarder, forwarder->batches[i], now_us);
    if (call != CALL_ANSWERED) {
        failed(forwarder, batch, now_us, call);
        return;
    }
    answered(forwarder, batch, now_us, outcomes);
    advance(forwarder);
}

/* --- what is refused for good ------------------------------------------- */

static struct slot *final_slot(const struct forwarder *forwarder,
                               uint64_t seq) {
    if (seq < forwarder->window.base || seq >= forwarder_next_seq(forwarder)) {
        return NULL;
    }
    struct slot *slot = window_slot(&forwarder->window, seq);
    return slot->state == SLOT_FINAL ? slot : NULL;
}

bool forwarder_final(const struct forwarder *forwarder, uint64_t seq,
                     struct forwarder_entry *ret, uint32_t *ret_tries) {
    const struct slot *slot = final_slot(forwarder, seq);
    if (slot == NULL) {
        return false;
    }
    *ret = choice_entry(forwarder, seq);
    *ret_tries = slot->attempt;
    return true;
}

void forwarder_settle(struct forwarder *forwarder, uint64_t seq,
                      enum settle how, int64_t now_us) {
    struct slot *slot = final_slot(forwarder, seq);
    if (slot == NULL) {
        return;
    }
    if (how == SETTLE_DEAD) {
        mark_refused(forwarder, slot, false);
        window_finish(&forwarder->window, seq);
        advance(forwarder);
        return;
    }
    bool holds = how == SETTLE_HOLD;
    mark_refused(forwarder, slot, holds || !slot->sendable);
    slot->not_before_us = holds ? now_us + FORWARDER_REFUSED_US : 0;
    window_wait(&forwarder->window, seq);
}

void forwarder_pause(struct forwarder *forwarder, bool paused) {
    if (forwarder->paused && !paused) {
        forwarder->hold_until_us = 0;
        forwarder->attempt = 0;
    }
    forwarder->paused = paused;
}
