/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/verdict/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S ((int64_t)1000 * 1000)
#define WALL_US ((int64_t)1790000000 * S) /* 2026 */

/* A box with two streams and nothing wrong. */
struct world {
    struct verdict verdict;
    struct verdict_facts facts;
    int64_t now_us;
    int64_t wall_us;
};

static const struct verdict_facts well = {
    .streams = {{.name = "orders",
                 .oldest_age_s = VERDICT_UNKNOWN,
                 .full_in_s = VERDICT_UNKNOWN},
                {.name = "telemetry",
                 .oldest_age_s = VERDICT_UNKNOWN,
                 .full_in_s = VERDICT_UNKNOWN}},
    .stream_count = 2,
};

static void world_init(struct world *w) {
    *w = (struct world){.facts = well, .now_us = 1000 * S, .wall_us = WALL_US};
}

static void judge(struct world *w, int64_t after_s) {
    w->now_us += after_s * S;
    w->wall_us += after_s * S;
    verdict_judge(&w->verdict, &w->facts, w->now_us, w->wall_us);
}

/* "code(stream) code": the reasons in their order. */
static const char *codes(const struct world *w) {
    static char text[4096];
    struct writer writer = writer_over(text, sizeof text - 1);
    struct verdict_reason reason;
    for (uint32_t at = 0; verdict_next(&w->verdict, &at, &reason);) {
        writer_printf(&writer, "%s%s(%s)", writer.len > 0 ? " " : "",
                      reason.about->code, reason.stream);
    }
    text[writer.len] = '\0';
    return text;
}

static const char *text_of(const struct world *w, const char *code) {
    struct verdict_reason reason;
    for (uint32_t at = 0; verdict_next(&w->verdict, &at, &reason);) {
        if (strcmp(reason.about->code, code) == 0) {
            return reason.text;
        }
    }
    return "";
}

/* --- Each condition: what raises it, and what is one step short of it ------
 */

/* `bad` and `near` change the facts of a well box, which last for `lasts_s`. */
struct row {
    enum verdict_condition condition;
    const char *raised; /* as codes() says it */
    int64_t lasts_s;
    void (*bad)(struct world *w);
    void (*near)(struct world *w);
    const char *text; /* words of its text */
};

#define CHANGE(name, statement)                          \
    static void name(struct world *w) {                  \
        struct verdict_facts *f = &w->facts;             \
        struct verdict_stream_facts *s = &f->streams[1]; \
        (void)f;                                         \
        (void)s;                                         \
        statement;                                       \
    }

CHANGE(hangs, s->hangs_us = 10 * S; s->hanging = "a commit")
CHANGE(hangs_not, s->hangs_us = 10 * S - 1; s->hanging = "a commit")
CHANGE(broker_down, f->broker_down = true)
CHANGE(broker_up, f->broker_down = false; f->broker_external = true)
CHANGE(site_down, f->broker_down = true; f->broker_external = true)
CHANGE(port_taken, f->broker_down = f->broker_closed = true;
       f->broker_reason = "port 1883 is taken")
CHANGE(full, s->full = "no room (capacity)")
CHANGE(expired, s->link = VERDICT_LINK_EXPIRED; s->link_error = "ExpiredToken")
CHANGE(fine, s->link = VERDICT_LINK_FINE; s->link_error = "ExpiredToken")
CHANGE(refused, s->link = VERDICT_LINK_REFUSED; s->backlog = 1)
CHANGE(offline, s->link = VERDICT_LINK_OFFLINE; s->backlog = 12)
CHANGE(throttled, s->link = VERDICT_LINK_THROTTLED)
CHANGE(held, s->held = 1; s->link_error = "too large")
CHANGE(denies, s->refusals = VERDICT_REFUSALS_DENIED; s->waiting = 2;
       s->refusal = "AccessDenied")
CHANGE(refuses_many, s->refusals = VERDICT_REFUSALS_MANY; s->waiting = 1)
CHANGE(refuses_few, s->refusals = VERDICT_REFUSALS_FINE)
CHANGE(dead_full, f->dead.full = "its capacity is used")
CHANGE(dead_letters, f->dead.letters = 3; f->dead.ageing = 1;
       f->dead.oldest_age_s = VERDICT_DAY_S)
