/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway tells its broker's plugin (rules.h), of its configuration
 * and its own connections. */
#ifndef GATEWAY_MQTT_BROKER_RULES_H
#define GATEWAY_MQTT_BROKER_RULES_H

#include "config/config.h"
#include "gateway/identity/rules.h"
#include "gateway/mqtt/broker_login.h"

void broker_rules_make(const struct config *config,
                       const struct broker_login *login, struct rules *ret);
/* A client id of the gateway's own, which is nobody else's. There is room for
 * RULES_GATEWAY_IDS_MAX. */
void broker_rules_add_id(struct rules *rules, const char *client_id);
/* Writes the file anew, with mode 0600: it has a hash in it. ERR_IO. */
err_t broker_rules_write(const struct rules *rules, const char *path,
                         struct reason *reason) MUST_USE;

#endif
