/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: Mosquitto's configuration says for each listener who gets in and how,
 * and lets in nobody by itself. */
#include "gateway/mqtt/broker_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct config config;
    uint16_t ports[CONFIG_LISTENERS_MAX];
    struct broker_conf conf;
    char text[BROKER_CONF_BYTES_MAX];
};

static void add(struct world *w, const char *host, uint16_t port,
                struct config_listener listener) {
    struct config_broker *broker = &w->config.broker;
    uint32_t i = broker->listener_count++;
    broker->listeners[i] = listener;
    snprintf(broker->listeners[i].address.host, CONFIG_HOST_MAX, "%s", host);
    w->ports[i] = port;
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    snprintf(w->config.data, sizeof w->config.data, "/d");
    w->conf = (struct broker_conf){
        .config = &w->config,
        .ports = w->ports,
        .folder = "/d/broker",
        .socket_path = "/d/broker/1-1.sock",
        .plugin_path = "/p.so",
        .rules_path = "/d/broker/rules",
    };
    add(w, "127.0.0.1", 1883,
        (struct config_listener){.anonymous = true, .connections = 10});
    add(w, "0.0.0.0", 1884, (struct config_listener){.connections = 20});
    add(w, "0.0.0.0", 8884,
        (struct config_listener){.tls = true, .connections = 30});
    add(w, "::", 8883,
        (struct config_listener){
            .tls = true, .certificates = true, .connections = 40});
    *state = w;
    return 0;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

static const char *written(struct world *w) {
    struct writer out = writer_over(w->text, sizeof w->text - 1);
    struct reason reason;
    assert_int_equal(broker_conf_write(&w->conf, &out, &reason), ERR_OK);
    w->text[out.len] = '\0';
    return w->text;
}

/* The part of the text from a line on to the next listener's. */
static struct slice part(const char *text, const char *first) {
    const char *from = strstr(text, first);
    assert_non_null(from);
    const char *end = strstr(from + 1, "listener ");
    return slice_of(from, end == NULL ? strlen(from) : (size_t)(end - from));
}

static bool has(struct slice text, const char *line) {
    for (size_t i = 0; i + strlen(line) <= text.len; i++) {
        if (memcmp(text.data + i, line, strlen(line)) == 0) {
            return true;
        }
    }
    return false;
}

static void test_each_listener(void **state) {
    struct world *w = *state;
    w->conf.with_tls = true;
    const char *text = written(w);
    struct slice anonymous = part(text, "listener 1883 127.0.0.1\n");
    struct slice accounts = part(text, "listener 1884 0.0.0.0\n");
    struct slice tls = part(text, "listener 8884 0.0.0.0\n");
    struct slice certificates = part(text, "listener 8883 ::\n");
    assert_true(has(anonymous, "max_connections 10\n"));
    assert_false(has(anonymous, "certfile"));
    assert_true(has(accounts, "max_connections 20\n"));
    assert_false(has(accounts, "certfile"));
    assert_true(has(tls, "certfile /d/identity/current/server.pem\n"));
    assert_true(has(tls, "keyfile /d/identity/current/server.key\n"));
    assert_true(has(tls, "tls_version tlsv1.2\n"));
    assert_false(has(tls, "require_certificate"));
    assert_true(has(certificates, "require_certificate true\n"));
    assert_true(has(certificates, "cafile /d/identity/current/ca.pem\n"));
    assert_true(has(certificates, "tls_version tlsv1.2\n"));
    assert_true(has(certificates, "max_connections 40\n"));
    assert_false(has(certificates, "crlfile"));
}

/* Nothing but the plugin says who gets in. */
static void test_who_gets_in(void **state) {
    struct world *w = *state;
    w->conf.with_tls = true;
    struct slice text = slice_from_str(written(w));
    assert_true(has(text, "per_listener_settings false\n"));
    assert_true(has(text, "plugin /p.so\n"));
    assert_true(has(text, "plugin_opt_rules /d/broker/rules\n"));
    assert_true(has(text, "plugin_opt_identity /d/identity/current\n"));
    assert_true(has(text, "plugin_opt_connections 1883 10 1884 20 8884 30 "
                          "8883 40\n"));
    assert_true(has(text, "allow_anonymous true\n"));
    assert_true(has(text, "max_packet_size 8388608\n"));
    assert_true(has(text, "persistent_client_expiration 14d\n"));
    assert_true(has(text, "max_queued_bytes 67108864\n"));
    assert_false(has(text, "password_file"));
    assert_false(has(text, "acl_file"));
    assert_false(has(text, "use_identity_as_username"));
    assert_false(has(text, "use_username_as_clientid"));
    assert_false(has(text, "max_queued_messages 0\n"));
    /* That no listener is, the plugin knows. */
    w->config.broker.listeners[0].anonymous = false;
    assert_true(has(slice_from_str(written(w)), "allow_anonymous true\n"));
}

static void test_without_tls_and_closed(void **state) {
    struct world *w = *state;
    struct slice text = slice_from_str(written(w));
    assert_true(has(text, "listener 1884 "));
    assert_false(has(text, "listener 8884 "));
    assert_false(has(text, "listener 8883 "));
    assert_false(has(text, "certfile"));
    assert_true(has(text, "plugin_opt_connections 1883 10 1884 20\n"));
    w->conf.closed = true;
    w->conf.with_tls = true;
    text = slice_from_str(written(w));
    assert_false(has(text, "listener 1883 "));
    assert_false(has(text, "listener 8883 "));
    assert_false(has(text, "plugin_opt_connections"));
    assert_true(has(text, "listener 0 /d/broker/1-1.sock\n"));
}

static void test_a_path_that_is_two_lines(void **state) {
    struct world *w = *state;
    struct reason reason;
    struct writer out = writer_over(w->text, sizeof w->text);
    w->conf.plugin_path = "/p.so\nallow_anonymous true";
    assert_int_equal(broker_conf_write(&w->conf, &out, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "line break"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_listener, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_gets_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_tls_and_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_path_that_is_two_lines, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
