/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sender.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/cursor_saver.h"
#include "bridge/cursor_start.h"
#include "bridge/exchange.h"
#include "bridge/explain.h"
#include "bridge/feed.h"
#include "bridge/forwarder.h"
#include "bridge/report.h"
#include "bridge/sink.h"

enum { SCRATCH_KEEP = 64 * 1024 }; /* a larger one is freed without work */

/* After an outage this long the target is probed again. */
#define PROBE_AGAIN_US ((int64_t)10 * 60 * 1000 * 1000)
/* When to retry after there was no memory for an event. */
#define MEMORY_RETRY_US ((int64_t)10 * 1000 * 1000)

struct sender {
    struct sender_options options;
    const struct sink
        *sink; /* NULL: the stream stays in the store, and all else is unused */
    struct sink_target target;
    struct endpoint where;

    struct feed *feed;
    struct forwarder forwarder;
    struct exchange *exchange; /* NULL once it hung up */
    struct cursor_file cursor;
    struct cursor_saver saver;
    struct log_limit cursor_log;
    struct report report;

    struct sink_buffer scratch; /* one event's JSON, to measure it */
    int64_t fill_again_us;      /* after there was no memory */
    struct reason held; /* why the last unsendable event cannot be sent */
    bool probe_wanted;
    int64_t answered_us; /* the last answer that came from the service */
    bool paused;
    bool unreached; /* the last request's endpoint took no connection */
    bool spared;    /* another stream probes it meanwhile */
    uint32_t refused_serial; /* the credentials of the last refusal */
};

static int64_t mono_us(const struct sender *sender) {
    const struct clock *clock = &sender->options.context->platform->clock;
    return clock->mono_us(clock->self);
}

static int64_t wall_us(const struct sender *sender) {
    const struct clock *clock = &sender->options.context->platform->clock;
    return clock->wall_us(clock->self);
}

static const char *name_of(const struct sender *sender) {
    return sender->options.stream->name;
}

static void turn(void *context) {
    struct sender *sender = context;
    sender->options.turn(sender->options.self);
}

/* --- the status --------------------------------------------------------- */

static void count_disk_jobs(struct sender *sender) {
    struct bridge_stream_status *status = &sender->report.status;
    status->disk_job = NULL;
    status->disk_since_us = 0;
    if (sender->saver.busy) {
        status->disk_job = "saving the cursor";
        status->disk_since_us = sender->saver.begun_us;
    }
    if (sender->feed != NULL && feed_is_busy(sender->feed) &&
        (status->disk_job == NULL ||
         feed_busy_since_us(sender->feed) < status->disk_since_us)) {
        status->disk_job = "reading the journal for the cloud";
        status->disk_since_us = feed_busy_since_us(sender->feed);
    }
}

static void count(struct sender *sender) {
    struct bridge_stream_status *status = &sender->report.status;
    if (sender->sink == NULL) {
        status->cursor = status->end;
        return;
    }
    const struct forwarder *forwarder = &sender->forwarder;
    assert(sender->saver.saved <= forwarder->base);
    status->cursor = forwarder->base;
    status->saved = sender->saver.saved;
    status->saves = sender->saver.saves;
    status->sent = forwarder->counts.sent;
    status->repeated = forwarder->counts.repeated;
    status->refused = forwarder->counts.refused;
    count_disk_jobs(sender);
}

bool sender_status(struct sender *sender, struct bridge_stream_status *ret) {
    count(sender);
    return report_copy(&sender->report, ret);
}

/* --- from the journal into the window ----------------------------------- */

static void say_fault(struct sender *sender, const char *why) {
    struct reason reason;
    reason_set(&reason, ERR_IO, "cannot read the journal %s: %s",
               sender->options.dir, why);
    report_words(&sender->report, reason.text);
    report_trouble(&sender->report, reason.text);
}

static void say_held(struct sender *sender, const struct reason *why) {
    sender->held = *why;
    report_words(&sender->report, why->text);
    log_line(LOG_ERROR, "bridge", "stream=%s %s; its key waits",
             name_of(sender), why->text);
}

