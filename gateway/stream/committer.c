/* SPDX-License-Identifier: Apache-2.0 */
/* One job at a time:
 *
 *             a door asks, or the stream      the job ended
 *             has something to say
 *      idle  --------------------------->  working  ------->  idle
 *                                            |   ^
 *                                    no room v   | committer_retry(), or damage
 *                                           full
 *
 * go_on() looks at what is due and starts the next job, or none. */
#include "gateway/stream/committer.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/stream/commit.h"
#include "gateway/stream/gaps.h"

/* All of it is the owner's thread's, but for `commit` while its job runs. */
struct committer {
    struct committer_options options;
    struct job job;
    struct commit commit;
    struct journal_stats stats; /* these two as the last job saw them */
    struct commit_gaps gaps;
    bool has_taken; /* messages, not handed over yet */
    bool working;
    int64_t working_since_us; /* monotonic */
    bool full;                /* the job found no room, and is tried again */
    bool commits;             /* the job that works has a batch */
    bool progressed;          /* the job that just ended committed one */
    struct reason full_reason;
    struct log_limit full_log;
    bool failed; /* for good */
    bool giving_up;
    /* What the next job, or the next batch, is to tell of. */
    struct journal_gap noticed[COMMIT_NOTICED_MAX];
    uint32_t noticed_count;
    bool upkeep_due;
    bool wants_snapshot; /* as the last job saw it */
    struct log_limit damage_log;
    uint64_t dropped_ever; /* as the last job saw it */
    /* The door that waits; NULL: none does. */
    void (*done)(void *self, err_t err, const struct reason *reason);
    void *done_self;
    bool asked;      /* all it took is handed over, or committed */
    bool asked_room; /* it took nothing: it is to have room */
};

/* --- What the stream has to say itself ------------------------------------ */

/* Names what was dropped to find room. If this batch has no room for it, the
 * next one names it. */
static err_t say_dropped(struct committer *committer) {
    struct commit *commit = &committer->commit;
    uint64_t seq = batch_end(committer->options.batch); /* the next record */
    if (commit->unnamed.count == 0 ||
        batch_takes_own(committer->options.batch) == 0) {
        return ERR_OK;
    }
    const struct own_event_range range = {
        commit->unnamed.first, commit->unnamed.end, commit->unnamed.count};
    TRY(own_event_dropped(committer->options.own, &range));
    commit->names_dropped_at = seq;
    commit->unnamed = (struct drop_range){0, 0, 0};
    return ERR_OK;
}

/* The gaps that no record announces. Not again while a batch holds their
 * announcement. */
static err_t say_damage(struct committer *committer) {
    struct commit_gaps *told = &committer->commit.told;
    if (told->count > 0) {
        return ERR_OK;
    }
    TRY(commit_gaps_reserve(told, committer->gaps.count));
    err_t err =
        own_event_damaged(committer->options.own, committer->gaps.list,
                          committer->gaps.count, told->list, &told->count);
    if (err != ERR_OK) {
        told->count = 0; /* no mark without its record */
    }
    return err;
}

static err_t say_what_is_due(struct committer *committer) {
    TRY(say_dropped(committer));
    return say_damage(committer);
}

/* --- The door that waits -------------------------------------------------- */

/* It may ask for the next commit from within. */
static void tell_door(struct committer *committer, err_t err,
                      const struct reason *reason) {
    void (*done)(void *self, err_t err, const struct reason *reason) =
        committer->done;
    assert(done != NULL);
    committer->done = NULL;
    committer->asked = false;
    done(committer->done_self, err, reason);
}

/* `reason` must be a copy: a door may free what it was in. */
static void fail(struct committer *committer, err_t err, struct reason reason) {
    committer->failed = true;
    committer->full = false;
    if (committer->done != NULL) {
        tell_door(committer, err, &reason);
    } else if (err != ERR_FULL) { /* that one is no failure of the disk */
        committer->options.failed(committer->options.self, &reason);
    }
}

/* --- Jobs ----------------------------------------------------------------- */

/* The batch is now the next job's, and a new empty one fills. */
static void hand_over(struct committer *committer) {
    committer->commit.reserved = !committer->has_taken;
    committer->has_taken = false;
    batch_hand_over(committer->options.batch);
    committer->options.boundary(committer->options.self);
}

/* The door decides when a batch of messages ends. The stream's own events wait
 * for no door. */
static void hand_over_if_due(struct committer *committer) {
    if (committer->done != NULL && !committer->asked) {
        committer->asked = true;
        committer->asked_room = !committer->has_taken ||
                                batch_events(committer->options.batch) == 0;
        hand_over(committer);
    } else if (!committer->has_taken &&
               batch_events(committer->options.batch) > 0) {
        hand_over(committer);
    }
}

static bool is_handed(const struct committer *committer) {
    assert(!committer->working);
    return journal_is_handed(committer->options.journal);
}

