/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "devices/device.h"

/* Devices without a broker: what they say is read from their outbox, what they
 * are told is put in through their client's handler. */
struct stage {
    uv_loop_t loop;
    struct report report;
    struct device_setting setting;
    struct device *device;
};

static struct stage *stage_new(const struct device_kind *kind) {
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    assert_int_equal(uv_loop_init(&stage->loop), 0);
    stage->setting = (struct device_setting){
        .client = {.host = "127.0.0.1", .port = 1, .mqtt = 3, .store = "s1"},
        .prefix = "p",
        .seed = 1,
        .scanners = 1,
        .terminals = 1,
        .report = &stage->report,
    };
    assert_int_equal(device_new(kind, &stage->setting, 1, &stage->loop,
                                &stage->device, NULL),
                     ERR_OK);
    return stage;
}

static void stage_free(struct stage *stage) {
    device_free(stage->device);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    free(stage);
}

static uint32_t waiting(const struct stage *stage) {
    return stage->device->client.outbox.count;
}

static void receipt(struct stage *stage, const char *id, bool accepted) {
    struct client_receipt got = {
        .id = id, .accepted = accepted, .reason = "no", .waited_us = 1};
    stage->device->client.handler.receipt(stage->device, &got);
}

static void notice(struct stage *stage, const char *id, const char *type,
                   const char *order_id) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "id", id);
    cJSON_AddStringToObject(event, "type", type);
    cJSON_AddStringToObject(event, "subject", order_id);
    cJSON *data = cJSON_AddObjectToObject(event, "data");
    cJSON_AddStringToObject(data, "orderId", order_id);
    cJSON_AddStringToObject(data, "amount", "1.50");
    stage->device->client.handler.notice(stage->device, event);
    cJSON_Delete(event);
}

/* Every pair of notices, in either order: an end is counted once, the first
 * one stands, another end is a fault, OrderCreated never takes an end back. */
static void test_till_ends(void **state) {
    (void)state;
    static const char *const types[] = {"OrderCreated", "OrderFulfiled",
                                        "OrderCancelled", "OrderRejected",
                                        "InventoryRejected"};
    enum { TYPES = sizeof types / sizeof types[0] };
    for (uint32_t pair = 0; pair < TYPES * TYPES; pair++) {
        const char *first = types[pair / TYPES];
        const char *second = types[pair % TYPES];
        struct stage *stage = stage_new(till_kind());
        struct report *report = &stage->report;
        assert_int_equal(stage->device->kind->act(stage->device), ERR_OK);
        notice(stage, "n-1", first, "p-till-1-1");
        notice(stage, "n-2", second, "p-till-1-1");

        bool first_ends = pair / TYPES >= 1 && pair / TYPES <= 3;
        bool second_ends = pair % TYPES >= 1 && pair % TYPES <= 3;
        const char *end = first_ends ? first : second_ends ? second : "";
        assert_int_equal(report_ended(report), first_ends || second_ends);
        assert_int_equal(report->fulfiled, strcmp(end, "OrderFulfiled") == 0);
        assert_int_equal(report->cancelled, strcmp(end, "OrderCancelled") == 0);
        assert_int_equal(report->rejected, strcmp(end, "OrderRejected") == 0);
        assert_int_equal(report->double_ends, first_ends && second_ends &&
                                                  strcmp(first, second) != 0);
        assert_int_equal(stage->device->kind->busy(stage->device),
                         !first_ends && !second_ends);
        stage_free(stage);
    }
}

/* Notices for other orders, other tills and nobody change nothing. */
static void test_till_strangers(void **state) {
    (void)state;
    static const char *const subjects[] = {"",
                                           "p-till-1-2",
                                           "p-till-1-0",
                                           "p-till-1-",
                                           "p-till-2-1",
                                           "q-till-1-1",
                                           "p-till-11-1",
                                           "p-till-1-99999999999999999999",
                                           "p-till-1-1x"};
    struct stage *stage = stage_new(till_kind());
    assert_int_equal(stage->device->kind->act(stage->device), ERR_OK);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        notice(stage, "n", "OrderFulfiled", subjects[i]);
        assert_int_equal(report_ended(&stage->report), 0);
    }
    stage_free(stage);
}

/* An order is placed again only once its placing was confirmed and 5 s have
 * passed without an end; under another event id; then less often. */
