/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/opening.h"

#include <assert.h>

#include "gateway/journal/identity.h"
#include "gateway/journal/snapshot.h"
#include "gateway/stream/batch.h"
#include "gateway/stream/full_check.h"
#include "gateway/stream/gaps.h"
#include "gateway/stream/lost_front.h"

/* Of each segment, for a batch of nothing but the stream's own events. */
enum { RESERVE_BYTES = 128 * 1024 };

struct opening {
    const struct opening_options *options;
    struct opened to;
    uint64_t snapshot_seq; /* 0: none was taken */
    bool trust;            /* sealed segments, by their ends */
    struct reason *reason;
};

static const struct disk *disk_of(const struct opening *opening) {
    return &opening->options->platform->disk;
}

/* --- The journal ---------------------------------------------------------- */

/* The newest snapshot shows where the journal once ended, whatever happened to
 * the journal since. */
static err_t raise_known_end(const struct opening *opening, uint64_t *known) {
    const struct disk *disk = disk_of(opening);
    const char *dir = opening->options->dir;
    uint8_t id[JOURNAL_ID_SIZE];
    bool has_id = journal_identity(disk, dir, id, NULL) == ERR_OK;
    uint64_t end = 0;
    err_t err = snapshot_known_end(disk, dir, has_id ? id : NULL, &end);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return disk_failed(opening->reason, err, "list", dir);
    }
    *known = end > *known ? end : *known;
    return ERR_OK;
}

/* A shop's journal begins at 0 until a snapshot was taken. */
static err_t may_begin_later(const struct opening *opening, bool *ret) {
    err_t err =
        snapshot_was_taken(disk_of(opening), opening->options->dir, ret);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND) {
        *ret = false;
        return ERR_OK;
    }
    return disk_failed(opening->reason, err, "list", opening->options->dir);
}

static uint32_t batch_bytes_max(const struct config *config) {
    uint32_t bytes = 4 * batch_message_bytes_max(config->event_bytes_max);
    return bytes < BATCH_BYTES_MIN ? BATCH_BYTES_MIN : bytes;
}

/* What the journal lacks at its front is to be known before a state is made. */
static err_t note_lost_front(const struct opening *opening, bool stop) {
    const struct opening_options *from = opening->options;
    struct journal *journal = opening->to.journal;
    if (from->known_end >= atomic_load(&journal_position(journal)->start)) {
        return ERR_OK;
    }
    const struct drop_ledger_options options = {
        .disk = disk_of(opening),
        .dir = from->dir,
        .journal = journal,
        .delivered = from->known_end,
        .drops = from->stream->when_full == CONFIG_FULL_DROP_OLDEST,
    };
    struct lost_front front = {
        .dir = from->dir,
        .journal = journal,
        .delivered = from->known_end,
        .delivered_known = from->cursor_known || from->known_end > 0,
        .drops = options.drops,
        .stop = stop,
    };
    TRY(drop_ledger_open(&options, &front.ledger, opening->reason));
    err_t err = lost_front_note(&front, opening->reason);
    drop_ledger_close(front.ledger);
    return err;
}

static err_t open_journal(struct opening *opening, bool quarantine) {
    const struct opening_options *from = opening->options;
    uint64_t known_end = from->known_end;
    TRY(raise_known_end(opening, &known_end));
    bool trimmed;
    TRY(may_begin_later(opening, &trimmed));
    const struct journal_options options = {
        .platform = from->platform,
        .dir = from->dir,
        .store = from->config->store,
        .stream = from->stream->name,
        .batch_events_max = BATCH_EVENTS_MAX,
        .batch_bytes_max = batch_bytes_max(from->config),
        .segment_bytes = from->stream->segment_bytes,
        .capacity = from->stream->capacity,
        .reserve = RESERVE_BYTES,
        .free_floor = from->config->free_floor,
        .whole = from->stream->shop && !trimmed,
        .quarantine = quarantine,
        .known_end = known_end,
        .trust_sealed = opening->trust,
    };
    struct reason why = {""};
    err_t err = journal_open(&options, &opening->to.journal, &why);
    if (err == ERR_FULL) {
        return reason_set(opening->reason, err,
                          "free %llu MiB or more on the disk of %s: %s",
                          (unsigned long long)(options.segment_bytes >> 20),
                          from->dir, why.text);
    }
    if (err != ERR_OK) {
        return reason_set(opening->reason, err, "%s", why.text);
    }
    return note_lost_front(opening, !quarantine);
}

/* --- The state ------------------------------------------------------------ */

