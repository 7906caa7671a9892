/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/windows.h"

#include <assert.h>
#include <stdlib.h>

enum { ENTRIES_FIRST = 512, DEVICES_FIRST = 32 };

/* --- The heap: who holds most --------------------------------------------- */

static bool holds_more(const struct windows_device *a,
                       const struct windows_device *b) {
    return a->count != b->count ? a->count > b->count
                                : a->last_seq < b->last_seq;
}

static bool goes_before(const struct dedupe *dedupe, uint32_t a, uint32_t b) {
    return holds_more(&dedupe->devices[dedupe->heap[a]],
                      &dedupe->devices[dedupe->heap[b]]);
}

static void heap_put(struct dedupe *dedupe, uint32_t at, uint32_t device) {
    dedupe->heap[at] = device;
    dedupe->devices[device].heap_at = at;
}

static void heap_swap(struct dedupe *dedupe, uint32_t a, uint32_t b) {
    uint32_t device = dedupe->heap[a];
    heap_put(dedupe, a, dedupe->heap[b]);
    heap_put(dedupe, b, device);
}

/* Puts what stands at `at` to its place, in a heap of `count`. */
static void heap_settle(struct dedupe *dedupe, uint32_t at, uint32_t count) {
    while (at > 0 && goes_before(dedupe, at, (at - 1) / 2)) {
        heap_swap(dedupe, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && goes_before(dedupe, child + 1, child)) {
            child++;
        }
        if (!goes_before(dedupe, child, at)) {
            return;
        }
        heap_swap(dedupe, at, child);
        at = child;
    }
}

static void heap_remove(struct dedupe *dedupe, uint32_t at) {
    uint32_t last = dedupe->device_count - 1;
    if (at != last) {
        heap_put(dedupe, at, dedupe->heap[last]);
        heap_settle(dedupe, at, last);
    }
}

/* --- The lines: whose last event is how old ------------------------------- */

void windows_leave_line(struct dedupe *dedupe, uint32_t number) {
    const struct windows_device *device = &dedupe->devices[number];
    struct windows_line *line = &dedupe->lines[device->line];
    *(device->before == WINDOWS_NONE ? &line->first
                                     : &dedupe->devices[device->before].after) =
        device->after;
    *(device->after == WINDOWS_NONE ? &line->last
                                    : &dedupe->devices[device->after].before) =
        device->before;
}

/* By its last event: nearly always the last. */
static void line_join(struct dedupe *dedupe, uint32_t number) {
    struct windows_device *device = &dedupe->devices[number];
    struct windows_line *line = &dedupe->lines[device->line];
    uint32_t before = line->last;
    while (before != WINDOWS_NONE &&
           dedupe->devices[before].last_seq > device->last_seq) {
        before = dedupe->devices[before].before;
    }
    device->before = before;
    device->after =
        before == WINDOWS_NONE ? line->first : dedupe->devices[before].after;
    *(before == WINDOWS_NONE ? &line->first : &dedupe->devices[before].after) =
        number;
    *(device->after == WINDOWS_NONE ? &line->last
                                    : &dedupe->devices[device->after].before) =
        number;
}

/* --- Memory --------------------------------------------------------------- */

static uint64_t id_hash(uint64_t id_low, uint64_t name_low) {
    return id_low ^ (name_low << 1 | name_low >> 63);
}

static uint64_t entry_hash(const void *owner, uint32_t number) {
    const struct dedupe *dedupe = owner;
    const struct windows_entry *entry = &dedupe->entries[number];
    return id_hash(entry->id.low64, dedupe->devices[entry->device].name.low64);
}

static uint64_t device_hash(const void *owner, uint32_t number) {
    const struct dedupe *dedupe = owner;
    return dedupe->devices[number].name.low64;
}

static uint32_t larger_cap(uint32_t cap, uint32_t first, uint32_t max) {
    uint32_t larger = cap == 0 ? first : cap * 2;
    return larger < max ? larger : max;
}

