/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/event.h"
#include "gateway/journal/reader.h"

enum {
    /* Of each segment, for what settles letters: that must find room. */
    RESERVE_BYTES = 256 * 1024,
    BATCH_EVENTS = 512,
    BATCH_BYTES = EVENT_BYTES_MAX + EVENT_BYTES_MAX / 2,
};

_Static_assert(BATCH_BYTES > EVENT_BYTES_MAX + DEAD_HEAD_MAX,
               "the largest letter fits");
_Static_assert(DEAD_SEGMENT_BYTES > 2 * BATCH_BYTES, "a segment holds batches");

void dead_store_init(struct dead_store *store, const struct platform *platform,
                     const struct config *config) {
    *store = (struct dead_store){.platform = platform, .config = config};
    snprintf(store->dir, sizeof store->dir, "%s/%s", config->data, DEAD_FOLDER);
}

void dead_store_close(struct dead_store *store) {
    journal_close(store->journal);
    store->journal = NULL;
    dead_index_free(&store->index);
}

bool dead_store_exists(const struct dead_store *store) {
    const struct disk *disk = &store->platform->disk;
    uint64_t begins;
    return journal_begins(disk, store->dir, &begins, NULL) == ERR_OK;
}

/* --- reading ---------------------------------------------------------------
 */

struct each {
    bool (*call)(void *context, uint64_t id, const struct dead_record *record);
    void *context;
    uint64_t end_id;
    struct dead_loss lost;
};

/* ERR_END after the last, or when `each` has enough. */
static err_t read_one(struct journal_reader *reader, struct each *each) {
    struct journal_record stored;
    struct dead_record record;
    err_t err = journal_reader_next(reader, each->end_id, &stored);
    if (err == ERR_CORRUPT) {
        struct journal_gap gap;
        bool known;
        TRY(journal_reader_pass(reader, each->end_id, &gap, &known));
        each->lost.count += gap.end - gap.first;
        each->lost.unknown += known ? 0 : gap.end - gap.first;
        return ERR_OK;
    }
    TRY(err);
    if (dead_record_read(stored.bytes, &record) != ERR_OK) {
        each->lost.count++;
        each->lost.unread++;
        return ERR_OK;
    }
    return each->call(each->context, stored.seq, &record) ? ERR_OK : ERR_END;
}

err_t dead_store_each(
    const struct disk *disk, const char *dir, uint64_t from_id, uint64_t end_id,
    bool (*call)(void *context, uint64_t id, const struct dead_record *record),
    void *context, struct dead_loss *ret_lost, struct reason *reason) {
    struct each each = {call, context, end_id, {0, 0, 0}};
    struct journal_reader *reader;
    TRY(journal_reader_open(disk, dir, from_id, &reader, reason));
    err_t err = ERR_OK;
    while (err == ERR_OK) {
        err = read_one(reader, &each);
    }
    journal_reader_close(reader);
    *ret_lost = each.lost;
    return err == ERR_END ? ERR_OK
                          : reason_set(reason, err, "cannot read %s: %s", dir,
                                       disk_cause(err));
}

struct filling {
    struct dead_index *index;
    err_t err;
};

static bool take_record(void *context, uint64_t id,
                        const struct dead_record *record) {
    struct filling *filling = context;
    filling->err = dead_index_take(filling->index, id, record);
    return filling->err == ERR_OK;
}

/* What damage took: the journal keeps all gaps, and with each the record that
 * marks it as told. Once that is trimmed it is no news to anybody. */
static void count_damage(struct dead_store *store) {
    const struct journal_position *position = journal_position(store->journal);
    size_t count;
    const struct journal_gap *gaps = journal_gaps(store->journal, &count);
    store->damage = (struct dead_range){0, 0, 0};
    store->lost = store->unreadable;
    for (size_t i = 0; i < count; i++) {
        uint64_t size = gaps[i].end - gaps[i].first;
        if (!journal_gap_is_told(&gaps[i])) {
            dead_range_add(&store->damage, gaps[i].first, gaps[i].end - 1,
                           size);
        } else if (gaps[i].told_at < atomic_load(&position->start)) {
            continue;
        }
        store->lost += size;
    }
}

