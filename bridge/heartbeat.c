/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/heartbeat.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/request.h"
#include "gateway/base/log.h"
#include "gateway/event/event_type.h"

/* Base64, or quotes escaped, and the envelope. */
enum { BODY_MAX = 2 * HEARTBEAT_MAX + 2 * 1024 };

/* After a failure; what comes next is tried at its time. */
#define RETRY_FIRST_US ((int64_t)5 * 1000 * 1000)
#define RETRY_MOST_US ((int64_t)60 * 1000 * 1000)

/* What is under way, and its connection. */
struct flight {
    struct transport transport;
    struct sigv4_key key;
    struct sink_buffer answer;
    struct exchange_result result;
    char head[REQUEST_HEAD_MAX];
    uint8_t body[BODY_MAX];
    bool ended; /* answered, or it never will be */
};

/* An event; none if `len` is 0. */
struct beat {
    size_t len;
    int64_t wall_us;
    uint8_t json[HEARTBEAT_MAX + 1]; /* with a newline */
};

struct heartbeat {
    struct heartbeat_options options;
    const struct sink *sink;
    struct sink_target target;
    struct endpoint where;
    struct flight *flight; /* NULL: nothing is under way */
    int64_t hold_until_us; /* monotonic */
    int64_t retry_us;      /* 0: the last one was taken */
    bool failing;          /* and the log knows */
    bool newer;            /* `now` came while another one was under way */
    struct beat now;
    pthread_mutex_t mutex;
    struct beat next; /* below it: comes in place of `now` */
};

static int64_t mono_us(const struct heartbeat *heartbeat) {
    const struct clock *clock = &heartbeat->options.platform->clock;
    return clock->mono_us(clock->self);
}

const struct config_stream *heartbeat_stream(
    const struct config_stream *const *streams, uint32_t count) {
    const struct config_stream *best = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct config_stream *stream = streams[i];
        bool bus = stream->sink == CONFIG_SINK_EVENTBRIDGE;
        bool best_bus = best != NULL && best->sink == CONFIG_SINK_EVENTBRIDGE;
        if (stream->sink != CONFIG_SINK_NONE &&
            (best == NULL || (bus && !best_bus) ||
             (bus == best_bus && stream->priority < best->priority))) {
            best = stream;
        }
    }
    return best;
}

/* --- the answer ---------------------------------------------------------- */

static void read_date(struct heartbeat *heartbeat,
                      const struct http_response *response) {
    const struct clock *clock = &heartbeat->options.platform->clock;
    int64_t seconds;
    if (!response->has_age &&
        http_date_parse(response->date, &seconds) == ERR_OK) {
        heartbeat->options.clock_learned(heartbeat->options.self,
                                         seconds * 1000000 -
                                             clock->wall_us(clock->self));
    }
}

static void read_response(struct heartbeat *heartbeat,
                          const struct http_response *response) {
    struct flight *flight = heartbeat->flight;
    const struct sink *sink = heartbeat->sink;
    const struct answer_raw raw = {response->status, response->error_type,
                                   sink_answer(sink, response->status,
                                               http_response_body(response),
                                               &flight->answer)};
    answer_read(&sink->shape, &raw, 1, &flight->result.answer);
    read_date(heartbeat, response);
}

static void on_done(void *context, const struct http_response *response,
                    const struct transport_error *error) {
    struct heartbeat *heartbeat = context;
    struct flight *flight = heartbeat->flight;
    assert(flight != NULL && !flight->ended);
    if (response != NULL) {
        read_response(heartbeat, response);
    } else {
        flight->result.answer = (struct answer){.call = CALL_OFFLINE};
        snprintf(flight->result.answer.text, sizeof flight->result.answer.text,
                 "%s", error->text);
    }
    flight->ended = true;
    heartbeat->options.turn(heartbeat->options.self);
}

/* False: it will never be taken. */
static bool is_worth_repeating(const struct answer *answer) {
    return answer->call == CALL_ANSWERED
               ? answer->outcomes[0] != ENTRY_REFUSED
               : answer->call != CALL_INVALID && answer->call != CALL_TOO_LARGE;
}

