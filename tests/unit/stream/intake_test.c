/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/intake.h"

#include "config/config.h"

#include "gateway/event/event_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BYTES_MAX = 16 * 1024, HEADROOM = 4096 };

struct fixture {
    struct intake *intake;
    struct intake *of_shop;
    struct dedupe *dedupe;
    struct clock clock;
    int64_t now_us;
    struct intake_result result;
};

#define NOW_US ((int64_t)1795432440 * 1000 * 1000) /* 2026-11-23T11:14Z */

static int64_t read_clock(void *self) {
    return ((struct fixture *)self)->now_us;
}

static void remember(struct fixture *f, const char *device, const char *id,
                     uint64_t content_hash, uint64_t seq, int64_t time_us) {
    const struct dedupe_event event = {.device = slice_from_str(device),
                                       .id = slice_from_str(id),
                                       .content_hash = content_hash,
                                       .seq = seq,
                                       .time_us = time_us,
                                       .wall_us = NOW_US};
    assert_int_equal(dedupe_add(f->dedupe, &event), ERR_OK);
}

static int setup(void **state) {
    static struct fixture f;
    f.now_us = NOW_US;
    f.clock = (struct clock){&f, read_clock, read_clock};
    struct intake_options options = {
        .store = "s", .event_bytes_max = BYTES_MAX, .clock = &f.clock};
    assert_int_equal(intake_new(&options, &f.intake), ERR_OK);
    options.has_shop = true;
    assert_int_equal(intake_new(&options, &f.of_shop), ERR_OK);
    assert_int_equal(dedupe_new(DEDUPE_IDS_MIN, &f.dedupe), ERR_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    intake_free(f->intake);
    intake_free(f->of_shop);
    dedupe_free(f->dedupe);
    intake_free(NULL);
    return 0;
}

static enum intake_verdict judge(struct fixture *f, struct intake *intake,
                                 const char *device, struct slice payload) {
    const struct stream_message message = {slice_from_str(device), payload};
    assert_int_equal(intake_judge(intake, f->dedupe, &message, &f->result),
                     ERR_OK);
    return f->result.verdict;
}

static enum intake_verdict judge_text(struct fixture *f, const char *payload) {
    return judge(f, f->intake, "meter-1", slice_from_str(payload));
}

static void rejects(struct fixture *f, struct intake *intake,
                    const char *device, struct slice payload, const char *id,
                    const char *words) {
    assert_int_equal(judge(f, intake, device, payload), INTAKE_REJECTED);
    if (strstr(f->result.why.text, words) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", f->result.why.text, words);
    }
    assert_true(slice_eq_str(f->result.event.id, id));
}

#define EVENT(id, source, type, more)                                 \
    "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"" source \
    "\",\"type\":\"" type "\"" more "}"

/* Goal: an event that may be said is new, then a repeat once it is remembered;
 * another content under its id is refused with the number of the first. */
static void test_new_repeated_and_other(void **state) {
    struct fixture *f = *state;
    const char *event = EVENT("a", "/s/meter-1", "Reading", ",\"data\":1");
    assert_int_equal(judge_text(f, event), INTAKE_NEW);
    assert_true(slice_eq_str(f->result.event.id, "a"));
    assert_int_equal(judge_text(f, event), INTAKE_NEW); /* not remembered */
    remember(f, "meter-1", "a", f->result.content_hash, 42, DEDUPE_NO_TIME);
    assert_int_equal(judge_text(f, event), INTAKE_DUPLICATE);
    assert_int_equal(f->result.first_seq, 42);
    assert_true(slice_eq_str(f->result.event.id, "a"));
    rejects(f, f->intake, "meter-1",
            SLICE(EVENT("a", "/s/meter-1", "Reading", ",\"data\":2")), "a",
            "(seq 42)");
    assert_int_equal(
        judge_text(f, EVENT("b", "/s/meter-1", "Reading", ",\"data\":1")),
        INTAKE_NEW);
}

/* Goal: each refusal says what to change, and names the event if it can. */
static void test_refusals(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *device;
        const char *payload;
        const char *id;
        const char *words;
    } rows[] = {
        {"gateway", EVENT("a", "/s/gateway", "T", ""), "a", "another name"},
        {"a+b", EVENT("a", "/s/a+b", "T", ""), "a", "any of / + #"},
        {"meter-1", "{\"id\":\"a\",\"type\":", "a", "not JSON at byte 17"},
        {"meter-1", "{\"celsius\":21}", "", "this is no CloudEvent"},
        {"meter-1", "", "", "JSON"},
        {"meter-1", "{\"id\":\"a\"}", "a", "specversion"},
        {"meter-1", EVENT("a", "/s/meter-2", "T", ""), "a",
         "source must be \"/s/meter-1\""},
        {"meter-1", EVENT("a", "/other/meter-1", "T", ""), "a",
         "source must be"},
        {"meter-1", EVENT("a", "/s/meter-1", "", ""), "a", "type"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rejects(f, f->intake, rows[i].device, slice_from_str(rows[i].payload),
                rows[i].id, rows[i].words);
    }
}

/* Goal: the shop's rules hold on its stream, and only there. */
static void test_the_shops_rules(void **state) {
    struct fixture *f = *state;
    const struct slice unknown = SLICE(EVENT("a", "/s/till-1", "Reading", ""));
    const struct slice bad = SLICE(
        EVENT("a", "/s/till-1", "OrderPlaced", ",\"data\":{\"orderId\":7}"));
    rejects(f, f->of_shop, "till-1", unknown, "a", "OrderPlaced");
    rejects(f, f->of_shop, "till-1", bad, "a", "data.customerId");
    assert_int_equal(judge(f, f->intake, "till-1", unknown), INTAKE_NEW);
    assert_int_equal(judge(f, f->intake, "till-1", bad), INTAKE_NEW);
}

/* An event whose payload has so many bytes. */
static struct slice of_size(size_t size, char *memory) {
    struct writer out = writer_over(memory, size);
    writer_str(&out, "{\"specversion\":\"1.0\",\"id\":\"long\",\"source\":"
                     "\"/s/meter-1\",\"type\":\"T\",\"data\":\"");
    writer_fill(&out, 'x', size - out.len - 2);
    writer_str(&out, "\"}");
    assert_false(out.full);
    return writer_slice(&out);
}

/* Goal: the bounds of size are exact, and an event that is too long for being
 * read is still named. */
static void test_sizes(void **state) {
    struct fixture *f = *state;
    static char memory[BYTES_MAX + 1];
    rejects(f, f->intake, "meter-1", of_size(BYTES_MAX + 1, memory), "long",
            "at most 16384 are accepted");
    rejects(f, f->intake, "meter-1", of_size(BYTES_MAX, memory), "long",
            "larger than the 12288 bytes that are sure to reach the cloud");
    size_t low = 1000;
    size_t high = BYTES_MAX;
    while (high - low > 1) { /* the longest that is taken */
        size_t size = (low + high) / 2;
        bool taken =
            judge(f, f->intake, "meter-1", of_size(size, memory)) == INTAKE_NEW;
        low = taken ? size : low;
        high = taken ? high : size;
    }
    assert_true(low < BYTES_MAX - HEADROOM);
    assert_int_equal(judge(f, f->intake, "meter-1", of_size(low, memory)),
                     INTAKE_NEW);
    static char json[BYTES_MAX];
    struct writer out = writer_over(json, sizeof json);
    const struct event_record record = {.seq = UINT64_MAX, .life = {{9}}};
    assert_int_equal(event_render_json(&f->result.event, &record, &out),
                     ERR_OK);
    assert_int_equal(out.len, BYTES_MAX - HEADROOM);
}

/* Goal: CBOR that JSON cannot say is refused at the door. */
static void test_cbor_that_json_cannot_say(void **state) {
    struct fixture *f = *state;
    static const uint8_t head[] = "\xa5\x6bspecversion\x63"
                                  "1.0\x62id\x61"
                                  "c\x66source\x6a/s/meter-1\x64type\x61T\x64"
                                  "data";
    uint8_t payload[128];
    struct writer out = writer_over(payload, sizeof payload);
    writer_slice_add(&out, slice_of(head, sizeof head - 1));
    struct writer good = out;
    writer_u8(&good, 0x07);
    assert_int_equal(judge(f, f->intake, "meter-1", writer_slice(&good)),
                     INTAKE_NEW);
    writer_u8(&out, 0xf7); /* undefined */
    rejects(f, f->intake, "meter-1", writer_slice(&out), "c", "undefined");
}

/* Goal: what a reason quotes is UTF-8, and an id that is none is not given
 * back. */
static void test_what_is_quoted_is_text(void **state) {
    struct fixture *f = *state;
    /* 100 bytes of a source are quoted: the cut goes through a character. */
    char payload[512];
    char source[160];
    memset(source, 0, sizeof source);
    strcpy(source, "/s/x");
    for (int i = 0; i < 60; i++) {
        strcat(source, "\xc3\xa4");
    }
    snprintf(payload, sizeof payload,
             "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"%s%s\","
             "\"type\":\"T\"}",
             source, "x");
    assert_int_equal(judge_text(f, payload), INTAKE_REJECTED);
    assert_true(slice_is_utf8(slice_from_str(f->result.why.text)));
    memmove(source + 1, source, strlen(source));
    snprintf(payload, sizeof payload,
             "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"%s\","
             "\"type\":\"T\"}",
             source);
    assert_int_equal(judge_text(f, payload), INTAKE_REJECTED);
    assert_true(slice_is_utf8(slice_from_str(f->result.why.text)));
    char id[EVENT_ID_MAX + 64];
    memset(id, 'i', sizeof id);
    id[EVENT_ID_MAX + 1] = '\0';
    snprintf(payload, sizeof payload, "{\"id\":\"%s\"}", id);
    assert_int_equal(judge_text(f, payload), INTAKE_REJECTED);
    assert_int_equal(f->result.event.id.len, 0);
}

/* Goal: what the services and the gateway publish is taken from no device, with
 * the shop or without. */
static void test_reserved_types(void **state) {
    struct fixture *f = *state;
    unsigned reserved = 0;
    for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
        char payload[256];
        snprintf(payload, sizeof payload, EVENT("a", "/s/meter-1", "%s", ""),
                 event_type_name((enum event_type)type));
        if (event_type_is_sendable((enum event_type)type)) {
            assert_int_equal(judge_text(f, payload), INTAKE_NEW);
            continue;
        }
        reserved++;
        rejects(f, f->intake, "meter-1", slice_from_str(payload), "a",
                "is reserved for what the gateway itself publishes");
        rejects(f, f->of_shop, "meter-1", slice_from_str(payload), "a",
                "this stream takes OrderPlaced");
    }
    assert_int_equal(reserved, 23);
}