CHANGE(dead_lost, f->dead.lost = 7)
CHANGE(room, s->full_in_s = VERDICT_DAY_S - 1)
CHANGE(room_left, s->full_in_s = VERDICT_DAY_S)
CHANGE(old, s->oldest_age_s = VERDICT_DAY_S + 1; s->backlog = 7)
CHANGE(not_old, s->oldest_age_s = VERDICT_DAY_S; s->backlog = 7)
CHANGE(damaged, s->damaged = 4)
CHANGE(too_old, s->too_old = 1)
CHANGE(drops, f->broker_dropped = 1)
CHANGE(taken, f->broker_takeovers = 1)
CHANGE(contended, f->broker_contended = true; f->broker_takeovers = 0)
CHANGE(rival, f->broker_rival = 7)
CHANGE(aside, f->broker_files = 1; f->broker_file = "mosquitto.db.bad-1")
CHANGE(foreign, f->foreign = 2; f->foreign_topic = "shopme/s2/+/orders")
CHANGE(accounts, f->accounts_damaged = "accounts: line 3")
CHANGE(silent, f->silent = "nothing came from till-1")
CHANGE(away, f->page_away = "port 8080 is in use")
CHANGE(no_socket, f->socket_away = "no such folder")
CHANGE(no_address, f->listener_away = "cannot listen on 192.0.2.7:1884")
CHANGE(address, f->listener_away = "")
CHANGE(no_tls, f->tls_away = "server.pem is missing")
CHANGE(tls, f->tls_away = "")
CHANGE(stale, f->tls.not_taken = "tls.key_file: another key")
CHANGE(server, f->tls.server_ends_us = w->wall_us + VERDICT_ENDING_S * S)
CHANGE(server_lasts,
       f->tls.server_ends_us = w->wall_us + (VERDICT_ENDING_S + 9) * S;
       f->tls.ca_ends_us = f->tls.device_ends_us = INT64_MAX)
CHANGE(till, f->tls.device = "till-7";
       f->tls.device_ends_us = w->wall_us - 3 * VERDICT_DAY_S * S)
CHANGE(ca, f->tls.ca = "Root";
       f->tls.ca_ends_us = w->wall_us + 9 * VERDICT_DAY_S * S)
CHANGE(crl, f->tls.crl_ends_us = w->wall_us)
CHANGE(crl_lasts, f->tls.crl_ends_us = w->wall_us + 5 * S)
CHANGE(crl_refuses, f->tls.crl_ends_us = w->wall_us; f->tls.crl_refuses = true)
CHANGE(no_crl, f->tls.crl_unusable = "tls.crl_file: no list")
CHANGE(some_crl, f->tls.crl_unusable = ""; f->tls.crl_ends_us = INT64_MAX)
CHANGE(no_root, f->tls.cloud_ca = "x.pem contains no usable certificate")
CHANGE(root, f->tls.cloud_ca = "")
CHANGE(unset, w->wall_us = VERDICT_CLOCK_MIN_US - 2 * S)
CHANGE(set, w->wall_us = VERDICT_CLOCK_MIN_US)
CHANGE(deaf, f->log_dropped = 9)
CHANGE(nothing, f->stream_count = 2)

