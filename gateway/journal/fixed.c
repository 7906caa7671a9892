/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/fixed.h"

void fixed_put_u16(struct writer *writer, enum fixed_type type,
                   uint16_t value) {
    writer_u8(writer, (uint8_t)type);
    writer_u16(writer, value);
}

void fixed_put_u32(struct writer *writer, enum fixed_type type,
                   uint32_t value) {
    writer_u8(writer, (uint8_t)type);
    writer_u32(writer, value);
}

void fixed_put_u64(struct writer *writer, enum fixed_type type,
                   uint64_t value) {
    writer_u8(writer, (uint8_t)type);
    writer_u64(writer, value);
}

err_t fixed_expect(struct cursor *cursor, enum fixed_type type) {
    uint8_t got;
    TRY(cursor_u8(cursor, &got));
    ENSURE(got == (uint8_t)type, ERR_PARSE);
    return ERR_OK;
}

err_t fixed_u16(struct cursor *cursor, enum fixed_type type, uint16_t *ret) {
    TRY(fixed_expect(cursor, type));
    return cursor_u16(cursor, ret);
}

err_t fixed_u32(struct cursor *cursor, enum fixed_type type, uint32_t *ret) {
    TRY(fixed_expect(cursor, type));
    return cursor_u32(cursor, ret);
}

err_t fixed_u64(struct cursor *cursor, enum fixed_type type, uint64_t *ret) {
    TRY(fixed_expect(cursor, type));
    return cursor_u64(cursor, ret);
}
