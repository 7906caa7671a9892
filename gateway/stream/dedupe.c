/* SPDX-License-Identifier: Apache-2.0 */
/* Ids are kept as 128-bit hashes. A device's window is a ring in order of
 * arrival, and an open-addressed index into it (linear probing, closed up again
 * on removal); both double until the window is full and then stand still. */
#include "gateway/stream/dedupe.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

enum { WINDOW_FIRST = 16, DEVICES_FIRST = 64, SLOT_EMPTY = 0 };

struct entry {
    XXH128_hash_t id;
    uint64_t content_hash;
    uint64_t seq;
};

struct device {
    XXH128_hash_t name;
    struct entry *ring;
    uint16_t *index; /* place in the ring + 1; twice the ring's size */
    uint32_t cap;    /* of the ring, a power of two; 0 = device not in use */
    uint32_t count;
    uint32_t next; /* where the next goes; the oldest, once full */
};

struct dedupe {
    struct device *devices; /* open addressing by name, at most half full */
    uint32_t cap;
    uint32_t count;
};

static XXH128_hash_t hash_of(struct slice text) {
    return XXH3_128bits(text.data, text.len);
}

static struct device *device_slot(const struct dedupe *dedupe,
                                  XXH128_hash_t name) {
    uint32_t at = (uint32_t)name.low64 & (dedupe->cap - 1);
    while (dedupe->devices[at].cap != 0 &&
           !XXH128_isEqual(dedupe->devices[at].name, name)) {
        at = (at + 1) & (dedupe->cap - 1);
    }
    return &dedupe->devices[at];
}

/* The index slot that holds `id`, or the empty one where it would go. */
static uint32_t index_slot(const struct device *device, XXH128_hash_t id) {
    uint32_t mask = device->cap * 2 - 1;
    uint32_t at = (uint32_t)id.low64 & mask;
    while (device->index[at] != SLOT_EMPTY &&
           !XXH128_isEqual(device->ring[device->index[at] - 1].id, id)) {
        at = (at + 1) & mask;
    }
    return at;
}

/* Removes one slot and moves up those that would not be found past the gap. */
static void index_remove(struct device *device, uint32_t gap) {
    uint32_t mask = device->cap * 2 - 1;
    device->index[gap] = SLOT_EMPTY;
    for (uint32_t at = (gap + 1) & mask; device->index[at] != SLOT_EMPTY;
         at = (at + 1) & mask) {
        const struct entry *moved = &device->ring[device->index[at] - 1];
        uint32_t home = (uint32_t)moved->id.low64 & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            device->index[gap] = device->index[at];
            device->index[at] = SLOT_EMPTY;
            gap = at;
        }
    }
}

static err_t device_resize(struct device *device, uint32_t cap) {
    assert(device->count == 0 || device->next == 0);
    struct entry *ring = realloc(device->ring, cap * sizeof *ring);
    ENSURE(ring != NULL, ERR_MEMORY);
    device->ring = ring;
    uint16_t *index = calloc((size_t)cap * 2, sizeof *index);
    ENSURE(index != NULL, ERR_MEMORY);
    free(device->index);
    device->index = index;
    device->next = device->count;
    device->cap = cap;
    for (uint32_t i = 0; i < device->count; i++) {
        index[index_slot(device, ring[i].id)] = (uint16_t)(i + 1);
    }
    return ERR_OK;
}

static err_t devices_resize(struct dedupe *dedupe, uint32_t cap) {
    struct dedupe larger = {calloc(cap, sizeof *larger.devices), cap,
                            dedupe->count};
    ENSURE(larger.devices != NULL, ERR_MEMORY);
    for (uint32_t i = 0; i < dedupe->cap; i++) {
        if (dedupe->devices[i].cap != 0) {
            *device_slot(&larger, dedupe->devices[i].name) = dedupe->devices[i];
        }
    }
    free(dedupe->devices);
    *dedupe = larger;
    return ERR_OK;
}

err_t dedupe_new(struct dedupe **ret) {
    struct dedupe *dedupe = calloc(1, sizeof *dedupe);
    ENSURE(dedupe != NULL, ERR_MEMORY);
    err_t err = devices_resize(dedupe, DEVICES_FIRST);
    if (err != ERR_OK) {
        free(dedupe);
        return err;
    }
    *ret = dedupe;
    return ERR_OK;
}

void dedupe_free(struct dedupe *dedupe) {
    if (dedupe == NULL) {
        return;
    }
    for (uint32_t i = 0; i < dedupe->cap; i++) {
        free(dedupe->devices[i].ring);
        free(dedupe->devices[i].index);
    }
    free(dedupe->devices);
    free(dedupe);
}

