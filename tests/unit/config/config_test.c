/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a good file gives the values it says, and every bad one an error that
 * names file, line, column, what was found and what was expected. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/schema.h"
#include "tests/unit/config/bad_files.h"

enum { TEXT_MAX = 64 * 1024, MUTATIONS = 3000 / TEST_SHARE };

struct fixture {
    char dir[64];
    char path[96];
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    strcpy(fixture->dir, "/tmp/config_test.XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof fixture->path, "%s/e.yaml", fixture->dir);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    unlink(fixture->path);
    rmdir(fixture->dir);
    free(fixture);
    return 0;
}

static void put(const struct fixture *fixture, struct slice text) {
    FILE *stream = fopen(fixture->path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(text.data, 1, text.len, stream), text.len);
    assert_int_equal(fclose(stream), 0);
}

static err_t load(const struct fixture *fixture, const char *text,
                  struct config *ret, struct reason *reason) {
    put(fixture, slice_from_str(text));
    reason->text[0] = '\0';
    return config_load(fixture->path, ret, reason);
}

enum { BAD_COUNT = sizeof bads / sizeof *bads };

/* Goal: each bad file is refused at its place, in its words, and leaves the
 * caller's configuration alone. */
static void test_bad_files(void **state) {
    const struct fixture *fixture = *state;
    unsigned failures = 0;
    for (size_t i = 0; i < BAD_COUNT; i++) {
        struct config config;
        memset(&config, 0x5a, sizeof config);
        struct config before = config;
        struct reason reason;
        err_t err = load(fixture, bads[i].text, &config, &reason);
        char head[160];
        snprintf(head, sizeof head, "%s:%s: ", fixture->path, bads[i].place);
        bool placed = strncmp(reason.text, head, strlen(head)) == 0;
        bool worded = true;
        for (size_t j = 0; j < 3 && bads[i].words[j] != NULL; j++) {
            worded = worded && strstr(reason.text, bads[i].words[j]) != NULL;
        }
        if (err != ERR_CONFIG || !placed || !worded) {
            print_error("file:\n%s\nwanted %s and \"%s\", got %s: %s\n",
                        bads[i].text, bads[i].place, bads[i].words[0],
                        err_name(err), reason.text);
            failures++;
        }
        assert_memory_equal(&config, &before, sizeof config);
    }
    assert_int_equal(failures, 0);
}

/* Goal: no key of the schema is without a refusal in the table above. */
static void test_every_key_is_refused_somewhere(void **state) {
    (void)state;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        bool covered = false;
        for (size_t j = 0; j < BAD_COUNT; j++) {
            covered =
                covered || (bads[j].key != NULL &&
                            strcmp(bads[j].key, config_keys[i].path) == 0);
        }
        if (!covered) {
            fail_msg("no bad file for %s", config_keys[i].path);
        }
    }
}

/* Goal: a file that is absent, unreadable or far too large is refused. */
static void test_no_file(void **state) {
    const struct fixture *fixture = *state;
    struct config config;
    struct reason reason;
    assert_int_equal(config_load("/nonexistent/e.yaml", &config, &reason),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(reason.text, "--config FILE"));
    assert_int_equal(config_load(fixture->dir, &config, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "cannot read "));
    assert_non_null(strstr(reason.text, ": Is a directory"));

    size_t len = 300 * 1024;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, '#', len);
    put(fixture, slice_of(text, len));
    free(text);
    assert_int_equal(config_load(fixture->path, &config, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, ":1:1: found more than 256 KiB"));
}

/* Goal: a long path does not push the error out of the reason. */
static void test_long_path(void **state) {
    const struct fixture *fixture = *state;
    char path[600];
    memset(path, '/', sizeof path);
    strcpy(path + sizeof path - 1 - strlen(fixture->path), fixture->path);
    put(fixture, SLICE("store: s\nstor: s\n"));
    struct config config;
    struct reason reason;
    assert_int_equal(config_load(path, &config, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "e.yaml:2:1: found the unknown key"));
    assert_non_null(
        strstr(reason.text, "expected store, the closest known key"));
}

/* What config_print() writes loads to the same, to the byte. */
static void check_round_trip(const struct fixture *fixture,
                             const struct config *config) {
    static char text[TEXT_MAX];
    struct writer writer = writer_over(text, sizeof text);
    config_print(config, &writer);
    assert_false(writer.full);
    put(fixture, writer_slice(&writer));
    struct config again;
    struct reason reason;
    if (config_load(fixture->path, &again, &reason) != ERR_OK) {
        fail_msg("printed:\n%.*s\n%s", (int)writer.len, text, reason.text);
    }
    assert_memory_equal(config, &again, sizeof again);
}

