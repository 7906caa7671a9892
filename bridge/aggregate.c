/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/aggregate.h"

#include <assert.h>
#include <stdio.h>
#include <xxhash.h>

#include "bridge/digest.h"

enum {
    FIELD_KEYS = 0x0a, /* a field's number and its type, length-delimited */
    FIELD_HASH_KEYS = 0x12,
    FIELD_RECORDS = 0x1a,
    FIELD_KEY_INDEX = 0x08, /* in a record; a varint */
    FIELD_HASH_KEY_INDEX = 0x10,
    FIELD_DATA = 0x1a,
    INDEX_BYTES_MAX = 5,
    HASH_BYTES = 16,
    PROBES = 8, /* slots looked at for a key */
};

#define MAGIC "\xf3\x89\x9a\xc2"

/* --- protobuf ----------------------------------------------------------- */

static size_t varint_len(uint64_t value) {
    size_t len = 1;
    for (; value >= 0x80; value >>= 7) {
        len++;
    }
    return len;
}

static void write_varint(struct writer *writer, uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
        writer_u8(writer, (uint8_t)(value | 0x80));
    }
    writer_u8(writer, (uint8_t)value);
}

static size_t field_len(size_t content_len) {
    return 1 + varint_len(content_len) + content_len;
}

static void write_field(struct writer *writer, uint8_t field,
                        struct slice content) {
    writer_u8(writer, field);
    write_varint(writer, content.len);
    writer_slice_add(writer, content);
}

/* What is in a record; `data_len` is with its newline. */
static size_t record_len(uint32_t index, size_t data_len) {
    return 1 + varint_len(index) + 2 + field_len(data_len);
}

static void write_record(struct writer *writer, uint32_t index,
                         struct slice data) {
    writer_u8(writer, FIELD_RECORDS);
    write_varint(writer, record_len(index, data.len + 1));
    writer_u8(writer, FIELD_KEY_INDEX);
    write_varint(writer, index);
    writer_u8(writer, FIELD_HASH_KEY_INDEX);
    writer_u8(writer, 0); /* the only one in its table */
    writer_u8(writer, FIELD_DATA);
    write_varint(writer, data.len + 1);
    writer_slice_add(writer, data);
    writer_u8(writer, '\n');
}

/* --- the hash key ------------------------------------------------------- */

/* Divides a number of 16 bytes by ten; the remainder. */
static unsigned divide_by_10(uint8_t number[HASH_BYTES]) {
    unsigned rest = 0;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        unsigned part = rest << 8 | number[i];
        number[i] = (uint8_t)(part / 10);
        rest = part % 10;
    }
    return rest;
}

static void write_decimal(uint8_t number[HASH_BYTES],
                          char ret[AGGREGATE_HASH_KEY_SIZE]) {
    char digits[AGGREGATE_HASH_KEY_SIZE - 1];
    size_t count = sizeof digits;
    for (size_t i = 0; i < sizeof digits; i++) {
        digits[i] = (char)('0' + divide_by_10(number));
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        ret[i] = digits[count - 1 - i];
    }
    ret[count] = '\0';
}

void aggregate_hash_key(const char *store, const char *stream, uint32_t lane,
                        char ret[AGGREGATE_HASH_KEY_SIZE]) {
    char name[256];
    uint8_t digest[DIGEST_SIZE];
    int len = snprintf(name, sizeof name, "%s/%s/%u", store, stream, lane);
    assert(len > 0 && (size_t)len < sizeof name);
    digest_sha256(slice_of(name, (size_t)len), digest);
    write_decimal(digest, ret);
}

/* --- keys --------------------------------------------------------------- */

static bool is_in_slot(const struct aggregate *aggregate, size_t slot,
                       struct slice key) {
    return slice_eq(slice_part(writer_slice(&aggregate->keys),
                               aggregate->slots[slot].begin,
                               aggregate->slots[slot].len),
                    key);
}

/* The slot that has the key, or is free for it; AGGREGATE_SLOTS if neither is
 * near: then the key stands in the table once more, which is allowed. */
static size_t find_slot(const struct aggregate *aggregate, struct slice key) {
    uint64_t hash = XXH3_64bits(key.data, key.len);
    for (size_t i = 0; i < PROBES; i++) {
        size_t slot = (hash + i) % AGGREGATE_SLOTS;
        if (aggregate->slots[slot].index == 0 ||
            is_in_slot(aggregate, slot, key)) {
            return slot;
        }
    }
    return AGGREGATE_SLOTS;
}

