/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the registry of event types answers for each who may send it, who
 * publishes it and as what the cloud sees it, and its refusal lists what it
 * holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/event/event_source.h"
#include "gateway/event/event_type.h"

static void each_is_found_by_its_name(void **state) {
    (void)state;
    for (uint32_t at = 0; at < EVENT_TYPE_COUNT; at++) {
        enum event_type found = EVENT_TYPE_COUNT;
        struct slice name =
            slice_from_str(event_type_name((enum event_type)at));
        assert_int_equal(event_type_find(name, &found), ERR_OK);
        assert_int_equal(found, at); /* so no name stands twice */
    }
    static const char *const unknown[] = {"", "orderplaced", "OrderPlace",
                                          "OrderPlacedX", "OrderFulfilled"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        enum event_type found = EVENT_TYPE_COUNT;
        assert_int_equal(event_type_find(slice_from_str(unknown[i]), &found),
                         ERR_NOT_FOUND);
        assert_int_equal(found, EVENT_TYPE_COUNT);
    }
}

static void devices_send_what_is_theirs(void **state) {
    (void)state;
    static const char *const sendable[] = {
        "OrderPlaced",    "OrderCancelRequested", "PaymentAuthorized",
        "PaymentRefused", "RefundConfirmed",      "RefundFailed",
        "StockReceived",  "StockAdjusted",        "StockCounted"};
    static const char *const others[] = {
        "OrderCreated",      "OrderRejected",
        "OrderCancelled",    "InventoryReserved",
        "InventoryRejected", "InventoryReleased",
        "InventoryShort",    "StockChanged",
        "StockLow",          "PaymentRequested",
        "PaymentProcessed",  "PaymentDeclined",
        "PaymentRefunded",   "OrderFulfiled",
        "EventRejected",     "EventsDropped",
        "JournalDamaged",    "EventDeadLettered",
        "OrderFulfilled",    "orderplaced",
        "DoorOpened",        ""};
    for (size_t i = 0; i < sizeof sendable / sizeof *sendable; i++) {
        assert_int_equal(
            event_type_check_sendable(slice_from_str(sendable[i]), NULL),
            ERR_OK);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct reason reason = {""};
        assert_int_equal(
            event_type_check_sendable(slice_from_str(others[i]), &reason),
            ERR_REFUSED);
        for (size_t j = 0; j < sizeof sendable / sizeof *sendable; j++) {
            assert_non_null(strstr(reason.text, sendable[j]));
        }
    }
}

static void the_refusal_lists_what_is_taken(void **state) {
    (void)state;
    struct reason reason = {""};
    assert_int_equal(event_type_check_sendable(SLICE("OrderCreated"), &reason),
                     ERR_REFUSED);
    assert_string_equal(
        reason.text,
        "a device may not send \"OrderCreated\" here; this stream takes "
        "OrderPlaced, OrderCancelRequested, PaymentAuthorized, "
        "PaymentRefused, RefundConfirmed, RefundFailed, StockReceived, "
        "StockAdjusted, StockCounted");
    /* A name of any length is cut, so that the list is always there. */
    char longest[128];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(
        event_type_check_sendable(slice_of(longest, sizeof longest), &reason),
        ERR_REFUSED);
    assert_non_null(strstr(reason.text, "StockCounted"));
}

/* Goal: with the shop or without, no device says what the gateway says. */
static void what_a_device_may_say_elsewhere(void **state) {
    (void)state;
    struct reason reason = {""};
    for (uint32_t at = 0; at < EVENT_TYPE_COUNT; at++) {
        enum event_type type = (enum event_type)at;
        assert_int_equal(event_type_check_free(
                             slice_from_str(event_type_name(type)), &reason),
                         event_type_is_sendable(type) ? ERR_OK : ERR_REFUSED);
    }
    assert_int_equal(event_type_check_free(SLICE("ReadingTaken"), &reason),
                     ERR_OK);
    assert_int_equal(event_type_check_free(SLICE("JournalDamaged"), &reason),
                     ERR_REFUSED);
    assert_string_equal(reason.text,
                        "the type \"JournalDamaged\" is reserved for what the "
                        "gateway itself publishes: give the event another "
                        "type");
}

/* Each type from each publisher's source: only its own makes it speak as one.
 */
static void only_its_publisher_is_its_source(void **state) {
    (void)state;
    for (uint32_t at = 0; at < EVENT_TYPE_COUNT; at++) {
        enum event_type type = (enum event_type)at;
        enum event_publisher own = event_type_publisher(type);
        for (uint32_t by = 0; by < EVENT_PUBLISHER_COUNT; by++) {
            const char *name = event_publisher_name((enum event_publisher)by);
            char text[64];
            struct writer source = writer_over(text, sizeof text);
            event_source_write(&source, SLICE("s"),
                               slice_from_str(name == NULL ? "till-1" : name));
            const char *cloud = by == EVENT_PUBLISHER_GATEWAY ? "edge" : name;
            assert_string_equal(
                event_type_cloud_source(slice_from_str(event_type_name(type)),
                                        writer_slice(&source), SLICE("s")),
                by == own && by != EVENT_PUBLISHER_DEVICE ? cloud : "device");
        }
    }
}

static void publishers_own_their_names(void **state) {
    (void)state;
    static const char *const owned[] = {"order", "inventory", "payment",
                                        "fulfilment", "gateway"};
    static const char *const free_for_all[] = {"", "device", "orders", "Order",
                                               "till-1"};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        assert_true(event_publisher_owns(slice_from_str(owned[i])));
    }
    for (size_t i = 0; i < sizeof free_for_all / sizeof *free_for_all; i++) {
        assert_false(event_publisher_owns(slice_from_str(free_for_all[i])));
    }
}

/* A notice is of what the shop publishes: nobody is told of a device's event
 * or of the gateway's own. */
static void notices_are_of_the_services(void **state) {
    (void)state;
    for (uint32_t at = 0; at < EVENT_TYPE_COUNT; at++) {
        enum event_publisher by = event_type_publisher((enum event_type)at);
        if (by == EVENT_PUBLISHER_DEVICE || by == EVENT_PUBLISHER_GATEWAY) {
            assert_int_equal(event_type_audience((enum event_type)at),
                             EVENT_AUDIENCE_NOBODY);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_by_its_name),
        cmocka_unit_test(devices_send_what_is_theirs),
        cmocka_unit_test(the_refusal_lists_what_is_taken),
        cmocka_unit_test(what_a_device_may_say_elsewhere),
        cmocka_unit_test(only_its_publisher_is_its_source),
        cmocka_unit_test(publishers_own_their_names),
        cmocka_unit_test(notices_are_of_the_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
