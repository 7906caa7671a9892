/* SPDX-License-Identifier: Apache-2.0 */
/* Which events of a stream, from its saved cursor on, are letters already: a
 * start settles them at once. A number alone names no event: a journal that
 * was restored gives it once more. So the event's life is compared with that
 * which the journal has there now. */
#ifndef BRIDGE_DEAD_KNOWN_H
#define BRIDGE_DEAD_KNOWN_H

#include "bridge/dead_index.h"

/* Zeroed is empty. */
struct dead_known {
    uint64_t *seqs; /* ascending */
    size_t count;
};

/* Reads the stream's cursor and its journal. What cannot be read is not known,
 * and is sent again. */
void dead_known_find(struct dead_known *known, const struct disk *disk,
                     const struct dead_index *index, const char *dir,
                     const char *stream, const uint8_t *journal_id);
void dead_known_free(struct dead_known *known);

#endif
