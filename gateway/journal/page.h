/* SPDX-License-Identifier: Apache-2.0 */
/* The two pages of a segment that hold no records: its header and its seal. The
 * format is drawn in journal.h. No I/O here. */
#ifndef GATEWAY_JOURNAL_PAGE_H
#define GATEWAY_JOURNAL_PAGE_H

#include "gateway/base/base.h"
#include "gateway/journal/journal.h"

enum { SEGMENT_FORMAT = 1 };

struct segment_header {
    uint8_t journal_id[JOURNAL_ID_SIZE];
    uint8_t boot_id[JOURNAL_ID_SIZE];
    uint64_t salt;
    uint64_t first_seq;
    uint32_t incarnation;
    char store[JOURNAL_NAME_MAX + 1];
    char stream[JOURNAL_NAME_MAX + 1];
};

struct segment_seal {
    uint64_t next_seq; /* that of the last record, and one */
    bool clean_stop;   /* the journal was closed in order */
};

/* `page` has JOURNAL_PAGE bytes. */
void segment_header_write(const struct segment_header *header, uint8_t *page);
/* ERR_CORRUPT if it does not verify, ERR_UNSUPPORTED if it does and is of a
 * format that this program does not know; `*ret_version` is set then. */
err_t segment_header_read(struct slice page, struct segment_header *ret,
                          uint16_t *ret_version) MUST_USE;

void segment_seal_write(const struct segment_seal *seal, uint64_t salt,
                        uint8_t *page);
/* True if `page` is a seal written under `salt`. */
bool segment_seal_read(struct slice page, uint64_t salt,
                       struct segment_seal *ret) MUST_USE;

#endif
