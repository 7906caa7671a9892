/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/carrier.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/carrier_state.h"
#include "gateway/journal/reader.h"

enum {
    BUFFER_KEEP = 64 * 1024, /* a larger one is let go when idle */
};

#define CURSOR_SAVE_US ((int64_t)1000 * 1000)
/* After an outage this long the target is asked for once more. */
#define PROBE_AGAIN_US ((int64_t)10 * 60 * 1000 * 1000)
/* How far the clock must have been wrong to blame it for a refusal (AWS SDK for
 * JavaScript, clock skew correction). */
#define SKEW_US ((int64_t)240 * 1000 * 1000)

int64_t carrier_mono_us(const struct carrier *carrier) {
    const struct clock *clock = &carrier->shared->platform->clock;
    return clock->mono_us(clock->self);
}

static int64_t wall_us(const struct carrier *carrier) {
    const struct clock *clock = &carrier->shared->platform->clock;
    return clock->wall_us(clock->self);
}

const char *carrier_name(const struct carrier *carrier) {
    return carrier->options.config->name;
}

/* --- what the world is told --------------------------------------------- */

static const char *link_name(enum bridge_link link) {
    static const char *const names[] = {"idle", "online", "offline", "refused",
                                        "paused"};
    return names[link];
}

void carrier_set_error(struct carrier *carrier, const char *text) {
    struct writer writer = writer_over(carrier->status.last_error,
                                       sizeof carrier->status.last_error - 1);
    size_t len = strlen(text);
    writer_slice_add(&writer,
                     slice_of(text, len < writer.cap ? len : writer.cap));
    memset(writer.data + writer.len, 0, writer.cap - writer.len);
}

/* One line for each change of the link, and none for what stays the same. */
static void set_link(struct carrier *carrier, enum bridge_link link) {
    struct bridge_stream_status *status = &carrier->status;
    enum bridge_link now = carrier->paused ? BRIDGE_LINK_PAUSED : link;
    if (status->link == now) {
        return;
    }
    bool bad = now == BRIDGE_LINK_OFFLINE || now == BRIDGE_LINK_REFUSED;
    log_line(bad ? LOG_WARN : LOG_INFO, "bridge",
             "stream=%s link=%s was=%s backlog=%llu%s%s", carrier_name(carrier),
             link_name(now), link_name(status->link),
             (unsigned long long)(status->end - status->cursor),
             bad ? " error=" : "", bad ? status->last_error : "");
    status->link = now;
    status->since_us = wall_us(carrier);
}

void carrier_log_trouble(struct carrier *carrier, const char *text) {
    uint64_t skipped;
    if (log_allowed(&carrier->error_log, &skipped)) {
        log_line(LOG_WARN, "bridge", "stream=%s skipped=%llu error=%s",
                 carrier_name(carrier), (unsigned long long)skipped, text);
    }
}

static void count(struct carrier *carrier) {
    const struct forwarder *forwarder = &carrier->forwarder;
    struct bridge_stream_status *status = &carrier->status;
    status->cursor = forwarder->base;
    status->saved = carrier->cursor.saved;
    status->sent = forwarder->counts.sent;
    status->repeated = forwarder->counts.repeated;
    status->refused = forwarder->counts.refused;
}

bool carrier_status(struct carrier *carrier, struct bridge_stream_status *ret) {
    count(carrier);
    if (carrier->sink == NULL) {
        carrier->status.cursor = carrier->status.end;
    }
    bool changed =
        memcmp(&carrier->told, &carrier->status, sizeof carrier->status) != 0;
    carrier->told = carrier->status;
    *ret = carrier->status;
    return changed;
}

/* --- the cursor --------------------------------------------------------- */

