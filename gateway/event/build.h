/* SPDX-License-Identifier: Apache-2.0 */
/* Builds an event from attributes in any order and checks them, the same way
 * for each encoding. Internal to the event folder. */
#ifndef GATEWAY_EVENT_BUILD_H
#define GATEWAY_EVENT_BUILD_H

#include "gateway/event/event.h"
#include "gateway/event/fields.h"

struct build {
    struct event event;
    struct reason *reason;
    bool seen[FIELD_COUNT];
    bool seen_version;
    bool has_version; /* and it is not null */
    bool has_data;
    /* Extensions by name, also those that are null. */
    struct slice names[EVENT_EXTENSIONS_MAX];
    uint32_t name_count;
};

enum build_kind {
    BUILD_NULL, /* counts as absent */
    BUILD_TEXT,
    BUILD_INTEGER,
    BUILD_BOOLEAN,
    BUILD_OTHER, /* a kind that no attribute may have: refused */
};

struct build_value {
    enum build_kind kind;
    struct slice text;
    int32_t integer;
};

/* Each returns ERR_PARSE or ERR_RANGE with a reason. */

/* Checks a name; call it before event_build_attribute(). */
err_t event_build_name(struct build *build, struct slice name) MUST_USE;
err_t event_build_attribute(struct build *build, struct slice name,
                            const struct build_value *value) MUST_USE;
err_t event_build_data(struct build *build, enum event_data_kind kind,
                       struct slice data) MUST_USE;
/* Checks that nothing is missing and returns the event. */
err_t event_build_finish(struct build *build, struct event *ret) MUST_USE;

/* The two readers behind event_read(). */
err_t event_read_json(struct slice payload, struct arena *arena,
                      struct event *ret, struct reason *reason) MUST_USE;
err_t event_read_cbor(struct slice payload, struct event *ret,
                      struct reason *reason) MUST_USE;

/* What can be read of a payload that is refused, up to its first error. */
struct event_glance {
    uint32_t ids;     /* how often it has a top-level `id` */
    struct slice id;  /* its text, if there is one and it is text; else empty */
    bool has_version; /* it has a specversion, whatever its value */
    bool whole;       /* one object or map, without an error */
};

/* ERR_FULL if the arena has no room for an id with escapes. */
err_t event_glance_json(struct slice payload, struct arena *arena,
                        struct event_glance *ret) MUST_USE;
void event_glance_cbor(struct slice payload, struct event_glance *ret);

#endif
