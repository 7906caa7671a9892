/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_job.h"

#include <assert.h>
#include <stdlib.h>

/* --- the line --------------------------------------------------------------
 */

struct dead_item *dead_item_new(const struct dead_record *record) {
    struct dead_item *item = malloc(sizeof *item + record->event.len);
    if (item == NULL) {
        return NULL;
    }
    *item = (struct dead_item){.record = *record};
    if (record->event.len > 0) {
        memcpy(item->event, record->event.data, record->event.len);
    }
    item->record.event = slice_of(item->event, record->event.len);
    return item;
}

void dead_line_add(struct dead_line *line, struct dead_item *item) {
    item->next = NULL;
    if (line->first == NULL) {
        line->first = item;
    } else {
        line->last->next = item;
    }
    line->last = item;
}

struct dead_item *dead_line_take(struct dead_line *line) {
    struct dead_item *item = line->first;
    if (item != NULL) {
        line->first = item->next;
        item->next = NULL;
    }
    return item;
}

void dead_line_join(struct dead_line *line, struct dead_line *before) {
    if (before->first == NULL) {
        return;
    }
    before->last->next = line->first;
    line->last = line->first == NULL ? before->last : line->last;
    line->first = before->first;
    before->first = NULL;
}

void dead_line_free(struct dead_line *line) {
    for (struct dead_item *item = dead_line_take(line); item != NULL;
         item = dead_line_take(line)) {
        free(item);
    }
}

/* --- writing ---------------------------------------------------------------
 */

/* ERR_FULL: letters wait, and what is no letter is written all the same. */
static err_t append_all(struct dead_job *job) {
    bool full = false;
    for (struct dead_item *item = job->items.first; item != NULL;
         item = item->next) {
        if (full && item->record.kind == DEAD_LETTER) {
            continue;
        }
        err_t err = dead_store_append(job->store, &item->record, &job->reason);
        full = full || err == ERR_FULL;
        ENSURE(err == ERR_OK || err == ERR_FULL, err);
        item->written = err == ERR_OK;
    }
    return full ? ERR_FULL : ERR_OK;
}

static void unwrite(struct dead_job *job) {
    for (struct dead_item *item = job->items.first; item != NULL;
         item = item->next) {
        item->written = false;
    }
}

static err_t write_all(struct dead_job *job) {
    TRY(dead_store_open(job->store, &job->reason));
    err_t err = append_all(job);
    ENSURE(err == ERR_OK || err == ERR_FULL, err);
    TRY(dead_store_commit(job->store, &job->reason));
    return err;
}

/* --- age -------------------------------------------------------------------
 */

static err_t drop_one(struct dead_job *job, const struct dead_entry *entry) {
    assert(entry->state != DEAD_IS_SETTLED);
    struct dead_record record = {
        .kind = DEAD_DROPPED,
        .when_us = job->now_us,
        .letter = entry->id,
        .by_age = true,
    };
    TRY(dead_store_append(job->store, &record, &job->reason));
    job->aged++;
    return ERR_OK;
}

/* Letters that are older than they may become. Those in the last quarter of
 * their time are counted, so that a person is warned. */
static err_t drop_old(struct dead_job *job) {
    int64_t keep_us = (int64_t)job->store->config->dead_keep_ms * 1000;
    uint64_t ageing = 0;
    for (size_t i = 0; keep_us > 0 && i < job->store->index.count; i++) {
        const struct dead_entry *entry = &job->store->index.list[i];
        int64_t age_us = job->now_us - entry->when_us;
        if (entry->state == DEAD_IS_SETTLED) {
            continue;
        }
        if (age_us > keep_us) {
            TRY(drop_one(job, entry));
        } else if (age_us > keep_us - keep_us / 4) {
            ageing++;
        }
    }
    job->ageing = ageing;
    return job->aged > 0 ? dead_store_commit(job->store, &job->reason) : ERR_OK;
}

