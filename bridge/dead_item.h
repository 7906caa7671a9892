/* SPDX-License-Identifier: Apache-2.0 */
/* A letter as it is written: of what the sender hands over. */
#ifndef BRIDGE_DEAD_ITEM_H
#define BRIDGE_DEAD_ITEM_H

#include "bridge/dead_job.h"
#include "bridge/letter.h"

/* `stream` is left to the caller. NULL: no memory. */
struct dead_item *dead_item_of(const struct config_stream *stream,
                               struct event_life journal_id, int64_t wall_us,
                               const struct dead_letter *letter);

#endif
