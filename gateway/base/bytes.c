/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct slice slice_of(const void *data, size_t len) {
    return (struct slice){data, len};
}

struct slice slice_from_str(const char *text) {
    if (text == NULL) {
        return SLICE_EMPTY;
    }
    return slice_of(text, strlen(text));
}

bool slice_eq(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_eq_str(struct slice a, const char *text) {
    return slice_eq(a, slice_from_str(text));
}

bool slice_starts_with(struct slice a, const char *prefix) {
    size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.data, prefix, len) == 0);
}

struct slice slice_part(struct slice a, size_t from, size_t len) {
    assert(from <= a.len);
    assert(len <= a.len - from);
    if (len == 0) {
        return SLICE_EMPTY;
    }
    return slice_of(a.data + from, len);
}

err_t slice_to_str(struct slice a, char *ret, size_t ret_size) {
    ENSURE(a.len < ret_size, ERR_FULL);
    if (a.len > 0) {
        ENSURE(memchr(a.data, 0, a.len) == NULL, ERR_PARSE);
        memcpy(ret, a.data, a.len);
    }
    ret[a.len] = '\0';
    return ERR_OK;
}

/* The length of the UTF-8 sequence at the front, 0 if it is not well formed
 * (the table of RFC 3629 section 4). */
static size_t utf8_sequence(const uint8_t *p, size_t left) {
    uint8_t lead = p[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < len) {
        return 0;
    }
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    if (lead == 0xe0) {
        low = 0xa0;
    } else if (lead == 0xed) {
        high = 0x9f;
    } else if (lead == 0xf0) {
        low = 0x90;
    } else if (lead == 0xf4) {
        high = 0x8f;
    }
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool slice_is_utf8(struct slice a) {
    size_t at = 0;
    while (at < a.len) {
        size_t step = utf8_sequence(a.data + at, a.len - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

void str_mend_utf8(char *text) {
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        size_t step = utf8_sequence((const uint8_t *)text + at, len - at);
        if (step == 0) {
            text[at] = '?';
        }
        at += step > 0 ? step : 1;
    }
}

struct cursor cursor_over(struct slice all) {
    return (struct cursor){all, 0};
}

size_t cursor_left(const struct cursor *cursor) {
    assert(cursor->at <= cursor->all.len);
    return cursor->all.len - cursor->at;
}

static err_t cursor_unsigned(struct cursor *cursor, size_t len, uint64_t *ret) {
    ENSURE(cursor_left(cursor) >= len, ERR_PARSE);
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | cursor->all.data[cursor->at + i];
    }
    cursor->at += len;
    *ret = value;
    return ERR_OK;
}

err_t cursor_u8(struct cursor *cursor, uint8_t *ret) {
    uint64_t value;
    TRY(cursor_unsigned(cursor, 1, &value));
    *ret = (uint8_t)value;
    return ERR_OK;
}

err_t cursor_u16(struct cursor *cursor, uint16_t *ret) {
    uint64_t value;
    TRY(cursor_unsigned(cursor, 2, &value));
    *ret = (uint16_t)value;
    return ERR_OK;
}

err_t cursor_u32(struct cursor *cursor, uint32_t *ret) {
    uint64_t value;
    TRY(cursor_unsigned(cursor, 4, &value));
    *ret = (uint32_t)value;
    return ERR_OK;
}

err_t cursor_u64(struct cursor *cursor, uint64_t *ret) {
    return cursor_unsigned(cursor, 8, ret);
}

err_t cursor_take(struct cursor *cursor, size_t len, struct slice *ret) {
    ENSURE(cursor_left(cursor) >= len, ERR_PARSE);
    *ret = slice_part(cursor->all, cursor->at, len);
    cursor->at += len;
    return ERR_OK;
}

struct writer writer_over(void *data, size_t cap) {
    return (struct writer){.data = data, .len = 0, .cap = cap, .full = false};
}

struct slice writer_slice(const struct writer *writer) {
    return slice_of(writer->data, writer->len);
}

/* Room for `len` more bytes, or NULL with `full` set. */
static uint8_t *writer_room(struct writer *writer, size_t len) {
    if (writer->full || writer->cap - writer->len < len) {
        writer->full = true;
        return NULL;
    }
    uint8_t *room = writer->data + writer->len;
    writer->len += len;
    return room;
}

static void writer_unsigned(struct writer *writer, size_t len, uint64_t value) {
    uint8_t *room = writer_room(writer, len);
    if (room == NULL) {
        return;
    }
    for (size_t i = len; i > 0; i--) {
        room[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

void writer_u8(struct writer *writer, uint8_t value) {
    writer_unsigned(writer, 1, value);
}

void writer_u16(struct writer *writer, uint16_t value) {
    writer_unsigned(writer, 2, value);
}

void writer_u32(struct writer *writer, uint32_t value) {
    writer_unsigned(writer, 4, value);
}

void writer_u64(struct writer *writer, uint64_t value) {
    writer_unsigned(writer, 8, value);
}

void writer_slice_add(struct writer *writer, struct slice slice) {
    if (slice.len == 0) {
        return;
    }
    uint8_t *room = writer_room(writer, slice.len);
    if (room != NULL) {
        memcpy(room, slice.data, slice.len);
    }
}

void writer_str(struct writer *writer, const char *text) {
    writer_slice_add(writer, slice_from_str(text));
}

void writer_fill(struct writer *writer, uint8_t value, size_t count) {
    uint8_t *room = writer_room(writer, count);
    if (room != NULL && count > 0) {
        memset(room, value, count);
    }
}

void writer_printf(struct writer *writer, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text) {
        writer->full = true;
        return;
    }
    writer_slice_add(writer, slice_of(text, (size_t)len));
}