/* Goal: without a word more than the store, everything has its default. */
static void test_defaults(void **state) {
    struct config c;
    struct reason reason;
    assert_int_equal(load(*state, "store: s\n", &c, &reason), ERR_OK);
    assert_string_equal(c.store, "s");
    assert_string_equal(c.data, "/var/lib/shopme-edge");
    assert_string_equal(c.control_socket, "/var/lib/shopme-edge/control.sock");
    assert_int_equal(c.event_bytes_max, 262144);
    assert_int_equal(c.broker.mode, CONFIG_BROKER_EMBEDDED);
    assert_string_equal(c.broker.listeners[0].address.host, "127.0.0.1");
    assert_int_equal(c.broker.listeners[0].address.port, 1883);
    assert_string_equal(c.broker.program, "/usr/sbin/mosquitto");
    assert_int_equal(c.stream_count, 2);
    assert_string_equal(c.streams[0].name, "orders");
    assert_true(c.streams[0].shop);
    assert_int_equal(c.streams[0].priority, 1);
    assert_int_equal(c.streams[0].sink, CONFIG_SINK_NONE);
    assert_string_equal(c.streams[1].name, "telemetry");
    assert_false(c.streams[1].shop);
    assert_int_equal(c.streams[1].priority, 2);
    assert_int_equal(c.free_floor, 64 * 1024 * 1024);
    assert_int_equal(c.log_level, CONFIG_LOG_INFO);
    assert_int_equal(c.streams[0].when_full, CONFIG_FULL_REJECT);
    assert_int_equal(c.streams[1].when_full, CONFIG_FULL_DROP_OLDEST);
    for (int i = 0; i < 2; i++) {
        assert_true(c.streams[i].capacity ==
                    (i == 0 ? CONFIG_CAPACITY_MAX : (uint64_t)1 << 30));
        assert_int_equal(c.streams[i].keep, 64 * 1024 * 1024);
        assert_true(c.streams[i].keep_for_ms == 0);
        assert_true(c.streams[i].keep_max_ms == (uint64_t)30 * 86400 * 1000);
        assert_true(c.streams[i].segment_bytes == (uint64_t)16 << 20);
        assert_int_equal(c.streams[i].commit_delay_ms, 0);
        assert_int_equal(c.streams[i].on_rot, CONFIG_ROT_QUARANTINE);
    }
    assert_string_equal(c.cloud.region, "");
    assert_string_equal(c.cloud.endpoint, "");
    assert_string_equal(c.cloud.ca_file, "/etc/ssl/certs/ca-certificates.crt");
    assert_string_equal(c.cloud.source_prefix, "com.shopme");
    assert_int_equal(c.cloud.connections, 1);
    assert_int_equal(c.cloud.lanes, 16);
    assert_int_equal(c.cloud.bandwidth, 0);
    assert_int_equal(c.cloud.requests, 50);
    assert_string_equal(c.currency, "EUR");
    assert_int_equal(c.sku_case, CONFIG_SKU_CASE_KEEP);
    assert_int_equal(c.unknown_sku, CONFIG_UNKNOWN_SKU_ACCEPT);
    assert_int_equal(c.oversell, CONFIG_OVERSELL_REJECT);
    assert_true(c.console_enabled);
    assert_string_equal(c.console.host, "127.0.0.1");
    assert_int_equal(c.console.port, 8080);
}