static void say(struct heartbeat *heartbeat, const char *why) {
    if (!heartbeat->failing) {
        log_line(LOG_WARN, "bridge",
                 "status_event stream=%s reason=\"%s\"; the newest is tried "
                 "again",
                 heartbeat->options.stream->name, why);
    }
    heartbeat->failing = true;
}

static void wait_longer(struct heartbeat *heartbeat) {
    int64_t next_us = 2 * heartbeat->retry_us;
    heartbeat->retry_us = next_us < RETRY_FIRST_US  ? RETRY_FIRST_US
                          : next_us > RETRY_MOST_US ? RETRY_MOST_US
                                                    : next_us;
    heartbeat->hold_until_us = mono_us(heartbeat) + heartbeat->retry_us;
}

static void take_answer(struct heartbeat *heartbeat,
                        const struct exchange_result *result) {
    const struct answer *answer = &result->answer;
    bool taken =
        answer->call == CALL_ANSWERED && answer->outcomes[0] == ENTRY_CONFIRMED;
    if (taken) {
        heartbeat->retry_us = 0;
        heartbeat->failing = false;
    } else {
        say(heartbeat, answer->text);
        wait_longer(heartbeat);
    }
    if (answer->call == CALL_REFUSED) {
        heartbeat->options.credentials_refused(heartbeat->options.self, result);
    }
    if (!heartbeat->newer && (taken || !is_worth_repeating(answer))) {
        heartbeat->now.len = 0;
    }
    heartbeat->newer = false;
}

/* --- the request --------------------------------------------------------- */

static void let_go(struct heartbeat *heartbeat) {
    struct flight *flight = heartbeat->flight;
    if (flight == NULL) {
        return;
    }
    heartbeat->flight = NULL;
    flight->transport.close(flight->transport.self);
    sink_buffer_free(&flight->answer);
    explicit_bzero(flight, sizeof *flight); /* a session token is in it */
    free(flight);
}

static err_t write_body(const struct heartbeat *heartbeat,
                        struct writer *writer) {
    const struct sink *sink = heartbeat->sink;
    bool ends_in_newline = sink->write_record != NULL; /* as all do there */
    char source[2 * CONFIG_NAME_MAX];
    struct writer name = writer_over(source, sizeof source);
    writer_printf(&name, "/%s/%s", heartbeat->options.config->store,
                  event_publisher_name(EVENT_PUBLISHER_GATEWAY));
    const struct event event = {
        .source = writer_slice(&name),
        .type = slice_from_str(event_type_name(EVENT_TYPE_EDGE_STATUS)),
        .data_kind = EVENT_DATA_JSON,
    };
    const struct sink_event whole = {
        .event = &event,
        .record = {.wall_us = heartbeat->now.wall_us},
        .json = slice_of(heartbeat->now.json,
                         heartbeat->now.len + (ends_in_newline ? 1 : 0)),
    };
    sink->write_head(&heartbeat->target, writer);
    sink->write_entry(&heartbeat->target, &whole, writer);
    writer_str(writer, sink->tail);
    return writer->full || name.full ? ERR_FULL : ERR_OK;
}

static err_t write_request(struct heartbeat *heartbeat, struct flight *flight,
                           int64_t offset_us, struct slice *ret_head,
                           struct slice *ret_body) {
    const struct heartbeat_options *options = &heartbeat->options;
    const struct clock *clock = &options->platform->clock;
    struct writer body = writer_over(flight->body, sizeof flight->body);
    struct writer head = writer_over(flight->head, sizeof flight->head);
    TRY(write_body(heartbeat, &body));
    const struct request request = {
        .where = &heartbeat->where,
        .credentials = options->credentials,
        .region = options->config->cloud.region,
        .service = heartbeat->sink->service,
        .call = heartbeat->sink->call,
        .content_type = heartbeat->sink->content_type,
        .wall_us = clock->wall_us(clock->self) + offset_us,
        .body = writer_slice(&body),
    };
    TRY(request_write_head(&request, &flight->key, &head));
    flight->result.signed_serial = options->credentials->serial;
    *ret_head = writer_slice(&head);
    *ret_body = writer_slice(&body);
    return ERR_OK;
}

