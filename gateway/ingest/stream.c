/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ingest/stream_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/json.h"
#include "gateway/ingest/admission.h"
#include "gateway/journal/reader.h"

enum {
    /* Kept free of event_bytes_max for what the sink adds and for what the
     * shop adds where it echoes an event's data. */
    SINK_HEADROOM = 4096,
    /* A broken device is told of each mistake, head office of so many a
     * minute and stream. */
    REJECTED_EVENTS_A_MINUTE = 60,
    MINUTE_US = 60 * 1000 * 1000,
    LET_GO_A_COMMIT = 4,   /* so that letting go never holds up receipts long */
    PAYMENTS_A_TICK = 256, /* asked once more at a time */
};

/* --- Appending ---------------------------------------------------------- */

static err_t append(struct stream *stream, const struct event *event,
                    uint64_t *ret_seq) {
    struct writer out = writer_over(stream->stored, stream->stored_cap);
    event_store(event, &out);
    ENSURE(!out.full, ERR_FULL);
    stream->appended_bytes += out.len;
    return journal_append(stream->journal, writer_slice(&out), ret_seq);
}

/* The event as the world sees it, from where it stands in the journal. */
static err_t render(struct stream *stream, const struct event *event,
                    struct shop_stamp stamp, struct slice *ret) {
    const struct event_record record = {stamp.seq, stamp.wall_us};
    struct writer out = writer_over(stream->rendered, stream->rendered_cap);
    TRY(event_render_json(event, &record, &out));
    *ret = writer_slice(&out);
    return ERR_OK;
}

/* Where a record stands that is, or is to be, in the batch. */
static struct shop_stamp stamp_of(const struct stream *stream, uint64_t seq) {
    return (struct shop_stamp){
        .seq = seq,
        .wall_us = journal_batch_stamp(stream->journal).wall_us,
    };
}

/* A notice for the device that an event of the shop's concerns. */
static err_t announce(struct stream *stream, const struct event *event,
                      struct shop_stamp stamp, struct slice device) {
    struct slice json;
    if (device.len == 0) {
        return ERR_OK;
    }
    TRY(render(stream, event, stamp, &json));
    return outward_notice(stream->outward, stamp.seq + 1, device, json);
}

static err_t shop_publish(void *self, const struct event *event,
                          struct slice device, struct shop_stamp *ret_stamp) {
    struct stream *stream = self;
    uint64_t seq;
    TRY(append(stream, event, &seq));
    *ret_stamp = stamp_of(stream, seq);
    return announce(stream, event, *ret_stamp, device);
}

/* An answer given before, once more. */
static void shop_repeat(void *self, const struct event *event,
                        struct shop_stamp stamp, struct slice device) {
    struct stream *stream = self;
    struct slice json;
    if (render(stream, event, stamp, &json) != ERR_OK) {
        return;
    }
    err_t err = outward_notice(stream->outward, stamp.seq + 1, device, json);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "stream", "notice_dropped reason=%s", err_name(err));
    }
}

err_t stream_append_own(struct stream *stream, struct slice type, char mark,
                        struct slice data) {
    const uint8_t *journal = journal_id(stream->journal);
    char event_id[64];
    snprintf(event_id, sizeof event_id, "%02x%02x%02x%02x-%llu-%c", journal[0],
             journal[1], journal[2], journal[3],
             (unsigned long long)journal_next_seq(stream->journal), mark);
    char source[128];
    snprintf(source, sizeof source, "/%s/gateway",
             stream->options.config->store);
    char time[EVENT_TIME_SIZE];
    event_time_format(journal_batch_stamp(stream->journal).wall_us, time);
    const struct event event = {
        .id = slice_from_str(event_id),
        .source = slice_from_str(source),
        .type = type,
        .time = slice_from_str(time),
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = data,
    };
    uint64_t seq;
    return append(stream, &event, &seq);
}

/* Says in the journal what was dropped before it was delivered. If the batch
 * has no room for that, it is said in the next. */
