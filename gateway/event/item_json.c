/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR as JSON (RFC 8949 section 6.1). */
#include <math.h>

#include "gateway/event/base64.h"
#include "gateway/event/item.h"
#include "gateway/event/json.h"

/* The tags that say something about how a string becomes JSON (RFC 8949
 * sections 3.4.3 and 3.4.5.2). */
enum {
    TAG_BIGNUM = 2,
    TAG_NEGATIVE_BIGNUM = 3,
    TAG_BASE64URL = 21,
    TAG_BASE64 = 22,
    TAG_BASE16 = 23,
};

struct conversion {
    struct cursor in;
    struct writer *out;
    struct reason *reason;
};

static err_t refuse(struct conversion *to, const char *what) {
    return reason_set(to->reason, ERR_UNSUPPORTED,
                      "data holds %s, which JSON cannot represent", what);
}

static void write_bytes(struct writer *out, struct slice bytes,
                        uint64_t encoding) {
    writer_u8(out, '"');
    if (encoding == TAG_BASE64) {
        event_base64_write(out, bytes);
    } else if (encoding == TAG_BASE16) {
        event_base16_write(out, bytes);
    } else {
        event_base64url_write(out, bytes);
    }
    writer_u8(out, '"');
}

static err_t convert(struct conversion *to, uint32_t depth, uint64_t encoding);

static err_t convert_array(struct conversion *to, struct item *array,
                           uint32_t depth, uint64_t encoding) {
    const char *before = "[";
    while (event_item_more(&to->in, array)) {
        writer_str(to->out, before);
        TRY(convert(to, depth, encoding));
        before = ",";
    }
    writer_str(to->out, before[0] == '[' ? "[]" : "]");
    return ERR_OK;
}

static err_t convert_map(struct conversion *to, struct item *map,
                         uint32_t depth, uint64_t encoding) {
    const char *before = "{";
    while (event_item_more(&to->in, map)) {
        struct item key;
        TRY(event_item_next(&to->in, &key, to->reason));
        if (key.kind != ITEM_TEXT) {
            return refuse(to, "a map key that is not a text string");
        }
        writer_str(to->out, before);
        json_write_string(to->out, key.bytes);
        writer_u8(to->out, ':');
        TRY(convert(to, depth, encoding));
        before = ",";
    }
    writer_str(to->out, before[0] == '{' ? "{}" : "}");
    return ERR_OK;
}

/* Bignums become strings, so that no reader loses digits of them; the tilde
 * marks the negative. */
static err_t convert_bignum(struct conversion *to, bool negative) {
    struct item item;
    TRY(event_item_next(&to->in, &item, to->reason));
    if (item.kind != ITEM_BYTES) {
        return refuse(to, "a bignum that is not a byte string");
    }
    writer_str(to->out, negative ? "\"~" : "\"");
    event_base64url_write(to->out, item.bytes);
    writer_u8(to->out, '"');
    return ERR_OK;
}

static err_t convert_tagged(struct conversion *to, uint64_t tag, uint32_t depth,
                            uint64_t encoding) {
    switch (tag) {
    case TAG_BIGNUM:
    case TAG_NEGATIVE_BIGNUM:
        return convert_bignum(to, tag == TAG_NEGATIVE_BIGNUM);
    case TAG_BASE64URL:
    case TAG_BASE64:
    case TAG_BASE16:
        return convert(to, depth, tag);
    default:
        return convert(to, depth, encoding);
    }
}

static err_t convert_nested(struct conversion *to, struct item *item,
                            uint32_t depth, uint64_t encoding) {
    TRY(event_item_check_depth(&to->in, depth, to->reason));
    if (item->kind == ITEM_ARRAY) {
        return convert_array(to, item, depth + 1, encoding);
    }
    if (item->kind == ITEM_MAP) {
        return convert_map(to, item, depth + 1, encoding);
    }
    return convert_tagged(to, item->value, depth + 1, encoding);
}

/* One item inside `depth` others; `encoding` is the tag that says how its byte
 * strings are to be written. */
static err_t convert(struct conversion *to, uint32_t depth, uint64_t encoding) {
    struct item item;
    TRY(event_item_next(&to->in, &item, to->reason));
    switch (item.kind) {
    case ITEM_UNSIGNED:
    case ITEM_NEGATIVE:
        event_item_write_integer(&item, to->out);
        return ERR_OK;
    case ITEM_BYTES:
        write_bytes(to->out, item.bytes, encoding);
        return ERR_OK;
    case ITEM_TEXT:
        json_write_string(to->out, item.bytes);
        return ERR_OK;
    case ITEM_BOOLEAN:
        writer_str(to->out, item.value != 0 ? "true" : "false");
        return ERR_OK;
    case ITEM_NULL:
        writer_str(to->out, "null");
        return ERR_OK;
    case ITEM_UNDEFINED:
        return refuse(to, "the value undefined");
    case ITEM_HALF:
    case ITEM_FLOAT:
    case ITEM_DOUBLE:
        if (!isfinite(item.number)) {
            return refuse(to, "a number that is infinite or not a number");
        }
        event_item_write_number(&item, to->out);
        return ERR_OK;
    case ITEM_ARRAY:
    case ITEM_MAP:
    case ITEM_TAG:
        break;
    }
    return convert_nested(to, &item, depth, encoding);
}

err_t event_item_write_json(struct slice bytes, struct writer *writer,
                            struct reason *reason) {
    struct conversion to = {
        .in = cursor_over(bytes), .out = writer, .reason = reason};
    return convert(&to, 0, TAG_BASE64URL);
}
