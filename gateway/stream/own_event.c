/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/own_event.h"

#include <assert.h>
#include <stdio.h>

#include "gateway/event/event_source.h"
#include "gateway/event/event_type.h"
#include "gateway/event/json.h"

enum {
    DATA_MAX = BATCH_OWN_BYTES_MAX / 2,
    MINUTE_US = 60 * 1000 * 1000,
};

void own_event_make(const struct own_event *own, enum event_type type,
                    char mark, struct slice data, struct shop_stamp at,
                    struct own_event_made *ret) {
    assert(event_type_publisher(type) == EVENT_PUBLISHER_GATEWAY);
    struct writer id = writer_over(ret->id, sizeof ret->id);
    event_life_write(&id, event_life_of(own->life));
    writer_printf(&id, "-%llu-%c", (unsigned long long)at.seq, mark);
    struct writer from = writer_over(ret->source, sizeof ret->source);
    event_source_write(&from, slice_from_str(own->store), SLICE("gateway"));
    event_time_format(at.wall_us, ret->time);
    ret->event = (struct event){
        .id = writer_slice(&id),
        .source = writer_slice(&from),
        .type = slice_from_str(event_type_name(type)),
        .time = slice_from_str(ret->time),
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = data,
    };
}

static err_t append(struct own_event *own, enum event_type type, char mark,
                    struct slice data) {
    const struct shop_stamp at = {batch_end(own->batch),
                                  batch_begin(own->batch).wall_us};
    struct own_event_made made;
    own_event_make(own, type, mark, data, at, &made);
    struct shop_stamp stamp;
    return batch_append(own->batch, &made.event, &stamp);
}

static bool rejected_is_due(struct own_event *own) {
    int64_t now_us = batch_begin(own->batch).mono_us;
    if (own->rejected == 0 || now_us - own->rejected_since_us >= MINUTE_US) {
        own->rejected_since_us = now_us;
        own->rejected = 0;
    }
    return own->rejected++ < OWN_EVENT_REJECTED_A_MINUTE;
}

err_t own_event_rejected(struct own_event *own, struct slice device,
                         struct slice id, const char *why) {
    if (!rejected_is_due(own)) {
        return ERR_OK;
    }
    char data[DATA_MAX];
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
    return append(own, EVENT_TYPE_EVENT_REJECTED, 'r', writer_slice(&out));
}

static err_t append_range_of(struct own_event *own, enum event_type type,
                             char mark, const char *stream,
                             const struct own_event_range *range) {
    assert(range->first < range->end);
    assert(range->count > 0 && range->count <= range->end - range->first);
    char data[DATA_MAX];
    struct writer out = writer_over(data, sizeof data);
    writer_printf(
        &out, "{\"stream\":\"%s\",\"first\":%llu,\"last\":%llu,\"count\":%llu}",
        stream, (unsigned long long)range->first,
        (unsigned long long)range->end - 1, (unsigned long long)range->count);
    return append(own, type, mark, writer_slice(&out));
}

static err_t append_range(struct own_event *own, enum event_type type,
                          char mark, const struct own_event_range *range) {
    return append_range_of(own, type, mark, own->stream, range);
}

err_t own_event_dropped(struct own_event *own,
                        const struct own_event_range *range) {
    return append_range(own, EVENT_TYPE_EVENTS_DROPPED, 'd', range);
}

err_t own_event_dead_damaged(struct own_event *own,
                             const struct own_event_range *range) {
    return append_range_of(own, EVENT_TYPE_JOURNAL_DAMAGED, 'x', "dead", range);
}

err_t own_event_dead_lettered(struct own_event *own,
                              const struct own_event_range *range,
                              const char *code) {
    assert(range->first < range->end && range->count > 0);
    char data[DATA_MAX];
    struct writer out = writer_over(data, sizeof data);
    writer_printf(&out,
                  "{\"stream\":\"%s\",\"first\":%llu,\"last\":%llu,"
                  "\"count\":%llu,\"code\":",
                  own->stream, (unsigned long long)range->first,
                  (unsigned long long)range->end - 1,
                  (unsigned long long)range->count);
    json_write_string(&out, slice_from_str(code));
    writer_str(&out, "}");
    ENSURE(!out.full, ERR_FULL);
    return append(own, EVENT_TYPE_EVENT_DEAD_LETTERED, 'l', writer_slice(&out));
}

static err_t append_damaged(struct own_event *own,
                            const struct own_event_range *range) {
    log_line(LOG_ERROR, "stream",
             "damaged name=%s first=%llu last=%llu count=%llu: these events "
             "are lost",
             own->stream, (unsigned long long)range->first,
             (unsigned long long)range->end - 1,
             (unsigned long long)range->count);
    return append_range(own, EVENT_TYPE_JOURNAL_DAMAGED, 'x', range);
}

static void add_gap(struct own_event_range *range,
                    const struct journal_gap *gap) {
    range->first = range->count == 0 ? gap->first : range->first;
    range->end = gap->end;
    range->count += gap->end - gap->first;
}

err_t own_event_damaged(struct own_event *own, const struct journal_gap *gaps,
                        size_t count, struct journal_gap *ret_told,
                        size_t *ret_told_count) {
    uint32_t most = batch_takes_own(own->batch);
    struct own_event_range rest = {0, 0, 0};
    uint32_t said = 0;
    *ret_told_count = 0;
    for (size_t i = 0; i < count && most > 0; i++) {
        if (journal_gap_is_told(&gaps[i])) {
            continue;
        }
        struct journal_gap told = gaps[i];
        told.told_at = batch_end(own->batch); /* the next record */
        ret_told[(*ret_told_count)++] = told;
        add_gap(&rest, &gaps[i]);
        if (said + 1 < most) {
            TRY(append_damaged(own, &rest));
            rest = (struct own_event_range){0, 0, 0};
            said++;
        }
    }
    return rest.count == 0 ? ERR_OK : append_damaged(own, &rest);
}
