/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that is about `broker`. */
#ifndef CONFIG_BROKER_H
#define CONFIG_BROKER_H

#include "gateway/base/base.h"

enum {
    CONFIG_NAME_MAX = 64,
    CONFIG_PATH_MAX = 1024,
    CONFIG_HOST_MAX = 256,
    CONFIG_LISTENERS_MAX = 8,
    CONFIG_CONNECTIONS = 1000, /* of a listener, unless it says another */
};

struct config_address {
    char host[CONFIG_HOST_MAX]; /* name or address, no brackets */
    uint16_t port;              /* 0 = any free one (listening only) */
};

enum config_broker_mode {
    CONFIG_BROKER_EMBEDDED, /* Mosquitto as our child */
    CONFIG_BROKER_EXTERNAL, /* the site's own, at `address` */
};

/* An address at which devices connect, and how they say who they are: by user
 * name and password, unless it is `anonymous` or for `certificates`. */
struct config_listener {
    struct config_address address;
    bool anonymous;       /* who has no user name is let in; loopback only */
    bool tls;             /* TLS 1.2 or 1.3 */
    bool certificates;    /* a device shows one of tls.ca_file's; with TLS */
    uint32_t connections; /* at most, at one time */
};

enum config_crl_expired {
    CONFIG_CRL_IGNORE, /* what it revokes stays revoked; the gateway says so */
    CONFIG_CRL_REFUSE, /* nobody is let in by certificate */
};

/* The files of the broker's TLS, of embedded mode. */
struct config_broker_tls {
    char cert_file[CONFIG_PATH_MAX]; /* default <data>/pki/server.pem */
    char key_file[CONFIG_PATH_MAX];  /* default <data>/pki/server.key */
    char ca_file[CONFIG_PATH_MAX];   /* default <data>/pki/ca.pem */
    char crl_file[CONFIG_PATH_MAX];  /* default <data>/pki/crl.pem */
    enum config_crl_expired crl_expired;
};

/* How the gateway reaches the site's broker by TLS, in external mode. */
struct config_client_tls {
    char ca_file[CONFIG_PATH_MAX];   /* empty = no TLS */
    char cert_file[CONFIG_PATH_MAX]; /* the gateway's own; or empty, both */
    char key_file[CONFIG_PATH_MAX];
};

struct config_broker {
    enum config_broker_mode mode; /* default embedded */
    /* embedded; `listen` is one address or a list. Default 127.0.0.1:1883,
     * anonymous. */
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    uint32_t listener_count;
    struct config_broker_tls tls;
    uint64_t silent_after_ms;      /* embedded; 0 = a device may be silent */
    char program[CONFIG_PATH_MAX]; /* default /usr/sbin/mosquitto */
    struct config_address address; /* external */
    char user[CONFIG_NAME_MAX];    /* external; empty = none */
    char password_file[CONFIG_PATH_MAX]; /* external; empty = none */
    struct config_client_tls client_tls; /* external */
};

/* Can only this machine reach this host (a name or an address, no brackets)?
 * 127.0.0.0/8, ::1 or localhost. */
bool config_host_is_loopback(const char *host);

/* Does a listener use TLS, is one for certificates, or does one admit devices
 * without a user name? */
bool config_broker_has_tls(const struct config_broker *broker);
bool config_broker_has_certificates(const struct config_broker *broker);
bool config_broker_is_anonymous(const struct config_broker *broker);

#endif
