/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/window.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CAP_FIRST = 256,
    CHUNK_SIZE = 64 * 1024,
};

/* Records' bytes, one after the other: none is moved while it is in the window.
 * A chunk is freed when the window has passed all of its records. */
struct window_chunk {
    struct window_chunk *next;
    uint32_t live; /* records */
    uint32_t used;
    uint32_t cap;
    uint8_t data[];
};

/* --- sets --------------------------------------------------------------- */

static size_t place_of(const struct window *window, uint64_t seq) {
    return (size_t)(seq & (window->cap - 1));
}

static bool set_has(const uint64_t *set, size_t at) {
    return (set[at / 64] >> (at % 64) & 1) != 0;
}

static void set_put(uint64_t *set, size_t at, bool in) {
    uint64_t bit = (uint64_t)1 << (at % 64);
    set[at / 64] = in ? set[at / 64] | bit : set[at / 64] & ~bit;
}

/* The first of [at, end) in it, else `end`. */
static size_t set_next(const uint64_t *set, size_t at, size_t end) {
    while (at < end) {
        uint64_t rest = set[at / 64] >> (at % 64);
        if (rest != 0) {
            at += (size_t)__builtin_ctzll(rest);
            return at < end ? at : end;
        }
        at = (at / 64 + 1) * 64;
    }
    return end;
}

/* The first record from `seq` on in the set. The set is a ring. */
static uint64_t next_in(const struct window *window, const uint64_t *set,
                        uint64_t seq) {
    uint64_t end = window->base + window->count;
    while (seq < end) {
        size_t at = place_of(window, seq);
        size_t left = (size_t)(end - seq);
        size_t most = window->cap - at < left ? window->cap : at + left;
        size_t found = set_next(set, at, most);
        if (found < most) {
            return seq + (found - at);
        }
        seq += most - at;
    }
    return WINDOW_NONE;
}

/* --- slots -------------------------------------------------------------- */

struct slot *window_slot(const struct window *window, uint64_t seq) {
    assert(seq >= window->base && seq - window->base < window->count);
    return &window->slots[place_of(window, seq)];
}

static bool has_group(const struct slot *slot) {
    return slot->alone || slot->mate != WINDOW_NONE;
}

static uint32_t lanes_of(const struct window *window) {
    return window->lanes > 0 ? window->lanes : 1;
}

static uint64_t *ready_of(const struct window *window, uint32_t lane) {
    assert(lane < lanes_of(window));
    return window->ready + (size_t)lane * (window->cap / 64);
}

static void put_ready(struct window *window, uint64_t seq) {
    const struct slot *slot = window_slot(window, seq);
    struct window_lane *lane = &window->lane[slot->lane];
    uint64_t *ready = ready_of(window, slot->lane);
    assert(!set_has(ready, place_of(window, seq)));
    set_put(ready, place_of(window, seq), true);
    lane->first =
        lane->ready_count == 0 || seq < lane->first ? seq : lane->first;
    lane->ready_count++;
    lane->ready_size += slot->size;
    lane->group_count += has_group(slot) ? 1 : 0;
}

/* False if it was not in the set. */
static bool take_ready(struct window *window, uint64_t seq) {
    const struct slot *slot = window_slot(window, seq);
    struct window_lane *lane = &window->lane[slot->lane];
    uint64_t *ready = ready_of(window, slot->lane);
    if (!set_has(ready, place_of(window, seq))) {
        return false;
    }
    set_put(ready, place_of(window, seq), false);
    lane->ready_count--;
    lane->ready_size -= slot->size;
    lane->group_count -= has_group(slot) ? 1 : 0;
    return true;
}

static void set_state(struct window *window, struct slot *slot,
                      enum slot_state state) {
    struct window_lane *lane = &window->lane[slot->lane];
    if (slot->sendable && slot->state == SLOT_WAITING) {
        assert(lane->waiting_size >= slot->size);
        lane->waiting_size -= slot->size;
    }
    slot->state = (uint8_t)state;
    if (slot->sendable && state == SLOT_WAITING) {
        lane->waiting_size += slot->size;
    }
}

