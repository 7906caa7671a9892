/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_retry.h"

#include <assert.h>
#include <stdlib.h>

#include "bridge/exchange.h"
#include "bridge/explain.h"
#include "bridge/retry.h"

struct dead_retry {
    struct dead_retry_options options;
    const struct sink *sink;
    struct sink_target target; /* its journal's id is the batch's */
    struct endpoint where;
    struct exchange *exchange;
    struct sink_buffer scratch;
    struct dead_page page;
    bool done[DEAD_PAGE_LETTERS];
    uint32_t left; /* not done */
    struct forwarder_batch batch;
    struct forwarder_entry entries[FORWARDER_BATCH_MAX]; /* the batch's */
    struct forwarder_run
        runs[FORWARDER_BATCH_MAX]; /* where others are packed */
    struct pack pack;
    uint32_t places[FORWARDER_BATCH_MAX]; /* of the page, by entry */
    uint32_t most; /* entries in a request: halved when one is refused */
    uint32_t attempt;
    int64_t hold_until_us;
    uint64_t keys[DEAD_PAGE_LETTERS]; /* in the batch that is made */
};

/* --- the page --------------------------------------------------------------
 */

void dead_page_free(struct dead_page *page) {
    free(page->bytes);
    *page = (struct dead_page){.bytes = NULL};
}

static err_t page_reserve(struct dead_page *page, size_t len) {
    if (page->len + len <= page->cap) {
        return ERR_OK;
    }
    size_t cap = (page->len + len) * 2;
    uint8_t *bytes = realloc(page->bytes, cap);
    ENSURE(bytes != NULL, ERR_MEMORY);
    page->bytes = bytes;
    page->cap = cap;
    return ERR_OK;
}

err_t dead_page_add(struct dead_page *page, uint64_t id, uint32_t tries,
                    const struct dead_record *record, bool *ret) {
    size_t len = record->event.len;
    *ret = page->count < DEAD_PAGE_LETTERS &&
           (page->count == 0 || page->len + len <= DEAD_PAGE_BYTES);
    if (!*ret) {
        return ERR_OK;
    }
    TRY(page_reserve(page, len));
    page->letters[page->count++] = (struct dead_page_letter){
        .id = id,
        .seq = record->seq,
        .wall_us = record->wall_us,
        .life = record->life,
        .journal_id = record->journal_id,
        .tries = tries,
        .offset = page->len,
        .len = len,
    };
    if (len > 0) {
        memcpy(page->bytes + page->len, record->event.data, len);
    }
    page->len += len;
    return ERR_OK;
}

/* --- results ---------------------------------------------------------------
 */

static int64_t mono_us(const struct dead_retry *retry) {
    const struct clock *clock = &retry->options.context->platform->clock;
    return clock->mono_us(clock->self);
}

static void settle(struct dead_retry *retry, uint32_t place, const char *code,
                   const char *words) {
    const struct dead_page_letter *letter = &retry->page.letters[place];
    assert(!retry->done[place] && retry->left > 0);
    retry->done[place] = true;
    retry->left--;
    retry->options.result(retry->options.self, letter->id, letter->tries, code,
                          words);
    if (retry->left == 0) {
        dead_page_free(&retry->page);
        sink_buffer_free(&retry->scratch);
    }
}

static void hold(struct dead_retry *retry, struct retry_pace pace) {
    const struct entropy *entropy = &retry->options.context->platform->entropy;
    retry->hold_until_us =
        mono_us(retry) + retry_delay_us(entropy, pace, retry->attempt);
    retry->attempt += retry->attempt < 16 ? 1 : 0;
}

static void take_refusal(void *context, uint32_t i, const char *code,
                         const char *words) {
    struct dead_retry *retry = context;
    settle(retry, retry->places[i], code, words);
}

static void take_entries(struct dead_retry *retry,
                         const struct exchange_result *result) {
    uint32_t later = 0;
    uint32_t count = retry->batch.count;
    answer_each_refusal(&retry->sink->shape, &result->raw, &result->answer,
                        count, take_refusal, retry);
    for (uint32_t i = 0; i < count; i++) {
        switch (result->answer.outcomes[i]) {
        case ENTRY_CONFIRMED:
            settle(retry, retry->places[i], NULL, "");
            break;
        case ENTRY_FAILED:
        case ENTRY_THROTTLED:
            later++;
            break;
        case ENTRY_REFUSED:
            break;
        }
    }
    if (later > 0) {
        hold(retry, RETRY_THROTTLED);
        return;
    }
    retry->attempt = 0;
    retry->most = retry->sink->limits.entries_max;
}

