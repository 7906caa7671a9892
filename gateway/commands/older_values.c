/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/older_values.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <sys/un.h>

enum {
    KINESIS_NAME_MAX = 128,
    SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

struct check {
    const char *path;
    FILE *out;
    uint32_t count;
};

static void refuse(struct check *check, const char *key, const char *value,
                   const char *instead) {
    fprintf(check->out,
            "%s: 0.1.0 does not take %s \"%s\": write %s before going back\n",
            check->path, key, value, instead);
    check->count++;
}

static bool is_name(const char *text) {
    static const char chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return text[strspn(text, chars)] == '\0';
}

/* It verified certificates for names alone. */
static bool is_named(const char *url) {
    static const char scheme[] = "https://";
    assert(strncmp(url, scheme, strlen(scheme)) == 0);
    const char *host = url + strlen(scheme);
    char text[CONFIG_HOST_MAX];
    struct in_addr address;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(host, ":/"), host);
    return host[0] != '[' && inet_aton(text, &address) == 0;
}

static void check_stream(struct check *check,
                         const struct config_stream *stream) {
    if (stream->sink == CONFIG_SINK_KINESIS &&
        (!is_name(stream->sink_name) ||
         strlen(stream->sink_name) > KINESIS_NAME_MAX)) {
        refuse(check, "streams.sink.kinesis.stream", stream->sink_name,
               "its name alone");
    }
}

static void check_cloud(struct check *check, const struct config *config,
                        bool has_region) {
    bool sink = false;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        sink |= config->streams[i].sink != CONFIG_SINK_NONE;
        check_stream(check, &config->streams[i]);
    }
    if (sink && !has_region) {
        fprintf(check->out,
                "%s: found no cloud.region: 0.1.0 takes none from the "
                "environment: write it before going back\n",
                check->path);
        check->count++;
    }
    if (config->cloud.endpoint[0] != '\0' &&
        !is_named(config->cloud.endpoint)) {
        refuse(check, "cloud.endpoint", config->cloud.endpoint,
               "a name, for which its certificate is verified,");
    }
    if (!is_name(config->cloud.source_prefix)) {
        refuse(check, "cloud.source_prefix", config->cloud.source_prefix,
               "one of A-Za-z0-9._-");
    }
}

uint32_t older_values_check(const struct config *config, const char *path,
                            bool has_region, FILE *out) {
    assert(config->stream_count > 0);
    struct check check = {.path = path, .out = out};
    check_cloud(&check, config, has_region);
    /* This version goes on without them, and says so. */
    if (!config_host_is_loopback(config->console.host)) {
        refuse(&check, "console.listen", config->console.host,
               "a loopback address");
    }
    if (strlen(config->control_socket) > SOCKET_PATH_MAX) {
        refuse(&check, "control_socket", config->control_socket,
               "one of at most 107 bytes");
    }
    return check.count;
}
