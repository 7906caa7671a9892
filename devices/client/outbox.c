/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/client/outbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void entry_free(struct outbox_entry *entry) {
    free(entry->payload);
    free(entry);
}

void outbox_free(struct outbox *outbox) {
    if (outbox == NULL) {
        return;
    }
    for (uint32_t i = 0; i < outbox->count; i++) {
        entry_free(outbox->entries[i]);
    }
    *outbox = (struct outbox){0};
}

/* Receipts come roughly in the order of sending, so a search from the oldest
 * ends early. */
static err_t outbox_find(const struct outbox *outbox, struct slice id,
                         uint32_t *ret_index) {
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (slice_eq_str(id, outbox->entries[i]->id)) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

err_t outbox_add(struct outbox *outbox, const char *id, struct slice payload,
                 bool again) {
    uint32_t index;
    assert(payload.len > 0);
    assert(outbox->count <= OUTBOX_EVENTS_MAX);
    ENSURE(strlen(id) < OUTBOX_ID_SIZE, ERR_RANGE);
    ENSURE(outbox->count < OUTBOX_EVENTS_MAX, ERR_FULL);
    ENSURE(outbox_find(outbox, slice_from_str(id), &index) == ERR_NOT_FOUND,
           ERR_BUSY);

    struct outbox_entry *entry = calloc(1, sizeof *entry);
    ENSURE(entry != NULL, ERR_MEMORY);
    entry->payload = malloc(payload.len);
    if (entry->payload == NULL) {
        free(entry);
        return ERR_MEMORY;
    }
    memcpy(entry->payload, payload.data, payload.len);
    entry->payload_len = payload.len;
    entry->again = again;
    snprintf(entry->id, sizeof entry->id, "%s", id);
    outbox->entries[outbox->count++] = entry;
    return ERR_OK;
}

static bool entry_is_due(const struct outbox *outbox,
                         const struct outbox_entry *entry, int64_t now_us) {
    if (entry->in_transit) {
        return false;
    }
    int64_t since_us = entry->last_sent_us;
    if (outbox->heard_sent_us < since_us && outbox->heard_us > since_us) {
        since_us = outbox->heard_us;
    }
    return entry->wait_us == 0 || now_us - since_us >= entry->wait_us;
}

struct outbox_entry *outbox_due(struct outbox *outbox, int64_t now_us,
                                uint32_t *at) {
    while (*at < outbox->count) {
        struct outbox_entry *entry = outbox->entries[(*at)++];
        if (entry_is_due(outbox, entry, now_us)) {
            return entry;
        }
    }
    return NULL;
}

void outbox_sent(struct outbox_entry *entry, int packet_id, int64_t now_us,
                 struct random *rng) {
    assert(!entry->in_transit && entry->payload != NULL);
    int64_t wait_us = OUTBOX_REPEAT_FIRST_US;
    for (uint32_t i = 0; i < entry->times_sent; i++) {
        wait_us *= 2;
        if (wait_us >= OUTBOX_REPEAT_MAX_US) {
            wait_us = OUTBOX_REPEAT_MAX_US;
            break;
        }
    }
    uint32_t quarter_us = (uint32_t)(wait_us / 4);
    entry->wait_us = wait_us - quarter_us + random_between(rng, 0, quarter_us);
    assert(entry->wait_us > 0 && entry->wait_us <= OUTBOX_REPEAT_MAX_US);
    entry->last_sent_us = now_us;
    entry->packet_id = packet_id;
    entry->in_transit = true;
    entry->times_sent++;
    if (entry->first_sent_us == 0) {
        entry->first_sent_us = now_us;
    }
}

void outbox_arrived(struct outbox *outbox, int packet_id) {
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct outbox_entry *entry = outbox->entries[i];
        if (entry->in_transit && entry->packet_id == packet_id) {
            entry->in_transit = false;
            return;
        }
    }
}

bool outbox_is_stuck(const struct outbox *outbox, int64_t now_us) {
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = outbox->entries[i];
        if (entry->in_transit &&
            now_us - entry->last_sent_us >= OUTBOX_TRANSIT_MAX_US) {
            return true;
        }
    }
    return false;
}

void outbox_reconnected(struct outbox *outbox) {
    for (uint32_t i = 0; i < outbox->count; i++) {
        outbox->entries[i]->in_transit = false;
        outbox->entries[i]->wait_us = 0;
    }
}

err_t outbox_confirm(struct outbox *outbox, struct slice id, int64_t now_us,
                     struct outbox_entry *ret) {
    uint32_t index;
    TRY(outbox_find(outbox, id, &index));
    assert(index < outbox->count);
    *ret = *outbox->entries[index];
    outbox->heard_us = now_us;
    if (ret->first_sent_us > outbox->heard_sent_us) {
        outbox->heard_sent_us = ret->first_sent_us;
    }
    ret->payload = NULL;
    ret->payload_len = 0;
    entry_free(outbox->entries[index]);
    outbox->count--;
    memmove(&outbox->entries[index], &outbox->entries[index + 1],
            (outbox->count - index) * sizeof(struct outbox_entry *));
    return ERR_OK;
}
