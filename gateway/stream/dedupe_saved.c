/* SPDX-License-Identifier: Apache-2.0 */
/* The dedupe windows as bytes, for a snapshot: the devices in the order of
 * their lines, each with its ids, oldest first. So equal windows are equal
 * bytes. */
#include <assert.h>

#include "gateway/stream/dedupe.h"
#include "gateway/stream/windows.h"

enum {
    OLD_WINDOW = 1024,       /* of DEDUPE_SAVED_1 */
    OLD_DEVICES_MAX = 10000, /* of DEDUPE_SAVED_1 */
    ENTRY_SAVED = 40,        /* bytes */
    DEVICE_SAVED = 37,
    LANES = 16, /* devices saved at a time */
};

/* --- Saving --------------------------------------------------------------- */

static void write_hash(struct writer *to, XXH128_hash_t hash) {
    writer_u64(to, hash.high64);
    writer_u64(to, hash.low64);
}

static void write_entry(struct writer *to, const struct windows_entry *entry) {
    write_hash(to, entry->id);
    writer_u64(to, entry->content_hash);
    writer_u64(to, entry->seq);
    writer_u64(to, (uint64_t)entry->time_us);
}

static void write_about(struct writer *to,
                        const struct windows_device *device) {
    write_hash(to, device->name);
    writer_u64(to, device->last_seq);
    writer_u64(to, (uint64_t)device->forgot_us);
    writer_u8(to, (uint8_t)device->line);
    writer_u32(to, device->count);
}

/* The device that is saved after this one; the first after WINDOWS_NONE. */
static uint32_t next_device(const struct dedupe *dedupe, uint32_t number) {
    if (number == WINDOWS_NONE) {
        uint32_t first = dedupe->lines[WINDOWS_ONCE].first;
        return first != WINDOWS_NONE ? first
                                     : dedupe->lines[WINDOWS_MORE].first;
    }
    const struct windows_device *device = &dedupe->devices[number];
    if (device->after == WINDOWS_NONE && device->line == WINDOWS_ONCE) {
        return dedupe->lines[WINDOWS_MORE].first;
    }
    return device->after;
}

/* A device's ids lie all over the memory, and each says where the next is. So
 * some devices are saved at a time, and their next ids fetched meanwhile: that
 * is a third of the time, which is the gateway's loop's. */
struct lane {
    uint32_t entry;
    struct writer to; /* the device's part */
};

/* Writes the head of the next device; false after the last. */
static bool begin_lane(const struct dedupe *dedupe, uint32_t *device,
                       struct writer *all, struct lane *ret) {
    *device = next_device(dedupe, *device);
    if (*device == WINDOWS_NONE) {
        return false;
    }
    const struct windows_device *next = &dedupe->devices[*device];
    size_t size = DEVICE_SAVED + (size_t)next->count * ENTRY_SAVED;
    assert(next->count > 0 && size <= all->cap - all->len);
    ret->entry = next->oldest;
    ret->to = writer_over(all->data + all->len, size);
    write_about(&ret->to, next);
    all->len += size;
    return true;
}

void dedupe_save(const struct dedupe *dedupe, struct writer *to) {
    size_t size = 4 + (size_t)dedupe->device_count * DEVICE_SAVED +
                  (size_t)dedupe->entry_count * ENTRY_SAVED;
    if (to->full || size > to->cap - to->len) {
        to->full = true;
        return;
    }
    writer_u32(to, dedupe->device_count);
    struct lane lanes[LANES];
    uint32_t device = WINDOWS_NONE;
    uint32_t count = 0;
    bool more = true;
    while (more || count > 0) {
        while (more && count < LANES) {
            more = begin_lane(dedupe, &device, to, &lanes[count]);
            count += more ? 1 : 0;
        }
        for (uint32_t i = count; i > 0; i--) {
            struct lane *lane = &lanes[i - 1];
            write_entry(&lane->to, &dedupe->entries[lane->entry]);
            lane->entry = dedupe->entries[lane->entry].next;
            if (lane->entry == WINDOWS_NONE) {
                assert(!lane->to.full && lane->to.len == lane->to.cap);
                *lane = lanes[--count];
            } else {
                __builtin_prefetch(&dedupe->entries[lane->entry]);
            }
        }
    }
}

/* The newest OLD_WINDOW of a device. */
static void save_older_device(const struct dedupe *dedupe,
                              const struct windows_device *device,
                              struct writer *to) {
    uint32_t count = device->count < OLD_WINDOW ? device->count : OLD_WINDOW;
    uint32_t at = device->oldest;
    for (uint32_t skip = device->count - count; skip > 0; skip--) {
        at = dedupe->entries[at].next;
    }
    write_hash(to, device->name);
    writer_u32(to, count);
    for (; at != WINDOWS_NONE; at = dedupe->entries[at].next) {
        const struct windows_entry *entry = &dedupe->entries[at];
        write_hash(to, entry->id);
        writer_u64(to, entry->content_hash);
        writer_u64(to, entry->seq);
    }
}

void dedupe_save_older(const struct dedupe *dedupe, struct writer *to) {
    uint32_t count = dedupe->device_count < OLD_DEVICES_MAX
                         ? dedupe->device_count
                         : OLD_DEVICES_MAX;
    uint32_t skip = dedupe->device_count - count;
    writer_u32(to, count);
    for (uint32_t at = next_device(dedupe, WINDOWS_NONE); at != WINDOWS_NONE;
         at = next_device(dedupe, at)) {
        if (skip > 0) {
            skip--;
        } else {
            save_older_device(dedupe, &dedupe->devices[at], to);
        }
    }
}

