/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a stream, tied together: a message goes through intake, batch,
 * state and outbox; the committer makes it durable; then the outbox releases.
 */
#include "gateway/stream/stream_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/stream/admission.h"
#include "gateway/stream/opening.h"
#include "gateway/stream/refuse.h"
#include "gateway/stream/shop_events.h"
#include "gateway/stream/stream_dead.h"

enum {
    UPKEEP_US = 10 * 1000 * 1000,
};

static uint64_t durable_end(const struct stream *stream) {
    return atomic_load_explicit(&journal_position(stream->journal)->end,
                                memory_order_acquire);
}

/* --- Taking ------------------------------------------------------------- */

/* A notice for the device that an event of the shop's concerns. */
static err_t shop_publish(void *self, const struct event *event,
                          struct slice device, struct shop_stamp *ret_stamp) {
    struct stream *stream = self;
    TRY(batch_append(stream->batch, event, ret_stamp));
    if (device.len == 0) {
        return ERR_OK;
    }
    struct slice json;
    TRY(batch_render(stream->batch, event, *ret_stamp, &json));
    return outbox_notice(stream->outbox, ret_stamp->seq + 1, device, json);
}

/* An answer given before, once more. */
static void shop_tell(void *self, const struct event *event,
                      struct shop_stamp stamp, struct slice device) {
    struct stream *stream = self;
    struct slice json;
    err_t err = batch_render(stream->batch, event, stamp, &json);
    if (err == ERR_OK) {
        err = outbox_notice(stream->outbox, stamp.seq + 1, device, json);
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "stream", "notice_dropped reason=%s", err_name(err));
    }
}

static err_t take_rejected(struct stream *stream,
                           const struct stream_message *message,
                           const struct intake_result *result,
                           struct stream_answer *ret) {
    stream->counts.rejected++;
    stream->counts.too_old += result->too_old ? 1 : 0;
    if (admission_device(message->device, NULL) == ERR_OK) {
        TRY(own_event_rejected(&stream->own, message->device, result->event.id,
                               result->why.text));
    }
    *ret = (struct stream_answer){.needs_end = batch_end(stream->batch)};
    return outbox_reject(stream->outbox, ret->needs_end, message->device,
                         event_encoding_guess(message->payload),
                         result->event.id, result->why.text);
}

static err_t take_duplicate(struct stream *stream,
                            const struct stream_message *message,
                            const struct intake_result *result,
                            struct stream_answer *ret) {
    stream->counts.duplicates++;
    *ret = (struct stream_answer){.duplicate = true,
                                  .needs_end = result->first_seq + 1};
    return outbox_accept(stream->outbox, ret->needs_end, message->device,
                         event_encoding_guess(message->payload),
                         result->event.id, result->first_seq);
}

static err_t take_new(struct stream *stream,
                      const struct stream_message *message,
                      const struct intake_result *result,
                      struct stream_answer *ret) {
    const struct shop_bus *bus = &stream->payments.bus;
    struct shop_stamp stamp;
    TRY(shop_events_config(&stream->own, stream->state, bus));
    TRY(batch_append(stream->batch, &result->event, &stamp));
    TRY(outbox_accept(stream->outbox, stamp.seq + 1, message->device,
                      event_encoding_guess(message->payload), result->event.id,
                      stamp.seq));
    TRY(state_run(stream->state, &result->event, message->device,
                  result->content_hash, stamp, bus));
    stream->counts.accepted++;
    *ret = (struct stream_answer){.needs_end = batch_end(stream->batch)};
    assert(ret->needs_end > stamp.seq);
    return ERR_OK;
}

static int64_t mono_us(const struct stream *stream) {
    const struct clock *clock = &stream->options.platform->clock;
    return clock->mono_us(clock->self);
}

err_t stream_take(struct stream *stream, const struct stream_message *message,
                  struct stream_answer *ret) {
    assert(!stream_is_full(stream));
    if (!committer_has_taken(stream->committer)) {
        stream->taken_us = mono_us(stream);
    }
    committer_taken(stream->committer);
    stream->counts.received++;
    struct intake_result result;
    TRY(intake_judge(stream->intake, state_dedupe(stream->state), message,
                     &result));
    if (stream->options.heard != NULL) {
        stream->options.heard(stream->options.self, message->device,
                              result.verdict == INTAKE_REJECTED);
    }
    switch (result.verdict) {
    case INTAKE_REJECTED:
        return take_rejected(stream, message, &result, ret);
    case INTAKE_DUPLICATE:
        return take_duplicate(stream, message, &result, ret);
    case INTAKE_NEW:
        break;
    }
    return take_new(stream, message, &result, ret);
}

