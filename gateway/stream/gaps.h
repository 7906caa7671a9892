/* SPDX-License-Identifier: Apache-2.0 */
/* A list of ranges that damage took, sorted and apart from one another, as
 * journal_gaps() gives it. */
#ifndef GATEWAY_STREAM_GAPS_H
#define GATEWAY_STREAM_GAPS_H

#include "gateway/journal/journal.h"

/* Is all of [first, end) in them? Neighbours may share it: what is noted around
 * a known range becomes ranges of its own beside it. */
bool gaps_hold(const struct journal_gap *gaps, size_t count, uint64_t first,
               uint64_t end);

#endif
