/* SPDX-License-Identifier: Apache-2.0 */
/* Saying in the journal what damage took from it: all gaps that no record tells
 * of yet, in one batch. They are marked with its records before it is
 * committed, so that none is told of twice. */
#include "gateway/ingest/stream_state.h"

#include <stdlib.h>

enum { TOLD_MAX = 256 }; /* events in that batch */

static err_t append_damaged(struct stream *stream, uint64_t first, uint64_t end,
                            uint64_t count) {
    char data[OWN_DATA_MAX];
    struct writer out = writer_over(data, sizeof data);
    writer_printf(
        &out, "{\"stream\":\"%s\",\"first\":%llu,\"last\":%llu,\"count\":%llu}",
        stream->options.stream->name, (unsigned long long)first,
        (unsigned long long)end - 1, (unsigned long long)count);
    log_line(LOG_ERROR, "stream",
             "damaged name=%s first=%llu last=%llu count=%llu: these events "
             "are lost",
             stream->options.stream->name, (unsigned long long)first,
             (unsigned long long)end - 1, (unsigned long long)count);
    return stream_append_own(stream, SLICE("JournalDamaged"), 'x',
                             writer_slice(&out));
}

/* What is more than the batch is to hold is told in its last event as one: the
 * lowest and the highest number, and how many of those between. */
static err_t append_new(struct stream *stream, struct journal_gap *gaps,
                        size_t count) {
    struct journal_gap rest = {0};
    uint64_t rest_count = 0;
    size_t told = 0;
    for (size_t i = 0; i < count; i++) {
        struct journal_gap *gap = &gaps[i];
        gap->told_at = journal_next_seq(stream->journal);
        if (told < TOLD_MAX - 1) {
            TRY(append_damaged(stream, gap->first, gap->end,
                               gap->end - gap->first));
            told++;
            continue;
        }
        rest.first = rest_count == 0 ? gap->first : rest.first;
        rest.end = gap->end;
        rest_count += gap->end - gap->first;
    }
    return rest_count == 0
               ? ERR_OK
               : append_damaged(stream, rest.first, rest.end, rest_count);
}

bool stream_is_lost(const struct stream *stream, uint64_t first, uint64_t end) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(stream->journal, &count);
    for (size_t i = 0; i < count; i++) {
        if (gaps[i].first <= first && end <= gaps[i].end) {
            return true;
        }
    }
    return false;
}

/* Copies of the gaps that are not told of; the caller frees them. */
static err_t find_untold(const struct stream *stream, struct journal_gap **ret,
                         size_t *ret_count) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(stream->journal, &count);
    struct journal_gap *untold = calloc(count + 1, sizeof *untold);
    ENSURE(untold != NULL, ERR_MEMORY);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!journal_gap_is_told(&gaps[i])) {
            untold[found++] = gaps[i];
        }
    }
    *ret = untold;
    *ret_count = found;
    return ERR_OK;
}

err_t stream_tell_damage(struct stream *stream, struct reason *reason) {
    struct journal_gap *untold;
    size_t count;
    TRY(find_untold(stream, &untold, &count));
    journal_begin(stream->journal);
    err_t err = append_new(stream, untold, count);
    if (err == ERR_OK) {
        err = journal_mark_told(stream->journal, untold, count, reason);
    }
    free(untold);
    TRY(err);
    return journal_commit_reserved(stream->journal, reason);
}

void stream_note_damage(struct stream *stream, const struct journal_gap *gaps,
                        uint32_t count) {
    bool waits_for_room = stream->full && !stream->trying;
    if ((stream->committing && !waits_for_room) ||
        journal_batch_events(stream->journal) > 0 ||
        journal_is_handed(stream->journal)) {
        stream->noticed_count = count < NOTICED_MAX ? count : NOTICED_MAX;
        memmove(stream->noticed, gaps,
                stream->noticed_count * sizeof *stream->noticed);
        return;
    }
    stream->noticed_count = 0;
    struct reason reason = {""};
    err_t err = ERR_OK;
    for (uint32_t i = 0; err == ERR_OK && i < count; i++) {
        err = journal_note_gap(stream->journal, gaps[i].first, gaps[i].end,
                               &reason);
    }
    uint64_t end = journal_next_seq(stream->journal);
    /* What is on record is told, whatever became of the rest. */
    err_t told = stream_tell_damage(stream, &reason);
    err = err == ERR_OK ? told : err;
    uint64_t skipped;
    if (err != ERR_OK && log_allowed(&stream->damage_log, &skipped)) {
        log_line(LOG_ERROR, "stream",
                 "damaged name=%s cannot be journaled: %s; a later start does",
                 stream->options.stream->name, reason.text);
    }
    if (journal_next_seq(stream->journal) > end) {
        stream->options.durable(stream->options.self);
    }
}
