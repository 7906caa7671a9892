/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/lines.h"

#include <assert.h>

static int64_t mono_us(const struct lines *lines) {
    const struct clock *clock = lines->exchange.clock;
    return clock->mono_us(clock->self);
}

void lines_close(struct lines *lines) {
    lines->open = false;
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        exchange_free(lines->each[i].exchange);
        lines->each[i].exchange = NULL;
    }
    lines->busy = 0;
}

static void count_lines(struct lines *lines,
                        const struct exchange_result *result) {
    enum forwarder_call call = result->answer.call;
    if (call == CALL_OFFLINE || call == CALL_UNREACHED || call == CALL_FAILED) {
        lines->now = 1;
    } else if (result->sending_us > LINES_LATE_US) {
        lines->now = (lines->now + 1) / 2;
    } else if (result->sending_us < LINES_SOON_US && lines->now < lines->most) {
        lines->now++;
    }
}

/* Only a service's answer says how long one takes. */
static void on_done(void *context, struct exchange_result *result) {
    struct line *line = context;
    struct lines *lines = line->lines;
    int64_t took_us = mono_us(lines) - line->sent_us;
    assert(lines->busy > 0);
    lines->busy--;
    if (result->answer.call == CALL_ANSWERED) {
        lines->trip_us =
            lines->trip_us == 0 ? took_us : (lines->trip_us * 7 + took_us) / 8;
    }
    count_lines(lines, result);
    lines->exchange.done(lines->exchange.context, result);
}

static err_t open_line(struct lines *lines, struct line *line) {
    struct exchange_options options = lines->exchange;
    options.done = on_done;
    options.context = line;
    return exchange_new(&options, &line->exchange);
}

err_t lines_open(struct lines *lines, const struct exchange_options *options,
                 uint32_t most) {
    assert(most > 0 && most <= LINES_MAX);
    *lines = (struct lines){.exchange = *options, .most = most, .now = 1};
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        lines->each[i].lines = lines;
    }
    TRY(open_line(lines, &lines->each[0]));
    lines->open = true;
    return ERR_OK;
}

/* The first that is free: what is not needed becomes idle and is closed. */
static err_t find(struct lines *lines, struct line **ret) {
    for (uint32_t i = 0; i < lines->most; i++) {
        struct line *line = &lines->each[i];
        if (line->exchange != NULL && exchange_is_busy(line->exchange)) {
            continue;
        }
        if (line->exchange == NULL) {
            TRY(open_line(lines, line));
        }
        *ret = line;
        return ERR_OK;
    }
    return ERR_AGAIN;
}

/* It may be answered from within the call that sends. */
static err_t begin(struct lines *lines, struct line **ret) {
    assert(lines->open);
    TRY(find(lines, ret));
    (*ret)->sent_us = mono_us(lines);
    lines->sent_us = (*ret)->sent_us;
    lines->busy++;
    return ERR_OK;
}

static err_t end(struct lines *lines, err_t err) {
    lines->busy -= err != ERR_OK ? 1 : 0;
    return err;
}

err_t lines_send(struct lines *lines, const struct forwarder_batch *batch,
                 int64_t offset_us) {
    struct line *line;
    TRY(begin(lines, &line));
    return end(lines, exchange_send(line->exchange, batch, offset_us));
}

err_t lines_ask(struct lines *lines, int64_t offset_us) {
    struct line *line;
    TRY(begin(lines, &line));
    return end(lines, exchange_ask(line->exchange, offset_us));
}

bool lines_are_stalled(const struct lines *lines) {
    for (uint32_t i = 0; i < lines->most; i++) {
        const struct exchange *exchange = lines->each[i].exchange;
        if (exchange != NULL && exchange_is_stalled(exchange)) {
            return true;
        }
    }
    return false;
}

int64_t lines_spread_us(const struct lines *lines) {
    int64_t spread_us = lines->trip_us / lines->most;
    return spread_us > LINES_SPREAD_US ? spread_us : LINES_SPREAD_US;
}

void lines_rest(struct lines *lines) {
    assert(lines->busy == 0);
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        if (lines->each[i].exchange != NULL) {
            exchange_rest(lines->each[i].exchange);
        }
    }
}

static bool has_extra(const struct lines *lines) {
    for (uint32_t i = 1; i < LINES_MAX; i++) {
        if (lines->each[i].exchange != NULL) {
            return true;
        }
    }
    return false;
}

int64_t lines_due_us(const struct lines *lines) {
    bool unused = lines->busy == 0 && has_extra(lines);
    return unused ? lines->sent_us + LINES_UNUSED_US : INT64_MAX;
}

void lines_close_unused(struct lines *lines) {
    if (lines_due_us(lines) > mono_us(lines)) {
        return;
    }
    for (uint32_t i = 1; i < LINES_MAX; i++) {
        exchange_free(lines->each[i].exchange);
        lines->each[i].exchange = NULL;
    }
}