static const struct row rows[] = {
    {CONDITION_DISK_HANGS, "disk-hangs(telemetry)", 1, hangs, hangs_not,
     "a commit has waited for the disk for 10 s"},
    {CONDITION_BROKER_DOWN, "broker-down()", 1, broker_down, broker_up,
     "no session with the broker"},
    {CONDITION_BROKER_CLOSED, "broker-closed()", 1, port_taken, broker_up,
     "no events can arrive: port 1883 is taken"},
    {CONDITION_BROKER_UNREACHABLE, "broker-unreachable()", 1, site_down,
     broker_up, "the site's broker"},
    {CONDITION_ACCOUNTS_DAMAGED, "accounts-damaged()", 1, accounts, nothing,
     "connect by the accounts: accounts: line 3"},
    {CONDITION_STREAM_FULL, "stream-full(telemetry)", 1, full, nothing,
     "no room (capacity)"},
    {CONDITION_CREDENTIALS_EXPIRED, "credentials-expired(telemetry)", 6,
     expired, fine, "expired, 0 events wait: ExpiredToken"},
    {CONDITION_CLOUD_REFUSED, "cloud-refused(telemetry)", 1, refused, fine,
     "1 event waits"},
    {CONDITION_CLOUD_OFFLINE, "cloud-offline(telemetry)", 1, offline, fine,
     "12 events wait"},
    {CONDITION_CLOUD_THROTTLED, "cloud-throttled(telemetry)", 1, throttled,
     fine, "takes less"},
    {CONDITION_EVENTS_HELD, "events-held(telemetry)", 1, held, nothing,
     "1 event is held, since the cloud refuses it: too large"},
    {CONDITION_SINK_DENIES_ALL, "sink-denies-all(telemetry)", 6, denies,
     refuses_few, "denies everything: 2 events are held: AccessDenied"},
    {CONDITION_SINK_REFUSES_MANY, "sink-refuses-many(telemetry)", 1,
     refuses_many, refuses_few, "too many to be right: 1 event is held"},
    {CONDITION_DEAD_FULL, "dead-full()", 1, dead_full, nothing,
     "holds its stream: its capacity is used"},
    {CONDITION_DEAD_LETTERS, "dead-letters()", 1, dead_letters, nothing,
     "refused 3 events for good, the first 24 h ago; 1 go soon"},
    {CONDITION_DEAD_LETTERS, "dead-letters()", 1, dead_lost, nothing,
     "the disk has lost 7 records"},
    {CONDITION_ROOM_SHORT, "room-short(telemetry)", 31, room, room_left,
     "full in 23 h"},
    {CONDITION_BACKLOG_OLD, "backlog-old(telemetry)", 1, old, not_old,
     "the oldest of 7 waiting events is 24 h old"},
    {CONDITION_JOURNAL_DAMAGED, "journal-damaged(telemetry)", 1, damaged,
     nothing, "lost 4 events"},
    {CONDITION_EVENTS_TOO_OLD, "events-too-old(telemetry)", 1, too_old, nothing,
     "1 event was refused as too old"},
    {CONDITION_BROKER_DROPS, "broker-drops()", 1, drops, nothing,
     "dropped 1 message since"},
    {CONDITION_BROKER_TAKEOVER, "broker-takeover()", 1, taken, nothing,
     "1 time"},
    {CONDITION_BROKER_TAKEOVER, "broker-takeover()", 1, contended, nothing,
     "0 times"},
    {CONDITION_BROKER_TAKEOVER, "broker-takeover()", 1, rival, nothing,
     "everything is done twice (7 receipts"},
    {CONDITION_BROKER_FILE_ASIDE, "broker-file-aside()", 1, aside, nothing,
     "which is now mosquitto.db.bad-1"},
    {CONDITION_TOPIC_UNKNOWN, "topic-unknown()", 1, foreign, nothing,
     "2 messages on a topic that no stream takes, such as shopme/s2/+/orders"},
    {CONDITION_DEVICE_SILENT, "device-silent()", 1, silent, nothing,
     "nothing came from till-1"},
    {CONDITION_PAGE_AWAY, "page-away()", 1, away, nothing,
     "port 8080 is in use"},
    {CONDITION_PAGE_AWAY, "page-away()", 1, no_socket, nothing,
     "control socket is not served: no such folder"},
    {CONDITION_LISTENER_AWAY, "listener-away()", 11, no_address, address,
     "the other listeners are open: cannot listen on 192.0.2.7:1884"},
    {CONDITION_TLS_UNUSABLE, "tls-unusable()", 11, no_tls, tls,
     "no device can connect by TLS: server.pem is missing"},
    {CONDITION_TLS_UNUSABLE, "tls-unusable()", 11, stale, tls,
     "the files of before stay in use: tls.key_file: another key"},
    {CONDITION_CERTIFICATE_EXPIRES, "certificate-expires()", 1, server,
     server_lasts, "the certificate of the gateway ends in 29 d"},
    {CONDITION_CERTIFICATE_EXPIRES, "certificate-expires()", 1, ca,
     server_lasts, "the certificate of the CA Root ends in 8 d"},
    {CONDITION_CERTIFICATE_EXPIRES, "certificate-expires()", 1, till,
     server_lasts, "the certificate of the device till-7 ended 3 d ago"},
    {CONDITION_CRL_EXPIRED, "crl-expired()", 1, crl, crl_lasts,
     "what was revoked since then is not known"},
    {CONDITION_CRL_EXPIRED, "crl-expired()", 1, crl_refuses, crl_lasts,
     "nobody can connect by certificate"},
    {CONDITION_CRL_UNUSABLE, "crl-unusable()", 1, no_crl, some_crl,
     "not known: tls.crl_file: no list"},
    {CONDITION_CA_FILE_UNUSABLE, "ca-file-unusable()", 1, no_root, root,
     "authorities of before stay in use: x.pem contains no usable"},
    {CONDITION_CLOCK_UNSET, "clock-unset()", 1, unset, set, "before 2025"},
    {CONDITION_LOG_DROPS, "log-drops()", 1, deaf, nothing, "9 log lines were"},
};

