/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender says: status, links, words, log lines; and what an answer means
 * for a person. Log lines are taken here instead of written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/explain.h"
#include "bridge/report.h"

static char last_line[1024];
static uint32_t lines;

/* Linked in place of the library's (--wrap). */
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) PRINTF_LIKE(3, 4);
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) {
    int len =
        snprintf(last_line, sizeof last_line, "%d %s ", (int)level, module);
    va_list args;
    va_start(args, format);
    vsnprintf(last_line + len, sizeof last_line - (size_t)len, format, args);
    va_end(args);
    lines++;
}

static int64_t read_wall(void *self) {
    return *(const int64_t *)self;
}

struct bench {
    int64_t wall_us;
    struct clock clock;
    struct report report;
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->wall_us = 1000;
    bench->clock = (struct clock){&bench->wall_us, read_wall, read_wall};
    report_init(&bench->report, "orders", &bench->clock);
    lines = 0;
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    free(*state);
    return 0;
}

/* Goal: a stream that only waits for its turn is shown as waiting once that
 * took a second, without the words of what went wrong before; and until it was
 * answered, however often it gets a turn meanwhile. */
static void test_waiting_is_a_state(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    report_say(report, BRIDGE_LINK_OFFLINE, "connection refused");
    report_turn(report, true, true);
    assert_true(report_due_us(report) == bench->wall_us + REPORT_WAITING_US);
    bench->wall_us += REPORT_WAITING_US - 1;
    report_turn(report, true, true);
    assert_int_equal(report->status.link, BRIDGE_LINK_OFFLINE);
    bench->wall_us += 1;
    report_turn(report, true, true);
    assert_int_equal(report->status.link, BRIDGE_LINK_WAITING);
    assert_string_equal(report->status.last_error, "");
    assert_int_equal(lines, 2);
    assert_true(report_due_us(report) == INT64_MAX);
    report_turn(report, true, false);
    assert_int_equal(report->status.link, BRIDGE_LINK_WAITING);
    report_say(report, BRIDGE_LINK_ONLINE, "");
    assert_int_equal(report->status.link, BRIDGE_LINK_ONLINE);
    /* A turn now and then: the clock starts again. */
    for (int i = 0; i < 5; i++) {
        report_turn(report, true, true);
        bench->wall_us += REPORT_WAITING_US - 1;
        report_turn(report, true, false);
    }
    assert_int_equal(report->status.link, BRIDGE_LINK_ONLINE);
    report_turn(report, true, true);
    bench->wall_us += REPORT_WAITING_US;
    report_turn(report, true, true);
    assert_int_equal(report->status.link, BRIDGE_LINK_WAITING);
    assert_int_equal(lines, 2); /* online and waiting alternate: no line */
    report_turn(report, false, true);
    assert_int_equal(report->status.link, BRIDGE_LINK_IDLE);
}

/* Goal: what the service refuses is not made well by waiting: only an answer
 * says that. Nothing is due meanwhile. */
static void test_refused_stays_while_it_waits(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    report_say(report, BRIDGE_LINK_REFUSED, "no such stream");
    for (int i = 0; i < 3; i++) {
        report_turn(report, true, true);
        assert_int_equal(report->status.link, BRIDGE_LINK_REFUSED);
        assert_string_equal(report->status.last_error, "no such stream");
        assert_true(report_due_us(report) == INT64_MAX);
        bench->wall_us += REPORT_WAITING_US;
    }
    report_say(report, BRIDGE_LINK_ONLINE, "");
    assert_int_equal(report->status.link, BRIDGE_LINK_ONLINE);
}

/* Goal: one that has nothing to send waits for nothing, nor does a paused one.
 */
static void test_nothing_waits(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    for (int i = 0; i < 3; i++) {
        report_turn(report, false, true);
        bench->wall_us += REPORT_WAITING_US;
    }
    assert_int_equal(report->status.link, BRIDGE_LINK_IDLE);
    assert_true(report_due_us(report) == INT64_MAX);
    report_pause(report, true);
    for (int i = 0; i < 3; i++) {
        report_turn(report, true, true);
        assert_true(report_due_us(report) == INT64_MAX);
        bench->wall_us += REPORT_WAITING_US;
    }
    assert_int_equal(report->status.link, BRIDGE_LINK_PAUSED);
}

/* Goal: a service that throttles every other request is throttled all the time,
 * with one line; it is online five seconds after the last. */
