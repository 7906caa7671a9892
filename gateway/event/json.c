/* SPDX-License-Identifier: Apache-2.0 */
/* The check is one recursive descent, as deep as JSON_DEPTH_MAX at most.
 * Functions that walk a checked text rely on it: running off the end there is a
 * bug, so it is an assertion. */
#include "gateway/event/json.h"

#include <assert.h>

struct check {
    struct cursor in;
    struct reason *reason;
};

/* The byte ahead, or -1 at the end. */
static int peek(const struct cursor *in) {
    return in->at < in->all.len ? in->all.data[in->at] : -1;
}

static bool accept(struct cursor *in, int byte) {
    if (peek(in) != byte) {
        return false;
    }
    in->at++;
    return true;
}

static void skip_space(struct cursor *in) {
    int c = peek(in);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        in->at++;
        c = peek(in);
    }
}

static err_t fail(const struct check *check, const char *what) {
    return reason_set(check->reason, ERR_PARSE, "not JSON at byte %zu: %s",
                      check->in.at, what);
}

/* -1 if it is not a hexadecimal digit. */
static int hex_value(int c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The four digits after "\u"; ERR_PARSE if they are not. */
static err_t take_hex4(struct cursor *in, uint32_t *ret) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(peek(in));
        ENSURE(digit >= 0, ERR_PARSE);
        value = value << 4 | (uint32_t)digit;
        in->at++;
    }
    *ret = value;
    return ERR_OK;
}

