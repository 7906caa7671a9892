/* SPDX-License-Identifier: Apache-2.0 */
/* A report, to the byte. Integers are big-endian.
 *
 *     u8   1                 the format
 *     u8   kind
 *     then each field as u16 length and that many bytes:
 *     device, client id, address, text, event id     UTF-8
 *     by                     1 byte
 *     refusal                its code; empty for none
 *     publish                1 byte, 0 or 1
 *     count, set             8 bytes each
 *     certificate ends, since                        8 bytes each, us
 *     cbor                   1 byte, 0 or 1
 *
 * A command is the format, 0x80 + command, and nothing more. */
#include "gateway/identity/report.h"

#include <assert.h>

enum { FORMAT = 1, COMMAND = 0x80 };

_Static_assert(2 + 13 * 2 + ACCOUNT_NAME_MAX + 64 + 129 + REPORT_TEXT_MAX +
                       REPORT_ID_MAX + 32 + 3 + 4 * 8 <=
                   REPORT_BYTES_MAX,
               "the largest report fits");

/* --- Writing --- */

/* Texts may have been cut within a character: what was cut becomes `?`. */
static void write_text(struct writer *writer, const char *text, size_t size) {
    char mended[REPORT_TEXT_MAX];
    assert(size <= sizeof mended);
    memcpy(mended, text, size);
    mended[size - 1] = '\0';
    str_mend_utf8(mended);
    struct slice slice = slice_from_str(mended);
    writer_u16(writer, (uint16_t)slice.len);
    writer_slice_add(writer, slice);
}

static void write_byte(struct writer *writer, uint8_t value) {
    writer_u16(writer, 1);
    writer_u8(writer, value);
}

static void write_number(struct writer *writer, uint64_t value) {
    writer_u16(writer, 8);
    writer_u64(writer, value);
}

#define WRITE_TEXT(writer, field) write_text(writer, field, sizeof(field))

void report_write(const struct report *report, struct writer *writer) {
    _Static_assert((int)REPORT_ID_MAX == (int)REPORT_TEXT_MAX,
                   "either fits in write_text's buffer");
    writer_u8(writer, FORMAT);
    writer_u8(writer, (uint8_t)report->kind);
    WRITE_TEXT(writer, report->device);
    WRITE_TEXT(writer, report->client_id);
    WRITE_TEXT(writer, report->address);
    WRITE_TEXT(writer, report->text);
    WRITE_TEXT(writer, report->event_id);
    write_byte(writer, (uint8_t)report->by);
    struct slice code = slice_from_str(refusal_code(report->refusal));
    writer_u16(writer, (uint16_t)code.len);
    writer_slice_add(writer, code);
    write_byte(writer, report->publish);
    write_number(writer, report->count);
    write_number(writer, report->set);
    write_number(writer, (uint64_t)report->certificate_ends_us);
    write_number(writer, (uint64_t)report->since_us);
    write_byte(writer, report->cbor);
}

/* --- Reading --- */

static err_t take_field(struct cursor *cursor, struct slice *ret) {
    uint16_t len;
    TRY(cursor_u16(cursor, &len));
    return cursor_take(cursor, len, ret);
}

static err_t take_text(struct cursor *cursor, char *ret, size_t size) {
    struct slice text;
    TRY(take_field(cursor, &text));
    ENSURE(slice_is_utf8(text), ERR_PARSE);
    return slice_to_str(text, ret, size);
}

static err_t take_byte(struct cursor *cursor, uint8_t max, uint8_t *ret) {
    uint16_t len;
    TRY(cursor_u16(cursor, &len));
    ENSURE(len == 1, ERR_PARSE);
    TRY(cursor_u8(cursor, ret));
    ENSURE(*ret <= max, ERR_PARSE);
    return ERR_OK;
}

static err_t take_number(struct cursor *cursor, uint64_t *ret) {
    uint16_t len;
    TRY(cursor_u16(cursor, &len));
    ENSURE(len == 8, ERR_PARSE);
    return cursor_u64(cursor, ret);
}

