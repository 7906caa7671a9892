/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/no_proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ENTRY_MAX = 300 };

struct address {
    int family; /* 0: it is a name */
    uint8_t bytes[16];
};

static struct address address_of(const char *text) {
    struct address address = {0};
    if (inet_pton(AF_INET, text, address.bytes) == 1) {
        address.family = AF_INET;
    } else if (inet_pton(AF_INET6, text, address.bytes) == 1) {
        address.family = AF_INET6;
    }
    return address;
}

static bool same_bits(const struct address *a, const struct address *b,
                      uint32_t bits) {
    uint32_t whole = bits / 8;
    uint32_t rest = bits % 8;
    return memcmp(a->bytes, b->bytes, whole) == 0 &&
           (rest == 0 ||
            ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0);
}

/* Digits only, up to `max`; UINT32_MAX if it is not that. */
static uint32_t number_of(const char *text, uint32_t max) {
    uint32_t value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len) {
        return UINT32_MAX;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    return value <= max ? value : UINT32_MAX;
}

/* "10.0.0.0/8"; `slash` is its slash, in a copy that may be cut. */
static bool is_in_network(char *entry, char *slash,
                          const struct address *host) {
    *slash = '\0';
    struct address network = address_of(entry);
    uint32_t most = network.family == AF_INET ? 32 : 128;
    uint32_t bits = number_of(slash + 1, most);
    return host->family != 0 && host->family == network.family &&
           bits != UINT32_MAX && same_bits(&network, host, bits);
}

static size_t len_without_dots_behind(const char *name) {
    size_t len = strlen(name);
    while (len > 0 && name[len - 1] == '.') {
        len--;
    }
    return len;
}

/* Is `host` the name `entry`, or below it? */
static bool is_below(const char *host, const char *entry) {
    entry += strspn(entry, ".");
    size_t host_len = len_without_dots_behind(host);
    size_t len = len_without_dots_behind(entry);
    if (len == 0 || len > host_len ||
        strncasecmp(host + host_len - len, entry, len) != 0) {
        return false;
    }
    return len == host_len || host[host_len - len - 1] == '.';
}

/* Cuts "HOST:PORT", "[IPV6]:PORT" and "[IPV6]" to the host; false if it is for
 * another port. An IPv6 address without brackets has no port. */
static bool cut_port(char *entry, uint16_t port) {
    char *colon = strrchr(entry, ':');
    size_t len = strlen(entry);
    char *bracket = entry[0] == '[' ? strchr(entry, ']') : NULL;
    bool bare_six =
        bracket == NULL && colon != NULL && strchr(entry, ':') != colon;
    if (colon != NULL && !bare_six && (bracket == NULL || colon > bracket)) {
        if (number_of(colon + 1, UINT16_MAX) != port) {
            return false;
        }
        *colon = '\0';
    }
    if (bracket != NULL) {
        *bracket = '\0';
        memmove(entry, entry + 1, len - 1);
    }
    return true;
}

static bool entry_has(char *entry, const char *host, uint16_t port) {
    struct address address = address_of(host);
    char *slash = strchr(entry, '/');
    if (slash != NULL) {
        return is_in_network(entry, slash, &address);
    }
    if (!cut_port(entry, port)) {
        return false;
    }
    if (address.family == 0) {
        return is_below(host, entry);
    }
    struct address named = address_of(entry);
    return named.family == address.family &&
           same_bits(&named, &address, address.family == AF_INET ? 32 : 128);
}

bool no_proxy_has(const char *list, const char *host, uint16_t port) {
    static const char between[] = ", \t\r\n";
    while (*list != '\0') {
        list += strspn(list, between);
        size_t len = strcspn(list, between);
        char entry[ENTRY_MAX];
        if (len > 0 && len < sizeof entry) {
            memcpy(entry, list, len);
            entry[len] = '\0';
            if (strcmp(entry, "*") == 0 || entry_has(entry, host, port)) {
                return true;
            }
        }
        list += len;
    }
    return false;
}
