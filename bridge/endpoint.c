/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/endpoint.h"

#include <stdio.h>
#include <stdlib.h>

static void write_authority(struct endpoint *endpoint) {
    char port[8] = "";
    if (endpoint->port != 443) {
        snprintf(port, sizeof port, ":%u", endpoint->port);
    }
    snprintf(endpoint->authority, sizeof endpoint->authority, "%.255s%s",
             endpoint->host, port);
}

err_t endpoint_parse(const char *url, struct endpoint *ret,
                     struct reason *reason) {
    struct config_address address;
    if (config_url_read(slice_from_str(url), &address) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "cannot use endpoint \"%.80s\"; expected "
                          "https://host[:port] with a host name: a "
                          "certificate is not verified for an IP address",
                          url);
    }
    struct endpoint found = {.port = address.port};
    memcpy(found.host, address.host, sizeof found.host);
    write_authority(&found);
    *ret = found;
    return ERR_OK;
}

static err_t find(const struct config_cloud *cloud, const char *service,
                  const char *variable, struct endpoint *ret,
                  struct reason *reason) {
    if (cloud->endpoint[0] != '\0') {
        return endpoint_parse(cloud->endpoint, ret, reason);
    }
    const char *asked = getenv(variable);
    if (asked == NULL || asked[0] == '\0') {
        asked = getenv("AWS_ENDPOINT_URL");
    }
    if (asked != NULL && asked[0] != '\0') {
        return endpoint_parse(asked, ret, reason);
    }
    if (cloud->region[0] == '\0') {
        return reason_set(reason, ERR_CONFIG,
                          "cloud.region is not set, and a stream has a sink: "
                          "set it, for example to eu-central-1");
    }
    char url[CONFIG_PATH_MAX];
    snprintf(url, sizeof url, "https://%s.%s.amazonaws.com%s", service,
             cloud->region, strncmp(cloud->region, "cn-", 3) == 0 ? ".cn" : "");
    return endpoint_parse(url, ret, reason);
}

err_t endpoint_choose(const struct config_cloud *cloud, const char *service,
                      const char *variable, struct endpoint *ret,
                      struct reason *reason) {
    struct endpoint found;
    TRY(find(cloud, service, variable, &found, reason));
    TRY(proxy_choose(cloud, found.host, found.port, &found.proxy, reason));
    *ret = found;
    return ERR_OK;
}