/* Appends it to the table; its index there. */
static uint32_t add_key(struct aggregate *aggregate, size_t slot,
                        struct slice key) {
    write_field(&aggregate->keys, FIELD_KEYS, key);
    uint32_t index = aggregate->key_count++;
    if (slot < AGGREGATE_SLOTS) {
        aggregate->slots[slot].begin =
            (uint32_t)(aggregate->keys.len - key.len);
        aggregate->slots[slot].len = (uint32_t)key.len;
        aggregate->slots[slot].index = index + 1;
    }
    return index;
}

/* --- the aggregate ------------------------------------------------------ */

void aggregate_begin(struct aggregate *aggregate, const char *hash_key,
                     uint8_t *keys, uint8_t *records, size_t cap) {
    assert(cap <= UINT32_MAX);
    *aggregate = (struct aggregate){
        .keys = writer_over(keys, cap),
        .records = writer_over(records, cap),
    };
    snprintf(aggregate->hash_key, sizeof aggregate->hash_key, "%s", hash_key);
}

size_t aggregate_cost(size_t key_len, size_t data_len) {
    size_t record = 1 + INDEX_BYTES_MAX + 2 + field_len(data_len + 1);
    return field_len(key_len) + field_len(record);
}

size_t aggregate_data_len(const struct aggregate *aggregate) {
    return strlen(MAGIC) + aggregate->keys.len +
           field_len(strlen(aggregate->hash_key)) + aggregate->records.len +
           DIGEST_MD5_SIZE;
}

size_t aggregate_size(const struct aggregate *aggregate) {
    return aggregate_data_len(aggregate) + strlen(AGGREGATE_PARTITION_KEY) +
           strlen(aggregate->hash_key);
}

/* Remembers where a unit ends that is as full as it may be. */
static void mark_cut(struct aggregate *aggregate, size_t added) {
    size_t size = aggregate_size(aggregate);
    if (aggregate->count > 0 && size <= aggregate_full(size + added - 1)) {
        aggregate->cut = (struct aggregate_mark){
            aggregate->keys.len, aggregate->records.len, aggregate->count};
    }
}

err_t aggregate_add(struct aggregate *aggregate, struct slice key,
                    struct slice data, size_t most) {
    size_t slot = find_slot(aggregate, key);
    bool known = slot < AGGREGATE_SLOTS && aggregate->slots[slot].index > 0;
    uint32_t index =
        known ? aggregate->slots[slot].index - 1 : aggregate->key_count;
    size_t added = field_len(record_len(index, data.len + 1)) +
                   (known ? 0 : field_len(key.len));
    ENSURE(aggregate_size(aggregate) + added <= most, ERR_FULL);
    mark_cut(aggregate, added);
    if (!known) {
        index = add_key(aggregate, slot, key);
    }
    write_record(&aggregate->records, index, data);
    aggregate->count++;
    assert(!aggregate->keys.full && !aggregate->records.full);
    return ERR_OK;
}

size_t aggregate_full(size_t most) {
    return most - most % AGGREGATE_UNIT;
}

/* What is paid for in a size, and not used. */
static size_t unused(size_t size) {
    size_t begun = size % AGGREGATE_UNIT;
    return begun == 0 ? 0 : AGGREGATE_UNIT - begun;
}

uint32_t aggregate_cut(struct aggregate *aggregate) {
    const struct aggregate_mark *cut = &aggregate->cut;
    size_t size = aggregate_size(aggregate);
    size_t out = aggregate->keys.len - cut->keys_len + aggregate->records.len -
                 cut->records_len;
    if (cut->count > 0 && unused(size - out) < unused(size)) {
        aggregate->keys.len = cut->keys_len;
        aggregate->records.len = cut->records_len;
        aggregate->count = cut->count;
    }
    return aggregate->count;
}

void aggregate_write(const struct aggregate *aggregate, struct writer *writer) {
    assert(aggregate->count > 0);
    writer_str(writer, MAGIC);
    size_t begin = writer->len;
    writer_slice_add(writer, writer_slice(&aggregate->keys));
    write_field(writer, FIELD_HASH_KEYS, slice_from_str(aggregate->hash_key));
    writer_slice_add(writer, writer_slice(&aggregate->records));
    if (writer->full) {
        return;
    }
    uint8_t md5[DIGEST_MD5_SIZE];
    digest_md5(slice_part(writer_slice(writer), begin, writer->len - begin),
               md5);
    writer_slice_add(writer, slice_of(md5, sizeof md5));
}
