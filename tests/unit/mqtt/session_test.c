/* SPDX-License-Identifier: Apache-2.0 */
/* A session between a link that the test plays and a real stream: what was read
 * is acknowledged (the link released) once its commit is done, and not
 * before. */
#include "gateway/mqtt/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/mqtt/link.h"
#include "tests/unit/stream/fixture_read.h"

enum { PACKETS_MAX = 2048, BATCH_MAX = 1000, DELAY_MS = 20 };

/* libmosquitto gives them without const. */
static char our_topic[] = "shopme/s/meter-1/orders";
static char other_topic[] = "shopme/s/meter-1/telemetry";

/* --- A link that the test plays ------------------------------------------- */

struct mqtt_link {
    struct mqtt_link_options options;
    int waiting[PACKETS_MAX]; /* numbers of readings */
    int first;
    int count;
    char *topic;
    bool up;
    bool breaks; /* the next read finds it gone */
    int released;
    int read_on;
    int untargeted;
    bool freed;
};

static struct mqtt_link the_link;
static char subscribed[128];

err_t mqtt_link_new(const struct mqtt_link_options *options,
                    struct mqtt_link **ret) {
    the_link = (struct mqtt_link){.options = *options, .topic = our_topic};
    *ret = &the_link;
    return ERR_OK;
}

void mqtt_link_free(struct mqtt_link *link) {
    link->freed = true;
}

void mqtt_link_target(struct mqtt_link *link, const char *host, uint16_t port) {
    (void)host;
    (void)port;
    link->up = true;
    link->options.up(link->options.self, NULL);
}

void mqtt_link_untarget(struct mqtt_link *link) {
    link->up = false;
    link->untargeted++;
}

bool mqtt_link_is_up(const struct mqtt_link *link) {
    return link->up;
}

bool mqtt_link_had_session(const struct mqtt_link *link) {
    (void)link;
    return true;
}

uint64_t mqtt_link_takeovers(const struct mqtt_link *link) {
    (void)link;
    return 0;
}

const char *mqtt_link_contended(const struct mqtt_link *link) {
    (void)link;
    return NULL;
}

bool mqtt_link_ready(const struct mqtt_link *link) {
    return link->first < link->count;
}

err_t mqtt_link_read(struct mqtt_link *link) {
    if (link->breaks) {
        link->breaks = false;
        link->up = false;
        link->options.down(link->options.self);
        return ERR_NETWORK;
    }
    if (!mqtt_link_ready(link)) {
        return ERR_OK; /* a packet that is no message */
    }
    char payload[256];
    int len = snprintf(payload, sizeof payload,
                       "{\"specversion\":\"1.0\",\"id\":\"m-%d\",\"source\":"
                       "\"/s/meter-1\",\"type\":\"Reading\"}",
                       link->waiting[link->first++]);
    struct mosquitto_message message = {
        .topic = link->topic, .payload = payload, .payloadlen = len};
    link->options.message(link->options.self, &message);
    return ERR_OK;
}

void mqtt_link_read_on(struct mqtt_link *link) {
    link->read_on++;
}

void mqtt_link_release(struct mqtt_link *link) {
    link->released++;
}

int mosquitto_subscribe_v5(struct mosquitto *mosq, int *mid, const char *sub,
                           int qos, int options,
                           const mosquitto_property *properties) {
    (void)mosq;
    (void)mid;
    (void)properties;
    snprintf(subscribed, sizeof subscribed, "%s qos=%d options=%d", sub, qos,
             options);
    return MOSQ_ERR_SUCCESS;
}

static void arrives(int number) {
    assert_true(the_link.count < PACKETS_MAX);
    the_link.waiting[the_link.count++] = number;
}

/* --- The world ------------------------------------------------------------ */

struct world {
    struct fixture *f;
    uv_loop_t loop;
    struct session *session;
    int failed;
    int subscribed;
};

static void on_subscribed(void *self);

static void on_failed(void *self, const struct reason *reason) {
    assert_non_null(strstr(reason->text, "stream orders: "));
    ((struct world *)self)->failed++;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){.f = fixture_new(3)};
    w.f->settings->capacity = 4 * 1024 * 1024;
    assert_int_equal(uv_loop_init(&w.loop), 0);
    fixture_open(w.f);
    const struct session_options options = {
        .loop = &w.loop,
        .stream = w.f->stream,
        .store = "s",
        .client_id = "gateway-orders",
        .self = &w,
        .failed = on_failed,
        .subscribed = on_subscribed,
    };
    assert_int_equal(session_new(&options, &w.session), ERR_OK);
    session_target(w.session, "broker", 1883);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    session_untarget(w->session);
    stream_give_up(w->f->stream);
    fixture_settle(w->f);
    session_free(w->session);
    assert_true(the_link.freed);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    fixture_close(w->f);
    fixture_free(w->f);
    return 0;
}

