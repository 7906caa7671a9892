/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there, as the broker's plugin and the streams tell it. */
#include "gateway/identity/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S ((int64_t)1000 * 1000)
#define WALL_US ((int64_t)1790000000 * S)
#define DAY_S ((int64_t)24 * 60 * 60)

struct world {
    struct accounts accounts;
    struct presence presence;
    struct presence_moment now;
};

static void add(struct world *w, const char *name) {
    struct account account = {.certificate = true};
    snprintf(account.name, sizeof account.name, "%s", name);
    assert_int_equal(accounts_put(&w->accounts, &account), ERR_OK);
}

static void sync_now(struct world *w) {
    assert_int_equal(presence_sync(&w->presence, &w->accounts, w->now.mono_us),
                     ERR_OK);
}

static int begin(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->now = (struct presence_moment){.wall_us = WALL_US, .mono_us = 50 * S};
    add(w, "till-2");
    add(w, "till-1");
    add(w, "till-10");
    sync_now(w);
    *state = w;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    presence_free(&w->presence);
    assert_int_equal(w->presence.connections, 0);
    accounts_free(&w->accounts);
    free(w);
    return 0;
}

static void pass(struct world *w, int64_t seconds) {
    w->now.wall_us += seconds * S;
    w->now.mono_us += seconds * S;
}

static struct report report_of(enum report_kind kind, const char *device,
                               const char *client_id, int64_t since_s) {
    struct report report = {.kind = kind,
                            .by = REPORT_BY_CERTIFICATE,
                            .address = "10.0.0.7",
                            .count = 1,
                            .since_us = WALL_US + since_s * S};
    snprintf(report.device, sizeof report.device, "%s", device);
    snprintf(report.client_id, sizeof report.client_id, "%s", client_id);
    return report;
}

static void tell(struct world *w, enum report_kind kind, const char *device,
                 const char *client_id, int64_t since_s) {
    struct report report = report_of(kind, device, client_id, since_s);
    presence_report(&w->presence, &report, w->now.wall_us);
}

static void refuse(struct world *w, const char *device, enum refusal refusal,
                   uint64_t count, const char *text) {
    struct report report = report_of(REPORT_REFUSED, device, "c", 0);
    report.refusal = refusal;
    report.count = count;
    snprintf(report.text, sizeof report.text, "%s", text);
    presence_report(&w->presence, &report, w->now.wall_us);
}

static void hear(struct world *w, const char *device, bool rejected) {
    presence_heard(&w->presence, slice_from_str(device), rejected, &w->now);
}

static const struct presence_device *of(const struct world *w,
                                        const char *name) {
    return presence_find(&w->presence, slice_from_str(name));
}

static const char *state_of(const struct world *w, const char *name) {
    return presence_state_name(presence_state(of(w, name), &w->now));
}

static const char *silent_names(const struct world *w) {
    static char text[256];
    struct writer writer = writer_over(text, sizeof text - 1);
    presence_name_silent(&w->presence, &w->now, &writer);
    text[writer.len] = '\0';
    return text;
}

/* Goal: names are found whole, and a page of them begins behind any text. */
static void test_names(void **state) {
    const struct world *w = *state;
    static const struct {
        const char *name;
        uint32_t after;
        bool there;
    } cases[] = {
        {"", 0, false},        {"till", 0, false},     {"till-1", 1, true},
        {"till-1!", 1, false}, {"till-10", 2, true},   {"till-2", 3, true},
        {"till-20", 3, false}, {"\xff\xff", 3, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].name;
        assert_int_equal(presence_after(&w->presence, slice_from_str(name)),
                         cases[i].after);
        assert_true((of(w, name) != NULL) == cases[i].there);
    }
}

/* Goal: a device is online from its first connection's beginning to the end of
 * its last, each told once or twice, and in either order of a takeover. */
static void test_connections(void **state) {
    struct world *w = *state;
    assert_string_equal(state_of(w, "till-1"), "offline");
    tell(w, REPORT_CONNECTED, "till-1", "till-1", 1);
    tell(w, REPORT_CONNECTED, "till-1", "till-1", 1); /* and by a hello */
    assert_int_equal(of(w, "till-1")->connection_count, 1);
    assert_string_equal(state_of(w, "till-1"), "online");
    tell(w, REPORT_CONNECTED, "till-1", "second", 1);
    tell(w, REPORT_CONNECTED, "till-1", "till-1", 2); /* takes the first over */
    tell(w, REPORT_DISCONNECTED, "till-1", "till-1", 1);
    assert_int_equal(of(w, "till-1")->connection_count, 2);
    assert_int_equal(of(w, "till-1")->connections[1].since_us, WALL_US + 2 * S);
    assert_string_equal(of(w, "till-1")->connections[1].address, "10.0.0.7");
    tell(w, REPORT_DISCONNECTED, "till-1", "second", 1);
    pass(w, 9);
    tell(w, REPORT_DISCONNECTED, "till-1", "till-1", 2);
    tell(w, REPORT_DISCONNECTED, "till-1", "till-1", 2);
    assert_int_equal(of(w, "till-1")->connection_count, 0);
    assert_int_equal(of(w, "till-1")->gone_us, WALL_US + 9 * S);
    assert_int_equal(w->presence.connections, 0);
}

