/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sender.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/cursor_saver.h"
#include "bridge/cursor_start.h"
#include "bridge/disk_status.h"
#include "bridge/due.h"
#include "bridge/explain.h"
#include "bridge/filler.h"
#include "bridge/handover.h"
#include "bridge/lines.h"

enum {
    AGAIN_MAX = 3,
};

/* After an outage this long the target is probed again. */
#define PROBE_AGAIN_US ((int64_t)10 * 60 * 1000 * 1000)

struct sender {
    struct sender_options options;
    const struct sink *sink; /* NULL: none, and all else is unused */
    struct sink_target target;
    struct endpoint where;

    struct filler filler;
    struct forwarder forwarder;
    struct lines lines; /* not open once it hung up */
    struct cursor_file cursor;
    struct cursor_saver saver;
    struct log_limit cursor_log;
    struct report report;
    struct handover handover;

    uint32_t place;     /* in the share */
    struct reason held; /* why the last unsendable event cannot be sent */
    bool probe_wanted;
    bool probing;        /* that request is in flight */
    int64_t answered_us; /* the last answer that came from the service */
    bool paused;
    uint32_t again; /* answers in a row that asked for another try at once */
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

/* Only EventBridge counts requests for an account. */
static bool is_counted(const struct sender *sender) {
    return sender->sink == &sink_eventbridge;
}

/* --- the status --------------------------------------------------------- */

static void count(struct sender *sender) {
    struct bridge_stream_status *status = &sender->report.status;
    if (sender->sink == NULL) {
        status->cursor = status->end;
        return;
    }
    const struct forwarder *forwarder = &sender->forwarder;
    assert(sender->saver.saved <= forwarder->window.base);
    status->cursor = forwarder->window.base;
    status->saved = sender->saver.saved;
    status->saves = sender->saver.saves;
    status->sent = forwarder->counts.sent;
    status->repeated = forwarder->counts.repeated;
    status->refused = forwarder->counts.refused;
    disk_status(&sender->saver, sender->filler.feed, status);
}

const struct bridge_stream_status *sender_look(struct sender *sender) {
    count(sender);
    return &sender->report.status;
}

bool sender_status(struct sender *sender, struct bridge_stream_status *ret) {
    count(sender);
    return report_copy(&sender->report, ret);
}

/* --- letters ------------------------------------------------------------ */

static void on_unsendable(void *context, uint64_t seq,
                          const struct reason *why) {
    struct sender *sender = context;
    sender->held = *why;
    report_words(&sender->report, why->text);
    log_line(LOG_ERROR, "bridge", "stream=%s %s", name_of(sender), why->text);
    handover_one(&sender->handover, seq, LETTER_UNSENDABLE, "", why->text);
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
    struct share *share = sender->options.context->share;
    if (call == CALL_THROTTLED && is_counted(sender) && share != NULL) {
        share_throttled(share, mono_us(sender));
    }
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
                              const struct exchange_result *result) {
    const struct answer *answer = &result->answer;
    uint64_t sent = sender->forwarder.counts.sent;
    struct handover_batch batch;
    handover_note(result->batch, &batch);
    sender->forwarder.sending_us = result->sending_us;
    forwarder_answer(&sender->forwarder, result->batch, mono_us(sender),
                     answer->call, answer->outcomes);
    if (sender->forwarder.counts.sent > sent) {
        sender->report.status.confirmed_us = wall_us(sender);
    }
    if (sender->forwarder.letters) {
        handover_answer(&sender->handover, &batch, sender->sink, result);
    }
}

void sender_settle(struct sender *sender, uint64_t seq, enum settle how) {
    forwarder_settle(&sender->forwarder, seq, how, mono_us(sender));
    if (!sender->handover.handing) {
        turn(sender);
    }
}

/* Who is asked for another try time and again is being refused: a Date that
 * jumps with each answer would make a request of each. */
static void bound_again(struct sender *sender, struct answer *answer) {
    if (answer->call != CALL_AGAIN) {
        sender->again = 0;
    } else if (++sender->again > AGAIN_MAX) {
        answer->call = CALL_REFUSED;
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
    bound_again(sender, &result->answer);
    note_time(sender, &result->answer);
    if (result->batch != NULL) {
        take_batch_answer(sender, result);
    } else {
        sender->probing = false;
        take_probe_answer(sender, &result->answer);
    }
    say_answer(sender, &result->answer, entries);
    turn(sender);
}

/* --- requests ----------------------------------------------------------- */

static bool may_send(const struct sender *sender) {
    return sender->lines.open && !sender->paused && !sender->spared &&
           !sender->probing && sender->lines.busy < sender->lines.now;
}

static void take_build_error(struct sender *sender,
                             const struct forwarder_batch *batch, err_t err) {
    struct exchange_result result = {.answer = {.call = CALL_FAILED},
                                     .batch = batch};
    snprintf(result.answer.text, sizeof result.answer.text,
             "cannot build a request: %s", err_name(err));
    take_result(sender, &result);
}

static void send_probe(struct sender *sender, int64_t offset_us) {
    sender->probing = true;
    err_t err = lines_ask(&sender->lines, offset_us);
    sender->report.status.requests += err == ERR_OK ? 1 : 0;
    if (err != ERR_OK) {
        take_build_error(sender, NULL, err);
    }
}

/* Beside others in flight one that is not full waits a little for more. */
static int64_t batch_due_us(struct sender *sender) {
    int64_t now_us = mono_us(sender);
    int64_t due_us = forwarder_due_us(&sender->forwarder, now_us);
    struct share *share = sender->options.context->share;
    if (due_us == INT64_MAX) {
        return INT64_MAX;
    }
    if (sender->lines.busy > 0 &&
        !forwarder_fills(&sender->forwarder, now_us)) {
        int64_t spread_us =
            sender->lines.sent_us + lines_spread_us(&sender->lines);
        due_us = later(due_us, spread_us);
    }
    if (share != NULL && due_us <= now_us) {
        due_us = later(due_us, share_due_us(share, sender->place,
                                            is_counted(sender), now_us));
    }
    return due_us;
}

static void tell_share(const struct sender *sender, uint64_t bytes) {
    struct share *share = sender->options.context->share;
    if (share != NULL) {
        share_sent(share, sender->place, bytes, is_counted(sender));
    }
}

/* False: there is nothing to send now. */
static bool send_batch(struct sender *sender, int64_t offset_us) {
    const struct forwarder_batch *batch;
    int64_t now_us = mono_us(sender);
    if (batch_due_us(sender) > now_us) {
        return false;
    }
    err_t err = forwarder_take(&sender->forwarder, now_us, &batch);
    if (err == ERR_MEMORY) { /* later; the loop must not turn until then */
        forwarder_hold(&sender->forwarder, now_us, CALL_FAILED);
    }
    if (err != ERR_OK) {
        return false;
    }
    tell_share(sender, batch->bytes);
    err = lines_send(&sender->lines, batch, offset_us);
    sender->report.status.requests += err == ERR_OK ? 1 : 0;
    if (err != ERR_OK) {
        take_build_error(sender, batch, err);
    }
    return err == ERR_OK;
}

/* Not more at a time than there are lines: others want their turn. */
void sender_send(struct sender *sender, int64_t offset_us) {
    uint32_t count = 0;
    while (count++ < sender->lines.most && may_send(sender) &&
           !sender->probe_wanted) {
        if (!send_batch(sender, offset_us)) {
            return;
        }
    }
    if (may_send(sender) && sender->probe_wanted &&
        sender->forwarder.hold_until_us <= mono_us(sender)) {
        send_probe(sender, offset_us);
    }
}

bool sender_is_busy(const struct sender *sender) {
    return sender->lines.busy > 0;
}

/* Whoever has nothing to send when its time comes finds out nothing. */
const struct endpoint *sender_probes(const struct sender *sender) {
    if (!sender->unreached || sender->paused || !sender->lines.open) {
        return NULL;
    }
    int64_t hold_us = sender->forwarder.hold_until_us;
    int64_t now_us = mono_us(sender);
    int64_t due_us = forwarder_due_us(&sender->forwarder, now_us);
    bool sends = sender->lines.busy > 0 || sender->probe_wanted ||
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

/* --- turns -------------------------------------------------------------- */

static void give_back(struct sender *sender) {
    lines_close_unused(&sender->lines);
    if (!sender_is_busy(sender) && sender->forwarder.window.count == 0) {
        lines_rest(&sender->lines);
        filler_rest(&sender->filler);
    }
}

/* Says how it does on the line that all streams share. */
static void press(struct sender *sender) {
    struct share *share = sender->options.context->share;
    int64_t now_us = mono_us(sender);
    if (share == NULL) {
        return;
    }
    bool has_work = forwarder_ready(&sender->forwarder, now_us);
    share_press(share, sender->place, has_work,
                has_work && lines_are_stalled(&sender->lines), now_us);
    sender->forwarder.bytes_now_max =
        sender_yields(sender) ? SHARE_REQUEST_MAX : UINT64_MAX;
}

bool sender_yields(const struct sender *sender) {
    const struct share *share = sender->options.context->share;
    return share != NULL && sender->lines.open &&
           share_yields(share, sender->place, mono_us(sender));
}

void sender_work(struct sender *sender) {
    sender->report.status.end = atomic_load_explicit(
        &sender->options.position->end, memory_order_acquire);
    if (!sender->lines.open) {
        return;
    }
    forwarder_learn_trip(&sender->forwarder, sender->lines.trip_us);
    filler_work(&sender->filler);
    press(sender);
    cursor_saver_work(&sender->saver, sender->forwarder.window.base,
                      mono_us(sender));
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

int64_t sender_due_us(struct sender *sender, bool may_send_now) {
    if (!sender->lines.open) {
        return INT64_MAX;
    }
    int64_t due_us = sooner(
        cursor_saver_due_us(&sender->saver, sender->forwarder.window.base),
        filler_due_us(&sender->filler));
    due_us = sooner(due_us, report_due_us(&sender->report));
    due_us = sooner(due_us, lines_due_us(&sender->lines));
    if (!may_send_now || !may_send(sender)) {
        return due_us;
    }
    if (sender->probe_wanted) {
        return sooner(due_us, sender->forwarder.hold_until_us);
    }
    return sooner(due_us, batch_due_us(sender));
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
        .apart = options->cursor_apart,
        .owner = {options->journal_id, name_of(sender)},
        .begins_whole = atomic_load(&options->position->start) == 0,
        .end = sender->report.status.end,
    };
    return cursor_start(&sender->cursor, &start, reason);
}

static err_t open_filler(struct sender *sender) {
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
    sender->filler = (struct filler){
        .sink = sender->sink,
        .target = &sender->target,
        .clock = &options->context->platform->clock,
        .forwarder = &sender->forwarder,
        .report = &sender->report,
        .dir = options->dir,
        .letters = options->letters,
        .letter_count = options->letter_count,
        .unsendable = on_unsendable,
        .context = sender,
    };
    return feed_new(&feed, sender->cursor.saved, &sender->filler.feed);
}

static err_t open_lines(struct sender *sender, struct reason *reason) {
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
    uint32_t most = context->config->cloud.connections;
    return lines_open(&sender->lines, &exchange, most > 0 ? most : 1);
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
    sender->forwarder.letters = sender->options.letter != NULL;
    sender->handover = (struct handover){
        .letter = sender->options.letter,
        .self = sender->options.self,
        .stream = name_of(sender),
        .forwarder = &sender->forwarder,
    };
    TRY(open_filler(sender));
    TRY(open_lines(sender, reason));
    sender->probe_wanted = sender->sink->probe_call != NULL;
    return ERR_OK;
}

err_t sender_new(const struct sender_options *options, struct sender **ret,
                 struct reason *reason) {
    struct sender *sender = calloc(1, sizeof *sender);
    ENSURE(sender != NULL, ERR_MEMORY);
    sender->options = *options;
    sender->sink = sink_of(options->stream);
    if (options->context->share != NULL) {
        sender->place =
            share_add(options->context->share, options->stream->priority);
    }
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
    lines_close(&sender->lines);
}

void sender_finish(struct sender *sender) {
    assert(!sender->lines.open);
    if (sender->sink == NULL) {
        return;
    }
    struct reason why = {""};
    if (cursor_saver_finish(&sender->saver, sender->forwarder.window.base,
                            &why) != ERR_OK) {
        say_unsaved(sender, &why);
    }
}

void sender_free(struct sender *sender) {
    if (sender == NULL) {
        return;
    }
    assert(!sender->lines.open);
    filler_free(&sender->filler);
    cursor_file_close(&sender->cursor);
    forwarder_free(&sender->forwarder);
    free(sender);
}
