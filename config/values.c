/* SPDX-License-Identifier: Apache-2.0 */
/* Scalar values: from the text in the file to the struct, and back. */
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "config/schema.h"

enum { KIB = 1024, HTTPS_PORT = 443 };

#define NAME_CHARS "A-Za-z0-9._-"

struct unit {
    const char *name;
    uint64_t of; /* how many of the smallest unit it is */
};

static const struct unit size_units[] = {
    {"TiB", (uint64_t)KIB *KIB *KIB *KIB},
    {"GiB", (uint64_t)KIB *KIB *KIB},
    {"MiB", (uint64_t)KIB *KIB},
    {"KiB", KIB},
    {"B", 1},
    {NULL, 1},
};

static const struct unit duration_units[] = {
    {"d", 24 * 60 * 60 * 1000},
    {"h", 60 * 60 * 1000},
    {"min", 60 * 1000},
    {"ms", 1},
    {"s", 1000},
    {NULL, 1},
};

/* `chars` holds single characters and ranges; a '-' at the end is itself. */
static bool in_set(uint8_t c, const char *chars) {
    for (const char *p = chars; *p != '\0'; p++) {
        if (p[1] == '-' && p[2] != '\0') {
            if (c >= (uint8_t)p[0] && c <= (uint8_t)p[2]) {
                return true;
            }
            p += 2;
        } else if (c == (uint8_t)*p) {
            return true;
        }
    }
    return false;
}

static bool all_in_set(struct slice text, const char *chars) {
    for (size_t i = 0; i < text.len; i++) {
        if (!in_set(text.data[i], chars)) {
            return false;
        }
    }
    return text.len > 0;
}

/* Digits only and no leading zero: YAML 1.1 would read 010 as eight. */
static err_t read_uint(struct slice text, uint64_t max, uint64_t *ret) {
    ENSURE(all_in_set(text, "0-9"), ERR_RANGE);
    ENSURE(text.len == 1 || text.data[0] != '0', ERR_RANGE);
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        ENSURE(value <= (UINT64_MAX - digit) / 10, ERR_RANGE);
        value = value * 10 + digit;
    }
    ENSURE(value <= max, ERR_RANGE);
    *ret = value;
    return ERR_OK;
}

static bool ends_with(struct slice text, const char *end) {
    size_t len = strlen(end);
    return text.len > len &&
           slice_eq_str(slice_part(text, text.len - len, len), end);
}

/* "262144", "256KiB" or "256 KiB". `bare`: a number without a unit is accepted.
 */
static err_t read_with_unit(struct slice text, const struct unit *units,
                            bool bare, uint64_t *ret) {
    while (units->name != NULL && !ends_with(text, units->name)) {
        units++;
    }
    if (units->name != NULL) {
        text = slice_part(text, 0, text.len - strlen(units->name));
        if (text.data[text.len - 1] == ' ') {
            text = slice_part(text, 0, text.len - 1);
        }
    }
    uint64_t count;
    TRY(read_uint(text, UINT64_MAX / units->of, &count));
    ENSURE(units->name != NULL || bare || count == 0, ERR_RANGE);
    *ret = count * units->of;
    return ERR_OK;
}

static err_t check_host(const char *host, bool bracketed) {
    struct in6_addr address;
    if (bracketed) {
        ENSURE(inet_pton(AF_INET6, host, &address) == 1, ERR_RANGE);
        return ERR_OK;
    }
    ENSURE(all_in_set(slice_from_str(host), NAME_CHARS), ERR_RANGE);
    return ERR_OK;
}

static err_t read_address(struct slice text, uint64_t port_min,
                          struct config_address *ret) {
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    ENSURE(colon >= 2, ERR_RANGE);
    struct slice host = slice_part(text, 0, colon - 1);
    bool bracketed =
        host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    if (bracketed) {
        host = slice_part(host, 1, host.len - 2);
    }
    struct config_address address;
    memset(&address, 0, sizeof address);
    uint64_t port;
    TRY(read_uint(slice_part(text, colon, text.len - colon), UINT16_MAX,
                  &port));
    ENSURE(port >= port_min, ERR_RANGE);
    ENSURE(slice_to_str(host, address.host, sizeof address.host) == ERR_OK,
           ERR_RANGE);
    TRY(check_host(address.host, bracketed));
    address.port = (uint16_t)port;
    memcpy(ret, &address, sizeof *ret);
    return ERR_OK;
}

