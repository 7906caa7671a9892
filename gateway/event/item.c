/* SPDX-License-Identifier: Apache-2.0 */
/* libcbor's stream decoder reads each head: it allocates nothing and claims no
 * byte that is not there (its tree builder does both). Bounds, UTF-8 and depth
 * are ours. */
#include "gateway/event/item.h"

#include <cbor.h>

#include "gateway/event/json.h"

/* What one call of the stream decoder says. */
struct heard {
    struct item item;
    bool in_chunks; /* a string of indefinite length */
    bool is_break;
};

static void hear(void *context, enum item_kind kind, uint64_t value) {
    struct heard *heard = context;
    heard->item.kind = kind;
    heard->item.value = value;
}

static void hear_uint8(void *context, uint8_t value) {
    hear(context, ITEM_UNSIGNED, value);
}

static void hear_uint16(void *context, uint16_t value) {
    hear(context, ITEM_UNSIGNED, value);
}

static void hear_uint32(void *context, uint32_t value) {
    hear(context, ITEM_UNSIGNED, value);
}

static void hear_uint64(void *context, uint64_t value) {
    hear(context, ITEM_UNSIGNED, value);
}

static void hear_negint8(void *context, uint8_t value) {
    hear(context, ITEM_NEGATIVE, value);
}

static void hear_negint16(void *context, uint16_t value) {
    hear(context, ITEM_NEGATIVE, value);
}

static void hear_negint32(void *context, uint32_t value) {
    hear(context, ITEM_NEGATIVE, value);
}

static void hear_negint64(void *context, uint64_t value) {
    hear(context, ITEM_NEGATIVE, value);
}

static void hear_bytes(void *context, cbor_data data, size_t len) {
    struct heard *heard = context;
    hear(context, ITEM_BYTES, 0);
    heard->item.bytes = slice_of(data, len);
}

static void hear_text(void *context, cbor_data data, size_t len) {
    struct heard *heard = context;
    hear(context, ITEM_TEXT, 0);
    heard->item.bytes = slice_of(data, len);
}

static void hear_chunks(void *context) {
    struct heard *heard = context;
    heard->in_chunks = true;
}

static void hear_array(void *context, size_t count) {
    hear(context, ITEM_ARRAY, count);
}

static void hear_map(void *context, size_t count) {
    hear(context, ITEM_MAP, count);
}

static void hear_open_array(void *context) {
    struct heard *heard = context;
    hear(context, ITEM_ARRAY, 0);
    heard->item.indefinite = true;
}

static void hear_open_map(void *context) {
    struct heard *heard = context;
    hear(context, ITEM_MAP, 0);
    heard->item.indefinite = true;
}

static void hear_tag(void *context, uint64_t number) {
    hear(context, ITEM_TAG, number);
}

static void hear_half(void *context, float number) {
    struct heard *heard = context;
    hear(context, ITEM_HALF, 0);
    heard->item.number = (double)number;
}

static void hear_float(void *context, float number) {
    struct heard *heard = context;
    hear(context, ITEM_FLOAT, 0);
    heard->item.number = (double)number;
}

static void hear_double(void *context, double number) {
    struct heard *heard = context;
    hear(context, ITEM_DOUBLE, 0);
    heard->item.number = number;
}

static void hear_undefined(void *context) {
    hear(context, ITEM_UNDEFINED, 0);
}

static void hear_null(void *context) {
    hear(context, ITEM_NULL, 0);
}

static void hear_boolean(void *context, bool value) {
    hear(context, ITEM_BOOLEAN, value ? 1 : 0);
}

static void hear_break(void *context) {
    struct heard *heard = context;
    heard->is_break = true;
}

static const struct cbor_callbacks HEARERS = {
    .uint8 = hear_uint8,
    .uint16 = hear_uint16,
    .uint32 = hear_uint32,
    .uint64 = hear_uint64,
    .negint64 = hear_negint64,
    .negint32 = hear_negint32,
    .negint16 = hear_negint16,
    .negint8 = hear_negint8,
    .byte_string_start = hear_chunks,
    .byte_string = hear_bytes,
    .string = hear_text,
    .string_start = hear_chunks,
    .indef_array_start = hear_open_array,
    .array_start = hear_array,
    .indef_map_start = hear_open_map,
    .map_start = hear_map,
    .tag = hear_tag,
    .float2 = hear_half,
    .float4 = hear_float,
    .float8 = hear_double,
    .undefined = hear_undefined,
    .null = hear_null,
    .boolean = hear_boolean,
    .indef_break = hear_break,
};

