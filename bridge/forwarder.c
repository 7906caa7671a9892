/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/forwarder.h"

#include <assert.h>
#include <stdlib.h>

#include "bridge/retry.h"

enum {
    KEYS_SIZE = 2048, /* of the table of keys seen: a power of two */
    /* A ring of bytes that grew larger than this is freed when it is empty, so
     * that an idle gateway stays small. */
    RING_KEEP = 256 * 1024,
    /* So that a record fits the empty ring wherever head is. */
    RECORD_BYTES_MAX = FORWARDER_BYTES_MAX / 2 - 1,
};

_Static_assert(KEYS_SIZE >= 2 * FORWARDER_EVENTS_MAX, "the table stays sparse");
_Static_assert(FORWARDER_BATCH_MAX <= FORWARDER_EVENTS_MAX,
               "a batch fits the window");

enum slot_state {
    SLOT_WAITING,
    SLOT_IN_FLIGHT,
    SLOT_FINAL, /* refused for good, and not settled yet */
    SLOT_DONE,
};

struct slot {
    uint64_t key;
    int64_t wall_us;
    struct event_life life;
    int64_t not_before_us;
    uint32_t offset; /* into the ring */
    uint32_t len;
    uint32_t size;
    uint32_t attempt;      /* times sent */
    uint32_t together_max; /* entries a request with this one may hold */
    uint8_t state;
    bool refused;
    bool sendable;
};

struct key_seen {
    uint64_t key;
    uint64_t round; /* seen in this round; older entries count as empty */
};

/* Records' bytes lie in a ring, each in one piece: the part [tail, head), or
 * [tail, ring_end) and [0, head) when it has wrapped. */
struct forwarder_window {
    struct slot slots[FORWARDER_EVENTS_MAX]; /* by seq modulo the size */
    struct key_seen keys[KEYS_SIZE];
    uint64_t round;
    uint8_t *ring;
    uint32_t tail;
    uint32_t head;
    uint32_t high; /* furthest byte used since the ring was made */
    /* Made when first needed. */
    struct forwarder_batch *batches[FORWARDER_IN_FLIGHT_MAX];
};

void forwarder_init(struct forwarder *forwarder,
                    const struct forwarder_limits *limits,
                    const struct entropy *entropy, uint64_t cursor) {
    assert(limits->entries_max > 0);
    assert(limits->entries_max <= FORWARDER_BATCH_MAX);
    *forwarder = (struct forwarder){
        .limits = *limits,
        .entropy = entropy,
        .base = cursor,
        .entries_now = limits->entries_max,
    };
}

static void free_batches(struct forwarder_window *window, uint32_t first) {
    for (uint32_t i = first; i < FORWARDER_IN_FLIGHT_MAX; i++) {
        free(window->batches[i]);
        window->batches[i] = NULL;
    }
}

void forwarder_free(struct forwarder *forwarder) {
    if (forwarder->window == NULL) {
        return;
    }
    free(forwarder->window->ring);
    free_batches(forwarder->window, 0);
    free(forwarder->window);
    forwarder->window = NULL;
}

static struct slot *slot_at(const struct forwarder *forwarder, uint32_t i) {
    assert(i < forwarder->count);
    return &forwarder->window
                ->slots[(forwarder->base + i) % FORWARDER_EVENTS_MAX];
}

uint64_t forwarder_next_seq(const struct forwarder *forwarder) {
    return forwarder->base + forwarder->count;
}

/* --- filling the window ------------------------------------------------- */

static err_t window_make(struct forwarder *forwarder) {
    if (forwarder->window == NULL) {
        forwarder->window = calloc(1, sizeof *forwarder->window);
        ENSURE(forwarder->window != NULL, ERR_MEMORY);
    }
    struct forwarder_window *window = forwarder->window;
    if (window->ring == NULL) {
        window->ring = malloc(FORWARDER_BYTES_MAX);
        ENSURE(window->ring != NULL, ERR_MEMORY);
        window->high = 0;
    }
    return ERR_OK;
}