static void put_delayed(struct window *window, uint64_t seq, int64_t due_us) {
    assert(!set_has(window->delayed, place_of(window, seq)));
    set_put(window->delayed, place_of(window, seq), true);
    if (window->delayed_count++ == 0 || due_us < window->delayed_us) {
        window->delayed_us = due_us;
    }
}

/* Into a set, if it may leave at all. */
static void offer(struct window *window, uint64_t seq) {
    const struct slot *slot = window_slot(window, seq);
    if (slot->state != SLOT_WAITING || !slot->head || !slot->sendable ||
        slot->follows) {
        return;
    }
    if (slot->not_before_us > 0) {
        put_delayed(window, seq, slot->not_before_us);
    } else {
        put_ready(window, seq);
    }
}

/* --- keys --------------------------------------------------------------- */

/* The link to the last record of the key; one to WINDOW_NONE if it has none. */
static uint64_t *last_of(struct window *window, uint64_t key) {
    uint64_t *link = &window->buckets[place_of(window, key)];
    while (*link != WINDOW_NONE && window_slot(window, *link)->key != key) {
        link = &window_slot(window, *link)->bucket;
    }
    return link;
}

static void chain(struct window *window, uint64_t seq) {
    struct slot *slot = window_slot(window, seq);
    uint64_t *link = last_of(window, slot->key);
    slot->next = WINDOW_NONE;
    slot->head = *link == WINDOW_NONE;
    slot->bucket = WINDOW_NONE;
    if (!slot->head) {
        struct slot *last = window_slot(window, *link);
        last->next = seq;
        slot->bucket = last->bucket;
    }
    *link = seq;
}

/* The next of its key is the first now, but for those that were settled before
 * their turn. */
static void hand_on(struct window *window, const struct slot *done) {
    while (done->next != WINDOW_NONE) {
        uint64_t seq = done->next;
        struct slot *slot = window_slot(window, seq);
        if (slot->state != SLOT_DONE) {
            slot->head = true;
            offer(window, seq);
            return;
        }
        slot->head = true; /* it had its turn */
        done = slot;
    }
    uint64_t *link = last_of(window, done->key);
    assert(*link != WINDOW_NONE);
    *link = done->bucket;
}

/* --- room --------------------------------------------------------------- */

struct arrays {
    struct slot *slots;
    uint64_t *buckets;
    uint64_t *ready;
    uint64_t *delayed;
};

static void arrays_free(const struct arrays *arrays) {
    free(arrays->slots);
    free(arrays->buckets);
    free(arrays->ready);
    free(arrays->delayed);
}

static err_t arrays_make(struct arrays *arrays, uint32_t cap, uint32_t lanes) {
    *arrays = (struct arrays){
        .slots = calloc(cap, sizeof *arrays->slots),
        .buckets = malloc(cap * sizeof *arrays->buckets),
        .ready = calloc((size_t)lanes * (cap / 64), sizeof *arrays->ready),
        .delayed = calloc(cap / 64, sizeof *arrays->delayed),
    };
    if (arrays->slots == NULL || arrays->buckets == NULL ||
        arrays->ready == NULL || arrays->delayed == NULL) {
        arrays_free(arrays);
        return ERR_MEMORY;
    }
    memset(arrays->buckets, 0xff, cap * sizeof *arrays->buckets);
    return ERR_OK;
}

static struct arrays arrays_of(const struct window *window) {
    return (struct arrays){window->slots, window->buckets, window->ready,
                           window->delayed};
}

/* Puts a record of the old arrays where the new ones have it. Records link to
 * each other by number; only the buckets depend on the size. */
static void move_slot(struct window *window, const struct arrays *old,
                      uint32_t old_cap, uint64_t seq) {
    size_t from = (size_t)(seq & (old_cap - 1));
    struct slot *slot = window_slot(window, seq);
    *slot = old->slots[from];
    const uint64_t *ready = old->ready + (size_t)slot->lane * (old_cap / 64);
    set_put(ready_of(window, slot->lane), place_of(window, seq),
            set_has(ready, from));
    set_put(window->delayed, place_of(window, seq),
            set_has(old->delayed, from));
}