/* A door that took messages since it asked for room had some; if the batch that
 * they are in leaves none, its next commit asks again. */
static bool has_found_room(const struct committer *committer) {
    return committer->has_taken || batch_has_room(committer->options.batch);
}

/* While the stream is full, only committer_retry() tries again; if that found
 * room for something, more may follow. */
static bool job_is_due(const struct committer *committer) {
    bool wants = is_handed(committer) ||
                 (committer->asked && !has_found_room(committer));
    return committer->noticed_count > 0 || committer->upkeep_due ||
           (wants && (!committer->full || committer->progressed));
}

/* Room is sought only for who asked for it: to find it may mean to drop what is
 * not delivered. */
static bool seeks_room(const struct committer *committer) {
    return (committer->asked || committer->full) && !has_found_room(committer);
}

static void submit(struct committer *committer) {
    assert(!committer->working && !committer->failed);
    struct commit *commit = &committer->commit;
    memcpy(commit->noticed, committer->noticed, sizeof commit->noticed);
    commit->noticed_count = committer->noticed_count;
    committer->noticed_count = 0;
    commit->upkeep = committer->upkeep_due;
    committer->upkeep_due = false;
    commit->room_bytes =
        seeks_room(committer) ? committer->options.room_bytes : 0;
    committer->commits = is_handed(committer);
    committer->progressed = false;
    committer->working = true;
    committer->working_since_us =
        committer->options.clock->mono_us(committer->options.clock->self);
    committer->options.executor.submit(committer->options.executor.self,
                                       &committer->job);
}

/* Releases what may leave, and tells the door if it has what it asked for. */
static void finish(struct committer *committer) {
    err_t err = committer->options.release(committer->options.self);
    if (err != ERR_OK) {
        fail(committer, err, (struct reason){"no memory for receipts"});
        return;
    }
    if (committer->asked && !is_handed(committer) &&
        (!committer->asked_room || has_found_room(committer))) {
        const struct reason none = {""};
        tell_door(committer, ERR_OK, &none);
    }
}

/* Starts the next job, if one is due and none runs. */
static void go_on(struct committer *committer) {
    if (committer->working || committer->failed) {
        return;
    }
    if (!is_handed(committer)) {
        err_t err = say_what_is_due(committer);
        if (err != ERR_OK && err != ERR_FULL) {
            fail(committer, err, (struct reason){"cannot continue the batch"});
            return;
        }
        hand_over_if_due(committer);
    }
    if (job_is_due(committer)) {
        submit(committer);
    } else if (committer->asked) {
        finish(committer);
    }
}

/* Nothing is read from the broker, which keeps what devices send. */
static void wait_for_room(struct committer *committer) {
    uint64_t skipped;
    if (log_allowed(&committer->full_log, &skipped)) {
        log_line(LOG_ERROR, "stream",
                 "full name=%s reason=\"%s\"; nothing is accepted or "
                 "acknowledged until there is room; it then resumes by itself",
                 committer->options.stream, committer->commit.reason.text);
    }
    committer->full_reason = committer->commit.reason;
    committer->full = true;
}

static void note_room(struct committer *committer) {
    if (committer->full && batch_has_room(committer->options.batch)) {
        committer->full = false;
        log_line(LOG_INFO, "stream", "has_room name=%s",
                 committer->options.stream);
    }
}

/* What the job found in addition to its result. */
static void take_findings(struct committer *committer) {
    struct commit *commit = &committer->commit;
    struct commit_gaps before = committer->gaps;
    uint64_t skipped;
    committer->gaps = commit->gaps;
    commit->gaps = before; /* its memory, for the next list */
    committer->stats = commit->stats;
    committer->dropped_ever = commit->dropped_ever;
    committer->wants_snapshot = commit->wants_snapshot;
    batch_look(committer->options.batch);
    if (commit->note_err != ERR_OK &&
        log_allowed(&committer->damage_log, &skipped)) {
        log_line(LOG_ERROR, "stream",
                 "damaged name=%s cannot record the damage: %s; a later start "
                 "will",
                 committer->options.stream, commit->note_reason.text);
    }
}

static void job_work(void *self) {
    struct committer *committer = self;
    commit_run(&committer->commit);
}

static void job_done(void *self) {
    struct committer *committer = self;
    const struct commit *commit = &committer->commit;
    committer->working = false;
    take_findings(committer);
    if (commit->err == ERR_FULL && !committer->giving_up) {
        wait_for_room(committer);
        go_on(committer);
        return;
    }
    if (commit->err != ERR_OK) {
        fail(committer, commit->err, commit->reason);
        return;
    }
    note_room(committer);
    committer->progressed = committer->commits;
    finish(committer);
    go_on(committer);
    committer->progressed = false;
}