/* A host by its name; whatever inet_aton(3) reads is an address. */
static err_t check_name(const char *host) {
    struct in_addr address;
    ENSURE(all_in_set(slice_from_str(host), NAME_CHARS), ERR_RANGE);
    ENSURE(inet_aton(host, &address) == 0, ERR_RANGE);
    return ERR_OK;
}

_Static_assert(CONFIG_NAME_MAX <= CONFIG_HOST_MAX, "a host holds a name");

/* A name, an IPv4 address, or an IPv6 one in brackets, which are taken off. */
static err_t read_host(struct slice text, char ret[CONFIG_HOST_MAX]) {
    struct in_addr four;
    bool bracketed =
        text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']';
    if (bracketed) {
        text = slice_part(text, 1, text.len - 2);
    }
    ENSURE(slice_to_str(text, ret, CONFIG_HOST_MAX) == ERR_OK, ERR_RANGE);
    if (bracketed) {
        return check_host(ret, true);
    }
    return inet_pton(AF_INET, ret, &four) == 1 ? ERR_OK : check_name(ret);
}

/* Where the port's colon is, or the end. */
static size_t find_port(struct slice text) {
    size_t at = 0;
    bool in_brackets = false;
    while (at < text.len && (in_brackets || text.data[at] != ':')) {
        in_brackets =
            text.data[at] == '[' || (in_brackets && text.data[at] != ']');
        at++;
    }
    return at;
}

err_t config_url_read(struct slice text, struct config_address *ret) {
    static const char scheme[] = "https://";
    ENSURE(slice_starts_with(text, scheme), ERR_RANGE);
    size_t from = strlen(scheme);
    struct slice rest = slice_part(text, from, text.len - from);
    if (rest.len > 0 && rest.data[rest.len - 1] == '/') {
        rest = slice_part(rest, 0, rest.len - 1);
    }
    size_t end = find_port(rest);
    struct config_address found;
    memset(&found, 0, sizeof found);
    uint64_t port = HTTPS_PORT;
    if (end < rest.len) {
        struct slice digits = slice_part(rest, end + 1, rest.len - end - 1);
        TRY(read_uint(digits, UINT16_MAX, &port));
    }
    ENSURE(port > 0, ERR_RANGE);
    TRY(read_host(slice_part(rest, 0, end), found.host));
    found.port = (uint16_t)port;
    memcpy(ret, &found, sizeof *ret);
    return ERR_OK;
}

err_t config_proxy_read(struct slice text, struct config_address *ret) {
    static const char scheme[] = "http://";
    ENSURE(slice_starts_with(text, scheme), ERR_RANGE);
    size_t from = strlen(scheme);
    struct slice rest = slice_part(text, from, text.len - from);
    if (rest.len > 0 && rest.data[rest.len - 1] == '/') {
        rest = slice_part(rest, 0, rest.len - 1);
    }
    return read_address(rest, 1, ret);
}

static err_t check_proxy(struct slice text) {
    struct config_address ignored;
    return slice_eq_str(text, CONFIG_PROXY_NONE)
               ? ERR_OK
               : config_proxy_read(text, &ignored);
}

static err_t check_url(struct slice text) {
    struct config_address ignored;
    return config_url_read(text, &ignored);
}

/* A relative name would mean another file for each folder that a command is
 * started in: the service would begin an empty journal. */
static err_t check_path(struct slice text) {
    ENSURE(slice_starts_with(text, "/") && slice_is_utf8(text), ERR_RANGE);
    for (size_t i = 0; i < text.len; i++) {
        ENSURE(text.data[i] >= 0x20 && text.data[i] != 0x7f, ERR_RANGE);
    }
    return ERR_OK;
}