/* Is it the last of a chain? A done one is in none, unless it was settled and
 * has not had its turn. */
static bool is_last(const struct slot *slot) {
    return slot->next == WINDOW_NONE &&
           (slot->state != SLOT_DONE || !slot->head);
}

static err_t grow(struct window *window) {
    struct arrays old = arrays_of(window);
    uint32_t old_cap = window->cap;
    uint32_t cap = old_cap > 0 ? old_cap * 2 : CAP_FIRST;
    assert(cap <= WINDOW_EVENTS_MAX);
    struct arrays arrays;
    TRY(arrays_make(&arrays, cap, lanes_of(window)));
    window->cap = cap;
    window->slots = arrays.slots;
    window->buckets = arrays.buckets;
    window->ready = arrays.ready;
    window->delayed = arrays.delayed;
    uint64_t end = window->base + window->count;
    for (uint64_t seq = window->base; seq < end; seq++) {
        move_slot(window, &old, old_cap, seq);
    }
    for (uint64_t seq = window->base; seq < end; seq++) {
        struct slot *slot = window_slot(window, seq);
        if (is_last(slot)) {
            uint64_t *bucket = &window->buckets[place_of(window, slot->key)];
            slot->bucket = *bucket;
            *bucket = seq;
        }
    }
    arrays_free(&old);
    return ERR_OK;
}

static err_t chunk_add(struct window *window, uint32_t len) {
    uint32_t cap = len > CHUNK_SIZE ? len : CHUNK_SIZE;
    struct window_chunk *chunk = malloc(sizeof *chunk + cap);
    ENSURE(chunk != NULL, ERR_MEMORY);
    *chunk = (struct window_chunk){.cap = cap};
    if (window->newest != NULL) {
        window->newest->next = chunk;
    } else {
        window->oldest = chunk;
    }
    window->newest = chunk;
    return ERR_OK;
}

static err_t keep_bytes(struct window *window, struct slice bytes,
                        struct slot *slot) {
    uint32_t len = (uint32_t)bytes.len;
    struct window_chunk *chunk = window->newest;
    if (chunk == NULL || chunk->cap - chunk->used < len) {
        TRY(chunk_add(window, len));
        chunk = window->newest;
    }
    slot->chunk = chunk;
    slot->bytes = chunk->data + chunk->used;
    slot->len = len;
    if (len > 0) {
        memcpy(slot->bytes, bytes.data, len);
    }
    chunk->used += len;
    chunk->live++;
    window->bytes += len;
    return ERR_OK;
}

static void drop_bytes(struct window *window, const struct slot *slot) {
    struct window_chunk *chunk = slot->chunk;
    window->bytes -= slot->len;
    assert(chunk->live > 0);
    if (--chunk->live > 0) {
        return;
    }
    while (window->oldest != window->newest && window->oldest->live == 0) {
        struct window_chunk *next = window->oldest->next;
        free(window->oldest);
        window->oldest = next;
    }
}

void window_free(struct window *window) {
    while (window->oldest != NULL) {
        struct window_chunk *next = window->oldest->next;
        free(window->oldest);
        window->oldest = next;
    }
    struct arrays arrays = arrays_of(window);
    arrays_free(&arrays);
    *window = (struct window){.base = window->base + window->count,
                              .lanes = window->lanes,
                              .busy = window->busy};
}

/* --- the outside -------------------------------------------------------- */

err_t window_push(struct window *window, const struct slot *slot,
                  struct slice bytes) {
    assert(window->count < WINDOW_EVENTS_MAX);
    assert(bytes.len <= WINDOW_RECORD_MAX);
    if (window->count == window->cap) {
        TRY(grow(window));
    }
    struct slot copy = *slot;
    TRY(keep_bytes(window, bytes, &copy));
    copy.state = SLOT_DONE; /* it is none yet */
    copy.mate = WINDOW_NONE;
    uint64_t seq = window->base + window->count++;
    *window_slot(window, seq) = copy;
    set_state(window, window_slot(window, seq), SLOT_WAITING);
    chain(window, seq);
    offer(window, seq);
    return ERR_OK;
}

