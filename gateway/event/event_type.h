/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of event types: who publishes each, who is notified, and which
 * source the cloud is given. The list itself is event_type_list.h.
 *
 * On a stream without the shop a device may send any type but those that the
 * services and the gateway publish; "sendable" here means on the shop's stream.
 */
#ifndef GATEWAY_EVENT_EVENT_TYPE_H
#define GATEWAY_EVENT_EVENT_TYPE_H

#include "gateway/base/bytes.h"

enum event_type {
#define EVENT_TYPE(name, text, publisher, audience) EVENT_TYPE_##name,
#include "gateway/event/event_type_list.h"
#undef EVENT_TYPE
    EVENT_TYPE_COUNT,
};

enum event_publisher {
    EVENT_PUBLISHER_DEVICE,
    EVENT_PUBLISHER_ORDER, /* the four services of the shop */
    EVENT_PUBLISHER_INVENTORY,
    EVENT_PUBLISHER_PAYMENT,
    EVENT_PUBLISHER_FULFILMENT,
    EVENT_PUBLISHER_GATEWAY,
    EVENT_PUBLISHER_COUNT,
};

/* Who gets a notice of an event. */
enum event_audience {
    EVENT_AUDIENCE_NOBODY = 0,
    EVENT_AUDIENCE_PLACER = 1,   /* the device that placed the order */
    EVENT_AUDIENCE_TERMINAL = 2, /* the payment terminal that is asked, when
                                    the run has ended (gateway/shop) */
    EVENT_AUDIENCE_BOTH = 3,
};

const char *event_type_name(enum event_type type);
enum event_publisher event_type_publisher(enum event_type type);
enum event_audience event_type_audience(enum event_type type);
/* May a device send it on the shop's stream? */
bool event_type_is_sendable(enum event_type type);

/* ERR_NOT_FOUND for a type that is not in the list. */
err_t event_type_find(struct slice name, enum event_type *ret) MUST_USE;
/* ERR_REFUSED, with a reason that lists the types a device may send on the
 * shop's stream, if this is none of them. */
err_t event_type_check_sendable(struct slice name,
                                struct reason *reason) MUST_USE;

/* ERR_REFUSED, with a reason, for a type that a service or the gateway
 * publishes: no device may send it, on whatever stream. */
err_t event_type_check_free(struct slice name, struct reason *reason) MUST_USE;

/* The last part of the source "/<store>/<name>" of a publisher's events; NULL
 * for a device, whose events carry its own name. */
const char *event_publisher_name(enum event_publisher publisher);
/* Is this the name of a publisher, which no device may have? */
bool event_publisher_owns(struct slice name);

/* The last part of the cloud's Source, after the configured prefix: the
 * publisher's name if the event is of one of its types and has its source; else
 * "device", so a device cannot pose as a service. */
const char *event_type_cloud_source(struct slice type, struct slice source,
                                    struct slice store);

#endif
