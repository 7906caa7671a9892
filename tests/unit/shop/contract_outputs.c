/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the contract test validates, one a line, a word and then JSON:
 *
 *   type            [name, publisher, audience] of the registry
 *   input, output   an event as it leaves for the cloud
 *   notice, repeat  as it leaves for a device
 *   accepted        [type, data] that shop_check() lets in
 *   refused         [type, data, reason] that it does not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/event/event_type.h"
#include "gateway/event/json.h"
#include "tests/unit/shop/check_cases.h"
#include "tests/unit/shop/harness.h"

static void print_rendered(const char *word, const struct event *event,
                           struct shop_stamp stamp) {
    static char text[16 * 1024];
    struct writer writer = writer_over(text, sizeof(text));
    const struct event_record record = {stamp.seq, stamp.wall_us,
                                        event_life_of(harness_journal_id),
                                        event_life_of(harness_life)};
    err_t err = event_render_json(event, &record, &writer);
    assert_int_equal(err, ERR_OK);
    printf("%s %.*s\n", word, SLICE_ARG(writer_slice(&writer)));
}

static void print_entries(const struct harness *harness) {
    for (size_t i = 0; i < harness->count; i++) {
        struct event event;
        const struct harness_entry *entry = &harness->entries[i];
        harness_load(harness, i, &event);
        print_rendered(entry->input ? "input" : "output", &event, entry->stamp);
        if (!entry->input &&
            (entry->device[0] != '\0' || entry->terminal[0] != '\0')) {
            print_rendered("notice", &event, entry->stamp);
        }
    }
}

#define ORDER_OF(id, items, total, payment)                              \
    "{\"orderId\":\"" id "\",\"customerId\":\"c-1042\",\"items\":" items \
    ",\"total\":\"" total "\",\"paymentDetails\":" payment "}"
#define BY_CASH "{\"paymentMethod\":\"CASH\"}"
#define BY_TERMINAL "{\"paymentMethod\":\"CARD\",\"terminal\":\"terminal-1\"}"

static const char *const script[][3] = {
    {"scanner-1", "StockReceived",
     "{\"items\":[{\"sku\":\"mug-blue\",\"quantity\":5,\"reorderLevel\":2}]}"},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0001", "[{\"sku\":\"mug-blue\",\"quantity\":2},\"tea\"]",
              "23.50", BY_CASH)},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0002", "[\"mug-blue\"]", "9.50", BY_TERMINAL)},
    {"terminal-1", "PaymentAuthorized",
     "{\"orderId\":\"t1-0002\",\"paymentTransactionId\":\"tx-77\","
     "\"amount\":\"9.50\"}"},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0003", "[\"tea\"]", "4.00", BY_TERMINAL)},
    {"terminal-1", "PaymentRefused",
     "{\"orderId\":\"t1-0003\",\"reason\":\"card expired\"}"},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0004", "[{\"sku\":\"mug-blue\",\"quantity\":9}]", "85.50",
              BY_CASH)},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0005", "[\"tea\"]", "4.00", BY_TERMINAL)},
    {"till-1", "OrderCancelRequested",
     "{\"orderId\":\"t1-0005\",\"reason\":\"customer left\"}"},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0006", "[\"tea\"]", "4.005", BY_CASH)},
    {"scanner-1", "StockCounted",
     "{\"items\":[{\"sku\":\"mug-blue\",\"quantity\":12}]}"},
    {"terminal-1", "PaymentAuthorized",
     "{\"orderId\":\"t1-0099\",\"paymentTransactionId\":\"tx-90\","
     "\"amount\":\"12.00\"}"},
    {"terminal-1", "RefundConfirmed",
     "{\"paymentTransactionId\":\"tx-90\",\"how\":\"void\"}"},
    {"till-1", "RefundFailed",
     "{\"refundId\":\"r-5eed0123-27-1\",\"reason\":\"customer left\"}"},
    {"scanner-1", "StockAdjusted",
     "{\"items\":[{\"sku\":\"mug-blue\",\"quantity\":-1}],"
     "\"reason\":\"broken\"}"},
};

