/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of a changed file exactly the reloadable keys are taken, and every
 * other key that differs is named and keeps its value. */
#include "config/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/schema.h"

enum { CHANGES_MAX = 64 };

struct changes {
    struct config_change list[CHANGES_MAX];
    size_t count;
};

static void on_change(void *context, const struct config_change *change) {
    struct changes *changes = context;
    assert_true(changes->count < CHANGES_MAX);
    changes->list[changes->count++] = *change;
}

static struct config load(const char *text) {
    char path[] = "/tmp/reload_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct config config;
    struct reason reason;
    if (config_load(path, &config, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    unlink(path);
    return config;
}

static struct changes reload(struct config *config, const char *text) {
    struct config next = load(text);
    struct changes changes = {.count = 0};
    config_reload(config, &next, on_change, &changes);
    return changes;
}

static const struct config_change *find(const struct changes *changes,
                                        const char *key) {
    for (size_t i = 0; i < changes->count; i++) {
        if (strcmp(changes->list[i].key, key) == 0) {
            return &changes->list[i];
        }
    }
    fail_msg("%s is not named", key);
    return NULL;
}

static const char before[] = "store: s\n"
                             "streams:\n"
                             "  - {name: orders, shop: true}\n"
                             "  - {name: heat, sink: {kinesis: {stream: a}}}\n"
                             "cloud: {region: eu-central-1}\n";

static void nothing_changed(void **state) {
    (void)state;
    struct config config = load(before);
    assert_int_equal(reload(&config, before).count, 0);
}

static void what_is_reloadable_is_taken(void **state) {
    (void)state;
    struct config config = load(before);
    struct changes changes = reload(
        &config, "store: s\n"
                 "log_level: debug\n"
                 "streams:\n"
                 "  - {name: orders, shop: true, commit_delay: 50 ms}\n"
                 "  - {name: heat, keep: 3 MiB, keep_for: 2 h,\n"
                 "     sink: {kinesis: {stream: a}}}\n"
                 "cloud: {region: eu-central-1}\n"
                 "console: {enabled: false, listen: \"127.0.0.1:99\"}\n");
    assert_int_equal(changes.count, 6);
    for (size_t i = 0; i < changes.count; i++) {
        assert_true(changes.list[i].reloadable);
    }
    assert_int_equal(config.log_level, CONFIG_LOG_DEBUG);
    assert_int_equal(config.streams[0].commit_delay_ms, 50);
    assert_int_equal(config.streams[1].keep, 3 * 1024 * 1024);
    assert_int_equal(config.streams[1].keep_for_ms, 2 * 3600 * 1000);
    assert_false(config.console_enabled);
    assert_int_equal(config.console.port, 99);
    const struct config_change *change =
        find(&changes, "streams[orders].commit_delay");
    assert_string_equal(change->was, "0");
    assert_string_equal(change->is, "50 ms");
    assert_string_equal(find(&changes, "log_level")->was, "info");
    find(&changes, "streams[heat].keep");
    find(&changes, "streams[heat].keep_for");
    find(&changes, "console.enabled");
    find(&changes, "console.listen");
}

static void the_rest_needs_a_restart(void **state) {
    (void)state;
    struct config config = load(before);
    const struct config was = config;
    static const char text[] =
        "store: other\n"
        "data: /elsewhere\n"
        "broker: {mode: external, address: \"b:1883\"}\n"
        "streams:\n"
        "  - {name: orders, shop: true, capacity: 2 GiB}\n"
        "  - {name: heat, sink: {kinesis: {stream: b}}}\n"
        "cloud: {region: eu-west-1}\n"
        "shop: {currency: SEK}\n";
    for (int i = 0; i < 2; i++) { /* and is named each time */
        struct changes changes = reload(&config, text);
        for (size_t j = 0; j < changes.count; j++) {
            assert_false(changes.list[j].reloadable);
        }
        find(&changes, "store");
        find(&changes, "data");
        find(&changes, "control_socket");       /* it follows `data` */
        find(&changes, "broker.tls.cert_file"); /* as these do */
        find(&changes, "broker.tls.key_file");
        find(&changes, "broker.tls.ca_file");
        find(&changes, "broker.tls.crl_file");
        find(&changes, "broker.mode");
        find(&changes, "broker.address");
        find(&changes, "streams[orders].capacity");
        find(&changes, "streams[heat].sink");
        find(&changes, "cloud.region");
        find(&changes, "shop.currency");
        assert_int_equal(changes.count, 13);
        assert_memory_equal(&config, &was, sizeof was);
    }
}

/* Goal: each key of a sink is part of it. */
static void another_wire_needs_a_restart(void **state) {
    (void)state;
    struct config config = load(before);
    struct changes changes =
        reload(&config, "store: s\n"
                        "streams:\n"
                        "  - {name: orders, shop: true}\n"
                        "  - {name: heat,\n"
                        "     sink: {kinesis: {stream: a, wire: cbor}}}\n"
                        "cloud: {region: eu-central-1}\n");
    assert_int_equal(changes.count, 1);
    assert_false(find(&changes, "streams[heat].sink")->reloadable);
    assert_int_equal(config.streams[1].wire, CONFIG_WIRE_JSON);
}

static void other_listeners_need_a_restart(void **state) {
    (void)state;
    struct config config = load(before);
    struct changes changes =
        reload(&config,
               "store: s\nbroker:\n  listen:\n"
               "    - {address: \"127.0.0.1:1883\", anonymous: true}\n"
               "    - {address: \"[::]:8883\", tls: true, certificates: true}\n"
               "  silent_after: 5 min\n"
               "streams: [{name: orders, shop: true}, {name: heat}]\n");
    const struct config_change *change = find(&changes, "broker.listen");
    assert_string_equal(change->was, "\"127.0.0.1:1883\"");
    static const char is[] =
        "[{address: \"127.0.0.1:1883\", anonymous: true, connections: 1000}, "
        "{address: \"[::]:8883\"";
    assert_memory_equal(change->is, is, strlen(is));
    assert_false(change->reloadable);
    find(&changes, "broker.silent_after");
    assert_int_equal(config.broker.listener_count, 1);
}

static void other_streams_need_a_restart(void **state) {
    (void)state;
    static const char *const lists[] = {
        "[{name: orders, shop: true}]",
        "[{name: heat}, {name: orders, shop: true}]",
        "[{name: orders, shop: true, keep: 1 MiB}, {name: cold}]",
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct config config = load(before);
        char text[256];
        snprintf(text, sizeof text, "store: s\nstreams: %s\n%s", lists[i],
                 "cloud: {region: eu-central-1}\n");
        struct changes changes = reload(&config, text);
        assert_int_equal(changes.count, 1);
        assert_string_equal(changes.list[0].key, "streams");
        assert_false(changes.list[0].reloadable);
        assert_int_equal(config.stream_count, 2);
    }
}

/* Goal: the list of what is reloadable is the one that the daemon applies; who
 * marks another key applies it, too (gateway/commands/daemon_reload.c). */
static void what_is_marked(void **state) {
    (void)state;
    static const char *const marked[] = {
        "log_level",      "broker.silent_after", "streams[].commit_delay",
        "streams[].keep", "streams[].keep_for",  "console.enabled",
        "console.listen",
    };
    size_t count = 0;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (config_keys[i].reloadable) {
            assert_string_equal(config_keys[i].path, marked[count]);
            count++;
        }
    }
    assert_int_equal(count, sizeof marked / sizeof *marked);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed),
        cmocka_unit_test(what_is_reloadable_is_taken),
        cmocka_unit_test(the_rest_needs_a_restart),
        cmocka_unit_test(another_wire_needs_a_restart),
        cmocka_unit_test(other_listeners_need_a_restart),
        cmocka_unit_test(other_streams_need_a_restart),
        cmocka_unit_test(what_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