static err_t refuse(const struct cursor *in, struct reason *reason,
                    const char *what) {
    return reason_set(reason, ERR_PARSE, "CBOR not accepted at byte %zu: %s",
                      in->at, what);
}

/* libcbor 0.8 refuses the tags 6 to 20, which are as good as any. Those are
 * written in the head itself. */
static bool take_short_tag(struct cursor *in, struct item *ret) {
    struct cursor ahead = *in;
    uint8_t head;
    if (cursor_u8(&ahead, &head) != ERR_OK || head < 0xc0 || head > 0xd7) {
        return false;
    }
    *in = ahead;
    *ret = (struct item){.kind = ITEM_TAG, .value = head & 0x1f};
    return true;
}

/* Every element takes a byte at least, so a count can be known to be a lie
 * before anything is read. */
static err_t check_claims(const struct cursor *in, const struct heard *heard,
                          struct reason *reason) {
    const struct item *item = &heard->item;
    if (heard->in_chunks) {
        return refuse(in, reason,
                      "a string in chunks (indefinite length); "
                      "send it in one piece");
    }
    if (heard->is_break) {
        return refuse(in, reason, "a break with nothing to end");
    }
    size_t left = cursor_left(in);
    if ((item->kind == ITEM_ARRAY && item->value > left) ||
        (item->kind == ITEM_MAP && item->value > left / 2)) {
        return refuse(in, reason,
                      "an array or map claims more elements "
                      "than there are bytes");
    }
    if (item->kind == ITEM_TEXT && !slice_is_utf8(item->bytes)) {
        return refuse(in, reason, "a text string is not UTF-8");
    }
    return ERR_OK;
}

err_t event_item_next(struct cursor *in, struct item *ret,
                      struct reason *reason) {
    struct heard heard = {.item = {.kind = ITEM_NULL}};
    if (take_short_tag(in, ret)) {
        return ERR_OK;
    }
    struct slice rest = slice_part(in->all, in->at, cursor_left(in));
    if (rest.len == 0) {
        return refuse(in, reason, "it ends where an item should begin");
    }
    struct cbor_decoder_result result =
        cbor_stream_decode(rest.data, rest.len, &HEARERS, &heard);
    if (result.status == CBOR_DECODER_NEDATA) {
        return refuse(in, reason, "an item is cut short");
    }
    if (result.status != CBOR_DECODER_FINISHED) {
        return refuse(in, reason, "a reserved head or an unknown simple value");
    }
    TRY(check_claims(in, &heard, reason));
    in->at += result.read;
    *ret = heard.item;
    return ERR_OK;
}

bool event_item_more(struct cursor *in, struct item *item) {
    if (!item->indefinite) {
        if (item->value == 0) {
            return false;
        }
        item->value--;
        return true;
    }
    struct cursor ahead = *in;
    uint8_t head;
    if (cursor_u8(&ahead, &head) == ERR_OK && head == 0xff) {
        *in = ahead;
        return false;
    }
    return true;
}

err_t event_item_check_depth(const struct cursor *in, uint32_t depth,
                             struct reason *reason) {
    if (depth >= JSON_DEPTH_MAX) {
        return reason_set(reason, ERR_PARSE,
                          "CBOR at byte %zu is nested more than %d deep",
                          in->at, JSON_DEPTH_MAX);
    }
    return ERR_OK;
}

err_t event_item_skip(struct cursor *in, uint32_t depth,
                      struct reason *reason) {
    struct item item;
    TRY(event_item_next(in, &item, reason));
    if (item.kind != ITEM_TAG && item.kind != ITEM_ARRAY &&
        item.kind != ITEM_MAP) {
        return ERR_OK;
    }
    TRY(event_item_check_depth(in, depth, reason));
    if (item.kind == ITEM_TAG) {
        return event_item_skip(in, depth + 1, reason);
    }
    while (event_item_more(in, &item)) {
        TRY(event_item_skip(in, depth + 1, reason));
        if (item.kind == ITEM_MAP) {
            TRY(event_item_skip(in, depth + 1, reason));
        }
    }
    return ERR_OK;
}

err_t event_item_check(struct slice bytes, struct reason *reason) {
    struct cursor in = cursor_over(bytes);
    TRY(event_item_skip(&in, 0, reason));
    if (cursor_left(&in) > 0) {
        return refuse(&in, reason, "something follows the item");
    }
    return ERR_OK;
}
