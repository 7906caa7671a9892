/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP proxy through which a service is reached, by CONNECT: the one of the
 * configuration, else the one that the environment names, else none. */
#ifndef BRIDGE_PROXY_H
#define BRIDGE_PROXY_H

#include "config/config.h"
#include "gateway/base/base.h"

enum { PROXY_LOGIN_MAX = 512, PROXY_AUTHORIZATION_MAX = 704 };

struct proxy {
    char host[CONFIG_HOST_MAX]; /* a name or an address; empty: none */
    uint16_t port;
    char authority[CONFIG_HOST_MAX + 8]; /* "host:port", for people */
    const char *from; /* the key or the variable that names it */
    char authorization[PROXY_AUTHORIZATION_MAX]; /* "Basic ..."; empty without
                                                    a login; a secret */
};

/* The way to `host`: cloud.proxy ("none" for straight; NO_PROXY is not asked),
 * else https_proxy or HTTPS_PROXY, unless no_proxy or NO_PROXY has the host. Of
 * two spellings the lower case wins, even if it is empty. ERR_CONFIG; no login
 * is ever in the words. It reads a file. */
err_t proxy_choose(const struct config_cloud *cloud, const char *host,
                   uint16_t port, struct proxy *ret,
                   struct reason *reason) MUST_USE;

#endif
