/* SPDX-License-Identifier: Apache-2.0 */
/* When credentials are renewed, over a simulated clock, executor and endpoint:
 * a container's, whose answers the test gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/credential_keeper.h"
#include "gateway/event/event.h"
#include "tests/simulation/fake_executor.h"
#include "tests/unit/bridge/dice.h"

#define SECOND_US ((int64_t)1000000)
#define HOUR_US (3600 * SECOND_US)
#define DAWN_US (1795946400 * SECOND_US) /* 2026-11-29T10:00:00Z */

struct bench {
    struct dice dice;
    int64_t mono_us;
    int64_t wall_us;
    struct platform platform;
    struct fake_executor executor;
    struct config_cloud cloud;
    struct credential_keeper *keeper;
    uint32_t turns;
    /* The transport. */
    transport_done done;
    void *context;
    bool open;
    bool in_flight;
    char head[2048];
    uint32_t requests;
    bool dated; /* answers have a Date */
};

/* --- what is simulated -------------------------------------------------- */

static int64_t bench_mono(void *self) {
    return ((struct bench *)self)->mono_us;
}

static int64_t bench_wall(void *self) {
    return ((struct bench *)self)->wall_us;
}

static void bench_fill(void *self, void *buf, size_t len) {
    struct bench *bench = self;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)dice_below(&bench->dice, 256);
    }
}

static void on_turn(void *self) {
    ((struct bench *)self)->turns++;
}

static void fake_send(void *self, struct slice head, struct slice body) {
    struct bench *bench = self;
    assert_true(bench->open && !bench->in_flight);
    assert_int_equal(body.len, 0);
    assert_int_equal(slice_to_str(head, bench->head, sizeof bench->head),
                     ERR_OK);
    bench->in_flight = true;
    bench->requests++;
}

static void fake_close(void *self) {
    struct bench *bench = self;
    assert_true(bench->open);
    bench->open = false;
    bench->in_flight = false;
}

static err_t fake_open(void *self, const struct credential_plan *plan,
                       transport_done done, void *context,
                       struct transport *ret) {
    struct bench *bench = self;
    assert_false(bench->open);
    assert_int_equal(plan->source, CONFIG_CREDENTIALS_CONTAINER);
    bench->open = true;
    bench->done = done;
    bench->context = context;
    *ret = (struct transport){
        .self = bench, .send = fake_send, .close = fake_close};
    return ERR_OK;
}

static void reply(struct bench *bench, uint32_t status, const char *body) {
    static struct http_response response;
    memset(&response, 0, sizeof response);
    response.state = HTTP_DONE;
    response.status = status;
    response.body = (uint8_t *)(uintptr_t)body;
    response.body_len = strlen(body);
    if (bench->dated) {
        snprintf(response.date, sizeof response.date,
                 "Sun, 29 Nov 2026 10:00:00 GMT");
    }
    assert_true(bench->in_flight);
    bench->in_flight = false;
    bench->done(bench->context, &response, NULL);
}

/* Credentials that are called `name`, to `end_us` of wall time; 0: for ever. */
static void give(struct bench *bench, const char *name, int64_t end_us) {
    char body[512];
    char end[EVENT_TIME_SIZE] = "";
    if (end_us != 0) {
        event_time_format(end_us, end);
    }
    snprintf(body, sizeof body,
             "{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"s\",\"Token\":"
             "\"t\"%s%s%s}",
             name, end_us != 0 ? ",\"Expiration\":\"" : "", end,
             end_us != 0 ? "\"" : "");
    reply(bench, 200, body);
}

static void pass(struct bench *bench, int64_t us) {
    bench->mono_us += us;
    bench->wall_us += us;
}

/* A turn, and the job that it may have begun. */
static void work(struct bench *bench) {
    credential_keeper_work(bench->keeper);
    fake_executor_settle(&bench->executor);
}

