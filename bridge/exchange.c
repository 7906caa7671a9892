/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/request.h"

enum {
    BUFFER_KEEP = 64 * 1024, /* a larger one is freed when there is no work */
    QUESTION_MAX = 1024,
};

struct exchange {
    struct exchange_options options;
    struct transport transport;
    struct sigv4_key key;
    struct sink_buffer scratch; /* one event's JSON */
    struct sink_buffer body;
    struct sink_buffer answer; /* in JSON, where it came in CBOR */
    char head[REQUEST_HEAD_MAX];
    char question[QUESTION_MAX];
    bool busy;
    struct exchange_result result;
};

/* --- answers ------------------------------------------------------------ */

/* Date has whole seconds: it is the second in which the answer was made. */
static void read_date(struct exchange *exchange,
                      const struct http_response *response) {
    int64_t seconds;
    if (response->has_age ||
        http_date_parse(response->date, &seconds) != ERR_OK) {
        return;
    }
    const struct clock *clock = exchange->options.clock;
    exchange->result.has_offset = true;
    exchange->result.offset_us =
        seconds * 1000000 - clock->wall_us(clock->self);
}

static void read_response(struct exchange *exchange,
                          const struct http_response *response) {
    const struct sink *sink = exchange->options.sink;
    struct exchange_result *result = &exchange->result;
    result->raw = (struct answer_raw){response->status, response->error_type,
                                      sink_answer(sink, response->status,
                                                  http_response_body(response),
                                                  &exchange->answer)};
    read_date(exchange, response);
    if (result->batch == NULL) {
        answer_read_probe(&result->raw, sink->probe_member, &result->answer);
        return;
    }
    answer_read(&sink->shape, &result->raw,
                forwarder_batch_records(result->batch), &result->answer);
}

static struct transport_line look(const struct exchange *exchange) {
    struct transport_line line = {0};
    if (exchange->transport.look != NULL) {
        exchange->transport.look(exchange->transport.self, &line);
    }
    return line;
}

static void on_done(void *context, const struct http_response *response,
                    const struct transport_error *error) {
    struct exchange *exchange = context;
    assert(exchange->busy);
    if (response != NULL) {
        read_response(exchange, response);
    } else {
        exchange->result.answer = (struct answer){
            .call = error->unreached ? CALL_UNREACHED : CALL_OFFLINE};
        snprintf(exchange->result.answer.text,
                 sizeof exchange->result.answer.text, "%s", error->text);
    }
    exchange->busy = false;
    exchange->result.sending_us = look(exchange).sending_us;
    exchange->options.done(exchange->options.context, &exchange->result);
}

/* --- requests ----------------------------------------------------------- */

static err_t sign_and_send(struct exchange *exchange, const char *call,
                           struct slice body, int64_t offset_us) {
    const struct exchange_options *options = &exchange->options;
    const struct clock *clock = options->clock;
    struct request request = {
        .where = options->where,
        .credentials = options->credentials,
        .region = options->target->config->cloud.region,
        .service = options->sink->service,
        .call = call,
        .content_type = options->sink->content_type,
        .wall_us = clock->wall_us(clock->self) + offset_us,
        .body = body,
    };
    struct writer writer = writer_over(exchange->head, sizeof exchange->head);
    TRY(request_write_head(&request, &exchange->key, &writer));
    exchange->busy = true;
    exchange->transport.send(exchange->transport.self, writer_slice(&writer),
                             body);
    return ERR_OK;
}

static void expect(struct exchange *exchange,
                   const struct forwarder_batch *batch, int64_t offset_us) {
    assert(!exchange->busy);
    exchange->result.batch = batch;
    exchange->result.signed_offset_us = offset_us;
    exchange->result.signed_serial = exchange->options.credentials->serial;
    exchange->result.has_offset = false;
}

static err_t build(struct exchange *exchange,
                   const struct forwarder_batch *batch, struct slice *ret) {
    const struct exchange_options *options = &exchange->options;
    if (batch->runs != NULL) {
        return pack_build(options->pack, options->sink, options->target, batch,
                          &exchange->scratch, &exchange->body, ret);
    }
    return sink_build(options->sink, options->target, batch, &exchange->scratch,
                      &exchange->body, ret);
}

err_t exchange_send(struct exchange *exchange,
                    const struct forwarder_batch *batch, int64_t offset_us) {
    assert(batch->count > 0);
    const struct exchange_options *options = &exchange->options;
    expect(exchange, batch, offset_us);
    struct slice body;
    TRY(build(exchange, batch, &body));
    return sign_and_send(exchange, options->sink->call, body, offset_us);
}

err_t exchange_ask(struct exchange *exchange, int64_t offset_us) {
    const struct sink *sink = exchange->options.sink;
    assert(sink->probe_call != NULL);
    expect(exchange, NULL, offset_us);
    struct writer writer =
        writer_over(exchange->question, sizeof exchange->question);
    sink->write_probe(exchange->options.target, &writer);
    ENSURE(!writer.full, ERR_FULL);
    return sign_and_send(exchange, sink->probe_call, writer_slice(&writer),
                         offset_us);
}

bool exchange_is_stalled(const struct exchange *exchange) {
    return exchange->busy && look(exchange).stalled;
}

bool exchange_is_busy(const struct exchange *exchange) {
    return exchange->busy;
}

static void give_back(struct sink_buffer *buffer) {
    if (buffer->cap > BUFFER_KEEP) {
        sink_buffer_free(buffer);
    }
}

void exchange_rest(struct exchange *exchange) {
    assert(!exchange->busy);
    give_back(&exchange->scratch);
    give_back(&exchange->body);
    give_back(&exchange->answer);
}

/* --- beginning and end -------------------------------------------------- */

err_t exchange_new(const struct exchange_options *options,
                   struct exchange **ret) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    ENSURE(exchange != NULL, ERR_MEMORY);
    exchange->options = *options;
    const struct connector *connector = &options->connector;
    err_t err = connector->open(connector->self, options->where, on_done,
                                exchange, &exchange->transport);
    if (err != ERR_OK) {
        free(exchange);
        return err;
    }
    *ret = exchange;
    return ERR_OK;
}

void exchange_free(struct exchange *exchange) {
    if (exchange == NULL) {
        return;
    }
    exchange->transport.close(exchange->transport.self);
    sink_buffer_free(&exchange->scratch);
    sink_buffer_free(&exchange->body);
    sink_buffer_free(&exchange->answer);
    free(exchange);
}