static err_t read_word(const struct config_key *key, struct slice text,
                       unsigned *ret) {
    for (unsigned i = 0; i < CONFIG_WORDS_MAX && key->words[i] != NULL; i++) {
        if (slice_eq_str(text, key->words[i])) {
            *ret = i;
            return ERR_OK;
        }
    }
    return ERR_RANGE;
}

static err_t read_text(const struct config_key *key, struct slice text,
                       char *place) {
    ENSURE(slice_to_str(text, place, key->size) == ERR_OK, ERR_RANGE);
    return ERR_OK;
}

static err_t read_number(const struct config_key *key, struct slice text,
                         void *place) {
    uint64_t value;
    if (key->kind == CONFIG_SIZE) {
        TRY(read_with_unit(text, size_units, true, &value));
    } else if (key->kind == CONFIG_DURATION) {
        TRY(read_with_unit(text, duration_units, false, &value));
    } else {
        TRY(read_uint(text, UINT64_MAX, &value));
    }
    ENSURE(value >= key->min && value <= key->max, ERR_RANGE);
    if (key->size == sizeof value) {
        memcpy(place, &value, sizeof value);
        return ERR_OK;
    }
    assert(key->size == sizeof(uint32_t) && key->max <= UINT32_MAX);
    uint32_t small = (uint32_t)value;
    memcpy(place, &small, sizeof small);
    return ERR_OK;
}

static uint64_t number_at(const struct config_key *key, const void *place) {
    uint64_t value;
    uint32_t small;
    if (key->size == sizeof value) {
        memcpy(&value, place, sizeof value);
        return value;
    }
    assert(key->size == sizeof small);
    memcpy(&small, place, sizeof small);
    return small;
}

/* One address alone: devices there are anonymous. */
static err_t read_listen(struct slice text, uint64_t port_min,
                         struct config *config) {
    struct config_listener listener;
    memset(&listener, 0, sizeof listener);
    listener.anonymous = true;
    listener.connections = CONFIG_CONNECTIONS;
    TRY(read_address(text, port_min, &listener.address));
    memset(config->broker.listeners, 0, sizeof config->broker.listeners);
    memcpy(&config->broker.listeners[0], &listener, sizeof listener);
    config->broker.listener_count = 1;
    return ERR_OK;
}

static err_t read_bool(struct slice text, bool *place) {
    bool yes = slice_eq_str(text, "true");
    ENSURE(yes || slice_eq_str(text, "false"), ERR_RANGE);
    *place = yes;
    return ERR_OK;
}

err_t config_value_read(const struct config_key *key, struct slice text,
                        void *base) {
    assert(key->offset + key->size <= sizeof(struct config));
    void *place = (uint8_t *)base + key->offset;
    switch (key->kind) {
    case CONFIG_NAME:
        ENSURE(text.len >= key->min && text.len <= key->max, ERR_RANGE);
        ENSURE(all_in_set(text, key->chars), ERR_RANGE);
        return read_text(key, text, place);
    case CONFIG_PATH:
        TRY(check_path(text));
        return read_text(key, text, place);
    case CONFIG_URL:
        TRY(check_url(text));
        return read_text(key, text, place);
    case CONFIG_PROXY:
        TRY(check_proxy(text));
        return read_text(key, text, place);
    case CONFIG_ADDRESS:
        return read_address(text, key->min, place);
    case CONFIG_LISTEN:
        return read_listen(text, key->min, base);
    case CONFIG_UINT:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        return read_number(key, text, place);
    case CONFIG_BOOL:
        return read_bool(text, place);
    case CONFIG_ENUM:
        assert(key->size == sizeof(unsigned));
        return read_word(key, text, place);
    case CONFIG_SECTION:
    case CONFIG_LIST:
        break;
    }
    assert(false && "a section has no value");
    return ERR_RANGE;
}

