/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/dead_item.h"
#include "bridge/dead_job.h"
#include "bridge/dead_known.h"
#include "bridge/due.h"

/* What is settled is removed, and what is too old dropped, so often; and a
 * letter that found no room, or a disk that failed, is tried again. */
#define UPKEEP_US ((int64_t)60 * 1000 * 1000)
#define FULL_AGAIN_US ((int64_t)10 * 1000 * 1000)
#define FAILED_AGAIN_US ((int64_t)30 * 1000 * 1000)

struct dead_stream {
    struct dead *dead;
    uint32_t number;
    struct dead_policy policy;
    struct dead_facts facts;
    struct dead_known known;
    uint64_t told; /* as far as dead_told() said */
    struct log_limit log;
    struct dead_retry *retry; /* NULL until it is first needed */
    int64_t retry_again_us;   /* after it could not be made, or read */
    uint64_t retried;         /* letters that are to be sent again */
};

struct dead {
    struct dead_options options;
    struct dead_stream streams[CONFIG_STREAMS_MAX];
    struct dead_store store; /* the job's while `busy` */
    struct dead_line line;   /* to be written */
    struct dead_job request; /* the job's */
    struct job job;
    bool busy;
    bool exists;          /* there is a journal */
    uint64_t damage_told; /* as `told` */
    bool hung_up;
    bool settled;       /* something to remove, maybe */
    int64_t again_us;   /* no job before this: the last one failed */
    int64_t began_us;   /* of the first minute nothing is thought old */
    int64_t upkeep_us;  /* the last */
    uint32_t page_turn; /* whose page is next */
    struct dead_status status;
    struct log_limit full_log;
};

static int64_t mono_us(const struct dead *dead) {
    const struct clock *clock = &dead->options.context->platform->clock;
    return clock->mono_us(clock->self);
}

/* By the server's clock: a box whose own is wrong must not drop letters. */
static int64_t wall_us(const struct dead *dead) {
    const struct clock *clock = &dead->options.context->platform->clock;
    return clock->wall_us(clock->self) + *dead->options.offset_us;
}

static const char *name_of(const struct dead *dead, uint32_t stream) {
    return dead->options.streams[stream].config->name;
}

/* --- letters ---------------------------------------------------------------
 */

/* ERR_MEMORY: it stays held. */
static err_t write_letter(struct dead *dead, uint32_t stream,
                          const struct dead_letter *letter) {
    const struct dead_stream_options *from = &dead->options.streams[stream];
    struct dead_item *item = dead_item_of(
        from->config, event_life_of(from->journal_id), wall_us(dead), letter);
    ENSURE(item != NULL, ERR_MEMORY);
    item->stream = stream;
    dead_line_add(&dead->line, item);
#ifdef EDGE_CONTROL_DEAD_EARLY
    dead->options.settle(dead->options.self, stream, letter->seq, SETTLE_DEAD);
#endif
    return ERR_OK;
}

static void note_words(struct dead *dead, uint32_t stream,
                       const struct dead_letter *letter) {
    struct dead_stream_status *status = &dead->status.streams[stream];
    char words[sizeof status->words];
    bool twice =
        strncmp(letter->code, letter->words, strlen(letter->code)) == 0 &&
        letter->code[0] != '\0';
    snprintf(words, sizeof words, "%s%s%s", twice ? "" : letter->code,
             twice || letter->code[0] == '\0' || letter->words[0] == '\0'
                 ? ""
                 : ": ",
             letter->words);
    memset(status->words, 0, sizeof status->words);
    dead_text(status->words, sizeof status->words, words);
}

void dead_take(struct dead *dead, uint32_t stream,
               const struct dead_letter *letter, uint64_t taken) {
    assert(stream < dead->options.stream_count);
    struct dead_stream *slot = &dead->streams[stream];
    const struct dead_answer answer = {
        .seq = letter->seq,
        .code = letter->code,
        .sent_never = letter->kind == LETTER_UNSENDABLE,
    };
    enum dead_verdict verdict = DEAD_WAIT;
    int64_t now_us = mono_us(dead);
    bool holds =
        dead->options.streams[stream].config->on_refused == CONFIG_REFUSED_HOLD;
    bool together = taken > slot->facts.taken;
    dead_policy_look(&slot->policy, taken, slot->facts.cursor, now_us);
    note_words(dead, stream, letter);
    err_t err = holds ? ERR_REFUSED
                      : dead_policy_answer(&slot->policy, &answer, together,
                                           now_us, &verdict);
    if (err == ERR_OK && verdict == DEAD_WRITE) {
        err = write_letter(dead, stream, letter);
    }
    if (err != ERR_OK) {
        dead->options.settle(dead->options.self, stream, letter->seq,
                             SETTLE_HOLD);
    }
}