static void test_throttled_does_not_flap(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    report_say(report, BRIDGE_LINK_ONLINE, "");
    lines = 0;
    for (int i = 0; i < 10; i++) {
        report_say(report, BRIDGE_LINK_THROTTLED, "Rate exceeded");
        assert_true(report_due_us(report) == INT64_MAX);
        bench->wall_us += REPORT_EASES_US - 1;
        report_say(report, BRIDGE_LINK_ONLINE, "");
        assert_int_equal(report->status.link, BRIDGE_LINK_THROTTLED);
        assert_true(report_due_us(report) == bench->wall_us + 1);
        report_turn(report, true, false);
    }
    assert_int_equal(report->status.link, BRIDGE_LINK_THROTTLED);
    assert_string_equal(report->status.last_error, "Rate exceeded");
    assert_int_equal(lines, 1);
    assert_string_equal(last_line, "1 bridge stream=orders link=throttled "
                                   "was=online backlog=0 error=Rate exceeded");
    bench->wall_us += 1;
    report_turn(report, true, false);
    assert_int_equal(report->status.link, BRIDGE_LINK_ONLINE);
    assert_string_equal(report->status.last_error, "");
    assert_true(report_due_us(report) == INT64_MAX);
    /* An outage, a long time later, is no ease. */
    report_say(report, BRIDGE_LINK_THROTTLED, "Rate exceeded");
    report_say(report, BRIDGE_LINK_OFFLINE, "no route");
    assert_int_equal(report->status.link, BRIDGE_LINK_OFFLINE);
    report_say(report, BRIDGE_LINK_ONLINE, "");
    assert_int_equal(report->status.link, BRIDGE_LINK_ONLINE);
}

/* Goal: an answer is a throttled one if any of its entries is. */
static void test_throttled_in_part(void **state) {
    (void)state;
    struct answer answer = {.call = CALL_ANSWERED};
    answer.outcomes[2] = ENTRY_THROTTLED;
    assert_false(explain_throttled(&answer, 2));
    assert_true(explain_throttled(&answer, 3));
    answer.call = CALL_FAILED; /* outcomes mean nothing then */
    assert_false(explain_throttled(&answer, 3));
    answer.call = CALL_THROTTLED;
    assert_true(explain_throttled(&answer, 0));
}

/* Goal: one line for each change of the link, with the words where it is a bad
 * one, and none for what stays the same. */
static void test_a_link_is_told_when_it_changes(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    assert_int_equal(report->status.since_us, 1000);
    report_link(report, BRIDGE_LINK_IDLE);
    assert_int_equal(lines, 0);
    report->status.end = 7;
    report->status.cursor = 3;
    bench->wall_us = 2000;
    report_say(report, BRIDGE_LINK_OFFLINE, "no route");
    assert_int_equal(lines, 1);
    assert_string_equal(last_line, "1 bridge stream=orders link=offline "
                                   "was=idle backlog=4 error=no route");
    assert_int_equal(report->status.since_us, 2000);
    report_say(report, BRIDGE_LINK_OFFLINE, "no route");
    assert_int_equal(lines, 1);
    report_say(report, BRIDGE_LINK_OFFLINE, "no name");
    assert_int_equal(lines, 2);
    assert_string_equal(last_line,
                        "1 bridge stream=orders skipped=0 error=no name");
    report_say(report, BRIDGE_LINK_ONLINE, "");
    assert_string_equal(
        last_line, "2 bridge stream=orders link=online was=offline backlog=4");
    report_pause(report, true);
    assert_int_equal(report->status.link, BRIDGE_LINK_PAUSED);
    report_link(report, BRIDGE_LINK_ONLINE);
    assert_int_equal(report->status.link, BRIDGE_LINK_PAUSED);
    report_pause(report, false);
    assert_int_equal(report->status.link, BRIDGE_LINK_IDLE);
    assert_int_equal(lines, 5);
}

/* Goal: words are cut to their room, and what follows them is zero, so that
 * equal words make equal statuses. */
static void test_words_are_cut(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    char text[500];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    report_words(report, text);
    size_t room = sizeof report->status.last_error;
    assert_int_equal(strlen(report->status.last_error), room - 1);
    struct bridge_stream_status copy;
    assert_true(report_copy(report, &copy));
    report_words(report, "short");
    assert_true(report_copy(report, &copy));
    for (size_t i = strlen("short"); i < room; i++) {
        assert_int_equal(copy.last_error[i], 0);
    }
    report_words(report, "short");
    assert_false(report_copy(report, &copy));
    report_words(report, report->status.last_error);
    assert_string_equal(report->status.last_error, "short");
    for (size_t from = 0; from < 2; from++) { /* an a umlaut is cut in one */
        for (size_t i = from; i + 2 < sizeof text; i += 2) {
            memcpy(text + i, "\xc3\xa4", 2);
        }
        report_words(report, text);
        assert_true(slice_is_utf8(slice_from_str(report->status.last_error)));
    }
}