err_t windows_reserve_entry(struct dedupe *dedupe) {
    if (dedupe->entry_free != WINDOWS_NONE) {
        return ERR_OK;
    }
    uint32_t cap =
        larger_cap(dedupe->entry_cap, ENTRIES_FIRST, dedupe->ids_max);
    assert(cap > dedupe->entry_cap);
    TRY(slots_reserve(&dedupe->ids, cap));
    struct windows_entry *entries =
        realloc(dedupe->entries, cap * sizeof *dedupe->entries);
    ENSURE(entries != NULL, ERR_MEMORY);
    dedupe->entries = entries;
    for (uint32_t i = cap; i > dedupe->entry_cap; i--) {
        entries[i - 1] = (struct windows_entry){.next = dedupe->entry_free};
        dedupe->entry_free = i - 1;
    }
    dedupe->entry_cap = cap;
    return ERR_OK;
}

err_t windows_reserve_device(struct dedupe *dedupe) {
    if (dedupe->device_free != WINDOWS_NONE) {
        return ERR_OK;
    }
    uint32_t cap =
        larger_cap(dedupe->device_cap, DEVICES_FIRST, dedupe->names_max);
    assert(cap > dedupe->device_cap);
    TRY(slots_reserve(&dedupe->names, cap));
    uint32_t *heap = realloc(dedupe->heap, cap * sizeof *heap);
    ENSURE(heap != NULL, ERR_MEMORY);
    dedupe->heap = heap;
    struct windows_device *devices =
        realloc(dedupe->devices, cap * sizeof *dedupe->devices);
    ENSURE(devices != NULL, ERR_MEMORY);
    dedupe->devices = devices;
    for (uint32_t i = cap; i > dedupe->device_cap; i--) {
        devices[i - 1] = (struct windows_device){.after = dedupe->device_free};
        dedupe->device_free = i - 1;
    }
    dedupe->device_cap = cap;
    return ERR_OK;
}

void windows_set_bounds(struct dedupe *dedupe, uint32_t ids_max) {
    dedupe->ids_max = ids_max;
    dedupe->names_max = ids_max / DEDUPE_IDS_A_NAME;
}

err_t windows_new(uint32_t ids_max, struct dedupe **ret) {
    assert(ids_max >= DEDUPE_IDS_MIN && ids_max <= DEDUPE_IDS_MAX);
    struct dedupe *dedupe = calloc(1, sizeof *dedupe);
    ENSURE(dedupe != NULL, ERR_MEMORY);
    windows_set_bounds(dedupe, ids_max);
    dedupe->entry_free = WINDOWS_NONE;
    dedupe->device_free = WINDOWS_NONE;
    dedupe->ids = (struct slots){.owner = dedupe, .hash = entry_hash};
    dedupe->names = (struct slots){.owner = dedupe, .hash = device_hash};
    for (size_t i = 0; i < WINDOWS_LINES; i++) {
        dedupe->lines[i] = (struct windows_line){WINDOWS_NONE, WINDOWS_NONE};
    }
    if (slots_reserve(&dedupe->ids, 1) != ERR_OK ||
        slots_reserve(&dedupe->names, 1) != ERR_OK) {
        windows_free(dedupe);
        return ERR_MEMORY;
    }
    *ret = dedupe;
    return ERR_OK;
}

void windows_free(struct dedupe *dedupe) {
    if (dedupe == NULL) {
        return;
    }
    slots_free(&dedupe->ids);
    slots_free(&dedupe->names);
    free(dedupe->entries);
    free(dedupe->devices);
    free(dedupe->heap);
    free(dedupe);
}

/* --- Finding -------------------------------------------------------------- */

bool windows_find_device(const struct dedupe *dedupe, XXH128_hash_t name,
                         uint32_t *ret) {
    const struct slots *names = &dedupe->names;
    uint32_t number;
    for (uint32_t at = slots_first(names, name.low64);
         slots_get(names, at, &number); at = slots_next(names, at)) {
        if (XXH128_isEqual(dedupe->devices[number].name, name)) {
            *ret = number;
            return true;
        }
    }
    return false;
}