/* --- the job ---------------------------------------------------------------
 */

static void say_full(struct dead *dead, const struct dead_job *job) {
    uint64_t skipped;
    char why[sizeof dead->status.full];
    if (job->err == ERR_OK) {
        memset(dead->status.full, 0, sizeof dead->status.full);
        return;
    }
    dead_text(why, sizeof why,
              job->reason.text[0] != '\0' ? job->reason.text
                                          : err_name(job->err));
    memset(dead->status.full, 0, sizeof dead->status.full);
    memcpy(dead->status.full, why, sizeof why);
    if (log_allowed(&dead->full_log, &skipped)) {
        log_line(LOG_ERROR, "bridge",
                 "no dead letter can be written: %s; what is refused is held",
                 why);
    }
}

static void announce(struct dead *dead, const struct dead_item *item) {
    struct dead_stream *slot = &dead->streams[item->stream];
    const struct dead_record *record = &item->record;
    dead->status.streams[item->stream].letters++;
    uint64_t skipped;
    if (log_allowed(&slot->log, &skipped)) {
        log_line(LOG_WARN, "bridge",
                 "stream=%s skipped=%" PRIu64 " dead_letter seq=%" PRIu64
                 " code=%s words=\"%s\"",
                 record->stream, skipped, record->seq, record->code,
                 record->words);
    }
}

static void written(struct dead *dead, const struct dead_item *item) {
    switch (item->record.kind) {
    case DEAD_LETTER:
        announce(dead, item);
        dead->options.settle(dead->options.self, item->stream, item->record.seq,
                             SETTLE_DEAD);
        break;
    case DEAD_SENT:
        dead->status.sent++;
        dead->settled = true;
        break;
    case DEAD_DROPPED:
        dead->status.dropped++;
        dead->settled = true;
        break;
    case DEAD_TOLD:
        dead->settled = true;
        break;
    case DEAD_REFUSED:
    case DEAD_RETRY:
        break;
    }
    if (item->order > dead->status.asks_done) {
        dead->status.asks_done = item->order;
    }
}

/* What was not written goes back to the front of the line. */
static void take_items(struct dead *dead, struct dead_job *job) {
    struct dead_line back = {NULL, NULL};
    for (struct dead_item *item = dead_line_take(&job->items); item != NULL;
         item = dead_line_take(&job->items)) {
        if (!item->written) {
            dead_line_add(&back, item);
            continue;
        }
        if (!dead->hung_up) {
            written(dead, item);
        }
        free(item);
    }
    dead_line_join(&dead->line, &back);
}

static void take_counts(struct dead *dead, const struct dead_job *job) {
    struct dead_status *status = &dead->status;
    if (job->err != ERR_OK && job->err != ERR_FULL) {
        return; /* as it was */
    }
    status->letters = job->letters;
    status->retried = job->retried;
    status->oldest_us = job->oldest_us;
    status->lost = job->lost;
    status->ageing = job->age ? job->ageing : status->ageing;
    for (uint32_t i = 0; i < dead->options.stream_count; i++) {
        /* Those of a stream without a sink wait until it has one. */
        dead->streams[i].retried =
            dead->options.streams[i].config->sink == CONFIG_SINK_NONE
                ? 0
                : job->retried_of[i];
        status->streams[i].news = job->news[i];
    }
    status->dropped += job->aged;
    status->damage = job->damage;
}

/* One that is empty, though letters are to be sent: the disk has lost them. */
static void take_page(struct dead *dead, struct dead_job *job) {
    for (uint32_t i = 0; job->page_of != NULL && !dead->hung_up &&
                         i < dead->options.stream_count;
         i++) {
        struct dead_stream *slot = &dead->streams[i];
        if (slot->retry == NULL ||
            strcmp(job->page_of, name_of(dead, i)) != 0) {
            continue;
        }
        if (job->page.count > 0) {
            dead_retry_give(slot->retry, &job->page);
        } else if (slot->retried > 0) {
            slot->retry_again_us = mono_us(dead) + FAILED_AGAIN_US;
        }
    }
    dead_page_free(&job->page);
}

