/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/page.h"

#include <assert.h>
#include <xxhash.h>

#include "gateway/journal/fixed.h"

enum {
    SALT_AT = 7, /* the item; its value is one further */
    PAGE_CHECKSUM_AT = JOURNAL_PAGE - 8, /* the value, on either page */
    PADDING_END = PAGE_CHECKSUM_AT - 1,  /* the header's checksum is an item */
    PADDING_HEAD_SIZE = 3,               /* of the header's padding */
    SEAL_HEAD_SIZE = 9,                  /* of the byte string that a seal is */
};

#define TAG SLICE("\xd9\xd9\xf7")
#define SEAL_MARK SLICE("ShopmeEdge seal\n")

static uint64_t page_checksum(struct slice page, uint64_t salt) {
    return XXH3_64bits_withSeed(page.data, PAGE_CHECKSUM_AT, salt);
}

static bool page_verifies(struct slice page, uint64_t salt) {
    struct cursor end = cursor_over(slice_part(page, PAGE_CHECKSUM_AT, 8));
    uint64_t checksum;
    return cursor_u64(&end, &checksum) == ERR_OK &&
           checksum == page_checksum(page, salt);
}

static void write_name(struct writer *writer, const char *name) {
    size_t len = strlen(name);
    assert(len > 0 && len <= JOURNAL_NAME_MAX);
    writer_u8(writer, FIXED_TEXT_U8);
    writer_u8(writer, (uint8_t)len);
    writer_str(writer, name);
}

void segment_header_write(const struct segment_header *header, uint8_t *page) {
    struct writer writer = writer_over(page, JOURNAL_PAGE);
    writer_slice_add(&writer, TAG);
    writer_u8(&writer, FIXED_ARRAY_10);
    fixed_put_u16(&writer, FIXED_U16, SEGMENT_FORMAT);
    assert(writer.len == SALT_AT);
    fixed_put_u64(&writer, FIXED_U64, header->salt);
    writer_u8(&writer, FIXED_BYTES_16);
    writer_slice_add(&writer, slice_of(header->journal_id, JOURNAL_ID_SIZE));
    writer_u8(&writer, FIXED_BYTES_16);
    writer_slice_add(&writer, slice_of(header->boot_id, JOURNAL_ID_SIZE));
    fixed_put_u64(&writer, FIXED_U64, header->first_seq);
    fixed_put_u32(&writer, FIXED_U32, header->incarnation);
    write_name(&writer, header->store);
    write_name(&writer, header->stream);
    size_t padding = PADDING_END - PADDING_HEAD_SIZE - writer.len;
    fixed_put_u16(&writer, FIXED_BYTES_U16, (uint16_t)padding);
    writer_fill(&writer, 0, padding);
    writer_u8(&writer, FIXED_U64);
    assert(writer.len == PAGE_CHECKSUM_AT);
    writer_u64(&writer,
               page_checksum(slice_of(page, JOURNAL_PAGE), header->salt));
    assert(!writer.full && writer.len == JOURNAL_PAGE);
}

static err_t read_id(struct cursor *cursor, uint8_t *ret) {
    struct slice id;
    TRY(fixed_expect(cursor, FIXED_BYTES_16));
    TRY(cursor_take(cursor, JOURNAL_ID_SIZE, &id));
    memcpy(ret, id.data, id.len);
    return ERR_OK;
}

static err_t read_name(struct cursor *cursor, char *ret) {
    uint8_t len;
    struct slice name;
    TRY(fixed_expect(cursor, FIXED_TEXT_U8));
    TRY(cursor_u8(cursor, &len));
    ENSURE(len > 0, ERR_PARSE);
    TRY(cursor_take(cursor, len, &name));
    return slice_to_str(name, ret, JOURNAL_NAME_MAX + 1);
}

/* The fields that every version has in the same place. Whether the page
 * verifies is known only after reading them, since the salt is one of them. */
