/* SPDX-License-Identifier: Apache-2.0 */
/* Is the address free that the broker is to listen on? Asked before it starts:
 * it would only say "Address already in use", and an earlier one that is still
 * stopping saves its sessions before it lets go of its port. */
#ifndef GATEWAY_MQTT_BROKER_PORT_H
#define GATEWAY_MQTT_BROKER_PORT_H

#include "config/config.h"

/* `*port` is the one asked for; 0 finds a free one. ERR_BUSY if it is taken,
 * ERR_CONFIG if this machine does not have the address (now); `reason` says
 * what to do. May wait for a look-up of the name. */
err_t broker_port_check(const struct config_address *listen, uint16_t *port,
                        struct reason *reason) MUST_USE;

#endif
