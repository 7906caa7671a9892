/* SPDX-License-Identifier: Apache-2.0 */
/* Every event type that the gateway knows, one line each. A new type is added
 * here and nowhere else: who may send it, which service publishes it, what a
 * refusal lists and the cloud's Source follow from the line. What the services
 * do with it is decided in gateway/shop. A test checks config/schemas and
 * docs/events.md against this list.
 *
 * EVENT_TYPE(ENUM, "Name", PUBLISHER, AUDIENCE); see event_type.h for the last
 * two. Included several times, hence without a guard. */
/* clang-format off */

/* Sent by devices on the shop's stream. */
EVENT_TYPE(ORDER_PLACED,           "OrderPlaced",          DEVICE,     NOBODY)
EVENT_TYPE(ORDER_CANCEL_REQUESTED, "OrderCancelRequested", DEVICE,     NOBODY)
EVENT_TYPE(PAYMENT_AUTHORIZED,     "PaymentAuthorized",    DEVICE,     NOBODY)
EVENT_TYPE(PAYMENT_REFUSED,        "PaymentRefused",       DEVICE,     NOBODY)
EVENT_TYPE(REFUND_CONFIRMED,       "RefundConfirmed",      DEVICE,     NOBODY)
EVENT_TYPE(REFUND_FAILED,          "RefundFailed",         DEVICE,     NOBODY)
EVENT_TYPE(STOCK_RECEIVED,         "StockReceived",        DEVICE,     NOBODY)
EVENT_TYPE(STOCK_ADJUSTED,         "StockAdjusted",        DEVICE,     NOBODY)
EVENT_TYPE(STOCK_COUNTED,          "StockCounted",         DEVICE,     NOBODY)
/* Published by the services. */
EVENT_TYPE(ORDER_CREATED,          "OrderCreated",         ORDER,      PLACER)
EVENT_TYPE(ORDER_REJECTED,         "OrderRejected",        ORDER,      PLACER)
EVENT_TYPE(ORDER_CANCELLED,        "OrderCancelled",       ORDER,      BOTH)
EVENT_TYPE(INVENTORY_RESERVED,     "InventoryReserved",    INVENTORY,  NOBODY)
EVENT_TYPE(INVENTORY_REJECTED,     "InventoryRejected",    INVENTORY,  PLACER)
EVENT_TYPE(INVENTORY_RELEASED,     "InventoryReleased",    INVENTORY,  NOBODY)
EVENT_TYPE(INVENTORY_SHORT,        "InventoryShort",       INVENTORY,  PLACER)
EVENT_TYPE(STOCK_CHANGED,          "StockChanged",         INVENTORY,  NOBODY)
EVENT_TYPE(STOCK_LOW,              "StockLow",             INVENTORY,  NOBODY)
EVENT_TYPE(PAYMENT_REQUESTED,      "PaymentRequested",     PAYMENT,    TERMINAL)
EVENT_TYPE(PAYMENT_PROCESSED,      "PaymentProcessed",     PAYMENT,    NOBODY)
EVENT_TYPE(PAYMENT_DECLINED,       "PaymentDeclined",      PAYMENT,    PLACER)
EVENT_TYPE(PAYMENT_REFUNDED,       "PaymentRefunded",      PAYMENT,    BOTH)
EVENT_TYPE(PAYMENT_UNMATCHED,      "PaymentUnmatched",     PAYMENT,    NOBODY)
EVENT_TYPE(ORDER_FULFILED,         "OrderFulfiled",        FULFILMENT, PLACER)
/* The gateway's own, on any stream. */
EVENT_TYPE(EVENT_REJECTED,         "EventRejected",        GATEWAY,    NOBODY)
EVENT_TYPE(EVENTS_DROPPED,         "EventsDropped",        GATEWAY,    NOBODY)
EVENT_TYPE(CONFIG_CHANGED,         "ConfigChanged",        GATEWAY,    NOBODY)
EVENT_TYPE(PAYMENT_TIMED_OUT,      "PaymentTimedOut",      GATEWAY,    NOBODY)
EVENT_TYPE(PAYMENT_RESOLVED,       "PaymentResolved",      GATEWAY,    NOBODY)
EVENT_TYPE(JOURNAL_DAMAGED,        "JournalDamaged",       GATEWAY,    NOBODY)
EVENT_TYPE(EVENT_DEAD_LETTERED,    "EventDeadLettered",    GATEWAY,    NOBODY)
EVENT_TYPE(EDGE_STATUS,            "EdgeStatus",           GATEWAY,    NOBODY)

#ifdef EDGE_TEST_EVENT_TYPES
/* Only in builds of tests/unit/event_type. */
EVENT_TYPE(DOOR_OPENED,            "DoorOpened",           DEVICE,     NOBODY)
#endif
/* clang-format on */