static void readable(void) {
    the_link.options.readable(the_link.options.self);
}

/* Goal: it subscribes to its stream's topic at QoS 1, and holds writes. */
static void test_subscribes(void **state) {
    struct world *w = *state;
    assert_non_null(strstr(subscribed, "shopme/s/+/orders qos=1"));
    assert_true(the_link.options.hold_writes);
    assert_true(the_link.options.session_expiry_s > 24 * 3600);
    assert_false(session_is_busy(w->session));
}

static void on_subscribed(void *self) {
    ((struct world *)self)->subscribed++;
}

/* Goal: it is up, and says so, once the broker has granted what it needs; not
 * with less, and not any more when the connection is gone. */
static void test_is_up_when_subscribed(void **state) {
    struct world *w = *state;
    const char *(*answer)(void *, int) = the_link.options.subscribed;
    void *self = the_link.options.self;
    assert_false(session_is_up(w->session));
    static const int too_little[] = {0, 2, 128, 135};
    for (size_t i = 0; i < sizeof too_little / sizeof *too_little; i++) {
        assert_non_null(strstr(answer(self, too_little[i]), "max_qos"));
        assert_false(session_is_up(w->session));
    }
    assert_int_equal(w->subscribed, 0);
    assert_null(answer(self, 1));
    assert_int_equal(w->subscribed, 1);
    assert_true(session_is_up(w->session));
    the_link.options.down(self);
    assert_false(session_is_up(w->session));
}

/* Goal: it reads until the socket is dry, and acknowledges when the commit is
 * done; until then it reads nothing. */
static void test_acknowledges_after_the_commit(void **state) {
    struct world *w = *state;
    arrives(1);
    arrives(2);
    readable();
    assert_false(mqtt_link_ready(&the_link));
    assert_true(session_is_busy(w->session));
    assert_int_equal(the_link.released, 0);
    arrives(3);
    readable(); /* a new connection, while the old one's batch commits */
    assert_true(mqtt_link_ready(&the_link));
    assert_true(fixture_work(w->f));
    assert_int_equal(the_link.released, 0);
    assert_true(fixture_done(w->f));
    assert_int_equal(the_link.released, 1);
    assert_false(session_is_busy(w->session));
    assert_int_equal(w->f->seen.accepted_count, 2);
    readable();
    fixture_settle(w->f);
    assert_int_equal(the_link.released, 2);
    assert_int_equal(w->f->seen.accepted_count, 3);
}

/* Goal: a packet that is no message, or of another topic, needs no commit to be
 * acknowledged. */
static void test_nothing_for_the_stream(void **state) {
    struct world *w = *state;
    readable();
    assert_int_equal(the_link.released, 1);
    the_link.topic = other_topic;
    arrives(1);
    readable();
    assert_int_equal(the_link.released, 2);
    assert_int_equal(stream_counts(w->f->stream).received, 0);
}

/* Goal: a batch has a bound of its own, whatever the broker sends at once. */
static void test_a_bound_on_the_batch(void **state) {
    struct world *w = *state;
    for (int i = 0; i < BATCH_MAX + 500; i++) {
        arrives(i);
    }
    readable();
    assert_int_equal(stream_counts(w->f->stream).received, BATCH_MAX);
    fixture_settle(w->f);
    readable();
    fixture_settle(w->f);
    assert_int_equal(stream_counts(w->f->stream).received, BATCH_MAX + 500);
    assert_int_equal(the_link.released, 2);
}

/* Goal: with a commit_delay the batch waits for company, reading on meanwhile,
 * and is committed when the time is over. */
static void test_waits_for_company(void **state) {
    struct world *w = *state;
    w->f->settings->commit_delay_ms = DELAY_MS;
    stream_reconfigure(w->f->stream, w->f->settings);
    arrives(1);
    readable();
    assert_int_equal(the_link.read_on, 1);
    assert_false(session_is_busy(w->session));
    arrives(2);
    readable();
    assert_int_equal(the_link.read_on, 2);
    assert_int_equal(w->f->commit.given_count, 0);
    uv_run(&w->loop, UV_RUN_ONCE);
    assert_int_equal(w->f->commit.given_count, 1);
    assert_true(session_is_busy(w->session));
    fixture_settle(w->f);
    assert_int_equal(the_link.released, 1);
    assert_int_equal(w->f->seen.accepted_count, 2);
}

