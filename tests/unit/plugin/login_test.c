/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, as whom, and why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/plugin/login.h"
#include "tests/unit/plugin/fixture.h"

#define NOW_US 1800000000000000

static const struct certificate till_1 = {"till-1", "0A1B", NOW_US + 1};
static const struct certificate ended = {"till-1", "0A1B", NOW_US};
static const struct certificate revoked = {"till-1", "0C", NOW_US + 1};
static const struct certificate meter = {"meter", "0A1B", NOW_US + 1};
static const struct certificate gateway = {"gateway", "0A1B", NOW_US + 1};
static const struct certificate gateway_name = {GATEWAY_NAME, "0A1B",
                                                NOW_US + 1};
static const struct certificate nobody = {"laptop", "0A1B", NOW_US + 1};
static const struct certificate no_name = {"", "0A1B", NOW_US + 1};

struct row {
    const char *what;
    struct login login;
    enum refusal refusal;
    enum rules_who who;
};

#define LOCAL "127.0.0.1"
#define FAR "192.0.2.7"
#define CLEAN true, false
#define KEPT false, false

static const struct row rows[] = {
    /* By certificate. */
    {"a certificate",
     {"till-1", NULL, NULL, FAR, &till_1, KEPT},
     REFUSAL_NONE,
     RULES_DEVICE},
    {"its user name changes nothing",
     {"till-1", "till-2", "x", FAR, &till_1, KEPT},
     REFUSAL_NONE,
     RULES_DEVICE},
    {"another's id",
     {"till-2", NULL, NULL, FAR, &till_1, KEPT},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"any other id",
     {"x", NULL, NULL, FAR, &till_1, CLEAN},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"ended",
     {"till-1", NULL, NULL, FAR, &ended, KEPT},
     REFUSAL_CERTIFICATE,
     RULES_DEVICE},
    {"revoked",
     {"till-1", NULL, NULL, FAR, &revoked, KEPT},
     REFUSAL_REVOKED,
     RULES_DEVICE},
    {"registered, but not for certificates",
     {"meter", NULL, NULL, FAR, &meter, KEPT},
     REFUSAL_NO_CERTIFICATE,
     RULES_DEVICE},
    {"not registered",
     {"laptop", NULL, NULL, FAR, &nobody, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    {"named as the gateway",
     {"gateway", NULL, NULL, FAR, &gateway, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    {"named as the gateway's login",
     {GATEWAY_NAME, NULL, NULL, LOCAL, &gateway_name, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    {"without a name of use",
     {"", NULL, NULL, LOCAL, &no_name, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    {"with the gateway's password besides",
     {"x", GATEWAY_NAME, GATEWAY_PASSWORD, LOCAL, &nobody, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    /* By password. */
    {"a password",
     {"meter", "meter", "meters-password", FAR, NULL, KEPT},
     REFUSAL_NONE,
     RULES_DEVICE},
    {"any id without a session",
     {"mosq-x", "meter", "meters-password", FAR, NULL, CLEAN},
     REFUSAL_NONE,
     RULES_DEVICE},
    {"and not with one",
     {"mosq-x", "meter", "meters-password", FAR, NULL, KEPT},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"another's id",
     {"till-1", "meter", "meters-password", FAR, NULL, CLEAN},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"the gateway's id",
     {"edge-s1-orders", "meter", "meters-password", FAR, NULL, CLEAN},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"an id in use by an anonymous one",
     {"scanner", "meter", "meters-password", FAR, NULL, CLEAN},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"an id in use by itself",
     {"own", "meter", "meters-password", FAR, NULL, CLEAN},
     REFUSAL_NONE,
     RULES_DEVICE},
    {"no id",
     {NULL, "meter", "meters-password", FAR, NULL, CLEAN},
     REFUSAL_CLIENT_ID,
     RULES_DEVICE},
    {"a wrong password",
     {"meter", "meter", "meters-passwor", FAR, NULL, KEPT},
     REFUSAL_PASSWORD,
     RULES_DEVICE},
    {"another's password",
     {"meter", "meter", "till-2s-password", FAR, NULL, KEPT},
     REFUSAL_PASSWORD,
     RULES_DEVICE},
    {"none",
     {"meter", "meter", NULL, FAR, NULL, KEPT},
     REFUSAL_PASSWORD,
     RULES_DEVICE},
    {"an empty one",
     {"meter", "meter", "", FAR, NULL, KEPT},
     REFUSAL_PASSWORD,
     RULES_DEVICE},
    {"of no device",
     {"x", "laptop", "meters-password", FAR, NULL, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    {"of nobody",
     {"x", "", "", LOCAL, NULL, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    {"by certificate only",
     {"till-1", "till-1", "", LOCAL, NULL, KEPT},
     REFUSAL_NO_PASSWORD,
     RULES_DEVICE},
    {"named as the gateway",
     {"gateway", "gateway", GATEWAY_PASSWORD, LOCAL, NULL, KEPT},
     REFUSAL_UNKNOWN,
     RULES_DEVICE},
    /* The gateway. */
    {"the gateway",
     {"edge-s1-orders", GATEWAY_NAME, GATEWAY_PASSWORD, "/run/s", NULL, KEPT},
     REFUSAL_NONE,
     RULES_GATEWAY},
    {"its name with another password",
     {"x", GATEWAY_NAME, "meters-password", LOCAL, NULL, KEPT},
     REFUSAL_PASSWORD,
     RULES_GATEWAY},
    /* Without a name. */
    {"from here",
     {"x", NULL, NULL, LOCAL, NULL, KEPT},
     REFUSAL_NONE,
     RULES_ANONYMOUS},
    {"from here, IPv6",
     {"x", NULL, NULL, "::1", NULL, KEPT},
     REFUSAL_NONE,
     RULES_ANONYMOUS},
    {"from elsewhere",
     {"x", NULL, NULL, FAR, NULL, KEPT},
     REFUSAL_ANONYMOUS,
     RULES_ANONYMOUS},
    {"over a unix socket",
     {"x", NULL, NULL, "/run/shopme-edge/127.0.0.1", NULL, KEPT},
     REFUSAL_ANONYMOUS,
     RULES_ANONYMOUS},
    {"from nobody knows where",
     {"x", NULL, NULL, NULL, NULL, KEPT},
     REFUSAL_ANONYMOUS,
     RULES_ANONYMOUS},
    {"with a device's id",
     {"till-1", NULL, NULL, LOCAL, NULL, KEPT},
     REFUSAL_CLIENT_ID,
     RULES_ANONYMOUS},
    {"with the gateway's id",
     {"edge-s1-orders", NULL, NULL, LOCAL, NULL, KEPT},
     REFUSAL_CLIENT_ID,
     RULES_ANONYMOUS},
    {"with an id that a device uses",
     {"own", NULL, NULL, LOCAL, NULL, KEPT},
     REFUSAL_CLIENT_ID,
     RULES_ANONYMOUS},
    {"with an id that an anonymous one uses",
     {"scanner", NULL, NULL, LOCAL, NULL, KEPT},
     REFUSAL_NONE,
     RULES_ANONYMOUS},
};

static void add_client(struct clients *clients, const void *key,
                       const char *name, const char *id) {
    struct client *client;
    assert_int_equal(clients_put(clients, key, &client), ERR_OK);
    snprintf(client->name, sizeof client->name, "%s", name);
    snprintf(client->id, sizeof client->id, "%s", id);
}

static struct loaded *load(struct fixture *f) {
    struct loaded *loaded = NULL;
    struct reason reason = {""};
    const struct loaded_place place = fixture_place(f);
    fixture_write(f);
    if (loaded_read(&place, &loaded, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    return loaded;
}

static void add_devices(struct fixture *f) {
    fixture_device(f, "till-1", NULL, true);
    fixture_device(f, "till-2", "till-2s-password", true);
    fixture_device(f, "meter", "meters-password", false);
    fixture_revoke(f, "0C");
}

static void test_rows(void **state) {
    struct fixture *f = *state;
    add_devices(f);
    struct loaded *loaded = load(f);
    struct clients clients = {0};
    add_client(&clients, &rows[0], "", "scanner");
    add_client(&clients, &rows[1], "meter", "own");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct login_answer answer =
            login_check(loaded, &clients, &rows[i].login, NOW_US);
        if (answer.refusal != rows[i].refusal || answer.who != rows[i].who) {
            fail_msg("row %zu, %s: %s", i, rows[i].what,
                     refusal_code(answer.refusal));
        }
    }
    clients_free(&clients);
    loaded_free(loaded);
}

/* Goal: with no listener for it, nobody comes in without a name. */
static void test_no_anonymous(void **state) {
    struct fixture *f = *state;
    f->rules.anonymous = false;
    struct loaded *loaded = load(f);
    struct clients clients = {0};
    const struct login login = {"x", NULL, NULL, LOCAL, NULL, KEPT};
    assert_int_equal(login_check(loaded, &clients, &login, NOW_US).refusal,
                     REFUSAL_ANONYMOUS);
    loaded_free(loaded);
}

/* Goal: a list that is past its end refuses whom it is told to refuse. */
static void test_crl_expired(void **state) {
    struct fixture *f = *state;
    add_devices(f);
    struct clients clients = {0};
    const struct login login = {"till-1", NULL, NULL, FAR, &till_1, KEPT};
    for (int refuse = 0; refuse < 2; refuse++) {
        f->revoked.expires_us = NOW_US;
        f->revoked.refuse_expired = refuse == 1;
        struct loaded *loaded = load(f);
        assert_int_equal(login_check(loaded, &clients, &login, NOW_US).refusal,
                         refuse ? REFUSAL_CRL_EXPIRED : REFUSAL_NONE);
        assert_int_equal(
            login_check(loaded, &clients, &login, NOW_US - 1).refusal,
            REFUSAL_NONE);
        loaded_free(loaded);
    }
}

/* Goal: an id that cannot be kept is refused. */
static void test_long_id(void **state) {
    struct fixture *f = *state;
    struct loaded *loaded = load(f);
    struct clients clients = {0};
    char id[CLIENT_ID_MAX + 1];
    memset(id, 'x', sizeof id);
    id[CLIENT_ID_MAX] = '\0';
    const struct login login = {id, NULL, NULL, LOCAL, NULL, KEPT};
    assert_int_equal(login_check(loaded, &clients, &login, NOW_US).refusal,
                     REFUSAL_CLIENT_ID);
    id[CLIENT_ID_MAX - 1] = '\0';
    assert_int_equal(login_check(loaded, &clients, &login, NOW_US).refusal,
                     REFUSAL_NONE);
    loaded_free(loaded);
}

static void test_loopback(void **state) {
    (void)state;
    static const char *const here[] = {"127.0.0.1", "127.255.3.4", "::1",
                                       "::ffff:127.0.0.9"};
    static const char *const elsewhere[] = {"128.0.0.1",
                                            "10.127.0.1",
                                            "0.0.0.0",
                                            "::",
                                            "::2",
                                            "::ffff:10.0.0.1",
                                            "::127.0.0.1",
                                            "fe80::1",
                                            "127.0.0.1.x.net",
                                            "127.1",
                                            "",
                                            "localhost",
                                            "2001:db8::7f00:1"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        assert_true(login_is_loopback(here[i]));
    }
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        assert_false(login_is_loopback(elsewhere[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_rows),         FIXTURE_TEST(test_no_anonymous),
        FIXTURE_TEST(test_crl_expired),  FIXTURE_TEST(test_long_id),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