static void test_till_asks_again(void **state) {
    (void)state;
    enum { SECOND_US = 1000 * 1000 };
    struct stage *stage = stage_new(till_kind());
    const struct device_kind *kind = stage->device->kind;
    assert_int_equal(kind->act(stage->device), ERR_OK);
    uint32_t before = waiting(stage);
    int64_t now_us = client_now_us();
    kind->tick(stage->device, now_us + 3600 * (int64_t)SECOND_US);
    assert_int_equal(waiting(stage), before);

    receipt(stage, "p-till-1-1", true);
    kind->tick(stage->device, now_us + 4 * SECOND_US);
    assert_int_equal(waiting(stage), before);
    kind->tick(stage->device, now_us + 6 * SECOND_US);
    assert_int_equal(waiting(stage), before + 1);
    assert_string_equal(stage->device->client.outbox.entries[before]->id,
                        "p-till-1-1-again-1");
    kind->tick(stage->device, now_us + 60 * SECOND_US);
    assert_int_equal(waiting(stage), before + 1);

    receipt(stage, "p-till-1-1-again-1", true);
    kind->tick(stage->device, now_us + 9 * SECOND_US);
    assert_int_equal(waiting(stage), before + 1);
    kind->tick(stage->device, now_us + 12 * SECOND_US);
    assert_int_equal(waiting(stage), before + 2);
    assert_int_equal(stage->report.placed_again, 2);
    stage_free(stage);
}

/* How many events whose id ends so wait in the outbox. */
static uint32_t count_suffix(const struct stage *stage, const char *suffix) {
    const struct outbox *outbox = &stage->device->client.outbox;
    uint32_t count = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const char *id = outbox->entries[i]->id;
        size_t len = strlen(id);
        count += len > strlen(suffix) &&
                 strcmp(id + len - strlen(suffix), suffix) == 0;
    }
    return count;
}

/* About one order in fifty is cancelled, only after its placing was confirmed,
 * and once however many receipts come. */
static void test_till_cancels(void **state) {
    (void)state;
    enum { ORDERS = 400 };
    struct stage *stage = stage_new(till_kind());
    for (int i = 0; i < ORDERS; i++) {
        assert_int_equal(stage->device->kind->act(stage->device), ERR_OK);
    }
    assert_int_equal(count_suffix(stage, "-cancel"), 0);
    for (int i = 0; i < 2 * ORDERS; i++) {
        char id[OUTBOX_ID_SIZE];
        snprintf(id, sizeof id, "p-till-1-%d", i / 2 + 1);
        receipt(stage, id, true);
    }
    assert_in_range(count_suffix(stage, "-cancel"), 1, ORDERS / 20);
    stage_free(stage);
}

/* A rejected receipt ends the order it placed, and only that. */
static void test_till_rejected(void **state) {
    (void)state;
    struct stage *stage = stage_new(till_kind());
    assert_int_equal(stage->device->kind->act(stage->device), ERR_OK);
    receipt(stage, "p-till-1-1-again-1", false);
    assert_int_equal(stage->report.rejected, 0);
    receipt(stage, "p-till-1-1", false);
    assert_int_equal(stage->report.rejected, 1);
    assert_int_equal(stage->report.receipts_rejected, 2);
    stage_free(stage);
}

/* A full outbox makes a device wait and loses nothing of what is in it. */
static void test_full(void **state) {
    (void)state;
    const struct device_kind *kinds[] = {till_kind(), scanner_kind(),
                                         sensor_kind()};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct stage *stage = stage_new(kinds[i]);
        while (kinds[i]->act(stage->device) == ERR_OK) {
            assert_true(waiting(stage) <= OUTBOX_EVENTS_MAX);
        }
        assert_int_equal(kinds[i]->act(stage->device), ERR_FULL);
        assert_true(waiting(stage) > OUTBOX_EVENTS_MAX - 3);
        stage_free(stage);
    }
}

static struct slice last_payload(const struct stage *stage) {
    const struct outbox *outbox = &stage->device->client.outbox;
    assert_true(outbox->count > 0);
    const struct outbox_entry *entry = outbox->entries[outbox->count - 1];
    return slice_of(entry->payload, entry->payload_len);
}

/* A request gets one answer, after at least 50 ms and at most 400; asked again
 * it gives the same bytes, and nothing while they are on their way. */
