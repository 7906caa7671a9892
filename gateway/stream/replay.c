/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/replay.h"

#include <inttypes.h>

#include "gateway/journal/inspect.h"
#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/snapshot.h"

struct run {
    const struct replay_options *options;
    struct reason *reason;
    struct replay to;
    uint8_t journal_id[JOURNAL_ID_SIZE];
    char store[JOURNAL_NAME_MAX + 1];
    uint64_t begins;     /* the journal's oldest record */
    uint64_t gap_at;     /* the first record that damage took; or UINT64_MAX */
    uint64_t lost_front; /* it took all before this one */
    uint64_t snapshots[SNAPSHOTS_KEPT]; /* oldest first */
    size_t count;
    size_t next; /* of them, to be come by */
};

/* --- What there is -------------------------------------------------------- */

static void on_segment(void *self, const struct inspected *segment) {
    struct run *run = self;
    if (segment->incarnation != 0) {
        memcpy(run->journal_id, segment->journal_id, JOURNAL_ID_SIZE);
        memcpy(run->store, segment->store, sizeof run->store);
    }
}

static void on_gap(void *self, const struct journal_gap *gap) {
    struct run *run = self;
    run->gap_at = gap->first < run->gap_at ? gap->first : run->gap_at;
    if (gap->first <= run->lost_front && gap->end > run->lost_front) {
        run->lost_front = gap->end;
    }
}

static err_t look(struct run *run) {
    const struct replay_options *options = run->options;
    const struct inspection inspection = {run, on_segment, on_gap};
    TRY(journal_begins(options->disk, options->dir, &run->begins, run->reason));
    TRY(journal_inspect(options->disk, options->dir, false, &inspection,
                        run->reason));
    uint64_t newest_first[SNAPSHOTS_KEPT];
    size_t count;
    TRY(snapshot_list(options->disk, options->dir, newest_first, &count));
    for (size_t i = count; i > 0; i--) {
        if (newest_first[i - 1] >= run->begins &&
            newest_first[i - 1] <= options->before) {
            run->snapshots[run->count++] = newest_first[i - 1];
        }
    }
    return ERR_OK;
}

/* --- The state ------------------------------------------------------------ */

static uint32_t ids_of_shop(const struct config *config) {
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (config->streams[i].shop) {
            return config->streams[i].ids;
        }
    }
    return 0;
}

static err_t empty_state(const struct run *run, struct state **ret) {
    const struct config *config = run->options->config;
    const struct state_options options = {
        .store = config->store[0] != '\0' ? config->store : run->store,
        .currency = config->currency,
        .journal_id = run->journal_id,
        .ids_max = ids_of_shop(config),
        .has_shop = true,
    };
    return state_new(&options, ret);
}

static err_t take(void *context, uint64_t seq, struct slice content) {
    (void)seq;
    return state_load(context, content);
}

static err_t state_of_snapshot(const struct run *run, uint64_t seq,
                               struct state **ret) {
    const struct replay_options *options = run->options;
    struct state *state;
    TRY(empty_state(run, &state));
    struct reason why = {""};
    err_t err = snapshot_read(options->disk, options->dir, run->journal_id, seq,
                              take, state, &why);
    if (err != ERR_OK) {
        state_free(state);
        return reason_set(run->reason, err,
                          "cannot use the snapshot before record %" PRIu64
                          ": %s",
                          seq, why.text[0] != '\0' ? why.text : err_name(err));
    }
    *ret = state;
    return ERR_OK;
}

/* Begins with an empty shop if the journal has everything, or if it is recorded
 * what is missing. */
static err_t begin(struct run *run) {
    if (run->begins <= run->lost_front) {
        TRY(empty_state(run, &run->to.state));
        run->to.lost = run->begins;
        run->to.end = run->begins;
    } else if (run->count > 0) {
        run->to.from = run->snapshots[run->next++];
        run->to.end = run->to.from;
        TRY(state_of_snapshot(run, run->to.from, &run->to.state));
    } else {
        return reason_set(run->reason, ERR_NOT_FOUND,
                          "the journal begins with record %" PRIu64
                          ", and there is no snapshot of what was before it",
                          run->begins);
    }
    if (run->gap_at < run->to.end) {
        state_pass_gap(run->to.state);
    }
    return ERR_OK;
}

/* --- The records ---------------------------------------------------------- */