static void look_on(struct world *w, void (*change)(struct world *w),
                    int64_t seconds) {
    judge(w, 1);
    change(w);
    for (int64_t i = 0; i < seconds; i++) {
        judge(w, 1);
    }
}

/* Goal: each condition is raised by its fact, alone, with its figures, and not
 * by what is one step short of it; and there is a row for each. */
static void test_each_condition(void **state) {
    (void)state;
    bool seen[CONDITION_COUNT] = {false};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        const struct verdict_about *about = verdict_about(row->condition);
        struct world w;
        world_init(&w);
        look_on(&w, row->near, row->lasts_s);
        assert_string_equal(codes(&w), "");
        assert_int_equal(w.verdict.level, VERDICT_OK);
        world_init(&w);
        look_on(&w, row->bad, row->lasts_s);
        assert_string_equal(codes(&w), row->raised);
        assert_int_equal(w.verdict.level, about->level);
        assert_non_null(strstr(text_of(&w, about->code), row->text));
        assert_int_equal(verdict_wants_restart(&w.verdict),
                         about->level == VERDICT_FAILING &&
                             about->restart_helps);
        seen[row->condition] = true;
    }
    for (int i = 0; i < CONDITION_COUNT; i++) {
        assert_true(seen[i]);
    }
}

/* Goal: all that end are named, and a clock at 1970 says nothing of ends. */
static void test_ends(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    look_on(&w, server, 1);
    till(&w);
    ca(&w);
    judge(&w, 1);
    const char *text = text_of(&w, "certificate-expires");
    assert_non_null(strstr(text, "gateway ends in 29 d; the certificate of the "
                                 "CA Root ends in 8 d; the certificate of the "
                                 "device till-7 ended 3 d ago"));
    w.facts.tls.ca_ends_us = w.facts.tls.server_ends_us = INT64_MAX;
    w.facts.tls.device_ends_us = 5 * S;
    w.wall_us = 10 * S;
    judge(&w, 1);
    assert_string_equal(codes(&w), "clock-unset()");
}

/* Goal: each ends once its fact does, and its hold is over. */
static void test_each_condition_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        int64_t hold_s = verdict_about(row->condition)->hold_us / S;
        struct world w;
        world_init(&w);
        look_on(&w, row->bad, row->lasts_s);
        uint64_t dropped = w.facts.broker_dropped;
        uint64_t takeovers = w.facts.broker_takeovers;
        uint64_t unread = w.facts.log_dropped;
        w.facts = well; /* counters stay where they are */
        w.facts.broker_dropped = dropped;
        w.facts.broker_takeovers = takeovers;
        w.facts.log_dropped = unread;
        w.wall_us = WALL_US;
        if (hold_s > 0) {
            judge(&w, hold_s - 1);
            assert_string_equal(codes(&w), row->raised);
        }
        judge(&w, 1);
        assert_string_equal(codes(&w), "");
        assert_int_equal(w.verdict.level, VERDICT_OK);
    }
}

/* Goal: the table says something about each; codes are unique and kebab-case,
 * failing ones come first, and only what a restart cures wants one. */