/* Puts the next record into the window. False: not now. */
static bool push_record(struct sender *sender) {
    struct feed_record record = feed_record(sender->feed);
    if (!forwarder_has_room(&sender->forwarder, record.bytes.len)) {
        return false;
    }
    struct forwarder_record measured = {
        .seq = record.seq,
        .wall_us = record.wall_us,
        .life = record.life,
        .bytes = record.bytes,
    };
    struct reason reason = {""};
    err_t err = sink_measure(sender->sink, &sender->target, &sender->scratch,
                             &measured, &reason);
    if (err == ERR_OK) {
        err = forwarder_push(&sender->forwarder, &measured);
    }
    if (err != ERR_OK) {
        say_fault(sender, err_name(err));
        sender->fill_again_us = mono_us(sender) + MEMORY_RETRY_US;
        return false;
    }
    if (!measured.sendable) {
        say_held(sender, &reason);
    }
    feed_take(sender->feed);
    return true;
}

/* Trimmed records are passed once all records before them are sent; entries
 * held there are forgotten, as they were trimmed, too. Damage is passed only
 * when everything before it is confirmed, held entries included: those can
 * still be sent. */
static bool may_pass(const struct sender *sender) {
    switch (feed_gap_cause(sender->feed)) {
    case FEED_TRIMMED:
        return forwarder_is_drained(&sender->forwarder);
    case FEED_DAMAGED:
        return sender->forwarder.count == 0;
    }
    return false;
}

/* False: not yet. */
static bool pass_gap(struct sender *sender) {
    struct feed_gap gap;
    if (!may_pass(sender) || feed_pass(sender->feed, &gap) != ERR_OK) {
        return false;
    }
    if (gap.range.first == gap.range.end) {
        return true;
    }
    report_lost(&sender->report, gap.range.first, gap.range.end,
                gap.cause == FEED_TRIMMED
                    ? "the journal has trimmed or lost them"
                    : "the journal is damaged there");
    if (!gap.known) {
        report_gap(&sender->report, &gap.range);
    }
    forwarder_skip(&sender->forwarder, gap.range.end);
    return true;
}

static void fill(struct sender *sender) {
    if (sender->fill_again_us > mono_us(sender)) {
        return;
    }
    for (;;) {
        switch (feed_look(sender->feed, mono_us(sender))) {
        case FEED_NOTHING:
            return;
        case FEED_READY:
            if (!push_record(sender)) {
                return;
            }
            break;
        case FEED_GAP:
            if (!pass_gap(sender)) {
                return;
            }
            break;
        case FEED_FAULT:
            say_fault(sender, feed_fault(sender->feed));
            return;
        }
    }
}

/* --- the cursor --------------------------------------------------------- */

static void say_unsaved(struct sender *sender, const struct reason *why) {
    uint64_t skipped;
    if (log_allowed(&sender->cursor_log, &skipped)) {
        log_line(LOG_ERROR, "bridge",
                 "stream=%s %s; a restart would send again what was sent since",
                 name_of(sender), why->text);
    }
}

static void on_saved(void *context) {
    struct sender *sender = context;
    if (sender->saver.err != ERR_OK) {
        say_unsaved(sender, &sender->saver.reason);
    }
    turn(sender);
}

/* --- answers ------------------------------------------------------------ */

/* What the forwarder is not told: the text, the link, the counters. */
static void say_answer(struct sender *sender, const struct answer *answer,
                       uint32_t entries) {
    enum forwarder_call call =
        explain_throttled(answer, entries) ? CALL_THROTTLED : answer->call;
    enum bridge_link link =
        explain_link(call, entries, sender->report.status.link);
    sender->report.status.failures += answer->call != CALL_ANSWERED ? 1 : 0;
    sender->report.status.expired = answer->expired;
    count(sender);
    const char *text = answer->text;
    if (text[0] == '\0' && sender->forwarder.counts.refused > 0) {
        text = sender->held.text[0] != '\0' ? sender->held.text
                                            : sender->report.status.last_error;
    }
    struct reason words;
    reason_set(&words, ERR_OK, "%s", text);
    report_say(&sender->report, link, words.text);
}

