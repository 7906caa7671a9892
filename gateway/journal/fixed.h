/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR items (RFC 8949) of fixed width, as the journal's format uses them: the
 * first byte alone says what an item is and how long its argument is. */
#ifndef GATEWAY_JOURNAL_FIXED_H
#define GATEWAY_JOURNAL_FIXED_H

#include "gateway/base/base.h"

enum fixed_type {
    FIXED_U16 = 0x19,
    FIXED_U32 = 0x1a,
    FIXED_U64 = 0x1b,
    FIXED_BYTES_16 = 0x50,  /* a byte string of 16 bytes */
    FIXED_BYTES_U16 = 0x59, /* a byte string, its length in 2 bytes */
    FIXED_BYTES_U32 = 0x5a,
    FIXED_BYTES_U64 = 0x5b,
    FIXED_TEXT_U8 = 0x78, /* a text string, its length in 1 byte */
    FIXED_ARRAY_5 = 0x85,
    FIXED_ARRAY_8 = 0x88,
    FIXED_ARRAY_10 = 0x8a,
};

/* Each writes or reads an item's first byte and its argument. Reading returns
 * ERR_PARSE if the next item is a different one. */
void fixed_put_u16(struct writer *writer, enum fixed_type type, uint16_t value);
void fixed_put_u32(struct writer *writer, enum fixed_type type, uint32_t value);
void fixed_put_u64(struct writer *writer, enum fixed_type type, uint64_t value);
err_t fixed_expect(struct cursor *cursor, enum fixed_type type) MUST_USE;
err_t fixed_u16(struct cursor *cursor, enum fixed_type type,
                uint16_t *ret) MUST_USE;
err_t fixed_u32(struct cursor *cursor, enum fixed_type type,
                uint32_t *ret) MUST_USE;
err_t fixed_u64(struct cursor *cursor, enum fixed_type type,
                uint64_t *ret) MUST_USE;

#endif