static void test_the_table(void **state) {
    (void)state;
    bool degraded = false;
    for (int i = 0; i < CONDITION_COUNT; i++) {
        const struct verdict_about *about =
            verdict_about((enum verdict_condition)i);
        assert_int_equal(strspn(about->code, "abcdefghijklmnopqrstuvwxyz-"),
                         strlen(about->code));
        assert_true(strlen(about->action) > 0);
        assert_true(about->level != VERDICT_OK);
        assert_false(about->restart_helps && about->level != VERDICT_FAILING);
        degraded |= about->level == VERDICT_DEGRADED;
        assert_false(degraded && about->level == VERDICT_FAILING);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(
                about->code, verdict_about((enum verdict_condition)j)->code);
        }
    }
    assert_false(verdict_about(CONDITION_DISK_HANGS)->restart_helps);
    assert_false(verdict_about(CONDITION_CLOUD_REFUSED)->restart_helps);
}

/* --- Several, and over time ------------------------------------------------
 */

/* Goal: the worst of the reasons is the level; failing ones are listed first,
 * and one condition may hold for both streams. */
static void test_several(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    judge(&w, 1);
    w.facts.page_away = "busy";
    judge(&w, 1);
    assert_int_equal(w.verdict.level, VERDICT_DEGRADED);
    w.facts.streams[1].link = VERDICT_LINK_OFFLINE;
    w.facts.streams[0].link = VERDICT_LINK_OFFLINE;
    w.facts.streams[1].full = "no room";
    judge(&w, 1);
    assert_int_equal(w.verdict.level, VERDICT_FAILING);
    assert_string_equal(codes(&w),
                        "stream-full(telemetry) cloud-offline(orders) "
                        "cloud-offline(telemetry) page-away()");
    char line[200];
    struct writer writer = writer_over(line, sizeof line - 1);
    verdict_line(&w.verdict, &writer);
    line[writer.len] = '\0';
    assert_string_equal(line,
                        "failing: stream-full(telemetry) cloud-offline(orders) "
                        "cloud-offline(telemetry) page-away");
    assert_false(verdict_wants_restart(&w.verdict));
    w.facts.broker_down = true;
    judge(&w, 1);
    assert_true(verdict_wants_restart(&w.verdict));
}

/* Goal: `changes` counts what is worth a log line: the first verdict, and each
 * change of the reasons; not new figures in the text of one. */
static void test_changes(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    judge(&w, 1);
    assert_int_equal(w.verdict.changes, 1);
    assert_true(w.verdict.since_us == w.now_us);
    for (uint64_t i = 0; i < 5; i++) {
        w.facts.streams[0].link = VERDICT_LINK_OFFLINE;
        w.facts.streams[0].backlog = i;
        judge(&w, 1);
    }
    assert_int_equal(w.verdict.changes, 2);
    assert_true(w.verdict.since_us == w.now_us - 4 * S);
    w.facts.page_away = "busy";
    judge(&w, 1);
    assert_int_equal(w.verdict.changes, 3);
    assert_true(w.verdict.since_us == w.now_us - 5 * S); /* of the level */
    w.facts = well;
    judge(&w, 1);
    assert_int_equal(w.verdict.changes, 4);
    assert_true(w.verdict.since_us == w.now_us);
}

/* Goal: a clock that moves around the limit is told once: it is raised at five
 * minutes and cleared below four. */
static void test_a_clock_that_flaps(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.facts.clock_offset_ms = -VERDICT_CLOCK_OFF_MS + 1;
    judge(&w, 1);
    assert_string_equal(codes(&w), "");
    for (int i = 0; i < 6; i++) {
        w.facts.clock_offset_ms = -VERDICT_CLOCK_OFF_MS + i % 2;
        judge(&w, 1);
    }
    assert_string_equal(codes(&w), "clock-unset()");
    assert_non_null(strstr(text_of(&w, "clock-unset"), "ahead of the cloud's"));
    assert_int_equal(w.verdict.changes, 2);
    w.facts.clock_offset_ms = VERDICT_CLOCK_NEAR_MS;
    judge(&w, 1);
    assert_string_equal(codes(&w), "clock-unset()");
    assert_non_null(strstr(text_of(&w, "clock-unset"), "behind the cloud's"));
    w.facts.clock_offset_ms = VERDICT_CLOCK_NEAR_MS - 1;
    judge(&w, 1);
    assert_string_equal(codes(&w), "");
}

/* Goal: a forecast that is short only now and then is no reason; one that
 * stays short is, and a moment of more room does not take it back. */
