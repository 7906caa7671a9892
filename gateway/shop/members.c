/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/members.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/shop/money.h"
#include "gateway/shop/quantity.h"

enum {
    /* A member's name longer than this is none of ours. */
    NAME_SCRATCH = 128,
    /* The longest spelling of a character, \u0041, and the two quotes. */
    ESCAPE_LEN = 6,
    QUOTES_LEN = 2,
    /* The longest string read here, spelled with escapes only. */
    TEXT_MAX = 256,
    TEXT_SCRATCH = TEXT_MAX * ESCAPE_LEN + 64,
};

err_t members_refuse(const struct place *place, const char *member,
                     const char *expected) {
    char path[96];
    struct writer writer = writer_over(path, sizeof(path) - 1);
    writer_str(&writer, "data");
    if (place->list != NULL) {
        writer_printf(&writer, ".%s[%" PRIu32 "]", place->list, place->index);
    }
    if (place->object != NULL) {
        writer_printf(&writer, ".%s", place->object);
    }
    if (member != NULL) {
        writer_printf(&writer, ".%s", member);
    }
    path[writer.len] = '\0';
    return reason_set(place->reason, ERR_RANGE, "%s: expected %s", path,
                      expected);
}

/* A member's name as the standard compares it: with its escapes decoded. */
static struct slice decoded_name(struct slice raw, struct arena *scratch) {
    if (raw.len == 0 || memchr(raw.data, '\\', raw.len) == NULL) {
        return raw;
    }
    struct slice quoted = slice_of(raw.data - 1, raw.len + QUOTES_LEN);
    struct slice name = raw;
    if (json_string(quoted, scratch, &name) != ERR_OK) {
        return raw; /* too long to be one of ours */
    }
    return name;
}

static const struct member *find_member(struct slice name,
                                        const struct member *members,
                                        size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_str(name, members[i].name)) {
            return &members[i];
        }
    }
    return NULL;
}

static err_t take_members(struct slice object, const struct place *place,
                          const struct member *members, size_t count) {
    size_t at = 0;
    struct slice raw;
    struct slice value;
    while (json_member(object, &at, &raw, &value) == ERR_OK) {
        uint8_t buf[NAME_SCRATCH];
        struct arena scratch = arena_over(buf, sizeof(buf));
        const struct member *member =
            find_member(decoded_name(raw, &scratch), members, count);
        if (member == NULL) {
            continue;
        }
        if (member->ret->len > 0) {
            return members_refuse(place, member->name, "it only once");
        }
        *member->ret = value;
    }
    return ERR_OK;
}

err_t members_read(struct slice object, const struct place *place,
                   const struct member *members, size_t count) {
    for (size_t i = 0; i < count; i++) {
        *members[i].ret = SLICE_EMPTY;
    }
    if (json_kind(object) != JSON_OBJECT) {
        return members_refuse(place, NULL, "an object");
    }
    TRY(take_members(object, place, members, count));
    for (size_t i = 0; i < count; i++) {
        const struct member *member = &members[i];
        if (member->presence == MEMBER_NULLABLE && member->ret->len > 0 &&
            json_kind(*member->ret) == JSON_NULL) {
            *member->ret = SLICE_EMPTY;
        }
        if (member->presence == MEMBER_REQUIRED && member->ret->len == 0) {
            return members_refuse(place, member->name, "it to be there");
        }
    }
    return ERR_OK;
}

/* A string of at most `bytes_max` bytes. It is decoded on the side, so only as
 * much of the arena is taken as the string needs. */
static err_t read_string(struct slice value, size_t bytes_max,
                         struct arena *arena, struct slice *ret) {
    ENSURE(json_kind(value) == JSON_STRING, ERR_RANGE);
    ENSURE(value.len <= bytes_max * ESCAPE_LEN + QUOTES_LEN, ERR_RANGE);
    uint8_t buf[TEXT_SCRATCH];
    struct arena scratch = arena_over(buf, sizeof(buf));
    struct slice text;
    TRY(json_string(value, &scratch, &text));
    ENSURE(text.len <= bytes_max, ERR_RANGE);
    if (scratch.len > 0) {
        return arena_copy(arena, text, ret);
    }
    *ret = text;
    return ERR_OK;
}