/* Finds `len` bytes in one piece. Head never reaches tail, so that equal always
 * means empty. */
static err_t ring_reserve(const struct forwarder_window *window, uint32_t len,
                          uint32_t *ret_offset) {
    assert(window->tail < FORWARDER_BYTES_MAX);
    assert(window->head <= FORWARDER_BYTES_MAX);
    if (window->tail <= window->head) {
        if (FORWARDER_BYTES_MAX - window->head > len) {
            *ret_offset = window->head;
            return ERR_OK;
        }
        ENSURE(window->tail > len, ERR_FULL);
        *ret_offset = 0;
        return ERR_OK;
    }
    ENSURE(window->tail - window->head > len, ERR_FULL);
    *ret_offset = window->head;
    return ERR_OK;
}

bool forwarder_has_room(const struct forwarder *forwarder, size_t len) {
    const struct forwarder_window *window = forwarder->window;
    if (forwarder->count == FORWARDER_EVENTS_MAX) {
        return false;
    }
    uint32_t offset;
    return window == NULL || window->ring == NULL || len > RECORD_BYTES_MAX ||
           ring_reserve(window, (uint32_t)len, &offset) == ERR_OK;
}

static void mark_refused(struct forwarder *forwarder, struct slot *slot,
                         bool refused) {
    if (slot->refused != refused) {
        slot->refused = refused;
        forwarder->counts.refused += refused ? 1 : UINT32_MAX;
    }
}

/* For good, as far as this program can tell: to be settled by whoever asked
 * for that, else tried again in a minute. */
static void refuse(struct forwarder *forwarder, struct slot *slot,
                   int64_t now_us) {
    slot->state = forwarder->letters ? SLOT_FINAL : SLOT_WAITING;
    slot->not_before_us = now_us + FORWARDER_REFUSED_US;
    mark_refused(forwarder, slot, true);
}

static void window_empty(struct forwarder_window *window) {
    window->tail = 0;
    window->head = 0;
    free_batches(window, 1);
    if (window->high > RING_KEEP) {
        free(window->ring);
        window->ring = NULL;
    }
}

/* Moves the cursor past what is confirmed at the front of the window. */
static void advance(struct forwarder *forwarder) {
    struct forwarder_window *window = forwarder->window;
    while (forwarder->count > 0 && slot_at(forwarder, 0)->state == SLOT_DONE) {
        forwarder->base++;
        forwarder->count--;
    }
    if (forwarder->count > 0) {
        window->tail = slot_at(forwarder, 0)->offset;
        return;
    }
    assert(forwarder->in_flight == 0);
    window_empty(window);
}

/* What need not be sent, or cannot be. */
static void settle_at_once(struct forwarder *forwarder,
                           const struct forwarder_record *record,
                           struct slot *slot) {
    if (record->settled) {
        slot->state = SLOT_DONE;
        advance(forwarder);
    } else if (!record->sendable) {
        refuse(forwarder, slot, 0);
    }
}

err_t forwarder_push(struct forwarder *forwarder,
                     const struct forwarder_record *record) {
    ENSURE(record->seq == forwarder_next_seq(forwarder), ERR_CORRUPT);
    ENSURE(record->bytes.len <= RECORD_BYTES_MAX, ERR_CORRUPT);
    ENSURE(forwarder->count < FORWARDER_EVENTS_MAX, ERR_FULL);
    TRY(window_make(forwarder));
    struct forwarder_window *window = forwarder->window;
    uint32_t len = (uint32_t)record->bytes.len;
    uint32_t offset;
    TRY(ring_reserve(window, len, &offset));
    if (len > 0) {
        memcpy(window->ring + offset, record->bytes.data, len);
    }
    window->head = offset + len;
    window->high = window->head > window->high ? window->head : window->high;
    forwarder->count++;
    *slot_at(forwarder, forwarder->count - 1) = (struct slot){
        .key = record->key,
        .wall_us = record->wall_us,
        .life = record->life,
        .offset = offset,
        .len = len,
        .size = record->size,
        .together_max = FORWARDER_BATCH_MAX,
        .state = SLOT_WAITING,
        .sendable = record->sendable,
    };
    settle_at_once(forwarder, record, slot_at(forwarder, forwarder->count - 1));
    return ERR_OK;
}