/* Goal: what was missed while the broker was not heard is put right by its
 * answer to the next hello, and not before. */
static void test_hello(void **state) {
    struct world *w = *state;
    assert_false(w->presence.known);
    presence_ask(&w->presence);
    tell(w, REPORT_CONNECTED, "till-1", "a", 1);
    tell(w, REPORT_CONNECTED, "till-1", "b", 1);
    tell(w, REPORT_CONNECTED, "till-2", "c", 1);
    tell(w, REPORT_CONNECTED, "", "d", 1);
    tell(w, REPORT_ALL, "", "", 0);
    assert_true(w->presence.known);
    presence_ask(&w->presence);
    assert_false(w->presence.known);
    tell(w, REPORT_CONNECTED, "till-1", "b", 1);
    assert_int_equal(presence_counts(&w->presence, &w->now).online, 2);
    tell(w, REPORT_ALL, "", "", 0);
    struct presence_counts counts = presence_counts(&w->presence, &w->now);
    assert_int_equal(counts.online, 1);
    assert_int_equal(counts.registered, 3);
    assert_int_equal(counts.strangers, 0);
    assert_int_equal(of(w, "till-1")->connection_count, 1);
    assert_int_equal(of(w, "till-2")->gone_us, WALL_US);
}

/* Goal: whoever has no account is counted in one place, whatever names it
 * uses. */
static void test_strangers(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "nobody-%d", i);
        hear(w, name, i % 2 == 0);
        refuse(w, "", REFUSAL_UNKNOWN, 2, name);
        refuse(w, name, REFUSAL_UNKNOWN, 1, name); /* was removed just now */
        tell(w, REPORT_CONNECTED, name, name, 0);
    }
    tell(w, REPORT_CONNECTED, "", "mosquitto_pub", 0);
    const struct presence_device *others = &w->presence.others;
    assert_int_equal(w->presence.count, 3);
    assert_int_equal(w->presence.connections, 1);
    assert_int_equal(others->events, 1000);
    assert_int_equal(others->rejected, 500);
    assert_int_equal(others->refused->count[REFUSAL_UNKNOWN], 3000);
    assert_string_equal(others->refused->last_words, "nobody-999");
    assert_int_equal(presence_counts(&w->presence, &w->now).strangers, 1);
    refuse(w, "", REFUSAL_NONE, 5, "");
    assert_int_equal(others->refused->last, REFUSAL_UNKNOWN);
}

/* Goal: connections have a bound, and one that ended makes room again. */
static void test_bound(void **state) {
    struct world *w = *state;
    for (int i = 0; i <= PRESENCE_CONNECTIONS_MAX / 64; i++) {
        w->presence.connections += i == 0 ? PRESENCE_CONNECTIONS_MAX - 2 : 0;
        tell(w, REPORT_CONNECTED, "till-1", "c", i);
    }
    assert_int_equal(of(w, "till-1")->connection_count, 2);
    tell(w, REPORT_DISCONNECTED, "till-1", "c", 0);
    tell(w, REPORT_CONNECTED, "till-1", "d", 0);
    assert_int_equal(of(w, "till-1")->connection_count, 2);
    w->presence.connections -= PRESENCE_CONNECTIONS_MAX - 2;
}

/* Goal: what is refused is counted by its reason, with its last time; a device
 * is worth a look for an hour. */
static void test_refused(void **state) {
    struct world *w = *state;
    tell(w, REPORT_CONNECTED, "till-1", "c", 0);
    refuse(w, "till-1", REFUSAL_PASSWORD, 3, "till-1");
    pass(w, 10);
    refuse(w, "till-1", REFUSAL_OTHER_DEVICE, 40, "shopme/s1/till-2/orders");
    const struct presence_refused *refused = of(w, "till-1")->refused;
    assert_int_equal(refused->count[REFUSAL_PASSWORD], 3);
    assert_int_equal(refused->last_us[REFUSAL_PASSWORD], WALL_US);
    assert_int_equal(refused->count[REFUSAL_OTHER_DEVICE], 40);
    assert_int_equal(refused->last_us[REFUSAL_OTHER_DEVICE], WALL_US + 10 * S);
    assert_string_equal(refused->last_words, "shopme/s1/till-2/orders");
    assert_string_equal(state_of(w, "till-1"), "refused");
    pass(w, 3599);
    assert_string_equal(state_of(w, "till-1"), "refused");
    pass(w, 1);
    assert_string_equal(state_of(w, "till-1"), "online");
    char long_text[REPORT_TEXT_MAX];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    memcpy(&long_text[PRESENCE_WORDS_MAX - 2], "\xc3\xa4", 2); /* cut within */
    refuse(w, "till-1", REFUSAL_OUTSIDE, 1, long_text);
    assert_int_equal(strlen(refused->last_words), PRESENCE_WORDS_MAX - 1);
    assert_true(slice_is_utf8(slice_from_str(refused->last_words)));
}