/* Is all of [first, end) recorded as lost to damage? */
static bool is_lost(const struct opening *opening, uint64_t first,
                    uint64_t end) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(opening->to.journal, &count);
    return gaps_hold(gaps, count, first, end);
}

static struct shop_settings settings_of(const struct config *config) {
    static const enum sku_case cases[] = {
        [CONFIG_SKU_CASE_KEEP] = SKU_CASE_KEEP,
        [CONFIG_SKU_CASE_UPPER] = SKU_CASE_UPPER,
        [CONFIG_SKU_CASE_LOWER] = SKU_CASE_LOWER,
    };
    return (struct shop_settings){
        .sku_case = cases[config->sku_case],
        .reject_unknown = config->unknown_sku == CONFIG_UNKNOWN_SKU_REJECT,
        .flag_oversell = config->oversell == CONFIG_OVERSELL_FLAG,
    };
}

static err_t begin_empty(struct opening *opening) {
    const struct opening_options *from = opening->options;
    const struct state_options options = {
        .store = from->config->store,
        .currency = from->config->currency,
        .journal_id = journal_id(opening->to.journal),
        .life = journal_life(opening->to.journal),
        .ids_max = from->stream->ids,
        .has_shop = from->stream->shop,
        .settings = settings_of(from->config),
    };
    state_free(opening->to.state);
    opening->to.state = NULL;
    opening->snapshot_seq = 0;
    opening->to.snapshot_bytes = 0;
    return state_new(&options, &opening->to.state);
}

static err_t take_snapshot(void *context, uint64_t seq, struct slice content) {
    struct opening *opening = context;
    TRY(begin_empty(opening));
    TRY(state_load(opening->to.state, content));
    opening->snapshot_seq = seq;
    opening->to.snapshot_bytes = content.len;
    return ERR_OK;
}

/* The journal may hold all the records that the snapshots were made of, or have
 * lost them to damage, and then the shop knows of the loss. */
static err_t without_snapshot(struct opening *opening, err_t err,
                              uint64_t start) {
    if (start == 0 || !opening->options->stream->shop ||
        is_lost(opening, 0, start)) {
        return begin_empty(opening);
    }
    if (err == ERR_UNSUPPORTED) {
        return reason_set(opening->reason, err,
                          "another version wrote the snapshots in %s, and the "
                          "journal begins with record %llu: run the version "
                          "that wrote them, or a newer one",
                          opening->options->dir, (unsigned long long)start);
    }
    return reason_set(opening->reason, ERR_CORRUPT,
                      "%s begins with record %llu, and no snapshot of what was "
                      "before it can be read: restore its .snap files from a "
                      "backup, or move the folder away to start over",
                      opening->options->dir, (unsigned long long)start);
}

/* `*ret_seq` is where the replay begins. */
static err_t load_state(struct opening *opening, uint64_t *ret_seq) {
    const struct disk *disk = disk_of(opening);
    const char *dir = opening->options->dir;
    struct journal *journal = opening->to.journal;
    uint64_t start = atomic_load(&journal_position(journal)->start);
    TRY(begin_empty(opening));
    err_t err =
        snapshot_load(disk, dir, journal_id(journal), journal_next_seq(journal),
                      take_snapshot, opening, opening->reason);
    if (err == ERR_NOT_FOUND || err == ERR_UNSUPPORTED ||
        (err == ERR_OK && opening->snapshot_seq < start &&
         !is_lost(opening, opening->snapshot_seq, start))) {
        TRY(without_snapshot(opening, err, start));
    } else {
        TRY(err);
    }
    TRY(snapshot_covered(disk, dir, &opening->to.covered));
    *ret_seq = opening->snapshot_seq > start ? opening->snapshot_seq : start;
    return ERR_OK;
}

/* --- Replay --------------------------------------------------------------- */

/* Damage that was set aside has no events in the journal: the state continues
 * with what it has. */
static err_t next_record(struct opening *opening, struct journal_reader *reader,
                         uint64_t end, struct journal_record *ret) {
    err_t err = journal_reader_next(reader, end, ret);
    while (err == ERR_CORRUPT) {
        struct journal_gap gap;
        bool known;
        TRY(journal_reader_pass(reader, end, &gap, &known));
        ENSURE(known, ERR_CORRUPT);
        state_pass_gap(opening->to.state);
        err = journal_reader_next(reader, end, ret);
    }
    return err;
}

/* Was anything lost before what is replayed? */
static void pass_gaps_before(struct opening *opening, uint64_t start) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(opening->to.journal, &count);
    if (count > 0 && gaps[0].first < start) {
        state_pass_gap(opening->to.state);
    }
}

