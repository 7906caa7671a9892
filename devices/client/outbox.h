/* SPDX-License-Identifier: Apache-2.0 */
/* Events that a device sent and that are not confirmed yet. Each event stays
 * here until a receipt names it. It is due again, with the same id and the same
 * bytes, after a time-out and after each reconnect. A PUBACK only says that the
 * packet arrived: it keeps the event from being repeated on a connection that
 * has not delivered it yet, and nothing else. A connection that leaves a
 * PUBLISH without a PUBACK for 30 seconds is broken.
 *
 * Repeats must not slow down a slow gateway. Events are confirmed roughly in
 * the order they were sent. So while receipts arrive for what was sent before
 * an event, that event is not lost but queued, and its time-out starts again
 * with each of them.
 *
 * Limited: a full outbox makes its device wait. It stays well below the 4,096
 * ids that the gateway remembers for a device (docs/events.md), so none of its
 * repeats is ever too old to tell. No clock, no I/O. */
#ifndef DEVICES_CLIENT_OUTBOX_H
#define DEVICES_CLIENT_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/client/random.h"
#include "gateway/base/bytes.h"

enum {
    OUTBOX_EVENTS_MAX = 1000,
    OUTBOX_ID_SIZE = 160,
    OUTBOX_REPEAT_FIRST_US = 1000 * 1000,
    OUTBOX_REPEAT_MAX_US = 8 * 1000 * 1000,
    OUTBOX_TRANSIT_MAX_US = 30 * 1000 * 1000,
};

struct outbox_entry {
    char id[OUTBOX_ID_SIZE];
    uint8_t *payload; /* owned by the entry */
    size_t payload_len;
    int64_t first_sent_us; /* monotonic; 0 = not sent yet */
    int64_t last_sent_us;
    int64_t wait_us; /* until it is repeated; 0 = to be sent at once */
    uint32_t times_sent;
    int packet_id;   /* of the last PUBLISH */
    bool in_transit; /* that PUBLISH has no PUBACK yet */
    bool again;      /* was confirmed before, and is sent once more */
};

/* Zeroed is ready. Oldest first. */
struct outbox {
    struct outbox_entry *entries[OUTBOX_EVENTS_MAX];
    uint32_t count;
    int64_t heard_us;      /* when the last receipt came */
    int64_t heard_sent_us; /* the latest first sending of those confirmed */
};

void outbox_free(struct outbox *outbox);

/* Copies an event in; it is due at once. `again` says that an event of this id
 * was confirmed before. ERR_FULL at the bound, ERR_BUSY if an
 * event of this id waits here already, ERR_RANGE if the id is too long,
 * ERR_MEMORY. */
err_t outbox_add(struct outbox *outbox, const char *id, struct slice payload,
                 bool again) MUST_USE;

/* The next entry at or after *at that should be sent now, or NULL; advances
 * *at. Start with *at = 0. */
struct outbox_entry *outbox_due(struct outbox *outbox, int64_t now_us,
                                uint32_t *at);

/* The entry was handed to MQTT as `packet_id`. The next time-out doubles from
 * 1 s to 8 s, a quarter of it drawn from `rng`. */
void outbox_sent(struct outbox_entry *entry, int packet_id, int64_t now_us,
                 struct random *rng);

/* The PUBLISH arrived: its entry may time out from here on. */
void outbox_arrived(struct outbox *outbox, int packet_id);

/* Has a PUBLISH been without its PUBACK for longer than a working connection
 * would leave it? */
bool outbox_is_stuck(const struct outbox *outbox, int64_t now_us);

/* A new connection: everything is due now. */
void outbox_reconnected(struct outbox *outbox);

/* A receipt named `id` at `now_us`: removes the entry. `ret` is a copy of it
 * without its payload. ERR_NOT_FOUND if it is not here (a second receipt).
 */
err_t outbox_confirm(struct outbox *outbox, struct slice id, int64_t now_us,
                     struct outbox_entry *ret) MUST_USE;

#endif