/* Marks the gaps before `end`: `id` says that they are told. */
static err_t mark_damage(struct dead_store *store, uint64_t end, uint64_t id,
                         struct reason *reason) {
    size_t count;
    size_t told_count = 0;
    const struct journal_gap *gaps = journal_gaps(store->journal, &count);
    struct journal_gap *told = calloc(count + 1, sizeof *told);
    ENSURE(told != NULL, ERR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        if (!journal_gap_is_told(&gaps[i]) && gaps[i].end <= end) {
            told[told_count] = gaps[i];
            told[told_count++].told_at = id;
        }
    }
    err_t err = journal_mark_told(store->journal, told, told_count, reason);
    free(told);
    return err;
}

/* All records in [start, end). */
static err_t fill(struct dead_store *store, uint64_t start, uint64_t end,
                  struct dead_loss *ret_loss, struct reason *reason) {
    struct filling filling = {&store->index, ERR_OK};
    dead_index_free(&store->index);
    TRY(dead_store_each(&store->platform->disk, store->dir, start, end,
                        take_record, &filling, ret_loss, reason));
    return filling.err == ERR_OK ? ERR_OK
                                 : reason_set(reason, filling.err,
                                              "%s holds more letters than %d",
                                              store->dir, DEAD_LETTERS_MAX);
}

static err_t fill_opened(struct dead_store *store, struct reason *reason) {
    const struct journal_position *position = journal_position(store->journal);
    struct dead_loss loss = {0, 0, 0};
    TRY(fill(store, atomic_load(&position->start), atomic_load(&position->end),
             &loss, reason));
    store->unreadable = loss.unread;
    count_damage(store);
    return ERR_OK;
}

err_t dead_store_look(struct dead_store *store, struct reason *reason) {
    uint64_t begins;
    struct dead_loss loss = {0, 0, 0};
    assert(store->journal == NULL);
    TRY(journal_begins(&store->platform->disk, store->dir, &begins, reason));
    TRY(fill(store, begins, UINT64_MAX, &loss, reason));
    store->lost = loss.count;
    return ERR_OK;
}

static err_t open_journal(struct dead_store *store, struct reason *reason) {
    const struct config *config = store->config;
    const struct journal_options options = {
        .platform = store->platform,
        .dir = store->dir,
        .store = config->store,
        .stream = DEAD_FOLDER,
        .segment_bytes = DEAD_SEGMENT_BYTES,
        .batch_events_max = BATCH_EVENTS,
        .batch_bytes_max = BATCH_BYTES,
        .capacity = config->dead_capacity,
        .reserve = RESERVE_BYTES,
        .free_floor = config->free_floor,
        .quarantine = true,
    };
    return journal_open(&options, &store->journal, reason);
}

err_t dead_store_open(struct dead_store *store, struct reason *reason) {
    if (store->journal != NULL) {
        return ERR_OK;
    }
    err_t err = open_journal(store, reason);
    if (err == ERR_OK) {
        err = fill_opened(store, reason);
    }
    if (err != ERR_OK) {
        dead_store_close(store);
        return err;
    }
    journal_begin(store->journal);
    return ERR_OK;
}

/* --- writing ---------------------------------------------------------------
 */

/* Room in the batch, and surely on the disk. What settles a letter may take
 * the reserve: it makes room. */
static err_t check_room(struct dead_store *store,
                        const struct dead_record *record, size_t len,
                        struct reason *reason) {
    uint64_t want = len + 2 * JOURNAL_PAGE;
    if (record->kind != DEAD_LETTER || journal_is_handed(store->journal)) {
        return ERR_OK;
    }
    if (store->index.count >= DEAD_LETTERS_MAX) {
        return reason_set(reason, ERR_FULL,
                          "it holds %d letters, which is as many as it may",
                          DEAD_LETTERS_MAX);
    }
    if (journal_room(store->journal) >= want) {
        return ERR_OK;
    }
    TRY(dead_store_commit(store, reason));
    return journal_preallocate(store->journal, reason);
}

