/* SPDX-License-Identifier: Apache-2.0 */
/* A frame: the records of one commit as they lie on the disk, and how to tell
 * one from anything else. No I/O here.
 *
 *      0   1  88            array of 8
 *      1   5  1a u32        incarnation, that of the header
 *      6   9  1b u64        sequence number of its first record
 *     15   5  1a u32        count of records, at least 1
 *     20   9  1b u64        wall time, us since 1970 (an int64, not negative)
 *     29   9  1b u64        monotonic time, us (the same)
 *     38   9  1b u64        checksum
 *     47   5  5a u32        byte string: the records, n bytes
 *     52   n                itself a CBOR sequence: 5a u32 bytes, a record each
 *   52+n   5  5a u32        byte string: padding to the next 4096
 *   57+n   .                zeros
 *   checksum = XXH3-64 of bytes 47 to the frame's end, seeded with the XXH3-64
 *   of bytes 0 to 37, which is seeded with the salt. */
#ifndef GATEWAY_JOURNAL_FRAME_H
#define GATEWAY_JOURNAL_FRAME_H

#include "gateway/base/base.h"
#include "gateway/journal/format.h"

enum {
    FRAME_HEAD_SIZE = 52,
    FRAME_ITEM_HEAD_SIZE = 5, /* of each record, and of the padding */
#ifdef EDGE_CONTROL_UNALIGNED
    FRAME_ALIGN = 64,
#else
    FRAME_ALIGN = JOURNAL_PAGE, /* frames start on multiples of it */
#endif
};

struct frame_head {
    uint32_t incarnation;
    uint64_t first_seq;
    uint32_t count;
    int64_t wall_us; /* not negative */
    int64_t mono_us; /* not negative */
    uint64_t checksum;
    uint32_t events_len; /* bytes of the records with their heads */
};

/* Bytes on the disk of a frame whose records and their heads take
 * `events_len`; a multiple of FRAME_ALIGN. */
uint64_t frame_size(uint64_t events_len);

/* Building, in one buffer so that one write puts it on the disk: begin, add
 * each record, finish. The writer's capacity is a multiple of FRAME_ALIGN. */
void frame_begin(struct writer *frame);
void frame_add(struct writer *frame, struct slice record);
/* Writes head, padding and checksum; computes events_len and checksum of
 * `head`. The result is in the writer's buffer. */
struct slice frame_finish(struct writer *frame, const struct frame_head *head,
                          uint64_t salt);

/* Reads a frame's head from the front of `bytes`. ERR_PARSE if it is not a
 * head. What the head says must not be trusted yet. */
err_t frame_parse(struct slice bytes, struct frame_head *ret) MUST_USE;
/* True if `frame`, frame_size() bytes with this head, was written under `salt`
 * and every bit of it is intact. */
bool frame_verify(struct slice frame, const struct frame_head *head,
                  uint64_t salt) MUST_USE;
/* The records of a verified frame; read them with frame_record. */
struct cursor frame_records(struct slice frame, const struct frame_head *head);
err_t frame_record(struct cursor *records, struct slice *ret) MUST_USE;

#endif