static void save_cursor(struct carrier *carrier) {
    carrier->cursor_saved_us = carrier_mono_us(carrier);
    err_t err = cursor_file_save(&carrier->cursor, carrier->forwarder.base);
    uint64_t skipped;
    if (err != ERR_OK && log_allowed(&carrier->cursor_log, &skipped)) {
        log_line(LOG_ERROR, "bridge",
                 "stream=%s cannot save %s: %s; a restart would repeat what "
                 "was sent since",
                 carrier_name(carrier), carrier->cursor.path, err_name(err));
    }
}

static bool cursor_moved(const struct carrier *carrier) {
    return carrier->sink != NULL &&
           carrier->cursor.saved != carrier->forwarder.base;
}

/* --- answers ------------------------------------------------------------ */

/* Date has whole seconds and names the moment the answer was made. */
static void learn_clock(struct carrier *carrier,
                        const struct http_response *response) {
    int64_t seconds;
    if (response->has_age ||
        http_date_parse(response->date, &seconds) != ERR_OK) {
        return;
    }
    carrier->shared->clock_offset_us = seconds * 1000000 - wall_us(carrier);
}

/* A refusal whose cause was our clock, which is known better now. */
static bool was_skewed(const struct carrier *carrier) {
    int64_t moved = carrier->shared->clock_offset_us - carrier->sent_offset_us;
    return carrier->answer.call == CALL_REFUSED &&
           (moved >= SKEW_US || moved <= -SKEW_US);
}

static void explain(struct carrier *carrier) {
    struct answer *answer = &carrier->answer;
    if (answer->not_found) {
        snprintf(answer->text, sizeof answer->text,
                 "%s %.80s does not exist in region %.40s: create it or mend "
                 "%s",
                 carrier->sink->what, carrier->options.config->sink_name,
                 carrier->shared->config->cloud.region, carrier->sink->setting);
    } else if (answer->call == CALL_REFUSED) {
        static const char advice[] = " (check the AWS credentials and rights)";
        size_t len = strlen(answer->text);
        size_t most = sizeof answer->text - sizeof advice;
        len = len < most ? len : most;
        memcpy(answer->text + len, advice, sizeof advice);
    }
}

static enum bridge_link link_after(const struct carrier *carrier) {
    switch (carrier->answer.call) {
    case CALL_ANSWERED:
    case CALL_THROTTLED:
    case CALL_TOO_LARGE:
        return BRIDGE_LINK_ONLINE;
    case CALL_FAILED:
    case CALL_OFFLINE:
        return BRIDGE_LINK_OFFLINE;
    case CALL_REFUSED:
        return BRIDGE_LINK_REFUSED;
    case CALL_INVALID:
        return carrier->batch != NULL && carrier->batch->count > 1
                   ? carrier->status.link
                   : BRIDGE_LINK_REFUSED;
    case CALL_AGAIN:
        return carrier->status.link;
    }
    return carrier->status.link;
}

/* Words that are new, unless the change of the link has said them. */
static void say(struct carrier *carrier, enum bridge_link link,
                const char *text) {
    char before[sizeof carrier->status.last_error];
    memcpy(before, carrier->status.last_error, sizeof before);
    carrier_set_error(carrier, text);
    bool new_words = strcmp(before, carrier->status.last_error) != 0;
    bool new_link = carrier->status.link != link;
    set_link(carrier, link);
    if (text[0] != '\0' && new_words && !new_link) {
        carrier_log_trouble(carrier, text);
    }
}

/* What the forwarder is not told: the words, the link, the counters. */
static void report(struct carrier *carrier) {
    const struct answer *answer = &carrier->answer;
    carrier->status.failures += answer->call != CALL_ANSWERED ? 1 : 0;
    count(carrier);
    const char *text = answer->text;
    if (text[0] == '\0' && carrier->forwarder.counts.refused > 0) {
        text = carrier->held.text[0] != '\0' ? carrier->held.text
                                             : carrier->status.last_error;
    }
    struct reason words;
    reason_set(&words, ERR_OK, "%s", text);
    say(carrier, link_after(carrier), words.text);
}

/* Asked whether the target is there. Who may not ask, or asks something that
 * does not know the question, goes on without. */
