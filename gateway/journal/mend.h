/* SPDX-License-Identifier: Apache-2.0 */
/* A segment whose header page is damaged: what verifies in it is kept. Of the
 * page a reader needs only the salt; the rest is known from elsewhere, too.
 *
 *   tried in this order                          | then the header is
 *   ---------------------------------------------+--------------------------
 *   each bit of the page, flipped                | exactly what it was: the
 *                                                | checksum says so
 *   its fields, or those that its name, its      | the same
 *   owner, its frames and its neighbours say,    |
 *   with the unused rest as it is written        |
 *   the salt alone: a frame verifies under it    | right as far as readers
 *                                                | need it; the life is that
 *                                                | of a neighbour of the same
 *                                                | incarnation, or what the
 *                                                | page says
 *
 * Without the salt nothing can be told. Changes nothing on the disk. */
#ifndef GATEWAY_JOURNAL_MEND_H
#define GATEWAY_JOURNAL_MEND_H

#include "gateway/base/base.h"
#include "gateway/journal/segment.h"

/* Whose it has to be; for a reader, who does not know, both are NULL. */
struct mend_owner {
    const char *store;
    const char *stream;
};

/* Opens it for reading after segment_open() said ERR_CORRUPT. ERR_CORRUPT if
 * the header verifies, or cannot be told; ERR_NOT_FOUND, ERR_IO, ERR_MEMORY. */
err_t mend_open(const struct disk *disk, const char *dir, uint64_t first_seq,
                struct mend_owner owner, struct segment *ret) MUST_USE;

#endif
