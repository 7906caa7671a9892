/* SPDX-License-Identifier: Apache-2.0 */
/* Items are stored one after another in one buffer, which grows to the size of
 * the batches that wait. What must stay is moved to its front. A large buffer
 * is freed when all items have left. */
#include "gateway/stream/outbox.h"

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
    uint64_t order; /* in which they came: what a sort falls back on */
    size_t address; /* offset of the device in the buffer */
    size_t address_len;
    size_t body_len;   /* id, payload: follows the address */
    size_t reason_len; /* follows the body */
};

struct outbox {
    struct event_life journal_id;
    struct event_life life;
    struct item *items;
    size_t count;
    size_t items_cap;
    uint8_t *bytes;
    size_t bytes_len;
    size_t bytes_cap;
    uint8_t *message; /* the receipt being written */
    size_t message_cap;
    uint64_t added; /* items, ever */
};

err_t outbox_new(const uint8_t *journal_id, const uint8_t *life,
                 struct outbox **ret) {
    struct outbox *outbox = calloc(1, sizeof *outbox);
    ENSURE(outbox != NULL, ERR_MEMORY);
    outbox->journal_id = event_life_of(journal_id);
    outbox->life = event_life_of(life);
    *ret = outbox;
    return ERR_OK;
}

void outbox_free(struct outbox *outbox) {
    if (outbox == NULL) {
        return;
    }
    free(outbox->items);
    free(outbox->bytes);
    free(outbox->message);
    free(outbox);
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

static void add_bytes(struct outbox *outbox, struct slice bytes) {
    if (bytes.len > 0) {
        memcpy(outbox->bytes + outbox->bytes_len, bytes.data, bytes.len);
        outbox->bytes_len += bytes.len;
    }
}

static err_t add(struct outbox *outbox, struct item item, struct slice address,
                 struct slice body, struct slice reason) {
    void *items = outbox->items;
    TRY(grow(&items, &outbox->items_cap, ITEMS_FIRST, outbox->count + 1,
             sizeof *outbox->items));
    outbox->items = items;
    void *bytes = outbox->bytes;
    TRY(grow(&bytes, &outbox->bytes_cap, BUFFER_FIRST,
             outbox->bytes_len + address.len + body.len + reason.len, 1));
    outbox->bytes = bytes;
    item.order = outbox->added++;
    item.address = outbox->bytes_len;
    item.address_len = address.len;
    item.body_len = body.len;
    item.reason_len = reason.len;
    add_bytes(outbox, address);
    add_bytes(outbox, body);
    add_bytes(outbox, reason);
    outbox->items[outbox->count++] = item;
    return ERR_OK;
}

err_t outbox_accept(struct outbox *outbox, uint64_t needs_end,
                    struct slice device, enum event_encoding encoding,
                    struct slice id, uint64_t seq) {
    struct item item = {.kind = ITEM_ACCEPT,
                        .encoding = encoding,
                        .needs_end = needs_end,
                        .seq = seq};
    return add(outbox, item, device, id, SLICE_EMPTY);
}

err_t outbox_reject(struct outbox *outbox, uint64_t needs_end,
                    struct slice device, enum event_encoding encoding,
                    struct slice id, const char *reason) {
    struct item item = {
        .kind = ITEM_REJECT, .encoding = encoding, .needs_end = needs_end};
    return add(outbox, item, device, id, slice_from_str(reason));
}

err_t outbox_notice(struct outbox *outbox, uint64_t needs_end,
                    struct slice device, struct slice payload) {
    struct item item = {.kind = ITEM_NOTICE, .needs_end = needs_end};
    return add(outbox, item, device, payload, SLICE_EMPTY);
}

static struct slice item_address(const struct outbox *outbox,
                                 const struct item *item) {
    return slice_of(outbox->bytes + item->address, item->address_len);
}

static struct slice item_body(const struct outbox *outbox,
                              const struct item *item) {
    return slice_of(outbox->bytes + item->address + item->address_len,
                    item->body_len);
}

static struct slice item_reason(const struct outbox *outbox,
                                const struct item *item) {
    return slice_of(outbox->bytes + item->address + item->address_len +
                        item->body_len,
                    item->reason_len);
}

static bool is_receipt(const struct item *item) {
    return item->kind == ITEM_ACCEPT || item->kind == ITEM_REJECT;
}

/* Receipts of one device and encoding side by side, accepted before rejected,
 * in the order in which they came. */
static int by_device(const void *left, const void *right, void *context) {
    const struct outbox *outbox = context;
    const struct item *a = left;
    const struct item *b = right;
    if (is_receipt(a) != is_receipt(b)) {
        return is_receipt(a) ? -1 : 1;
    }
    if (is_receipt(a)) {
        if (a->address_len != b->address_len) {
            return a->address_len < b->address_len ? -1 : 1;
        }
        int names = memcmp(item_address(outbox, a).data,
                           item_address(outbox, b).data, a->address_len);
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

static void receipt_json(const struct outbox *outbox, struct writer *out,
                         const struct item *items, size_t accepted,
                         size_t count) {
    writer_str(out, "{\"accepted\":[");
    for (size_t i = 0; i < accepted; i++) {
        writer_str(out, i == 0 ? "{\"id\":" : ",{\"id\":");
        json_id(out, item_body(outbox, &items[i]));
        writer_printf(out, ",\"seq\":%llu}", (unsigned long long)items[i].seq);
    }
    writer_str(out, "],\"rejected\":[");
    for (size_t i = accepted; i < count; i++) {
        writer_str(out, i == accepted ? "{\"id\":" : ",{\"id\":");
        json_id(out, item_body(outbox, &items[i]));
        writer_str(out, ",\"reason\":");
        json_write_string(out, item_reason(outbox, &items[i]));
        writer_str(out, "}");
    }
    writer_str(out, "],\"journalid\":\"");
    event_life_write(out, outbox->journal_id);
    writer_str(out, "\",\"journallife\":\"");
    event_life_write(out, outbox->life);
    writer_str(out, "\"}");
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

static void cbor_life(struct writer *out, struct slice name,
                      struct event_life life) {
    cbor_text(out, name);
    writer_u8(out, 0x7a);
    writer_u32(out, EVENT_LIFE_DIGITS);
    event_life_write(out, life);
}

static void receipt_cbor(const struct outbox *outbox, struct writer *out,
                         const struct item *items, size_t accepted,
                         size_t count) {
    writer_u8(out, 0xa4);
    cbor_text(out, SLICE("accepted"));
    writer_u8(out, 0x9a);
    writer_u32(out, (uint32_t)accepted);
    for (size_t i = 0; i < accepted; i++) {
        writer_u8(out, 0xa2);
        cbor_id(out, item_body(outbox, &items[i]));
        cbor_text(out, SLICE("seq"));
        writer_u8(out, 0x1b);
        writer_u64(out, items[i].seq);
    }
    cbor_text(out, SLICE("rejected"));
    writer_u8(out, 0x9a);
    writer_u32(out, (uint32_t)(count - accepted));
    for (size_t i = accepted; i < count; i++) {
        writer_u8(out, 0xa2);
        cbor_id(out, item_body(outbox, &items[i]));
        cbor_text(out, SLICE("reason"));
        cbor_text(out, item_reason(outbox, &items[i]));
    }
    cbor_life(out, SLICE("journalid"), outbox->journal_id);
    cbor_life(out, SLICE("journallife"), outbox->life);
}

/* One receipt: `items` are all of one device in one encoding. */
static err_t release_receipt(struct outbox *outbox, const struct item *items,
                             size_t count, const struct outbox_sink *sink) {
    size_t accepted = 0;
    size_t bound = 192; /* what is said once */
    for (size_t i = 0; i < count; i++) {
        accepted += items[i].kind == ITEM_ACCEPT;
        /* An escaped byte is six at most; names and numbers are under 64. */
        bound += 64 + 6 * (items[i].body_len + items[i].reason_len);
    }
    void *message = outbox->message;
    TRY(grow(&message, &outbox->message_cap, BUFFER_FIRST, bound, 1));
    outbox->message = message;
    struct writer out = writer_over(outbox->message, outbox->message_cap);
    if (items[0].encoding == EVENT_ENCODING_CBOR) {
        receipt_cbor(outbox, &out, items, accepted, count);
    } else {
        receipt_json(outbox, &out, items, accepted, count);
    }
    assert(!out.full);
    sink->receipt(sink->self, item_address(outbox, &items[0]),
                  writer_slice(&out));
    return ERR_OK;
}

static bool same_receipt(const struct outbox *outbox, const struct item *a,
                         const struct item *b) {
    return is_receipt(b) && a->encoding == b->encoding &&
           slice_eq(item_address(outbox, a), item_address(outbox, b));
}

static err_t release_ready(struct outbox *outbox, size_t ready,
                           const struct outbox_sink *sink) {
    qsort_r(outbox->items, ready, sizeof *outbox->items, by_device, outbox);
    size_t at = 0;
    while (at < ready && is_receipt(&outbox->items[at])) {
        const struct item *first = &outbox->items[at];
        size_t count = 1;
        while (at + count < ready &&
               same_receipt(outbox, first, &outbox->items[at + count])) {
            count++;
        }
        TRY(release_receipt(outbox, first, count, sink));
        at += count;
    }
    for (; at < ready; at++) {
        const struct item *item = &outbox->items[at];
        sink->notice(sink->self, item_address(outbox, item),
                     item_body(outbox, item));
    }
    return ERR_OK;
}

/* Those behind the first `ready` stay, in front. */
static void forget(struct outbox *outbox, size_t ready) {
    size_t gone = ready < outbox->count ? outbox->items[ready].address
                                        : outbox->bytes_len;
    assert(ready <= outbox->count && gone <= outbox->bytes_len);
    outbox->count -= ready;
    memmove(outbox->items, outbox->items + ready,
            outbox->count * sizeof *outbox->items);
    for (size_t i = 0; i < outbox->count; i++) {
        assert(outbox->items[i].address >= gone);
        outbox->items[i].address -= gone;
    }
    outbox->bytes_len -= gone;
    if (outbox->bytes_len > 0) {
        memmove(outbox->bytes, outbox->bytes + gone, outbox->bytes_len);
    }
}

static void free_large(struct outbox *outbox) {
    if (outbox->bytes_cap > BUFFER_KEEP) {
        free(outbox->bytes);
        outbox->bytes = NULL;
        outbox->bytes_cap = 0;
    }
    if (outbox->message_cap > BUFFER_KEEP) {
        free(outbox->message);
        outbox->message = NULL;
        outbox->message_cap = 0;
    }
}

err_t outbox_release(struct outbox *outbox, uint64_t durable_end,
                     const struct outbox_sink *sink) {
    size_t ready = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        /* Needs rise as the batch does, but for a duplicate's, which is lower
         * and may wait for its neighbours. */
        if (outbox->items[i].needs_end > durable_end) {
            break;
        }
        ready++;
    }
    if (ready == 0) {
        return ERR_OK;
    }
    TRY(release_ready(outbox, ready, sink));
    forget(outbox, ready);
    if (outbox->count == 0) {
        free_large(outbox);
    }
    return ERR_OK;
}