/* It may be answered from within this call. */
static err_t send(struct heartbeat *heartbeat, int64_t offset_us) {
    const struct connector *connector = &heartbeat->options.connector;
    struct flight *flight = calloc(1, sizeof *flight);
    ENSURE(flight != NULL, ERR_MEMORY);
    struct slice head;
    struct slice body;
    err_t err = write_request(heartbeat, flight, offset_us, &head, &body);
    if (err == ERR_OK) {
        err = connector->open(connector->self, &heartbeat->where, on_done,
                              heartbeat, &flight->transport);
    }
    if (err != ERR_OK) {
        free(flight);
        return err;
    }
    heartbeat->flight = flight;
    flight->transport.send(flight->transport.self, head, body);
    return ERR_OK;
}

static bool may_begin(const struct heartbeat *heartbeat, bool may_send) {
    return may_send && heartbeat->flight == NULL && heartbeat->now.len > 0;
}

static void take_next(struct heartbeat *heartbeat) {
    pthread_mutex_lock(&heartbeat->mutex);
    if (heartbeat->next.len > 0) {
        heartbeat->now = heartbeat->next;
        heartbeat->next.len = 0;
        heartbeat->newer = heartbeat->flight != NULL;
    }
    pthread_mutex_unlock(&heartbeat->mutex);
}

void heartbeat_work(struct heartbeat *heartbeat, int64_t offset_us,
                    bool may_send) {
    if (heartbeat->flight != NULL && heartbeat->flight->ended) {
        take_answer(heartbeat, &heartbeat->flight->result);
        let_go(heartbeat);
    }
    take_next(heartbeat);
    if (!may_begin(heartbeat, may_send) ||
        heartbeat->hold_until_us > mono_us(heartbeat)) {
        return;
    }
    err_t err = send(heartbeat, offset_us);
    if (err != ERR_OK) {
        say(heartbeat, err_name(err));
        wait_longer(heartbeat);
    }
}

int64_t heartbeat_due_us(const struct heartbeat *heartbeat, bool may_send) {
    return may_begin(heartbeat, may_send) ? heartbeat->hold_until_us
                                          : INT64_MAX;
}

bool heartbeat_is_busy(const struct heartbeat *heartbeat) {
    return heartbeat->flight != NULL && !heartbeat->flight->ended;
}

err_t heartbeat_put(struct heartbeat *heartbeat, struct slice json,
                    int64_t wall_us) {
    struct beat *next = &heartbeat->next;
    ENSURE(json.len > 0 && json.len <= HEARTBEAT_MAX, ERR_RANGE);
    pthread_mutex_lock(&heartbeat->mutex);
    memcpy(next->json, json.data, json.len);
    next->json[json.len] = '\n';
    next->len = json.len;
    next->wall_us = wall_us;
    pthread_mutex_unlock(&heartbeat->mutex);
    return ERR_OK;
}

/* --- beginning and end --------------------------------------------------- */

err_t heartbeat_new(const struct heartbeat_options *options,
                    struct heartbeat **ret, struct reason *reason) {
    struct heartbeat *heartbeat = calloc(1, sizeof *heartbeat);
    ENSURE(heartbeat != NULL, ERR_MEMORY);
    heartbeat->options = *options;
    heartbeat->sink = sink_of(options->stream);
    assert(heartbeat->sink != NULL);
    heartbeat->target = (struct sink_target){.config = options->config,
                                             .stream = options->stream};
    err_t err =
        endpoint_choose(&options->config->cloud, heartbeat->sink->service,
                        heartbeat->sink->variable, &heartbeat->where, reason);
    if (err != ERR_OK) {
        free(heartbeat);
        return err;
    }
    pthread_mutex_init(&heartbeat->mutex, NULL);
    *ret = heartbeat;
    return ERR_OK;
}

void heartbeat_hang_up(struct heartbeat *heartbeat) {
    let_go(heartbeat);
}

void heartbeat_free(struct heartbeat *heartbeat) {
    if (heartbeat == NULL) {
        return;
    }
    assert(heartbeat->flight == NULL);
    pthread_mutex_destroy(&heartbeat->mutex);
    free(heartbeat);
}