static void test_terminal_answers(void **state) {
    (void)state;
    struct stage *stage = stage_new(payment_terminal_kind());
    const struct device_kind *kind = stage->device->kind;
    int64_t now_us = client_now_us();
    notice(stage, "pay-1", "PaymentRequested", "o-1");
    notice(stage, "pay-1", "PaymentRequested", "o-1");
    assert_true(kind->busy(stage->device));
    kind->tick(stage->device, now_us + 49 * 1000);
    assert_int_equal(waiting(stage), 0);
    now_us = client_now_us() + 400 * 1000;
    kind->tick(stage->device, now_us);
    assert_int_equal(waiting(stage), 1);
    assert_false(kind->busy(stage->device));

    notice(stage, "pay-1", "PaymentRequested", "o-1");
    kind->tick(stage->device, now_us);
    assert_int_equal(waiting(stage), 1);

    struct slice payload = last_payload(stage);
    char first[MESSAGE_BYTES_MAX];
    memcpy(first, payload.data, payload.len);
    size_t first_len = payload.len;
    struct outbox_entry gone;
    assert_int_equal(outbox_confirm(&stage->device->client.outbox,
                                    slice_from_str("p-terminal-1-1"), 20,
                                    &gone),
                     ERR_OK);
    notice(stage, "pay-1", "PaymentRequested", "o-1");
    kind->tick(stage->device, now_us);
    payload = last_payload(stage);
    assert_int_equal(payload.len, first_len);
    assert_memory_equal(payload.data, first, first_len);
    assert_true(stage->device->client.outbox.entries[0]->again);
    stage_free(stage);
}

/* About one in ten is refused, and which depends on the order only. */
static void test_terminal_refuses(void **state) {
    (void)state;
    enum { REQUESTS = 500 };
    static bool refused[2][REQUESTS];
    int count = 0;
    for (int round = 0; round < 2; round++) {
        struct stage *stage = stage_new(payment_terminal_kind());
        for (int i = 0; i < REQUESTS; i++) {
            int number = round == 0 ? i : REQUESTS - 1 - i;
            char order_id[32];
            snprintf(order_id, sizeof order_id, "o-%d", number);
            notice(stage, order_id, "PaymentRequested", order_id);
            stage->device->kind->tick(stage->device,
                                      client_now_us() + 400 * 1000);
            cJSON *event;
            assert_int_equal(message_read(last_payload(stage), &event), ERR_OK);
            refused[round][number] =
                strcmp(message_text(event, "type"), "PaymentRefused") == 0;
            cJSON_Delete(event);
        }
        stage_free(stage);
    }
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(refused[0][i], refused[1][i]);
        count += refused[0][i];
    }
    assert_in_range(count, REQUESTS * 6 / 100, REQUESTS * 14 / 100);
}

static void ask(struct stage *stage, int number) {
    char order_id[32];
    snprintf(order_id, sizeof order_id, "o-%d", number);
    notice(stage, order_id, "PaymentRequested", order_id);
}

/* Lets all answers go out and be confirmed; returns how many were new. */
static uint32_t answer_all(struct stage *stage) {
    const struct device_kind *kind = stage->device->kind;
    struct outbox *outbox = &stage->device->client.outbox;
    uint32_t fresh = 0;
    while (kind->busy(stage->device)) {
        kind->tick(stage->device, client_now_us() + 400 * 1000);
        while (outbox->count > 0) {
            char id[OUTBOX_ID_SIZE];
            struct outbox_entry gone;
            snprintf(id, sizeof id, "%s", outbox->entries[0]->id);
            assert_int_equal(
                outbox_confirm(outbox, slice_from_str(id), 20, &gone), ERR_OK);
            fresh += !gone.again;
        }
    }
    return fresh;
}

/* More requests than it can hold at once wait until they come again; what it
 * no longer remembers it answers anew. */
static void test_terminal_many(void **state) {
    (void)state;
    enum { REMEMBERED = 4096, MORE = 100 };
    struct stage *stage = stage_new(payment_terminal_kind());
    for (int i = 0; i < REMEMBERED + MORE; i++) {
        ask(stage, i);
    }
    assert_int_equal(answer_all(stage), REMEMBERED);
    for (int i = REMEMBERED - MORE; i < REMEMBERED + MORE; i++) {
        ask(stage, i);
    }
    assert_int_equal(answer_all(stage), MORE);
    ask(stage, 0);
    assert_int_equal(answer_all(stage), 1);
    stage_free(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_till_ends),
        cmocka_unit_test(test_till_strangers),
        cmocka_unit_test(test_till_asks_again),
        cmocka_unit_test(test_till_cancels),
        cmocka_unit_test(test_till_rejected),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_terminal_answers),
        cmocka_unit_test(test_terminal_refuses),
        cmocka_unit_test(test_terminal_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
