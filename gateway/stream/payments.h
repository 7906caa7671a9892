/* SPDX-License-Identifier: Apache-2.0 */
/* What a shop's stream does about money by itself: it says again what waits for
 * an answer (a terminal's, or that money was given back), and ends what a
 * terminal let wait too long. */
#ifndef GATEWAY_STREAM_PAYMENTS_H
#define GATEWAY_STREAM_PAYMENTS_H

#include "gateway/stream/deadlines.h"
#include "gateway/stream/outbox.h"
#include "gateway/stream/own_event.h"
#include "gateway/stream/state.h"

struct stream; /* stream.h */

struct payments_watch {
    struct own_event *own; /* these outlive it */
    struct state *state;
    struct batch *batch;
    const struct outbox_sink *sink;
    struct shop_bus bus;
    int64_t deadline_us; /* for a terminal's answer; 0: it has no end */
    struct deadlines asked;
    uint64_t payments_from; /* where saying again carries on */
    uint64_t refunds_from;
    uint64_t durable; /* of the call under way */
};

/* At a start: what was asked for before has waited since then by the wall
 * clock, but has some of its time left, so that a terminal can still answer. */
void payments_begin(struct payments_watch *watch, int64_t wall_us,
                    int64_t mono_us);
/* Says some of what waits again, all of it in turn; not what is not durable,
 * which was said just now. */
void payments_say_again(struct payments_watch *watch, uint64_t durable_end);
/* About once a second, while the batch takes messages: journals PaymentTimedOut
 * for what is over, as far as the batch has room. `*ret_any` if there was any.
 * Errors as stream_take(). */
err_t payments_tick(struct payments_watch *watch, int64_t mono_us,
                    bool *ret_any) MUST_USE;

/* A person has seen to money that was owed: journals it. ERR_AGAIN: nothing can
 * be journaled now. Other errors as stream_take(). */
err_t stream_resolve(struct stream *stream, struct slice refund_id,
                     struct slice how, struct slice why) MUST_USE;

#endif
