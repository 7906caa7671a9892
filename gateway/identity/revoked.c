/* SPDX-License-Identifier: Apache-2.0 */
/* A serial number has one text: capital hexadecimal, whole bytes, no zero byte
 * in front but for the number 0. Others' texts of it are brought to that, so
 * that no certificate slips through by the way its number is written. */
#include "gateway/identity/revoked.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/identity/lines.h"

static const char first_line[] = "shopme-edge revoked 1";

/* --- Serial numbers --- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ERR_RANGE if it is no number of at most 20 bytes. */
static err_t serial_read(struct slice text, char ret[REVOKED_SERIAL_MAX]) {
    size_t from = 0;
    while (from < text.len && text.data[from] == '0') {
        from++;
    }
    size_t left = text.len - from;
    ENSURE(text.len > 0 && left < REVOKED_SERIAL_MAX, ERR_RANGE);
    size_t pad = left == 0 ? 2 : left % 2;
    memset(ret, '0', pad);
    for (size_t i = 0; i < left; i++) {
        int value = hex_value((char)text.data[from + i]);
        ENSURE(value >= 0, ERR_RANGE);
        ret[pad + i] = "0123456789ABCDEF"[value];
    }
    ret[pad + left] = '\0';
    return ERR_OK;
}

static int serial_order(const void *a, const void *b) {
    return strcmp(a, b);
}

bool revoked_has(const struct revoked *revoked, const char *serial) {
    char number[REVOKED_SERIAL_MAX];
    if (revoked->count == 0 ||
        serial_read(slice_from_str(serial), number) != ERR_OK) {
        return false;
    }
    return bsearch(number, revoked->serials, revoked->count,
                   sizeof *revoked->serials, serial_order) != NULL;
}

void revoked_free(struct revoked *revoked) {
    if (revoked == NULL) {
        return;
    }
    free(revoked->serials);
    *revoked = (struct revoked){.expires_us = 0};
}

/* --- Reading --- */

static err_t take_expires(struct lines *lines, struct revoked *ret) {
    struct slice time;
    if (!lines_accept_prefix(lines, "expires ", &time)) {
        lines->number++;
        return lines_corrupt(lines, "\"expires\" is missing");
    }
    ret->expires_us = INT64_MAX;
    if (slice_eq_str(time, "never")) {
        return ERR_OK;
    }
    if (lines_time_read(time, &ret->expires_us) != ERR_OK) {
        return lines_corrupt(
            lines, "neither \"never\" nor a time like 2026-11-29T10:00:00Z");
    }
    return ERR_OK;
}

static err_t add_serial(struct lines *lines, struct slice text,
                        struct revoked *ret, uint32_t *room) {
    char number[REVOKED_SERIAL_MAX];
    if (serial_read(text, number) != ERR_OK || !slice_eq_str(text, number)) {
        return lines_corrupt(lines, "not a serial number in capital "
                                    "hexadecimal, such as 0A1B");
    }
    if (ret->count > 0 && strcmp(ret->serials[ret->count - 1], number) >= 0) {
        return lines_corrupt(lines, "%s is not in order", number);
    }
    if (ret->count == REVOKED_MAX) {
        return lines_corrupt(lines, "more than %d certificates", REVOKED_MAX);
    }
    if (ret->count == *room) {
        *room = *room == 0 ? 16 : *room * 2;
        void *list = realloc(ret->serials, *room * sizeof *ret->serials);
        ENSURE(list != NULL, ERR_MEMORY);
        ret->serials = list;
    }
    memcpy(ret->serials[ret->count], number, sizeof number);
    ret->count++;
    return ERR_OK;
}

static err_t read_all(struct lines *lines, struct revoked *ret) {
    struct slice serial;
    uint32_t room = 0;
    TRY(lines_take(lines, first_line));
    TRY(take_expires(lines, ret));
    ret->refuse_expired = lines_accept(lines, "refuse-expired");
    while (lines_accept_prefix(lines, "serial ", &serial)) {
        TRY(add_serial(lines, serial, ret, &room));
    }
    return lines_take_end(lines, ret->count);
}

err_t revoked_read(struct slice text, struct revoked *ret,
                   struct reason *reason) {
    struct revoked revoked = {.count = 0};
    struct lines lines = lines_over("revoked", text, reason);
    err_t err = read_all(&lines, &revoked);
    if (err == ERR_MEMORY) {
        (void)reason_set(reason, err, "no memory for the revoked serials");
    }
    if (err != ERR_OK) {
        revoked_free(&revoked);
        return err;
    }
    *ret = revoked;
    return ERR_OK;
}

/* --- Writing --- */

/* A list of the serials in their one form and in order. */
static err_t sorted(const struct revoked *revoked,
                    char (**ret)[REVOKED_SERIAL_MAX]) {
    char(*list)[REVOKED_SERIAL_MAX] = calloc(revoked->count + 1, sizeof *list);
    ENSURE(list != NULL, ERR_MEMORY);
    for (uint32_t i = 0; i < revoked->count; i++) {
        err_t err = serial_read(slice_from_str(revoked->serials[i]), list[i]);
        if (err != ERR_OK) {
            free(list);
            return err;
        }
    }
    qsort(list, revoked->count, sizeof *list, serial_order);
    *ret = list;
    return ERR_OK;
}

static void write_serials(struct writer *writer, uint32_t count,
                          char (*list)[REVOKED_SERIAL_MAX]) {
    uint32_t written = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(list[i - 1], list[i]) != 0) {
            writer_printf(writer, "serial %s\n", list[i]);
            written++;
        }
    }
    writer_printf(writer, "end %" PRIu32 "\n", written);
}

err_t revoked_write(const struct revoked *revoked, char **ret,
                    size_t *ret_len) {
    char(*list)[REVOKED_SERIAL_MAX];
    ENSURE(revoked->count <= REVOKED_MAX, ERR_FULL);
    TRY(sorted(revoked, &list));
    size_t size = 256 + (size_t)revoked->count * (REVOKED_SERIAL_MAX + 8);
    char *text = malloc(size);
    if (text == NULL) {
        free(list);
        return ERR_MEMORY;
    }
    char expires[LINES_TIME_SIZE];
    lines_time_write(revoked->expires_us, expires);
    bool never = revoked->expires_us == INT64_MAX;
    struct writer writer = writer_over(text, size);
    writer_printf(&writer, "%s\nexpires %s\n", first_line,
                  never ? "never" : expires);
    writer_str(&writer, revoked->refuse_expired ? "refuse-expired\n" : "");
    write_serials(&writer, revoked->count, list);
    free(list);
    assert(!writer.full);
    *ret = text;
    *ret_len = writer.len;
    return ERR_OK;
}