#define PLACED(time, more)                          \
    EVENT("a", "/s/till-1", "OrderCancelRequested", \
          time ",\"data\":{\"orderId\":\"x\"}" more)

/* Goal: what may be a repeat of something that was forgotten is refused where
 * it would be sold twice, and the device is told what to do. */
static void test_too_old_to_tell(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < DEDUPE_WINDOW + 1; i++) {
        char id[16];
        snprintf(id, sizeof id, "i-%d", i);
        remember(f, "till-1", id, 1, (uint64_t)i, NOW_US + i);
        remember(f, "meter-1", id, 1, (uint64_t)i, NOW_US + i);
    }
    struct slice old = SLICE(PLACED(",\"time\":\"2026-11-23T11:14:00Z\"", ""));
    rejects(f, f->of_shop, "till-1", old, "a",
            "too old to tell whether it is a repeat");
    rejects(f, f->of_shop, "till-1", old, "a", "under a new id");
    assert_int_equal(
        judge(f, f->of_shop, "till-1",
              SLICE(PLACED(",\"time\":\"2026-11-23T11:14:00.000001Z\"", ""))),
        INTAKE_NEW);
    assert_int_equal(judge(f, f->of_shop, "till-1", SLICE(PLACED("", ""))),
                     INTAKE_NEW);
    /* Elsewhere nothing is sold. */
    assert_int_equal(judge_text(f, EVENT("a", "/s/meter-1", "T",
                                         ",\"time\":\"2026-11-23T11:14:00Z\"")),
                     INTAKE_NEW);
    f->now_us = 0; /* a clock that was never set */
    assert_int_equal(judge(f, f->of_shop, "till-1", old), INTAKE_NEW);
}