static void on_done(void *self) {
    struct dead *dead = self;
    struct dead_job *job = &dead->request;
    assert(dead->busy);
    int64_t now_us = mono_us(dead);
    dead->exists = dead->exists || job->err == ERR_OK || job->err == ERR_FULL;
    dead->status.job_since_us = 0;
    dead->again_us = job->err == ERR_OK     ? 0
                     : job->err == ERR_FULL ? now_us + FULL_AGAIN_US
                                            : now_us + FAILED_AGAIN_US;
    dead->settled = job->upkeep ? false : dead->settled;
    say_full(dead, job);
    take_counts(dead, job);
    take_items(dead, job);
    take_page(dead, job);
    dead->busy = false; /* each settled event gave a turn: not before */
    dead->options.turn(dead->options.self);
}

static void on_work(void *self) {
    struct dead *dead = self;
    dead_job_run(&dead->request);
}

/* The next stream that wants a page; UINT32_MAX: none does. */
static uint32_t page_wanted(const struct dead *dead) {
    uint32_t count = dead->options.stream_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = (dead->page_turn + i) % count;
        const struct dead_stream *slot = &dead->streams[n];
        if (slot->retried > 0 && slot->retry != NULL && !slot->facts.paused &&
            slot->retry_again_us <= mono_us(dead) &&
            dead_retry_is_idle(slot->retry)) {
            return n;
        }
    }
    return UINT32_MAX;
}

static bool upkeep_is_due(const struct dead *dead) {
    return dead->exists &&
           (dead->settled || mono_us(dead) - dead->upkeep_us >= UPKEEP_US);
}

static void begin_job(struct dead *dead) {
    uint32_t page = page_wanted(dead);
    bool upkeep = upkeep_is_due(dead);
    if (dead->busy || dead->hung_up || dead->again_us > mono_us(dead) ||
        (dead->line.first == NULL && page == UINT32_MAX && !upkeep)) {
        return;
    }
    struct dead_job *job = &dead->request;
    *job = (struct dead_job){
        .store = &dead->store,
        .items = dead->line,
        .cursor_count = dead->options.stream_count,
        .page_of = page == UINT32_MAX ? NULL : name_of(dead, page),
        .now_us = wall_us(dead),
        .upkeep = upkeep,
        .age = upkeep && mono_us(dead) - dead->began_us >= UPKEEP_US,
    };
    for (uint32_t i = 0; i < job->cursor_count; i++) {
        job->cursors[i] = (struct dead_cursor){name_of(dead, i),
                                               dead->streams[i].facts.saved};
    }
    dead->line = (struct dead_line){NULL, NULL};
    dead->page_turn = page == UINT32_MAX ? dead->page_turn : page + 1;
    dead->upkeep_us = upkeep ? mono_us(dead) : dead->upkeep_us;
    dead->busy = true;
    dead->status.job_since_us = mono_us(dead);
    dead->job = (struct job){.self = dead, .work = on_work, .done = on_done};
    const struct executor *executor = &dead->options.context->executor;
    executor->submit(executor->self, &dead->job);
}

/* --- sending again ---------------------------------------------------------
 */

/* False: no memory. */
static bool add_record(struct dead *dead, const struct dead_record *record) {
    struct dead_item *item = dead_item_new(record);
    if (item != NULL) {
        dead_line_add(&dead->line, item);
    }
    return item != NULL;
}

static void on_result(void *self, uint64_t id, uint32_t tries, const char *code,
                      const char *words) {
    struct dead_stream *slot = self;
    struct dead_record record = {
        .kind = code == NULL ? DEAD_SENT : DEAD_REFUSED,
        .when_us = wall_us(slot->dead),
        .letter = id,
        .tries = tries,
    };
    dead_text(record.code, sizeof record.code, code == NULL ? "" : code);
    dead_text(record.words, sizeof record.words, words);
    (void)add_record(slot->dead, &record); /* else it is sent once more */
}

static void on_retry_turn(void *self) {
    struct dead_stream *slot = self;
    slot->dead->options.turn(slot->dead->options.self);
}

