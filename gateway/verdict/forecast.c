/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/verdict/forecast.h"

#include <assert.h>

enum { US_PER_S = 1000000, DAY_S = 24 * 60 * 60 };

/* More than any box lives; a span that long is as good as never. */
#define LONGEST_S 1e10

static void rate_add(struct forecast_rate *rate, double amount, double seconds,
                     double constant_s) {
    double keep = constant_s / (constant_s + seconds); /* about e^(-s/c) */
    rate->sum = rate->sum * keep + amount;
    rate->weight = rate->weight * keep + seconds;
}

static double rate_of(const struct forecast_rate *rate) {
    return rate->weight > 0 ? rate->sum / rate->weight : 0;
}

static uint64_t whole(double value) {
    return (uint64_t)(value + 0.5);
}

static double grown(uint64_t before, uint64_t now) {
    return now > before ? (double)(now - before) : 0;
}

void forecast_add(struct forecast *forecast,
                  const struct forecast_sample *sample) {
    assert(sample->start <= sample->end);
    const struct forecast_sample last = forecast->last;
    int64_t passed_us = sample->now_us - last.now_us;
    if (forecast->begun && passed_us <= 0) {
        return;
    }
    forecast->last = *sample;
    if (!forecast->begun) {
        forecast->begun = true;
        return;
    }
    double passed_s = (double)passed_us / US_PER_S;
    forecast->watched_s += passed_s;
    rate_add(&forecast->payload, grown(last.payload, sample->payload), passed_s,
             FORECAST_IN_S);
    rate_add(&forecast->frames, grown(last.frames, sample->frames), passed_s,
             FORECAST_IN_S);
    rate_add(&forecast->written, grown(last.written, sample->written), passed_s,
             FORECAST_IN_S);
    rate_add(&forecast->sent, grown(last.sent, sample->sent), passed_s,
             FORECAST_OUT_S);
}

static double average(double amount, double count) {
    return count > 0 ? amount / count : 0;
}

static int64_t span_s(double amount, double rate) {
    double seconds = rate > 0 ? amount / rate : LONGEST_S;
    return seconds < LONGEST_S ? (int64_t)seconds : FORECAST_UNKNOWN;
}

/* How much of the journal's space is events; all of it if nothing came yet. */
static double payload_share(const struct forecast_sample *sample) {
    return sample->frames > 0 ? (double)sample->payload / (double)sample->frames
                              : 1;
}

struct forecast_view forecast_view(const struct forecast *forecast) {
    const struct forecast_sample *now = &forecast->last;
    struct forecast_view view = {.full_in_s = FORECAST_UNKNOWN,
                                 .drained_in_s = FORECAST_UNKNOWN};
    if (forecast->watched_s < FORECAST_FIRST_S) {
        return view;
    }
    double in = rate_of(&forecast->frames);
    double one = average((double)now->space, (double)(now->end - now->start));
    double out = rate_of(&forecast->sent) * one;
    uint64_t from = now->cursor > now->start ? now->cursor : now->start;
    double waiting = grown(from, now->end) * one;
    view.bytes_in_per_s = whole(rate_of(&forecast->payload));
    view.bytes_out_per_s = whole(out * payload_share(now));
    view.flash_bytes_per_day =
        whole(rate_of(&forecast->written) * (double)DAY_S);
    bool waits = waiting > in * FORECAST_LEAST_S;
    if (now->bounded && (waits || waiting >= (double)now->capacity)) {
        double room = (double)now->capacity - waiting;
        view.full_in_s = span_s(room > 0 ? room : 0, in - out);
    }
    if (waits) {
        view.drained_in_s = span_s(waiting, out - in);
    }
    return view;
}

uint64_t forecast_growth(const struct forecast_view *view) {
    return view->bytes_in_per_s > view->bytes_out_per_s
               ? view->bytes_in_per_s - view->bytes_out_per_s
               : 0;
}

uint64_t forecast_share(uint64_t room, uint64_t own, uint64_t all) {
    assert(own <= all);
    if (own == 0 || own == all) {
        return room;
    }
    return (uint64_t)((double)room * ((double)own / (double)all));
}
