/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/intake.h"

#include <stdlib.h>

#include "gateway/event/event_type.h"
#include "gateway/shop/judge.h"
#include "gateway/shop/shop.h"
#include "gateway/stream/admission.h"
#include "gateway/stream/sink_rules.h"

enum {
    EXTRA = 64 * 1024, /* what event_read() needs beyond the payload */
};

struct intake {
    struct intake_options options;
    /* Scratch for one message. */
    struct arena arena;
    uint8_t *rendered; /* an event as JSON */
    size_t rendered_cap;
};

err_t intake_new(const struct intake_options *options, struct intake **ret) {
    struct intake *intake = calloc(1, sizeof *intake);
    ENSURE(intake != NULL, ERR_MEMORY);
    intake->options = *options;
    /* It also takes CBOR data written as JSON: at most six times as long. */
    size_t arena_cap = 8 * (size_t)options->event_bytes_max + EXTRA;
    intake->rendered_cap = 2 * (size_t)options->event_bytes_max + EXTRA;
    void *arena = malloc(arena_cap);
    intake->arena = arena_over(arena, arena_cap);
    intake->rendered = malloc(intake->rendered_cap);
    if (arena == NULL || intake->rendered == NULL) {
        intake_free(intake);
        return ERR_MEMORY;
    }
    *ret = intake;
    return ERR_OK;
}

void intake_free(struct intake *intake) {
    if (intake == NULL) {
        return;
    }
    free(intake->arena.data);
    free(intake->rendered);
    free(intake);
}

static err_t check_size(const struct intake *intake,
                        const struct stream_message *message,
                        struct reason *why) {
    uint32_t max = intake->options.event_bytes_max;
    if (message->payload.len <= max) {
        return ERR_OK;
    }
    return reason_set(why, ERR_RANGE,
                      "the event has %zu bytes; at most %u are accepted "
                      "(event_bytes_max)",
                      message->payload.len, max);
}

/* A sink that speaks JSON must be able to represent it. It is better to say so
 * now than to hold the event when the cloud should get it. */
static err_t check_renders(struct intake *intake, const struct event *event,
                           struct reason *why) {
    const struct config_stream *stream = intake->options.stream;
    if (event->data_kind != EVENT_DATA_CBOR && stream == NULL) {
        return ERR_OK;
    }
    struct slice json = SLICE("\"\""); /* what bytes are in JSON: a string */
    if (event->data_kind != EVENT_DATA_BINARY) {
        TRY(event_data_json(event, &intake->arena, &json, why));
    }
    return stream == NULL ? ERR_OK : sink_rules_check(stream, json, why);
}

/* Escapes and base64 can make the rendering larger than the payload. The limit
 * is the sink's, so the size is measured on what the sink will get. What the
 * rendering adds has the same length for every record. */
static err_t check_rendered_size(struct intake *intake,
                                 const struct event *event,
                                 struct reason *why) {
    const struct event_record anywhere = {.life = {{1}}};
    struct writer out = writer_over(intake->rendered, intake->rendered_cap);
    uint32_t max = intake->options.event_bytes_max;
    if (event_render_json(event, &anywhere, &out) != ERR_OK ||
        out.len + INTAKE_HEADROOM > max) {
        return reason_set(why, ERR_RANGE,
                          "the event written as JSON is larger than the %u "
                          "bytes that are sure to reach the cloud "
                          "(event_bytes_max less %d)",
                          max - INTAKE_HEADROOM, INTAKE_HEADROOM);
    }
    return ERR_OK;
}

static err_t check_shop(const struct intake *intake, const struct event *event,
                        struct reason *why) {
    if (!intake->options.has_shop) {
        return event_type_check_free(event->type, why);
    }
    TRY(event_type_check_sendable(event->type, why));
    return shop_check(event, why);
}

static err_t check(struct intake *intake, const struct stream_message *message,
                   struct event *ret, struct reason *why) {
    TRY(admission_device(message->device, why));
    TRY(check_size(intake, message, why));
    TRY(event_read(event_encoding_guess(message->payload), message->payload,
                   &intake->arena, ret, why));
    TRY(admission_source(ret, intake->options.store, message->device, why));
    TRY(check_renders(intake, ret, why));
    TRY(check_shop(intake, ret, why));
    return check_rendered_size(intake, ret, why);
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

/* The device must be able to match the answer, so the payload is searched for
 * its id whatever it was refused for. */
static void reject(struct intake *intake, const struct stream_message *message,
                   struct intake_result *ret) {
    ret->verdict = INTAKE_REJECTED;
    make_printable(&ret->why);
    struct slice id;
    if (ret->event.id.len == 0 &&
        event_find_id(event_encoding_guess(message->payload), message->payload,
                      &intake->arena, &id) == ERR_OK) {
        ret->event.id = id;
    }
    if (ret->event.id.len > EVENT_ID_MAX || !slice_is_utf8(ret->event.id)) {
        ret->event.id = SLICE_EMPTY;
    }
}

/* A stock that is received or a sale that is placed twice is worse than one
 * that a person is asked about, so the shop takes nothing that it might have.
 */
static err_t check_age(const struct intake *intake, const struct dedupe *dedupe,
                       const struct stream_message *message,
                       const struct event *event, struct reason *why) {
    const struct clock *clock = intake->options.clock;
    int64_t time_us;
    if (!intake->options.has_shop ||
        event_time_parse(event->time, &time_us) != ERR_OK ||
        !dedupe_is_too_old(dedupe, message->device, time_us,
                           clock->wall_us(clock->self))) {
        return ERR_OK;
    }
    return reason_set(why, ERR_REFUSED,
                      "too old to tell whether it is a repeat: its time is not "
                      "after that of events of this device whose ids are "
                      "forgotten; if it is new, set the device's clock and "
                      "send it under a new id with the present time");
}

static err_t check_state(struct intake *intake, const struct event *event,
                         struct reason *why) {
    const struct clock *clock = intake->options.clock;
    if (intake->options.shop == NULL) {
        return ERR_OK;
    }
    return shop_judge(intake->options.shop, event, clock->wall_us(clock->self),
                      why);
}

err_t intake_judge(struct intake *intake, const struct dedupe *dedupe,
                   const struct stream_message *message,
                   struct intake_result *ret) {
    arena_reset(&intake->arena);
    *ret = (struct intake_result){.verdict = INTAKE_NEW};
    err_t err = check(intake, message, &ret->event, &ret->why);
    ENSURE(err != ERR_MEMORY, err);
    if (err != ERR_OK) {
        reject(intake, message, ret);
        return ERR_OK;
    }
    ret->content_hash = event_hash(&ret->event);
    switch (dedupe_find(dedupe, message->device, ret->event.id,
                        ret->content_hash, &ret->first_seq)) {
    case DEDUPE_NEW:
        if (check_age(intake, dedupe, message, &ret->event, &ret->why) !=
            ERR_OK) {
            ret->too_old = true;
            reject(intake, message, ret);
            break;
        }
        err = check_state(intake, &ret->event, &ret->why);
        ENSURE(err != ERR_MEMORY, err);
        if (err != ERR_OK) {
            reject(intake, message, ret);
        }
        break;
    case DEDUPE_SAME:
        ret->verdict = INTAKE_DUPLICATE;
        break;
    case DEDUPE_OTHER:
        (void)reason_set(&ret->why, ERR_REFUSED,
                         "another event (seq %llu) has already used this id: "
                         "give each event its own id",
                         (unsigned long long)ret->first_seq);
        reject(intake, message, ret);
        break;
    }
    return ERR_OK;
}