err_t stream_refuse(struct stream *stream,
                    const struct stream_refusal *refusal) {
    ENSURE(admission_device(refusal->device, NULL) == ERR_OK, ERR_REFUSED);
    if (committer_has_ended(stream->committer) ||
        committer_full_reason(stream->committer) != NULL ||
        batch_takes_own(stream->batch) == 0 ||
        stream->refusals >= STREAM_REFUSALS_MAX) {
        return ERR_AGAIN;
    }
    stream->refusals++;
    stream->counts.received++;
    stream->counts.rejected++;
    TRY(own_event_rejected(&stream->own, refusal->device, refusal->id,
                           refusal->why));
    TRY(outbox_reject(stream->outbox, batch_end(stream->batch), refusal->device,
                      refusal->encoding, refusal->id, refusal->why));
    return committer_say(stream->committer);
}

err_t stream_say_dead(struct stream *stream, const struct stream_dead *dead,
                      uint64_t *ret_needs_end) {
    if (committer_has_ended(stream->committer) ||
        committer_full_reason(stream->committer) != NULL ||
        batch_takes_own(stream->batch) == 0) {
        return ERR_AGAIN;
    }
    TRY(stream_dead_append(&stream->own, dead));
    *ret_needs_end = batch_end(stream->batch);
    return committer_say(stream->committer);
}

bool stream_is_full(const struct stream *stream) {
    return committer_full_reason(stream->committer) != NULL ||
           !batch_takes_message(stream->batch);
}

uint64_t stream_wait_ms(const struct stream *stream) {
    uint64_t delay_ms = stream->commit_delay_ms;
    if (!committer_has_taken(stream->committer) || stream_is_full(stream)) {
        return 0;
    }
    int64_t waited_us = mono_us(stream) - stream->taken_us;
    uint64_t waited_ms = waited_us > 0 ? (uint64_t)waited_us / 1000 : 0;
    /* A commit writes whole pages. One that is nearly full need not wait for
     * an event more, which would leave the next page nearly empty. */
    if (waited_ms >= delay_ms / 2 && batch_fills_page(stream->batch)) {
        return 0;
    }
    return waited_ms < delay_ms ? delay_ms - waited_ms : 0;
}

/* --- Committing -------------------------------------------------------------
 */

static void on_boundary(void *self) {
    struct stream *stream = self;
    snapshots_at_boundary(stream->snapshots, stream->state,
                          batch_end(stream->batch),
                          batch_bytes_ever(stream->batch));
}

static err_t on_release(void *self) {
    struct stream *stream = self;
    uint64_t end = durable_end(stream);
    if (end > stream->durable_told) {
        stream->durable_told = end;
        stream->options.durable(stream->options.self);
    }
    TRY(outbox_release(stream->outbox, end, &stream->options.sink));
    stream->refusals = 0; /* what still waits has the next batch */
    if (!committer_has_ended(stream->committer)) {
        snapshots_durable(stream->snapshots);
    }
    return ERR_OK;
}

void stream_commit(struct stream *stream,
                   void (*done)(void *self, err_t err,
                                const struct reason *reason),
                   void *self) {
    committer_commit(stream->committer, done, self);
}

/* --- Payments that wait -----------------------------------------------------
 */

void stream_repeat_payments(struct stream *stream) {
    if (state_shop(stream->state) != NULL) {
        payments_say_again(&stream->payments, durable_end(stream));
    }
}

/* Its own thing to say, which no door waits for; nothing while nothing can be
 * said. */
static bool can_say(const struct stream *stream) {
    return state_shop(stream->state) != NULL &&
           shop_is_current(state_shop(stream->state)) &&
           !committer_has_ended(stream->committer) && !stream_is_full(stream);
}

static void end_payments(struct stream *stream) {
    bool any = false;
    if (!can_say(stream)) {
        return;
    }
    err_t err = payments_tick(&stream->payments, mono_us(stream), &any);
    if (err == ERR_OK && any) {
        err = committer_say(stream->committer);
    }
    if (err != ERR_OK) {
        struct reason reason = {""};
        (void)reason_set(&reason, err, "cannot end a payment: %s",
                         err_name(err));
        stream->options.failed(stream->options.self, &reason);
    }
}

err_t stream_resolve(struct stream *stream, struct slice refund_id,
                     struct slice how, struct slice why) {
    ENSURE(can_say(stream), ERR_AGAIN);
    TRY(shop_events_resolved(&stream->own, stream->state, refund_id, how, why,
                             &stream->payments.bus));
    return committer_say(stream->committer);
}