static void append_dropped(struct stream *stream) {
    if (stream->drop_first == stream->drop_end) {
        return;
    }
    char data[OWN_DATA_MAX];
    struct writer out = writer_over(data, sizeof data);
    writer_printf(
        &out, "{\"stream\":\"%s\",\"first\":%llu,\"last\":%llu,\"count\":%llu}",
        stream->options.stream->name, (unsigned long long)stream->drop_first,
        (unsigned long long)stream->drop_end - 1,
        (unsigned long long)(stream->drop_end - stream->drop_first));
    if (stream_append_own(stream, SLICE("EventsDropped"), 'd',
                          writer_slice(&out)) == ERR_OK) {
        stream->drop_first = stream->drop_end;
    }
}

/* --- Refusing ----------------------------------------------------------- */

static bool rejected_event_due(struct stream *stream) {
    int64_t now_us = journal_batch_stamp(stream->journal).mono_us;
    if (stream->rejected_events == 0 ||
        now_us - stream->rejected_minute_us >= MINUTE_US) {
        stream->rejected_minute_us = now_us;
        stream->rejected_events = 0;
    }
    return stream->rejected_events++ < REJECTED_EVENTS_A_MINUTE;
}

/* Tells head office: an EventRejected in the same stream. */
static err_t append_rejected(struct stream *stream, struct slice device,
                             struct slice id, const char *why) {
    char data[OWN_DATA_MAX];
    struct writer out = writer_over(data, sizeof data);
    writer_str(&out, "{\"device\":");
    json_write_string(&out, device);
    writer_str(&out, ",\"eventId\":");
    if (id.len == 0) {
        writer_str(&out, "null");
    } else {
        json_write_string(&out, id);
    }
    writer_str(&out, ",\"reason\":");
    json_write_string(&out, slice_from_str(why));
    writer_str(&out, "}");
    ENSURE(!out.full, ERR_FULL);
    return stream_append_own(stream, SLICE("EventRejected"), 'r',
                             writer_slice(&out));
}

/* A reason may quote what a device sent; what leaves as text is UTF-8. */
static void make_printable(struct reason *why) {
    if (slice_is_utf8(slice_from_str(why->text))) {
        return;
    }
    for (char *c = why->text; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x7f) {
            *c = '?';
        }
    }
}

static err_t reject(struct stream *stream, const struct stream_message *message,
                    struct slice id, struct reason *why,
                    struct stream_answer *ret) {
    stream->counts.rejected++;
    make_printable(why);
    if (id.len > EVENT_ID_MAX || !slice_is_utf8(id)) {
        id = SLICE_EMPTY;
    }
    bool device_ok = admission_device(message->device, NULL) == ERR_OK;
    if (device_ok && rejected_event_due(stream)) {
        TRY(append_rejected(stream, message->device, id, why->text));
    }
    *ret = (struct stream_answer){
        .needs_end = journal_next_seq(stream->journal),
    };
    return outward_reject(stream->outward, ret->needs_end, message->device,
                          event_encoding_guess(message->payload), id,
                          why->text);
}

/* --- Taking ------------------------------------------------------------- */

static err_t check_size(const struct stream *stream,
                        const struct stream_message *message,
                        struct reason *why) {
    uint32_t max = stream->options.config->event_bytes_max;
    if (message->payload.len > max) {
        return reason_set(why, ERR_RANGE,
                          "the event has %zu bytes; at most %u are taken "
                          "(event_bytes_max)",
                          message->payload.len, max);
    }
    return ERR_OK;
}

/* A sink that speaks JSON must be able to say it; better told now than held
 * at the cloud's door. */
static err_t check_renders(struct stream *stream, const struct event *event,
                           struct reason *why) {
    if (event->data_kind != EVENT_DATA_CBOR) {
        return ERR_OK;
    }
    struct slice json;
    return event_data_json(event, &stream->arena, &json, why);
}

/* A larger rendering than payload comes of escapes and base64; the bound is
 * the sink's, so it is measured on what the sink will get. */
