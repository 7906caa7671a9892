/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what no stream takes is counted, whatever the topic; what the store's
 * devices and the gateway say is not; the broker's own count of what it dropped
 * is known, and how much of it is new; a flood is looked away from, and looked
 * at again. libmosquitto's calls are the test's. */
#include "gateway/mqtt/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct {
    int looks;
    int looks_away;
    char filter[64];
} broker;

int mosquitto_subscribe_v5(struct mosquitto *mosq, int *mid, const char *sub,
                           int qos, int options,
                           const mosquitto_property *properties) {
    (void)mosq;
    (void)mid;
    (void)options;
    (void)properties;
    assert_int_equal(qos, 0);
    if (strncmp(sub, "shopme/", 7) == 0) {
        broker.looks++;
        snprintf(broker.filter, sizeof broker.filter, "%s", sub);
    }
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_unsubscribe(struct mosquitto *mosq, int *mid, const char *sub) {
    (void)mosq;
    (void)mid;
    assert_string_equal(sub, broker.filter);
    broker.looks_away++;
    return MOSQ_ERR_SUCCESS;
}

static struct config config = {
    .store = "s1",
    .streams = {{.name = "orders"}, {.name = "telemetry"}},
    .stream_count = 2,
};
static struct watch *watch;
static struct mosquitto *const client = (struct mosquitto *)&config;

static int setup(void **state) {
    (void)state;
    broker.looks = broker.looks_away = 0;
    config.broker.mode = CONFIG_BROKER_EMBEDDED;
    return watch_new(&config, &watch) != ERR_OK;
}

static int teardown(void **state) {
    (void)state;
    watch_free(watch);
    return 0;
}

static void published(const char *topic, const char *payload, uint64_t now_ms) {
    char copy[256];
    char bytes[64];
    snprintf(copy, sizeof copy, "%s", topic);
    snprintf(bytes, sizeof bytes, "%s", payload);
    const struct mosquitto_message message = {
        .topic = copy, .payload = bytes, .payloadlen = (int)strlen(bytes)};
    watch_message(watch, &message, now_ms);
}

static void dropped(unsigned number, uint64_t now_ms) {
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    published("$SYS/broker/publish/messages/dropped", text, now_ms);
}

static void test_topics(void **state) {
    (void)state;
    watch_up(watch, client);
    assert_string_equal(broker.filter, "shopme/#");
    static const char *const ours[] = {
        "shopme/s1/till-1/orders",   "shopme/s1/till-1/telemetry",
        "shopme/s1/till-1/receipts", "shopme/s1/till-1/notices",
        "shopme/s1/till-1/status",
    };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        published(ours[i], "{}", 1);
    }
    assert_int_equal(watch_counts(watch, 1).foreign, 0);
    assert_int_equal(watch_counts(watch, 1).rival, 0); /* two are too few */
    static const char *const others[] = {
        "shopme/s2/till-1/orders",
        "shopme/s1/till-1/order",
        "shopme/s1/till-1/Orders",
        "shopme/s1/orders",
        "shopme/s1//orders",
        "shopme/s1/a/b/orders",
        "shopme/s1/till-1/orders/",
        "shopme/",
        "shopme//",
        "shopme/s11/till-1/orders",
        "shopme/s1/\x01\"/x\x7fy",
    };
    size_t count = sizeof others / sizeof *others;
    for (size_t i = 0; i < count; i++) {
        published(others[i], "{}", 1);
        assert_int_equal(watch_counts(watch, 1).foreign, i + 1);
    }
    assert_string_equal(watch_counts(watch, 1).foreign_last, "shopme/s1/+/x?y");
    published("other/s1/x/y", "{}", 1);
    assert_int_equal(watch_counts(watch, 1).foreign, count);
    /* The broker's plugin refuses what the subscription does not see, too. */
    watch_refused(watch, "shopme", 2);
    assert_int_equal(watch_counts(watch, 1).foreign, count + 2);
    assert_string_equal(watch_counts(watch, 1).foreign_last, "shopme");
}

/* Goal: a line of the log names no topic that would have been right. */
static void test_the_kind_of_a_topic(void **state) {
    (void)state;
    static const struct {
        const char *topic, *kind;
    } topics[] = {
        {"shopme/s2/till-1/orders", "shopme/s2/+/orders"},
        {"shopme/s1/till-1/order", "shopme/s1/+/order"},
        {"shopme/s1/orders", "shopme/s1/orders"},
        {"shopme/s1//orders", "shopme/s1//orders"},
        {"shopme/s1/events/orders", "shopme/s1/events/orders"},
        {"shopme/s1/a/b/orders", "shopme/s1/+/+/orders"},
        {"shopme/s1/a/b/c/orders", "shopme/s1/+/+/orders"}, /* one kind */
        {"shopme/s1/till-1/orders/", "shopme/s1/+/+/"},
        {"shopme/s1", "shopme/s1"},
        {"shopme/s1/", "shopme/s1/"},
        {"shopme//", "shopme//"},
        {"shopme/", "shopme/"},
        {"shopme", "shopme"},
    };
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        watch_refused(watch, topics[i].topic, 1);
        assert_string_equal(watch_counts(watch, 1).foreign_last,
                            topics[i].kind);
    }
}

/* Goal: what only a gateway says, and ours did not, is another one's. */
static void test_a_rival(void **state) {
    (void)state;
    watch_up(watch, client);
    for (uint64_t i = 1; i < 20; i++) {
        published(i % 2 == 0 ? "shopme/s1/t/receipts" : "shopme/s1/t/notices",
                  "{}", 1);
        published("shopme/s1/t/orders", "{}", 1);
        published("shopme/s2/t/receipts", "{}", 1);
        assert_int_equal(watch_counts(watch, 1).rival, i < 5 ? 0 : i);
    }
}