/* Goal: a device is silent from exactly the configured time after its last
 * message, a rejected one, too; one that never said anything, from when it
 * became known. 0: never. */
static void test_silent(void **state) {
    struct world *w = *state;
    hear(w, "till-1", true);
    pass(w, DAY_S);
    assert_string_equal(silent_names(w), "");
    w->now.silent_after_us = DAY_S * S;
    hear(w, "till-2", false);
    add(w, "till-3"); /* added now */
    sync_now(w);
    assert_string_equal(silent_names(w), "till-1, till-10");
    assert_string_equal(state_of(w, "till-1"), "silent");
    hear(w, "till-1", false);
    assert_int_equal(of(w, "till-1")->events, 2);
    assert_int_equal(of(w, "till-1")->rejected, 1);
    assert_int_equal(of(w, "till-1")->last_event_us, w->now.wall_us);
    assert_string_equal(silent_names(w), "till-10");
    pass(w, DAY_S - 1);
    assert_int_equal(presence_counts(&w->presence, &w->now).silent, 1);
    pass(w, 1);
    add(w, "till-4");
    sync_now(w);
    assert_int_equal(presence_counts(&w->presence, &w->now).silent, 4);
    assert_string_equal(silent_names(w), "till-1, till-10, till-2 and 1 more");
    hear(w, "till-3", false);
    assert_string_equal(silent_names(w), "till-1, till-10, till-2");
}

/* Goal: other accounts leave who stays as it was, and take the rest away. */
static void test_accounts(void **state) {
    struct world *w = *state;
    hear(w, "till-1", false);
    tell(w, REPORT_CONNECTED, "till-1", "a", 0);
    tell(w, REPORT_CONNECTED, "till-2", "b", 0);
    refuse(w, "till-2", REFUSAL_OUTSIDE, 1, "x");
    assert_true(of(w, "till-1")->certificate);
    assert_int_equal(accounts_remove(&w->accounts, "till-2"), ERR_OK);
    struct account changed = *accounts_find(&w->accounts, "till-1");
    changed.certificate = false;
    snprintf(changed.password, sizeof changed.password, "$7$...");
    assert_int_equal(accounts_put(&w->accounts, &changed), ERR_OK);
    add(w, "a-first");
    sync_now(w);
    assert_null(of(w, "till-2"));
    assert_int_equal(w->presence.connections, 1);
    tell(w, REPORT_DISCONNECTED, "till-2", "b", 0); /* by its removal */
    assert_int_equal(of(w, "till-1")->events, 1);
    assert_int_equal(of(w, "till-1")->connection_count, 1);
    assert_false(of(w, "till-1")->certificate);
    assert_true(of(w, "till-1")->password);
    assert_non_null(of(w, "a-first"));
    assert_int_equal(w->presence.count, 3);
}

/* Goal: the certificate that ends first is named, of those that are shown by a
 * connection now. */
static void test_expiring(void **state) {
    struct world *w = *state;
    uint32_t count;
    int64_t ends_us;
    int64_t before_us = WALL_US + 30 * DAY_S * S;
    static const int64_t days[] = {29, 3, 31};
    static const char *const names[] = {"till-1", "till-2", "till-10"};
    assert_null(presence_expiring(&w->presence, before_us, &ends_us, &count));
    for (size_t i = 0; i < 3; i++) {
        struct report report = report_of(REPORT_CONNECTED, names[i], "c", 0);
        report.certificate_ends_us = WALL_US + days[i] * DAY_S * S;
        presence_report(&w->presence, &report, WALL_US);
    }
    const struct presence_device *first =
        presence_expiring(&w->presence, before_us, &ends_us, &count);
    assert_string_equal(first->name, "till-2");
    assert_int_equal(ends_us, WALL_US + 3 * DAY_S * S);
    assert_int_equal(count, 2);
    tell(w, REPORT_DISCONNECTED, "till-2", "c", 0);
    first = presence_expiring(&w->presence, before_us, &ends_us, &count);
    assert_string_equal(first->name, "till-1");
    assert_int_equal(count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_names),     TEST(test_connections), TEST(test_hello),
        TEST(test_strangers), TEST(test_bound),       TEST(test_refused),
        TEST(test_silent),    TEST(test_accounts),    TEST(test_expiring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