/* --- Upkeep ------------------------------------------------------------- */

/* The state of a stream in which nothing happens is copied here: it has no
 * boundary. */
static void snapshot_if_wanted(struct stream *stream) {
    if (committer_wants_snapshot(stream->committer) &&
        committer_is_settled(stream->committer)) {
        snapshots_wanted(stream->snapshots, stream->state,
                         batch_end(stream->batch));
        snapshots_durable(stream->snapshots);
    }
}

static void upkeep(struct stream *stream) {
    int64_t now_us = mono_us(stream);
    if (now_us - stream->upkeep_us >= UPKEEP_US) {
        stream->upkeep_us = now_us;
        snapshot_if_wanted(stream); /* first: while no job runs */
        committer_upkeep(stream->committer);
    }
}

void stream_tick(struct stream *stream, uint64_t delivered) {
    retention_set_delivered(stream->retention, delivered);
    if (!committer_has_ended(stream->committer)) {
        committer_retry(stream->committer);
        end_payments(stream);
        upkeep(stream);
        scrub_tick(stream->scrub);
    }
}

void stream_note_damage(struct stream *stream, const struct journal_gap *gaps,
                        uint32_t count) {
    committer_note_damage(stream->committer, gaps, count);
}

static bool on_found(void *self, const struct journal_gap *gap) {
    struct stream *stream = self;
    if (committer_is_lost(stream->committer, gap->first, gap->end)) {
        return true;
    }
    committer_note_damage(stream->committer, gap, 1);
    return false;
}

void stream_reconfigure(struct stream *stream,
                        const struct config_stream *changed) {
    stream->commit_delay_ms = changed->commit_delay_ms;
    retention_set_kept(stream->retention, changed->keep, changed->keep_for_ms);
}

void stream_give_up(struct stream *stream) {
    committer_give_up(stream->committer);
}

/* --- Opening and closing ----------------------------------------------------
 */

static void on_failed(void *self, const struct reason *reason) {
    struct stream *stream = self;
    stream->options.failed(stream->options.self, reason);
}

static void on_covered(void *self, uint64_t seq) {
    struct stream *stream = self;
    retention_set_covered(stream->retention, seq);
}

static err_t make_committer(struct stream *stream) {
    const struct stream_options *options = &stream->options;
    const struct retention_options retention = {
        .platform = options->platform,
        .stream = options->stream,
        .dir = stream->dir,
        .broker_dir = stream->broker_dir,
        .journal = stream->journal,
        .ledger = stream->ledger,
    };
    uint32_t event_bytes_max = options->config->event_bytes_max;
    TRY(batch_new(stream->journal, event_bytes_max, &stream->batch));
    TRY(retention_new(&retention, &stream->retention));
    retention_set_delivered(stream->retention, options->known_end);
    stream->own = (struct own_event){
        .store = options->config->store,
        .stream = options->stream->name,
        .life = journal_life(stream->journal),
        .batch = stream->batch,
    };
    const struct committer_options committer = {
        .stream = options->stream->name,
        .clock = &options->platform->clock,
        .journal = stream->journal,
        .batch = stream->batch,
        .own = &stream->own,
        .retention = stream->retention,
        .room_bytes = batch_message_bytes_max(event_bytes_max),
        .executor = options->commit,
        .self = stream,
        .boundary = on_boundary,
        .release = on_release,
        .failed = on_failed,
    };
    return committer_new(&committer, &stream->committer);
}

/* What reads and writes beside the journal, on the shared executor. */
static err_t make_shared_jobs(struct stream *stream,
                              const struct opened *opened) {
    const struct stream_options *options = &stream->options;
    const struct snapshots_options snapshots = {
        .disk = &options->platform->disk,
        .clock = &options->platform->clock,
        .stream = options->stream->name,
        .dir = stream->dir,
        .journal = stream->journal,
        .executor = options->shared,
        .last_bytes = opened->snapshot_bytes,
        .replayed_bytes = opened->replayed_bytes,
        .self = stream,
        .covered = on_covered,
    };
    const struct scrub_options scrub = {
        .disk = &options->platform->disk,
        .clock = &options->platform->clock,
        .stream = options->stream->name,
        .dir = stream->dir,
        .position = journal_position(stream->journal),
        .executor = options->shared,
        .end = opened->unread_end,
        .self = stream,
        .found = on_found,
    };
    TRY(snapshots_new(&snapshots, &stream->snapshots));
    return scrub_new(&scrub, &stream->scrub);
}