struct windows_entry *windows_find_entry(const struct dedupe *dedupe,
                                         uint32_t device, XXH128_hash_t id) {
    const struct slots *ids = &dedupe->ids;
    uint64_t name_low = dedupe->devices[device].name.low64;
    uint32_t number;
    for (uint32_t at = slots_first(ids, id_hash(id.low64, name_low));
         slots_get(ids, at, &number); at = slots_next(ids, at)) {
        struct windows_entry *entry = &dedupe->entries[number];
        if (entry->device == device && XXH128_isEqual(entry->id, id)) {
            return entry;
        }
    }
    return NULL;
}

uint32_t windows_add_device(struct dedupe *dedupe, XXH128_hash_t name) {
    uint32_t number = dedupe->device_free;
    struct windows_device *device = &dedupe->devices[number];
    dedupe->device_free = device->after;
    *device = (struct windows_device){
        .name = name,
        .forgot_us = DEDUPE_NO_TIME,
        .oldest = WINDOWS_NONE,
        .newest = WINDOWS_NONE,
        .before = WINDOWS_NONE,
        .after = WINDOWS_NONE,
    };
    slots_add(&dedupe->names, number);
    heap_put(dedupe, dedupe->device_count, number);
    dedupe->device_count++;
    return number;
}

void windows_append(struct dedupe *dedupe, const struct windows_entry *entry) {
    struct windows_device *device = &dedupe->devices[entry->device];
    uint32_t at = dedupe->entry_free;
    dedupe->entry_free = dedupe->entries[at].next;
    dedupe->entries[at] = *entry;
    dedupe->entries[at].next = WINDOWS_NONE;
    *(device->count == 0 ? &device->oldest
                         : &dedupe->entries[device->newest].next) = at;
    device->newest = at;
    device->count++;
    dedupe->entry_count++;
    slots_add(&dedupe->ids, at);
}

void windows_heard_of(struct dedupe *dedupe, uint32_t number, uint64_t seq) {
    struct windows_device *device = &dedupe->devices[number];
    device->last_seq = seq;
    line_join(dedupe, number);
    heap_settle(dedupe, device->heap_at, dedupe->device_count);
}

/* --- Forgetting ----------------------------------------------------------- */

/* A time that the gateway's clock no longer bears out, since it was far ahead
 * once and was set right, is replaced by the next. */
static void note_forgotten(struct windows_device *device, int64_t time_us,
                           int64_t wall_us) {
    if (time_us != DEDUPE_NO_TIME &&
        (time_us > device->forgot_us ||
         device->forgot_us > wall_us + DEDUPE_AHEAD_US)) {
        device->forgot_us = time_us;
    }
}

void windows_forget_oldest(struct dedupe *dedupe, uint32_t number,
                           int64_t wall_us) {
    struct windows_device *device = &dedupe->devices[number];
    uint32_t oldest = device->oldest;
    struct windows_entry *entry = &dedupe->entries[oldest];
    assert(device->count > 0);
    note_forgotten(device, entry->time_us, wall_us);
    slots_remove(&dedupe->ids, oldest);
    device->oldest = entry->next;
    device->newest = device->count == 1 ? WINDOWS_NONE : device->newest;
    device->count--;
    entry->next = dedupe->entry_free;
    dedupe->entry_free = oldest;
    dedupe->entry_count--;
    heap_settle(dedupe, device->heap_at, dedupe->device_count);
}

void windows_forget_name(struct dedupe *dedupe) {
    uint32_t number = dedupe->lines[WINDOWS_ONCE].first;
    if (number == WINDOWS_NONE) {
        number = dedupe->lines[WINDOWS_MORE].first;
    }
    assert(number != WINDOWS_NONE);
    struct windows_device *device = &dedupe->devices[number];
    while (device->count > 0) {
        windows_forget_oldest(dedupe, number, 0);
    }
    windows_leave_line(dedupe, number);
    heap_remove(dedupe, device->heap_at);
    slots_remove(&dedupe->names, number);
    device->after = dedupe->device_free;
    dedupe->device_free = number;
    dedupe->device_count--;
}

void windows_forget_id(struct dedupe *dedupe, int64_t wall_us) {
    uint32_t most = dedupe->heap[0];
    assert(dedupe->devices[most].count > 1);
    windows_forget_oldest(dedupe, most, wall_us);
}