void committer_commit(struct committer *committer,
                      void (*done)(void *self, err_t err,
                                   const struct reason *reason),
                      void *self) {
    assert(committer->done == NULL && done != NULL);
    committer->done = done;
    committer->done_self = self;
    if (committer->failed) {
        tell_door(committer, ERR_IO, &committer->commit.reason);
        return;
    }
    go_on(committer);
}

void committer_taken(struct committer *committer) {
    committer->has_taken = true;
}

err_t committer_say(struct committer *committer) {
    assert(!committer->failed);
    go_on(committer);
    return committer_is_settled(committer)
               ? committer->options.release(committer->options.self)
               : ERR_OK;
}

void committer_retry(struct committer *committer) {
    if (committer->full && !committer->working) {
        submit(committer);
    }
}

void committer_upkeep(struct committer *committer) {
    if (!committer_has_ended(committer)) {
        committer->upkeep_due = true;
        go_on(committer);
    }
}

bool committer_wants_snapshot(const struct committer *committer) {
    return committer->wants_snapshot;
}

void committer_give_up(struct committer *committer) {
    committer->giving_up = true;
    /* Nobody tries again once the process stops: who waits for room is told. */
    if (committer->full && !committer->working) {
        fail(committer, ERR_FULL, committer->full_reason);
    }
}

/* --- Damage ----------------------------------------------------------- */

static bool is_noticed(const struct committer *committer,
                       const struct journal_gap *gap) {
    for (uint32_t i = 0; i < committer->noticed_count; i++) {
        if (committer->noticed[i].first == gap->first &&
            committer->noticed[i].end == gap->end) {
            return true;
        }
    }
    return committer_is_lost(committer, gap->first, gap->end);
}

void committer_note_damage(struct committer *committer,
                           const struct journal_gap *gaps, uint32_t count) {
    if (committer->giving_up) {
        return;
    }
    for (uint32_t i = 0;
         i < count && committer->noticed_count < COMMIT_NOTICED_MAX; i++) {
        if (!is_noticed(committer, &gaps[i])) {
            committer->noticed[committer->noticed_count++] = gaps[i];
        }
    }
    if (committer->noticed_count > 0) {
        go_on(committer);
    }
}

/* --- Beginning, end, and looking at it -------------------------------- */

err_t committer_new(const struct committer_options *options,
                    struct committer **ret) {
    assert(options->executor.submit != NULL && options->room_bytes > 0);
    assert(options->clock != NULL);
    struct committer *committer = calloc(1, sizeof *committer);
    ENSURE(committer != NULL, ERR_MEMORY);
    committer->options = *options;
    committer->job =
        (struct job){.self = committer, .work = job_work, .done = job_done};
    err_t err =
        commit_init(&committer->commit, options->journal, options->retention);
    if (err != ERR_OK) {
        committer_free(committer);
        return err;
    }
    *ret = committer;
    return ERR_OK;
}

void committer_free(struct committer *committer) {
    if (committer == NULL) {
        return;
    }
    assert(!committer->working);
    commit_free(&committer->commit);
    free(committer->gaps.list);
    free(committer);
}

err_t committer_begin(struct committer *committer, struct reason *reason) {
    commit_run(&committer->commit);
    take_findings(committer);
    err_t err = say_what_is_due(committer);
    if (err != ERR_OK) {
        return reason_set(reason, err, "cannot announce what is lost: %s",
                          err_name(err));
    }
    hand_over(committer);
    commit_run(&committer->commit);
    take_findings(committer);
    err = committer->commit.err;
    return err == ERR_OK
               ? ERR_OK
               : reason_set(reason, err, "%s", committer->commit.reason.text);
}

bool committer_has_taken(const struct committer *committer) {
    return committer->has_taken;
}

bool committer_is_working(const struct committer *committer) {
    return committer->working;
}

int64_t committer_working_since_us(const struct committer *committer) {
    assert(committer->working);
    return committer->working_since_us;
}

bool committer_is_settled(const struct committer *committer) {
    return !committer->working && !is_handed(committer) &&
           batch_events(committer->options.batch) == 0;
}

bool committer_has_ended(const struct committer *committer) {
    return committer->failed || committer->giving_up;
}

const char *committer_full_reason(const struct committer *committer) {
    return committer->full ? committer->full_reason.text : NULL;
}

bool committer_is_lost(const struct committer *committer, uint64_t first,
                       uint64_t end) {
    return gaps_hold(committer->gaps.list, committer->gaps.count, first, end);
}

const struct journal_gap *committer_gaps(const struct committer *committer,
                                         size_t *ret_count) {
    *ret_count = committer->gaps.count;
    return committer->gaps.list;
}

const struct journal_stats *committer_stats(const struct committer *committer) {
    return &committer->stats;
}

uint64_t committer_dropped(const struct committer *committer) {
    return committer->dropped_ever;
}
