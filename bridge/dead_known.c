/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_known.h"

#include <stdlib.h>

#include "bridge/cursor.h"
#include "gateway/journal/reader.h"

void dead_known_free(struct dead_known *known) {
    free(known->seqs);
    *known = (struct dead_known){.seqs = NULL};
}

static bool is_same(const struct disk *disk, const char *dir,
                    const struct dead_entry *entry) {
    struct journal_reader *reader;
    struct journal_record record;
    struct reason ignored;
    if (journal_reader_open(disk, dir, entry->seq, &reader, &ignored) !=
        ERR_OK) {
        return false;
    }
    bool same = journal_reader_next(reader, UINT64_MAX, &record) == ERR_OK &&
                record.seq == entry->seq;
    if (same) {
        struct event_life life = event_life_of(record.life);
        same = memcmp(&life, &entry->life, sizeof life) == 0;
    }
    journal_reader_close(reader);
    return same;
}

static int by_number(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

void dead_known_find(struct dead_known *known, const struct disk *disk,
                     const struct dead_index *index, const char *dir,
                     const char *stream, const uint8_t *journal_id) {
    uint64_t cursor;
    bool ignored;
    const struct cursor_owner owner = {journal_id, stream};
    known->seqs = calloc(index->count + 1, sizeof *known->seqs);
    if (known->seqs == NULL || cursor_file_peek(disk, dir, &owner, &cursor,
                                                &ignored, NULL) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < index->count; i++) {
        const struct dead_entry *entry = &index->list[i];
        if (entry->seq >= cursor &&
            strcmp(index->names[entry->stream], stream) == 0 &&
            is_same(disk, dir, entry)) {
            known->seqs[known->count++] = entry->seq;
        }
    }
    qsort(known->seqs, known->count, sizeof *known->seqs, by_number);
}