static err_t check_rendered_size(struct stream *stream,
                                 const struct event *event,
                                 struct reason *why) {
    struct slice json;
    struct shop_stamp where =
        stamp_of(stream, journal_next_seq(stream->journal));
    uint32_t max = stream->options.config->event_bytes_max;
    if (render(stream, event, where, &json) != ERR_OK ||
        json.len + SINK_HEADROOM > max) {
        return reason_set(why, ERR_RANGE,
                          "the event written as JSON is larger than the %u "
                          "bytes that are sure to reach the cloud "
                          "(event_bytes_max less %d)",
                          max - SINK_HEADROOM, SINK_HEADROOM);
    }
    return ERR_OK;
}

static err_t check_shop(struct stream *stream, const struct event *event,
                        struct reason *why) {
    if (stream->shop == NULL) {
        return ERR_OK;
    }
    if (!shop_takes(event->type)) {
        return reason_set(why, ERR_REFUSED,
                          "a device may not send \"%.*s\" here; this stream "
                          "takes OrderPlaced, OrderCancelRequested, "
                          "PaymentAuthorized, PaymentRefused, StockReceived, "
                          "StockCounted",
                          event->type.len > 60 ? 60 : (int)event->type.len,
                          (const char *)event->type.data);
    }
    return shop_check(event, why);
}

static err_t check(struct stream *stream, const struct stream_message *message,
                   struct event *ret, struct reason *why) {
    TRY(admission_device(message->device, why));
    err_t err = check_size(stream, message, why);
    if (err != ERR_OK) { /* the device must be able to match the answer */
        struct slice id;
        if (event_find_id(event_encoding_guess(message->payload),
                          message->payload, &stream->arena, &id) == ERR_OK) {
            ret->id = id;
        }
        return err;
    }
    TRY(event_read(event_encoding_guess(message->payload), message->payload,
                   &stream->arena, ret, why));
    TRY(admission_source(ret, stream->options.config->store, message->device,
                         why));
    TRY(check_renders(stream, ret, why));
    TRY(check_shop(stream, ret, why));
    if (!dedupe_has_room(stream->dedupe, message->device)) {
        return reason_set(why, ERR_FULL,
                          "%d devices have sent events on this stream; no "
                          "further one is taken",
                          DEDUPE_DEVICES_MAX);
    }
    return check_rendered_size(stream, ret, why);
}

static err_t answer_duplicate(struct stream *stream,
                              const struct stream_message *message,
                              const struct event *event, uint64_t first_seq,
                              struct stream_answer *ret) {
    stream->counts.duplicates++;
    *ret =
        (struct stream_answer){.duplicate = true, .needs_end = first_seq + 1};
    return outward_accept(stream->outward, first_seq + 1, message->device,
                          event_encoding_guess(message->payload), event->id,
                          first_seq);
}

static err_t accept_new(struct stream *stream,
                        const struct stream_message *message,
                        const struct event *event, uint64_t content_hash,
                        struct stream_answer *ret) {
    uint64_t seq;
    TRY(append(stream, event, &seq));
    TRY(dedupe_add(stream->dedupe, message->device, event->id, content_hash,
                   seq));
    TRY(outward_accept(stream->outward, seq + 1, message->device,
                       event_encoding_guess(message->payload), event->id, seq));
    stream->counts.accepted++;
    if (stream->shop != NULL) {
        const struct shop_stamp stamp = stamp_of(stream, seq);
        const struct shop_bus bus = {stream, shop_publish, shop_repeat};
        TRY(shop_run(stream->shop, event, message->device, stamp, &bus));
    }
    *ret = (struct stream_answer){
        .needs_end = journal_next_seq(stream->journal),
    };
    return ERR_OK;
}

err_t stream_take(struct stream *stream, const struct stream_message *message,
                  struct stream_answer *ret) {
    assert(!stream->committing);
    assert(!stream_is_full(stream));
    if (journal_batch_events(stream->journal) == 0) {
        journal_begin(stream->journal);
        append_dropped(stream);
    }
    stream->counts.received++;
    arena_reset(&stream->arena);
    struct event event = {0};
    struct reason why = {""};
    err_t err = check(stream, message, &event, &why);
    ENSURE(err != ERR_MEMORY, err); /* the event may be good */
    if (err != ERR_OK) {
        return reject(stream, message, event.id, &why, ret);
    }
    uint64_t content_hash = event_hash(&event);
    uint64_t first_seq;
    switch (dedupe_find(stream->dedupe, message->device, event.id, content_hash,
                        &first_seq)) {
    case DEDUPE_SAME:
        return answer_duplicate(stream, message, &event, first_seq, ret);
    case DEDUPE_OTHER:
        (void)reason_set(&why, ERR_REFUSED,
                         "the id of this event was used before for another "
                         "(seq %llu): give each event an id of its own",
                         (unsigned long long)first_seq);
        return reject(stream, message, event.id, &why, ret);
    case DEDUPE_NEW:
        break;
    }
    return accept_new(stream, message, &event, content_hash, ret);
}

