/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: a stream's state as the release before this one reads it. */
#ifndef GATEWAY_STREAM_OLDER_SNAPSHOT_H
#define GATEWAY_STREAM_OLDER_SNAPSHOT_H

#include "gateway/base/base.h"
#include "gateway/stream/opening.h"

/* Has the shop go back to that release's rules (ConfigChanged is journaled),
 * and writes a snapshot of all that the journal holds, in the form of release
 * 0.1.0, which this program reads too, and removes all others: so whichever of
 * the two starts next has nothing to replay. Nothing is written for an empty
 * journal. ERR_REFUSED if refunds are open, ERR_FULL, ERR_IO, ERR_MEMORY; the
 * existing snapshots then remain. */
err_t older_snapshot_write(const struct opening_options *options,
                           const struct opened *opened,
                           struct reason *reason) MUST_USE;

#endif