static void take_call(struct dead_retry *retry, const struct answer *answer) {
    const struct entropy *entropy = &retry->options.context->platform->entropy;
    switch (answer->call) {
    case CALL_TOO_LARGE:
    case CALL_INVALID:
        if (retry->batch.count == 1) {
            settle(retry, retry->places[0], answer->code, answer->text);
        }
        retry->most = retry->batch.count > 1 ? retry->batch.count / 2
                                             : retry->sink->limits.entries_max;
        return;
    case CALL_THROTTLED:
        hold(retry, RETRY_THROTTLED);
        return;
    case CALL_REFUSED:
        retry->hold_until_us = mono_us(retry) + retry_slow_us(entropy);
        return;
    case CALL_AGAIN:
    case CALL_FAILED:
    case CALL_OFFLINE:
    case CALL_UNREACHED:
        hold(retry, RETRY_FAILED);
        return;
    case CALL_ANSWERED:
        break;
    }
}

static void empty_batch(struct dead_retry *retry) {
    retry->batch.count = 0;
    retry->batch.run_count = 0;
}

/* Beside an idle stream nobody else may hear of it. */
static void tell(const struct dead_retry *retry,
                 const struct exchange_result *result) {
    const struct sender_context *context = retry->options.context;
    if (result->has_offset && context->clock_learned != NULL) {
        context->clock_learned(context->self, result->offset_us);
    }
    if (result->answer.call == CALL_REFUSED &&
        context->credentials_refused != NULL) {
        context->credentials_refused(context->self, result);
    }
}

static void take_result(void *context, struct exchange_result *result) {
    struct dead_retry *retry = context;
    tell(retry, result);
    explain_result(retry->sink, &retry->target, result);
    for (uint32_t i = 0; i < retry->batch.count; i++) {
        retry->page.letters[retry->places[i]].tries++;
    }
    if (result->answer.call == CALL_ANSWERED) {
        take_entries(retry, result);
    } else {
        take_call(retry, &result->answer);
    }
    empty_batch(retry);
    retry->options.turn(retry->options.self);
}

/* --- requests --------------------------------------------------------------
 */

static bool key_is_new(struct dead_retry *retry, uint64_t key, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (retry->keys[i] == key) {
            return false;
        }
    }
    retry->keys[count] = key;
    return true;
}

static bool is_of_batch(const struct dead_retry *retry,
                        const struct dead_page_letter *letter) {
    return retry->batch.count == 0 ||
           memcmp(&letter->journal_id, &retry->target.journal_id,
                  sizeof letter->journal_id) == 0;
}

/* What it is as the sink has it; one that it cannot take is done. */
static bool measure(struct dead_retry *retry, uint32_t place,
                    struct forwarder_record *ret) {
    const struct dead_page_letter *letter = &retry->page.letters[place];
    struct reason reason = {""};
    *ret = (struct forwarder_record){
        .seq = letter->seq,
        .wall_us = letter->wall_us,
        .life = letter->life,
        .bytes = slice_of(retry->page.bytes + letter->offset, letter->len),
    };
    if (sink_measure(retry->sink, &retry->target, &retry->scratch, ret,
                     &reason) != ERR_OK) {
        hold(retry, RETRY_FAILED); /* no memory */
        return false;
    }
    if (!ret->sendable) {
        settle(retry, place, "", reason.text);
    }
    return ret->sendable;
}

static void add(struct dead_retry *retry, uint32_t place,
                const struct forwarder_record *record) {
    struct forwarder_batch *batch = &retry->batch;
    uint32_t lanes = lanes_wanted(retry->options.context->config->cloud.lanes);
    assert(batch->count < FORWARDER_BATCH_MAX);
    if (batch->runs != NULL) { /* alone, to where its lane goes */
        batch->runs[batch->run_count++] = (struct forwarder_run){
            batch->count, 1, lane_of(record->key, lanes), 1};
    }
    retry->places[batch->count] = place;
    batch->entries[batch->count++] = (struct forwarder_entry){
        .seq = record->seq,
        .wall_us = record->wall_us,
        .life = record->life,
        .bytes = record->bytes,
    };
}