static void make_retry(struct dead *dead, struct dead_stream *slot) {
    int64_t now_us = mono_us(dead);
    if (slot->retry != NULL || slot->retried == 0 ||
        slot->retry_again_us > now_us) {
        return;
    }
    const struct dead_retry_options options = {
        .context = dead->options.context,
        .stream = dead->options.streams[slot->number].config,
        .result = on_result,
        .turn = on_retry_turn,
        .self = slot,
    };
    struct reason reason = {""};
    if (dead_retry_new(&options, &slot->retry, &reason) != ERR_OK) {
        slot->retry_again_us = now_us + FAILED_AGAIN_US;
        log_line(LOG_ERROR, "bridge", "stream=%s dead letters wait: %s",
                 name_of(dead, slot->number), reason.text);
    }
}

/* Frees it once there is nothing left to send. */
static void work_retry(struct dead *dead, struct dead_stream *slot,
                       int64_t offset_us) {
    make_retry(dead, slot);
    if (slot->retry == NULL || slot->facts.paused) {
        return;
    }
    if (slot->retried == 0 && dead_retry_is_idle(slot->retry) &&
        !dead_retry_is_busy(slot->retry) && !dead->busy) {
        dead_retry_free(slot->retry);
        slot->retry = NULL;
        return;
    }
    dead_retry_work(slot->retry, offset_us);
}

/* --- turns -----------------------------------------------------------------
 */

void dead_look(struct dead *dead, uint32_t stream,
               const struct dead_facts *facts) {
    assert(stream < dead->options.stream_count);
    struct dead_stream *slot = &dead->streams[stream];
    slot->facts = *facts;
    dead_policy_look(&slot->policy, facts->taken, facts->cursor, mono_us(dead));
}

static void send_again(struct dead *dead, struct dead_stream *slot) {
    uint64_t seq;
    while (dead_policy_next(&slot->policy, mono_us(dead), &seq)) {
        dead->options.settle(dead->options.self, slot->number, seq,
                             SETTLE_RETRY);
    }
}

static void note_hold(struct dead *dead, struct dead_stream *slot) {
    struct dead_stream_status *status = &dead->status.streams[slot->number];
    enum dead_hold held = dead_policy_held(&slot->policy);
    if (status->held != held) {
        log_line(held == DEAD_HOLD_NONE ? LOG_INFO : LOG_ERROR, "bridge",
                 "stream=%s refusals=%s was=%s waiting=%zu error=%s",
                 name_of(dead, slot->number), dead_hold_name(held),
                 dead_hold_name(status->held), slot->policy.count,
                 status->words);
    }
    status->held = held;
    status->waiting = slot->policy.count;
}

void dead_work(struct dead *dead, int64_t offset_us) {
    if (dead->hung_up) {
        return;
    }
    for (uint32_t i = 0; i < dead->options.stream_count; i++) {
        send_again(dead, &dead->streams[i]);
        note_hold(dead, &dead->streams[i]);
        if (!dead->options.only_read) {
            work_retry(dead, &dead->streams[i], offset_us);
        }
    }
    if (!dead->options.only_read) {
        begin_job(dead);
    }
}

int64_t dead_due_us(const struct dead *dead) {
    int64_t due_us = INT64_MAX;
    if (dead->hung_up) {
        return due_us;
    }
    for (uint32_t i = 0; i < dead->options.stream_count; i++) {
        const struct dead_stream *slot = &dead->streams[i];
        due_us = sooner(due_us, dead_policy_due_us(&slot->policy));
        if (slot->retry != NULL && !slot->facts.paused) {
            due_us = sooner(due_us, dead_retry_due_us(slot->retry));
        }
        if (slot->retried > 0 && slot->retry_again_us > mono_us(dead)) {
            due_us = sooner(due_us, slot->retry_again_us);
        }
    }
    if (dead->busy || dead->options.only_read) {
        return due_us;
    }
    int64_t job_us = dead->line.first != NULL ? 0
                     : dead->exists           ? dead->upkeep_us + UPKEEP_US
                                              : INT64_MAX;
    return sooner(due_us, later(job_us, dead->again_us));
}

/* --- orders ----------------------------------------------------------------
 */