static void test_kinds_are_bounded(void **state) {
    (void)state;
    watch_up(watch, client);
    char topic[200];
    for (int i = 0; i < 1000; i++) {
        snprintf(topic, sizeof topic, "shopme/%0100d/x/%0*d", i % 50,
                 1 + i % 60, i % 50);
        published(topic, "{}", (uint64_t)i * 10);
    }
    struct watch_counts counts = watch_counts(watch, 0);
    assert_int_equal(counts.foreign, 1000);
    assert_true(counts.foreign_topics <= WATCH_TOPICS_MAX);
}

static void test_another_broker(void **state) {
    (void)state;
    watch_free(watch);
    config.broker.mode = CONFIG_BROKER_EXTERNAL;
    assert_int_equal(watch_new(&config, &watch), ERR_OK);
    watch_up(watch, client);
    assert_string_equal(broker.filter, "shopme/s1/#");
    dropped(500, 1000); /* long ago, for all that is known */
    assert_int_equal(watch_counts(watch, 1000).dropped, 500);
    assert_int_equal(watch_counts(watch, 1000).dropped_a_minute, 0);
    assert_int_equal(watch_counts(watch, 1000).dropped_seen, 0);
    dropped(507, 2000);
    assert_int_equal(watch_counts(watch, 2000).dropped_a_minute, 7);
    assert_int_equal(watch_counts(watch, 2000).dropped_seen, 7);
    watch_down(watch); /* the same broker, which has dropped nothing since */
    assert_int_equal(watch_counts(watch, 2500).dropped_seen, 7);
    watch_up(watch, client);
    dropped(507, 3000);
    assert_int_equal(watch_counts(watch, 3000).dropped_seen, 7);
    watch_down(watch); /* it has started anew */
    watch_up(watch, client);
    dropped(0, 4000);
    dropped(2, 5000);
    assert_int_equal(watch_counts(watch, 5000).dropped_seen, 9);
}

static void test_dropped(void **state) {
    (void)state;
    watch_up(watch, client);
    assert_int_equal(watch_counts(watch, 0).dropped, 0);
    dropped(0, 1000);
    for (unsigned i = 1; i <= 100; i++) { /* one each 5 s */
        dropped(i, 1000 + i * 5000);
        struct watch_counts counts = watch_counts(watch, 1000 + i * 5000);
        assert_int_equal(counts.dropped, i);
        assert_int_equal(counts.dropped_a_minute, i < 12 ? i : 12);
    }
    assert_int_equal(watch_counts(watch, 1000 + 600000).dropped_a_minute, 0);
    published("$SYS/broker/publish/messages/dropped",
              "not a number, and longer than any number is", 700000);
    assert_int_equal(watch_counts(watch, 700000).dropped, 100);
    watch_down(watch); /* another broker: from its start */
    watch_up(watch, client);
    dropped(3, 800000);
    assert_int_equal(watch_counts(watch, 800000).dropped, 3);
    assert_int_equal(watch_counts(watch, 800000).dropped_a_minute, 3);
    assert_int_equal(watch_counts(watch, 800000).dropped_seen, 103);
}

/* Goal: a broker of somebody else's that closes the connection at a
 * subscription it does not allow is not asked for ever: receipts leave on it.
 */
static void test_a_broker_that_closes(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) { /* our own was killed, then */
        watch_up(watch, client);
        watch_down(watch);
    }
    assert_int_equal(broker.looks, 10);
    watch_free(watch);
    config.broker.mode = CONFIG_BROKER_EXTERNAL;
    assert_int_equal(watch_new(&config, &watch), ERR_OK);
    broker.looks = 0;
    for (int i = 0; i < 2; i++) {
        watch_up(watch, client);
        watch_down(watch);
    }
    watch_up(watch, client); /* it was not that */
    watch_answered(watch);
    watch_answered(watch);
    watch_down(watch);
    for (int i = 0; i < 10; i++) {
        watch_up(watch, client);
        watch_answered(watch);
        watch_down(watch);
    }
    assert_int_equal(broker.looks, 6);
}

static void test_a_flood(void **state) {
    (void)state;
    watch_up(watch, client);
    assert_int_equal(broker.looks, 1);
    for (int i = 0; i <= WATCH_MESSAGES_MAX + 50; i++) {
        published("shopme/s1/till-1/orders", "{}", 5000);
    }
    assert_int_equal(broker.looks_away, 1);
    assert_true(watch_counts(watch, 5000).looks_away);
    watch_tick(watch, 5000 + WATCH_AWAY_MS - 1);
    assert_int_equal(broker.looks, 1);
    watch_tick(watch, 5000 + WATCH_AWAY_MS);
    assert_int_equal(broker.looks, 2);
    for (uint64_t second = 20; second < 30; second++) { /* below the bound */
        for (int i = 0; i < WATCH_MESSAGES_MAX; i++) {
            published("shopme/s1/till-1/orders", "{}", second * 1000);
        }
    }
    assert_int_equal(broker.looks_away, 1);
    watch_down(watch);
    watch_tick(watch, 99000); /* not connected: nothing to do */
    assert_int_equal(broker.looks, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_topics, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_rival, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_kind_of_a_topic, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_kinds_are_bounded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_another_broker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broker_that_closes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_flood, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
