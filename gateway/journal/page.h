/* SPDX-License-Identifier: Apache-2.0 */
/* The two pages of a segment that hold no records: its header and its seal. No
 * I/O here.
 *
 * Header page, the first 4096 bytes:
 *      0   3  d9 d9 f7      tag 55799, "this is CBOR" (RFC 8949, 3.4.6)
 *      3   1  8a            array of 10
 *      4   3  19 u16        format version
 *      7   9  1b u64        salt: random for each segment, seeds all checksums
 *     16  17  50 16 bytes   journal id: random, the same in all segments
 *     33  17  50 16 bytes   boot id: random at each journal_open
 *     50   9  1b u64        sequence number of the first record
 *     59   5  1a u32        incarnation: one more at each journal_open
 *     64 2+n  78 n text     store, 1 to 64 bytes
 *      . 2+n  78 n text     stream, 1 to 64 bytes
 *      . 3+n  59 u16 zeros  padding, up to byte 4087
 *   4087   9  1b u64        checksum: XXH3-64 of bytes 0 to 4087, seed = salt
 *   A later version keeps the places of the tag, version, salt and checksum.
 *
 * Seal page, the last 4096 bytes of a sealed segment:
 *      0   9  5b u64        byte string: the rest of the file, 4087 bytes
 *      9  16  "ShopmeEdge seal\n"
 *     25   8  u64           sequence number that follows the last record
 *     33   1  u8            1: the journal was closed in order, else 0
 *     34   .  zeros
 *   4088   8  u64           XXH3-64 of bytes 0 to 4087, seed = salt
 * What lies behind a seal (a truncation that a power cut undid) is not looked
 * at. */
#ifndef GATEWAY_JOURNAL_PAGE_H
#define GATEWAY_JOURNAL_PAGE_H

#include "gateway/base/base.h"
#include "gateway/journal/format.h"

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
/* ERR_CORRUPT if it does not verify; ERR_UNSUPPORTED if it verifies but has a
 * format that this program does not know, and then `*ret_version` is set. */
err_t segment_header_read(struct slice page, struct segment_header *ret,
                          uint16_t *ret_version) MUST_USE;

void segment_seal_write(const struct segment_seal *seal, uint64_t salt,
                        uint8_t *page);
/* True if `page` is a seal written under `salt`. */
bool segment_seal_read(struct slice page, uint64_t salt,
                       struct segment_seal *ret) MUST_USE;

#endif
