/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/endpoint.h"

#include <stdio.h>
#include <stdlib.h>

static err_t refuse(struct reason *reason, const char *url, const char *what) {
    return reason_set(reason, ERR_CONFIG,
                      "endpoint \"%s\": %s; expected https://host[:port]", url,
                      what);
}

/* A host is letters, digits, '-' and '.', or an address in brackets; whatever
 * else stands there (a user, a path) is not ours to guess. */
static bool is_host(struct slice host, bool bracketed) {
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
                  (bracketed && c == ':');
        if (!ok) {
            return false;
        }
    }
    return host.len > 0;
}

static err_t read_port(struct slice text, uint16_t *ret) {
    uint32_t port = 0;
    ENSURE(text.len > 0 && text.len <= 5, ERR_PARSE);
    for (size_t i = 0; i < text.len; i++) {
        ENSURE(text.data[i] >= '0' && text.data[i] <= '9', ERR_PARSE);
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    ENSURE(port > 0 && port <= UINT16_MAX, ERR_RANGE);
    *ret = (uint16_t)port;
    return ERR_OK;
}

/* Splits "host", "host:port", "[address]" and "[address]:port". */
static err_t split(struct slice authority, bool *ret_bracketed,
                   struct slice *ret_host, uint16_t *ret_port) {
    bool bracketed = slice_starts_with(authority, "[");
    size_t from = bracketed ? 1 : 0;
    size_t end = from;
    while (end < authority.len &&
           authority.data[end] != (bracketed ? ']' : ':')) {
        end++;
    }
    ENSURE(!bracketed || end < authority.len, ERR_PARSE);
    *ret_bracketed = bracketed;
    *ret_host = slice_part(authority, from, end - from);
    size_t at = end + (bracketed ? 1 : 0);
    if (at == authority.len) {
        *ret_port = 443;
        return ERR_OK;
    }
    ENSURE(authority.data[at] == ':', ERR_PARSE);
    return read_port(slice_part(authority, at + 1, authority.len - at - 1),
                     ret_port);
}

static void write_authority(struct endpoint *endpoint, bool bracketed) {
    char port[8] = "";
    if (endpoint->port != 443) {
        snprintf(port, sizeof port, ":%u", endpoint->port);
    }
    snprintf(endpoint->authority, sizeof endpoint->authority,
             bracketed ? "[%.255s]%s" : "%.255s%s", endpoint->host, port);
}

err_t endpoint_parse(const char *url, struct endpoint *ret,
                     struct reason *reason) {
    static const char scheme[] = "https://";
    struct slice text = slice_from_str(url);
    if (!slice_starts_with(text, scheme)) {
        return refuse(reason, url, "only https is spoken");
    }
    size_t from = sizeof scheme - 1;
    struct slice authority = slice_part(text, from, text.len - from);
    if (authority.len > 0 && authority.data[authority.len - 1] == '/') {
        authority.len--;
    }
    struct endpoint found = {0};
    struct slice host;
    bool bracketed;
    if (split(authority, &bracketed, &host, &found.port) != ERR_OK ||
        !is_host(host, bracketed)) {
        return refuse(reason, url, "not a host and a port");
    }
    if (slice_to_str(host, found.host, sizeof found.host) != ERR_OK) {
        return refuse(reason, url, "the host is too long");
    }
    write_authority(&found, bracketed);
    *ret = found;
    return ERR_OK;
}

err_t endpoint_choose(const struct config_cloud *cloud, const char *service,
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
