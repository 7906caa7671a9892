/* SPDX-License-Identifier: Apache-2.0 */
/* Items lie one after another in one buffer that grows to the size of a batch
 * and is given back when a large one has gone. */
#include "gateway/ingest/outward.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/event/json.h"

enum {
    BUFFER_FIRST = 16 * 1024,
    BUFFER_KEEP = 256 * 1024, /* larger ones are freed when empty */
    ITEMS_FIRST = 64,
};

enum item_kind { ITEM_ACCEPT, ITEM_REJECT, ITEM_NOTICE };

struct item {
    enum item_kind kind;
    enum event_encoding encoding;
    uint64_t needs_end;
    uint64_t seq;
    uint64_t order; /* place in the batch: what a sort falls back on */
    size_t address; /* offset of the device in the buffer */
    size_t address_len;
    size_t body_len;   /* id, payload: follows the address */
    size_t reason_len; /* follows the body */
};

struct outward {
    struct item *items;
    size_t count;
    size_t items_cap;
    uint8_t *bytes;
    size_t bytes_len;
    size_t bytes_cap;
    uint8_t *message; /* the receipt being written */
    size_t message_cap;
};

err_t outward_new(struct outward **ret) {
    struct outward *outward = calloc(1, sizeof *outward);
    ENSURE(outward != NULL, ERR_MEMORY);
    *ret = outward;
    return ERR_OK;
}

void outward_free(struct outward *outward) {
    if (outward == NULL) {
        return;
    }
    free(outward->items);
    free(outward->bytes);
    free(outward->message);
    free(outward);
}

static err_t grow(void **memory, size_t *cap, size_t first, size_t need,
                  size_t each) {
    if (need <= *cap) {
        return ERR_OK;
    }
    size_t larger = *cap == 0 ? first : *cap;
    while (larger < need) {
        larger *= 2;
    }
    void *moved = realloc(*memory, larger * each);
    ENSURE(moved != NULL, ERR_MEMORY);
    *memory = moved;
    *cap = larger;
    return ERR_OK;
}

static void add_bytes(struct outward *outward, struct slice bytes) {
    if (bytes.len > 0) {
        memcpy(outward->bytes + outward->bytes_len, bytes.data, bytes.len);
        outward->bytes_len += bytes.len;
    }
}

static err_t add(struct outward *outward, struct item item,
                 struct slice address, struct slice body, struct slice reason) {
    void *items = outward->items;
    TRY(grow(&items, &outward->items_cap, ITEMS_FIRST, outward->count + 1,
             sizeof *outward->items));
    outward->items = items;
    void *bytes = outward->bytes;
    TRY(grow(&bytes, &outward->bytes_cap, BUFFER_FIRST,
             outward->bytes_len + address.len + body.len + reason.len, 1));
    outward->bytes = bytes;
    item.order = outward->count;
    item.address = outward->bytes_len;
    item.address_len = address.len;
    item.body_len = body.len;
    item.reason_len = reason.len;
    add_bytes(outward, address);
    add_bytes(outward, body);
    add_bytes(outward, reason);
    outward->items[outward->count++] = item;
    return ERR_OK;
}

err_t outward_accept(struct outward *outward, uint64_t needs_end,
                     struct slice device, enum event_encoding encoding,
                     struct slice id, uint64_t seq) {
    struct item item = {.kind = ITEM_ACCEPT,
                        .encoding = encoding,
                        .needs_end = needs_end,
                        .seq = seq};
    return add(outward, item, device, id, SLICE_EMPTY);
}

err_t outward_reject(struct outward *outward, uint64_t needs_end,
                     struct slice device, enum event_encoding encoding,
                     struct slice id, const char *reason) {
    struct item item = {
        .kind = ITEM_REJECT, .encoding = encoding, .needs_end = needs_end};
    return add(outward, item, device, id, slice_from_str(reason));
}

err_t outward_notice(struct outward *outward, uint64_t needs_end,
                     struct slice device, struct slice payload) {
    struct item item = {.kind = ITEM_NOTICE, .needs_end = needs_end};
    return add(outward, item, device, payload, SLICE_EMPTY);
}

static struct slice item_address(const struct outward *outward,
                                 const struct item *item) {
    return slice_of(outward->bytes + item->address, item->address_len);
}

static struct slice item_body(const struct outward *outward,
                              const struct item *item) {
    return slice_of(outward->bytes + item->address + item->address_len,
                    item->body_len);
}

static struct slice item_reason(const struct outward *outward,
                                const struct item *item) {
    return slice_of(outward->bytes + item->address + item->address_len +
                        item->body_len,
                    item->reason_len);
}

static bool is_receipt(const struct item *item) {
    return item->kind == ITEM_ACCEPT || item->kind == ITEM_REJECT;
}

/* Receipts of one device and encoding side by side, accepted before rejected,
 * in the order in which they came. */