/* --- choosing ----------------------------------------------------------- */

/* True if `key` was not seen in this round before; it is now. */
static bool key_is_new(struct forwarder_window *window, uint64_t key) {
#ifdef EDGE_CONTROL_TWO_PER_KEY
    (void)window;
    (void)key;
    return true;
#else
    size_t at = key % KEYS_SIZE;
    while (window->keys[at].round == window->round) {
        if (window->keys[at].key == key) {
            return false;
        }
        at = (at + 1) % KEYS_SIZE;
    }
    window->keys[at] = (struct key_seen){key, window->round};
    return true;
#endif
}

/* Walks the records that are the first unfinished one of their key, in journal
 * order. Returns NULL after the last. */
static struct slot *next_first(const struct forwarder *forwarder,
                               uint32_t *at) {
    if (*at == 0 && forwarder->window != NULL) {
        forwarder->window->round++;
    }
    while (*at < forwarder->count) {
        struct slot *slot = slot_at(forwarder, (*at)++);
        if (slot->state != SLOT_DONE &&
            key_is_new(forwarder->window, slot->key)) {
            return slot;
        }
    }
    return NULL;
}

static bool slot_may_leave(const struct slot *slot, int64_t now_us) {
    return slot->state == SLOT_WAITING && slot->sendable &&
           slot->not_before_us <= now_us;
}

bool forwarder_ready(const struct forwarder *forwarder, int64_t now_us) {
    if (forwarder->paused || forwarder->hold_until_us > now_us) {
        return false;
    }
    uint32_t at = 0;
    for (struct slot *slot = next_first(forwarder, &at); slot != NULL;
         slot = next_first(forwarder, &at)) {
        if (slot_may_leave(slot, now_us)) {
            return true;
        }
    }
    return false;
}

int64_t forwarder_due_us(const struct forwarder *forwarder, int64_t now_us) {
    if (forwarder->paused || forwarder->count == 0) {
        return INT64_MAX;
    }
    int64_t due_us = INT64_MAX;
    uint32_t at = 0;
    for (struct slot *slot = next_first(forwarder, &at); slot != NULL;
         slot = next_first(forwarder, &at)) {
        if (slot->state == SLOT_WAITING && slot->sendable &&
            slot->not_before_us < due_us) {
            due_us = slot->not_before_us;
        }
    }
    if (due_us == INT64_MAX) {
        return INT64_MAX;
    }
    int64_t hold_us = forwarder->hold_until_us;
    due_us = due_us > hold_us ? due_us : hold_us;
    return due_us > now_us ? due_us : now_us;
}

/* A free batch: ERR_AGAIN if all of them are in flight. */
static err_t batch_find(struct forwarder_window *window,
                        struct forwarder_batch **ret) {
    for (uint32_t i = 0; i < FORWARDER_IN_FLIGHT_MAX; i++) {
        struct forwarder_batch **batch = &window->batches[i];
        if (*batch == NULL) {
            *batch = calloc(1, sizeof **batch);
            ENSURE(*batch != NULL, ERR_MEMORY);
        }
        if (!(*batch)->in_flight) {
            (*batch)->count = 0;
            *ret = *batch;
            return ERR_OK;
        }
    }
    return ERR_AGAIN;
}

static struct forwarder_entry entry_of(const struct forwarder *forwarder,
                                       const struct slot *slot, uint64_t seq) {
    return (struct forwarder_entry){
        .seq = seq,
        .wall_us = slot->wall_us,
        .life = slot->life,
        .bytes = slice_of(forwarder->window->ring + slot->offset, slot->len),
    };
}

static void batch_add(struct forwarder *forwarder, struct slot *slot,
                      uint64_t seq, struct forwarder_batch *batch) {
    assert(slot->state == SLOT_WAITING);
    assert(batch->count < slot->together_max);
    batch->entries[batch->count++] = entry_of(forwarder, slot, seq);
    forwarder->counts.repeated += slot->attempt > 0 ? 1 : 0;
    slot->attempt++;
    slot->state = SLOT_IN_FLIGHT;
}

