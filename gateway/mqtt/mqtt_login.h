/* SPDX-License-Identifier: Apache-2.0 */
/* How the gateway's connections log in at a broker. In memory only. */
#ifndef GATEWAY_MQTT_MQTT_LOGIN_H
#define GATEWAY_MQTT_MQTT_LOGIN_H

enum { MQTT_USER_MAX = 65, MQTT_PASSWORD_MAX = 257 };

struct mqtt_login {
    char user[MQTT_USER_MAX];         /* "" = no name and no password */
    char password[MQTT_PASSWORD_MAX]; /* "" = none */
    void *tls; /* OpenSSL's SSL_CTX, ready for use; NULL = no TLS */
};

#endif
