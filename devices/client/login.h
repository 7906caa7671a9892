/* SPDX-License-Identifier: Apache-2.0 */
/* A device's credentials on a connection of libmosquitto, and what went wrong
 * with them in words. */
#ifndef DEVICES_CLIENT_LOGIN_H
#define DEVICES_CLIENT_LOGIN_H

#include <mosquitto.h>

#include "devices/client/credentials.h"

enum { LOGIN_WORDS_SIZE = 400 };

/* A connection for this client id, or NULL: no memory, or an id that MQTT does
 * not allow. (Given such an id mosquitto_new() of 2.0.11 closes descriptor 0,
 * whatever that is by then.) */
struct mosquitto *login_new(const char *client_id, bool clean, void *self);

/* Before connecting. MOSQ_ERR_SUCCESS or libmosquitto's error. */
int login_apply(struct mosquitto *mosq, const struct credentials *credentials);

/* Are there bytes that TLS has decrypted and nobody has read? poll() does not
 * know of them. */
bool login_has_more(struct mosquitto *mosq);

/* Why a connection failed before the broker let the device in: `why` is
 * libmosquitto's error in words, `said` what it logged first, or "". Call it
 * before the connection is destroyed. */
void login_explain(struct mosquitto *mosq,
                   const struct credentials *credentials, const char *why,
                   const char *said, char ret[LOGIN_WORDS_SIZE]);

#endif
