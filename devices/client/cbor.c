/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/client/cbor.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Major types, RFC 8949 section 3.1. */
enum {
    CBOR_UINT = 0,
    CBOR_NINT = 1,
    CBOR_TEXT = 3,
    CBOR_ARRAY = 4,
    CBOR_MAP = 5,
    CBOR_TAG = 6,
    CBOR_SIMPLE = 7,
};

enum {
    CBOR_FALSE = 0xf4,
    CBOR_TRUE = 0xf5,
    CBOR_NULL = 0xf6,
    CBOR_FLOAT64 = 0xfb,
};

/* Whole numbers up to here are exact in a double, and so in cJSON. */
static const double WHOLE_MAX = 9007199254740992.0; /* 2^53 */

static void write_head(struct writer *writer, uint8_t major, uint64_t value) {
    assert(major <= CBOR_SIMPLE);
    uint8_t type = (uint8_t)(major << 5);
    if (value < 24) {
        writer_u8(writer, (uint8_t)(type | value));
    } else if (value <= UINT8_MAX) {
        writer_u8(writer, type | 24);
        writer_u8(writer, (uint8_t)value);
    } else if (value <= UINT16_MAX) {
        writer_u8(writer, type | 25);
        writer_u16(writer, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        writer_u8(writer, type | 26);
        writer_u32(writer, (uint32_t)value);
    } else {
        writer_u8(writer, type | 27);
        writer_u64(writer, value);
    }
}

static void write_text(struct writer *writer, const char *text) {
    write_head(writer, CBOR_TEXT, strlen(text));
    writer_str(writer, text);
}

static void write_number(struct writer *writer, double number) {
    if (number == floor(number) && fabs(number) <= WHOLE_MAX) {
        if (number >= 0) {
            write_head(writer, CBOR_UINT, (uint64_t)number);
        } else {
            write_head(writer, CBOR_NINT, (uint64_t)(-1 - number));
        }
        return;
    }
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    writer_u8(writer, CBOR_FLOAT64);
    writer_u64(writer, bits);
}

/* Recursion is bounded by the tree, which is ours. */
void cbor_write(const cJSON *tree, struct writer *writer) {
    if (cJSON_IsString(tree)) {
        write_text(writer, tree->valuestring);
    } else if (cJSON_IsNumber(tree)) {
        write_number(writer, tree->valuedouble);
    } else if (cJSON_IsBool(tree)) {
        writer_u8(writer, cJSON_IsTrue(tree) ? CBOR_TRUE : CBOR_FALSE);
    } else if (cJSON_IsArray(tree) || cJSON_IsObject(tree)) {
        bool map = cJSON_IsObject(tree);
        write_head(writer, map ? CBOR_MAP : CBOR_ARRAY,
                   (uint64_t)cJSON_GetArraySize(tree));
        const cJSON *child;
        cJSON_ArrayForEach(child, tree) {
            if (map) {
                write_text(writer, child->string);
            }
            cbor_write(child, writer);
        }
    } else {
        writer_u8(writer, CBOR_NULL);
    }
}

static err_t read_head(struct cursor *cursor, uint8_t *ret_major,
                       uint8_t *ret_byte, uint64_t *ret_value) {
    uint8_t byte;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    TRY(cursor_u8(cursor, &byte));
    switch (byte & 0x1f) {
    case 24:
        TRY(cursor_u8(cursor, &u8));
        *ret_value = u8;
        break;
    case 25:
        TRY(cursor_u16(cursor, &u16));
        *ret_value = u16;
        break;
    case 26:
        TRY(cursor_u32(cursor, &u32));
        *ret_value = u32;
        break;
    case 27:
        TRY(cursor_u64(cursor, ret_value));
        break;
    default:
        ENSURE((byte & 0x1f) < 24, ERR_PARSE);
        *ret_value = byte & 0x1f;
    }
    *ret_major = byte >> 5;
    *ret_byte = byte;
    return ERR_OK;
}

/* A copy as a C string that the caller frees. */
static err_t read_text(struct cursor *cursor, uint64_t len, char **ret) {
    struct slice text;
    ENSURE(len <= cursor_left(cursor), ERR_PARSE);
    TRY(cursor_take(cursor, (size_t)len, &text));
    ENSURE(slice_is_utf8(text), ERR_PARSE);
    char *copy = malloc(text.len + 1);
    ENSURE(copy != NULL, ERR_MEMORY);
    err_t err = slice_to_str(text, copy, text.len + 1);
    if (err != ERR_OK) {
        free(copy);
        return err;
    }
    *ret = copy;
    return ERR_OK;
}

static void text_free(char **text) {
    free(*text);
}

static err_t read_string(struct cursor *cursor, uint64_t len, cJSON **ret) {
    char *text CLEANUP(text_free) = NULL;
    TRY(read_text(cursor, len, &text));
    *ret = cJSON_CreateString(text);
    return ERR_OK;
}

static err_t read_simple(uint8_t byte, uint64_t value, cJSON **ret) {
    double number;
    switch (byte) {
    case CBOR_FALSE:
    case CBOR_TRUE:
        *ret = cJSON_CreateBool(byte == CBOR_TRUE);
        return ERR_OK;
    case CBOR_NULL:
        *ret = cJSON_CreateNull();
        return ERR_OK;
    case CBOR_FLOAT64:
        memcpy(&number, &value, sizeof number);
        ENSURE(isfinite(number), ERR_PARSE);
        *ret = cJSON_CreateNumber(number);
        return ERR_OK;
    default:
        return ERR_PARSE;
    }
}

static err_t read_item(struct cursor *cursor, uint32_t depth, cJSON **ret);

static err_t read_member(struct cursor *cursor, uint32_t depth, bool map,
                         cJSON *parent) {
    char *name CLEANUP(text_free) = NULL;
    if (map) {
        uint8_t major;
        uint8_t byte;
        uint64_t len;
        TRY(read_head(cursor, &major, &byte, &len));
        ENSURE(major == CBOR_TEXT, ERR_PARSE);
        TRY(read_text(cursor, len, &name));
    }
    cJSON *child;
    TRY(read_item(cursor, depth, &child));
    if (map) {
        cJSON_AddItemToObject(parent, name, child);
    } else {
        cJSON_AddItemToArray(parent, child);
    }
    return ERR_OK;
}

static err_t read_members(struct cursor *cursor, uint32_t depth, bool map,
                          uint64_t count, cJSON **ret) {
    ENSURE(depth > 0, ERR_PARSE);
    cJSON *parent = map ? cJSON_CreateObject() : cJSON_CreateArray();
    ENSURE(parent != NULL, ERR_MEMORY);
    for (uint64_t i = 0; i < count; i++) {
        err_t err = read_member(cursor, depth - 1, map, parent);
        if (err != ERR_OK) {
            cJSON_Delete(parent);
            return err;
        }
    }
    *ret = parent;
    return ERR_OK;
}

static err_t read_value(struct cursor *cursor, uint32_t depth, cJSON **ret) {
    uint8_t major;
    uint8_t byte;
    uint64_t value;
    do {
        TRY(read_head(cursor, &major, &byte, &value));
    } while (major == CBOR_TAG);

    switch (major) {
    case CBOR_UINT:
        *ret = cJSON_CreateNumber((double)value);
        return ERR_OK;
    case CBOR_NINT:
        *ret = cJSON_CreateNumber(-1 - (double)value);
        return ERR_OK;
    case CBOR_TEXT:
        return read_string(cursor, value, ret);
    case CBOR_ARRAY:
    case CBOR_MAP:
        return read_members(cursor, depth, major == CBOR_MAP, value, ret);
    case CBOR_SIMPLE:
        return read_simple(byte, value, ret);
    default:
        return ERR_PARSE;
    }
}

static err_t read_item(struct cursor *cursor, uint32_t depth, cJSON **ret) {
    cJSON *item = NULL;
    TRY(read_value(cursor, depth, &item));
    ENSURE(item != NULL, ERR_MEMORY);
    *ret = item;
    return ERR_OK;
}

err_t cbor_read(struct slice bytes, uint32_t depth, cJSON **ret) {
    struct cursor cursor = cursor_over(bytes);
    cJSON *item;
    TRY(read_item(&cursor, depth, &item));
    if (cursor_left(&cursor) != 0) {
        cJSON_Delete(item);
        return ERR_PARSE;
    }
    *ret = item;
    return ERR_OK;
}