err_t dead_order(struct dead *dead, enum dead_ask ask, const uint64_t *ids,
                 uint32_t count, uint64_t number) {
    struct dead_line line = {NULL, NULL};
    if (!dead->exists && dead->line.first == NULL && !dead->busy) {
        dead->status.asks_done = number; /* there is none */
        return ERR_OK;
    }
    struct dead_record record = {
        .kind = ask == DEAD_ASK_RETRY ? DEAD_RETRY : DEAD_DROPPED,
        .when_us = wall_us(dead),
    };
    for (uint32_t i = 0; i < count; i++) {
        record.letter = ids[i];
        struct dead_item *item = dead_item_new(&record);
        if (item == NULL) {
            dead_line_free(&line);
            return ERR_MEMORY;
        }
        item->order = i + 1 == count ? number : 0;
        dead_line_add(&line, item);
    }
    dead_line_join(&line, &dead->line);
    dead->line = line;
    return ERR_OK;
}

void dead_status(const struct dead *dead, struct dead_status *ret) {
    *ret = dead->status;
}

void dead_told(struct dead *dead, uint32_t stream, uint64_t end) {
    assert(stream <= DEAD_TOLD_DAMAGE);
    bool damage = stream == DEAD_TOLD_DAMAGE;
    uint64_t *told = damage ? &dead->damage_told : &dead->streams[stream].told;
    struct dead_record record = {
        .kind = DEAD_TOLD,
        .when_us = wall_us(dead),
        .letter = end,
    };
    if (end <= *told) {
        return;
    }
    dead_text(record.stream, sizeof record.stream,
              damage ? DEAD_DAMAGE : name_of(dead, stream));
    if (add_record(dead, &record)) {
        *told = end;
    }
}

const uint64_t *dead_known(const struct dead *dead, uint32_t stream,
                           size_t *ret_count) {
    *ret_count = dead->streams[stream].known.count;
    return dead->streams[stream].known.seqs;
}

/* --- beginning and end ------------------------------------------------------
 */

/* What is on the disk. A journal that cannot be read now is tried again with
 * the first letter: until then events may be sent twice. */
static void read_store(struct dead *dead) {
    struct dead_job job = {.store = &dead->store,
                           .cursor_count = dead->options.stream_count,
                           .now_us = wall_us(dead),
                           .only_read = dead->options.only_read};
    for (uint32_t i = 0; i < job.cursor_count; i++) {
        job.cursors[i] = (struct dead_cursor){name_of(dead, i), 0};
    }
    dead_job_run(&job);
    say_full(dead, &job);
    take_counts(dead, &job);
    if (job.lost > 0) {
        log_line(LOG_ERROR, "bridge",
                 "%s is damaged: %" PRIu64 " of its records are lost",
                 dead->store.dir, job.lost);
    }
    for (uint32_t i = 0; i < job.cursor_count; i++) {
        const struct dead_stream_options *stream = &dead->options.streams[i];
        dead_known_find(&dead->streams[i].known,
                        &dead->options.context->platform->disk,
                        &dead->store.index, stream->dir, stream->config->name,
                        stream->journal_id);
    }
}

err_t dead_new(const struct dead_options *options, struct dead **ret) {
    struct dead *dead = calloc(1, sizeof *dead);
    ENSURE(dead != NULL, ERR_MEMORY);
    dead->options = *options;
    for (uint32_t i = 0; i < options->stream_count; i++) {
        dead->streams[i].dead = dead;
        dead->streams[i].number = i;
    }
    dead_store_init(&dead->store, options->context->platform,
                    options->context->config);
    dead->exists = dead_store_exists(&dead->store);
    dead->began_us = mono_us(dead);
    dead->upkeep_us = dead->began_us;
    dead->settled = dead->exists;
    if (dead->exists) {
        read_store(dead);
    }
    *ret = dead;
    return ERR_OK;
}

void dead_hang_up(struct dead *dead) {
    if (dead == NULL) {
        return;
    }
    dead->hung_up = true;
    for (uint32_t i = 0; i < dead->options.stream_count; i++) {
        dead_retry_free(dead->streams[i].retry);
        dead->streams[i].retry = NULL;
    }
}

void dead_free(struct dead *dead) {
    if (dead == NULL) {
        return;
    }
    assert(!dead->busy);
    dead_hang_up(dead);
    for (uint32_t i = 0; i < dead->options.stream_count; i++) {
        dead_policy_free(&dead->streams[i].policy);
        dead_known_free(&dead->streams[i].known);
    }
    dead_line_free(&dead->line);
    dead_store_close(&dead->store);
    free(dead);
}
