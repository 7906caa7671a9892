/* SPDX-License-Identifier: Apache-2.0 */
/* Where a service is: at its default address for the region, or at a configured
 * one. Only https. */
#ifndef BRIDGE_ENDPOINT_H
#define BRIDGE_ENDPOINT_H

#include "bridge/proxy.h"
#include "config/config.h"
#include "gateway/base/base.h"

struct endpoint {
    char host[CONFIG_HOST_MAX]; /* a name or an address, without brackets */
    uint16_t port;
    char authority[CONFIG_HOST_MAX + 8]; /* the Host header: port unless 443 */
    struct proxy proxy;                  /* the way to it */
};

/* Reads "https://host[:port][/]", by the rules of config_url_read(): the
 * environment may give what the configuration may give. ERR_CONFIG. */
err_t endpoint_parse(const char *url, struct endpoint *ret,
                     struct reason *reason) MUST_USE;

/* The endpoint of a service ("events", "kinesis"): cloud.endpoints.SERVICE,
 * else cloud.endpoint, else the environment's `variable`
 * (AWS_ENDPOINT_URL_...), else AWS_ENDPOINT_URL (unless
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS), else AWS's own for the region, as
 * AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT say; and the way to it.
 * ERR_CONFIG. */
err_t endpoint_choose(const struct config_cloud *cloud, const char *service,
                      const char *variable, struct endpoint *ret,
                      struct reason *reason) MUST_USE;

#endif