static err_t read_front(struct cursor *cursor, uint16_t *ret_version,
                        uint64_t *ret_salt) {
    struct slice tag;
    uint8_t array;
    TRY(cursor_take(cursor, TAG.len, &tag));
    ENSURE(slice_eq(tag, TAG), ERR_PARSE);
    TRY(cursor_u8(cursor, &array));
    TRY(fixed_u16(cursor, FIXED_U16, ret_version));
    TRY(fixed_expect(cursor, FIXED_U64));
    return cursor_u64(cursor, ret_salt);
}

static err_t read_rest(struct cursor *cursor, struct segment_header *ret) {
    uint16_t padding;
    TRY(read_id(cursor, ret->journal_id));
    TRY(read_id(cursor, ret->boot_id));
    TRY(fixed_u64(cursor, FIXED_U64, &ret->first_seq));
    ENSURE(ret->first_seq <= JOURNAL_SEQ_MAX, ERR_PARSE);
    TRY(fixed_u32(cursor, FIXED_U32, &ret->incarnation));
    TRY(read_name(cursor, ret->store));
    TRY(read_name(cursor, ret->stream));
    TRY(fixed_u16(cursor, FIXED_BYTES_U16, &padding));
    ENSURE(cursor->at + padding == PADDING_END, ERR_PARSE);
    return ERR_OK;
}

err_t segment_header_read(struct slice page, struct segment_header *ret,
                          uint16_t *ret_version) {
    ENSURE(page.len == JOURNAL_PAGE, ERR_CORRUPT);
    struct cursor cursor = cursor_over(page);
    struct segment_header header = {0};
    uint16_t version;
    ENSURE(read_front(&cursor, &version, &header.salt) == ERR_OK, ERR_CORRUPT);
    ENSURE(page_verifies(page, header.salt), ERR_CORRUPT);
    *ret_version = version;
    ENSURE(version == SEGMENT_FORMAT, ERR_UNSUPPORTED);
    ENSURE(read_rest(&cursor, &header) == ERR_OK, ERR_CORRUPT);
    *ret = header;
    return ERR_OK;
}

void segment_seal_write(const struct segment_seal *seal, uint64_t salt,
                        uint8_t *page) {
    struct writer writer = writer_over(page, JOURNAL_PAGE);
    fixed_put_u64(&writer, FIXED_BYTES_U64, JOURNAL_PAGE - SEAL_HEAD_SIZE);
    writer_slice_add(&writer, SEAL_MARK);
    writer_u64(&writer, seal->next_seq);
    writer_u8(&writer, seal->clean_stop ? 1 : 0);
    writer_fill(&writer, 0, PAGE_CHECKSUM_AT - writer.len);
    writer_u64(&writer, page_checksum(slice_of(page, JOURNAL_PAGE), salt));
    assert(!writer.full && writer.len == JOURNAL_PAGE);
}

static err_t read_seal(struct slice page, struct segment_seal *ret) {
    struct cursor cursor = cursor_over(page);
    struct slice mark;
    uint64_t len;
    uint8_t clean_stop;
    TRY(fixed_u64(&cursor, FIXED_BYTES_U64, &len));
    ENSURE(len == JOURNAL_PAGE - SEAL_HEAD_SIZE, ERR_PARSE);
    TRY(cursor_take(&cursor, SEAL_MARK.len, &mark));
    ENSURE(slice_eq(mark, SEAL_MARK), ERR_PARSE);
    TRY(cursor_u64(&cursor, &ret->next_seq));
    ENSURE(ret->next_seq <= JOURNAL_SEQ_MAX, ERR_PARSE);
    TRY(cursor_u8(&cursor, &clean_stop));
    ENSURE(clean_stop <= 1, ERR_PARSE);
    ret->clean_stop = clean_stop == 1;
    return ERR_OK;
}

bool segment_seal_read(struct slice page, uint64_t salt,
                       struct segment_seal *ret) {
    struct segment_seal seal;
    if (page.len != JOURNAL_PAGE || read_seal(page, &seal) != ERR_OK ||
        !page_verifies(page, salt)) {
        return false;
    }
    *ret = seal;
    return true;
}
