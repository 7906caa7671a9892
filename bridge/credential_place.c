/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* An URL's parts. */
struct parts {
    bool tls;
    struct slice host; /* without brackets */
    bool bracketed;
    uint16_t port;
    struct slice path; /* may be empty */
};

static err_t read_port(struct slice digits, uint16_t *ret) {
    uint32_t port = 0;
    ENSURE(digits.len > 0 && digits.len <= 5, ERR_PARSE);
    for (size_t i = 0; i < digits.len; i++) {
        ENSURE(digits.data[i] >= '0' && digits.data[i] <= '9', ERR_PARSE);
        port = port * 10 + (digits.data[i] - (uint32_t)'0');
    }
    ENSURE(port > 0 && port <= UINT16_MAX, ERR_PARSE);
    *ret = (uint16_t)port;
    return ERR_OK;
}

static size_t find(struct slice text, char c) {
    size_t at = 0;
    while (at < text.len && text.data[at] != (uint8_t)c) {
        at++;
    }
    return at;
}

static struct slice from(struct slice text, size_t at) {
    return slice_part(text, at, text.len - at);
}

static err_t split_host(struct slice authority, struct parts *ret) {
    struct slice rest;
    ret->bracketed = slice_starts_with(authority, "[");
    if (ret->bracketed) {
        size_t end = find(authority, ']');
        ENSURE(end < authority.len, ERR_PARSE);
        ret->host = slice_part(authority, 1, end - 1);
        rest = from(authority, end + 1);
    } else {
        size_t end = find(authority, ':');
        ret->host = slice_part(authority, 0, end);
        rest = from(authority, end);
    }
    ENSURE(ret->host.len > 0 && find(ret->host, '@') == ret->host.len,
           ERR_PARSE);
    if (rest.len == 0) {
        return ERR_OK;
    }
    ENSURE(rest.data[0] == ':', ERR_PARSE);
    return read_port(from(rest, 1), &ret->port);
}

/* Only what may stand in a request line: no blank, no control character. */
static err_t split(struct slice url, struct parts *ret) {
    for (size_t i = 0; i < url.len; i++) {
        ENSURE(url.data[i] > ' ' && url.data[i] <= '~' && url.data[i] != '#',
               ERR_PARSE);
    }
    ret->tls = slice_starts_with(url, "https://");
    ENSURE(ret->tls || slice_starts_with(url, "http://"), ERR_PARSE);
    ret->port = ret->tls ? HTTPS_PORT : HTTP_PORT;
    struct slice rest = from(url, strlen(ret->tls ? "https://" : "http://"));
    size_t slash = find(rest, '/');
    ret->path = from(rest, slash);
    return split_host(slice_part(rest, 0, slash), ret);
}

/* --- without TLS -------------------------------------------------------- */

static void add_v4(struct credential_place *place, struct in_addr address) {
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = htons(place->where.port),
        .sin_addr = address,
    };
    memcpy(&place->addresses[place->address_count++], &in, sizeof in);
}

static void add_v6(struct credential_place *place,
                   const struct in6_addr *address) {
    struct sockaddr_in6 in = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(place->where.port),
        .sin6_addr = *address,
    };
    memcpy(&place->addresses[place->address_count++], &in, sizeof in);
}

static bool is_near_v4(struct in_addr address) {
    uint32_t bits = ntohl(address.s_addr);
    return bits >> 24 == 127 || bits >> 16 == 0xa9fe; /* 169.254 */
}

static bool is_near_v6(const struct in6_addr *address) {
    static const uint8_t amazon[] = {0xfd, 0x00, 0x0e, 0xc2};
    return IN6_IS_ADDR_LOOPBACK(address) ||
           memcmp(address->s6_addr, amazon, sizeof amazon) == 0;
}

static err_t find_near(const struct parts *parts,
                       struct credential_place *place) {
    struct in_addr v4 = {htonl(INADDR_LOOPBACK)};
    struct in6_addr v6 = in6addr_loopback;
    if (slice_eq_str(parts->host, "localhost")) {
        add_v4(place, v4);
        add_v6(place, &v6);
        return ERR_OK;
    }
    if (parts->bracketed) {
        ENSURE(inet_pton(AF_INET6, place->where.host, &v6) == 1, ERR_PARSE);
        ENSURE(is_near_v6(&v6), ERR_REFUSED);
        add_v6(place, &v6);
        return ERR_OK;
    }
    ENSURE(inet_pton(AF_INET, place->where.host, &v4) == 1 && is_near_v4(v4),
           ERR_REFUSED);
    add_v4(place, v4);
    return ERR_OK;
}

static err_t read_near(const struct parts *parts,
                       struct credential_place *place) {
    char port[8] = "";
    place->where.port = parts->port;
    TRY(slice_to_str(parts->host, place->where.host, sizeof place->where.host));
    if (parts->port != HTTP_PORT) {
        snprintf(port, sizeof port, ":%u", parts->port);
    }
    snprintf(place->where.authority, sizeof place->where.authority,
             "%s%.200s%s%s", parts->bracketed ? "[" : "", place->where.host,
             parts->bracketed ? "]" : "", port);
    return find_near(parts, place);
}

/* --- both --------------------------------------------------------------- */

static err_t read_far(const struct parts *parts, struct credential_place *place,
                      struct reason *reason) {
    char url[CONFIG_HOST_MAX + 32];
    ENSURE(parts->host.len < CONFIG_HOST_MAX, ERR_PARSE);
    snprintf(url, sizeof url, "https://%s%.*s%s:%u",
             parts->bracketed ? "[" : "", SLICE_ARG(parts->host),
             parts->bracketed ? "]" : "", parts->port);
    return endpoint_parse(url, &place->where, reason);
}

err_t credential_place_read(const char *url, struct credential_place *ret,
                            struct reason *reason) {
    struct parts parts = {.tls = false};
    struct credential_place place = {.path = "/"};
    err_t err = split(slice_from_str(url), &parts);
    if (err == ERR_OK && parts.path.len > 0) {
        err = slice_to_str(parts.path, place.path, sizeof place.path);
    }
    place.tls = parts.tls;
    if (err == ERR_OK) {
        err = parts.tls ? read_far(&parts, &place, reason)
                        : read_near(&parts, &place);
    }
    if (err == ERR_REFUSED) {
        return reason_set(reason, ERR_CONFIG,
                          "credentials are not asked for at \"%.80s\": "
                          "without TLS only of this machine (localhost, "
                          "127.0.0.1, [::1]) and of AWS's link-local addresses",
                          url);
    }
    if (err != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "cannot use \"%.80s\"; expected http://host[:port]"
                          "/path of this machine, or https://host[:port]/path",
                          url);
    }
    *ret = place;
    return ERR_OK;
}