static err_t replay_records(struct opening *opening, uint64_t from,
                            uint64_t end) {
    struct journal_reader *reader = NULL;
    TRY(journal_reader_open(disk_of(opening), opening->options->dir, from,
                            &reader, opening->reason));
    struct journal_record record = {0};
    err_t err = next_record(opening, reader, end, &record);
    while (err == ERR_OK) {
        opening->to.replayed_bytes += record.bytes.len;
        err = state_apply(opening->to.state, &record);
        if (err == ERR_OK) {
            err = next_record(opening, reader, end, &record);
        }
    }
    const char *why = disk_cause(err); /* first: closing may set errno */
    journal_reader_close(reader);
    if (err != ERR_END) {
        return reason_set(
            opening->reason, err, "%s: replay stopped at record %llu: %s",
            opening->options->dir, (unsigned long long)record.seq, why);
    }
    return ERR_OK;
}

static err_t replay(struct opening *opening) {
    const struct clock *clock = &opening->options->platform->clock;
    int64_t began_us = clock->mono_us(clock->self);
    uint64_t end = journal_next_seq(opening->to.journal);
    uint64_t from;
    TRY(load_state(opening, &from));
    assert(from <= end);
    pass_gaps_before(opening, from);
    opening->to.unread_end = from;
    if (from < end) {
        TRY(replay_records(opening, from, end));
    }
    if (end == 0) {
        return ERR_OK;
    }
    int64_t took_us = clock->mono_us(clock->self) - began_us;
    log_line(LOG_INFO, "stream",
             "replayed name=%s snapshot=%llu events=%llu ms=%lld hash=%016llx "
             "ids=%016llx",
             opening->options->stream->name,
             (unsigned long long)opening->snapshot_seq,
             (unsigned long long)(end - from), (long long)(took_us / 1000),
             (unsigned long long)state_hash(opening->to.state),
             (unsigned long long)state_ids_hash(opening->to.state));
    uint64_t unknown = state_unknown(opening->to.state);
    if (unknown > 0) {
        log_line(LOG_WARN, "stream",
                 "passed_over name=%s events=%llu; a newer version of this "
                 "program wrote them",
                 opening->options->stream->name, (unsigned long long)unknown);
    }
    return ERR_OK;
}

/* --- Both ----------------------------------------------------------------- */

static void undo(struct opening *opening) {
    state_free(opening->to.state);
    journal_close(opening->to.journal);
    opening->to = (struct opened){0};
}

static err_t open_and_replay(struct opening *opening, bool trust) {
    undo(opening);
    opening->trust = trust;
    TRY(open_journal(opening, opening->options->stream->on_rot ==
                                  CONFIG_ROT_QUARANTINE));
    return replay(opening);
}

/* `on_rot: stop` implies a full check. */
static err_t run(struct opening *opening) {
    const struct opening_options *from = opening->options;
    bool trust = from->stream->on_rot == CONFIG_ROT_QUARANTINE &&
                 !full_check_is_due(disk_of(opening), from->dir);
    err_t err = open_and_replay(opening, trust);
    if ((err == ERR_CORRUPT || err == ERR_IO) && trust) {
        trust = false; /* what is replayed is damaged */
        err = open_and_replay(opening, trust);
    }
    TRY(err);
    if (!trust) {
        opening->to.unread_end = 0;
        full_check_done(disk_of(opening), from->dir);
    }
    return ERR_OK;
}

/* Every failure gets a reason for a person. */
static err_t explain(const struct opening *opening, err_t err,
                     struct reason *reason) {
    assert(err != ERR_OK);
    const char *why = opening->reason->text;
    return why[0] != '\0' ? reason_set(reason, err, "%s", why)
                          : reason_set(reason, err, "cannot open %s: %s",
                                       opening->options->dir, err_name(err));
}

err_t opening_run(const struct opening_options *options, struct opened *ret,
                  struct reason *reason) {
    struct reason why = {""};
    struct opening opening = {.options = options, .reason = &why};
    err_t err = run(&opening);
    if (err != ERR_OK) {
        undo(&opening);
        return explain(&opening, err, reason);
    }
    *ret = opening.to;
    return ERR_OK;
}

err_t opening_repair(const struct opening_options *options,
                     struct journal **ret, struct reason *reason) {
    struct reason why = {""};
    struct opening opening = {.options = options, .reason = &why};
    err_t err = open_journal(&opening, true);
    if (err != ERR_OK) {
        return explain(&opening, err, reason);
    }
    *ret = opening.to.journal;
    return ERR_OK;
}