/* Goal: where no company can come it does not wait: the connection is gone, or
 * its broker is. */
static void test_no_company_to_wait_for(void **state) {
    struct world *w = *state;
    w->f->settings->commit_delay_ms = DELAY_MS;
    stream_reconfigure(w->f->stream, w->f->settings);
    arrives(1);
    arrives(2);
    readable();
    assert_int_equal(the_link.read_on, 1);
    the_link.breaks = true;
    readable();
    assert_int_equal(w->f->commit.given_count, 1);
    fixture_settle(w->f);
    assert_int_equal(w->f->seen.accepted_count, 2);
    the_link.up = true;
    arrives(3);
    readable();
    assert_int_equal(w->f->commit.given_count, 0);
    session_untarget(w->session);
    assert_int_equal(w->f->commit.given_count, 1);
    fixture_settle(w->f);
    assert_int_equal(w->f->seen.accepted_count, 3);
}

/* Goal: while the stream is full nothing is read. */
static void test_reads_nothing_while_full(void **state) {
    struct world *w = *state;
    while (!stream_is_full(w->f->stream)) {
        fixture_large(w->f, (uint64_t)w->f->seen.accepted_count + 100);
        w->f->seen.accepted_count++; /* numbers of their own */
    }
    w->f->seen.accepted_count = 0;
    arrives(1);
    readable();
    assert_true(mqtt_link_ready(&the_link));
    assert_true(session_is_busy(w->session));
    fixture_settle(w->f);
    assert_int_equal(the_link.released, 1);
    readable(); /* it is to have room first, perhaps */
    fixture_settle(w->f);
    readable();
    fixture_settle(w->f);
    assert_false(mqtt_link_ready(&the_link));
}

/* Goal: after a commit that failed nothing is acknowledged, ever: the
 * connection is dropped and the owner told, once. */
static void test_a_failed_commit(void **state) {
    struct world *w = *state;
    arrives(1);
    readable();
    fake_disk_fail_at(w->f->fake, FAKE_SYNC, 1, ERR_IO);
    fixture_settle(w->f);
    assert_int_equal(w->failed, 1);
    assert_int_equal(the_link.released, 0);
    assert_int_equal(the_link.untargeted, 1);
    assert_false(session_is_busy(w->session));
}

/* Goal: the same if the journal failed while a message was taken. */
static void test_taking_fails(void **state) {
    struct world *w = *state;
    arrives(1);
    readable();
    fake_disk_fail_at(w->f->fake, FAKE_SYNC, 1, ERR_IO);
    assert_true(fixture_work(w->f)); /* and the loop is not told yet */
    char payload[] = "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":"
                     "\"/s/meter-1\",\"type\":\"T\"}";
    const struct mosquitto_message message = {
        .topic = our_topic,
        .payload = payload,
        .payloadlen = sizeof payload - 1,
    };
    the_link.options.message(the_link.options.self, &message);
    the_link.options.message(the_link.options.self, &message);
    assert_true(fixture_done(w->f));
    assert_int_equal(w->failed, 1);
    assert_int_equal(the_link.released, 0);
}

/* Goal: giving up a commit that waits for room is no failure; nothing is
 * acknowledged. */
static void test_giving_up(void **state) {
    struct world *w = *state;
    uint64_t number = 0;
    for (;;) {
        if (stream_is_full(w->f->stream)) {
            readable(); /* asks for room */
            fixture_settle(w->f);
            if (session_is_busy(w->session)) {
                break;
            }
        }
        fixture_large(w->f, number++);
        fixture_commit(w->f);
    }
    int released = the_link.released;
    arrives(1);
    readable();
    stream_give_up(w->f->stream);
    assert_false(session_is_busy(w->session));
    assert_int_equal(w->failed, 0);
    assert_int_equal(the_link.untargeted, 1);
    assert_int_equal(the_link.released, released);
    assert_true(mqtt_link_ready(&the_link));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_subscribes),
        TEST(test_is_up_when_subscribed),
        TEST(test_acknowledges_after_the_commit),
        TEST(test_nothing_for_the_stream),
        TEST(test_a_bound_on_the_batch),
        TEST(test_waits_for_company),
        TEST(test_no_company_to_wait_for),
        TEST(test_reads_nothing_while_full),
        TEST(test_a_failed_commit),
        TEST(test_taking_fails),
        TEST(test_giving_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
