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
};

/* --- Saving --------------------------------------------------------------- */

/* Where the saved bytes go. */
struct sink {
    void *self;
    void (*put)(void *self, struct slice bytes);
};

static void write_hash(struct writer *to, XXH128_hash_t hash) {
    writer_u64(to, hash.high64);
    writer_u64(to, hash.low64);
}

static void save_entry(const struct windows_entry *entry,
                       const struct sink *sink) {
    uint8_t bytes[ENTRY_SAVED];
    struct writer to = writer_over(bytes, sizeof bytes);
    write_hash(&to, entry->id);
    writer_u64(&to, entry->content_hash);
    writer_u64(&to, entry->seq);
    writer_u64(&to, (uint64_t)entry->time_us);
    sink->put(sink->self, writer_slice(&to));
}

static void save_device(const struct dedupe *dedupe,
                        const struct windows_device *device,
                        const struct sink *sink) {
    uint8_t bytes[DEVICE_SAVED];
    struct writer to = writer_over(bytes, sizeof bytes);
    write_hash(&to, device->name);
    writer_u64(&to, device->last_seq);
    writer_u64(&to, (uint64_t)device->forgot_us);
    writer_u8(&to, (uint8_t)device->line);
    writer_u32(&to, device->count);
    sink->put(sink->self, writer_slice(&to));
    for (uint32_t at = device->oldest; at != WINDOWS_NONE;
         at = dedupe->entries[at].next) {
        save_entry(&dedupe->entries[at], sink);
    }
}

static void save(const struct dedupe *dedupe, const struct sink *sink) {
    uint8_t bytes[4];
    struct writer to = writer_over(bytes, sizeof bytes);
    writer_u32(&to, dedupe->device_count);
    sink->put(sink->self, writer_slice(&to));
    for (size_t line = 0; line < WINDOWS_LINES; line++) {
        for (uint32_t at = dedupe->lines[line].first; at != WINDOWS_NONE;
             at = dedupe->devices[at].after) {
            save_device(dedupe, &dedupe->devices[at], sink);
        }
    }
}

static void put_written(void *self, struct slice bytes) {
    writer_slice_add(self, bytes);
}

void dedupe_save(const struct dedupe *dedupe, struct writer *to) {
    save(dedupe, &(struct sink){to, put_written});
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
    for (size_t line = 0; line < WINDOWS_LINES; line++) {
        for (uint32_t at = dedupe->lines[line].first; at != WINDOWS_NONE;
             at = dedupe->devices[at].after) {
            if (skip > 0) {
                skip--;
            } else {
                save_older_device(dedupe, &dedupe->devices[at], to);
            }
        }
    }
}

static void put_hashed(void *self, struct slice bytes) {
    uint64_t *hash = self;
    *hash = XXH3_64bits_withSeed(bytes.data, bytes.len, *hash);
}

uint64_t dedupe_hash(const struct dedupe *dedupe) {
    uint64_t hash = 0;
    save(dedupe, &(struct sink){&hash, put_hashed});
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
