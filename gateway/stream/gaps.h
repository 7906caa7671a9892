/* SPDX-License-Identifier: Apache-2.0 */
/* A list of the ranges that damage took, sorted and not overlapping, as
 * journal_gaps() returns it. */
#ifndef GATEWAY_STREAM_GAPS_H
#define GATEWAY_STREAM_GAPS_H

#include "gateway/journal/journal.h"

/* Do they cover all of [first, end)? Adjacent ranges may cover it together:
 * damage noticed next to a recorded range becomes a range of its own. */
bool gaps_hold(const struct journal_gap *gaps, size_t count, uint64_t first,
               uint64_t end);

#endif