/* After a loss the snapshot knows more. */
static err_t meet_snapshot(struct run *run, uint64_t seq) {
    struct state *saved;
    TRY(state_of_snapshot(run, seq, &saved));
    bool same = state_hash(saved) == state_hash(run->to.state);
    if (run->to.lost > 0) {
        state_free(run->to.state);
        run->to.state = saved;
        state_pass_gap(saved);
        return ERR_OK;
    }
    state_free(saved);
    if (!same) {
        return reason_set(run->reason, ERR_CORRUPT,
                          "the snapshot before record %" PRIu64
                          " does not match the records before it",
                          seq);
    }
    run->to.snapshots++;
    return ERR_OK;
}

static err_t meet_snapshots(struct run *run) {
    while (run->next < run->count && run->snapshots[run->next] <= run->to.end) {
        TRY(meet_snapshot(run, run->snapshots[run->next++]));
    }
    return ERR_OK;
}

static err_t apply(struct run *run, const struct journal_record *record) {
    err_t err = state_apply(run->to.state, record);
    if (err != ERR_OK) {
        return reason_set(run->reason, err,
                          "record %" PRIu64 " does not fit the state: %s",
                          record->seq, err_name(err));
    }
    run->to.end = record->seq + 1;
    return ERR_OK;
}

/* False if there is nothing after the unreadable part. */
static bool pass(struct run *run, struct journal_reader *reader) {
    const struct replay_options *options = run->options;
    struct journal_gap gap;
    bool known;
    if (journal_reader_pass(reader, options->end, &gap, &known) != ERR_OK ||
        gap.first == gap.end) {
        return false;
    }
    run->to.end = gap.end < options->before ? gap.end : options->before;
    run->to.lost += run->to.end - gap.first;
    if (options->lost != NULL) {
        options->lost(options->self, gap.first, run->to.end, known);
    }
    state_pass_gap(run->to.state);
    return true;
}

/* ERR_END when all was applied. If it is not known how far the journal goes,
 * its end may be damage with more records after it. */
static err_t step(struct run *run, struct journal_reader *reader) {
    const struct replay_options *options = run->options;
    struct journal_record record;
    TRY(meet_snapshots(run));
    ENSURE(run->to.end < options->before, ERR_END);
    err_t err = journal_reader_next(reader, options->end, &record);
    bool damaged =
        err == ERR_CORRUPT || (err == ERR_END && options->end == UINT64_MAX);
    if (damaged && pass(run, reader)) {
        return ERR_OK;
    }
    if (err == ERR_CORRUPT && options->end == UINT64_MAX) {
        run->to.cut = true; /* and nothing behind it says how far it went */
        return ERR_END;
    }
    TRY(err);
    return apply(run, &record);
}

/* While a gateway trims its journal the reader may be too late. */
static err_t stopped(const struct run *run, err_t err) {
    if (run->reason->text[0] != '\0') {
        return err;
    }
    if (err == ERR_NOT_FOUND) {
        return reason_set(run->reason, err,
                          "record %" PRIu64 " was trimmed during the replay: "
                          "run it again",
                          run->to.end);
    }
    return reason_set(run->reason, err, "cannot read record %" PRIu64 ": %s",
                      run->to.end, disk_cause(err));
}

static err_t replay(struct run *run) {
    const struct replay_options *options = run->options;
    TRY(look(run));
    if (options->before < run->begins) {
        return reason_set(run->reason, ERR_RANGE,
                          "the journal begins with record %" PRIu64
                          ": older records were trimmed",
                          run->begins);
    }
    TRY(begin(run));
    struct journal_reader *reader;
    TRY(journal_reader_open(options->disk, options->dir, run->to.end, &reader,
                            run->reason));
    err_t err = ERR_OK;
    while (err == ERR_OK) {
        err = step(run, reader);
    }
    err = err == ERR_END ? ERR_OK : stopped(run, err);
    journal_reader_close(reader);
    return err;
}

err_t replay_run(const struct replay_options *options, struct replay *ret,
                 struct reason *reason) {
    struct run run = {
        .options = options,
        .reason = reason,
        .gap_at = UINT64_MAX,
    };
    err_t err = replay(&run);
    if (err != ERR_OK) {
        state_free(run.to.state);
        return reason->text[0] != '\0'
                   ? err
                   : reason_set(reason, err, "cannot replay %s: %s",
                                options->dir, err_name(err));
    }
    *ret = run.to;
    return ERR_OK;
}