static int by_device(const void *left, const void *right, void *context) {
    const struct outward *outward = context;
    const struct item *a = left;
    const struct item *b = right;
    if (is_receipt(a) != is_receipt(b)) {
        return is_receipt(a) ? -1 : 1;
    }
    if (is_receipt(a)) {
        if (a->address_len != b->address_len) {
            return a->address_len < b->address_len ? -1 : 1;
        }
        int names = memcmp(item_address(outward, a).data,
                           item_address(outward, b).data, a->address_len);
        if (names != 0) {
            return names;
        }
        if (a->encoding != b->encoding) {
            return a->encoding < b->encoding ? -1 : 1;
        }
        if (a->kind != b->kind) {
            return a->kind < b->kind ? -1 : 1;
        }
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static void json_id(struct writer *out, struct slice id) {
    if (id.len == 0) {
        writer_str(out, "null");
    } else {
        json_write_string(out, id);
    }
}

static void receipt_json(const struct outward *outward, struct writer *out,
                         const struct item *items, size_t accepted,
                         size_t count) {
    writer_str(out, "{\"accepted\":[");
    for (size_t i = 0; i < accepted; i++) {
        writer_str(out, i == 0 ? "{\"id\":" : ",{\"id\":");
        json_id(out, item_body(outward, &items[i]));
        writer_printf(out, ",\"seq\":%llu}", (unsigned long long)items[i].seq);
    }
    writer_str(out, "],\"rejected\":[");
    for (size_t i = accepted; i < count; i++) {
        writer_str(out, i == accepted ? "{\"id\":" : ",{\"id\":");
        json_id(out, item_body(outward, &items[i]));
        writer_str(out, ",\"reason\":");
        json_write_string(out, item_reason(outward, &items[i]));
        writer_str(out, "}");
    }
    writer_str(out, "]}");
}

/* RFC 8949: major types 0 (unsigned), 3 (text), 4 (array), 5 (map), in fixed
 * widths; f6 is null. */
static void cbor_text(struct writer *out, struct slice text) {
    writer_u8(out, 0x7a);
    writer_u32(out, (uint32_t)text.len);
    writer_slice_add(out, text);
}

static void cbor_id(struct writer *out, struct slice id) {
    cbor_text(out, SLICE("id"));
    if (id.len == 0) {
        writer_u8(out, 0xf6);
    } else {
        cbor_text(out, id);
    }
}

static void receipt_cbor(const struct outward *outward, struct writer *out,
                         const struct item *items, size_t accepted,
                         size_t count) {
    writer_u8(out, 0xa2);
    cbor_text(out, SLICE("accepted"));
    writer_u8(out, 0x9a);
    writer_u32(out, (uint32_t)accepted);
    for (size_t i = 0; i < accepted; i++) {
        writer_u8(out, 0xa2);
        cbor_id(out, item_body(outward, &items[i]));
        cbor_text(out, SLICE("seq"));
        writer_u8(out, 0x1b);
        writer_u64(out, items[i].seq);
    }
    cbor_text(out, SLICE("rejected"));
    writer_u8(out, 0x9a);
    writer_u32(out, (uint32_t)(count - accepted));
    for (size_t i = accepted; i < count; i++) {
        writer_u8(out, 0xa2);
        cbor_id(out, item_body(outward, &items[i]));
        cbor_text(out, SLICE("reason"));
        cbor_text(out, item_reason(outward, &items[i]));
    }
}

/* One receipt: `items` are all of one device in one encoding. */
static err_t release_receipt(struct outward *outward, const struct item *items,
                             size_t count, const struct outward_sink *sink) {
    size_t accepted = 0;
    size_t bound = 64;
    for (size_t i = 0; i < count; i++) {
        accepted += items[i].kind == ITEM_ACCEPT;
        /* An escaped byte is six at most; names and numbers are under 64. */
        bound += 64 + 6 * (items[i].body_len + items[i].reason_len);
    }
    void *message = outward->message;
    TRY(grow(&message, &outward->message_cap, BUFFER_FIRST, bound, 1));
    outward->message = message;
    struct writer out = writer_over(outward->message, outward->message_cap);
    if (items[0].encoding == EVENT_ENCODING_CBOR) {
        receipt_cbor(outward, &out, items, accepted, count);
    } else {
        receipt_json(outward, &out, items, accepted, count);
    }
    assert(!out.full);
    sink->receipt(sink->self, item_address(outward, &items[0]),
                  writer_slice(&out));
    return ERR_OK;
}

static bool same_receipt(const struct outward *outward, const struct item *a,
                         const struct item *b) {
    return is_receipt(b) && a->encoding == b->encoding &&
           slice_eq(item_address(outward, a), item_address(outward, b));
}

static err_t release_ready(struct outward *outward, size_t ready,
                           const struct outward_sink *sink) {
    qsort_r(outward->items, ready, sizeof *outward->items, by_device, outward);
    size_t at = 0;
    while (at < ready && is_receipt(&outward->items[at])) {
        const struct item *first = &outward->items[at];
        size_t count = 1;
        while (at + count < ready &&
               same_receipt(outward, first, &outward->items[at + count])) {
            count++;
        }
        TRY(release_receipt(outward, first, count, sink));
        at += count;
    }
    for (; at < ready; at++) {
        const struct item *item = &outward->items[at];
        sink->notice(sink->self, item_address(outward, item),
                     item_body(outward, item));
    }
    return ERR_OK;
}

err_t outward_release(struct outward *outward, uint64_t durable_end,
                      const struct outward_sink *sink) {
    size_t ready = 0;
    for (size_t i = 0; i < outward->count; i++) {
        /* Needs rise as the batch does, but for a duplicate's, which is lower
         * and may wait for its neighbours. */
        if (outward->items[i].needs_end > durable_end) {
            break;
        }
        ready++;
    }
    if (ready == 0) {
        return ERR_OK;
    }
    TRY(release_ready(outward, ready, sink));
    outward->count -= ready;
    memmove(outward->items, outward->items + ready,
            outward->count * sizeof *outward->items);
    if (outward->count == 0) {
        outward->bytes_len = 0;
        if (outward->bytes_cap > BUFFER_KEEP) {
            free(outward->bytes);
            outward->bytes = NULL;
            outward->bytes_cap = 0;
        }
        if (outward->message_cap > BUFFER_KEEP) {
            free(outward->message);
            outward->message = NULL;
            outward->message_cap = 0;
        }
    }
    return ERR_OK;
}
