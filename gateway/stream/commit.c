/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/commit.h"

#include <assert.h>
#include <stdlib.h>

/* --- On the committing thread --- */

static err_t copy_gaps(struct commit *commit) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(commit->journal, &count);
    TRY(commit_gaps_reserve(&commit->gaps, count));
    if (count > 0) {
        memcpy(commit->gaps.list, gaps, count * sizeof *gaps);
    }
    commit->gaps.count = count;
    return ERR_OK;
}

static err_t note_damage(struct commit *commit) {
    for (uint32_t i = 0; i < commit->noticed_count; i++) {
        const struct journal_gap *gap = &commit->noticed[i];
        TRY(journal_note_gap(commit->journal, gap->first, gap->end,
                             &commit->note_reason));
        retention_note_lost(commit->retention, gap->first, gap->end);
    }
    return ERR_OK;
}

/* The marks come first: a crash before the commit takes them away, and one
 * after finds the events they speak of. */
static err_t commit_handed(struct commit *commit) {
    if (commit->told.count > 0) {
        TRY(journal_mark_told(commit->journal, commit->told.list,
                              commit->told.count, &commit->reason));
        commit->told.count = 0;
    }
    if (commit->names_dropped_at != COMMIT_NO_NAME) {
        TRY(retention_name_dropped(commit->retention, commit->names_dropped_at,
                                   &commit->reason));
        commit->names_dropped_at = COMMIT_NO_NAME;
    }
    return retention_commit(commit->retention, commit->reserved,
                            &commit->reason);
}

static err_t commit_or_find_room(struct commit *commit) {
    if (journal_is_handed(commit->journal)) {
        return commit_handed(commit);
    }
    if (commit->room_bytes > 0) {
        return retention_preallocate(commit->retention, commit->room_bytes,
                                     &commit->reason);
    }
    return ERR_OK;
}

/* While a batch holds an event that names some, that one comes first. */
static struct drop_range unnamed(struct commit *commit) {
    return commit->names_dropped_at == COMMIT_NO_NAME
               ? retention_offer_dropped(commit->retention)
               : (struct drop_range){0, 0, 0};
}

void commit_run(struct commit *commit) {
    commit->reason = (struct reason){""};
    commit->note_reason = (struct reason){""};
    commit->err = commit_or_find_room(commit);
    if (commit->upkeep && (commit->err == ERR_OK || commit->err == ERR_FULL)) {
        struct reason why = {""};
        err_t err = retention_upkeep(commit->retention, &why);
        if (err != ERR_OK) {
            commit->err = reason_set(&commit->reason, err, "%s", why.text);
        }
    }
    commit->note_err = ERR_OK;
    if (commit->err == ERR_OK || commit->err == ERR_FULL) {
        commit->note_err = note_damage(commit);
    }
    if (copy_gaps(commit) != ERR_OK) {
        commit->err = reason_set(&commit->reason, ERR_MEMORY,
                                 "no memory for the list of damage");
    }
    commit->stats = journal_stats(commit->journal);
    commit->unnamed = unnamed(commit);
    commit->dropped_ever = retention_dropped_ever(commit->retention);
    commit->wants_snapshot = retention_wants_snapshot(commit->retention);
}

/* --- On the owner's --- */

err_t commit_init(struct commit *commit, struct journal *journal,
                  struct retention *retention) {
    assert(journal != NULL && retention != NULL);
    *commit = (struct commit){
        .journal = journal,
        .retention = retention,
        .names_dropped_at = COMMIT_NO_NAME,
    };
    return copy_gaps(commit);
}

void commit_free(struct commit *commit) {
    free(commit->gaps.list);
    free(commit->told.list);
}

err_t commit_gaps_reserve(struct commit_gaps *gaps, size_t count) {
    if (count <= gaps->cap) {
        return ERR_OK;
    }
    struct journal_gap *list = realloc(gaps->list, count * sizeof *list);
    ENSURE(list != NULL, ERR_MEMORY);
    gaps->list = list;
    gaps->cap = count;
    return ERR_OK;
}
