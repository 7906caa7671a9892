/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/entries.h"

#include <assert.h>

bool event_entry_name_before(struct slice a, struct slice b) {
    if (a.len != b.len) {
        return a.len < b.len;
    }
    return a.len > 0 && memcmp(a.data, b.data, a.len) < 0;
}

/* Insertion sort from the end: the fields come in order, so only extensions and
 * `data` move. */
static void insert(struct entries *entries, struct entry entry) {
    assert(entries->count < ENTRIES_MAX);
    uint32_t at = entries->count;
    while (at > 0 &&
           event_entry_name_before(entry.name, entries->list[at - 1].name)) {
        entries->list[at] = entries->list[at - 1];
        at--;
    }
    entries->list[at] = entry;
    entries->count++;
}

static void insert_data(struct entries *entries, const struct event *event) {
    static const enum entry_kind kinds[] = {
        [EVENT_DATA_JSON] = ENTRY_DATA_JSON,
        [EVENT_DATA_CBOR] = ENTRY_DATA_CBOR,
        [EVENT_DATA_BINARY] = ENTRY_DATA_BINARY,
    };
    if (event->data_kind == EVENT_DATA_NONE) {
        return;
    }
    insert(entries, (struct entry){.name = SLICE("data"),
                                   .kind = kinds[event->data_kind],
                                   .bytes = event->data});
}

static void insert_extension(struct entries *entries,
                             const struct event_extension *extension) {
    static const enum entry_kind kinds[] = {
        [EVENT_VALUE_TEXT] = ENTRY_TEXT,
        [EVENT_VALUE_INTEGER] = ENTRY_INTEGER,
        [EVENT_VALUE_BOOLEAN] = ENTRY_BOOLEAN,
    };
    bool is_text = extension->kind == EVENT_VALUE_TEXT;
    insert(entries,
           (struct entry){.name = extension->name,
                          .kind = kinds[extension->kind],
                          .bytes = is_text ? extension->text : SLICE_EMPTY,
                          .integer = is_text ? 0 : extension->integer});
}

struct entries event_entries_of(const struct event *event) {
    struct entries entries;
    entries.count = 0;
    assert(event->extension_count <= EVENT_EXTENSIONS_MAX);
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        struct slice value = event_field_get(event, (enum field_id)id);
        if (value.len > 0) {
            insert(&entries,
                   (struct entry){.name = slice_of(EVENT_FIELDS[id].name,
                                                   EVENT_FIELDS[id].name_len),
                                  .kind = ENTRY_TEXT,
                                  .bytes = value});
        }
    }
    insert(&entries, (struct entry){.name = SLICE(FIELD_VERSION_NAME),
                                    .kind = ENTRY_TEXT,
                                    .bytes = SLICE(FIELD_VERSION)});
    insert_data(&entries, event);
    for (uint32_t i = 0; i < event->extension_count; i++) {
        insert_extension(&entries, &event->extensions[i]);
    }
    return entries;
}