/* Until the keeper wants to be called; then it asks. */
static int64_t pass_to_request(struct bench *bench) {
    int64_t began_us = bench->mono_us;
    for (int i = 0; i < 3 && !bench->in_flight; i++) {
        int64_t due_us = credential_keeper_due_us(bench->keeper);
        assert_true(due_us != INT64_MAX);
        pass(bench, due_us > bench->mono_us ? due_us - bench->mono_us : 0);
        work(bench);
    }
    assert_true(bench->in_flight);
    return bench->mono_us - began_us;
}

static bool is_ready(const struct bench *bench) {
    return credential_keeper_is_ready(bench->keeper);
}

static struct credential_status look(const struct bench *bench) {
    struct credential_status status;
    credential_keeper_status(bench->keeper, &status);
    return status;
}

static const struct credentials *keys(const struct bench *bench) {
    return credential_keeper_credentials(bench->keeper);
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("HOME", "/nowhere", 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/x", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a token", 1);
    bench->dice.state = 1;
    bench->mono_us = 7;
    bench->wall_us = DAWN_US;
    bench->platform = platform_real();
    bench->platform.clock = (struct clock){bench, bench_wall, bench_mono};
    bench->platform.entropy = (struct entropy){bench, bench_fill};
    struct credential_keeper_options options = {
        .platform = &bench->platform,
        .plan = {&bench->cloud, "", &bench->platform.entropy},
        .executor = fake_executor(&bench->executor),
        .web = {bench, fake_open},
        .turn = on_turn,
        .self = bench,
    };
    struct reason reason = {""};
    assert_int_equal(credential_keeper_new(&options, &bench->keeper, &reason),
                     ERR_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    if (bench->keeper != NULL) {
        credential_keeper_hang_up(bench->keeper);
        fake_executor_settle(&bench->executor);
        credential_keeper_free(bench->keeper);
    }
    assert_false(bench->open);
    free(bench);
    return 0;
}

/* --- tests -------------------------------------------------------------- */

/* Goal: the first are asked for at once, with the token, and used. */
static void test_first(void **state) {
    struct bench *bench = *state;
    assert_int_equal(look(bench).state, CREDENTIAL_STATE_FETCHING);
    assert_false(is_ready(bench));
    assert_int_equal(pass_to_request(bench), 0);
    assert_non_null(strstr(bench->head, "GET /x HTTP/1.1\r\nHost: localhost"));
    assert_non_null(strstr(bench->head, "\r\nAuthorization: a token\r\n"));
    assert_int_equal(look(bench).state, CREDENTIAL_STATE_FETCHING);
    give(bench, "A", DAWN_US + HOUR_US);
    assert_int_equal(bench->turns, 1);
    assert_true(is_ready(bench));
    assert_string_equal(keys(bench)->access_key, "A");
    assert_int_equal(look(bench).state, CREDENTIAL_STATE_VALID);
    assert_string_equal(look(bench).source, "container");
    assert_int_equal(look(bench).expires_us, DAWN_US + HOUR_US);
}

/* Goal: long ones are renewed 5 to 7.5 minutes ahead and short ones a quarter
 * of their life to three eighths, not all at one moment; the old ones are used
 * until the new ones are there. */
static void test_ahead(void **state) {
    struct bench *bench = *state;
    static const int64_t lives_us[] = {HOUR_US, 30 * SECOND_US, 3 * SECOND_US};
    pass_to_request(bench);
    for (int i = 0; i < 3; i++) {
        int64_t life_us = lives_us[i];
        int64_t ahead_us =
            life_us / 4 < KEEPER_AHEAD_US ? life_us / 4 : KEEPER_AHEAD_US;
        int64_t least_us = INT64_MAX;
        int64_t most_us = 0;
        for (int round = 0; round < 20; round++) {
            char name[16];
            snprintf(name, sizeof name, "A%d-%d", i, round);
            give(bench, name, bench->wall_us + life_us);
            int64_t waited_us = pass_to_request(bench);
            assert_true(is_ready(bench));
            assert_string_equal(keys(bench)->access_key, name);
            least_us = waited_us < least_us ? waited_us : least_us;
            most_us = waited_us > most_us ? waited_us : most_us;
        }
        assert_true(least_us >= life_us - ahead_us * 3 / 2 - 1);
        assert_true(most_us <= life_us - ahead_us);
        assert_true(most_us - least_us > ahead_us / 8);
    }
    assert_int_equal(look(bench).renewals, 60);
}

/* Goal: one fetch at a time, whatever is asked meanwhile. */
static void test_one_at_a_time(void **state) {
    struct bench *bench = *state;
    pass_to_request(bench);
    pass(bench, HOUR_US);
    for (int i = 0; i < 5; i++) {
        work(bench);
        assert_int_equal(credential_keeper_due_us(bench->keeper), INT64_MAX);
    }
    assert_int_equal(bench->requests, 1);
}

/* Goal: failures are not repeated at once but after 0.5 to 1 s, 1 to 2 s and so
 * on to a minute; what is old serves to its end and not beyond. */
static void test_failures(void **state) {
    struct bench *bench = *state;
    pass_to_request(bench);
    give(bench, "A", bench->wall_us + HOUR_US);
    pass_to_request(bench);
    int64_t longest_us = SECOND_US;
    int64_t failing_us = 0;
    for (int i = 0; i < 16; i++) {
        reply(bench, i % 2 == 0 ? 500 : 404, "SECRET");
        assert_non_null(strstr(look(bench).words, "HTTP status"));
        assert_null(strstr(look(bench).words, "SECRET"));
        if (is_ready(bench)) {
            assert_int_equal(look(bench).state, CREDENTIAL_STATE_RENEWING);
        } else {
            assert_int_equal(look(bench).state, CREDENTIAL_STATE_EXPIRED);
            assert_true(bench->wall_us >= DAWN_US + HOUR_US);
        }
        int64_t waited_us = pass_to_request(bench);
        assert_true(waited_us >= longest_us / 2 && waited_us <= longest_us);
        longest_us =
            longest_us * 2 < 60 * SECOND_US ? longest_us * 2 : 60 * SECOND_US;
        failing_us += waited_us;
    }
    assert_true(failing_us > 5 * 60 * SECOND_US);
    assert_int_equal(look(bench).state, CREDENTIAL_STATE_EXPIRED);
    struct reason why;
    credential_keeper_why(bench->keeper, &why);
    assert_non_null(strstr(why.text, "waiting for new AWS credentials: "));
    give(bench, "B", bench->wall_us + HOUR_US);
    assert_int_equal(look(bench).state, CREDENTIAL_STATE_VALID);
    assert_string_equal(look(bench).words, "");
    assert_int_equal(look(bench).failures, 16);
}

/* Goal: an end that comes while nothing is asked wakes the loop, and holds. */
static void test_end(void **state) {
    struct bench *bench = *state;
    pass_to_request(bench);
    give(bench, "A", bench->wall_us + 8 * SECOND_US);
    pass_to_request(bench);
    pass(bench, 10 * SECOND_US);
    assert_false(is_ready(bench));
    work(bench); /* the fetch is still under way */
    assert_int_equal(look(bench).state, CREDENTIAL_STATE_EXPIRED);
    give(bench, "B", bench->wall_us + 8 * SECOND_US);
    assert_true(is_ready(bench));
}

/* Goal: a service's word that they are expired holds, and asks at once; an
 * answer to a request that older ones had signed does neither. The same ones
 * again are tried now and then. */
static void test_refused(void **state) {
    struct bench *bench = *state;
    pass_to_request(bench);
    give(bench, "A", bench->wall_us + HOUR_US);
    uint32_t first = keys(bench)->serial;
    credential_keeper_refused(bench->keeper, first, true);
    assert_false(is_ready(bench));
    assert_int_equal(pass_to_request(bench), 0);
    give(bench, "B", bench->wall_us + HOUR_US);
    assert_true(is_ready(bench));
    assert_int_not_equal(keys(bench)->serial, first);
    credential_keeper_refused(bench->keeper, first, true);
    assert_true(is_ready(bench));
    int64_t least_us = 0;
    for (int i = 0; i < 10; i++) {
        uint32_t serial = keys(bench)->serial;
        credential_keeper_refused(bench->keeper, serial, true);
        int64_t waited_us = pass_to_request(bench);
        assert_true(waited_us >= least_us);
        least_us = i == 0                          ? SECOND_US / 2
                   : least_us * 2 < 30 * SECOND_US ? least_us * 2
                                                   : 30 * SECOND_US;
        give(bench, "B", bench->wall_us + HOUR_US);
        assert_true(is_ready(bench));
        assert_int_not_equal(keys(bench)->serial, serial);
    }
    assert_int_equal(look(bench).renewals, 2);
}

/* Goal: another refusal asks for others, once a minute, and holds nothing. */
static void test_doubted(void **state) {
    struct bench *bench = *state;
    pass_to_request(bench);
    give(bench, "A", bench->wall_us + HOUR_US);
    for (int i = 0; i < 3; i++) {
        credential_keeper_refused(bench->keeper, keys(bench)->serial, false);
        assert_true(is_ready(bench));
        assert_int_equal(pass_to_request(bench), 0);
        give(bench, "A", bench->wall_us + HOUR_US);
        credential_keeper_refused(bench->keeper, keys(bench)->serial, false);
        assert_true(credential_keeper_due_us(bench->keeper) >
                    bench->mono_us + 60 * SECOND_US);
        pass(bench, 60 * SECOND_US);
    }
}

/* Goal: our own clock, if it is wrong, neither ends credentials nor keeps them:
 * the endpoint's counts, or a service's; and a jump changes nothing. */
static void test_clocks(void **state) {
    struct bench *bench = *state;
    bench->wall_us = DAWN_US + 10 * HOUR_US;
    pass_to_request(bench);
    give(bench, "A", DAWN_US + HOUR_US); /* our clock alone: not believed */
    assert_true(is_ready(bench));
    assert_int_equal(look(bench).expires_us, 0);
    bench->dated = true;
    pass_to_request(bench);
    give(bench, "B", DAWN_US + HOUR_US); /* by its Date an hour is left */
    bench->wall_us += 100 * HOUR_US;
    assert_true(is_ready(bench));
    int64_t waited_us = pass_to_request(bench);
    assert_true(waited_us > HOUR_US - KEEPER_AHEAD_US * 3 / 2 - 2 * SECOND_US);
    assert_true(waited_us < HOUR_US);
    give(bench, "C", DAWN_US - HOUR_US); /* by its Date none */
    assert_string_equal(keys(bench)->access_key, "B");
    assert_non_null(strstr(look(bench).words, "expired already"));
    bench->dated = false;
    pass_to_request(bench);
    credential_keeper_learn_clock(bench->keeper, DAWN_US - bench->wall_us);
    give(bench, "D", DAWN_US + HOUR_US);
    assert_string_equal(keys(bench)->access_key, "D");
    assert_int_equal(look(bench).expires_us, bench->wall_us + HOUR_US);
}

/* Goal: without an end they are asked for again after a quarter of an hour. */
static void test_endless(void **state) {
    struct bench *bench = *state;
    pass_to_request(bench);
    give(bench, "A", 0);
    assert_int_equal(pass_to_request(bench), KEEPER_ENDLESS_US);
}

/* Goal: those of the environment serve from the start, ask nobody, and stay
 * when a service refuses them: only a restart can change them. */
static void test_environment(void **state) {
    tear_down(state);
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    struct bench *bench = calloc(1, sizeof *bench);
    bench->platform = platform_real();
    struct credential_keeper_options options = {
        .platform = &bench->platform,
        .plan = {&bench->cloud, "", &bench->platform.entropy},
        .turn = on_turn,
        .self = bench,
    };
    struct reason reason = {""};
    assert_int_equal(credential_keeper_new(&options, &bench->keeper, &reason),
                     ERR_OK);
    *state = bench;
    assert_true(is_ready(bench));
    assert_string_equal(keys(bench)->access_key, "ENV");
    credential_keeper_refused(bench->keeper, keys(bench)->serial, true);
    credential_keeper_work(bench->keeper);
    assert_true(is_ready(bench));
    assert_int_equal(credential_keeper_due_us(bench->keeper), INT64_MAX);
    unsetenv("AWS_ACCESS_KEY_ID");
    struct credential_keeper *none;
    assert_int_equal(credential_keeper_new(&options, &none, &reason),
                     ERR_CONFIG);
    assert_non_null(strstr(reason.text, "AWS_ACCESS_KEY_ID is not set"));
}

static void write_profile(const char *path, const char *name) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "[default]\naws_access_key_id=%s\naws_secret_access_key=s\n",
            name);
    fclose(file);
}

