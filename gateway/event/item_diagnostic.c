/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR in diagnostic notation: RFC 8949 section 8, and RFC 8610 appendix G.3
 * for an item embedded in a byte string. */
#include <math.h>
#include <string.h>

#include "gateway/event/event.h"
#include "gateway/event/item.h"
#include "gateway/event/json.h"

enum { TAG_CBOR = 24 }; /* "encoded CBOR data item" */

struct diagnosis {
    struct cursor in;
    struct writer *out;
    struct reason *reason;
};

static err_t describe(struct diagnosis *to, uint32_t depth);

/* A suffix says in how many bytes it was sent: _1 is two, _2 four, _3 eight. */
static void describe_float(const struct item *item, struct writer *out) {
    if (isfinite(item->number)) {
        size_t before = out->len;
        event_item_write_number(item, out);
        struct slice text =
            slice_of((const uint8_t *)out->data + before, out->len - before);
        bool whole = memchr(text.data, '.', text.len) == NULL &&
                     memchr(text.data, 'e', text.len) == NULL;
        writer_str(out, whole ? ".0" : "");
    } else if (isnan(item->number)) {
        writer_str(out, "NaN");
    } else {
        writer_str(out, item->number < 0 ? "-Infinity" : "Infinity");
    }
    writer_str(out, item->kind == ITEM_HALF    ? "_1"
                    : item->kind == ITEM_FLOAT ? "_2"
                                               : "_3");
}

static void describe_bytes(struct slice bytes, struct writer *out) {
    writer_str(out, "h'");
    for (size_t i = 0; i < bytes.len; i++) {
        writer_printf(out, "%02x", bytes.data[i]);
    }
    writer_str(out, "'");
}

static err_t describe_array(struct diagnosis *to, struct item *array,
                            uint32_t depth) {
    writer_str(to->out, array->indefinite ? "[_ " : "[");
    for (const char *before = ""; event_item_more(&to->in, array);
         before = ", ") {
        writer_str(to->out, before);
        TRY(describe(to, depth));
    }
    writer_str(to->out, "]");
    return ERR_OK;
}

static err_t describe_map(struct diagnosis *to, struct item *map,
                          uint32_t depth) {
    writer_str(to->out, map->indefinite ? "{_ " : "{");
    for (const char *before = ""; event_item_more(&to->in, map);
         before = ", ") {
        writer_str(to->out, before);
        TRY(describe(to, depth));
        writer_str(to->out, ": ");
        TRY(describe(to, depth));
    }
    writer_str(to->out, "}");
    return ERR_OK;
}

/* A byte string tagged as CBOR is shown as CBOR, if it is well-formed. */
static err_t describe_embedded(struct diagnosis *to, uint32_t depth) {
    struct item item;
    struct cursor before = to->in;
    struct reason unused;
    TRY(event_item_next(&to->in, &item, to->reason));
    if (item.kind != ITEM_BYTES ||
        event_item_check(item.bytes, &unused) != ERR_OK) {
        to->in = before;
        return describe(to, depth);
    }
    struct diagnosis inner = {cursor_over(item.bytes), to->out, to->reason};
    writer_str(to->out, "<<");
    TRY(describe(&inner, depth));
    writer_str(to->out, ">>");
    return ERR_OK;
}

static err_t describe_tagged(struct diagnosis *to, uint64_t tag,
                             uint32_t depth) {
    writer_printf(to->out, "%llu(", (unsigned long long)tag);
    TRY(tag == TAG_CBOR ? describe_embedded(to, depth) : describe(to, depth));
    writer_str(to->out, ")");
    return ERR_OK;
}

static err_t describe_nested(struct diagnosis *to, struct item *item,
                             uint32_t depth) {
    TRY(event_item_check_depth(&to->in, depth, to->reason));
    if (item->kind == ITEM_ARRAY) {
        return describe_array(to, item, depth + 1);
    }
    if (item->kind == ITEM_MAP) {
        return describe_map(to, item, depth + 1);
    }
    return describe_tagged(to, item->value, depth + 1);
}

/* One item inside `depth` others. */
static err_t describe(struct diagnosis *to, uint32_t depth) {
    struct item item;
    TRY(event_item_next(&to->in, &item, to->reason));
    switch (item.kind) {
    case ITEM_UNSIGNED:
    case ITEM_NEGATIVE:
        event_item_write_integer(&item, to->out);
        return ERR_OK;
    case ITEM_BYTES:
        describe_bytes(item.bytes, to->out);
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
        writer_str(to->out, "undefined");
        return ERR_OK;
    case ITEM_HALF:
    case ITEM_FLOAT:
    case ITEM_DOUBLE:
        describe_float(&item, to->out);
        return ERR_OK;
    case ITEM_ARRAY:
    case ITEM_MAP:
    case ITEM_TAG:
        break;
    }
    return describe_nested(to, &item, depth);
}

err_t event_render_diagnostic(struct slice record, struct writer *writer,
                              struct reason *reason) {
    struct diagnosis to = {cursor_over(record), writer, reason};
    TRY(describe(&to, 0));
    if (cursor_left(&to.in) > 0) {
        return reason_set(reason, ERR_PARSE, "the record is not one item");
    }
    return ERR_OK;
}
