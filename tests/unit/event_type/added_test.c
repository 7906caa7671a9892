/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: one line in gateway/event/event_type_list.h is all that a new type
 * takes. DoorOpened is that line; nothing else in the program names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bridge/sink.h"
#include "gateway/event/event_type.h"
#include "gateway/stream/intake.h"
#include "tests/unit/shop/harness.h"

#define DATA "{\"door\":\"back\"}"

static void a_device_may_send_it(void **state) {
    (void)state;
    assert_int_equal(event_type_check_sendable(SLICE("DoorOpened"), NULL),
                     ERR_OK);
    struct event event =
        harness_event("DoorOpened", "/" HARNESS_STORE "/door-1", "1", DATA);
    struct reason reason = {""};
    assert_int_equal(shop_check(&event, &reason), ERR_OK);
}

static void a_refusal_lists_it(void **state) {
    (void)state;
    struct reason reason = {""};
    assert_int_equal(event_type_check_sendable(SLICE("OrderCreated"), &reason),
                     ERR_REFUSED);
    assert_non_null(strstr(reason.text, "StockCounted, DoorOpened"));
}

/* By what becomes of a message; a type that is not in the list is refused. */
static void a_stream_with_the_shop_takes_it(void **state) {
    (void)state;
    const struct intake_options options = {
        .store = "s", .event_bytes_max = 16 * 1024, .has_shop = true};
    struct intake *intake;
    struct dedupe *dedupe;
    assert_int_equal(intake_new(&options, &intake), ERR_OK);
    assert_int_equal(dedupe_new(DEDUPE_IDS_MIN, &dedupe), ERR_OK);
    static const struct {
        const char *type;
        enum intake_verdict verdict;
    } cases[] = {
        {"DoorOpened", INTAKE_NEW},
        {"DoorClosed", INTAKE_REJECTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char payload[256];
        snprintf(payload, sizeof payload,
                 "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":"
                 "\"/s/door-1\",\"type\":\"%s\",\"data\":" DATA "}",
                 cases[i].type);
        const struct stream_message message = {SLICE("door-1"),
                                               slice_from_str(payload)};
        struct intake_result result;
        assert_int_equal(intake_judge(intake, dedupe, &message, &result),
                         ERR_OK);
        assert_int_equal(result.verdict, cases[i].verdict);
    }
    dedupe_free(dedupe);
    intake_free(intake);
}

/* It is taken from the device that sends it, and from nobody else. */
static void nobody_sends_it_for_another(void **state) {
    (void)state;
    struct harness harness;
    harness_open(&harness, NULL);
    static const char *const others[] = {
        "/" HARNESS_STORE "/door-2", "/" HARNESS_STORE "/order",
        "/" HARNESS_STORE "/gateway", "/store-8/door-1", "door-1"};
    const struct shop_bus bus = {0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct event event = {.id = SLICE("1"),
                              .source = slice_from_str(others[i]),
                              .type = SLICE("DoorOpened"),
                              .data_kind = EVENT_DATA_JSON,
                              .data = SLICE(DATA)};
        assert_int_equal(shop_run(harness.shop, &event, SLICE("door-1"),
                                  (struct shop_stamp){0}, &bus),
                         ERR_REFUSED);
    }
    harness_close(&harness);
}

/* No service listens: it is journaled, leads to nothing, and replays. */
static void the_shop_passes_it_over(void **state) {
    (void)state;
    struct harness harness;
    harness_open(&harness, NULL);
    uint64_t before = shop_hash(harness.shop);
    size_t at = harness_send(&harness, "door-1", "DoorOpened", DATA);
    assert_string_equal(harness_types(&harness, at), "DoorOpened");
    assert_int_equal(shop_hash(harness.shop), before);
    harness_check_replay(&harness);
    harness_close(&harness);
}

static void the_cloud_sees_it_as_a_devices(void **state) {
    (void)state;
    static struct config config = {.store = HARNESS_STORE,
                                   .cloud = {.source_prefix = "com.shopme"}};
    static const struct config_stream stream = {.sink_name = "bus"};
    const struct sink_target target = {.config = &config, .stream = &stream};
    static const char *const sources[] = {"/" HARNESS_STORE "/door-1",
                                          "/" HARNESS_STORE "/order"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct event event = {.source = slice_from_str(sources[i]),
                              .type = SLICE("DoorOpened")};
        const struct sink_event out = {.event = &event, .json = SLICE("{}")};
        char text[512];
        struct writer writer = writer_over(text, sizeof text - 1);
        sink_eventbridge.write_entry(&target, &out, &writer);
        assert_false(writer.full);
        text[writer.len] = '\0';
        assert_non_null(strstr(text, "\"Source\":\"com.shopme.device\""));
        assert_non_null(strstr(text, "\"DetailType\":\"DoorOpened\""));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_may_send_it),
        cmocka_unit_test(a_refusal_lists_it),
        cmocka_unit_test(a_stream_with_the_shop_takes_it),
        cmocka_unit_test(nobody_sends_it_for_another),
        cmocka_unit_test(the_shop_passes_it_over),
        cmocka_unit_test(the_cloud_sees_it_as_a_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