static err_t make_parts(struct stream *stream, const struct opened *opened) {
    const struct stream_options *options = &stream->options;
    const struct intake_options intake = {
        .store = options->config->store,
        .event_bytes_max = options->config->event_bytes_max,
        .has_shop = options->stream->shop,
        .shop = state_shop(stream->state),
        .stream = options->stream,
        .clock = &options->platform->clock,
    };
    TRY(intake_new(&intake, &stream->intake));
    TRY(outbox_new(journal_id(stream->journal), journal_life(stream->journal),
                   &stream->outbox));
    TRY(make_committer(stream));
    retention_set_covered(stream->retention, opened->covered);
    return make_shared_jobs(stream, opened);
}

static err_t open_ledger(struct stream *stream, struct reason *reason) {
    const struct stream_options *options = &stream->options;
    const struct drop_ledger_options ledger = {
        .disk = &options->platform->disk,
        .dir = stream->dir,
        .journal = stream->journal,
        .delivered = options->known_end,
        .drops = options->stream->when_full == CONFIG_FULL_DROP_OLDEST,
    };
    return drop_ledger_open(&ledger, &stream->ledger, reason);
}

/* A journal of other rules changes to the present ones before anything else
 * happens; if it is full, when there is room again. A new one says them with
 * its first event. */
static err_t begin_shop(struct stream *stream) {
    const struct clock *clock = &stream->options.platform->clock;
    stream->payments = (struct payments_watch){
        .own = &stream->own,
        .state = stream->state,
        .batch = stream->batch,
        .sink = &stream->options.sink,
        .bus = {stream, shop_publish, shop_tell},
        .deadline_us =
            (int64_t)stream->options.config->payment_deadline_ms * 1000,
    };
    if (state_shop(stream->state) != NULL) {
        payments_begin(&stream->payments, clock->wall_us(clock->self),
                       clock->mono_us(clock->self));
    }
    if (stream->options.keep_rules || batch_end(stream->batch) == 0 ||
        !batch_has_room(stream->batch)) {
        return ERR_OK;
    }
    return shop_events_config(&stream->own, stream->state,
                              &stream->payments.bus);
}

static err_t open_steps(struct stream *stream, struct reason *reason) {
    const struct stream_options *options = &stream->options;
    const struct opening_options opening = {
        .platform = options->platform,
        .config = options->config,
        .stream = options->stream,
        .dir = stream->dir,
        .known_end = options->known_end,
        .cursor_known = options->cursor_known,
    };
    struct opened opened;
    TRY(opening_run(&opening, &opened, reason));
    stream->journal = opened.journal;
    stream->state = opened.state;
    TRY(open_ledger(stream, reason));
    err_t err = make_parts(stream, &opened);
    if (err != ERR_OK) {
        return reason_set(reason, err, "no memory for the stream %s",
                          options->stream->name);
    }
    stream->durable_told = durable_end(stream);
    TRY(begin_shop(stream));
    return committer_begin(stream->committer, reason);
}

err_t stream_open(const struct stream_options *options, struct stream **ret,
                  struct reason *reason) {
    assert(options->commit.submit != NULL && options->shared.submit != NULL);
    assert(options->durable != NULL && options->failed != NULL);
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for the stream %s",
                          options->stream->name);
    }
    stream->options = *options;
    stream->commit_delay_ms = options->stream->commit_delay_ms;
    snprintf(stream->dir, sizeof stream->dir, "%s/%s", options->config->data,
             options->stream->name);
    snprintf(stream->broker_dir, sizeof stream->broker_dir, "%s/broker",
             options->config->data);
    err_t err = open_steps(stream, reason);
    if (err != ERR_OK) {
        stream_close(stream);
        return err;
    }
    *ret = stream;
    return ERR_OK;
}

void stream_close(struct stream *stream) {
    if (stream == NULL) {
        return;
    }
    if (stream->scrub != NULL) {
        assert(stream_is_idle(stream));
        log_line(LOG_INFO, "stream",
                 "closed name=%s events=%llu hash=%016llx ids=%016llx",
                 stream->options.stream->name,
                 (unsigned long long)durable_end(stream),
                 (unsigned long long)state_hash(stream->state),
                 (unsigned long long)state_ids_hash(stream->state));
    }
    scrub_free(stream->scrub);
    snapshots_free(stream->snapshots);
    committer_free(stream->committer);
    retention_free(stream->retention);
    drop_ledger_close(stream->ledger);
    outbox_free(stream->outbox);
    batch_free(stream->batch);
    intake_free(stream->intake);
    state_free(stream->state);
    journal_close(stream->journal);
    free(stream);
}
