/* SPDX-License-Identifier: Apache-2.0 */
/* Setting damage aside, so that what is left is a journal again. */
#ifndef GATEWAY_JOURNAL_QUARANTINE_H
#define GATEWAY_JOURNAL_QUARANTINE_H

#include "gateway/journal/damage.h"
#include "gateway/journal/options.h"

/* Looks at all segments, in whatever state. What cannot be read, and was there,
 * is added to `damage`, which is saved; then each file that is not whole is
 * copied to its `.rot` name, and what of it verifies is rewritten to whole
 * segments with the gaps between them. Stopped anywhere, the next call ends it.
 *
 * The caller holds the lock and has loaded `damage`. Nothing is changed, and
 * the error says why, for what no rot explains: ERR_CORRUPT (segments that
 * overlap, or of several journals), ERR_REFUSED, ERR_UNSUPPORTED; and ERR_IO
 * for a file of which next to nothing can be read. ERR_FULL, ERR_MEMORY. */
err_t quarantine_run(const struct journal_options *options,
                     struct damage *damage, struct reason *reason) MUST_USE;

#endif