/* Every key that can stand together, none at its default. */
static const char all_keys[] =
    "store: Store_7.a-b\n"
    "data: \"/srv/sh\\\"op me/\\u00e9\\\\\"\n"
    "control_socket: /run/c.sock\n"
    "event_bytes_max: 255 KiB\n"
    "free_floor: 5 GiB\n"
    "log_level: warn\n"
    "broker: {listen: \"[::1]:0\", program: /opt/mosquitto}\n"
    "streams:\n"
    "  - {name: a-1, priority: 7, shop: false, capacity: 6 GiB,\n"
    "     when_full: drop_oldest, keep: 0, on_rot: stop,\n"
    "     keep_for: 36 h, keep_max: 40 h, commit_delay: 50 ms, segment: 32 "
    "MiB,\n"
    "     ids: 8192,\n"
    "     sink: {kinesis: {stream: s_1, wire: cbor, aggregate: true,\n"
    "            linger: 2 s}}}\n"
    "  - {name: b, shop: true, sink: {eventbridge: {bus: \"arn:aws:x/b\",\n"
    "     detail: data, request: 1MiB}}}\n"
    "  - {name: c}\n"
    "cloud: {region: us-east-1, endpoint: \"https://local_cloud:4443\",\n"
    "        ca_file: /ca.pem, source_prefix: \"org.{store}.x\",\n"
    "        connections: 3, lanes: 9, bandwidth: 2 MiB, requests: 7}\n"
    "shop: {currency: JPY, sku_case: lower, unknown_sku: reject, "
    "oversell: flag}\n"
    "console: {enabled: false, listen: \"localhost:1\"}\n";

static const char external_keys[] =
    "store: s\n"
    "event_bytes_max: 8193\n"
    "broker: {mode: external, address: \"broker.example:8883\",\n"
    "         user: gw, password_file: /p,\n"
    "         client_tls: {ca_file: /a, cert_file: /c, key_file: /k}}\n";