/* The answer to the probe. If we may not ask, or if the other side does not
 * know the question, sending starts without the check. */
static void take_probe_answer(struct sender *sender, struct answer *answer) {
    if (answer->not_ours) {
        log_line(LOG_WARN, "bridge",
                 "stream=%s cannot check that %s %s exists: %s; if it does "
                 "not, its events are lost",
                 name_of(sender), sender->sink->what,
                 sender->options.stream->sink_name, answer->text);
        *answer = (struct answer){.call = CALL_ANSWERED};
    }
    if (answer->call == CALL_ANSWERED) {
        sender->probe_wanted = false;
        sender->forwarder.attempt = 0;
        return;
    }
    forwarder_hold(&sender->forwarder, mono_us(sender), answer->call);
}

static void take_batch_answer(struct sender *sender,
                              const struct forwarder_batch *batch,
                              const struct answer *answer) {
    uint64_t sent = sender->forwarder.counts.sent;
    forwarder_answer(&sender->forwarder, batch, mono_us(sender), answer->call,
                     answer->outcomes);
    if (sender->forwarder.counts.sent > sent) {
        sender->report.status.confirmed_us = wall_us(sender);
    }
}

/* During a long outage the target may have been removed. */
static void note_time(struct sender *sender, const struct answer *answer) {
    int64_t now_us = mono_us(sender);
    if (answer->call == CALL_ANSWERED) {
        sender->answered_us = now_us;
    } else if (now_us - sender->answered_us > PROBE_AGAIN_US) {
        sender->probe_wanted = sender->sink->probe_call != NULL;
    }
}

static void take_result(void *context, struct exchange_result *result) {
    struct sender *sender = context;
    /* The batch is gone once the forwarder has its answer. */
    uint32_t entries = result->batch != NULL ? result->batch->count : 0;
    if (result->has_offset) {
        sender->options.clock_learned(sender->options.self, result->offset_us);
    }
    if (result->answer.call == CALL_REFUSED) {
        sender->refused_serial = result->signed_serial;
        sender->options.credentials_refused(sender->options.self, result);
    }
    sender->unreached = result->answer.call == CALL_UNREACHED;
    explain_result(sender->sink, &sender->target, result);
    note_time(sender, &result->answer);
    if (result->batch != NULL) {
        take_batch_answer(sender, result->batch, &result->answer);
    } else {
        take_probe_answer(sender, &result->answer);
    }
    say_answer(sender, &result->answer, entries);
    turn(sender);
}

/* --- requests ----------------------------------------------------------- */

static bool may_send(const struct sender *sender) {
    return sender->exchange != NULL && !sender->paused && !sender->spared &&
           !exchange_is_busy(sender->exchange);
}

static void take_build_error(struct sender *sender,
                             const struct forwarder_batch *batch, err_t err) {
    struct exchange_result result = {{.call = CALL_FAILED}, batch, 0, 0, 0, 0};
    snprintf(result.answer.text, sizeof result.answer.text,
             "cannot build a request: %s", err_name(err));
    take_result(sender, &result);
}

static void send_probe(struct sender *sender, int64_t offset_us) {
    err_t err = exchange_ask(sender->exchange, offset_us);
    sender->report.status.requests += err == ERR_OK ? 1 : 0;
    if (err != ERR_OK) {
        take_build_error(sender, NULL, err);
    }
}

static void send_batch(struct sender *sender, int64_t offset_us) {
    const struct forwarder_batch *batch;
    int64_t now_us = mono_us(sender);
    err_t err = forwarder_take(&sender->forwarder, now_us, &batch);
    if (err == ERR_MEMORY) { /* later; the loop must not turn until then */
        forwarder_hold(&sender->forwarder, now_us, CALL_FAILED);
    }
    if (err != ERR_OK) {
        return;
    }
    err = exchange_send(sender->exchange, batch, offset_us);
    sender->report.status.requests += err == ERR_OK ? 1 : 0;
    if (err != ERR_OK) {
        take_build_error(sender, batch, err);
    }
}

