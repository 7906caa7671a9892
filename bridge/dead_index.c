/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_index.h"

#include <assert.h>
#include <stdlib.h>

enum {
    /* So near each other a letter is looked for that was written twice: the
     * writer looks at all. */
    TWICE_MAX = 1024,
};

void dead_index_free(struct dead_index *index) {
    free(index->list);
    *index = (struct dead_index){.list = NULL};
}

static int stream_of(const struct dead_index *index, const char *name) {
    for (uint32_t i = 0; i < index->name_count; i++) {
        if (strcmp(index->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static err_t add_stream(struct dead_index *index, const char *name,
                        uint8_t *ret) {
    int found = stream_of(index, name);
    if (found < 0) {
        ENSURE(index->name_count < DEAD_STREAMS_MAX, ERR_FULL);
        found = (int)index->name_count++;
        dead_text(index->names[found], sizeof index->names[found], name);
    }
    *ret = (uint8_t)found;
    return ERR_OK;
}

static err_t reserve(struct dead_index *index) {
    if (index->count < index->cap) {
        return ERR_OK;
    }
    ENSURE(index->count < DEAD_LETTERS_MAX, ERR_FULL);
    size_t cap = index->cap == 0 ? 16 : index->cap * 2;
    struct dead_entry *list = realloc(index->list, cap * sizeof *index->list);
    ENSURE(list != NULL, ERR_MEMORY);
    index->list = list;
    index->cap = cap;
    return ERR_OK;
}

static struct dead_entry *find(const struct dead_index *index, uint64_t id) {
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->list[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool there = low < index->count && index->list[low].id == id;
    return there ? &index->list[low] : NULL;
}

const struct dead_entry *dead_index_find(const struct dead_index *index,
                                         uint64_t id) {
    return find(index, id);
}

/* Among those from `from` on, of which the newest are asked for most. */
static const struct dead_entry *search(const struct dead_index *index,
                                       size_t from, const char *stream,
                                       uint64_t seq, struct event_life life) {
    int name = stream_of(index, stream);
    for (size_t i = index->count; name >= 0 && i > from; i--) {
        const struct dead_entry *entry = &index->list[i - 1];
        if (entry->seq == seq && entry->stream == name &&
            memcmp(&entry->life, &life, sizeof life) == 0) {
            return entry;
        }
    }
    return NULL;
}

const struct dead_entry *dead_index_of(const struct dead_index *index,
                                       const char *stream, uint64_t seq,
                                       struct event_life life) {
    return search(index, 0, stream, seq, life);
}

uint32_t dead_index_retried(const struct dead_index *index,
                            const char *stream) {
    int name = stream_of(index, stream);
    return name < 0 ? 0 : index->of[name].retried;
}

bool dead_index_is_untold(const struct dead_index *index,
                          const struct dead_entry *entry) {
    assert(entry->stream < index->name_count);
    uint64_t told = index->of[entry->stream].told;
    return !entry->own && (entry->id >= told ||
                           (entry->dropped > 0 && entry->dropped >= told));
}

static void add_untold(const struct dead_entry *entry, uint64_t told,
                       struct dead_news *news) {
    assert(entry->dropped == 0 || entry->dropped > entry->id);
    uint64_t seq = entry->seq;
    uint64_t last = entry->id >= told ? entry->id : 0;
    if (entry->id >= told) {
        dead_range_add(&news->letters, seq, seq, 1);
    }
    if (entry->dropped > 0 && entry->dropped >= told) {
        dead_range_add(&news->dropped, seq, seq, 1);
        last = entry->dropped;
    }
    news->end = last + 1 > news->end ? last + 1 : news->end;
}

void dead_index_untold(const struct dead_index *index, const char *stream,
                       struct dead_news *ret) {
    int name = stream_of(index, stream);
    *ret = (struct dead_news){.code = ""};
    if (name < 0) {
        return;
    }
    const struct dead_named *of = &index->of[name];
    bool drops = of->dropped > 0 && of->dropped >= of->told;
    ret->told = of->told;
    memcpy(ret->code, of->code, sizeof ret->code);
    for (size_t i = index->count; i > 0; i--) {
        const struct dead_entry *entry = &index->list[i - 1];
        if (entry->id < of->told && !drops) {
            break; /* all before it are told */
        }
        if (entry->stream == name && dead_index_is_untold(index, entry)) {
            add_untold(entry, of->told, ret);
        }
    }
}

const struct dead_entry *dead_index_oldest(const struct dead_index *index) {
    for (size_t i = 0; i < index->count; i++) {
        if (index->list[i].state != DEAD_IS_SETTLED) {
            return &index->list[i];
        }
    }
    return NULL;
}

static err_t take_letter(struct dead_index *index, uint64_t id,
                         const struct dead_record *record) {
    assert(index->count == 0 || index->list[index->count - 1].id < id);
    size_t from = index->count > TWICE_MAX ? index->count - TWICE_MAX : 0;
    if (search(index, from, record->stream, record->seq, record->life) !=
        NULL) {
        return ERR_OK;
    }
    uint8_t stream;
    TRY(add_stream(index, record->stream, &stream));
    TRY(reserve(index));
    index->list[index->count++] = (struct dead_entry){
        .id = id,
        .seq = record->seq,
        .life = record->life,
        .when_us = record->when_us,
        .tries = record->tries,
        .stream = stream,
        .state = DEAD_IS_LETTER,
        .own = dead_record_is_own(record),
    };
    index->letters++;
    if (!index->list[index->count - 1].own) {
        memcpy(index->of[stream].code, record->code, sizeof record->code);
    }
    return ERR_OK;
}

static void leave(struct dead_index *index, const struct dead_entry *entry) {
    bool retried = entry->state == DEAD_IS_RETRIED;
    assert(!retried || index->retried > 0);
    index->retried -= retried ? 1 : 0;
    index->of[entry->stream].retried -= retried ? 1 : 0;
}

static void become(struct dead_index *index, struct dead_entry *entry,
                   enum dead_state state) {
    assert(entry->state != DEAD_IS_SETTLED);
    leave(index, entry);
    index->retried += state == DEAD_IS_RETRIED ? 1 : 0;
    index->of[entry->stream].retried += state == DEAD_IS_RETRIED ? 1 : 0;
    index->letters -= state == DEAD_IS_SETTLED ? 1 : 0;
    entry->state = (uint8_t)state;
}

static err_t take_told(struct dead_index *index,
                       const struct dead_record *record) {
    uint8_t stream;
    if (strcmp(record->stream, DEAD_DAMAGE) == 0) {
        return ERR_OK; /* the journal itself has the marks */
    }
    TRY(add_stream(index, record->stream, &stream));
    uint64_t *told = &index->of[stream].told;
    *told = record->letter > *told ? record->letter : *told;
    return ERR_OK;
}

err_t dead_index_take(struct dead_index *index, uint64_t id,
                      const struct dead_record *record) {
    if (record->kind == DEAD_LETTER) {
        return take_letter(index, id, record);
    }
    if (record->kind == DEAD_TOLD) {
        return take_told(index, record);
    }
    struct dead_entry *entry = find(index, record->letter);
    if (entry == NULL || entry->state == DEAD_IS_SETTLED) {
        return ERR_OK;
    }
    switch (record->kind) {
    case DEAD_REFUSED:
        entry->tries = record->tries;
        become(index, entry, DEAD_IS_LETTER);
        return ERR_OK;
    case DEAD_RETRY:
        become(index, entry, DEAD_IS_RETRIED);
        return ERR_OK;
    case DEAD_DROPPED:
        entry->dropped = id;
        index->of[entry->stream].dropped = id;
        become(index, entry, DEAD_IS_SETTLED);
        return ERR_OK;
    case DEAD_SENT:
        become(index, entry, DEAD_IS_SETTLED);
        return ERR_OK;
    case DEAD_LETTER:
    case DEAD_TOLD:
        break;
    }
    return ERR_OK;
}

void dead_index_trim(struct dead_index *index, uint64_t id) {
    size_t gone = 0;
    while (gone < index->count && index->list[gone].id < id) {
        const struct dead_entry *entry = &index->list[gone++];
        index->letters -= entry->state == DEAD_IS_SETTLED ? 0 : 1;
        leave(index, entry);
    }
    if (gone > 0) {
        memmove(index->list, index->list + gone,
                (index->count - gone) * sizeof *index->list);
        index->count -= gone;
    }
}