static bool is_high_surrogate(uint32_t unit) {
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(uint32_t unit) {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The code point of an escape whose "\u" is behind; ERR_PARSE for anything but
 * a character or a whole surrogate pair (RFC 8259 section 7). */
static err_t take_code_point(struct cursor *in, uint32_t *ret) {
    uint32_t unit;
    TRY(take_hex4(in, &unit));
    ENSURE(!is_low_surrogate(unit), ERR_PARSE);
    if (is_high_surrogate(unit)) {
        uint32_t low;
        ENSURE(accept(in, '\\') && accept(in, 'u'), ERR_PARSE);
        TRY(take_hex4(in, &low));
        ENSURE(is_low_surrogate(low), ERR_PARSE);
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret = unit;
    return ERR_OK;
}

/* What a one-letter escape stands for, -1 if it stands for nothing. */
static int short_escape(int letter) {
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return -1;
    }
}

static err_t check_escape(struct check *check) {
    struct cursor *in = &check->in;
    size_t start = in->at - 1;
    uint32_t code_point;
    if (short_escape(peek(in)) >= 0) {
        in->at++;
        return ERR_OK;
    }
    if (!accept(in, 'u')) {
        return fail(check, "no such escape; see RFC 8259 section 7");
    }
    if (take_code_point(in, &code_point) != ERR_OK) {
        in->at = start;
        return fail(check, "\\u needs four hexadecimal digits, and a surrogate "
                           "its other half");
    }
    return ERR_OK;
}

/* A run of bytes past ASCII: whole UTF-8 sequences and nothing else. */
static err_t check_utf8(struct check *check) {
    struct cursor *in = &check->in;
    size_t start = in->at;
    while (peek(in) >= 0x80) {
        in->at++;
    }
    if (!slice_is_utf8(slice_part(in->all, start, in->at - start))) {
        in->at = start;
        return fail(check, "not UTF-8");
    }
    return ERR_OK;
}

/* Skips plain characters of a string: ASCII except controls, the quote and the
 * backslash. Most of a text is these, so this loop is fast. */
static void skip_plain(struct cursor *in) {
    /* A bit a byte, 32 in a row. */
    static const uint32_t plain[8] = {0, ~(1U << ('"' - 0x20)),
                                      ~(1U << ('\\' - 0x40)), UINT32_MAX};
    const uint8_t *data = in->all.data;
    size_t len = in->all.len;
    size_t at = in->at;
    while (at < len && (plain[data[at] >> 5] >> (data[at] & 31) & 1) != 0) {
        at++;
    }
    in->at = at;
}

static err_t check_string(struct check *check) {
    struct cursor *in = &check->in;
    if (!accept(in, '"')) {
        return fail(check, "expected a string in double quotes");
    }
    skip_plain(in);
    while (!accept(in, '"')) {
        int c = peek(in);
        if (c < 0) {
            return fail(check, "the string does not end");
        }
        if (c < 0x20) {
            return fail(check, "a control character in a string; escape it");
        }
        if (c >= 0x80) {
            TRY(check_utf8(check));
        } else {
            in->at++; /* a backslash: the rest of the plain is behind */
            TRY(check_escape(check));
        }
        skip_plain(in);
    }
    return ERR_OK;
}

/* False if there is not even one. */
static bool skip_digits(struct cursor *in) {
    size_t start = in->at;
    while (peek(in) >= '0' && peek(in) <= '9') {
        in->at++;
    }
    return in->at > start;
}

static err_t check_number(struct check *check) {
    struct cursor *in = &check->in;
    accept(in, '-');
    if (!accept(in, '0') && !skip_digits(in)) {
        return fail(check, "expected a value");
    }
    if (accept(in, '.') && !skip_digits(in)) {
        return fail(check, "expected a digit after the decimal point");
    }
    if (accept(in, 'e') || accept(in, 'E')) {
        if (!accept(in, '+')) {
            accept(in, '-');
        }
        if (!skip_digits(in)) {
            return fail(check, "expected a digit in the exponent");
        }
    }
    return ERR_OK;
}

static err_t check_word(struct check *check, const char *word) {
    struct cursor *in = &check->in;
    struct slice rest = slice_part(in->all, in->at, cursor_left(in));
    if (!slice_starts_with(rest, word)) {
        return fail(check, "expected a value");
    }
    in->at += strlen(word);
    return ERR_OK;
}

static err_t check_value(struct check *check, uint32_t depth);

static err_t check_array(struct check *check, uint32_t depth) {
    struct cursor *in = &check->in;
    in->at++;
    skip_space(in);
    if (accept(in, ']')) {
        return ERR_OK;
    }
    do {
        TRY(check_value(check, depth));
    } while (accept(in, ','));
    if (!accept(in, ']')) {
        return fail(check, "expected ',' or ']'");
    }
    return ERR_OK;
}

static err_t check_object(struct check *check, uint32_t depth) {
    struct cursor *in = &check->in;
    in->at++;
    skip_space(in);
    if (accept(in, '}')) {
        return ERR_OK;
    }
    do {
        skip_space(in);
        TRY(check_string(check));
        skip_space(in);
        if (!accept(in, ':')) {
            return fail(check, "expected ':'");
        }
        TRY(check_value(check, depth));
    } while (accept(in, ','));
    if (!accept(in, '}')) {
        return fail(check, "expected ',' or '}'");
    }
    return ERR_OK;
}

static err_t check_nested(struct check *check, uint32_t depth) {
    if (depth == JSON_DEPTH_MAX) {
        return reason_set(check->reason, ERR_PARSE,
                          "JSON at byte %zu is nested more than %d deep",
                          check->in.at, JSON_DEPTH_MAX);
    }
    if (peek(&check->in) == '{') {
        return check_object(check, depth + 1);
    }
    return check_array(check, depth + 1);
}

/* One value and the white space around it; `depth` nestings are open. */
static err_t check_value(struct check *check, uint32_t depth) {
    skip_space(&check->in);
    switch (peek(&check->in)) {
    case '{':
    case '[':
        TRY(check_nested(check, depth));
        break;
    case '"':
        TRY(check_string(check));
        break;
    case 't':
        TRY(check_word(check, "true"));
        break;
    case 'f':
        TRY(check_word(check, "false"));
        break;
    case 'n':
        TRY(check_word(check, "null"));
        break;
    default:
        TRY(check_number(check));
    }
    skip_space(&check->in);
    return ERR_OK;
}

err_t json_check(struct slice text, struct reason *reason) {
    struct check check = {.in = cursor_over(text), .reason = reason};
    if (slice_starts_with(text, "\xef\xbb\xbf")) {
        return fail(&check, "a byte order mark; leave it out");
    }
    TRY(check_value(&check, 0));
    if (cursor_left(&check.in) > 0) {
        return fail(&check, "something follows the value");
    }
    return ERR_OK;
}

err_t json_member_strict(struct slice text, size_t *at, struct slice *ret_name,
                         struct slice *ret_value) {
    struct check check = {.in = {.all = text, .at = *at}};
    struct cursor *in = &check.in;
    bool first = *at == 0;
    skip_space(in);
    if (!accept(in, first ? '{' : ',')) {
        return !first && accept(in, '}') ? ERR_END : ERR_PARSE;
    }
    skip_space(in);
    if (first && accept(in, '}')) {
        return ERR_END;
    }
    size_t name = in->at;
    TRY(check_string(&check));
    struct slice quoted = slice_part(text, name, in->at - name);
    skip_space(in);
    ENSURE(accept(in, ':'), ERR_PARSE);
    size_t value = in->at;
    TRY(check_value(&check, 1));
    *ret_name = slice_part(quoted, 1, quoted.len - 2);
    *ret_value = slice_part(text, value, in->at - value);
    *at = in->at;
    return ERR_OK;
}

enum json_kind json_kind(struct slice value) {
    struct cursor in = cursor_over(value);
    skip_space(&in);
    switch (peek(&in)) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        assert(peek(&in) >= 0);
        return JSON_NUMBER;
    }
}

/* Past a checked string, of which `ret` is what stands between the quotes. */
static void walk_string(struct cursor *in, struct slice *ret) {
    bool opens = accept(in, '"');
    assert(opens);
    size_t start = in->at;
    skip_plain(in);
    while (peek(in) != '"') {
        in->at += peek(in) == '\\' ? 2 : 1;
        assert(in->at < in->all.len);
        skip_plain(in);
    }
    *ret = slice_part(in->all, start, in->at - start);
    in->at++;
}

static void walk_nested(struct cursor *in) {
    uint32_t depth = 0;
    do {
        struct slice ignored;
        int c = peek(in);
        assert(c >= 0);
        if (c == '"') {
            walk_string(in, &ignored);
            continue;
        }
        in->at++;
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    } while (depth > 0);
}

static bool ends_scalar(int c) {
    return c < 0 || c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' ||
           c == '\r' || c == '\t';
}

static struct slice walk_value(struct cursor *in) {
    struct slice ignored;
    skip_space(in);
    size_t start = in->at;
    int c = peek(in);
    if (c == '"') {
        walk_string(in, &ignored);
    } else if (c == '{' || c == '[') {
        walk_nested(in);
    } else {
        while (!ends_scalar(peek(in))) {
            in->at++;
        }
    }
    assert(in->at > start);
    return slice_part(in->all, start, in->at - start);
}

/* Moves from the opening, or from behind the last member, to the next. False
 * if there is none. */
static bool walk_to_next(struct cursor *in, int open, int close) {
    skip_space(in);
    if (!accept(in, open) && !accept(in, ',')) {
        return false;
    }
    skip_space(in);
    return peek(in) != close;
}

err_t json_member(struct slice object, size_t *at, struct slice *ret_name,
                  struct slice *ret_value) {
    struct cursor in = {.all = object, .at = *at};
    ENSURE(walk_to_next(&in, '{', '}'), ERR_END);
    walk_string(&in, ret_name);
    skip_space(&in);
    bool colon = accept(&in, ':');
    assert(colon);
    *ret_value = walk_value(&in);
    *at = in.at;
    return ERR_OK;
}

err_t json_element(struct slice array, size_t *at, struct slice *ret_value) {
    struct cursor in = {.all = array, .at = *at};
    ENSURE(walk_to_next(&in, '[', ']'), ERR_END);
    *ret_value = walk_value(&in);
    *at = in.at;
    return ERR_OK;
}

static void write_utf8(struct writer *writer, uint32_t code_point) {
    if (code_point < 0x80) {
        writer_u8(writer, (uint8_t)code_point);
        return;
    }
    int more = code_point >= 0x10000 ? 3 : code_point >= 0x800 ? 2 : 1;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    writer_u8(writer, (uint8_t)(lead[more] | code_point >> (6 * more)));
    for (int shift = 6 * (more - 1); shift >= 0; shift -= 6) {
        writer_u8(writer, (uint8_t)(0x80 | (code_point >> shift & 0x3f)));
    }
}

/* Decodes the raw text between a checked string's quotes. */
static void decode(struct slice raw, struct writer *writer) {
    struct cursor in = cursor_over(raw);
    while (cursor_left(&in) > 0) {
        int c = peek(&in);
        in.at++;
        if (c != '\\') {
            writer_u8(writer, (uint8_t)c);
            continue;
        }
        uint32_t code_point = (uint32_t)short_escape(peek(&in));
        if (accept(&in, 'u')) {
            err_t err = take_code_point(&in, &code_point);
            assert(err == ERR_OK);
        } else {
            in.at++;
        }
        write_utf8(writer, code_point);
    }
}

static bool has_escapes(struct slice raw) {
    return raw.len > 0 && memchr(raw.data, '\\', raw.len) != NULL;
}

static bool name_is(struct slice raw, const char *name) {
    if (!has_escapes(raw)) {
        return slice_eq_str(raw, name);
    }
    char buf[256];
    struct writer decoded = writer_over(buf, sizeof buf);
    assert(strlen(name) < sizeof buf);
    decode(raw, &decoded);
    return !decoded.full && slice_eq_str(writer_slice(&decoded), name);
}

err_t json_get(struct slice object, const char *name, struct slice *ret_value) {
    struct slice raw;
    struct slice value;
    size_t at = 0;
    while (json_member(object, &at, &raw, &value) == ERR_OK) {
        if (name_is(raw, name)) {
            *ret_value = value;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

err_t json_string(struct slice value, struct arena *arena, struct slice *ret) {
    struct cursor in = cursor_over(value);
    struct slice raw;
    ENSURE(json_kind(value) == JSON_STRING, ERR_RANGE);
    skip_space(&in);
    walk_string(&in, &raw);
    if (!has_escapes(raw)) {
        *ret = raw;
        return ERR_OK;
    }
    /* Decoding never makes a string longer. */
    void *room = arena_alloc(arena, raw.len);
    ENSURE(room != NULL, ERR_FULL);
    struct writer writer = writer_over(room, raw.len);
    decode(raw, &writer);
    assert(!writer.full);
    *ret = writer_slice(&writer);
    return ERR_OK;
}

err_t json_integer(struct slice value, int64_t min, int64_t max, int64_t *ret) {
    struct cursor in = cursor_over(value);
    skip_space(&in);
    bool negative = accept(&in, '-');
    /* Counted below zero, where there is room for one more. */
    int64_t number = 0;
    size_t digits = 0;
    while (!ends_scalar(peek(&in))) {
        int digit = peek(&in) - '0';
        ENSURE(digit >= 0 && digit <= 9, ERR_RANGE);
        ENSURE(number >= (INT64_MIN + digit) / 10, ERR_RANGE);
        number = number * 10 - digit;
        digits++;
        in.at++;
    }
    ENSURE(digits > 0 && (negative || number > INT64_MIN), ERR_RANGE);
    number = negative ? number : -number;
    ENSURE(number >= min && number <= max, ERR_RANGE);
    *ret = number;
    return ERR_OK;
}

void json_write_compact(struct writer *writer, struct slice text) {
    struct cursor in = cursor_over(text);
    skip_space(&in);
    size_t start = in.at; /* of what is not yet written */
    while (cursor_left(&in) > 0) {
        struct slice ignored;
        if (peek(&in) == '"') {
            walk_string(&in, &ignored);
        } else {
            in.at++;
        }
        size_t end = in.at;
        skip_space(&in);
        if (in.at > end) {
            writer_slice_add(writer, slice_part(text, start, end - start));
            start = in.at;
        }
    }
    writer_slice_add(writer, slice_part(text, start, text.len - start));
}
