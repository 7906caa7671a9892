/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/event_type.h"

#include <assert.h>

#include "gateway/event/event.h"
#include "gateway/event/event_source.h"

struct type_entry {
    const char *name;
    enum event_publisher publisher;
    enum event_audience audience;
};

static const struct type_entry types[EVENT_TYPE_COUNT] = {
#define EVENT_TYPE(name, text, publisher, audience)           \
    [EVENT_TYPE_##name] = {text, EVENT_PUBLISHER_##publisher, \
                           EVENT_AUDIENCE_##audience},
#include "gateway/event/event_type_list.h"
#undef EVENT_TYPE
};

#define EVENT_TYPE(name, text, publisher, audience)                        \
    _Static_assert(sizeof(text) > 1 && sizeof(text) - 1 <= EVENT_TYPE_MAX, \
                   "a type has a name, and EventBridge takes it");
#include "gateway/event/event_type_list.h"
#undef EVENT_TYPE

struct publisher_entry {
    const char *name;         /* last part of its source; NULL: a device's */
    const char *cloud_source; /* last part of the cloud's Source */
};

static const struct publisher_entry publishers[EVENT_PUBLISHER_COUNT] = {
    [EVENT_PUBLISHER_DEVICE] = {NULL, "device"},
    [EVENT_PUBLISHER_ORDER] = {"order", "order"},
    [EVENT_PUBLISHER_INVENTORY] = {"inventory", "inventory"},
    [EVENT_PUBLISHER_PAYMENT] = {"payment", "payment"},
    [EVENT_PUBLISHER_FULFILMENT] = {"fulfilment", "fulfilment"},
    [EVENT_PUBLISHER_GATEWAY] = {"gateway", "edge"},
};

const char *event_type_name(enum event_type type) {
    assert(type < EVENT_TYPE_COUNT);
    return types[type].name;
}

enum event_publisher event_type_publisher(enum event_type type) {
    assert(type < EVENT_TYPE_COUNT);
    return types[type].publisher;
}

enum event_audience event_type_audience(enum event_type type) {
    assert(type < EVENT_TYPE_COUNT);
    return types[type].audience;
}

bool event_type_is_sendable(enum event_type type) {
    return event_type_publisher(type) == EVENT_PUBLISHER_DEVICE;
}

err_t event_type_find(struct slice name, enum event_type *ret) {
    for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (slice_eq_str(name, types[type].name)) {
            *ret = (enum event_type)type;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static void write_sendable(struct writer *writer) {
    const char *lead = "";
    for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (event_type_is_sendable((enum event_type)type)) {
            writer_printf(writer, "%s%s", lead, types[type].name);
            lead = ", ";
        }
    }
}

err_t event_type_check_free(struct slice name, struct reason *reason) {
    enum event_type type;
    if (event_type_find(name, &type) != ERR_OK ||
        event_type_is_sendable(type)) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_REFUSED,
                      "the type \"%s\" is reserved for what the gateway itself "
                      "publishes: give the event another type",
                      event_type_name(type));
}

err_t event_type_check_sendable(struct slice name, struct reason *reason) {
    enum { SHOWN_MAX = 60 };
    enum event_type type;
    if (event_type_find(name, &type) == ERR_OK &&
        event_type_is_sendable(type)) {
        return ERR_OK;
    }
    char list[256];
    struct writer writer = writer_over(list, sizeof list);
    write_sendable(&writer);
    return reason_set(reason, ERR_REFUSED,
                      "a device may not send \"%.*s\" here; this stream takes "
                      "%.*s",
                      name.len > SHOWN_MAX ? SHOWN_MAX : (int)name.len,
                      (const char *)name.data,
                      SLICE_ARG(writer_slice(&writer)));
}

const char *event_publisher_name(enum event_publisher publisher) {
    assert(publisher < EVENT_PUBLISHER_COUNT);
    return publishers[publisher].name;
}

bool event_publisher_owns(struct slice name) {
    for (uint32_t i = 0; i < EVENT_PUBLISHER_COUNT; i++) {
        const char *owned = publishers[i].name;
        if (owned != NULL && slice_eq_str(name, owned)) {
            return true;
        }
    }
    return false;
}

const char *event_type_cloud_source(struct slice type, struct slice source,
                                    struct slice store) {
    const struct publisher_entry *entry = &publishers[EVENT_PUBLISHER_DEVICE];
    enum event_type known;
    struct slice name;
    if (event_type_find(type, &known) == ERR_OK &&
        !event_type_is_sendable(known) &&
        event_source_parse(source, store, &name) == ERR_OK) {
        const struct publisher_entry *own = &publishers[types[known].publisher];
        assert(own->name != NULL);
        entry = slice_eq_str(name, own->name) ? own : entry;
    }
    return entry->cloud_source;
}