/* U+FDD0 to U+FDEF and the last two code points of each plane. `at` is a
 * character's last byte, and `text` is UTF-8. */
static bool ends_noncharacter(struct slice text, size_t at) {
    const uint8_t *byte = text.data;
    if (at >= 2 && byte[at - 2] == 0xef && byte[at - 1] == 0xb7) {
        return byte[at] >= 0x90 && byte[at] <= 0xaf;
    }
    if (at < 2 || byte[at] < 0xbe || byte[at - 1] != 0xbf) {
        return false;
    }
    return byte[at - 2] == 0xef ||
           (at >= 3 && byte[at - 3] >= 0xf0 && (byte[at - 2] & 0x0f) == 0x0f);
}

/* What a CloudEvents string may hold: no C0, no DEL, no C1 (which UTF-8 writes
 * as c2 80 to c2 9f), no noncharacter. */
static bool is_attribute_text(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20 || byte == 0x7f || ends_noncharacter(text, i)) {
            return false;
        }
        if (byte < 0xa0 && i > 0 && text.data[i - 1] == 0xc2) {
            return false;
        }
    }
    return true;
}

err_t members_name(struct slice value, const struct place *place,
                   const char *member, size_t bytes_max, struct arena *arena,
                   struct slice *ret) {
    struct slice name = SLICE_EMPTY;
    err_t err = read_string(value, bytes_max, arena, &name);
    if (err == ERR_RANGE || name.len == 0 || !is_attribute_text(name)) {
        char expected[80];
        snprintf(expected, sizeof(expected),
                 "a string of 1 to %zu bytes without control characters",
                 bytes_max);
        return members_refuse(place, member, expected);
    }
    TRY(err);
    *ret = name;
    return ERR_OK;
}

err_t members_words(struct slice value, const struct place *place,
                    const char *member, size_t bytes_max, struct arena *arena,
                    struct slice *ret) {
    err_t err = read_string(value, bytes_max, arena, ret);
    if (err == ERR_RANGE) {
        char expected[80];
        snprintf(expected, sizeof(expected), "a string of at most %zu bytes",
                 bytes_max);
        return members_refuse(place, member, expected);
    }
    return err;
}

err_t members_decimal(struct slice value, const struct place *place,
                      const char *member, struct arena *arena,
                      struct slice *ret) {
    struct slice text = SLICE_EMPTY;
    err_t err = read_string(value, MONEY_TEXT_MAX, arena, &text);
    if (err == ERR_RANGE || !money_is_decimal(text)) {
        return members_refuse(place, member,
                              "a decimal in a string, such as \"12.50\", of at "
                              "most 12 digits and 4 decimals");
    }
    TRY(err);
    *ret = text;
    return ERR_OK;
}

err_t members_whole(struct slice value, const struct place *place,
                    const char *member, int64_t min, int64_t max,
                    int64_t *ret) {
    if (json_kind(value) != JSON_NUMBER ||
        json_integer(value, min, max, ret) != ERR_OK) {
        char expected[80];
        snprintf(expected, sizeof(expected),
                 "a whole number from %" PRId64 " to %" PRId64, min, max);
        return members_refuse(place, member, expected);
    }
    return ERR_OK;
}

err_t members_quantity(struct slice value, const struct place *place,
                       const char *member, int64_t min, int64_t max,
                       int64_t *ret) {
    err_t err = quantity_parse(value, min, max, ret);
    if (err == ERR_UNSUPPORTED) {
        return members_refuse(place, member,
                              "at most 3 decimals, such as 0.125: round it "
                              "before it is sent");
    }
    if (err != ERR_OK) {
        char expected[80];
        struct writer words = writer_over(expected, sizeof(expected) - 1);
        writer_str(&words, "a number from ");
        quantity_write(&words, min);
        writer_str(&words, " to ");
        quantity_write(&words, max);
        expected[words.len] = '\0';
        return members_refuse(place, member, expected);
    }
    return ERR_OK;
}
