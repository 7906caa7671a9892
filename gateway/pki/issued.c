/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/issued.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/pki/when.h"

enum {
    ENTRY_BYTES_MAX = 320, /* of one as text */
    ROOM_FIRST = 16,
};

static const char heading[] = "shopme-edge issued 1";

void issued_free(struct issued *issued) {
    free(issued->list);
    *issued = (struct issued){0};
}

err_t issued_add(struct issued *issued, const struct issued_entry *entry) {
    assert(issued->count <= issued->room);
    ENSURE(issued->count < ISSUED_MAX, ERR_FULL);
    if (issued->count == issued->room) {
        uint32_t room = issued->room == 0 ? ROOM_FIRST : issued->room * 2;
        struct issued_entry *list =
            realloc(issued->list, room * sizeof *issued->list);
        ENSURE(list != NULL, ERR_MEMORY);
        issued->list = list;
        issued->room = room;
    }
    issued->list[issued->count++] = *entry;
    return ERR_OK;
}

/* --- Read ------------------------------------------------------------------
 */

static bool number_of(struct slice text, uint64_t *ret) {
    uint64_t value = 0;
    bool good = text.len > 0 && text.len <= 18 &&
                (text.len == 1 || text.data[0] != '0');
    for (size_t i = 0; good && i < text.len; i++) {
        good = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = value;
    return good;
}

/* As certificate_serial_text() writes it. */
static bool is_serial(struct slice text) {
    bool good = text.len > 0 && text.len < REVOKED_SERIAL_MAX &&
                text.len % 2 == 0 &&
                (text.len == 2 || !slice_starts_with(text, "00"));
    for (size_t i = 0; good && i < text.len; i++) {
        uint8_t c = text.data[i];
        good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
    }
    return good;
}

static err_t take_time(struct lines *lines, const char *word, int64_t *ret) {
    struct slice text;
    if (!lines_accept_prefix(lines, word, &text)) {
        lines->number++;
        return lines_corrupt(lines, "\"%s\" is missing", word + 1);
    }
    return when_read(text, ret) == ERR_OK
               ? ERR_OK
               : lines_corrupt(lines, "not a time like 2026-11-29T10:00:00Z");
}

static err_t take_name(struct lines *lines, struct issued_entry *entry) {
    static const char *const words[] = {" ca ", " server ", " device "};
    struct slice name;
    for (int kind = 0; kind < CERTIFICATE_KINDS; kind++) {
        if (lines_accept_prefix(lines, words[kind], &name)) {
            entry->kind = (enum certificate_kind)kind;
            bool good =
                name.len > 0 && lines_is_text(name) &&
                slice_to_str(name, entry->name, sizeof entry->name) == ERR_OK;
            return good ? ERR_OK : lines_corrupt(lines, "not a name");
        }
    }
    lines->number++;
    return lines_corrupt(lines, "neither ca, server nor device");
}

static err_t take_entry(struct lines *lines, struct slice serial,
                        struct issued *ret) {
    struct issued_entry entry = {.revoked_us = 0};
    struct slice text;
    if (!is_serial(serial)) {
        return lines_corrupt(lines, "not a serial number in capital "
                                    "hexadecimal, such as 4F0C");
    }
    TRY(slice_to_str(serial, entry.serial, sizeof entry.serial));
    TRY(take_name(lines, &entry));
    TRY(take_time(lines, " from ", &entry.not_before_us));
    TRY(take_time(lines, " until ", &entry.not_after_us));
    if (lines_accept_prefix(lines, " revoked ", &text) &&
        (when_read(text, &entry.revoked_us) != ERR_OK ||
         entry.revoked_us == 0 || entry.revoked_us == WHEN_NEVER)) {
        return lines_corrupt(lines, "not a time like 2026-11-29T10:00:00Z");
    }
    return issued_add(ret, &entry);
}

static err_t read_all(struct lines *lines, struct issued *ret) {
    struct slice text;
    TRY(lines_take(lines, heading));
    if (!lines_accept_prefix(lines, "crl ", &text)) {
        lines->number++;
        return lines_corrupt(lines, "\"crl\" is missing");
    }
    if (!number_of(text, &ret->crl_number)) {
        return lines_corrupt(lines, "not a number");
    }
    while (lines_accept_prefix(lines, "certificate ", &text)) {
        TRY(take_entry(lines, text, ret));
    }
    return lines_take_end(lines, ret->count);
}

err_t issued_read(struct slice text, struct issued *ret,
                  struct reason *reason) {
    struct lines lines = lines_over("index", text, reason);
    struct issued issued = {0};
    err_t err = read_all(&lines, &issued);
    if (err != ERR_OK) {
        issued_free(&issued);
        return err == ERR_CORRUPT
                   ? err
                   : reason_set(reason, err, "index: %s", err_name(err));
    }
    *ret = issued;
    return ERR_OK;
}

/* --- Written ---------------------------------------------------------------
 */

static void write_entry(struct writer *out, const struct issued_entry *entry) {
    assert(entry->serial[0] != '\0' && entry->name[0] != '\0');
    char from[WHEN_SIZE];
    char until[WHEN_SIZE];
    char revoked[WHEN_SIZE];
    when_text(entry->not_before_us, from);
    when_text(entry->not_after_us, until);
    when_text(entry->revoked_us, revoked);
    writer_printf(out, "certificate %s\n %s %s\n from %s\n until %s\n",
                  entry->serial, certificate_kind_name(entry->kind),
                  entry->name, from, until);
    if (entry->revoked_us != 0) {
        writer_printf(out, " revoked %s\n", revoked);
    }
}

err_t issued_write(const struct issued *issued, struct octets *ret) {
    size_t cap = ((size_t)issued->count + 1) * ENTRY_BYTES_MAX;
    uint8_t *data = malloc(cap);
    ENSURE(data != NULL, ERR_MEMORY);
    assert(issued->count <= ISSUED_MAX);
    struct writer out = writer_over(data, cap);
    writer_printf(&out, "%s\ncrl %" PRIu64 "\n", heading, issued->crl_number);
    for (uint32_t i = 0; i < issued->count; i++) {
        write_entry(&out, &issued->list[i]);
    }
    writer_printf(&out, "end %" PRIu32 "\n", issued->count);
    assert(!out.full);
    *ret = (struct octets){data, out.len};
    return ERR_OK;
}

/* --- Looked up -------------------------------------------------------------
 */

const struct issued_entry *issued_newest(const struct issued *issued,
                                         enum certificate_kind kind,
                                         const char *name) {
    const struct issued_entry *newest = NULL;
    for (uint32_t i = 0; i < issued->count; i++) {
        const struct issued_entry *entry = &issued->list[i];
        if (entry->kind == kind && entry->revoked_us == 0 &&
            (name == NULL || strcmp(entry->name, name) == 0) &&
            (newest == NULL || entry->not_after_us >= newest->not_after_us)) {
            newest = entry;
        }
    }
    return newest;
}

/* By name; of one name the last to end comes first. */
static int by_name_and_end(const void *a, const void *b) {
    const struct issued_entry *const *x = a;
    const struct issued_entry *const *y = b;
    int names = strcmp((*x)->name, (*y)->name);
    if (names != 0 || (*x)->not_after_us == (*y)->not_after_us) {
        return names;
    }
    return (*x)->not_after_us > (*y)->not_after_us ? -1 : 1;
}

static uint32_t valid_devices(const struct issued *issued,
                              const struct issued_entry **ret) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < issued->count; i++) {
        const struct issued_entry *entry = &issued->list[i];
        if (entry->kind == CERTIFICATE_DEVICE && entry->revoked_us == 0) {
            ret[count++] = entry;
        }
    }
    return count;
}

const struct issued_entry *issued_nearest(const struct issued *issued,
                                          int64_t before_us,
                                          uint32_t *ret_ending) {
    const struct issued_entry *nearest = NULL;
    *ret_ending = 0;
    const struct issued_entry **list =
        calloc((size_t)issued->count + 1, sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    uint32_t count = valid_devices(issued, list);
    assert(count <= issued->count);
    qsort(list, count, sizeof *list, by_name_and_end);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(list[i]->name, list[i - 1]->name) == 0) {
            continue; /* one that lasts longer was there before */
        }
        *ret_ending += list[i]->not_after_us < before_us;
        if (nearest == NULL || list[i]->not_after_us < nearest->not_after_us) {
            nearest = list[i];
        }
    }
    free(list);
    return nearest;
}