/* Goal: a profile's file is read every 5 s: its new keys are taken then, and
 * the old ones, if they were refused, are tried again later each time; a file
 * that is broken for a moment takes no keys away. */
static void test_profile(void **state) {
    struct bench *bench = *state;
    char path[] = "/tmp/edge-keeper-XXXXXX";
    close(mkstemp(path));
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    write_profile(path, "A");
    work(bench);
    assert_string_equal(keys(bench)->access_key, "A");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(credential_keeper_due_us(bench->keeper),
                         bench->mono_us + KEEPER_PROFILE_US);
        pass(bench, KEEPER_PROFILE_US);
        work(bench);
    }
    assert_int_equal(keys(bench)->serial, 1);
    uint32_t tries = 0;
    int64_t began_us = bench->mono_us;
    while (bench->mono_us - began_us < 600 * SECOND_US) {
        if (is_ready(bench)) {
            credential_keeper_refused(bench->keeper, keys(bench)->serial, true);
            tries++;
        }
        int64_t due_us = credential_keeper_due_us(bench->keeper);
        assert_true(due_us <= bench->mono_us + KEEPER_PROFILE_US);
        pass(bench, due_us - bench->mono_us);
        work(bench);
    }
    assert_true(tries >= 10 && tries <= 30);
    write_profile(path, "");
    pass(bench, KEEPER_PROFILE_US);
    work(bench);
    assert_non_null(strstr(look(bench).words, "has no aws_access_key_id"));
    assert_string_equal(keys(bench)->access_key, "A");
    write_profile(path, "B");
    pass(bench, KEEPER_WAIT_MAX_US);
    work(bench);
    assert_true(is_ready(bench));
    assert_string_equal(keys(bench)->access_key, "B");
    unlink(path);
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
}

/* Goal: each state has the name that scripts know. */
static void test_names(void **state) {
    (void)state;
    static const char *const names[] = {"none",     "fetching", "valid",
                                        "renewing", "expired",  "missing"};
    for (int i = 0; i <= CREDENTIAL_STATE_MISSING; i++) {
        assert_string_equal(credential_state_name((enum credential_state)i),
                            names[i]);
    }
}

int main(void) {
#define KEEPER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(test_first),         KEEPER_TEST(test_ahead),
        KEEPER_TEST(test_one_at_a_time), KEEPER_TEST(test_failures),
        KEEPER_TEST(test_end),           KEEPER_TEST(test_refused),
        KEEPER_TEST(test_doubted),       KEEPER_TEST(test_clocks),
        KEEPER_TEST(test_endless),       KEEPER_TEST(test_names),
        KEEPER_TEST(test_profile),       KEEPER_TEST(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
