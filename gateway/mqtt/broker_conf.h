/* SPDX-License-Identifier: Apache-2.0 */
/* Mosquitto's configuration: the one place that knows its form. */
#ifndef GATEWAY_MQTT_BROKER_CONF_H
#define GATEWAY_MQTT_BROKER_CONF_H

#include "config/config.h"
#include "gateway/base/base.h"

enum {
    BROKER_CONF_BYTES_MAX = 32 * 1024,
    /* The largest MQTT packet that the broker takes. An event that is too large
     * for the gateway, but not for this, is refused by name and with a receipt;
     * a larger packet ends its connection, which the broker logs. */
    BROKER_PACKET_MAX = 8 * 1024 * 1024,
    /* A session without its client ends by then. */
    BROKER_EXPIRATION_DAYS = 14,
};

struct broker_conf {
    const struct config *config;
    const uint16_t *ports; /* of the listeners */
    const bool *away;      /* the same: is left out; NULL = none is */
    bool closed;           /* on the gateway's socket alone */
    bool with_tls;         /* the listeners that use it, too */
    const char *folder;    /* for what it saves */
    const char *socket_path;
    const char *plugin_path;
    const char *rules_path;
};

/* ERR_CONFIG: a name that Mosquitto's form cannot say. */
err_t broker_conf_write(const struct broker_conf *conf, struct writer *out,
                        struct reason *reason) MUST_USE;

#endif
