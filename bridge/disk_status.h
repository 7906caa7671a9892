/* SPDX-License-Identifier: Apache-2.0 */
/* Which job of a stream the disk is at, for people who wonder what hangs. */
#ifndef BRIDGE_DISK_STATUS_H
#define BRIDGE_DISK_STATUS_H

#include "bridge/cursor_saver.h"
#include "bridge/feed.h"
#include "bridge/status.h"

/* The one that began first. `feed` may be NULL. */
void disk_status(const struct cursor_saver *saver, const struct feed *feed,
                 struct bridge_stream_status *ret);

#endif
