/* SPDX-License-Identifier: Apache-2.0 */
/* Sets damage aside, so that the rest is a valid journal again. */
#ifndef GATEWAY_JOURNAL_QUARANTINE_H
#define GATEWAY_JOURNAL_QUARANTINE_H

#include "gateway/journal/damage.h"
#include "gateway/journal/options.h"

/* Surveys all segments, whatever their state. Adds records that existed and
 * cannot be read to `damage`, and saves it. Then copies each file that is not
 * whole to its `.rot` name, and rewrites the parts that verify to whole
 * segments with the gaps between them. If it is interrupted anywhere, the next
 * call completes it.
 *
 * The caller holds the lock and has loaded `damage`. If rot cannot explain the
 * state, nothing is changed and the error says why: ERR_CORRUPT (segments that
 * overlap, or that belong to several journals), ERR_REFUSED, ERR_UNSUPPORTED;
 * and ERR_IO for a file of which almost nothing can be read. ERR_FULL,
 * ERR_MEMORY. */
err_t quarantine_run(const struct journal_options *options,
                     struct damage *damage, struct reason *reason) MUST_USE;

#endif
