/* SPDX-License-Identifier: Apache-2.0 */
/* FORMAT, version 1: what a journal's directory contains. Each part is drawn to
 * the byte where it is read and written: header and seal in page.h, frames in
 * frame.h, damage in damage.h, snapshots in snapshot.h.
 *
 *   lock                 held by the one process that writes
 *   FIRST.seg            a segment; FIRST is its first sequence number
 *   FIRST.tmp            a segment being created, removed at the next open
 *   FIRST.spare          free space that later segments are written into: a
 *                        segment that was trimmed, or, under the number 2^64-1,
 *                        a file that was allocated ahead
 *   damage               only where damage was found: what it took
 *   FIRST-END.rot        a damaged segment, kept byte for byte for people to
 *                        look at; END is where the journal ended when it was
 *                        set aside. Nothing reads it.
 *   Beside it lie files of the stream's and the bridge's, which nothing in this
 *   folder of the program reads: doubt, dropped, cursor.
 *   (numbers in file names have 20 digits)
 *
 * A segment is a header page, frames, and a seal page once it is complete. A
 * sealed segment is a CBOR sequence (RFC 8742) whose items all have a fixed
 * width, so that neither side needs a decoder; integers are big-endian.
 * Everything starts on a multiple of 4096 bytes: no commit rewrites a page that
 * holds an older one.
 *
 * Each segment has a random salt, which seeds all its checksums. So what an
 * older life of a file left in it cannot verify under the newer header, and
 * nothing inside a record can pass for a frame. */
#ifndef GATEWAY_JOURNAL_FORMAT_H
#define GATEWAY_JOURNAL_FORMAT_H

#include <stdint.h>

/* Bounds of all sequence numbers. A header, seal, frame, list or cursor with a
 * number past the first one is damaged or forged: it does not verify. A start
 * that would go on past the second one is refused before anything is changed.
 * No journal reaches either, and counting on from one that was accepted never
 * wraps. */
#define JOURNAL_SEQ_MAX ((uint64_t)INT64_MAX)
#define JOURNAL_END_MAX (JOURNAL_SEQ_MAX / 2)

enum {
    JOURNAL_PAGE = 4096, /* frames start on multiples of it */
    JOURNAL_ID_SIZE = 16,
    JOURNAL_NAME_MAX = 64, /* bytes of a store's or stream's name */
};

#endif
