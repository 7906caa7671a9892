/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259) without a tree: one strict pass checks a text, then values
 * are found in it as slices. Nothing is allocated and no number is converted
 * unless asked for, so what a device wrote is kept byte for byte. */
#ifndef GATEWAY_EVENT_JSON_H
#define GATEWAY_EVENT_JSON_H

#include "gateway/base/arena.h"
#include "gateway/base/bytes.h"

enum {
    JSON_DEPTH_MAX = 32, /* nested arrays and objects */
};

enum json_kind {
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

/* Checks that `text` is exactly one JSON value (white space around it is
 * allowed): grammar, UTF-8, escapes (a lone surrogate is refused), depth. All
 * other functions here but json_member_strict() require a text, or part of one,
 * that passed this check.
 * ERR_PARSE with the byte offset in `reason`. */
err_t json_check(struct slice text, struct reason *reason) MUST_USE;

/* The kind of a checked value. */
enum json_kind json_kind(struct slice value);

/* Members of a checked object, in order. Start with *at = 0; ERR_END after the
 * last, and at once if it is not an object. `ret_name` is the raw text between
 * the quotes, escapes undecoded. */
err_t json_member(struct slice object, size_t *at, struct slice *ret_name,
                  struct slice *ret_value) MUST_USE;
/* The same for a text that was not checked, or did not pass: each member is
 * checked before it is returned, so what stands before the first error can be
 * read. ERR_END behind the closing brace, ERR_PARSE at the error. */
err_t json_member_strict(struct slice text, size_t *at, struct slice *ret_name,
                         struct slice *ret_value) MUST_USE;
/* The value of the first member called `name` (shorter than 256 bytes), however
 * the text escapes it; ERR_NOT_FOUND, also if it is not an object. */
err_t json_get(struct slice object, const char *name,
               struct slice *ret_value) MUST_USE;
/* Elements of a checked array, as json_member. */
err_t json_element(struct slice array, size_t *at,
                   struct slice *ret_value) MUST_USE;

/* A checked string with its escapes decoded: a slice of the text itself when it
 * has none, else a copy in `arena`. ERR_RANGE if not a string, ERR_FULL. */
err_t json_string(struct slice value, struct arena *arena,
                  struct slice *ret) MUST_USE;
/* A whole number in [min, max], written without fraction or exponent. ERR_RANGE
 * otherwise. */
err_t json_integer(struct slice value, int64_t min, int64_t max,
                   int64_t *ret) MUST_USE;

/* Writes `text` (UTF-8) as a JSON string with its quotes. */
void json_write_string(struct writer *writer, struct slice text);
/* Writes a checked text without the white space between its tokens, which
 * leaves it on one line; strings and numbers are copied byte for byte. */
void json_write_compact(struct writer *writer, struct slice text);

#endif
