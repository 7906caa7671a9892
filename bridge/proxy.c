/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "bridge/no_proxy.h"
#include "gateway/event/base64.h"

static const char form[] = "expected http://HOST:PORT or "
                           "http://USER:PASSWORD@HOST:PORT";

/* --- the login ---------------------------------------------------------- */

static uint32_t hex_of(char c) {
    return c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
           : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                  : UINT32_MAX;
}

/* Percent-decoded (RFC 3986 section 2.1); a stray percent sign is itself. */
static size_t decode(struct slice text, char *ret) {
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (c == '%' && text.len - i > 2) {
            uint32_t high = hex_of((char)text.data[i + 1]);
            uint32_t low = hex_of((char)text.data[i + 2]);
            if (high != UINT32_MAX && low != UINT32_MAX) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        ret[len++] = c;
    }
    return len;
}

/* "USER:PASSWORD" as the header wants it (RFC 7617). */
static void write_authorization(struct slice login, struct proxy *proxy) {
    struct writer writer =
        writer_over(proxy->authorization, sizeof proxy->authorization - 1);
    writer_str(&writer, "Basic ");
    event_base64_write(&writer, login);
    assert(!writer.full && login.len <= PROXY_LOGIN_MAX);
    proxy->authorization[writer.len] = '\0';
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static err_t read_login(const char *path, struct proxy *proxy,
                        struct reason *reason) {
    struct stat status;
    char line[PROXY_LOGIN_MAX + 2] = "";
    CLEANUP(close_file) FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        return reason_set(reason, ERR_CONFIG,
                          "cloud.proxy_login_file: cannot read %s: %s", path,
                          strerror(errno));
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return reason_set(reason, ERR_CONFIG,
                          "cloud.proxy_login_file: other users can read %s: "
                          "chmod 600 %s",
                          path, path);
    }
    setbuf(file, NULL); /* or it would stay in memory that is freed */
    bool ok = fgets(line, sizeof line, file) != NULL;
    size_t len = strcspn(line, "\r\n");
    ok = ok && len <= PROXY_LOGIN_MAX && memchr(line, ':', len) != NULL;
    if (ok) {
        write_authorization(slice_of(line, len), proxy);
    }
    explicit_bzero(line, sizeof line);
    return ok ? ERR_OK
              : reason_set(reason, ERR_CONFIG,
                           "cloud.proxy_login_file: expected USER:PASSWORD of "
                           "at most %d bytes in the first line of %s",
                           PROXY_LOGIN_MAX, path);
}

/* --- where it is -------------------------------------------------------- */

static err_t set_address(struct slice url, struct proxy *proxy) {
    struct config_address address;
    TRY(config_proxy_read(url, &address));
    bool six = strchr(address.host, ':') != NULL;
    memcpy(proxy->host, address.host, sizeof proxy->host);
    proxy->port = address.port;
    snprintf(proxy->authority, sizeof proxy->authority, "%s%.255s%s:%u",
             six ? "[" : "", address.host, six ? "]" : "", address.port);
    return ERR_OK;
}

static err_t from_configuration(const struct config_cloud *cloud,
                                struct proxy *ret, struct reason *reason) {
    struct proxy found = {.from = "cloud.proxy"};
    if (strcmp(cloud->proxy, CONFIG_PROXY_NONE) == 0) {
        *ret = found;
        return ERR_OK;
    }
    if (set_address(slice_from_str(cloud->proxy), &found) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG, "cloud.proxy: %s", form);
    }
    if (cloud->proxy_login_file[0] != '\0') {
        TRY(read_login(cloud->proxy_login_file, &found, reason));
    }
    *ret = found;
    explicit_bzero(&found, sizeof found);
    return ERR_OK;
}

static err_t refuse(const char *name, const char *why, struct reason *reason) {
    return reason_set(reason, ERR_CONFIG, "%s: %s; %s", name, why, form);
}

/* What stands before the last '@'. */
static err_t take_login(struct slice *rest, struct proxy *proxy) {
    size_t end = rest->len;
    while (end > 0 && rest->data[end - 1] != '@') {
        end--;
    }
    if (end == 0) {
        return ERR_OK;
    }
    struct slice login = slice_part(*rest, 0, end - 1);
    *rest = slice_part(*rest, end, rest->len - end);
    char decoded[PROXY_LOGIN_MAX + 1];
    ENSURE(login.len < sizeof decoded, ERR_RANGE);
    size_t len = decode(login, decoded);
    if (memchr(decoded, ':', len) == NULL && len < sizeof decoded) {
        decoded[len++] = ':'; /* a user without a password */
    }
    bool fits = len <= PROXY_LOGIN_MAX;
    if (fits) {
        write_authorization(slice_of(decoded, len), proxy);
    }
    explicit_bzero(decoded, sizeof decoded);
    return fits ? ERR_OK : ERR_RANGE;
}

/* A variable without a scheme means http, as curl and botocore read it. The
 * port must be there: without one, curl takes 1080 and botocore 80. */
static err_t from_variable(const char *name, const char *value,
                           struct proxy *ret, struct reason *reason) {
    static const char http[] = "http://";
    struct proxy found = {.from = name};
    const char *scheme_end = strstr(value, "://");
    if (scheme_end != NULL && strncasecmp(value, http, strlen(http)) != 0) {
        return refuse(name,
                      "it is no http:// proxy (https:// and SOCKS ones "
                      "are not spoken)",
                      reason);
    }
    struct slice rest =
        slice_from_str(scheme_end != NULL ? scheme_end + 3 : value);
    if (take_login(&rest, &found) != ERR_OK) {
        return refuse(name, "its user name and password are too long", reason);
    }
    char url[CONFIG_PROXY_MAX];
    int len = snprintf(url, sizeof url, "%s%.*s", http, (int)rest.len,
                       (const char *)rest.data);
    if (len >= (int)sizeof url ||
        set_address(slice_from_str(url), &found) != ERR_OK) {
        explicit_bzero(&found, sizeof found);
        return refuse(name, "it names no host and port", reason);
    }
    *ret = found;
    explicit_bzero(&found, sizeof found);
    return ERR_OK;
}

/* One variable in two spellings; NULL if neither is set. */
static const char *variable(const char *lower, const char *upper,
                            const char **ret_name) {
    const char *value = getenv(lower);
    *ret_name = value != NULL ? lower : upper;
    return value != NULL ? value : getenv(upper);
}

err_t proxy_choose(const struct config_cloud *cloud, const char *host,
                   uint16_t port, struct proxy *ret, struct reason *reason) {
    if (cloud->proxy[0] != '\0') {
        return from_configuration(cloud, ret, reason);
    }
    *ret = (struct proxy){.from = ""};
    const char *name;
    const char *value = variable("https_proxy", "HTTPS_PROXY", &name);
    if (value == NULL || value[0] == '\0') {
        return ERR_OK;
    }
    const char *ignored;
    const char *list = variable("no_proxy", "NO_PROXY", &ignored);
    if (list != NULL && no_proxy_has(list, host, port)) {
        return ERR_OK;
    }
    return from_variable(name, value, ret, reason);
}
