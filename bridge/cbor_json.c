/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cbor_json.h"

#include "gateway/event/json.h"

enum major {
    MAJOR_UNSIGNED,
    MAJOR_NEGATIVE,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_ARRAY,
    MAJOR_MAP,
    MAJOR_TAG,
    MAJOR_SIMPLE,
};

enum {
    INFO_U8 = 24, /* the argument follows in 1, 2, 4 or 8 bytes */
    INFO_U16,
    INFO_U32,
    INFO_U64,
    INFO_INDEFINITE = 31,
    SIMPLE_FALSE = 20,
    SIMPLE_TRUE,
    SIMPLE_NULL,
    SIMPLE_UNDEFINED,
    BREAK = 0xff,
};

struct head {
    enum major major;
    uint8_t info;
    uint64_t value;
    bool indefinite;
};

static err_t read_argument(struct cursor *in, struct head *head) {
    uint8_t u8 = head->info;
    uint16_t u16;
    uint32_t u32;
    switch (head->info) {
    case INFO_U8:
        TRY(cursor_u8(in, &u8));
        break;
    case INFO_U16:
        TRY(cursor_u16(in, &u16));
        head->value = u16;
        return ERR_OK;
    case INFO_U32:
        TRY(cursor_u32(in, &u32));
        head->value = u32;
        return ERR_OK;
    case INFO_U64:
        return cursor_u64(in, &head->value);
    default: /* 28 to 30 are reserved; 31 is not for every kind */
        ENSURE(head->info < INFO_U8 || head->indefinite, ERR_PARSE);
        break;
    }
    head->value = head->indefinite ? 0 : u8;
    return ERR_OK;
}

static err_t read_head(struct cursor *in, struct head *ret) {
    uint8_t byte;
    TRY(cursor_u8(in, &byte));
    struct head head = {.major = (enum major)(byte >> 5), .info = byte & 31};
    head.indefinite = head.info == INFO_INDEFINITE &&
                      head.major >= MAJOR_BYTES && head.major <= MAJOR_MAP;
    TRY(read_argument(in, &head));
    *ret = head;
    return ERR_OK;
}

/* One more element of an array, a map or a string in chunks? Counts down, or
 * reads the break. */
static bool has_more(struct cursor *in, struct head *head) {
    if (!head->indefinite) {
        return head->value-- > 0;
    }
    struct cursor ahead = *in;
    uint8_t byte;
    if (cursor_u8(&ahead, &byte) == ERR_OK && byte == BREAK) {
        *in = ahead;
        return false;
    }
    return true;
}

static err_t take_string(struct cursor *in, const struct head *head,
                         struct slice *ret) {
    ENSURE(head->value <= cursor_left(in), ERR_PARSE);
    TRY(cursor_take(in, (size_t)head->value, ret));
#ifndef EDGE_CONTROL_ANY_TEXT /* fuzz_answers has to notice */
    ENSURE(head->major == MAJOR_BYTES || slice_is_utf8(*ret), ERR_PARSE);
#endif
    return ERR_OK;
}

/* The inside of a JSON string: what stands in a chunk. */
static void write_inside(struct writer *writer, struct slice text) {
    size_t start = writer->len;
    json_write_string(writer, text);
    if (writer->full) {
        return;
    }
    size_t inside = writer->len - start - 2; /* without its quotes */
    memmove(writer->data + start, writer->data + start + 1, inside);
    writer->len = start + inside;
}

static err_t copy_chunks(struct cursor *in, struct head *head, bool wanted,
                         struct writer *writer) {
    while (has_more(in, head)) {
        struct head chunk;
        struct slice part;
        TRY(read_head(in, &chunk));
        ENSURE(chunk.major == head->major && !chunk.indefinite, ERR_PARSE);
        TRY(take_string(in, &chunk, &part));
        if (wanted) {
            write_inside(writer, part);
        }
    }
    return ERR_OK;
}

static err_t copy_text(struct cursor *in, struct head *head,
                       struct writer *writer) {
    if (!head->indefinite) {
        struct slice text;
        TRY(take_string(in, head, &text));
        json_write_string(writer, text);
        return ERR_OK;
    }
    writer_u8(writer, '"');
    TRY(copy_chunks(in, head, true, writer));
    writer_u8(writer, '"');
    return ERR_OK;
}

static err_t pass_bytes(struct cursor *in, struct head *head,
                        struct writer *writer) {
    struct slice unread;
    TRY(head->indefinite ? copy_chunks(in, head, false, writer)
                         : take_string(in, head, &unread));
    writer_str(writer, "null");
    return ERR_OK;
}

static err_t copy_negative(uint64_t value, struct writer *writer) {
    ENSURE(value <= INT64_MAX, ERR_PARSE);
    writer_printf(writer, "%lld", -1 - (long long)value);
    return ERR_OK;
}

/* The bytes of a number with a fraction were its argument. */
static err_t copy_simple(const struct head *head, struct writer *writer) {
    ENSURE(head->info >= SIMPLE_FALSE && head->info != INFO_U8 &&
               head->info <= INFO_U64,
           ERR_PARSE);
    writer_str(writer, head->info == SIMPLE_FALSE  ? "false"
                       : head->info == SIMPLE_TRUE ? "true"
                                                   : "null");
    return ERR_OK;
}

static err_t copy_item(struct cursor *in, uint32_t depth,
                       struct writer *writer);

static err_t copy_name(struct cursor *in, struct writer *writer) {
    struct head head;
    TRY(read_head(in, &head));
    ENSURE(head.major == MAJOR_TEXT, ERR_PARSE);
    TRY(copy_text(in, &head, writer));
    writer_u8(writer, ':');
    return ERR_OK;
}

static err_t copy_list(struct cursor *in, struct head *head, uint32_t depth,
                       struct writer *writer) {
    bool map = head->major == MAJOR_MAP;
    writer_u8(writer, map ? '{' : '[');
    for (bool first = true; has_more(in, head); first = false) {
        writer_str(writer, first ? "" : ",");
        if (map) {
            TRY(copy_name(in, writer));
        }
        TRY(copy_item(in, depth + 1, writer));
    }
    writer_u8(writer, map ? '}' : ']');
    return ERR_OK;
}

static err_t copy_item(struct cursor *in, uint32_t depth,
                       struct writer *writer) {
    struct head head;
    TRY(read_head(in, &head));
    ENSURE(!writer->full, ERR_FULL);
    switch (head.major) {
    case MAJOR_UNSIGNED:
        writer_printf(writer, "%llu", (unsigned long long)head.value);
        return ERR_OK;
    case MAJOR_NEGATIVE:
        return copy_negative(head.value, writer);
    case MAJOR_BYTES:
        return pass_bytes(in, &head, writer);
    case MAJOR_TEXT:
        return copy_text(in, &head, writer);
    case MAJOR_ARRAY:
    case MAJOR_MAP:
        ENSURE(depth < JSON_DEPTH_MAX, ERR_PARSE);
        return copy_list(in, &head, depth, writer);
    case MAJOR_TAG:
        ENSURE(depth < JSON_DEPTH_MAX, ERR_PARSE);
        return copy_item(in, depth + 1, writer);
    case MAJOR_SIMPLE:
        return copy_simple(&head, writer);
    }
    return ERR_PARSE;
}

err_t cbor_to_json(struct slice bytes, struct writer *writer) {
    struct cursor in = cursor_over(bytes);
    TRY(copy_item(&in, 0, writer));
    ENSURE(cursor_left(&in) == 0, ERR_PARSE);
    return writer->full ? ERR_FULL : ERR_OK;
}