static void probe_answered(struct carrier *carrier) {
    struct answer *answer = &carrier->answer;
    carrier->probing = false;
    if (answer->not_ours) {
        log_line(LOG_WARN, "bridge",
                 "stream=%s cannot check that %s %s exists: %s; events for one "
                 "that does not would be lost",
                 carrier_name(carrier), carrier->sink->what,
                 carrier->options.config->sink_name, answer->text);
        *answer = (struct answer){.call = CALL_ANSWERED};
    }
    if (answer->call == CALL_ANSWERED) {
        carrier->probe_wanted = false;
        carrier->forwarder.attempt = 0;
        return;
    }
    forwarder_hold(&carrier->forwarder, carrier_mono_us(carrier), answer->call);
}

static void batch_answered(struct carrier *carrier) {
    uint64_t sent = carrier->forwarder.counts.sent;
    forwarder_answer(&carrier->forwarder, carrier_mono_us(carrier),
                     carrier->answer.call, carrier->answer.outcomes);
    if (carrier->forwarder.counts.sent > sent) {
        carrier->status.confirmed_us = wall_us(carrier);
    }
}

static void forgive_skew(struct carrier *carrier) {
    if (!was_skewed(carrier)) {
        return;
    }
    carrier->answer.call = CALL_AGAIN;
    snprintf(carrier->answer.text, sizeof carrier->answer.text,
             "this box's clock is wrong by %lld s: signing by the server's",
             (long long)(carrier->shared->clock_offset_us / 1000000));
}

/* A long outage may have taken the target along. */
static void note_time(struct carrier *carrier) {
    int64_t now_us = carrier_mono_us(carrier);
    if (carrier->answer.call == CALL_ANSWERED) {
        carrier->answered_us = now_us;
    } else if (now_us - carrier->answered_us > PROBE_AGAIN_US) {
        carrier->probe_wanted = carrier->sink->probe_call != NULL;
    }
}

static void take_answer(struct carrier *carrier) {
    explain(carrier);
    forgive_skew(carrier);
    note_time(carrier);
    if (carrier->probing) {
        probe_answered(carrier);
    } else {
        batch_answered(carrier);
    }
    report(carrier);
    carrier->batch = NULL;
    carrier->shared->turn(carrier->shared->context);
}

static void on_done(void *context, const struct http_response *response,
                    const char *error) {
    struct carrier *carrier = context;
    struct answer *answer = &carrier->answer;
    if (response == NULL) {
        *answer = (struct answer){.call = CALL_OFFLINE};
        snprintf(answer->text, sizeof answer->text, "%s", error);
        take_answer(carrier);
        return;
    }
    learn_clock(carrier, response);
    struct answer_raw raw = {response->status, response->error_type,
                             http_response_body(response)};
    if (carrier->probing) {
        answer_read_probe(&raw, carrier->sink->probe_member, answer);
    } else {
        answer_read(&carrier->sink->shape, &raw, carrier->batch->count, answer);
    }
    take_answer(carrier);
}

/* --- requests ----------------------------------------------------------- */

static err_t write_head(struct carrier *carrier, const char *call,
                        struct slice body, struct slice *ret) {
    carrier->sent_offset_us = carrier->shared->clock_offset_us;
    struct request request = {
        .where = &carrier->where,
        .credentials = carrier->shared->credentials,
        .region = carrier->shared->config->cloud.region,
        .service = carrier->sink->service,
        .call = call,
        .wall_us = wall_us(carrier) + carrier->sent_offset_us,
        .body = body,
    };
    struct writer writer = writer_over(carrier->head, sizeof carrier->head);
    TRY(request_write_head(&request, &carrier->key, &writer));
    *ret = writer_slice(&writer);
    return ERR_OK;
}

