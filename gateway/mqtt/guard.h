/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's side of what guards the broker: hears from its plugin who
 * comes, goes and is refused, on the publisher's connection, and has it read
 * the accounts again. Reads what Mosquitto itself says of TLS that fails.
 *
 * Each refusal is counted by its reason; the log has one line a second for
 * each reason, with the device and the topic. */
#ifndef GATEWAY_MQTT_GUARD_H
#define GATEWAY_MQTT_GUARD_H

#include <mosquitto.h>

#include "gateway/base/base.h"
#include "gateway/identity/report.h"

struct guard_options {
    void *self; /* passed to each of the following */
    /* The plugin can be told something: at each connection. */
    void (*up)(void *self);
    /* Whatever it reports, refusals included. */
    void (*reported)(void *self, const struct report *report);
};

struct guard_counts {
    /* By reason, since guard_new(). REFUSAL_NONE: connections that ended before
     * they said who they were; those whose TLS failed are also in
     * REFUSAL_CERTIFICATE or REFUSAL_PROTOCOL. */
    uint64_t refused[REFUSAL_COUNT];
    uint64_t unreadable; /* reports: is the plugin of another version? */
};

struct guard;

err_t guard_new(const struct guard_options *options,
                struct guard **ret) MUST_USE;
void guard_free(struct guard *guard); /* takes NULL */

/* The connection's, in this order. */
void guard_up(struct guard *guard, struct mosquitto *client);
/* The broker answered a subscription; false: it was not one of these. */
bool guard_answered(struct guard *guard, int granted);
/* False: the message is none of these. */
bool guard_message(struct guard *guard,
                   const struct mosquitto_message *message);
void guard_down(struct guard *guard);

/* Asks the plugin to read the current set again; it reports REPORT_LOADED or
 * REPORT_FAILED. False if there is no connection. What it queues is sent when
 * the connection is next written to. */
bool guard_reload(struct guard *guard);

/* A line of Mosquitto's. True if it says that a TLS connection failed: then it
 * was counted, and logged; or that a client was turned away or cut for what it
 * sent: then it was logged. */
bool guard_line(struct guard *guard, const char *line);

struct guard_counts guard_counts(const struct guard *guard);

#endif