static bool has_room(const struct stream *stream) {
    return journal_room(stream->journal) >=
           stream_message_bytes_max(stream->options.config);
}

bool stream_is_full(const struct stream *stream) {
    return journal_batch_events(stream->journal) + 1 + SHOP_OUTPUTS_MAX +
                   OWN_EVENTS_MAX >
               BATCH_EVENTS_MAX ||
           journal_batch_room(stream->journal) <
               stream_message_bytes_max(stream->options.config) ||
           !has_room(stream);
}

/* --- Committing --------------------------------------------------------- */

static void send_receipt(void *self, struct slice device,
                         struct slice payload) {
    struct stream *stream = self;
    publisher_to_device(stream->options.publisher, device, "receipts", payload);
}

static void send_notice(void *self, struct slice device, struct slice payload) {
    struct stream *stream = self;
    publisher_to_device(stream->options.publisher, device, "notices", payload);
}

static err_t release(struct stream *stream) {
    const struct outward_sink sink = {
        .self = stream,
        .receipt = send_receipt,
        .notice = send_notice,
    };
    uint64_t durable_end = atomic_load_explicit(
        &journal_position(stream->journal)->end, memory_order_acquire);
    return outward_release(stream->outward, durable_end, &sink);
}

/* Lets the oldest segment go. What of it is not delivered is named in a batch
 * of its own. */
static err_t drop_oldest(struct stream *stream) {
    struct journal_segment oldest;
    ENSURE(journal_oldest(stream->journal, &oldest), ERR_FULL);
    uint64_t delivered =
        atomic_load_explicit(&stream->delivered, memory_order_relaxed);
    uint64_t first =
        delivered > oldest.first_seq ? delivered : oldest.first_seq;
    if (first < oldest.end_seq) {
        if (stream->drop_first == stream->drop_end) {
            stream->drop_first = first;
        }
        stream->drop_end = oldest.end_seq;
        stream->dropped += oldest.end_seq - first;
    }
    return journal_trim(stream->journal, &stream->commit_reason);
}

/* The oldest segment, if the cloud has all of it. Of the shop's stream also the
 * older of two snapshots must: its state is replayed from there. */
static bool oldest_delivered(const struct stream *stream,
                             struct journal_segment *ret) {
    uint64_t before =
        atomic_load_explicit(&stream->delivered, memory_order_relaxed);
    uint64_t covered = atomic_load(&stream->covered);
    if (stream->shop != NULL && covered < before) {
        before = covered;
    }
    return journal_oldest(stream->journal, ret) && ret->end_seq <= before;
}

/* Room for the batch: of what is delivered, whatever was to be kept; and then,
 * if the stream may, of what is not. ERR_FULL: there is none. */
static err_t make_room(struct stream *stream) {
    struct journal_segment oldest;
    if (oldest_delivered(stream, &oldest)) {
        return journal_trim(stream->journal, &stream->commit_reason);
    }
    ENSURE(stream->options.stream->when_full == CONFIG_FULL_DROP_OLDEST,
           ERR_FULL);
    return drop_oldest(stream);
}

static err_t commit_with_room(struct stream *stream) {
    err_t err = journal_commit(stream->journal, &stream->commit_reason);
    while (err == ERR_FULL) {
        TRY(make_room(stream));
        err = journal_commit(stream->journal, &stream->commit_reason);
    }
    return err;
}

/* Before any message is read: what finds none stays with the broker, and the
 * gateway can still journal what it has to say. */
