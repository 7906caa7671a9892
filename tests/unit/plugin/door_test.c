/* SPDX-License-Identifier: Apache-2.0 */
/* The door over a broker that only writes down what it is asked: reports, cuts
 * and what stays in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/plugin/door.h"
#include "gateway/plugin/limiter.h"
#include "tests/unit/plugin/fixture.h"

enum { REPORTS_MAX = 4096, KEYS = 8 };

struct house {
    struct fixture *f;
    struct door *door;
    int64_t mono_us;
    struct report reports[REPORTS_MAX];
    uint32_t count;
    uint32_t read; /* up to where the test looked */
    struct {
        char name[ACCOUNT_NAME_MAX];
        char id[CLIENT_ID_MAX];
        bool connected;
    } keys[KEYS];                     /* the broker's connections */
    char sessions[40][CLIENT_ID_MAX]; /* that the broker has */
    int asked;                        /* times that it was asked for one */
};

static int64_t wall(void *self) {
    (void)self;
    return 1800000000000000;
}

static int64_t mono(void *self) {
    return ((struct house *)self)->mono_us;
}

static void on_report(void *self, struct slice bytes) {
    struct house *house = self;
    assert_true(house->count < REPORTS_MAX);
    assert_int_equal(report_read(bytes, &house->reports[house->count++]),
                     ERR_OK);
}

static void gone(struct house *house, int key) {
    house->keys[key].connected = false;
    const struct door_end end = {&house->keys[key], house->keys[key].id,
                                 house->keys[key].name, "127.0.0.1"};
    door_gone(house->door, &end);
}

static void on_kick_name(void *self, const char *name, bool with_will) {
    struct house *house = self;
    (void)with_will;
    for (int i = 0; i < KEYS; i++) {
        if (house->keys[i].connected &&
            strcmp(house->keys[i].name, name) == 0) {
            gone(house, i);
        }
    }
}

static void on_kick_id(void *self, const char *id, bool with_will) {
    struct house *house = self;
    (void)with_will;
    for (int i = 0; i < KEYS; i++) {
        if (house->keys[i].connected && strcmp(house->keys[i].id, id) == 0) {
            gone(house, i);
            return;
        }
    }
}