/* Goal: each value arrives where it belongs. */
static void test_all_keys(void **state) {
    struct config c;
    struct reason reason;
    if (load(*state, all_keys, &c, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    assert_string_equal(c.store, "Store_7.a-b");
    assert_string_equal(c.data, "/srv/sh\"op me/\xc3\xa9\\");
    assert_string_equal(c.control_socket, "/run/c.sock");
    assert_int_equal(c.event_bytes_max, 261120);
    assert_string_equal(c.broker.listeners[0].address.host, "::1");
    assert_int_equal(c.broker.listeners[0].address.port, 0);
    assert_string_equal(c.broker.program, "/opt/mosquitto");
    assert_int_equal(c.stream_count, 3);
    assert_string_equal(c.streams[0].name, "a-1");
    assert_int_equal(c.streams[0].priority, 7);
    assert_false(c.streams[0].shop);
    assert_true(c.free_floor == (uint64_t)5 << 30);
    assert_int_equal(c.log_level, CONFIG_LOG_WARN);
    assert_true(c.streams[0].capacity == (uint64_t)6 << 30);
    assert_true(c.streams[0].segment_bytes == (uint64_t)32 << 20);
    assert_int_equal(c.streams[0].when_full, CONFIG_FULL_DROP_OLDEST);
    assert_int_equal(c.streams[0].keep, 0);
    assert_int_equal(c.streams[0].ids, 8192);
    assert_int_equal(c.streams[1].ids, 131072);
    assert_int_equal(c.streams[0].on_rot, CONFIG_ROT_STOP);
    assert_int_equal(c.streams[0].sink, CONFIG_SINK_KINESIS);
    assert_string_equal(c.streams[0].sink_name, "s_1");
    assert_int_equal(c.streams[0].wire, CONFIG_WIRE_CBOR);
    assert_int_equal(c.streams[1].wire, CONFIG_WIRE_JSON);
    assert_true(c.streams[0].aggregate);
    assert_int_equal(c.streams[0].linger_ms, 2000);
    assert_false(c.streams[2].aggregate);
    assert_int_equal(c.streams[1].detail, CONFIG_DETAIL_DATA);
    assert_int_equal(c.streams[1].request, CONFIG_REQUEST_1MIB);
    assert_int_equal(c.streams[0].detail, CONFIG_DETAIL_CLOUDEVENT);
    assert_int_equal(c.streams[0].request, CONFIG_REQUEST_256KIB);
    assert_true(c.streams[1].shop);
    assert_int_equal(c.streams[1].sink, CONFIG_SINK_EVENTBRIDGE);
    assert_string_equal(c.streams[1].sink_name, "arn:aws:x/b");
    assert_int_equal(c.streams[1].priority, 2);
    assert_int_equal(c.streams[2].sink, CONFIG_SINK_NONE);
    assert_int_equal(c.streams[2].priority, 3);
    assert_string_equal(c.cloud.region, "us-east-1");
    assert_string_equal(c.cloud.endpoint, "https://local_cloud:4443");
    assert_string_equal(c.cloud.ca_file, "/ca.pem");
    assert_string_equal(c.cloud.source_prefix, "org.{store}.x");
    assert_int_equal(c.cloud.connections, 3);
    assert_int_equal(c.cloud.lanes, 9);
    assert_int_equal(c.cloud.bandwidth, 2 * 1024 * 1024);
    assert_int_equal(c.cloud.requests, 7);
    assert_string_equal(c.currency, "JPY");
    assert_int_equal(c.sku_case, CONFIG_SKU_CASE_LOWER);
    assert_int_equal(c.unknown_sku, CONFIG_UNKNOWN_SKU_REJECT);
    assert_int_equal(c.oversell, CONFIG_OVERSELL_FLAG);
    assert_false(c.console_enabled);
    assert_string_equal(c.console.host, "localhost");
    assert_int_equal(c.console.port, 1);

    assert_int_equal(load(*state, external_keys, &c, &reason), ERR_OK);
    assert_int_equal(c.broker.mode, CONFIG_BROKER_EXTERNAL);
    assert_string_equal(c.broker.address.host, "broker.example");
    assert_int_equal(c.broker.address.port, 8883);
    assert_string_equal(c.broker.user, "gw");
    assert_string_equal(c.broker.password_file, "/p");
    assert_string_equal(c.broker.client_tls.ca_file, "/a");
    assert_string_equal(c.broker.client_tls.cert_file, "/c");
    assert_string_equal(c.broker.client_tls.key_file, "/k");
    assert_int_equal(c.event_bytes_max, 8193);
}

/* Goal: each listener has what its item says, and defaults for the rest; one
 * address alone is anonymous. */
static void test_listeners(void **state) {
    static const char text[] =
        "store: s\n"
        "broker:\n"
        "  listen:\n"
        "    - {address: \"127.0.0.1:1883\", anonymous: true}\n"
        "    - {address: \"0.0.0.0:1884\", connections: 50}\n"
        "    - {address: \"0.0.0.0:8884\", tls: true}\n"
        "    - {address: \"[::]:8884\", tls: true, certificates: true}\n"
        "  tls: {cert_file: /c, key_file: /k, ca_file: /a, crl_file: /r,\n"
        "        crl_expired: refuse}\n"
        "  silent_after: 10 min\n";
    struct config c;
    struct reason reason;
    if (load(*state, text, &c, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    const struct config_listener *l = c.broker.listeners;
    assert_int_equal(c.broker.listener_count, 4);
    assert_true(l[0].anonymous && !l[0].tls && !l[0].certificates);
    assert_int_equal(l[0].connections, 1000);
    assert_false(l[1].anonymous || l[1].tls || l[1].certificates);
    assert_int_equal(l[1].connections, 50);
    assert_int_equal(l[1].address.port, 1884);
    assert_true(l[2].tls && !l[2].certificates && !l[2].anonymous);
    assert_true(l[3].tls && l[3].certificates && !l[3].anonymous);
    assert_string_equal(l[3].address.host, "::");
    assert_string_equal(c.broker.tls.cert_file, "/c");
    assert_string_equal(c.broker.tls.key_file, "/k");
    assert_string_equal(c.broker.tls.ca_file, "/a");
    assert_string_equal(c.broker.tls.crl_file, "/r");
    assert_int_equal(c.broker.tls.crl_expired, CONFIG_CRL_REFUSE);
    assert_true(c.broker.silent_after_ms == 600000);
    check_round_trip(*state, &c);

    assert_int_equal(load(*state, "store: s\ndata: /d\n", &c, &reason), ERR_OK);
    assert_int_equal(c.broker.listener_count, 1);
    assert_true(c.broker.listeners[0].anonymous);
    assert_int_equal(c.broker.listeners[0].connections, 1000);
    assert_string_equal(c.broker.tls.cert_file, "/d/pki/server.pem");
    assert_string_equal(c.broker.tls.key_file, "/d/pki/server.key");
    assert_string_equal(c.broker.tls.ca_file, "/d/pki/ca.pem");
    assert_string_equal(c.broker.tls.crl_file, "/d/pki/crl.pem");
    assert_int_equal(c.broker.tls.crl_expired, CONFIG_CRL_IGNORE);
    assert_true(c.broker.silent_after_ms == 0);
}

/* Goal: addresses that do not get into each other's way are accepted. */
static void test_ports_beside_each_other(void **state) {
    static const char *const lists[] = {
        "{address: \"0.0.0.0:1\"}, {address: \"[::]:1\"}",
        "{address: \"127.0.0.1:1\"}, {address: \"127.0.0.2:1\"}",
        "{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}",
        "{address: \"[::1]:1\"}, {address: \"0.0.0.0:1\"}",
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char text[256];
        struct config c;
        struct reason reason;
        snprintf(text, sizeof text, "store: s\nbroker: {listen: [%s]}\n",
                 lists[i]);
        if (load(*state, text, &c, &reason) != ERR_OK) {
            fail_msg("%s", reason.text);
        }
        check_round_trip(*state, &c);
    }
}

/* Goal: the bound that EventBridge sets is one for its own streams, and takes
 * the default. */
static void test_event_bytes_of_sinks(void **state) {
    static const struct {
        const char *text;
        uint32_t bytes;
    } goods[] = {
        {SINK("{kinesis: {stream: s}}") "event_bytes_max: 1 MiB\n", 1048576},
        {S "event_bytes_max: 1 MiB\n", 1048576},
        {S "event_bytes_max: 8 KiB\n", 8192},
        {SINK("{eventbridge: {bus: b}}") "event_bytes_max: 256 KiB\n", 262144},
        {SINK("{eventbridge: {bus: b}}"), 262144},
        {SINK("{eventbridge: {bus: b, request: 1MiB}}") "event_bytes_max: 1 "
                                                        "MiB\n",
         1048576},
    };
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        struct config c;
        struct reason reason;
        if (load(*state, goods[i].text, &c, &reason) != ERR_OK) {
            fail_msg("%s", reason.text);
        }
        assert_int_equal(c.event_bytes_max, goods[i].bytes);
    }
}

/* Goal: a capacity of exactly four segments is enough. */
static void test_four_segments(void **state) {
    static const struct {
        const char *stream;
        uint64_t capacity;
        uint64_t segment;
    } goods[] = {
        {"capacity: 64 MiB", 67108864, 16777216},
        {"capacity: 67108865", 67108865, 16777216},
        {"capacity: 32 MiB, segment: 8 MiB", 33554432, 8388608},
        {"segment: 256 MiB", (uint64_t)1 << 30, (uint64_t)1 << 28},
    };
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        char text[128];
        struct config c;
        struct reason reason;
        snprintf(text, sizeof text, "store: s\nstreams: [{name: a, %s}]\n",
                 goods[i].stream);
        if (load(*state, text, &c, &reason) != ERR_OK) {
            fail_msg("%s", reason.text);
        }
        assert_true(c.streams[0].capacity == goods[i].capacity);
        assert_true(c.streams[0].segment_bytes == goods[i].segment);
    }
}

/* Goal: each unit of a duration, with a space or without; nothing and zero need
 * none. */
static void test_durations(void **state) {
    static const struct {
        const char *text;
        uint64_t ms;
    } goods[] = {
        {"0", 0},        {"0 d", 0},         {"1 ms", 1},
        {"250ms", 250},  {"3 s", 3000},      {"90 min", 5400000},
        {"2h", 7200000}, {"7 d", 604800000}, {"3650 d", 315360000000},
    };
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        char text[128];
        struct config c;
        struct reason reason;
        snprintf(text, sizeof text,
                 "store: s\nstreams: [{name: a, keep_for: %s}]\n",
                 goods[i].text);
        if (load(*state, text, &c, &reason) != ERR_OK) {
            fail_msg("%s", reason.text);
        }
        assert_true(c.streams[0].keep_for_ms == goods[i].ms);
        assert_true(c.streams[0].keep_max_ms >= goods[i].ms);
        check_round_trip(*state, &c);
    }
}

/* Goal: printing loses and invents nothing. */
static void test_print_round_trip(void **state) {
    const char *const texts[] = {"store: s\n", all_keys, external_keys};
    for (size_t i = 0; i < 3; i++) {
        struct config config;
        struct reason reason;
        assert_int_equal(load(*state, texts[i], &config, &reason), ERR_OK);
        check_round_trip(*state, &config);
    }
}

/* Goal: `check --describe` knows each key, and each has a help line. */
static void test_describe(void **state) {
    (void)state;
    static char text[TEXT_MAX];
    struct writer writer = writer_over(text, sizeof text - 1);
    config_describe(&writer);
    assert_false(writer.full);
    text[writer.len] = '\0';
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        char head[CONFIG_KEY_PATH_MAX + 8];
        snprintf(head, sizeof head, "%s: ", config_keys[i].path);
        assert_non_null(strstr(text, head));
        assert_non_null(strstr(text, config_keys[i].help));
    }
    assert_non_null(strstr(text, "default 256 KiB"));
}