/* Goal: what is lost is counted and named from first to last; the newest gaps
 * stay, each at its number. */
static void test_gaps_are_kept(void **state) {
    struct bench *bench = *state;
    struct report *report = &bench->report;
    report_lost(report, 5, 9, "they are gone");
    assert_int_equal(report->status.lost, 4);
    assert_string_equal(last_line, "0 bridge stream=orders events_not_sent=4 "
                                   "first=5 last=8: they are gone");
    for (uint64_t i = 0; i < BRIDGE_GAPS_MAX + 1; i++) {
        report_gap(report, &(struct journal_gap){.first = i, .end = i + 1});
    }
    assert_int_equal(report->status.gap_count, BRIDGE_GAPS_MAX + 1);
    assert_int_equal(report->status.gaps[0].first, BRIDGE_GAPS_MAX);
    assert_int_equal(report->status.gaps[1].first, 1);
}

/* Goal: a stream's status is found by its name, and no other is. */
static void test_a_status_is_found_by_name(void **state) {
    (void)state;
    static struct bridge_status status;
    status = (struct bridge_status){.stream_count = 2};
    strcpy(status.streams[0].name, "orders");
    strcpy(status.streams[1].name, "telemetry");
    strcpy(status.streams[2].name, "spare");
    assert_ptr_equal(bridge_status_find(&status, "telemetry"),
                     &status.streams[1]);
    assert_ptr_equal(bridge_status_find(&status, "orders"), &status.streams[0]);
    assert_null(bridge_status_find(&status, "order"));
    assert_null(bridge_status_find(&status, "spare"));
    status.stream_count = 0;
    assert_null(bridge_status_find(&status, "orders"));
}

/* Goal: each way a call may end, with the link it leaves. */
static void test_the_link_after_an_answer(void **state) {
    (void)state;
    static const struct {
        enum forwarder_call call;
        uint32_t entries;
        enum bridge_link link;
    } cases[] = {
        {CALL_ANSWERED, 3, BRIDGE_LINK_ONLINE},
        {CALL_THROTTLED, 3, BRIDGE_LINK_THROTTLED},
        {CALL_TOO_LARGE, 3, BRIDGE_LINK_ONLINE},
        {CALL_FAILED, 3, BRIDGE_LINK_OFFLINE},
        {CALL_OFFLINE, 0, BRIDGE_LINK_OFFLINE},
        {CALL_UNREACHED, 0, BRIDGE_LINK_OFFLINE},
        {CALL_REFUSED, 3, BRIDGE_LINK_REFUSED},
        {CALL_INVALID, 2, BRIDGE_LINK_PAUSED}, /* as before */
        {CALL_INVALID, 1, BRIDGE_LINK_REFUSED},
        {CALL_INVALID, 0, BRIDGE_LINK_REFUSED},
        {CALL_AGAIN, 3, BRIDGE_LINK_PAUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            explain_link(cases[i].call, cases[i].entries, BRIDGE_LINK_PAUSED),
            cases[i].link);
    }
}

/* Goal: a clock is to blame from four minutes on, either way, and only for a
 * refusal, and only if the answer told the time. */