static err_t keep_up(struct dead_job *job, bool full) {
    if (job->age) {
        TRY(drop_old(job));
    }
    return dead_store_trim(job->store, job->cursors, job->cursor_count, full,
                           &job->reason);
}

/* --- a page ----------------------------------------------------------------
 */

static uint64_t first_retried(const struct dead_index *index,
                              const char *stream) {
    for (size_t i = 0; i < index->count; i++) {
        const struct dead_entry *entry = &index->list[i];
        if (entry->state == DEAD_IS_RETRIED &&
            strcmp(index->names[entry->stream], stream) == 0) {
            return entry->id;
        }
    }
    return UINT64_MAX;
}

static bool add_to_page(void *context, uint64_t id,
                        const struct dead_record *record) {
    struct dead_job *job = context;
    if (record->kind != DEAD_LETTER ||
        strcmp(record->stream, job->page_of) != 0) {
        return true;
    }
    const struct dead_entry *entry = dead_index_find(&job->store->index, id);
    if (entry == NULL || entry->state != DEAD_IS_RETRIED) {
        return true;
    }
    bool added = false;
    job->err = dead_page_add(&job->page, id, entry->tries, record, &added);
    return job->err == ERR_OK && added;
}

/* A disk that cannot read the letters does not keep others from being written.
 * If it has lost some since, the journal is closed: the next job reads it
 * anew. */
static void read_page(struct dead_job *job) {
    struct dead_store *store = job->store;
    const struct journal_position *position = journal_position(store->journal);
    uint64_t from = first_retried(&store->index, job->page_of);
    struct dead_loss lost = {0, 0, 0};
    struct reason reason;
    if (from == UINT64_MAX) {
        return;
    }
    err_t err = dead_store_each(&store->platform->disk, store->dir, from,
                                atomic_load(&position->end), add_to_page, job,
                                &lost, &reason);
    if (err != ERR_OK) {
        log_line(LOG_ERROR, "bridge", "dead letters: %s", reason.text);
    }
    job->reread = err == ERR_OK && lost.unknown > 0;
}

/* --- the whole -------------------------------------------------------------
 */

static void count(struct dead_job *job) {
    const struct dead_index *index = &job->store->index;
    const struct dead_entry *oldest = dead_index_oldest(index);
    job->letters = index->letters;
    job->retried = index->retried;
    job->lost = job->store->lost;
    job->damage = job->store->damage;
    job->oldest_us = oldest == NULL ? 0 : oldest->when_us;
    for (uint32_t i = 0; i < job->cursor_count; i++) {
        const char *stream = job->cursors[i].stream;
        job->retried_of[i] = dead_index_retried(index, stream);
        dead_index_untold(index, stream, &job->news[i]);
    }
}

static err_t run(struct dead_job *job) {
    if (job->only_read) {
        assert(job->items.first == NULL && !job->upkeep);
        return dead_store_look(job->store, &job->reason);
    }
    err_t err = write_all(job);
    ENSURE(err == ERR_OK || err == ERR_FULL, err);
    if (job->upkeep || err == ERR_FULL) {
        TRY(keep_up(job, err == ERR_FULL));
    }
    if (job->page_of != NULL) {
        read_page(job);
    }
    return err;
}

/* After ERR_FULL from the commit nothing that was appended is durable. */
void dead_job_run(struct dead_job *job) {
    assert(job->cursor_count <= CONFIG_STREAMS_MAX);
    job->err = ERR_OK;
    err_t err = run(job);
    job->err = err == ERR_OK ? job->err : err;
    if (job->store->journal != NULL && journal_is_handed(job->store->journal)) {
        unwrite(job);
    }
    if (err != ERR_OK && err != ERR_FULL) {
        unwrite(job);
        dead_store_close(job->store);
        return;
    }
    count(job);
    if (job->reread) {
        dead_store_close(job->store);
    }
}