static err_t build_probe(struct carrier *carrier, struct slice *ret) {
    struct writer writer = writer_over(carrier->probe, sizeof carrier->probe);
    carrier->sink->write_probe(&carrier->target, &writer);
    ENSURE(!writer.full, ERR_FULL);
    *ret = writer_slice(&writer);
    return ERR_OK;
}

/* Builds and sends what `probing` and `batch` say. */
static err_t send_request(struct carrier *carrier) {
    struct slice body;
    struct slice head;
    if (carrier->probing) {
        TRY(build_probe(carrier, &body));
    } else {
        TRY(sink_build(carrier->sink, &carrier->target, carrier->batch,
                       &carrier->scratch, &carrier->body, &body));
    }
    TRY(write_head(carrier,
                   carrier->probing ? carrier->sink->probe_call
                                    : carrier->sink->call,
                   body, &head));
    carrier->status.requests++;
    https_send(carrier->https, head, body);
    return ERR_OK;
}

static bool may_send(const struct carrier *carrier) {
    return carrier->sink != NULL && !carrier->paused && !carrier_busy(carrier);
}

void carrier_send(struct carrier *carrier) {
    int64_t now_us = carrier_mono_us(carrier);
    if (!may_send(carrier)) {
        return;
    }
    carrier->probing = carrier->probe_wanted;
    if (carrier->probing && carrier->forwarder.hold_until_us > now_us) {
        carrier->probing = false;
        return;
    }
    if (!carrier->probing && forwarder_take(&carrier->forwarder, now_us,
                                            &carrier->batch) != ERR_OK) {
        return;
    }
    err_t err = send_request(carrier);
    if (err != ERR_OK) {
        carrier->answer = (struct answer){.call = CALL_FAILED};
        snprintf(carrier->answer.text, sizeof carrier->answer.text,
                 "cannot build a request: %s", err_name(err));
        take_answer(carrier);
    }
}

bool carrier_busy(const struct carrier *carrier) {
    return carrier->probing || carrier->batch != NULL;
}

bool carrier_wants_line(const struct carrier *carrier) {
    return carrier->sink != NULL &&
           carrier->status.link == BRIDGE_LINK_ONLINE &&
           forwarder_ready(&carrier->forwarder, carrier_mono_us(carrier));
}

/* --- turns -------------------------------------------------------------- */

static void give_back(struct carrier *carrier, struct sink_buffer *buffer) {
    if (!carrier_busy(carrier) && carrier->forwarder.count == 0 &&
        buffer->cap > BUFFER_KEEP) {
        sink_buffer_free(buffer);
    }
}