/* The first of each key, in order. */
static void make_batch(struct dead_retry *retry) {
    assert(!exchange_is_busy(retry->exchange));
    uint64_t bytes = 0;
    uint32_t keys = 0;
    empty_batch(retry);
    for (uint32_t i = 0; i < retry->page.count; i++) {
        struct forwarder_record record;
        const struct dead_page_letter *letter = &retry->page.letters[i];
        if (retry->done[i] || !is_of_batch(retry, letter)) {
            continue;
        }
        retry->target.journal_id = letter->journal_id;
        if (!measure(retry, i, &record) ||
            !key_is_new(retry, record.key, keys)) {
            continue;
        }
        keys++;
        if (retry->batch.count == retry->most ||
            bytes + record.size > retry->sink->limits.bytes_max) {
            return;
        }
        bytes += record.size;
        add(retry, i, &record);
    }
}

void dead_retry_work(struct dead_retry *retry, int64_t offset_us) {
    if (retry->left == 0 || exchange_is_busy(retry->exchange) ||
        retry->hold_until_us > mono_us(retry)) {
        return;
    }
    make_batch(retry);
    if (retry->batch.count > 0 &&
        exchange_send(retry->exchange, &retry->batch, offset_us) != ERR_OK) {
        empty_batch(retry);
        hold(retry, RETRY_FAILED);
    }
}

int64_t dead_retry_due_us(const struct dead_retry *retry) {
    return retry->left == 0 || exchange_is_busy(retry->exchange)
               ? INT64_MAX
               : retry->hold_until_us;
}

bool dead_retry_is_idle(const struct dead_retry *retry) {
    return retry->left == 0;
}

bool dead_retry_is_busy(const struct dead_retry *retry) {
    return exchange_is_busy(retry->exchange);
}

void dead_retry_give(struct dead_retry *retry, struct dead_page *page) {
    assert(retry->left == 0);
    assert(page->count <= DEAD_PAGE_LETTERS);
    retry->page = *page;
    *page = (struct dead_page){.bytes = NULL};
    memset(retry->done, 0, sizeof retry->done);
    retry->left = retry->page.count;
}

/* --- beginning and end ------------------------------------------------------
 */

static err_t open_exchange(struct dead_retry *retry, struct reason *reason) {
    const struct sender_context *context = retry->options.context;
    TRY(endpoint_choose(&context->config->cloud, retry->sink->service,
                        retry->sink->variable, &retry->where, reason));
    const struct exchange_options options = {
        .clock = &context->platform->clock,
        .credentials = context->credentials,
        .sink = retry->sink,
        .target = &retry->target,
        .pack = &retry->pack,
        .where = &retry->where,
        .connector = context->connector,
        .done = take_result,
        .context = retry,
    };
    return exchange_new(&options, &retry->exchange);
}

err_t dead_retry_new(const struct dead_retry_options *options,
                     struct dead_retry **ret, struct reason *reason) {
    struct dead_retry *retry = calloc(1, sizeof *retry);
    ENSURE(retry != NULL, ERR_MEMORY);
    retry->options = *options;
    retry->sink = sink_of(options->stream);
    assert(retry->sink != NULL);
    retry->target.config = options->context->config;
    retry->target.stream = options->stream;
    retry->most = retry->sink->limits.entries_max;
    retry->batch.entries = retry->entries;
    retry->batch.runs = retry->sink->write_record != NULL ? retry->runs : NULL;
    err_t err = open_exchange(retry, reason);
    if (err != ERR_OK) {
        dead_retry_free(retry);
        return err;
    }
    *ret = retry;
    return ERR_OK;
}

void dead_retry_free(struct dead_retry *retry) {
    if (retry == NULL) {
        return;
    }
    exchange_free(retry->exchange);
    dead_page_free(&retry->page);
    sink_buffer_free(&retry->scratch);
    pack_free(&retry->pack);
    free(retry);
}
