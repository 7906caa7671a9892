/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/base64.h"

static const char STANDARD[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Four digits for three bytes. */
static void write_digits(uint8_t ret[4], const uint8_t bytes[3],
                         const char *alphabet) {
    uint32_t group =
        (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    ret[0] = (uint8_t)alphabet[group >> 18];
    ret[1] = (uint8_t)alphabet[group >> 12 & 63];
    ret[2] = (uint8_t)alphabet[group >> 6 & 63];
    ret[3] = (uint8_t)alphabet[group & 63];
}

/* What is left of less than three bytes. */
static void write_rest(struct writer *writer, struct slice rest,
                       const char *alphabet, bool pad) {
    uint8_t bytes[3] = {0};
    uint8_t digits[4];
    if (rest.len == 0) {
        return;
    }
    memcpy(bytes, rest.data, rest.len);
    write_digits(digits, bytes, alphabet);
    memset(digits + rest.len + 1, '=', 3 - rest.len);
    writer_slice_add(writer, slice_of(digits, pad ? 4 : rest.len + 1));
}

/* Straight into the writer's memory: a sink without CBOR sends every event so.
 */
static void write_groups(struct writer *writer, struct slice bytes,
                         const char *alphabet, bool pad) {
    size_t groups = bytes.len / 3;
    if (writer->full || groups > (writer->cap - writer->len) / 4) {
        writer->full = true;
        return;
    }
    for (size_t i = 0; i < groups; i++) {
        write_digits(writer->data + writer->len, bytes.data + 3 * i, alphabet);
        writer->len += 4;
    }
    write_rest(writer, slice_part(bytes, 3 * groups, bytes.len - 3 * groups),
               alphabet, pad);
}

void event_base64_write(struct writer *writer, struct slice bytes) {
    write_groups(writer, bytes, STANDARD, true);
}

void event_base64url_write(struct writer *writer, struct slice bytes) {
    write_groups(writer, bytes, URL, false);
}

void event_base16_write(struct writer *writer, struct slice bytes) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.len; i++) {
        writer_u8(writer, (uint8_t)digits[bytes.data[i] >> 4]);
        writer_u8(writer, (uint8_t)digits[bytes.data[i] & 15]);
    }
}

/* -1 if it is not a digit. */
static int digit_value(uint8_t c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* How many of a group's four characters are digits: 4, or in the last group
 * 3 or 2. */
static size_t group_digits(struct slice text, size_t at) {
    size_t digits = 4;
    if (at + 4 == text.len) {
        while (digits > 2 && text.data[at + digits - 1] == '=') {
            digits--;
        }
    }
    return digits;
}

err_t event_base64_read(struct slice text, uint8_t *ret, size_t *ret_len) {
    size_t len = 0;
    ENSURE(text.len % 4 == 0, ERR_PARSE);
    for (size_t at = 0; at < text.len; at += 4) {
        size_t digits = group_digits(text, at);
        uint32_t group = 0;
        for (size_t i = 0; i < 4; i++) {
            int digit = i < digits ? digit_value(text.data[at + i]) : 0;
            ENSURE(digit >= 0, ERR_PARSE);
            group = group << 6 | (uint32_t)digit;
        }
        uint32_t unused = digits == 4 ? 0 : digits == 3 ? 0xff : 0xffff;
        ENSURE((group & unused) == 0, ERR_PARSE);
        for (size_t i = 0; i + 1 < digits; i++) {
            ret[len] = (uint8_t)(group >> (16 - 8 * i));
            len++;
        }
    }
    *ret_len = len;
    return ERR_OK;
}
