/* SPDX-License-Identifier: Apache-2.0 */
/* Reads CBOR (RFC 8949) one data item at a time, from untrusted bytes. The cost
 * depends on the bytes present, not on the sizes they claim; nothing is
 * allocated. Internal to the event folder.
 *
 * Refused with a reason: sizes past the end, reserved heads, simple values
 * other than false, true, null and undefined, text that is not UTF-8, strings
 * sent in chunks (they would have to be put together in memory), nesting deeper
 * than JSON_DEPTH_MAX, where a tag counts as a nesting. Arrays and maps of
 * indefinite length are accepted: small encoders stream them. */
#ifndef GATEWAY_EVENT_ITEM_H
#define GATEWAY_EVENT_ITEM_H

#include "gateway/base/bytes.h"

enum item_kind {
    ITEM_UNSIGNED,
    ITEM_NEGATIVE,
    ITEM_BYTES,
    ITEM_TEXT,
    ITEM_ARRAY,
    ITEM_MAP,
    ITEM_TAG,
    ITEM_BOOLEAN,
    ITEM_NULL,
    ITEM_UNDEFINED,
    ITEM_HALF,
    ITEM_FLOAT,
    ITEM_DOUBLE,
};

/* The head of an item, and a string's content. */
struct item {
    enum item_kind kind;
    /* UNSIGNED: itself; NEGATIVE: n of -1 - n; TAG: its number; BOOLEAN: 0 or
     * 1; ARRAY: elements; MAP: pairs. */
    uint64_t value;
    bool indefinite;    /* ARRAY, MAP: ended by a break instead */
    struct slice bytes; /* BYTES, TEXT */
    double number;      /* HALF, FLOAT, DOUBLE */
};

/* Reads a head (and a string's content) and moves past it. ERR_PARSE. */
err_t event_item_next(struct cursor *in, struct item *ret,
                      struct reason *reason) MUST_USE;
/* For the inside of an array or a map: true if one more element (or pair)
 * follows. Counts item->value down, or reads the break. */
bool event_item_more(struct cursor *in, struct item *item);
/* Moves past one whole item, which is inside `depth` others. ERR_PARSE. */
err_t event_item_skip(struct cursor *in, uint32_t depth,
                      struct reason *reason) MUST_USE;
/* Refuses to go deeper than JSON_DEPTH_MAX: call with the nestings open before
 * going into an array, a map or a tag. ERR_PARSE. */
err_t event_item_check_depth(const struct cursor *in, uint32_t depth,
                             struct reason *reason) MUST_USE;
/* `bytes` are exactly one item. ERR_PARSE. */
err_t event_item_check(struct slice bytes, struct reason *reason) MUST_USE;

/* An integer, or a floating-point number that is finite, in decimal digits: the
 * fewest that read back as the same number in the format that was sent, so that
 * 21.7 sent in 32 bits stays 21.7. */
void event_item_write_integer(const struct item *item, struct writer *writer);
void event_item_write_number(const struct item *item, struct writer *writer);

/* Writes the one checked item in `bytes` as JSON, as RFC 8949 section 6.1
 * advises: byte strings as base64url unless a tag 21 to 23 says otherwise,
 * bignums likewise, other tags dropped. ERR_UNSUPPORTED, with what JSON cannot
 * represent; check writer->full. */
err_t event_item_write_json(struct slice bytes, struct writer *writer,
                            struct reason *reason) MUST_USE;

#endif
