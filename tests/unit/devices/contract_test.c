/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "devices/device.h"
#include "gateway/event/event.h"
#include "gateway/event/event_type.h"
#include "gateway/shop/shop.h"

enum { ACTS = 300, PAYLOAD_MAX = 2048, ARENA_ROOM = 128 * 1024 };

/* One event as a device would publish it, read by the gateway's reader and
 * checked by the shop. */
static void check_payload(const struct device *device, struct slice payload) {
    static uint8_t room[ARENA_ROOM];
    struct arena arena = arena_over(room, sizeof room);
    struct event event;
    struct reason reason = {""};
    enum event_encoding encoding = event_encoding_guess(payload);
    assert_true(payload.len <= PAYLOAD_MAX);
    assert_int_equal(encoding == EVENT_ENCODING_CBOR,
                     device->setting->client.encoding == MESSAGE_CBOR);
    if (event_read(encoding, payload, &arena, &event, &reason) != ERR_OK) {
        fail_msg("%s: %s", device->name, reason.text);
    }
    assert_true(slice_eq_str(event.source, device->client.source));
    if (strcmp(device->kind->leaf, "orders") != 0) {
        return;
    }
    if (event_type_check_sendable(event.type, &reason) != ERR_OK ||
        shop_check(&event, &reason) != ERR_OK) {
        fail_msg("%s %.*s: %s", device->name, SLICE_ARG(event.type),
                 reason.text);
    }
}

/* Checks and lets go all that waits in the outbox; returns how many. */
static uint32_t check_outbox(struct device *device) {
    struct outbox *outbox = &device->client.outbox;
    uint32_t count = outbox->count;
    while (outbox->count > 0) {
        const struct outbox_entry *entry = outbox->entries[0];
        char id[OUTBOX_ID_SIZE];
        struct outbox_entry gone;
        check_payload(device, slice_of(entry->payload, entry->payload_len));
        snprintf(id, sizeof id, "%s", entry->id);
        assert_int_equal(outbox_confirm(outbox, slice_from_str(id), 20, &gone),
                         ERR_OK);
    }
    return count;
}

static void ask_payment(struct device *device, int number) {
    char id[32];
    snprintf(id, sizeof id, "o-%d", number);
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "id", id);
    cJSON_AddStringToObject(event, "type", "PaymentRequested");
    cJSON *data = cJSON_AddObjectToObject(event, "data");
    cJSON_AddStringToObject(data, "orderId", id);
    cJSON_AddStringToObject(data, "amount", "12.50");
    device->client.handler.notice(device, event);
    cJSON_Delete(event);
    device->kind->tick(device, client_now_us() + 1000 * 1000);
}

static void check_kind(const struct device_kind *kind,
                       enum message_encoding encoding, uint32_t number) {
    uv_loop_t loop;
    struct device *device;
    struct report report = {0};
    struct log_limit limit = {0};
    struct device_setting setting = {
        .client = {.host = "127.0.0.1",
                   .port = 1,
                   .mqtt = 3,
                   .store = "s1",
                   .encoding = encoding,
                   .log_limit = &limit},
        .prefix = "12345678901234567890123456789012",
        .seed = number,
        .scanners = 3,
        .terminals = 2,
        .report = &report,
    };
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(device_new(kind, &setting, number, &loop, &device, NULL),
                     ERR_OK);
    uint32_t checked = check_outbox(device);
    for (int i = 0; i < ACTS; i++) {
        if (kind->act != NULL) {
            assert_int_equal(kind->act(device), ERR_OK);
        } else {
            ask_payment(device, i);
        }
        checked += check_outbox(device);
    }
    assert_true(checked >= ACTS);
    device_free(device);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Whatever any kind of device says, in either encoding and with the longest
 * prefix, is an event the gateway reads and data the shop takes. */
static void test_contract(void **state) {
    (void)state;
    const struct device_kind *kinds[] = {
        till_kind(), scanner_kind(), payment_terminal_kind(), sensor_kind()};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (uint32_t number = 1; number <= 3; number++) {
            check_kind(kinds[i], MESSAGE_JSON, number);
            check_kind(kinds[i], MESSAGE_CBOR, number);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_contract)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