/* Goal: a help line is one sentence, as the man page and --describe show it. */
static void test_help_is_one_sentence(void **state) {
    (void)state;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *help = config_keys[i].help;
        size_t len = strlen(help);
        bool good = len > 10 && len <= 200 && help[len - 1] == '.' &&
                    strstr(help, ". ") == NULL && strchr(help, '\n') == NULL;
        if (!good) {
            fail_msg("%s: %s", config_keys[i].path, help);
        }
    }
}

static struct slice read_example(void) {
    static char text[TEXT_MAX];
    FILE *stream = fopen(CONFIG_EXAMPLE, "rb");
    assert_non_null(stream);
    size_t len = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[len] = '\0';
    return slice_of(text, len);
}

/* Goal: the example loads as it is, and speaks of every key. */
static void test_example(void **state) {
    struct config config;
    struct reason reason;
    if (config_load(CONFIG_EXAMPLE, &config, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    check_round_trip(*state, &config);
    const char *text = (const char *)read_example().data;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *dot = strrchr(config_keys[i].path, '.');
        char name[CONFIG_KEY_PATH_MAX + 2];
        snprintf(name, sizeof name,
                 "%s:", dot == NULL ? config_keys[i].path : dot + 1);
        if (strstr(text, name) == NULL) {
            fail_msg("the example does not show %s", config_keys[i].path);
        }
    }
}

/* A place is "path:LINE:COLUMN: " with both from 1. */
static bool has_place(const char *reason, const char *path) {
    unsigned line = 0;
    unsigned column = 0;
    return strncmp(reason, path, strlen(path)) == 0 &&
           sscanf(reason + strlen(path), ":%u:%u: found", &line, &column) ==
               2 &&
           line > 0 && column > 0;
}

/* Goal: whatever becomes of a file's bytes, it either loads, and then prints to
 * the same, or the error names a place. Never a crash. */
static void test_mutations(void **state) {
    const struct fixture *fixture = *state;
    struct slice example = read_example();
    const char *given = getenv("EDGE_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)time(NULL);
    print_message("seed %u (repeat with EDGE_SEED=%u)\n", seed, seed);
    srandom(seed);
    static uint8_t text[TEXT_MAX];
    unsigned loaded = 0;
    for (int round = 0; round < MUTATIONS; round++) {
        size_t len = example.len;
        memcpy(text, example.data, len);
        for (long edits = 1 + random() % 4; edits > 0; edits--) {
            size_t at = (size_t)random() % len;
            size_t from = (size_t)random() % len;
            switch (random() % 4) {
            case 0:
                text[at] = (uint8_t)random();
                break;
            case 1:
                text[at] = (uint8_t) "\n:-{}[]&*!|>'\"%@`#, \t?"[random() % 22];
                break;
            case 2:
                len = at > 0 ? at : 1;
                break;
            default:
                memmove(text + at, text + from, len - (at > from ? at : from));
            }
        }
        put(fixture, slice_of(text, len));
        struct config config;
        struct reason reason;
        if (config_load(fixture->path, &config, &reason) == ERR_OK) {
            loaded++;
            check_round_trip(fixture, &config);
        } else if (!has_place(reason.text, fixture->path)) {
            fail_msg("round %d: %s", round, reason.text);
        }
    }
    print_message("%u of %d mutated files loaded\n", loaded, MUTATIONS);
    assert_in_range(loaded, 1, MUTATIONS - 1);
}

/* Goal: loopback is told from every other host. */
static void test_loopback(void **state) {
    (void)state;
    assert_true(config_host_is_loopback("127.0.0.1"));
    assert_true(config_host_is_loopback("127.9.9.9"));
    assert_true(config_host_is_loopback("::1"));
    assert_true(config_host_is_loopback("localhost"));
    assert_false(config_host_is_loopback("0.0.0.0"));
    assert_false(config_host_is_loopback("128.0.0.1"));
    assert_false(config_host_is_loopback("::"));
    assert_false(config_host_is_loopback("localhost.example"));
    assert_false(config_host_is_loopback("127.0.0.1.example"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test(test_every_key_is_refused_somewhere),
        cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listeners, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ports_beside_each_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_event_bytes_of_sinks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_four_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_durations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print_round_trip, setup, teardown),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_help_is_one_sentence),
        cmocka_unit_test_setup_teardown(test_example, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mutations, setup, teardown),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