static err_t append(struct dead_store *store, const struct dead_record *record,
                    struct slice bytes, struct reason *reason) {
    uint64_t id;
    err_t err = journal_append(store->journal, bytes, &id);
    if (err == ERR_FULL) { /* the batch: the next one takes it */
        TRY(dead_store_commit(store, reason));
        err = journal_append(store->journal, bytes, &id);
    }
    TRY(err);
    if (record->kind == DEAD_TOLD && strcmp(record->stream, DEAD_DAMAGE) == 0) {
        TRY(mark_damage(store, record->letter, id, reason));
        count_damage(store);
    }
    return dead_index_take(&store->index, id, record);
}

err_t dead_store_append(struct dead_store *store, struct dead_record *record,
                        struct reason *reason) {
    assert(store->journal != NULL);
    if (record->kind == DEAD_LETTER &&
        dead_index_of(&store->index, record->stream, record->seq,
                      record->life) != NULL) {
        return ERR_OK;
    }
    size_t cap = DEAD_HEAD_MAX + record->event.len;
    uint8_t *bytes = malloc(cap);
    ENSURE(bytes != NULL, ERR_MEMORY);
    struct writer writer = writer_over(bytes, cap);
    dead_record_write(record, &writer);
    assert(!writer.full);
    err_t err = check_room(store, record, writer.len, reason);
    if (err == ERR_OK) {
        err = append(store, record, writer_slice(&writer), reason);
    }
    free(bytes);
    return err;
}

err_t dead_store_commit(struct dead_store *store, struct reason *reason) {
    assert(store->journal != NULL);
    err_t err = journal_commit_reserved(store->journal, reason);
    if (journal_batch_events(store->journal) == 0) {
        journal_begin(store->journal);
    }
    return err;
}

/* --- making room -----------------------------------------------------------
 */

static bool is_needed(const struct dead_store *store,
                      const struct dead_entry *entry,
                      const struct dead_cursor *cursors, uint32_t count,
                      bool full) {
    if (entry->state != DEAD_IS_SETTLED) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(store->index.names[entry->stream], cursors[i].stream) == 0) {
            return entry->seq >= cursors[i].saved ||
                   (!full && dead_index_is_untold(&store->index, entry));
        }
    }
    return false;
}

/* The first letter that must stay; UINT64_MAX. */
static uint64_t first_needed(const struct dead_store *store,
                             const struct dead_cursor *cursors, uint32_t count,
                             bool full) {
    for (size_t i = 0; i < store->index.count; i++) {
        if (is_needed(store, &store->index.list[i], cursors, count, full)) {
            return store->index.list[i].id;
        }
    }
    return UINT64_MAX;
}

static err_t trim_before(struct dead_store *store, uint64_t keep,
                         struct reason *reason) {
    struct journal_segment oldest;
    while (journal_oldest(store->journal, &oldest) && oldest.end_seq <= keep) {
        TRY(journal_trim(store->journal, reason));
        dead_index_trim(&store->index, oldest.end_seq);
        count_damage(store);
    }
    return ERR_OK;
}

err_t dead_store_trim(struct dead_store *store,
                      const struct dead_cursor *cursors, uint32_t count,
                      bool full, struct reason *reason) {
    struct journal *journal = store->journal;
    assert(journal != NULL);
    if (journal_is_handed(journal) || journal_batch_events(journal) > 0) {
        return ERR_OK;
    }
    uint64_t keep = first_needed(store, cursors, count, full);
    TRY(trim_before(store, keep, reason));
    if (keep == UINT64_MAX) { /* nothing is needed of the open one either */
        err_t err = journal_roll(journal, reason);
        ENSURE(err == ERR_OK || err == ERR_FULL, err);
        TRY(trim_before(store, keep, reason));
    }
    return journal_wipe(
        journal, store->platform->clock.wall_us(store->platform->clock.self),
        reason);
}
