/* SPDX-License-Identifier: Apache-2.0 */
/* How the gateway logs in at the site's broker (broker.mode: external): the
 * user name and the password of the file, and TLS. All of it is in memory
 * afterwards, so that no connection waits for the disk; the broker's
 * certificate must be of one of client_tls.ca_file's authorities and for the
 * host of broker.address. */
#ifndef GATEWAY_MQTT_SITE_LOGIN_H
#define GATEWAY_MQTT_SITE_LOGIN_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/mqtt/mqtt_login.h"

/* Waits for the disk. `config` outlives what is returned, which the caller
 * forgets. On an error `ret` is untouched and the reason says which key and
 * what is wrong. ERR_CONFIG, ERR_MEMORY. */
err_t site_login_read(const struct config_broker *config,
                      struct mqtt_login *ret, struct reason *reason) MUST_USE;
/* Connections that have it keep what they need. */
void site_login_forget(struct mqtt_login *login);

#endif
