/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "bridge/partition.h"

static void write_authority(struct endpoint *endpoint) {
    char port[8] = "";
    if (endpoint->port != 443) {
        snprintf(port, sizeof port, ":%u", endpoint->port);
    }
    bool six = strchr(endpoint->host, ':') != NULL;
    snprintf(endpoint->authority, sizeof endpoint->authority, "%s%.253s%s%s",
             six ? "[" : "", endpoint->host, six ? "]" : "", port);
}

err_t endpoint_parse(const char *url, struct endpoint *ret,
                     struct reason *reason) {
    struct config_address address;
    if (config_url_read(slice_from_str(url), &address) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "cannot use endpoint \"%.80s\"; expected "
                          "https://host[:port], an IPv6 address in brackets",
                          url);
    }
    struct endpoint found = {.port = address.port};
    memcpy(found.host, address.host, sizeof found.host);
    write_authority(&found);
    *ret = found;
    return ERR_OK;
}

/* What asked for the service by its address, and who; NULL: nobody. */
static const char *asked_for(const struct config_cloud *cloud,
                             const char *service, const char *variable,
                             const char **ret_by) {
    const char *own = strcmp(service, "kinesis") == 0
                          ? cloud->endpoint_kinesis
                          : cloud->endpoint_eventbridge;
    const char *ignored = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    bool ignore = ignored != NULL && strcasecmp(ignored, "true") == 0;
    const struct {
        const char *by, *url;
    } places[] = {
        {"cloud.endpoints", own},
        {"cloud.endpoint", cloud->endpoint},
        {variable, ignore ? NULL : getenv(variable)},
        {"AWS_ENDPOINT_URL", ignore ? NULL : getenv("AWS_ENDPOINT_URL")},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i].url != NULL && places[i].url[0] != '\0') {
            *ret_by = places[i].by;
            return places[i].url;
        }
    }
    return NULL;
}

/* Who asks for FIPS must not be left without it because of a spelling. */
static err_t read_switch(const char *name, bool *ret, struct reason *reason) {
    const char *value = getenv(name);
    bool yes = value != NULL && strcasecmp(value, "true") == 0;
    if (!yes && value != NULL && value[0] != '\0' &&
        strcasecmp(value, "false") != 0) {
        return reason_set(reason, ERR_CONFIG,
                          "%s: found \"%.40s\"; expected true or false", name,
                          value);
    }
    *ret = yes;
    return ERR_OK;
}

static const char fips[] = "AWS_USE_FIPS_ENDPOINT";
static const char dual_stack[] = "AWS_USE_DUALSTACK_ENDPOINT";

/* The same is an error to AWS's own tools. */
static err_t check_variant(struct partition_variant variant, const char *by,
                           struct reason *reason) {
    if (!variant.fips && !variant.dual_stack) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_CONFIG,
                      "%s is true and %s names an endpoint: only one of them "
                      "can be; write the address that is meant into the "
                      "latter and unset the former",
                      variant.fips ? fips : dual_stack, by);
}

static err_t find(const struct config_cloud *cloud, const char *service,
                  const char *variable, struct endpoint *ret,
                  struct reason *reason) {
    const char *by = NULL;
    const char *asked = asked_for(cloud, service, variable, &by);
    struct partition_variant variant;
    TRY(read_switch(fips, &variant.fips, reason));
    TRY(read_switch(dual_stack, &variant.dual_stack, reason));
    if (asked != NULL) {
        TRY(check_variant(variant, by, reason));
        return endpoint_parse(asked, ret, reason);
    }
    if (cloud->region[0] == '\0') {
        return reason_set(reason, ERR_CONFIG,
                          "cloud.region is not set, and a stream has a sink: "
                          "set it, for example to eu-central-1");
    }
    struct endpoint found = {.port = 443};
    TRY(partition_host(service, cloud->region, variant, found.host, reason));
    write_authority(&found);
    *ret = found;
    return ERR_OK;
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