void window_wait(struct window *window, uint64_t seq) {
    set_state(window, window_slot(window, seq), SLOT_WAITING);
    offer(window, seq);
}

void window_leave(struct window *window, uint64_t seq) {
    struct slot *slot = window_slot(window, seq);
    assert(slot->state == SLOT_WAITING);
    (void)take_ready(window, seq);
    set_state(window, slot, SLOT_IN_FLIGHT);
    slot->follows = false;
    slot->mate = WINDOW_NONE;
}

void window_finish(struct window *window, uint64_t seq) {
    struct slot *slot = window_slot(window, seq);
    assert(slot->state != SLOT_DONE);
    (void)take_ready(window, seq); /* it may end without having left */
    set_state(window, slot, SLOT_DONE);
    if (slot->head) {
        hand_on(window, slot);
    }
}

void window_pass(struct window *window) {
    while (window->count > 0 &&
           window_slot(window, window->base)->state == SLOT_DONE) {
        drop_bytes(window, window_slot(window, window->base));
        window->base++;
        window->count--;
    }
    if (window->count == 0) {
        window_free(window);
    }
}

void window_skip(struct window *window, uint64_t seq) {
    window_free(window);
    window->base = seq;
}

void window_wake(struct window *window, int64_t now_us) {
    if (window->delayed_count == 0 || window->delayed_us > now_us) {
        return;
    }
    int64_t next_us = INT64_MAX;
    for (uint64_t seq = next_in(window, window->delayed, window->base);
         seq != WINDOW_NONE; seq = next_in(window, window->delayed, seq + 1)) {
        struct slot *slot = window_slot(window, seq);
        if (slot->not_before_us > now_us) {
            next_us =
                slot->not_before_us < next_us ? slot->not_before_us : next_us;
            continue;
        }
        set_put(window->delayed, place_of(window, seq), false);
        window->delayed_count--;
        slot->not_before_us = 0;
        put_ready(window, seq);
    }
    window->delayed_us = next_us;
}

uint64_t window_next_ready(const struct window *window, uint32_t lane,
                           uint64_t seq) {
    const struct window_lane *each = &window->lane[lane];
    if (each->ready_count == 0) {
        return WINDOW_NONE;
    }
    seq = seq > each->first ? seq : each->first;
    return next_in(window, ready_of(window, lane),
                   seq > window->base ? seq : window->base);
}

uint32_t window_first_lane(struct window *window, uint64_t not_these,
                           uint64_t *ret_seq) {
    uint32_t found = LANES_MAX;
    *ret_seq = WINDOW_NONE;
    for (uint32_t i = 0; i < lanes_of(window); i++) {
        if (((window->busy | not_these) & lane_bit(i)) != 0) {
            continue;
        }
        uint64_t seq = window_next_ready(window, i, 0);
        window->lane[i].first = seq; /* the next search begins there */
        if (seq < *ret_seq) {
            *ret_seq = seq;
            found = i;
        }
    }
    return found;
}

struct window_lane window_free_lanes(const struct window *window) {
    struct window_lane sum = {0};
    for (uint32_t i = 0; i < lanes_of(window); i++) {
        const struct window_lane *lane = &window->lane[i];
        if ((window->busy & lane_bit(i)) == 0) {
            sum.ready_count += lane->ready_count;
            sum.group_count += lane->group_count;
            sum.ready_size += lane->ready_size;
            sum.waiting_size += lane->waiting_size;
        }
    }
    return sum;
}

int64_t window_due_us(const struct window *window) {
    if (window_free_lanes(window).ready_count > 0) {
        return 0;
    }
    return window->delayed_count > 0 ? window->delayed_us : INT64_MAX;
}
