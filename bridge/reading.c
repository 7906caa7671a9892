/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/reading.h"

#include <assert.h>
#include <stdlib.h>

enum { BYTES_FIRST = 16 * 1024 };

_Static_assert((int)BYTES_FIRST <= (int)READING_BYTES_KEEP,
               "a stream with little to send keeps its page");

/* --- pages -------------------------------------------------------------- */

void reading_page_clear(struct reading_page *page) {
    page->count = 0;
    page->len = 0;
}

void reading_page_free(struct reading_page *page) {
    reading_page_clear(page);
    free(page->bytes);
    page->bytes = NULL;
    page->cap = 0;
}

/* Room for `len` more bytes. ERR_FULL if the page must not hold that much more.
 */
static err_t page_grow(struct reading_page *page, size_t len) {
    size_t wanted = page->len + len;
    ENSURE(wanted <= READING_BYTES_MAX || page->count == 0, ERR_FULL);
    if (wanted <= page->cap) {
        return ERR_OK;
    }
    size_t cap = page->cap > 0 ? page->cap : BYTES_FIRST;
    while (cap < wanted) {
        cap *= 2;
    }
    if (cap > READING_BYTES_MAX) { /* a record with a page of its own */
        cap = wanted > READING_BYTES_MAX ? wanted : READING_BYTES_MAX;
    }
    uint8_t *bytes = realloc(page->bytes, cap);
    ENSURE(bytes != NULL, ERR_MEMORY);
    page->bytes = bytes;
    page->cap = cap;
    return ERR_OK;
}

static err_t page_add(struct reading_page *page,
                      const struct journal_record *record) {
    ENSURE(page->count < READING_RECORDS_MAX, ERR_FULL);
    TRY(page_grow(page, record->bytes.len));
    assert(page->len + record->bytes.len <= page->cap);
    if (page->count == 0) {
        page->first_seq = record->seq;
    }
    page->records[page->count].wall_us = record->wall_us;
    page->records[page->count].life = event_life_of(record->life);
    page->records[page->count].offset = (uint32_t)page->len;
    page->records[page->count].len = (uint32_t)record->bytes.len;
    if (record->bytes.len > 0) {
        memcpy(page->bytes + page->len, record->bytes.data, record->bytes.len);
    }
    page->len += record->bytes.len;
    page->count++;
    return ERR_OK;
}

/* --- the reader --------------------------------------------------------- */

void reading_close(struct reading *reading) {
    journal_reader_close(reading->reader);
    reading->reader = NULL;
    reading->has_ahead = false;
    reading->stale = false;
}

static err_t open_reader(struct reading *reading, uint64_t from_seq,
                         struct reason *reason) {
    if (reading->stale) {
        reading_close(reading);
    }
    if (reading->reader != NULL) {
        return ERR_OK;
    }
    return journal_reader_open(reading->disk, reading->dir, from_seq,
                               &reading->reader, reason);
}

/* The next record stays `ahead` until it is on a page. */
static err_t look_ahead(struct reading *reading, uint64_t seq, uint64_t end_seq,
                        struct reason *reason) {
    if (!reading->has_ahead) {
        TRY(journal_reader_next(reading->reader, end_seq, &reading->ahead));
        reading->has_ahead = true;
    }
    if (reading->ahead.seq != seq) {
        return reason_set(reason, ERR_IO, "a sequence number is missing");
    }
    return ERR_OK;
}

static err_t read_records(struct reading *reading, uint64_t from_seq,
                          uint64_t end_seq, struct reading_page *page,
                          struct reason *reason) {
    for (;;) {
        TRY(look_ahead(reading, from_seq + page->count, end_seq, reason));
        TRY(page_add(page, &reading->ahead));
        reading->has_ahead = false;
    }
}

enum reading_end reading_fill(struct reading *reading, uint64_t from_seq,
                              uint64_t end_seq, struct reading_page *page,
                              struct reason *reason) {
    assert(page->count == 0);
    assert(from_seq < end_seq);
    err_t err = open_reader(reading, from_seq, reason);
    if (err != ERR_OK) {
        reading->stale = true;
        return READING_FAILED;
    }
    reason_set(reason, ERR_OK, "%s", "");
    err = read_records(reading, from_seq, end_seq, page, reason);
    assert(err != ERR_OK); /* it goes on until something ends it */
    if (err == ERR_FULL) {
        return READING_FULL;
    }
    if (err == ERR_END) {
        return READING_END;
    }
    if (err == ERR_CORRUPT) {
        return READING_DAMAGED;
    }
    reading->stale = true;
    if (reason->text[0] == '\0') {
        reason_set(reason, err, "%s", disk_cause(err));
    }
    return err == ERR_NOT_FOUND ? READING_TRIMMED : READING_FAILED;
}

err_t reading_pass(struct reading *reading, uint64_t end_seq, bool pass_unknown,
                   struct journal_gap *ret, bool *ret_known) {
    assert(reading->reader != NULL);
    assert(!reading->has_ahead && !reading->stale);
    struct journal_gap gap;
    bool known = false;
    err_t err = journal_reader_pass(reading->reader, end_seq, &gap, &known);
    if (err == ERR_OK && !known && !pass_unknown) {
        err = ERR_CORRUPT;
    }
    if (err != ERR_OK) {
        reading->stale = true; /* the fault may be over */
        return err;
    }
    *ret = gap;
    *ret_known = known;
    return ERR_OK;
}
