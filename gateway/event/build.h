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

/* The two behind event_find_id(): the value of the one top-level `id` of a
 * payload that is well-formed to its end. ERR_PARSE, ERR_NOT_FOUND if there is
 * none or more than one, ERR_RANGE if it is not text, ERR_FULL. */
err_t event_find_id_json(struct slice payload, struct arena *arena,
                         struct slice *ret) MUST_USE;
err_t event_find_id_cbor(struct slice payload, struct slice *ret) MUST_USE;

#endif