void sender_send(struct sender *sender, int64_t offset_us) {
    if (!may_send(sender)) {
        return;
    }
    assert(sender->forwarder.in_flight == 0);
    if (!sender->probe_wanted) {
        send_batch(sender, offset_us);
    } else if (sender->forwarder.hold_until_us <= mono_us(sender)) {
        send_probe(sender, offset_us);
    }
}

bool sender_is_busy(const struct sender *sender) {
    return sender->exchange != NULL && exchange_is_busy(sender->exchange);
}

/* Whoever has nothing to send when its time comes finds out nothing. */
const struct endpoint *sender_probes(const struct sender *sender) {
    if (!sender->unreached || sender->paused || sender->exchange == NULL) {
        return NULL;
    }
    int64_t hold_us = sender->forwarder.hold_until_us;
    int64_t now_us = mono_us(sender);
    int64_t due_us = forwarder_due_us(&sender->forwarder, now_us);
    bool sends = exchange_is_busy(sender->exchange) || sender->probe_wanted ||
                 due_us <= (hold_us > now_us ? hold_us : now_us);
    return sends ? &sender->where : NULL;
}

void sender_spare(struct sender *sender, bool spared) {
    if (sender->spared && !spared) {
        sender->forwarder.hold_until_us = 0;
        sender->unreached = false; /* as far as anyone knows */
    }
    sender->spared = spared;
}

bool sender_blocks_lower_priority(const struct sender *sender) {
    enum bridge_link link = sender->report.status.link;
    bool answers = link == BRIDGE_LINK_ONLINE || link == BRIDGE_LINK_THROTTLED;
    return sender->sink != NULL && answers &&
           forwarder_ready(&sender->forwarder, mono_us(sender));
}

/* --- turns -------------------------------------------------------------- */

static void give_back(struct sender *sender) {
    if (sender_is_busy(sender) || sender->forwarder.count > 0) {
        return;
    }
    exchange_rest(sender->exchange);
    if (sender->scratch.cap > SCRATCH_KEEP) {
        sink_buffer_free(&sender->scratch);
    }
}

void sender_work(struct sender *sender) {
    sender->report.status.end = atomic_load_explicit(
        &sender->options.position->end, memory_order_acquire);
    if (sender->exchange == NULL) {
        return;
    }
    fill(sender);
    cursor_saver_work(&sender->saver, sender->forwarder.base, mono_us(sender));
    give_back(sender);
}

void sender_wait(struct sender *sender, bool waits) {
    if (sender->sink == NULL) {
        return;
    }
    count(sender);
    const struct bridge_stream_status *status = &sender->report.status;
    report_turn(&sender->report, status->end > status->cursor, waits);
}