/* Fills the batch with what may be sent, oldest first. */
static void batch_fill(struct forwarder *forwarder, int64_t now_us,
                       struct forwarder_batch *batch) {
    uint32_t most = forwarder->entries_now;
    uint64_t bytes = 0;
    uint32_t at = 0;
    for (struct slot *slot = next_first(forwarder, &at);
         slot != NULL && batch->count < most;
         slot = next_first(forwarder, &at)) {
        if (!slot_may_leave(slot, now_us) ||
            slot->together_max <= batch->count) {
            continue;
        }
        if (bytes + slot->size > forwarder->limits.bytes_max) {
            break;
        }
        bytes += slot->size;
        most = slot->together_max < most ? slot->together_max : most;
        batch_add(forwarder, slot, forwarder->base + at - 1, batch);
    }
}

err_t forwarder_take(struct forwarder *forwarder, int64_t now_us,
                     const struct forwarder_batch **ret) {
    ENSURE(!forwarder->paused && forwarder->hold_until_us <= now_us, ERR_AGAIN);
    ENSURE(forwarder->count > 0, ERR_AGAIN);
    struct forwarder_batch *batch;
    TRY(batch_find(forwarder->window, &batch));
    batch_fill(forwarder, now_us, batch);
    ENSURE(batch->count > 0, ERR_AGAIN);
    batch->in_flight = true;
    batch->attempt = forwarder->attempt;
    forwarder->in_flight++;
    *ret = batch;
    return ERR_OK;
}

/* --- answers ------------------------------------------------------------ */

bool forwarder_is_drained(const struct forwarder *forwarder) {
    if (forwarder->in_flight > 0) {
        return false;
    }
    for (uint32_t i = 0; i < forwarder->count; i++) {
        const struct slot *slot = slot_at(forwarder, i);
        if (slot->state == SLOT_FINAL ||
            (slot->state != SLOT_DONE && !slot->refused)) {
            return false;
        }
    }
    return true;
}

void forwarder_skip(struct forwarder *forwarder, uint64_t seq) {
    assert(forwarder_is_drained(forwarder));
    assert(seq >= forwarder_next_seq(forwarder));
    if (forwarder->window != NULL) {
        window_empty(forwarder->window);
    }
    forwarder->count = 0;
    forwarder->counts.refused = 0;
    forwarder->base = seq;
}

static void entry_answered(struct forwarder *forwarder, struct slot *slot,
                           int64_t now_us, enum forwarder_outcome outcome) {
    uint32_t attempt = slot->attempt - 1;
    slot->state = SLOT_WAITING;
    switch (outcome) {
    case ENTRY_CONFIRMED:
        slot->state = SLOT_DONE;
        forwarder->counts.sent++;
        mark_refused(forwarder, slot, false);
        return;
    case ENTRY_FAILED:
        slot->not_before_us =
            now_us + retry_delay_us(forwarder->entropy, RETRY_FAILED, attempt);
        return;
    case ENTRY_THROTTLED:
        slot->not_before_us = now_us + retry_delay_us(forwarder->entropy,
                                                      RETRY_THROTTLED, attempt);
        return;
    case ENTRY_REFUSED:
        refuse(forwarder, slot, now_us);
        return;
    }
    assert(false);
}