/* Where the shop is told to oversell, and to know its skus. */
static const char *const oversold[][3] = {
    {"scanner-1", "StockCounted",
     "{\"items\":[{\"sku\":\"apples\",\"quantity\":1.25,\"unit\":\"kg\"}]}"},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0101",
              "[{\"sku\":\"apples\",\"quantity\":1.6,\"unit\":\"kg\"}]", "5.50",
              BY_CASH)},
    {"till-1", "OrderPlaced",
     ORDER_OF("t1-0102", "[\"tea\"]", "4.00", BY_CASH)},
    {"scanner-1", "StockAdjusted",
     "{\"items\":[{\"sku\":\"apples\",\"quantity\":-0.05}],"
     "\"reason\":\"rotten\"}"},
};

static void run_inputs(struct shop_settings settings,
                       const char *const (*inputs)[3], size_t count) {
    struct harness harness;
    harness_open_with(&harness, settings);
    for (size_t i = 0; i < count; i++) {
        harness_send(&harness, inputs[i][0], inputs[i][1], inputs[i][2]);
    }
    print_entries(&harness);
    harness_close(&harness);
}

static void run_script(void) {
    run_inputs((struct shop_settings){0}, script,
               sizeof(script) / sizeof(*script));
    run_inputs(
        (struct shop_settings){.flag_oversell = true, .reject_unknown = true},
        oversold, sizeof(oversold) / sizeof(*oversold));
}

static err_t no_publish(void *self, const struct event *event,
                        struct slice device, struct shop_stamp *ret_stamp) {
    (void)self;
    (void)event;
    (void)device;
    (void)ret_stamp;
    return ERR_FULL;
}

static void print_repeat(void *self, const struct event *event,
                         struct shop_stamp stamp, struct slice device) {
    (void)self;
    (void)device;
    print_rendered("repeat", event, stamp);
}

/* Places every order of the script once more. */
static void run_repeats(void) {
    struct harness harness;
    struct shop_bus bus = {.publish = no_publish, .tell = print_repeat};
    harness_open(&harness, NULL);
    for (size_t i = 0; i < sizeof(script) / sizeof(*script); i++) {
        size_t at =
            harness_send(&harness, script[i][0], script[i][1], script[i][2]);
        struct event event;
        harness_load(&harness, at, &event);
        if (slice_eq_str(event.type, "OrderPlaced")) {
            err_t err = shop_run(harness.shop, &event, SLICE("till-1"),
                                 harness.entries[at].stamp, &bus);
            assert_int_equal(err, ERR_OK);
        }
    }
    harness_close(&harness);
}

static void print_case(const char *word, const char *type, const char *data,
                       const char *reason) {
    static char text[8 * 1024];
    struct writer writer = writer_over(text, sizeof(text));
    json_write_string(&writer, slice_from_str(type));
    writer_u8(&writer, ',');
    json_write_compact(&writer, slice_from_str(data));
    if (reason != NULL) {
        writer_u8(&writer, ',');
        json_write_string(&writer, slice_from_str(reason));
    }
    assert_false(writer.full);
    printf("%s [%.*s]\n", word, SLICE_ARG(writer_slice(&writer)));
}

static void print_cases(void) {
    for (size_t i = 0; i < sizeof(check_accepted) / sizeof(*check_accepted);
         i++) {
        print_case("accepted", check_accepted[i][0], check_accepted[i][1],
                   NULL);
    }
    for (size_t i = 0; i < sizeof(check_refusals) / sizeof(*check_refusals);
         i++) {
        print_case("refused", check_refusals[i].type, check_refusals[i].data,
                   check_refusals[i].reason);
    }
}

static void print_types(void) {
    static const char *const audiences[] = {"nobody", "placer", "terminal",
                                            "placer and terminal"};
    for (uint32_t at = 0; at < EVENT_TYPE_COUNT; at++) {
        enum event_type type = (enum event_type)at;
        const char *publisher =
            event_publisher_name(event_type_publisher(type));
        printf("type [\"%s\",\"%s\",\"%s\"]\n", event_type_name(type),
               publisher == NULL ? "device" : publisher,
               audiences[event_type_audience(type)]);
    }
}

int main(void) {
    print_types();
    run_script();
    run_repeats();
    print_cases();
    return 0;
}
