/* SPDX-License-Identifier: Apache-2.0 */
/* The dedupe windows as they stand in memory; for the dedupe files only.
 *
 * Ids and names are 128-bit hashes, so that no two ever meet by chance. All ids
 * stand in one array. A device's are a chain in it, oldest first; an id is
 * found by its hash and its device's. Devices stand in two more orders: by how
 * many ids they hold (a heap, whose top gives up the next), and by their last
 * event (two lines: names with one event, names with more), which is also the
 * order in which they are saved. */
#ifndef GATEWAY_STREAM_WINDOWS_H
#define GATEWAY_STREAM_WINDOWS_H

#include <xxhash.h>

#include "gateway/base/base.h"
#include "gateway/stream/dedupe_limits.h"
#include "gateway/stream/slots.h"

#define WINDOWS_NONE UINT32_MAX /* no entry, no device */

struct windows_entry {
    XXH128_hash_t id;
    uint64_t content_hash;
    uint64_t seq;
    int64_t time_us;
    uint32_t device;
    uint32_t next; /* the device's next newer; or the next that is free */
};

/* Devices in the order of their last event. */
struct windows_line {
    uint32_t first;
    uint32_t last;
};

enum { WINDOWS_ONCE, WINDOWS_MORE, WINDOWS_LINES };

struct windows_device {
    XXH128_hash_t name;
    uint64_t last_seq;
    int64_t forgot_us; /* the newest time of an id forgotten */
    uint32_t oldest;
    uint32_t newest;
    uint32_t count;
    uint32_t line;
    uint32_t before; /* in its line */
    uint32_t after;  /* in its line; or the next that is free */
    uint32_t heap_at;
};

struct dedupe {
    uint32_t ids_max;
    uint32_t names_max;
    struct windows_entry *entries;
    uint32_t entry_cap;
    uint32_t entry_free; /* the first of a chain */
    uint32_t entry_count;
    struct windows_device *devices;
    uint32_t device_cap;
    uint32_t device_free; /* the first of a chain */
    uint32_t device_count;
    uint32_t *heap; /* of devices; as many places as devices */
    struct windows_line lines[WINDOWS_LINES];
    struct slots ids;
    struct slots names;
};

err_t windows_new(uint32_t ids_max, struct dedupe **ret) MUST_USE;
void windows_free(struct dedupe *dedupe); /* takes NULL */
/* Bounds: see dedupe.h. */
void windows_set_bounds(struct dedupe *dedupe, uint32_t ids_max);
/* Memory for one more, unless there is some. ERR_MEMORY. */
err_t windows_reserve_entry(struct dedupe *dedupe) MUST_USE;
err_t windows_reserve_device(struct dedupe *dedupe) MUST_USE;

bool windows_find_device(const struct dedupe *dedupe, XXH128_hash_t name,
                         uint32_t *ret);
/* NULL if the device does not hold it. */
struct windows_entry *windows_find_entry(const struct dedupe *dedupe,
                                         uint32_t device, XXH128_hash_t id);

/* A device without ids; it joins its line with windows_heard_of(). There must
 * be memory. */
uint32_t windows_add_device(struct dedupe *dedupe, XXH128_hash_t name);
/* The device's newest id. There must be memory. */
void windows_append(struct dedupe *dedupe, const struct windows_entry *entry);
/* The device has another event: it leaves its line before, and then has the
 * place in both orders that its last event `seq` gives it. */
void windows_leave_line(struct dedupe *dedupe, uint32_t device);
void windows_heard_of(struct dedupe *dedupe, uint32_t device, uint64_t seq);

/* The device's oldest id goes. `wall_us`: of the record that makes it go. */
void windows_forget_oldest(struct dedupe *dedupe, uint32_t device,
                           int64_t wall_us);
/* The same for the device that holds most. */
void windows_forget_id(struct dedupe *dedupe, int64_t wall_us);
/* The name that is worth least goes, with its window. */
void windows_forget_name(struct dedupe *dedupe);

#endif