static struct slot *batch_slot(const struct forwarder *forwarder,
                               const struct forwarder_batch *batch,
                               uint32_t i) {
    uint64_t seq = batch->entries[i].seq;
    assert(seq >= forwarder->base);
    struct slot *slot = slot_at(forwarder, (uint32_t)(seq - forwarder->base));
    assert(slot->state == SLOT_IN_FLIGHT);
    return slot;
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
        forwarder->hold_until_us = now_us + retry_slow_us(forwarder->entropy);
        return;
    case CALL_TOO_LARGE:
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
    for (uint32_t i = 0; i < batch->count; i++) {
        throttled += outcomes[i] == ENTRY_THROTTLED ? 1 : 0;
        entry_answered(forwarder, batch_slot(forwarder, batch, i), now_us,
                       outcomes[i]);
    }
    if (throttled == batch->count) {
        hold_once(forwarder, batch, now_us, CALL_THROTTLED);
        return;
    }
    forwarder->attempt = 0;
    uint32_t twice = forwarder->entries_now * 2;
    uint32_t most = forwarder->limits.entries_max;
    forwarder->entries_now = twice < most ? twice : most;
}

/* The whole request was refused for something in it: halve it until the entry
 * at fault is alone, and then that one is refused. */
static void split(struct forwarder *forwarder,
                  const struct forwarder_batch *batch, int64_t now_us,
                  enum forwarder_call call) {
    if (batch->count > 1) {
        forwarder->entries_now = batch->count / 2;
        for (uint32_t i = 0; i < batch->count; i++) {
            struct slot *slot = batch_slot(forwarder, batch, i);
            slot->together_max = batch->count / 2;
            slot->state = SLOT_WAITING;
        }
        return;
    }
    refuse(forwarder, batch_slot(forwarder, batch, 0), now_us);
    forwarder_hold(forwarder, now_us, call);
}

/* The service accepted none of it, as far as is known. */
static void failed(struct forwarder *forwarder,
                   const struct forwarder_batch *batch, int64_t now_us,
                   enum forwarder_call call) {
    if (call == CALL_TOO_LARGE || call == CALL_INVALID) {
        split(forwarder, batch, now_us, call);
        return;
    }
    hold_once(forwarder, batch, now_us, call);
    for (uint32_t i = 0; i < batch->count; i++) {
        batch_slot(forwarder, batch, i)->state = SLOT_WAITING;
    }
}

void forwarder_answer(struct forwarder *forwarder,
                      const struct forwarder_batch *batch, int64_t now_us,
                      enum forwarder_call call,
                      const enum forwarder_outcome *outcomes) {
    assert(forwarder->in_flight > 0);
    assert(batch->in_flight);
    uint32_t i = 0;
    while (forwarder->window->batches[i] != batch) {
        i++;
        assert(i < FORWARDER_IN_FLIGHT_MAX);
    }
    forwarder->in_flight--;
    forwarder->window->batches[i]->in_flight = false;
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
    if (seq < forwarder->base || seq >= forwarder_next_seq(forwarder)) {
        return NULL;
    }
    struct slot *slot = slot_at(forwarder, (uint32_t)(seq - forwarder->base));
    return slot->state == SLOT_FINAL ? slot : NULL;
}

bool forwarder_final(const struct forwarder *forwarder, uint64_t seq,
                     struct forwarder_entry *ret, uint32_t *ret_tries) {
    const struct slot *slot = final_slot(forwarder, seq);
    if (slot == NULL) {
        return false;
    }
    *ret = entry_of(forwarder, slot, seq);
    *ret_tries = slot->attempt;
    return true;
}

void forwarder_settle(struct forwarder *forwarder, uint64_t seq,
                      enum settle how, int64_t now_us) {
    struct slot *slot = final_slot(forwarder, seq);
    if (slot == NULL) {
        return;
    }
    slot->state = SLOT_WAITING;
    switch (how) {
    case SETTLE_DEAD:
        mark_refused(forwarder, slot, false);
        slot->state = SLOT_DONE;
        advance(forwarder);
        return;
    case SETTLE_HOLD:
        slot->not_before_us = now_us + FORWARDER_REFUSED_US;
        return;
    case SETTLE_RETRY:
        mark_refused(forwarder, slot, !slot->sendable);
        slot->not_before_us = 0;
        return;
    }
    assert(false);
}

void forwarder_pause(struct forwarder *forwarder, bool paused) {
    if (forwarder->paused && !paused) {
        forwarder->hold_until_us = 0;
        forwarder->attempt = 0;
    }
    forwarder->paused = paused;
}