static bool has_session(void *self, const char *id) {
    struct house *house = self;
    house->asked++;
    for (int i = 0; i < KEYS; i++) { /* of one that is there it would cut it */
        assert_false(house->keys[i].connected &&
                     strcmp(house->keys[i].id, id) == 0);
    }
    for (size_t i = 0; i < sizeof house->sessions / CLIENT_ID_MAX; i++) {
        if (strcmp(house->sessions[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static void open_door(struct house *house) {
    static struct clock clock;
    clock = (struct clock){house, wall, mono};
    const struct door_options options = {
        .clock = &clock,
        .place = fixture_place(house->f),
        .broker = {house, on_report, on_kick_name, on_kick_id, has_session},
    };
    struct reason reason = {""};
    if (door_new(&options, &house->door, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
}

static int setup(void **state) {
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    void *f;
    (void)fixture_setup(&f);
    house->f = f;
    house->mono_us = 1000000;
    fixture_device(house->f, "till-1", "till-1s-password", true);
    fixture_device(house->f, "till-2", "till-2s-password", true);
    fixture_write(house->f);
    open_door(house);
    *state = house;
    return 0;
}

static int teardown(void **state) {
    struct house *house = *state;
    void *f = house->f;
    door_free(house->door);
    free(house);
    return fixture_teardown(&f);
}

static bool enter(struct house *house, int key, const char *id,
                  const char *user, const char *password,
                  const struct certificate *certificate) {
    const struct login login = {id,          user, password, "127.0.0.1",
                                certificate, true, false};
    const char *name;
    bool admitted = door_enter(house->door, &house->keys[key], &login, &name);
    if (admitted) {
        house->keys[key].connected = true;
        snprintf(house->keys[key].id, CLIENT_ID_MAX, "%s", id);
        snprintf(house->keys[key].name, ACCOUNT_NAME_MAX, "%s",
                 name != NULL   ? name
                 : user != NULL ? user
                                : "");
    }
    return admitted;
}

static void enter_till(struct house *house, int key, const char *till) {
    char password[80];
    snprintf(password, sizeof password, "%ss-password", till);
    assert_true(enter(house, key, till, till, password, NULL));
}

static bool use(struct house *house, int key, enum rules_action action,
                const char *topic, const char *payload) {
    const struct door_use asked = {
        .key = &house->keys[key],
        .action = action,
        .topic = topic,
        .payload = slice_from_str(payload),
        .user = house->keys[key].name,
        .address = "127.0.0.1",
    };
    return door_allows(house->door, &asked);
}

/* The next report, which must be there. */
static const struct report *next(struct house *house, enum report_kind kind) {
    if (house->read == house->count) {
        fail_msg("no report of kind %d", (int)kind);
    }
    const struct report *report = &house->reports[house->read++];
    assert_int_equal(report->kind, kind);
    return report;
}

static void nothing_more(const struct house *house) {
    assert_int_equal(house->read, house->count);
}

static void command(struct house *house, enum report_command what) {
    uint8_t bytes[16];
    struct writer writer = writer_over(bytes, sizeof bytes);
    report_command_write(what, &writer);
    door_command(house->door, writer_slice(&writer));
}

/* Goal: who comes and goes is told, with what is known. */
static void test_comes_and_goes(void **state) {
    struct house *house = *state;
    const struct certificate shown = {"till-2", "0C", 1900000000000000};
    enter_till(house, 0, "till-1");
    const struct report *report = next(house, REPORT_CONNECTED);
    assert_string_equal(report->device, "till-1");
    assert_string_equal(report->client_id, "till-1");
    assert_string_equal(report->address, "127.0.0.1");
    assert_int_equal(report->by, REPORT_BY_PASSWORD);
    assert_int_equal(report->since_us, wall(NULL));
    assert_true(enter(house, 1, "till-2", NULL, NULL, &shown));
    report = next(house, REPORT_CONNECTED);
    assert_int_equal(report->by, REPORT_BY_CERTIFICATE);
    assert_int_equal(report->certificate_ends_us, shown.ends_us);
    assert_string_equal(house->keys[1].name, "till-2");
    assert_true(enter(house, 2, "x", NULL, NULL, NULL));
    assert_string_equal(next(house, REPORT_CONNECTED)->device, "");
    assert_true(enter(house, 3, "edge", GATEWAY_NAME, GATEWAY_PASSWORD, NULL));
    nothing_more(house); /* of its own it knows */
    command(house, REPORT_HELLO);
    for (int i = 0; i < 3; i++) {
        (void)next(house, REPORT_CONNECTED);
    }
    assert_int_equal(next(house, REPORT_ALL)->set, 1);
    for (int i = 0; i < 4; i++) {
        gone(house, i);
    }
    for (int i = 0; i < 3; i++) {
        (void)next(house, REPORT_DISCONNECTED);
    }
    nothing_more(house);
    assert_int_equal(door_count(house->door), 0);
}

/* Goal: a refusal says why, who was meant and from where; its end is no news,
 * and a secret name is not told. */
static void test_refused_logins(void **state) {
    struct house *house = *state;
    assert_false(enter(house, 0, "x", "till-1", "wrong-password", NULL));
    const struct report *report = next(house, REPORT_REFUSED);
    assert_int_equal(report->refusal, REFUSAL_PASSWORD);
    assert_string_equal(report->device, "till-1");
    assert_int_equal(report->count, 1);
    assert_false(report->publish);
    assert_false(enter(house, 1, "x", "laptop", "wrong-password", NULL));
    report = next(house, REPORT_REFUSED);
    assert_int_equal(report->refusal, REFUSAL_UNKNOWN);
    assert_string_equal(report->device, "");
    assert_string_equal(report->text, "laptop");
    assert_false(enter(house, 2, "x", GATEWAY_NAME, "wrong-password", NULL));
    report = next(house, REPORT_REFUSED);
    assert_string_equal(report->text, "gateway");
    for (int i = 0; i < 3; i++) {
        assert_false(
            use(house, i, RULES_PUBLISH, "shopme/s1/till-1/orders", "{}"));
        gone(house, i);
    }
    nothing_more(house);
    assert_int_equal(door_count(house->door), 0);
}

/* Goal: of connections that the broker refused itself the address is told; of
 * sessions without one nothing. */
static void test_strangers(void **state) {
    struct house *house = *state;
    const struct door_end handshake = {&house->keys[0], NULL, NULL,
                                       "192.0.2.7"};
    door_gone(house->door, &handshake);
    const struct report *report = next(house, REPORT_REFUSED);
    assert_int_equal(report->refusal, REFUSAL_NONE);
    assert_string_equal(report->address, "192.0.2.7");
    const struct door_end nameless = {&house->keys[0], "till-1", NULL,
                                      "192.0.2.7"};
    door_gone(house->door, &nameless);
    report = next(house, REPORT_REFUSED);
    assert_int_equal(report->refusal, REFUSAL_ANONYMOUS);
    assert_string_equal(report->client_id, "till-1");
    const struct door_end offline = {&house->keys[0], "till-1", "till-1",
                                     "192.0.2.7"};
    door_gone(house->door, &offline);
    /* A session is resumed: the broker ends what it was. */
    assert_true(enter(house, 1, "x", NULL, NULL, NULL));
    (void)next(house, REPORT_CONNECTED);
    const struct door_end resumed = {&house->keys[0], "x", NULL, "127.0.0.1"};
    door_gone(house->door, &resumed);
    nothing_more(house);
}

/* Goal: a refused publish is told with the event's id; a refused delivery is
 * not told, and nor is what may be done. */
static void test_refused_topics(void **state) {
    struct house *house = *state;
    enter_till(house, 0, "till-1");
    (void)next(house, REPORT_CONNECTED);
    assert_true(use(house, 0, RULES_PUBLISH, "shopme/s1/till-1/orders",
                    "{\"id\":\"e-1\"}"));
    assert_true(
        use(house, 0, RULES_SUBSCRIBE, "shopme/s1/till-1/receipts", ""));
    assert_false(use(house, 0, RULES_READ, "shopme/s1/till-2/receipts", ""));
    nothing_more(house);
    assert_false(use(house, 0, RULES_PUBLISH, "shopme/s1/till-2/orders",
                     "{\"id\":\"e-2\"}"));
    const struct report *report = next(house, REPORT_REFUSED);
    assert_string_equal(report->device, "till-1");
    assert_string_equal(report->text, "shopme/s1/till-2/orders");
    assert_string_equal(report->event_id, "e-2");
    assert_int_equal(report->refusal, REFUSAL_OTHER_DEVICE);
    assert_true(report->publish);
    assert_false(report->cbor);
    assert_false(use(house, 0, RULES_PUBLISH, "x",
                     "\xa1\x62id\x63"
                     "e-3"));
    report = next(house, REPORT_REFUSED);
    assert_string_equal(report->event_id, "e-3");
    assert_true(report->cbor);
    static const char *const never[] = {
        "#",        "$shopme/#",          "$shopme/report",
        "$SYS/#",   "$CONTROL/#",         "$share/g/shopme/s1/till-1/receipts",
        "shopme/#", "+/+/till-2/receipts"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        assert_false(use(house, 0, RULES_SUBSCRIBE, never[i], ""));
        assert_false(next(house, REPORT_REFUSED)->publish);
    }
    assert_false(use(house, 0, RULES_PUBLISH, REPORT_TOPIC, "x"));
    assert_false(use(house, 0, RULES_PUBLISH, REPORT_CONTROL, "x"));
    assert_false(use(house, 0, RULES_READ, REPORT_TOPIC, ""));
}

/* Goal: what a session may have that is offline, or whose will is sent after
 * its end, is what its user name says; a retained message's source is asked
 * for without an address, and is no attempt. */
static void test_absent(void **state) {
    struct house *house = *state;
    struct door_use asked = {
        .key = &house->keys[5],
        .action = RULES_READ,
        .topic = "shopme/s1/till-1/receipts",
        .user = "till-1",
        .address = "192.0.2.7",
    };
    assert_true(door_allows(house->door, &asked));
    asked.user = "till-2";
    assert_false(door_allows(house->door, &asked));
    asked.user =
        "removed"; /* who had a name has not an anonymous one's rights */
    asked.topic = "shopme/s1/nobody/receipts";
    assert_false(door_allows(house->door, &asked));
    static const char *const nobodies[] = {NULL, "anonymous"};
    for (int i = 0; i < 2; i++) { /* (NULL: of before the plugin) */
        asked.user = nobodies[i];
        asked.topic = "shopme/s1/till-1/receipts";
        assert_false(door_allows(house->door, &asked));
        asked.topic = "shopme/s1/events/x";
        assert_false(door_allows(house->door, &asked));
        asked.topic = "shopme/s1/nobody/receipts";
        assert_true(door_allows(house->door, &asked));
    }
    asked.topic = "shopme/s1/till-1/receipts";
    asked.user = GATEWAY_NAME;
    assert_true(door_allows(house->door, &asked));
    asked.action = RULES_PUBLISH;
    asked.topic = "shopme/s1/till-2/status";
    asked.user = "till-2";
    assert_true(door_allows(house->door, &asked));
    nothing_more(house);
    asked.user = "till-1";
    assert_false(door_allows(house->door, &asked));
    assert_string_equal(next(house, REPORT_REFUSED)->device, "till-1");
    asked.address = NULL;
    assert_false(door_allows(house->door, &asked));
    nothing_more(house);
}

/* Goal: a client that takes over is told after the one it replaces, once each;
 * if it ends first, the other is there again. */
static void test_takeover(void **state) {
    struct house *house = *state;
    enter_till(house, 0, "till-1");
    (void)next(house, REPORT_CONNECTED);
    enter_till(house, 1, "till-1");
    (void)next(house, REPORT_DISCONNECTED);
    (void)next(house, REPORT_CONNECTED);
    gone(house, 0);
    nothing_more(house);
    assert_true(use(house, 1, RULES_PUBLISH, "shopme/s1/till-1/orders", ""));
    enter_till(house, 0, "till-1");
    (void)next(house, REPORT_DISCONNECTED);
    (void)next(house, REPORT_CONNECTED);
    gone(house, 0);
    (void)next(house, REPORT_DISCONNECTED);
    (void)next(house, REPORT_CONNECTED);
    gone(house, 1);
    (void)next(house, REPORT_DISCONNECTED);
    nothing_more(house);
}

/* Goal: a device has one connection, whatever client id it uses; others, and
 * the gateway, have theirs. */
static void test_one_connection(void **state) {
    struct house *house = *state;
    enter_till(house, 0, "till-2");
    assert_true(enter(house, 1, "edge", GATEWAY_NAME, GATEWAY_PASSWORD, NULL));
    assert_true(
        enter(house, 2, "edge-2", GATEWAY_NAME, GATEWAY_PASSWORD, NULL));
    assert_true(enter(house, 3, "x", NULL, NULL, NULL));
    assert_true(enter(house, 4, "y", NULL, NULL, NULL));
    assert_true(enter(house, 5, "app", "till-1", "till-1s-password", NULL));
    house->read = house->count;
    assert_false(enter(house, 6, "app-2", "till-1", "wrong-password", NULL));
    (void)next(house, REPORT_REFUSED);
    enter_till(house, 6, "till-1");
    assert_string_equal(next(house, REPORT_DISCONNECTED)->client_id, "app");
    assert_string_equal(next(house, REPORT_CONNECTED)->client_id, "till-1");
    nothing_more(house);
    assert_int_equal(door_count(house->door), 6);
    for (int i = 0; i < 5; i++) {
        assert_true(house->keys[i].connected);
    }
}

/* Goal: the same memory for another client gives it nothing of the first. */
static void test_memory_used_again(void **state) {
    struct house *house = *state;
    assert_true(enter(house, 0, "edge", GATEWAY_NAME, GATEWAY_PASSWORD, NULL));
    assert_true(use(house, 0, RULES_SUBSCRIBE, "#", ""));
    gone(house, 0);
    enter_till(house, 0, "till-1");
    assert_false(use(house, 0, RULES_SUBSCRIBE, "#", ""));
    /* Even if its end was not told. */
    assert_true(enter(house, 1, "edge", GATEWAY_NAME, GATEWAY_PASSWORD, NULL));
    assert_false(enter(house, 1, "x", "till-2", "wrong-password", NULL));
    assert_false(use(house, 1, RULES_SUBSCRIBE, "#", ""));
}

/* Goal: a reload cuts exactly who lost its right, and says the set's number;
 * the rest go on with the new rights at once. */
static void test_reload(void **state) {
    struct house *house = *state;
    const struct certificate shown = {"till-2", "0C", 1900000000000000};
    enter_till(house, 0, "till-1");
    assert_true(enter(house, 1, "till-2", NULL, NULL, &shown));
    fixture_device(house->f, "till-3", "till-3s-password", false);
    assert_true(enter(house, 3, "x", NULL, NULL, NULL));
    assert_true(enter(house, 4, "edge", GATEWAY_NAME, GATEWAY_PASSWORD, NULL));
    house->read = house->count;
    assert_false(use(house, 0, RULES_SUBSCRIBE, "kitchen/#", ""));
    house->read = house->count;
    fixture_grant(house->f, "till-1", "kitchen/#", false);
    fixture_revoke(house->f, "0C");
    fixture_write(house->f);
    command(house, REPORT_RELOAD);
    const struct report *report = next(house, REPORT_DISCONNECTED);
    assert_string_equal(report->client_id, "till-2");
    assert_int_equal(next(house, REPORT_LOADED)->set, 2);
    nothing_more(house);
    assert_true(house->keys[0].connected && house->keys[3].connected);
    enter_till(house, 2, "till-3");
    (void)next(house, REPORT_CONNECTED);
    assert_true(use(house, 0, RULES_SUBSCRIBE, "kitchen/#", ""));
    fixture_remove(house->f, "till-1");
    fixture_device(house->f, "till-3", "another-password", true);
    house->f->rules.anonymous = false;
    fixture_write(house->f);
    command(house, REPORT_RELOAD);
    for (int i = 0; i < 3; i++) {
        (void)next(house, REPORT_DISCONNECTED);
    }
    assert_int_equal(next(house, REPORT_LOADED)->set, 3);
    assert_true(house->keys[4].connected);
    assert_int_equal(door_count(house->door), 1);
}

/* Goal: what cannot be read changes nothing, and is told. */
static void test_reload_fails(void **state) {
    struct house *house = *state;
    enter_till(house, 0, "till-1");
    (void)next(house, REPORT_CONNECTED);
    fixture_remove(house->f, "till-1");
    fixture_write(house->f);
    assert_int_equal(truncate(fixture_file(house->f, "accounts"), 25), 0);
    command(house, REPORT_RELOAD);
    const struct report *report = next(house, REPORT_FAILED);
    assert_non_null(strstr(report->text, "accounts"));
    assert_int_equal(report->set, 1);
    assert_true(use(house, 0, RULES_PUBLISH, "shopme/s1/till-1/orders", ""));
    nothing_more(house);
}

/* Goal: while the broker asks again for all it has, nobody is refused; after
 * the next tick all is as before. */
static void test_hangup(void **state) {
    struct house *house = *state;
    enter_till(house, 0, "till-1");
    door_hangup(house->door);
    assert_true(enter(house, 0, "till-1", "till-1", "till-1s-password", NULL));
    assert_true(enter(house, 5, "offline", "removed", NULL, NULL));
    gone(house, 5);
    assert_int_equal(door_count(house->door), 1);
    door_tick(house->door);
    assert_false(enter(house, 5, "offline", "removed", NULL, NULL));
    assert_true(use(house, 0, RULES_PUBLISH, "shopme/s1/till-1/orders", ""));
}

/* Goal: a flood of refusals becomes some reports with the whole count. */
static void test_flood(void **state) {
    struct house *house = *state;
    enter_till(house, 0, "till-1");
    house->read = house->count;
    const int all = 5000;
    for (int i = 0; i < all; i++) {
        assert_false(use(house, 0, RULES_PUBLISH, "x", "{\"id\":\"e\"}"));
    }
    assert_int_equal(house->count - house->read, LIMITER_CAUSE_A_SECOND);
    house->mono_us += 1000000;
    door_tick(house->door);
    uint64_t counted = 0;
    while (house->read < house->count) {
        counted += next(house, REPORT_REFUSED)->count;
    }
    assert_int_equal(counted, all);
    door_tick(house->door);
    nothing_more(house);
}

/* Goal: what is no command does nothing. */
static void test_no_command(void **state) {
    struct house *house = *state;
    door_command(house->door, SLICE_EMPTY);
    door_command(house->door, SLICE("\x01\x7f"));
    door_command(house->door, SLICE("hello"));
    nothing_more(house);
}

#define DOOR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        DOOR_TEST(test_comes_and_goes), DOOR_TEST(test_refused_logins),
        DOOR_TEST(test_strangers),      DOOR_TEST(test_refused_topics),
        DOOR_TEST(test_absent),         DOOR_TEST(test_takeover),
        DOOR_TEST(test_one_connection), DOOR_TEST(test_memory_used_again),
        DOOR_TEST(test_reload),         DOOR_TEST(test_reload_fails),
        DOOR_TEST(test_hangup),         DOOR_TEST(test_flood),
        DOOR_TEST(test_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
