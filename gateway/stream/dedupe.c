/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/dedupe.h"

#include <assert.h>

#include "gateway/stream/windows.h"

static XXH128_hash_t hash_of(struct slice text) {
    return XXH3_128bits(text.data, text.len);
}

err_t dedupe_new(uint32_t ids_max, struct dedupe **ret) {
    return windows_new(ids_max, ret);
}

void dedupe_free(struct dedupe *dedupe) {
    windows_free(dedupe);
}

/* --- Finding -------------------------------------------------------------- */

enum dedupe_verdict dedupe_find(const struct dedupe *dedupe,
                                struct slice device, struct slice id,
                                uint64_t content_hash, uint64_t *ret_seq) {
    uint32_t number;
    if (!windows_find_device(dedupe, hash_of(device), &number)) {
        return DEDUPE_NEW;
    }
    const struct windows_entry *entry =
        windows_find_entry(dedupe, number, hash_of(id));
    if (entry == NULL) {
        return DEDUPE_NEW;
    }
    *ret_seq = entry->seq;
    return entry->content_hash == content_hash ? DEDUPE_SAME : DEDUPE_OTHER;
}

bool dedupe_is_too_old(const struct dedupe *dedupe, struct slice device,
                       int64_t time_us, int64_t now_us) {
    uint32_t number;
    if (time_us == DEDUPE_NO_TIME || time_us > now_us + DEDUPE_AHEAD_US ||
        time_us < now_us - DEDUPE_BACK_US ||
        !windows_find_device(dedupe, hash_of(device), &number)) {
        return false;
    }
    const struct windows_device *found = &dedupe->devices[number];
    if (found->forgot_us == DEDUPE_NO_TIME ||
        found->forgot_us > now_us + DEDUPE_AHEAD_US) {
        return false;
    }
    if (time_us == found->forgot_us) { /* or does its clock stand still? */
        return dedupe->entries[found->newest].time_us > found->forgot_us;
    }
    return time_us < found->forgot_us;
}

/* --- Adding --------------------------------------------------------------- */

static void make_room(struct dedupe *dedupe, uint32_t device, int64_t wall_us) {
    if (dedupe->devices[device].count == DEDUPE_WINDOW) {
        windows_forget_oldest(dedupe, device, wall_us);
    } else if (dedupe->entry_count == dedupe->ids_max) {
        windows_forget_id(dedupe, wall_us);
    }
}

static uint32_t device_get(struct dedupe *dedupe, XXH128_hash_t name) {
    uint32_t number;
    if (windows_find_device(dedupe, name, &number)) {
        windows_leave_line(dedupe, number);
        dedupe->devices[number].line = WINDOWS_MORE;
        return number;
    }
    if (dedupe->device_count == dedupe->names_max) {
        windows_forget_name(dedupe);
    }
    return windows_add_device(dedupe, name);
}

static err_t reserve(struct dedupe *dedupe) {
    if (dedupe->device_count < dedupe->names_max) {
        TRY(windows_reserve_device(dedupe));
    }
    return dedupe->entry_count < dedupe->ids_max ? windows_reserve_entry(dedupe)
                                                 : ERR_OK;
}

err_t dedupe_add(struct dedupe *dedupe, const struct dedupe_event *event) {
    assert(event->device.len > 0);
    TRY(reserve(dedupe));
    uint32_t device = device_get(dedupe, hash_of(event->device));
    const struct windows_entry added = {
        .id = hash_of(event->id),
        .content_hash = event->content_hash,
        .seq = event->seq,
        .time_us = event->time_us > event->wall_us + DEDUPE_AHEAD_US
                       ? DEDUPE_NO_TIME
                       : event->time_us,
        .device = device,
    };
    struct windows_entry *known = windows_find_entry(dedupe, device, added.id);
    if (known != NULL) {
        /* A journal of a program whose windows were shorter. */
        known->content_hash = added.content_hash;
        known->seq = added.seq;
        known->time_us = added.time_us;
    } else {
        make_room(dedupe, device, event->wall_us);
        windows_append(dedupe, &added);
    }
    windows_heard_of(dedupe, device, event->seq);
    return ERR_OK;
}

/* --- Looking at it -------------------------------------------------------- */

uint32_t dedupe_ids(const struct dedupe *dedupe) {
    return dedupe->entry_count;
}

uint32_t dedupe_names(const struct dedupe *dedupe) {
    return dedupe->device_count;
}

size_t dedupe_bytes(const struct dedupe *dedupe) {
    return dedupe->entry_cap * sizeof *dedupe->entries +
           dedupe->device_cap *
               (sizeof *dedupe->devices + sizeof *dedupe->heap) +
           ((size_t)dedupe->ids.cap + dedupe->names.cap) * sizeof(uint32_t);
}
