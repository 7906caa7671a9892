/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/dead_letters.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/event/event.h"
#include "gateway/journal/reader.h"

/* --- the choice ------------------------------------------------------------
 */

/* "3" or "12-20", and moves behind a comma. */
static bool next_range(const char **at, uint64_t *first, uint64_t *last) {
    char *end;
    errno = 0;
    if (**at < '0' || **at > '9') {
        return false;
    }
    *first = strtoull(*at, &end, 10);
    *last = *first;
    if (*end == '-') {
        const char *second = end + 1;
        *last = strtoull(second, &end, 10);
        if (end == second) {
            return false;
        }
    }
    bool more = *end == ',' && end[1] != '\0';
    *at = more ? end + 1 : end;
    return errno == 0 && *first <= *last && (more || *end == '\0');
}

err_t dead_choice_check(const struct dead_choice *choice,
                        struct reason *reason) {
    const char *at = choice->ids;
    while (at != NULL && *at != '\0') {
        uint64_t first;
        uint64_t last;
        if (!next_range(&at, &first, &last)) {
            return reason_set(reason, ERR_PARSE,
                              "\"%s\" is no letter's id; give one as `dead "
                              "list` shows it, or several: 3,7,12-20",
                              choice->ids);
        }
    }
    return ERR_OK;
}

static bool has_id(const char *ids, uint64_t id) {
    uint64_t first;
    uint64_t last;
    while (*ids != '\0' && next_range(&ids, &first, &last)) {
        if (id >= first && id <= last) {
            return true;
        }
    }
    return false;
}

static bool is_reason(const struct dead_record *refusal, const char *reason) {
    return strcmp(refusal->code, reason) == 0 ||
           strstr(refusal->words, reason) != NULL;
}

static bool is_chosen(const struct dead_choice *choice,
                      const struct dead_shown *shown) {
    const struct dead_record *refusal =
        shown->last != NULL ? shown->last : shown->letter;
    return (choice->ids == NULL || has_id(choice->ids, shown->id)) &&
           (choice->stream == NULL ||
            strcmp(choice->stream, shown->letter->stream) == 0) &&
           (choice->type == NULL || slice_eq_str(shown->type, choice->type)) &&
           (choice->reason == NULL || is_reason(refusal, choice->reason));
}

/* --- reading, twice: how each stands, and then each ----------------------- */

struct refusals {
    struct dead_record *list;
    size_t count;
    size_t cap;
};

struct walk {
    struct dead_index index;
    struct refusals refusals;
    const struct dead_choice *choice;
    void (*each)(void *context, const struct dead_shown *shown);
    void *context;
    err_t err;
};

static err_t keep_refusal(struct refusals *refusals,
                          const struct dead_record *record) {
    if (refusals->count == refusals->cap) {
        size_t cap = refusals->cap == 0 ? 16 : refusals->cap * 2;
        struct dead_record *list =
            realloc(refusals->list, cap * sizeof *refusals->list);
        ENSURE(list != NULL, ERR_MEMORY);
        refusals->list = list;
        refusals->cap = cap;
    }
    refusals->list[refusals->count++] = *record;
    return ERR_OK;
}

static bool learn(void *context, uint64_t id,
                  const struct dead_record *record) {
    struct walk *walk = context;
    walk->err = dead_index_take(&walk->index, id, record);
    if (walk->err == ERR_OK && record->kind == DEAD_REFUSED) {
        walk->err = keep_refusal(&walk->refusals, record);
    }
    return walk->err == ERR_OK;
}

static const struct dead_record *last_refusal(const struct refusals *refusals,
                                              uint64_t id) {
    for (size_t i = refusals->count; i > 0; i--) {
        if (refusals->list[i - 1].letter == id) {
            return &refusals->list[i - 1];
        }
    }
    return NULL;
}

static bool show(void *context, uint64_t id, const struct dead_record *record) {
    const struct walk *walk = context;
    const struct dead_entry *entry = dead_index_find(&walk->index, id);
    struct event event;
    if (record->kind != DEAD_LETTER || entry == NULL ||
        entry->state == DEAD_IS_SETTLED) {
        return true;
    }
    bool readable = event_load(record->event, &event) == ERR_OK;
    const struct dead_shown shown = {
        .id = id,
        .letter = record,
        .last = last_refusal(&walk->refusals, id),
        .type = readable ? event.type : SLICE_EMPTY,
        .retried = entry->state == DEAD_IS_RETRIED,
    };
    if (is_chosen(walk->choice, &shown)) {
        walk->each(walk->context, &shown);
    }
    return true;
}

static err_t walk_all(const struct dead_place *place, struct walk *walk,
                      uint64_t *ret_lost, struct reason *reason) {
    uint64_t begins;
    struct dead_loss lost;
    struct dead_loss twice;
    TRY(journal_begins(place->disk, place->dir, &begins, reason));
    TRY(dead_store_each(place->disk, place->dir, begins, UINT64_MAX, learn,
                        walk, &lost, reason));
    *ret_lost = lost.count;
    if (walk->err != ERR_OK) {
        return reason_set(reason, walk->err, "cannot hold the letters of %s",
                          place->dir);
    }
    return dead_store_each(place->disk, place->dir, begins, UINT64_MAX, show,
                           walk, &twice, reason);
}

err_t dead_letters_each(
    const struct dead_place *place, const struct dead_choice *choice,
    void (*each)(void *context, const struct dead_shown *shown), void *context,
    uint64_t *ret_lost, struct reason *reason) {
    struct walk walk = {
        .choice = choice, .each = each, .context = context, .err = ERR_OK};
    *ret_lost = 0;
    err_t err = walk_all(place, &walk, ret_lost, reason);
    dead_index_free(&walk.index);
    free(walk.refusals.list);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
