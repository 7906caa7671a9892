/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a sorted list of its attributes and data. The journal's form, its
 * size bound and the content hash are computed by walking that list. Internal
 * to the event folder. */
#ifndef GATEWAY_EVENT_ENTRIES_H
#define GATEWAY_EVENT_ENTRIES_H

#include "gateway/event/fields.h"

enum entry_kind {
    ENTRY_TEXT,
    ENTRY_INTEGER,
    ENTRY_BOOLEAN,
    ENTRY_DATA_JSON,
    ENTRY_DATA_CBOR,
    ENTRY_DATA_BINARY,
};

struct entry {
    struct slice name;
    enum entry_kind kind;
    struct slice bytes; /* TEXT and data */
    int32_t integer;    /* INTEGER; BOOLEAN: 0 or 1 */
};

enum { ENTRIES_MAX = FIELD_COUNT + 2 + EVENT_EXTENSIONS_MAX };

struct entries {
    struct entry list[ENTRIES_MAX];
    uint32_t count;
};

/* The order of deterministic CBOR: the shorter name first, then by bytes. */
bool event_entry_name_before(struct slice a, struct slice b);

/* All attributes that are set, and the data, sorted by name. */
struct entries event_entries_of(const struct event *event);

#endif
