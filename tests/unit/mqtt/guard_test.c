/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the guard asks at each connection, hands on what the plugin reports,
 * counts refusals by reason, and tells TLS failures apart by Mosquitto's words.
 * libmosquitto's calls are the test's. */
#include "gateway/mqtt/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct {
    char did[256]; /* in order: S = subscribed, then commands */
    int ups;
    int reports;
    struct report last;
} seen;

int mosquitto_subscribe_v5(struct mosquitto *mosq, int *mid, const char *sub,
                           int qos, int options,
                           const mosquitto_property *properties) {
    (void)mosq;
    (void)mid;
    (void)options;
    (void)properties;
    assert_int_equal(qos, 1);
    assert_string_equal(sub, REPORT_TOPIC);
    strcat(seen.did, "S");
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_publish_v5(struct mosquitto *mosq, int *mid, const char *topic,
                         int len, const void *payload, int qos, bool retain,
                         const mosquitto_property *properties) {
    (void)mosq;
    (void)mid;
    (void)properties;
    enum report_command command;
    assert_string_equal(topic, REPORT_CONTROL);
    assert_int_equal(qos, 1);
    assert_false(retain);
    assert_int_equal(
        report_command_read(slice_of(payload, (size_t)len), &command), ERR_OK);
    strcat(seen.did, command == REPORT_HELLO ? "H" : "R");
    return MOSQ_ERR_SUCCESS;
}

static struct guard *guard;
static struct mosquitto *const client = (struct mosquitto *)&seen;

static void on_up(void *self) {
    (void)self;
    seen.ups++;
    assert_true(guard_reload(guard));
}

static void on_reported(void *self, const struct report *report) {
    (void)self;
    seen.reports++;
    seen.last = *report;
}

static int setup(void **state) {
    (void)state;
    memset(&seen, 0, sizeof seen);
    const struct guard_options options = {NULL, on_up, on_reported};
    return guard_new(&options, &guard) != ERR_OK;
}

static int teardown(void **state) {
    (void)state;
    guard_free(guard);
    return 0;
}

static bool say(const char *topic, const void *bytes, size_t len) {
    char name[64];
    uint8_t copy[REPORT_BYTES_MAX];
    snprintf(name, sizeof name, "%s", topic);
    memcpy(copy, bytes, len);
    const struct mosquitto_message message = {
        .topic = name, .payload = copy, .payloadlen = (int)len};
    return guard_message(guard, &message);
}

static void report(const struct report *what) {
    uint8_t bytes[REPORT_BYTES_MAX];
    struct writer writer = writer_over(bytes, sizeof bytes);
    report_write(what, &writer);
    assert_true(say(REPORT_TOPIC, bytes, writer.len));
}

static void test_asks_at_each_connection(void **state) {
    (void)state;
    assert_false(guard_reload(guard));
    guard_up(guard, client);
    assert_string_equal(seen.did, "SHR");
    assert_true(guard_answered(guard, 1));
    assert_false(guard_answered(guard, 0)); /* the watch's */
    guard_down(guard);
    assert_false(guard_reload(guard));
    guard_up(guard, client);
    assert_string_equal(seen.did, "SHRSHR");
    assert_true(guard_answered(guard, 128)); /* said in the log */
    assert_int_equal(seen.ups, 2);
}

static void test_hands_on_and_counts(void **state) {
    (void)state;
    struct report what = {.kind = REPORT_REFUSED,
                          .refusal = REFUSAL_OTHER_DEVICE,
                          .publish = true,
                          .device = "till-1",
                          .text = "shopme/s1/till-2/orders",
                          .event_id = "e-1",
                          .count = 3};
    report(&what);
    assert_string_equal(seen.last.event_id, "e-1");
    what.refusal = REFUSAL_PASSWORD;
    what.count = 1;
    report(&what);
    report(&what);
    const struct report loaded = {.kind = REPORT_LOADED, .set = 12};
    report(&loaded);
    assert_int_equal(seen.last.set, 12);
    assert_int_equal(seen.reports, 4);
    const struct guard_counts counts = guard_counts(guard);
    assert_int_equal(counts.refused[REFUSAL_OTHER_DEVICE], 3);
    assert_int_equal(counts.refused[REFUSAL_PASSWORD], 2);
    assert_int_equal(counts.refused[REFUSAL_UNKNOWN], 0);
}

static void test_what_is_not_a_report(void **state) {
    (void)state;
    assert_false(say("shopme/s1/till-1/orders", "x", 1));
    assert_true(say(REPORT_TOPIC, "\xff nonsense", 9));
    assert_true(say(REPORT_TOPIC, "", 0));
    assert_int_equal(guard_counts(guard).unreadable, 2);
    assert_int_equal(seen.reports, 0);
}

static void test_tls(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum refusal refusal; /* REFUSAL_NONE: taken, and not counted */
    } lines[] = {
        {"OpenSSL Error[0]: error:0A0000C7:SSL routines::peer did not return "
         "a certificate",
         REFUSAL_CERTIFICATE},
        {"1795000000: OpenSSL Error[0]: error:0A000086:SSL "
         "routines::certificate verify failed",
         REFUSAL_CERTIFICATE},
        {"OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown "
         "ca",
         REFUSAL_CERTIFICATE},
        {"OpenSSL Error[0]: error:0A000102:SSL routines::unsupported protocol",
         REFUSAL_PROTOCOL},
        {"OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number",
         REFUSAL_PROTOCOL},
        {"OpenSSL Error[0]: error:0A00009C:SSL routines::http request",
         REFUSAL_PROTOCOL},
        {"OpenSSL Error[0]: error:0A000126:SSL routines::unexpected eof while "
         "reading",
         REFUSAL_NONE},
        {"OpenSSL Error[0]: error:06880006:asn1 encoding routines::EVP lib",
         REFUSAL_NONE},
        {"Client connection from 127.0.0.1 failed: error:0A0000C7:SSL "
         "routines::peer did not return a certificate.",
         REFUSAL_CERTIFICATE},
        {"Client connection from ::1 failed: error:0A000076:SSL routines::no "
         "suitable signature algorithm.",
         REFUSAL_CERTIFICATE},
        {"Client connection from 192.0.2.7 failed: error:0A00009C:SSL "
         "routines::http request.",
         REFUSAL_PROTOCOL},
        {"Client till-1 disconnected due to oversize packet.", REFUSAL_NONE},
        {"Client connection from 192.0.2.7 denied: max_connections exceeded.",
         REFUSAL_CONNECTIONS},
    };
    uint64_t wanted[REFUSAL_COUNT] = {0};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_true(guard_line(guard, lines[i].line));
        wanted[lines[i].refusal]++;
    }
    wanted[REFUSAL_NONE] = 0;
    const struct guard_counts counts = guard_counts(guard);
    assert_memory_equal(counts.refused, wanted, sizeof wanted);
    assert_false(guard_line(guard, "Warning: no OpenSSL here"));
    assert_false(guard_line(guard, ""));
    assert_true(guard_line(guard, "OpenSSL Error")); /* cut */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_asks_at_each_connection, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_hands_on_and_counts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_a_report, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
