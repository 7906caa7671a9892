/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes: a slice (a borrowed range, by value), a cursor that reads one with
 * every bound checked, and a writer into a caller's buffer. No parser does
 * pointer arithmetic itself. Integers on the wire are big-endian, as CBOR (RFC
 * 8949) and MQTT require. */
#ifndef GATEWAY_BASE_BYTES_H
#define GATEWAY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/base/error.h"

struct slice {
    const uint8_t *data; /* borrowed; may be NULL only if len is 0 */
    size_t len;
};

#define SLICE_EMPTY ((struct slice){NULL, 0})
/* A slice of a string literal, without its terminator. */
#define SLICE(literal) \
    ((struct slice){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(slice) (int)(slice).len, (const char *)(slice).data

struct slice slice_of(const void *data, size_t len);
struct slice slice_from_str(const char *text); /* NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *text);
bool slice_starts_with(struct slice a, const char *prefix);
/* The part [from, from + len), which must lie inside `a`. */
struct slice slice_part(struct slice a, size_t from, size_t len);
/* Copies as a C string. ERR_FULL if it does not fit with its terminator,
 * ERR_PARSE if it holds a NUL; `ret` is untouched then. */
err_t slice_to_str(struct slice a, char *ret, size_t ret_size) MUST_USE;
/* Strict UTF-8 (RFC 3629): no overlong form, surrogate or value past 10FFFF. */
bool slice_is_utf8(struct slice a);
/* Makes a text from outside, or one that was cut, UTF-8: a byte that belongs to
 * no whole sequence becomes a question mark. */
void str_mend_utf8(char *text);

struct cursor {
    struct slice all;
    size_t at; /* never past all.len */
};

struct cursor cursor_over(struct slice all);
size_t cursor_left(const struct cursor *cursor);
/* Each reads and moves on, or returns ERR_PARSE and moves nothing. */
err_t cursor_u8(struct cursor *cursor, uint8_t *ret) MUST_USE;
err_t cursor_u16(struct cursor *cursor, uint16_t *ret) MUST_USE;
err_t cursor_u32(struct cursor *cursor, uint32_t *ret) MUST_USE;
err_t cursor_u64(struct cursor *cursor, uint64_t *ret) MUST_USE;
err_t cursor_take(struct cursor *cursor, size_t len,
                  struct slice *ret) MUST_USE;

/* Writes into a fixed buffer. The first write that does not fit sets `full`,
 * and nothing more is written: check once, at the end. */
struct writer {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool full;
};

struct writer writer_over(void *data, size_t cap);
struct slice writer_slice(const struct writer *writer);
void writer_u8(struct writer *writer, uint8_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_u64(struct writer *writer, uint64_t value);
void writer_slice_add(struct writer *writer, struct slice slice);
void writer_str(struct writer *writer, const char *text);
void writer_fill(struct writer *writer, uint8_t value, size_t count);
void writer_printf(struct writer *writer, const char *format, ...)
    PRINTF_LIKE(2, 3);

#endif
