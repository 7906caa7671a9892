/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes that CloudEvents 1.0.2 names, as a table, and the rules for
 * names and values. Internal to the event folder. */
#ifndef GATEWAY_EVENT_FIELDS_H
#define GATEWAY_EVENT_FIELDS_H

#include "gateway/event/event.h"

#define FIELD_VERSION_NAME "specversion"
#define FIELD_VERSION "1.0"

/* In the order of deterministic CBOR (RFC 8949 section 4.2.1): by length, then
 * by bytes. `specversion` has no place in struct event. */
enum field_id {
    FIELD_ID,
    FIELD_TIME,
    FIELD_TYPE,
    FIELD_SOURCE,
    FIELD_SUBJECT,
    FIELD_DATASCHEMA,
    FIELD_DATACONTENTTYPE,
    FIELD_COUNT,
};

struct field {
    const char *name;
    size_t name_len;
    size_t offset;       /* of its slice in struct event */
    const char *missing; /* what to do about it if required, else NULL */
};

extern const struct field EVENT_FIELDS[FIELD_COUNT];

struct slice event_field_get(const struct event *event, enum field_id id);
void event_field_set(struct event *event, enum field_id id, struct slice value);
/* FIELD_COUNT if it is not one of these. */
enum field_id event_field_find(struct slice name);

/* [a-z0-9]+, not longer than EVENT_NAME_MAX. */
bool event_field_name_ok(struct slice name);
/* An attribute that the gateway adds when an event leaves: no device sends it.
 */
bool event_field_is_added(struct slice name);
/* For valid UTF-8: none of the characters that CloudEvents forbids in strings
 * (controls and noncharacters; spec.md, "Type System"). */
bool event_field_text_ok(struct slice text);
/* Code points of valid UTF-8. */
size_t event_field_text_characters(struct slice text);

/* By datacontenttype: subtype json or +json; without one, false. */
bool event_field_is_json(struct slice content_type);
/* By datacontenttype: application/cbor, whatever its parameters. */
bool event_field_is_cbor(struct slice content_type);

#endif
