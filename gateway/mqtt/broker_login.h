/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own login at its embedded broker.
 *
 * The name, "gw-" and 32 hexadecimal digits, is made once for a data folder and
 * stands in <data>/identity/gateway-name (mode 0600): nobody can guess it, and
 * the sessions that the broker keeps stay the gateway's. The password is new at
 * each start and nowhere but in memory; whoever lets clients in gets its hash
 * (broker_rules.h). */
#ifndef GATEWAY_MQTT_BROKER_LOGIN_H
#define GATEWAY_MQTT_BROKER_LOGIN_H

#include "gateway/base/base.h"
#include "gateway/identity/account.h"
#include "gateway/mqtt/mqtt_login.h"

struct broker_login {
    struct mqtt_login mqtt;
    char hash[ACCOUNT_HASH_MAX]; /* of the password */
};

/* Reads the name, or makes one. A name that cannot be read or kept is no reason
 * not to sell: this start has another, which the log says, and which takes the
 * sessions over. ERR_IO if the library cannot hash. Waits for the disk. */
err_t broker_login_make(const struct platform *platform, const char *data,
                        struct broker_login *ret,
                        struct reason *reason) MUST_USE;
/* Nothing of it stays in memory. */
void broker_login_forget(struct broker_login *login);

#endif