/* Goal: with `detail: data` only an object, or nothing, is taken, in whatever
 * encoding; elsewhere anything is. What a service may refuse, or may not, is
 * taken everywhere. */
static void test_what_the_sink_takes(void **state) {
    struct fixture *f = *state;
    struct config_stream stream = {.sink = CONFIG_SINK_EVENTBRIDGE};
    struct intake_options options = {.store = "s",
                                     .event_bytes_max = BYTES_MAX,
                                     .stream = &stream,
                                     .clock = &f->clock};
    struct intake *intake;
    assert_int_equal(intake_new(&options, &intake), ERR_OK);
    static const struct {
        const char *payload;
        bool object;
    } rows[] = {
        {EVENT("a", "/s/meter-1", "T", ",\"data\":{\"n\":1}"), true},
        {EVENT("a", "/s/meter-1", "T", ",\"data\": {}"), true},
        {EVENT("a", "/s/meter-1", "T", ",\"data\":null"), true},
        {EVENT("a", "/s/meter-1", "T", ""), true},
        {EVENT("a", "/s/meter-1", "T",
               ",\"data\":{\"n\":1180591620717411303424,\"x\":1e999}"),
         true},
        {EVENT("a", "/s/meter-1", "T", ",\"data\":[1]"), false},
        {EVENT("a", "/s/meter-1", "T", ",\"data\":\"{}\""), false},
        {EVENT("a", "/s/meter-1", "T", ",\"data\":7"), false},
        {EVENT("a", "/s/meter-1", "T", ",\"data_base64\":\"e30=\""), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice payload = slice_from_str(rows[i].payload);
        stream.detail = CONFIG_DETAIL_CLOUDEVENT;
        assert_int_equal(judge(f, intake, "meter-1", payload), INTAKE_NEW);
        stream.detail = CONFIG_DETAIL_DATA;
        if (rows[i].object) {
            assert_int_equal(judge(f, intake, "meter-1", payload), INTAKE_NEW);
        } else {
            rejects(f, intake, "meter-1", payload, "a",
                    "data must be a JSON object");
        }
        stream.sink = CONFIG_SINK_KINESIS;
        assert_int_equal(judge(f, intake, "meter-1", payload), INTAKE_NEW);
        stream.sink = CONFIG_SINK_EVENTBRIDGE;
    }
    intake_free(intake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_new_repeated_and_other),    TEST(test_refusals),
        TEST(test_the_shops_rules),           TEST(test_sizes),
        TEST(test_cbor_that_json_cannot_say), TEST(test_what_is_quoted_is_text),
        TEST(test_too_old_to_tell),           TEST(test_reserved_types),
        TEST(test_what_the_sink_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