void sender_credentials(struct sender *sender, const char *lack, bool expired) {
    uint32_t serial = sender->options.context->credentials->serial;
    if (sender->sink == NULL || sender->paused || sender_is_busy(sender)) {
        return;
    }
    if (lack != NULL) {
        report_lack(&sender->report, lack, expired);
    } else if (sender->refused_serial != serial &&
               sender->report.status.link == BRIDGE_LINK_REFUSED) {
        sender->refused_serial = serial;
        sender->forwarder.hold_until_us = 0;
    }
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t sender_due_us(const struct sender *sender, bool may_send_now) {
    if (sender->exchange == NULL) {
        return INT64_MAX;
    }
    int64_t now_us = mono_us(sender);
    int64_t due_us =
        sooner(cursor_saver_due_us(&sender->saver, sender->forwarder.base),
               feed_due_us(sender->feed));
    due_us = sooner(due_us, report_due_us(&sender->report));
    if (sender->fill_again_us > now_us) {
        due_us = sooner(due_us, sender->fill_again_us);
    }
    if (!may_send_now || !may_send(sender)) {
        return due_us;
    }
    if (sender->probe_wanted) {
        return sooner(due_us, sender->forwarder.hold_until_us);
    }
    return sooner(due_us, forwarder_due_us(&sender->forwarder, now_us));
}

void sender_pause(struct sender *sender, bool paused) {
    if (sender->paused == paused) {
        return;
    }
    sender->paused = paused;
    if (sender->sink != NULL) {
        forwarder_pause(&sender->forwarder, paused);
    }
    count(sender);
    report_pause(&sender->report, paused);
}

/* --- beginning and end -------------------------------------------------- */

static err_t open_cursor(struct sender *sender, struct reason *reason) {
    const struct sender_options *options = &sender->options;
    const struct cursor_start start = {
        .disk = &options->context->platform->disk,
        .dir = options->dir,
        .owner = {options->journal_id, name_of(sender)},
        .begins_whole = atomic_load(&options->position->start) == 0,
        .end = sender->report.status.end,
    };
    return cursor_start(&sender->cursor, &start, reason);
}

static err_t open_feed(struct sender *sender) {
    const struct sender_options *options = &sender->options;
    struct feed_options feed = {
        .disk = &options->context->platform->disk,
        .executor = options->context->executor,
        .dir = options->dir,
        .position = options->position,
        .pass_unknown = options->stream->on_rot == CONFIG_ROT_QUARANTINE,
        .changed = turn,
        .context = sender,
    };
    return feed_new(&feed, sender->cursor.saved, &sender->feed);
}

static err_t open_exchange(struct sender *sender, struct reason *reason) {
    const struct sender_context *context = sender->options.context;
    TRY(endpoint_choose(&context->config->cloud, sender->sink->service,
                        sender->sink->variable, &sender->where, reason));
    struct exchange_options exchange = {
        .clock = &context->platform->clock,
        .credentials = context->credentials,
        .sink = sender->sink,
        .target = &sender->target,
        .where = &sender->where,
        .connector = context->connector,
        .done = take_result,
        .context = sender,
    };
    return exchange_new(&exchange, &sender->exchange);
}

static err_t open_all(struct sender *sender, struct reason *reason) {
    TRY(open_cursor(sender, reason));
    cursor_saver_init(
        &sender->saver, &sender->cursor, sender->options.context->executor,
        cursor_saver_every_us(sender->options.stream->commit_delay_ms),
        on_saved, sender);
    forwarder_init(&sender->forwarder, &sender->sink->limits,
                   &sender->options.context->platform->entropy,
                   sender->cursor.saved);
    TRY(open_feed(sender));
    TRY(open_exchange(sender, reason));
    sender->probe_wanted = sender->sink->probe_call != NULL;
    return ERR_OK;
}

err_t sender_new(const struct sender_options *options, struct sender **ret,
                 struct reason *reason) {
    struct sender *sender = calloc(1, sizeof *sender);
    ENSURE(sender != NULL, ERR_MEMORY);
    sender->options = *options;
    sender->sink = sink_of(options->stream);
    sender->target =
        (struct sink_target){options->context->config, options->stream,
                             event_life_of(options->journal_id)};
    sender->cursor.fd = -1;
    sender->answered_us = mono_us(sender);
    report_init(&sender->report, options->stream->name,
                &options->context->platform->clock);
    sender->report.status.end =
        atomic_load_explicit(&options->position->end, memory_order_acquire);
    err_t err = sender->sink != NULL ? open_all(sender, reason) : ERR_OK;
    if (err != ERR_OK) {
        sender_hang_up(sender);
        sender_free(sender);
        return err;
    }
    *ret = sender;
    return ERR_OK;
}

void sender_hang_up(struct sender *sender) {
    exchange_free(sender->exchange);
    sender->exchange = NULL;
}

void sender_finish(struct sender *sender) {
    assert(sender->exchange == NULL);
    if (sender->sink == NULL) {
        return;
    }
    struct reason why = {""};
    if (cursor_saver_finish(&sender->saver, sender->forwarder.base, &why) !=
        ERR_OK) {
        say_unsaved(sender, &why);
    }
}

void sender_free(struct sender *sender) {
    if (sender == NULL) {
        return;
    }
    assert(sender->exchange == NULL);
    feed_free(sender->feed);
    cursor_file_close(&sender->cursor);
    forwarder_free(&sender->forwarder);
    sink_buffer_free(&sender->scratch);
    free(sender);
}