static err_t find_room(struct stream *stream) {
    err_t err = ERR_FULL;
    while (!has_room(stream) && err == ERR_FULL) {
        err = journal_preallocate(stream->journal, &stream->commit_reason);
        if (err == ERR_FULL) {
            TRY(make_room(stream));
        }
    }
    return has_room(stream) ? ERR_OK : err;
}

/* What was dropped to find it. */
static err_t tell_dropped(struct stream *stream) {
    if (stream->drop_first == stream->drop_end) {
        return ERR_OK;
    }
    journal_begin(stream->journal);
    append_dropped(stream);
    return journal_commit_reserved(stream->journal, &stream->commit_reason);
}

static uint64_t bytes_of_events(const struct stream *stream) {
    struct journal_stats stats = journal_stats(stream->journal);
    return stats.bytes - stats.spare_bytes;
}

/* When the record `seq` was appended, if it is there and can be read. */
static bool appended_at(const struct stream *stream, uint64_t seq,
                        int64_t *ret_us) {
    const struct disk *disk = &stream->options.platform->disk;
    uint64_t end = atomic_load(&journal_position(stream->journal)->end);
    struct journal_reader *reader;
    struct journal_record record;
    struct reason reason;
    if (journal_reader_open(disk, stream->dir, seq, &reader, &reason) !=
        ERR_OK) {
        return false;
    }
    err_t err = journal_reader_next(reader, end, &record);
    journal_reader_close(reader);
    if (err != ERR_OK) {
        return false;
    }
    *ret_us = record.wall_us;
    return true;
}

/* Is all of it older than `keep_for`? By what follows it, so that one page is
 * read, once a segment. Where that cannot be told, `keep` alone counts. */
static bool is_past_keep_for(struct stream *stream,
                             const struct journal_segment *oldest) {
    uint64_t keep_for_ms = stream->options.stream->keep_for_ms;
    if (keep_for_ms == 0) {
        return true;
    }
    if (stream->aged_seq != oldest->end_seq) {
        if (!appended_at(stream, oldest->end_seq, &stream->aged_us)) {
            return true;
        }
        stream->aged_seq = oldest->end_seq;
    }
    const struct clock *clock = &stream->options.platform->clock;
    int64_t age_us = clock->wall_us(clock->self) - stream->aged_us;
    return age_us >= 0 && (uint64_t)age_us / 1000 >= keep_for_ms;
}

/* What is delivered goes, oldest first, down to what is to be kept. */
static err_t let_go_delivered(struct stream *stream) {
    uint64_t keep = stream->options.stream->keep;
    struct journal_segment oldest;
    for (int i = 0; i < LET_GO_A_COMMIT && oldest_delivered(stream, &oldest) &&
                    bytes_of_events(stream) - oldest.bytes >= keep &&
                    is_past_keep_for(stream, &oldest);
         i++) {
        TRY(journal_trim(stream->journal, &stream->commit_reason));
    }
    return ERR_OK;
}

static err_t commit_batch(struct stream *stream) {
    TRY(commit_with_room(stream));
    TRY(tell_dropped(stream));
    return let_go_delivered(stream);
}

static err_t provide(struct stream *stream) {
    err_t err = find_room(stream);
    ENSURE(err == ERR_OK || err == ERR_FULL, err);
    TRY(tell_dropped(stream));
    return err;
}

static void commit_work(uv_work_t *work) {
    struct stream *stream = work->data;
    stream->commit_err = journal_batch_events(stream->journal) > 0 ||
                                 journal_is_handed(stream->journal)
                             ? commit_batch(stream)
                             : provide(stream);
}

static void commit_ended(struct stream *stream) {
    if (stream->commit_err == ERR_OK) {
        stream->commit_err = release(stream);
    }
    if (stream->commit_err == ERR_OK) {
        stream_snapshot(stream);
        if (stream->noticed_count > 0) {
            stream_note_damage(stream, stream->noticed, stream->noticed_count);
        }
    }
    if (stream->repeat_due) {
        stream_repeat_payments(stream);
    }
    stream->commit_done(stream->commit_self, stream->commit_err,
                        &stream->commit_reason);
}