static void test_when_a_clock_is_to_blame(void **state) {
    (void)state;
    const int64_t skew_us = 240 * (int64_t)1000000;
    static const struct config config = {.cloud = {.region = "r"}};
    static const struct config_stream stream = {.sink_name = "s"};
    const struct sink_target target = {.config = &config, .stream = &stream};
    const struct {
        int64_t offset_us;
        bool has_offset;
        enum forwarder_call call, expected;
    } cases[] = {
        {skew_us, true, CALL_REFUSED, CALL_AGAIN},
        {-skew_us, true, CALL_REFUSED, CALL_AGAIN},
        {skew_us - 1, true, CALL_REFUSED, CALL_REFUSED},
        {1 - skew_us, true, CALL_REFUSED, CALL_REFUSED},
        {skew_us, false, CALL_REFUSED, CALL_REFUSED},
        {skew_us, true, CALL_FAILED, CALL_FAILED},
    };
    static struct exchange_result result;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        result = (struct exchange_result){
            .answer = {.call = cases[i].call, .text = "Refusal"},
            .signed_offset_us = 5,
            .has_offset = cases[i].has_offset,
            .offset_us = 5 + cases[i].offset_us,
        };
        explain_result(&sink_kinesis, &target, &result);
        assert_int_equal(result.answer.call, cases[i].expected);
        assert_non_null(
            strstr(result.answer.text,
                   cases[i].expected == CALL_AGAIN     ? "clock is wrong"
                   : cases[i].expected == CALL_REFUSED ? "Refusal (check"
                                                       : "Refusal"));
    }
    result.answer = (struct answer){.call = CALL_REFUSED};
    memset(result.answer.text, 'x', sizeof result.answer.text - 1);
    result.has_offset = false;
    explain_result(&sink_kinesis, &target, &result);
    assert_int_equal(strlen(result.answer.text), sizeof result.answer.text - 1);
    assert_non_null(strstr(result.answer.text, "x (check the AWS"));
    result.answer = (struct answer){.call = CALL_REFUSED, .expired = true};
    explain_result(&sink_kinesis, &target, &result);
    assert_non_null(strstr(result.answer.text, "renew the AWS credentials"));
}

/* Goal: a server whose clock jumps with every answer is asked again at once a
 * few times, and not without end; once it has answered, it may again. */
static void test_skew_that_never_ends(void **state) {
    (void)state;
    static const struct config config = {.cloud = {.region = "r"}};
    static const struct config_stream stream = {.sink_name = "s"};
    const struct sink_target target = {.config = &config, .stream = &stream};
    static struct exchange_result result;
    result = (struct exchange_result){.has_offset = true};
    for (int round = 0; round < 2; round++) {
        int again = 0;
        for (int i = 0; i < 100; i++) {
            result.answer = (struct answer){.call = CALL_REFUSED};
            result.signed_offset_us = result.offset_us;
            result.offset_us += (int64_t)3600 * 1000000;
            explain_result(&sink_kinesis, &target, &result);
            again += result.answer.call == CALL_AGAIN;
        }
        assert_int_equal(again, 2);
        result.answer = (struct answer){.call = CALL_ANSWERED};
        explain_result(&sink_kinesis, &target, &result);
    }
}

/* Goal: an entry that is refused for want of rights says so, another does
 * not. */
static void test_rights_of_an_entry(void **state) {
    (void)state;
    static const struct config config = {.cloud = {.region = "r"}};
    static const struct config_stream stream = {.sink_name = "s"};
    const struct sink_target target = {.config = &config, .stream = &stream};
    static const struct {
        const char *code;
        bool advised;
    } cases[] = {
        {"AccessDeniedException", true},
        {"NotAuthorizedForSourceException", true},
        {"NotAuthorizedForDetailTypeException", true},
        {"InvalidAccountIdException", true},
        {"MalformedDetail", false},
        {"InternalFailure", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[160];
        snprintf(body, sizeof body,
                 "{\"FailedEntryCount\":1,\"Entries\":[{\"ErrorCode\":\"%s\","
                 "\"ErrorMessage\":\"No\"}]}",
                 cases[i].code);
        struct answer_raw raw = {200, "", slice_from_str(body)};
        static struct exchange_result result;
        answer_read(&sink_eventbridge.shape, &raw, 1, &result.answer);
        explain_result(&sink_eventbridge, &target, &result);
        assert_non_null(strstr(result.answer.text, cases[i].code));
        assert_int_equal(strstr(result.answer.text, "check the AWS rights") !=
                             NULL,
                         cases[i].advised);
    }
}

int main(void) {
#define REPORT_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        REPORT_TEST(test_waiting_is_a_state),
        REPORT_TEST(test_refused_stays_while_it_waits),
        REPORT_TEST(test_nothing_waits),
        REPORT_TEST(test_throttled_does_not_flap),
        cmocka_unit_test(test_throttled_in_part),
        REPORT_TEST(test_a_link_is_told_when_it_changes),
        REPORT_TEST(test_words_are_cut),
        REPORT_TEST(test_gaps_are_kept),
        cmocka_unit_test(test_a_status_is_found_by_name),
        cmocka_unit_test(test_the_link_after_an_answer),
        cmocka_unit_test(test_when_a_clock_is_to_blame),
        cmocka_unit_test(test_skew_that_never_ends),
        cmocka_unit_test(test_rights_of_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