enum dedupe_verdict dedupe_find(const struct dedupe *dedupe,
                                struct slice device, struct slice id,
                                uint64_t content_hash, uint64_t *ret_seq) {
    const struct device *found = device_slot(dedupe, hash_of(device));
    if (found->cap == 0) {
        return DEDUPE_NEW;
    }
    uint16_t place = found->index[index_slot(found, hash_of(id))];
    if (place == SLOT_EMPTY) {
        return DEDUPE_NEW;
    }
    const struct entry *entry = &found->ring[place - 1];
    *ret_seq = entry->seq;
    return entry->content_hash == content_hash ? DEDUPE_SAME : DEDUPE_OTHER;
}

static err_t device_add(struct device *device, const struct entry *entry) {
    if (device->count == device->cap && device->cap < DEDUPE_WINDOW) {
        device->next = 0;
        TRY(device_resize(device, device->cap * 2));
    }
    uint32_t slot = index_slot(device, entry->id);
    if (device->index[slot] != SLOT_EMPTY) {
        /* Known already: a journal from before a window moved on. */
        device->ring[device->index[slot] - 1] = *entry;
        return ERR_OK;
    }
    if (device->count == device->cap) {
        index_remove(device, index_slot(device, device->ring[device->next].id));
        slot = index_slot(device, entry->id);
    } else {
        device->count++;
    }
    device->ring[device->next] = *entry;
    device->index[slot] = (uint16_t)(device->next + 1);
    device->next = (device->next + 1) & (device->cap - 1);
    return ERR_OK;
}

/* The device's window, made if it is new. */
static err_t device_get(struct dedupe *dedupe, XXH128_hash_t name,
                        struct device **ret) {
    struct device *found = device_slot(dedupe, name);
    if (found->cap == 0) {
        ENSURE(dedupe->count < DEDUPE_DEVICES_MAX, ERR_FULL);
        if (dedupe->count * 2 >= dedupe->cap) {
            TRY(devices_resize(dedupe, dedupe->cap * 2));
            found = device_slot(dedupe, name);
        }
        TRY(device_resize(found, WINDOW_FIRST));
        found->name = name;
        dedupe->count++;
    }
    *ret = found;
    return ERR_OK;
}

err_t dedupe_add(struct dedupe *dedupe, struct slice device, struct slice id,
                 uint64_t content_hash, uint64_t seq) {
    struct device *found;
    TRY(device_get(dedupe, hash_of(device), &found));
    const struct entry entry = {hash_of(id), content_hash, seq};
    return device_add(found, &entry);
}

static void save_hash(struct writer *to, XXH128_hash_t hash) {
    writer_u64(to, hash.high64);
    writer_u64(to, hash.low64);
}

static err_t load_hash(struct cursor *from, XXH128_hash_t *ret) {
    TRY(cursor_u64(from, &ret->high64));
    return cursor_u64(from, &ret->low64);
}

/* The oldest first, so that they go in the same order once loaded. */
static void save_device(const struct device *device, struct writer *to) {
    save_hash(to, device->name);
    writer_u32(to, device->count);
    uint32_t oldest = device->count < device->cap ? 0 : device->next;
    for (uint32_t i = 0; i < device->count; i++) {
        const struct entry *entry =
            &device->ring[(oldest + i) & (device->cap - 1)];
        save_hash(to, entry->id);
        writer_u64(to, entry->content_hash);
        writer_u64(to, entry->seq);
    }
}

void dedupe_save(const struct dedupe *dedupe, struct writer *to) {
    writer_u32(to, dedupe->count);
    for (uint32_t i = 0; i < dedupe->cap; i++) {
        if (dedupe->devices[i].cap != 0) {
            save_device(&dedupe->devices[i], to);
        }
    }
}

static err_t load_device(struct dedupe *dedupe, struct cursor *from) {
    XXH128_hash_t name;
    uint32_t count;
    struct device *device;
    TRY(load_hash(from, &name));
    TRY(cursor_u32(from, &count));
    ENSURE(count <= DEDUPE_WINDOW, ERR_PARSE);
    TRY(device_get(dedupe, name, &device));
    ENSURE(device->count == 0, ERR_PARSE);
    for (uint32_t i = 0; i < count; i++) {
        struct entry entry;
        TRY(load_hash(from, &entry.id));
        TRY(cursor_u64(from, &entry.content_hash));
        TRY(cursor_u64(from, &entry.seq));
        TRY(device_add(device, &entry));
    }
    return ERR_OK;
}

err_t dedupe_load(struct dedupe *dedupe, struct cursor *from) {
    uint32_t count;
    TRY(cursor_u32(from, &count));
    ENSURE(count <= DEDUPE_DEVICES_MAX, ERR_PARSE);
    for (uint32_t i = 0; i < count; i++) {
        TRY(load_device(dedupe, from));
    }
    return ERR_OK;
}

bool dedupe_has_room(const struct dedupe *dedupe, struct slice device) {
    return dedupe->count < DEDUPE_DEVICES_MAX ||
           device_slot(dedupe, hash_of(device))->cap != 0;
}