/* Nothing is read from the broker, which keeps what devices send. */
static void wait_for_room(struct stream *stream) {
    uint64_t skipped;
    if (log_allowed(&stream->full_log, &skipped)) {
        log_line(LOG_ERROR, "stream",
                 "full name=%s reason=\"%s\"; nothing more is taken or "
                 "acknowledged until there is room: it goes on by itself",
                 stream->options.stream->name, stream->commit_reason.text);
    }
    stream->full_reason = stream->commit_reason;
    stream->full = true;
    if (stream->noticed_count > 0) { /* while it was tried */
        stream_note_damage(stream, stream->noticed, stream->noticed_count);
    }
}

static void on_commit(uv_work_t *work, int status) {
    struct stream *stream = work->data;
    assert(status == 0);
    stream->trying = false;
    stream->journal_stats = journal_stats(stream->journal);
    stream->counts.dropped = stream->dropped;
    if (stream->commit_err == ERR_FULL && !stream->giving_up) {
        wait_for_room(stream);
        return;
    }
    if (stream->full) {
        stream->full = false;
        log_line(LOG_INFO, "stream", "has_room name=%s",
                 stream->options.stream->name);
    }
    stream->committing = false;
    if (stream->commit_err == ERR_OK) {
        stream->options.durable(stream->options.self);
    }
    commit_ended(stream);
}

static void commit_begin(struct stream *stream) {
    stream->trying = true;
    stream->commit_err = ERR_OK;
    stream->commit_reason = (struct reason){""};
    stream->work.data = stream;
    int code = uv_queue_work(stream->options.loop, &stream->work, commit_work,
                             on_commit);
    assert(code == 0);
}

void stream_commit(struct stream *stream,
                   void (*done)(void *self, err_t err,
                                const struct reason *reason),
                   void *self) {
    assert(!stream->committing);
    stream->commit_done = done;
    stream->commit_self = self;
    stream->commit_err = ERR_OK;
    if (journal_batch_events(stream->journal) == 0 && has_room(stream)) {
        commit_ended(stream);
        return;
    }
    stream->committing = true;
    commit_begin(stream);
}

void stream_tick(struct stream *stream, uint64_t delivered) {
    atomic_store_explicit(&stream->delivered, delivered, memory_order_relaxed);
    if (stream->full && !stream->trying && !stream->giving_up) {
        commit_begin(stream);
    }
    stream_scrub(stream);
}

void stream_give_up(struct stream *stream) {
    stream->giving_up = true;
    if (stream->full && !stream->trying) {
        stream->committing = false;
        commit_ended(stream);
    }
}

const char *stream_full_reason(const struct stream *stream) {
    return stream->full ? stream->full_reason.text : NULL;
}

bool stream_is_committing(const struct stream *stream) {
    return stream->committing;
}

/* --- Payments that wait ------------------------------------------------- */

static void repeat_payment(void *context, const struct event *event,
                           struct shop_stamp stamp, struct slice terminal) {
    struct stream *stream = context;
    struct slice json;
    if (render(stream, event, stamp, &json) == ERR_OK) {
        publisher_to_device(stream->options.publisher, terminal, "notices",
                            json);
    }
}

void stream_repeat_payments(struct stream *stream) {
    /* While a batch is open the shop's state is ahead of the disk. */
    stream->repeat_due =
        stream->committing || journal_batch_events(stream->journal) > 0;
    if (stream->shop != NULL && !stream->committing &&
        journal_batch_events(stream->journal) == 0) {
        stream->payments_from =
            shop_open_payments(stream->shop, stream->payments_from,
                               PAYMENTS_A_TICK, repeat_payment, stream);
    }
}

const struct stream_counts *stream_counts(const struct stream *stream) {
    return &stream->counts;
}

const struct journal_stats *stream_journal_stats(const struct stream *stream) {
    return &stream->journal_stats;
}

const struct config_stream *stream_config(const struct stream *stream) {
    return stream->options.stream;
}

const char *stream_dir(const struct stream *stream) {
    return stream->dir;
}

struct journal *stream_journal(struct stream *stream) {
    return stream->journal;
}

struct shop *stream_shop(struct stream *stream) {
    return stream->shop;
}