static err_t take_time(struct cursor *cursor, int64_t *ret) {
    uint64_t value;
    TRY(take_number(cursor, &value));
    ENSURE(value <= INT64_MAX, ERR_PARSE);
    *ret = (int64_t)value;
    return ERR_OK;
}

static err_t take_refusal(struct cursor *cursor, enum refusal *ret) {
    struct slice code;
    TRY(take_field(cursor, &code));
    for (int i = REFUSAL_NONE; i < REFUSAL_COUNT; i++) {
        if (slice_eq_str(code, refusal_code((enum refusal)i))) {
            *ret = (enum refusal)i;
            return ERR_OK;
        }
    }
    return ERR_PARSE;
}

#define TAKE_TEXT(cursor, field) TRY(take_text(cursor, field, sizeof(field)))

static err_t take_texts(struct cursor *cursor, struct report *ret) {
    TAKE_TEXT(cursor, ret->device);
    TAKE_TEXT(cursor, ret->client_id);
    TAKE_TEXT(cursor, ret->address);
    TAKE_TEXT(cursor, ret->text);
    TAKE_TEXT(cursor, ret->event_id);
    return ERR_OK;
}

static err_t take_rest(struct cursor *cursor, struct report *ret) {
    uint8_t by;
    uint8_t publish;
    uint8_t cbor;
    TRY(take_byte(cursor, REPORT_BY_CERTIFICATE, &by));
    ret->by = (enum report_by)by;
    TRY(take_refusal(cursor, &ret->refusal));
    TRY(take_byte(cursor, 1, &publish));
    ret->publish = publish == 1;
    TRY(take_number(cursor, &ret->count));
    TRY(take_number(cursor, &ret->set));
    TRY(take_time(cursor, &ret->certificate_ends_us));
    TRY(take_time(cursor, &ret->since_us));
    TRY(take_byte(cursor, 1, &cbor));
    ret->cbor = cbor == 1;
    ENSURE(cursor_left(cursor) == 0, ERR_PARSE);
    return ERR_OK;
}

static err_t take_kind(struct cursor *cursor, uint8_t from, uint8_t to,
                       uint8_t *ret) {
    uint8_t format;
    TRY(cursor_u8(cursor, &format));
    ENSURE(format == FORMAT, ERR_PARSE);
    TRY(cursor_u8(cursor, ret));
    ENSURE(*ret >= from && *ret <= to, ERR_PARSE);
    return ERR_OK;
}

err_t report_read(struct slice bytes, struct report *ret) {
    struct report report = {.device = ""};
    struct cursor cursor = cursor_over(bytes);
    uint8_t kind;
    ENSURE(take_kind(&cursor, REPORT_CONNECTED, REPORT_SURPLUS, &kind) ==
               ERR_OK,
           ERR_CORRUPT);
    report.kind = (enum report_kind)kind;
    ENSURE(take_texts(&cursor, &report) == ERR_OK, ERR_CORRUPT);
    ENSURE(take_rest(&cursor, &report) == ERR_OK, ERR_CORRUPT);
    *ret = report;
    return ERR_OK;
}

/* --- Commands --- */

void report_command_write(enum report_command command, struct writer *writer) {
    assert(command >= REPORT_HELLO && command <= REPORT_RELOAD);
    writer_u8(writer, FORMAT);
    writer_u8(writer, (uint8_t)(COMMAND + (int)command));
}

err_t report_command_read(struct slice bytes, enum report_command *ret) {
    struct cursor cursor = cursor_over(bytes);
    uint8_t kind;
    ENSURE(take_kind(&cursor, COMMAND + REPORT_HELLO, COMMAND + REPORT_RELOAD,
                     &kind) == ERR_OK,
           ERR_CORRUPT);
    ENSURE(cursor_left(&cursor) == 0, ERR_CORRUPT);
    *ret = (enum report_command)(kind - COMMAND);
    return ERR_OK;
}