void carrier_work(struct carrier *carrier) {
    carrier_fill(carrier);
    if (cursor_moved(carrier) &&
        carrier->cursor_saved_us + CURSOR_SAVE_US <= carrier_mono_us(carrier)) {
        save_cursor(carrier);
    }
    give_back(carrier, &carrier->body);
    give_back(carrier, &carrier->scratch);
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t carrier_due_us(const struct carrier *carrier, bool line_is_free) {
    int64_t now_us = carrier_mono_us(carrier);
    int64_t due_us = INT64_MAX;
    if (cursor_moved(carrier)) {
        due_us = carrier->cursor_saved_us + CURSOR_SAVE_US;
    }
    if (carrier->reader_at_fault) {
        due_us = sooner(due_us, carrier->read_again_us);
    }
    if (!line_is_free || !may_send(carrier)) {
        return due_us;
    }
    if (carrier->probe_wanted) {
        return sooner(due_us, carrier->forwarder.hold_until_us);
    }
    return sooner(due_us, forwarder_due_us(&carrier->forwarder, now_us));
}

void carrier_pause(struct carrier *carrier, bool paused) {
    if (carrier->paused == paused) {
        return;
    }
    carrier->paused = paused;
    forwarder_pause(&carrier->forwarder, paused);
    count(carrier);
    set_link(carrier, BRIDGE_LINK_IDLE);
}

/* --- beginning and end -------------------------------------------------- */

static err_t open_cursor(struct carrier *carrier, struct reason *reason) {
    const struct disk *disk = &carrier->shared->platform->disk;
    bool damaged = false;
    TRY(cursor_file_open(&carrier->cursor, disk, carrier->options.dir, &damaged,
                         reason));
    if (damaged) {
        log_line(LOG_ERROR, "bridge",
                 "stream=%s %s is damaged: sending everything again under the "
                 "same ids",
                 carrier_name(carrier), carrier->cursor.path);
    }
    uint64_t end = carrier->status.end;
    if (carrier->cursor.saved <= end) {
        return ERR_OK;
    }
    cursor_file_close(&carrier->cursor); /* left as it is */
    return reason_set(
        reason, ERR_CORRUPT,
        "%s says that %llu events were sent, and the journal holds %llu: the "
        "journal was replaced or has lost its end; to send all of it, remove "
        "that file",
        carrier->cursor.path, (unsigned long long)carrier->cursor.saved,
        (unsigned long long)end);
}

static err_t open_way(struct carrier *carrier, struct reason *reason) {
    struct carrier_shared *shared = carrier->shared;
    TRY(endpoint_choose(&shared->config->cloud, carrier->sink->service,
                        carrier->sink->variable, &carrier->where, reason));
    struct https_options options = {
        .loop = shared->loop,
        .tls = shared->tls,
        .where = &carrier->where,
        .done = on_done,
        .context = carrier,
    };
    return https_new(&options, &carrier->https);
}

static err_t open_all(struct carrier *carrier, struct reason *reason) {
    const struct disk *disk = &carrier->shared->platform->disk;
    TRY(open_cursor(carrier, reason));
    forwarder_init(&carrier->forwarder, &carrier->sink->limits,
                   &carrier->shared->platform->entropy, carrier->cursor.saved);
    uint64_t start = atomic_load_explicit(&carrier->options.position->start,
                                          memory_order_acquire);
    if (carrier->cursor.saved >= start) {
        TRY(journal_reader_open(disk, carrier->options.dir,
                                carrier->cursor.saved, &carrier->reader,
                                reason));
    } else {
        carrier->reader_at_fault = true; /* opened behind the gap */
    }
    TRY(open_way(carrier, reason));
    carrier->probe_wanted = carrier->sink->probe_call != NULL;
    return ERR_OK;
}

err_t carrier_new(struct carrier_shared *shared,
                  const struct bridge_stream_options *options,
                  struct carrier **ret, struct reason *reason) {
    struct carrier *carrier = calloc(1, sizeof *carrier);
    ENSURE(carrier != NULL, ERR_MEMORY);
    carrier->shared = shared;
    carrier->options = *options;
    carrier->sink = sink_of(options->config);
    carrier->target = (struct sink_target){shared->config, options->config};
    carrier->cursor.fd = -1;
    carrier->answered_us = carrier_mono_us(carrier);
    carrier->status.since_us = wall_us(carrier);
    carrier->status.end =
        atomic_load_explicit(&options->position->end, memory_order_acquire);
    err_t err = carrier->sink != NULL ? open_all(carrier, reason) : ERR_OK;
    if (err != ERR_OK) {
        carrier_hang_up(carrier);
        carrier_free(carrier);
        return err;
    }
    *ret = carrier;
    return ERR_OK;
}

void carrier_hang_up(struct carrier *carrier) {
    https_close(carrier->https);
    carrier->https = NULL;
}

void carrier_free(struct carrier *carrier) {
    if (carrier == NULL) {
        return;
    }
    assert(carrier->https == NULL);
    if (carrier->cursor.fd >= 0) {
        if (cursor_moved(carrier)) {
            save_cursor(carrier);
        }
        cursor_file_close(&carrier->cursor);
    }
    journal_reader_close(carrier->reader);
    forwarder_free(&carrier->forwarder);
    sink_buffer_free(&carrier->scratch);
    sink_buffer_free(&carrier->body);
    free(carrier);
}
