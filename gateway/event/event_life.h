/* SPDX-License-Identifier: Apache-2.0 */
/* Which run of which journal a record is of. A number alone names no record: a
 * journal that is restored from a backup, or copied to another box, gives it
 * once more. The journal's id and its life (random at each start) tell the two
 * apart. */
#ifndef GATEWAY_EVENT_EVENT_LIFE_H
#define GATEWAY_EVENT_EVENT_LIFE_H

#include "gateway/base/bytes.h"

enum {
    EVENT_LIFE_BYTES = 8, /* of a journal's 16-byte id or life, the first */
    EVENT_LIFE_DIGITS = 2 * EVENT_LIFE_BYTES,
};

/* The part of an id or a life that is written: as `journalid` and `journallife`
 * have them, and as the ids of the gateway's own events begin. */
struct event_life {
    uint8_t bytes[EVENT_LIFE_BYTES];
};

/* Zeroed is "not known". */
bool event_life_is_known(struct event_life life);
/* Of an id with EVENT_LIFE_BYTES or more. */
struct event_life event_life_of(const uint8_t *id);
/* EVENT_LIFE_DIGITS hexadecimal digits. */
void event_life_write(struct writer *writer, struct event_life life);
/* The life that an own event's id begins with: "<digits>-...". ERR_NOT_FOUND
 * for an id of another form, such as older programs gave. */
err_t event_life_of_own_id(struct slice id, struct event_life *ret) MUST_USE;

#endif