uint64_t dedupe_hash(const struct dedupe *dedupe) {
    uint64_t hash = dedupe->device_count;
    for (uint32_t device = next_device(dedupe, WINDOWS_NONE);
         device != WINDOWS_NONE; device = next_device(dedupe, device)) {
        uint8_t bytes[DEVICE_SAVED + ENTRY_SAVED];
        struct writer to = writer_over(bytes, sizeof bytes);
        write_about(&to, &dedupe->devices[device]);
        for (uint32_t at = dedupe->devices[device].oldest; at != WINDOWS_NONE;
             at = dedupe->entries[at].next) {
            write_entry(&to, &dedupe->entries[at]);
            hash = XXH3_64bits_withSeed(to.data, to.len, hash);
            to.len = 0;
        }
    }
    return hash;
}

/* --- Loading -------------------------------------------------------------- */

static err_t read_hash(struct cursor *from, XXH128_hash_t *ret) {
    TRY(cursor_u64(from, &ret->high64));
    return cursor_u64(from, &ret->low64);
}

static err_t read_i64(struct cursor *from, int64_t *ret) {
    uint64_t value;
    TRY(cursor_u64(from, &value));
    *ret = (int64_t)value;
    return ERR_OK;
}

static err_t load_entry(struct dedupe *dedupe, uint32_t version,
                        uint32_t device, struct cursor *from) {
    struct windows_entry entry = {.device = device, .time_us = DEDUPE_NO_TIME};
    TRY(read_hash(from, &entry.id));
    TRY(cursor_u64(from, &entry.content_hash));
    TRY(cursor_u64(from, &entry.seq));
    if (version != DEDUPE_SAVED_1) {
        TRY(read_i64(from, &entry.time_us));
    }
    ENSURE(windows_find_entry(dedupe, device, entry.id) == NULL, ERR_PARSE);
    TRY(windows_reserve_entry(dedupe));
    windows_append(dedupe, &entry);
    return ERR_OK;
}

/* What is known of a device beside its ids. */
static err_t load_about(struct dedupe *dedupe, uint32_t version,
                        struct cursor *from, uint32_t *ret_number,
                        uint32_t *ret_count) {
    struct windows_device about = {.forgot_us = DEDUPE_NO_TIME};
    uint8_t line = WINDOWS_MORE;
    TRY(read_hash(from, &about.name));
    if (version != DEDUPE_SAVED_1) {
        TRY(cursor_u64(from, &about.last_seq));
        TRY(read_i64(from, &about.forgot_us));
        TRY(cursor_u8(from, &line));
    }
    TRY(cursor_u32(from, ret_count));
    uint32_t count_max = version == DEDUPE_SAVED_1 ? OLD_WINDOW : DEDUPE_WINDOW;
    ENSURE(line<WINDOWS_LINES && * ret_count> 0 && *ret_count <= count_max,
           ERR_PARSE);
    ENSURE(!windows_find_device(dedupe, about.name, ret_number), ERR_PARSE);
    TRY(windows_reserve_device(dedupe));
    *ret_number = windows_add_device(dedupe, about.name);
    struct windows_device *device = &dedupe->devices[*ret_number];
    device->last_seq = about.last_seq;
    device->forgot_us = about.forgot_us;
    device->line =
        version == DEDUPE_SAVED_1 && *ret_count == 1 ? WINDOWS_ONCE : line;
    return ERR_OK;
}

static err_t load_device(struct dedupe *dedupe, uint32_t version,
                         struct cursor *from) {
    uint32_t number, count;
    TRY(load_about(dedupe, version, from, &number, &count));
    for (uint32_t i = 0; i < count; i++) {
        TRY(load_entry(dedupe, version, number, from));
    }
    const struct windows_device *device = &dedupe->devices[number];
    windows_heard_of(dedupe, number,
                     version == DEDUPE_SAVED_1
                         ? dedupe->entries[device->newest].seq
                         : device->last_seq);
    return ERR_OK;
}

/* The bounds may have been other ones, so they are kept after loading. */
err_t dedupe_load(struct dedupe *dedupe, uint32_t version,
                  struct cursor *from) {
    assert(version == DEDUPE_SAVED_1 || version == DEDUPE_SAVED_2);
    assert(dedupe->device_count == 0);
    uint32_t ids_max = dedupe->ids_max;
    uint32_t count;
    TRY(cursor_u32(from, &count));
    ENSURE(version != DEDUPE_SAVED_1 || count <= OLD_DEVICES_MAX, ERR_PARSE);
    dedupe->ids_max = UINT32_MAX / 8;
    dedupe->names_max = UINT32_MAX / 8;
    for (uint32_t i = 0; i < count; i++) {
        TRY(load_device(dedupe, version, from));
    }
    windows_set_bounds(dedupe, ids_max);
    while (dedupe->device_count > dedupe->names_max) {
        windows_forget_name(dedupe);
    }
    while (dedupe->entry_count > dedupe->ids_max) {
        windows_forget_id(dedupe, INT64_MAX - DEDUPE_AHEAD_US);
    }
    return ERR_OK;
}