/* A double-quoted YAML scalar in ASCII: other characters are written as \U and
 * the code point, since YAML reads some of them as line breaks. */
static void write_quoted(struct writer *writer, const char *text) {
    writer_str(writer, "\"");
    for (const uint8_t *p = (const uint8_t *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            writer_u8(writer, '\\');
            writer_u8(writer, *p);
        } else if (*p < 0x80) {
            writer_u8(writer, *p);
        } else {
            int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
            uint32_t code = *p & (0x3fu >> more);
            for (; more > 0; more--) {
                p++;
                code = code << 6 | (*p & 0x3fu);
            }
            writer_printf(writer, "\\U%08x", code);
        }
    }
    writer_str(writer, "\"");
}

static void write_with_unit(struct writer *writer, const struct unit *units,
                            uint64_t value) {
    if (value == 0) {
        writer_str(writer, "0");
        return;
    }
    const struct unit *largest = NULL;
    for (; units->name != NULL; units++) {
        if (value % units->of == 0 &&
            (largest == NULL || units->of > largest->of)) {
            largest = units;
        }
    }
    assert(largest != NULL); /* each list ends with one of size 1 */
    writer_printf(writer, "%llu %s", (unsigned long long)(value / largest->of),
                  largest->name);
}

static const struct unit *units_of(const struct config_key *key) {
    return key->kind == CONFIG_SIZE ? size_units : duration_units;
}

static void write_address(struct writer *writer,
                          const struct config_address *address) {
    bool six = strchr(address->host, ':') != NULL;
    writer_printf(writer, six ? "\"[%s]:%u\"" : "\"%s:%u\"", address->host,
                  address->port);
}

bool config_listen_is_plain(const struct config_broker *broker) {
    const struct config_listener *first = &broker->listeners[0];
    return broker->listener_count == 1 && first->anonymous && !first->tls &&
           !first->certificates && first->connections == CONFIG_CONNECTIONS;
}

/* What is as without a word is left out. */
void config_listener_write(const struct config_listener *listener,
                           struct writer *writer) {
    writer_str(writer, "{address: ");
    write_address(writer, &listener->address);
    writer_str(writer, listener->anonymous ? ", anonymous: true" : "");
    writer_str(writer, listener->tls ? ", tls: true" : "");
    writer_str(writer, listener->certificates ? ", certificates: true" : "");
    writer_printf(writer, ", connections: %u}", listener->connections);
}

static void write_listen(struct writer *writer,
                         const struct config_broker *broker) {
    if (config_listen_is_plain(broker)) {
        write_address(writer, &broker->listeners[0].address);
        return;
    }
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        writer_str(writer, i == 0 ? "[" : ", ");
        config_listener_write(&broker->listeners[i], writer);
    }
    writer_str(writer, "]");
}

bool config_value_is_empty(const struct config_key *key, const void *base) {
    const char *place = (const char *)base + key->offset;
    return place[0] == '\0' &&
           (key->kind == CONFIG_NAME || key->kind == CONFIG_PATH ||
            key->kind == CONFIG_URL || key->kind == CONFIG_PROXY ||
            key->kind == CONFIG_ADDRESS);
}

void config_value_write(const struct config_key *key, const void *base,
                        struct writer *writer) {
    const void *place = (const uint8_t *)base + key->offset;
    unsigned number;
    switch (key->kind) {
    case CONFIG_NAME:
    case CONFIG_PATH:
    case CONFIG_URL:
    case CONFIG_PROXY:
        write_quoted(writer, place);
        return;
    case CONFIG_ADDRESS:
        write_address(writer, place);
        return;
    case CONFIG_LISTEN:
        write_listen(writer, &((const struct config *)base)->broker);
        return;
    case CONFIG_UINT:
        writer_printf(writer, "%llu",
                      (unsigned long long)number_at(key, place));
        return;
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        write_with_unit(writer, units_of(key), number_at(key, place));
        return;
    case CONFIG_BOOL:
        writer_str(writer, *(const bool *)place ? "true" : "false");
        return;
    case CONFIG_ENUM:
        memcpy(&number, place, sizeof number);
        writer_str(writer, key->words[number]);
        return;
    case CONFIG_SECTION:
    case CONFIG_LIST:
        break;
    }
    assert(false && "a section has no value");
}