static void test_a_forecast_that_flaps(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    for (int i = 0; i < 200; i++) {
        w.facts.streams[0].full_in_s = i % 20 == 0 ? VERDICT_UNKNOWN : 100;
        judge(&w, 1);
    }
    assert_string_equal(codes(&w), "");
    w.facts.streams[0].full_in_s = 3599;
    for (int i = 0; i < 31; i++) {
        judge(&w, 1);
    }
    assert_string_equal(codes(&w), "room-short(orders)");
    assert_non_null(strstr(text_of(&w, "room-short"), "full in 59 min"));
    for (int i = 0; i < 200; i++) {
        w.facts.streams[0].full_in_s = i % 20 == 0 ? VERDICT_UNKNOWN : 100;
        judge(&w, 1);
        assert_string_equal(codes(&w), "room-short(orders)");
    }
}

/* Goal: a counter speaks when it moves: the figure it had at the first look
 * counts, one that stands still is forgotten after the hold, one that was set
 * back (the broker was restarted) counts from there. */
static void test_a_counter(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.facts.broker_dropped = 100;
    judge(&w, 1);
    assert_string_equal(codes(&w), "broker-drops()");
    judge(&w, 600);
    assert_string_equal(codes(&w), "");
    w.facts.broker_dropped = 0;
    judge(&w, 1);
    assert_string_equal(codes(&w), "");
    w.facts.broker_dropped = 1;
    judge(&w, 1);
    assert_string_equal(codes(&w), "broker-drops()");
    assert_non_null(strstr(text_of(&w, "broker-drops"), "1 message since"));
    judge(&w, 599);
    w.facts.broker_dropped = 2; /* and again: the hold begins anew */
    judge(&w, 1);
    judge(&w, 599);
    assert_string_equal(codes(&w), "broker-drops()");
}

static int64_t level_since(const struct world *w) {
    return verdict_wall_us(&w->verdict, w->verdict.since_us);
}

/* Goal: when something began is told alike at each look, in whole seconds,
 * whatever passes between the readings of the two clocks; a clock that is set
 * moves it. */
static void since_stands_still(int64_t fraction_us) {
    struct world w;
    world_init(&w);
    w.wall_us += fraction_us;
    judge(&w, 1);
    const int64_t began_us = WALL_US + 1 * S;
    assert_true(level_since(&w) == began_us);
    for (int64_t i = -499; i < 500; i++) { /* ms between the readings */
        w.now_us += S;
        w.wall_us += S;
        verdict_judge(&w.verdict, &w.facts, w.now_us, w.wall_us + i * 1000);
        assert_true(level_since(&w) == began_us);
    }
    for (int direction = -1; direction <= 1; direction += 2) {
        int64_t before_us = level_since(&w);
        w.wall_us += direction * 86400 * S;
        judge(&w, 1);
        assert_true(level_since(&w) == before_us + direction * 86400 * S);
        judge(&w, 1);
        assert_true(level_since(&w) == before_us + direction * 86400 * S);
    }
}

/* Near to a boundary of seconds, on either side. */
static void test_since_stands_still(void **state) {
    (void)state;
    since_stands_still(3);
    since_stands_still(S - 3);
}

/* Goal: text of any length is cut, and the writer's end is respected. */
static void test_long_text(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    char words[2 * VERDICT_TEXT_MAX];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    w.facts.page_away = words;
    judge(&w, 1);
    assert_int_equal(strlen(text_of(&w, "page-away")), VERDICT_TEXT_MAX - 1);
    for (size_t from = 0; from < 2; from++) { /* an a umlaut is cut in one */
        for (size_t i = from; i + 2 < sizeof words; i += 2) {
            memcpy(words + i, "\xc3\xa4", 2);
        }
        judge(&w, 1);
        assert_true(slice_is_utf8(slice_from_str(text_of(&w, "page-away"))));
    }
    char line[8];
    struct writer writer = writer_over(line, sizeof line);
    verdict_line(&w.verdict, &writer);
    assert_true(writer.full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_condition),
        cmocka_unit_test(test_each_condition_ends),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_a_clock_that_flaps),
        cmocka_unit_test(test_a_forecast_that_flaps),
        cmocka_unit_test(test_a_counter),
        cmocka_unit_test(test_since_stands_still),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
