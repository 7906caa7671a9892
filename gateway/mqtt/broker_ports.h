/* SPDX-License-Identifier: Apache-2.0 */
/* Which listeners can be opened now? One whose address the machine does not
 * have (no DHCP lease yet, a cable that is out) keeps no other shut. */
#ifndef GATEWAY_MQTT_BROKER_PORTS_H
#define GATEWAY_MQTT_BROKER_PORTS_H

#include "config/config.h"

struct broker_ports {
    uint16_t list[CONFIG_LISTENERS_MAX]; /* as configured, or found */
    bool away[CONFIG_LISTENERS_MAX];     /* cannot be opened */
    struct reason why_away;              /* of the first that is; "" */
};

/* Looks at all, those with TLS only `with_tls`. ERR_BUSY if a port is taken: it
 * may be by a broker that is about to end. ERR_CONFIG if none can be opened. */
err_t broker_ports_check(const struct config_broker *broker, bool with_tls,
                         struct broker_ports *ports,
                         struct reason *reason) MUST_USE;
bool broker_ports_has_away(const struct broker_ports *ports);
/* Can one be opened that was away? */
bool broker_ports_is_back(const struct config_broker *broker,
                          const struct broker_ports *ports);

#endif