static void expected_name(const struct config_key *key, struct writer *writer) {
    if (key->min == key->max) {
        writer_printf(writer, "%llu", (unsigned long long)key->min);
    } else {
        writer_printf(writer, "%llu to %llu", (unsigned long long)key->min,
                      (unsigned long long)key->max);
    }
    writer_printf(writer, " characters of %s", key->chars);
}

void config_value_expected(const struct config_key *key,
                           struct writer *writer) {
    switch (key->kind) {
    case CONFIG_SECTION:
        writer_str(writer, "a mapping of keys");
        return;
    case CONFIG_LIST:
        writer_printf(writer, "a list of 1 to %d streams", CONFIG_STREAMS_MAX);
        return;
    case CONFIG_NAME:
        expected_name(key, writer);
        return;
    case CONFIG_PATH:
        writer_printf(writer, "a file name that begins with /, up to %d bytes",
                      CONFIG_PATH_MAX - 1);
        return;
    case CONFIG_URL:
        writer_str(writer, "https://HOST or https://HOST:PORT, HOST being a "
                           "name, an IPv4 address or an IPv6 one in brackets");
        return;
    case CONFIG_PROXY:
        writer_str(writer, "http://HOST:PORT or none; a user name and "
                           "password go into cloud.proxy_login_file");
        return;
    case CONFIG_ADDRESS:
        writer_printf(
            writer, "HOST:PORT or [IPV6]:PORT with a port from %llu to %llu",
            (unsigned long long)key->min, (unsigned long long)key->max);
        return;
    case CONFIG_LISTEN:
        writer_printf(writer,
                      "HOST:PORT or [IPV6]:PORT with a port from %llu to "
                      "%llu, or a list of 1 to %d listeners",
                      (unsigned long long)key->min,
                      (unsigned long long)key->max, CONFIG_LISTENERS_MAX);
        return;
    case CONFIG_UINT:
        writer_printf(writer, "a whole number from %llu to %llu",
                      (unsigned long long)key->min,
                      (unsigned long long)key->max);
        return;
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        writer_str(writer, key->kind == CONFIG_SIZE
                               ? "a size from "
                               : "a duration with its unit (ms, s, min, h, d) "
                                 "from ");
        write_with_unit(writer, units_of(key), key->min);
        writer_str(writer, " to ");
        write_with_unit(writer, units_of(key), key->max);
        return;
    case CONFIG_BOOL:
        writer_str(writer, "true or false");
        return;
    case CONFIG_ENUM:
        for (size_t i = 0; i < CONFIG_WORDS_MAX && key->words[i] != NULL; i++) {
            bool last = i + 1 == CONFIG_WORDS_MAX || key->words[i + 1] == NULL;
            writer_str(writer, i == 0 ? "" : last ? " or " : ", ");
            writer_str(writer, key->words[i]);
        }
        return;
    }
}

bool config_host_is_loopback(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) {
        return (ntohl(four.s_addr) >> 24) == 127;
    }
    if (inet_pton(AF_INET6, host, &six) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&six);
    }
    return strcmp(host, "localhost") == 0;
}

/* Does any listener have this member set? */
#define ANY_LISTENER(broker, member)                          \
    bool found = false;                                       \
    for (uint32_t i = 0; i < (broker)->listener_count; i++) { \
        found |= (broker)->listeners[i].member;               \
    }                                                         \
    return found

bool config_broker_has_tls(const struct config_broker *broker) {
    ANY_LISTENER(broker, tls);
}

bool config_broker_has_certificates(const struct config_broker *broker) {
    ANY_LISTENER(broker, certificates);
}

bool config_broker_is_anonymous(const struct config_broker *broker) {
    ANY_LISTENER(broker, anonymous);
}
