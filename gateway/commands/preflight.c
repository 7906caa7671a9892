/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/preflight.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "bridge/credential_plan.h"
#include "bridge/way.h"
#include "gateway/commands/preflight_broker.h"
#include "gateway/console/listener.h"
#include "gateway/journal/owner.h"
#include "gateway/journal/segment.h"
#include "gateway/shop/money.h"

struct look {
    const struct config *config;
    const struct config_sources *sources;
    struct config_findings *findings;
    enum preflight_for what;
    bool gateway_runs; /* its control socket answers */
};

#define ADD(look, level, key, ...)                             \
    config_find((look)->sources, (look)->findings, level, key, \
                CONFIG_NO_STREAM, __VA_ARGS__)

/* The folder that a file's name is in. */
static void parent_of(const char *path, char ret[CONFIG_PATH_MAX]) {
    snprintf(ret, CONFIG_PATH_MAX, "%s", path);
    size_t len = strlen(ret);
    while (len > 1 && ret[len - 1] == '/') {
        ret[--len] = '\0';
    }
    char *slash = strrchr(ret, '/');
    if (slash == NULL) {
        strcpy(ret, ".");
    } else {
        slash[slash == ret ? 1 : 0] = '\0';
    }
}

/* --- Folders and files ---------------------------------------------------- */

static bool folder_is_usable(const char *path, struct reason *why) {
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        (void)disk_failed(why, ERR_IO, "write in", path);
        return false;
    }
    if (access(path, W_OK | X_OK) != 0) {
        (void)disk_failed(why, ERR_IO, "write in", path);
        return false;
    }
    return true;
}

/* A start creates the folder itself, but not what it is in. */
static void check_data(const struct look *look) {
    const char *data = look->config->data;
    struct stat status;
    struct reason why;
    char parent[CONFIG_PATH_MAX];
    if (stat(data, &status) == 0) {
        if (!folder_is_usable(data, &why)) {
            ADD(look, CONFIG_ERROR, "data",
                "%s; expected a folder that user %u may write in", why.text,
                (unsigned)geteuid());
        }
        return;
    }
    parent_of(data, parent);
    if (errno == ENOENT && folder_is_usable(parent, &why)) {
        return;
    }
    if (errno == ENOENT && access(parent, F_OK) == 0) {
        errno = EACCES;
    }
    (void)disk_failed(&why, ERR_IO, "create the folder", data);
    ADD(look, CONFIG_ERROR, "data",
        "%s; create its parent so that user %u may write in it, or set `data` "
        "to another folder",
        why.text, (unsigned)geteuid());
}

/* Whoever renames a store whose journal has its old name gives it a folder of
 * its own. What cannot be read is said by who opens it. */
static void check_owner(const struct look *look) {
    const struct platform platform = platform_real();
    for (uint32_t i = 0; i < look->config->stream_count; i++) {
        char dir[SEGMENT_DIR_MAX + 1];
        int len = snprintf(dir, sizeof dir, "%s/%s", look->config->data,
                           look->config->streams[i].name);
        const struct journal_options options = {
            .platform = &platform,
            .dir = dir,
            .store = look->config->store,
            .stream = look->config->streams[i].name,
        };
        struct reason why;
        if (len < (int)sizeof dir &&
            owner_look(&options, &why) == ERR_REFUSED) {
            ADD(look, CONFIG_ERROR, "store", "%s", why.text);
        }
    }
}

static void check_free_space(const struct look *look) {
    char path[CONFIG_PATH_MAX];
    struct statvfs status;
    snprintf(path, sizeof path, "%s", look->config->data);
    if (statvfs(path, &status) != 0) {
        parent_of(look->config->data, path);
        if (statvfs(path, &status) != 0) {
            return; /* check_data() has said so */
        }
    }
    uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    if (free_bytes < look->config->free_floor) {
        ADD(look, CONFIG_WARNING, "free_floor",
            "found %" PRIu64 " MiB free on the disk of %s, fewer than the "
            "%" PRIu64 " MiB to leave free; expected more: nothing is "
            "accepted until there is room",
            free_bytes >> 20, look->config->data,
            look->config->free_floor >> 20);
    }
}

/* --- The control socket and the ports ------------------------------------- */

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

static bool answers(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (slice_to_str(slice_from_str(path), address.sun_path,
                     sizeof address.sun_path) != ERR_OK) {
        return false;
    }
    CLEANUP(close_fd)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 && (connect(fd, (const struct sockaddr *)&address,
                               sizeof address) == 0 ||
                       errno == EAGAIN);
}

/* The store sells without it. */
static void check_control_socket(const struct look *look) {
    const char *path = look->config->control_socket;
    struct stat status;
    struct reason why;
    char parent[CONFIG_PATH_MAX];
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
        ADD(look, CONFIG_WARNING, "control_socket",
            "found %s, which is not a socket; move it away or set another "
            "control_socket: without one no command reaches the gateway",
            path);
        return;
    }
    parent_of(path, parent);
    if (strcmp(parent, look->config->data) != 0 &&
        !folder_is_usable(parent, &why)) {
        ADD(look, CONFIG_WARNING, "control_socket",
            "%s; expected a folder that user %u may write in: without one no "
            "command reaches the gateway",
            why.text, (unsigned)geteuid());
    }
}

/* A running gateway holds its own ports. One that is taken may be free again
 * when the gateway starts; until then it tries again. */
static void check_ports(const struct look *look) {
    const struct config *config = look->config;
    struct reason why;
    if (look->gateway_runs) {
        return;
    }
    preflight_broker_ports(config, look->sources, look->findings);
    uint16_t port = config->console.port;
    CLEANUP(close_fd) int fd = -1;
    if (config->console_enabled &&
        config_host_is_loopback(config->console.host) && /* else it is said */
        listener_open_tcp(&config->console, &fd, &port, &why) != ERR_OK) {
        ADD(look, CONFIG_WARNING, "console.listen", "%s", why.text);
    }
}

/* --- The cloud and the shop ------------------------------------------------
 */

/* The file that systemd's unit reads them from, and only root can. */
static bool unit_has_credentials(const struct look *look,
                                 char ret[CONFIG_PATH_MAX + 32]) {
    const char *file = look->sources->files[0];
    const char *slash = strrchr(file, '/');
    const char *name = slash == NULL ? file : slash + 1;
    const char *dot = strrchr(name, '.');
    int name_len = dot == NULL ? (int)strlen(name) : (int)(dot - name);
    bool only = strcmp(name, "shopme-edge.yaml") == 0;
    snprintf(ret, CONFIG_PATH_MAX + 32, "%.*s%.*s%scredentials.env",
             (int)(name - file), file, only ? 0 : name_len, name,
             only ? "" : ".");
    return access(ret, F_OK) == 0;
}

/* Who looks has another environment than a gateway that runs, or that the
 * service manager is going to start: then it is no error that `what` is not in
 * it. */
static void not_in_environment(const struct look *look, int stream,
                               const char *what, const struct reason *why) {
    char path[CONFIG_PATH_MAX + 32];
    bool check = look->what == PREFLIGHT_CHECK;
    bool by_unit = check && unit_has_credentials(look, path);
    if (by_unit) {
        config_find(look->sources, look->findings, CONFIG_WARNING,
                    "streams[].sink", stream,
                    "%s: none in this environment; the systemd unit reads "
                    "more from %s, which was not looked at",
                    what, path);
        return;
    }
    config_find(look->sources, look->findings,
                check && look->gateway_runs ? CONFIG_WARNING : CONFIG_ERROR,
                "streams[].sink", stream, "%s", why->text);
}

static uint32_t first_sink(const struct config *config) {
    uint32_t i = 0;
    while (i < config->stream_count &&
           config->streams[i].sink == CONFIG_SINK_NONE) {
        i++;
    }
    return i;
}

bool preflight_has_sink(const struct config *config) {
    return first_sink(config) < config->stream_count;
}

static const struct reason no_region = {
    "found a sink and no cloud.region; expected cloud: {region: ...}, such as "
    "eu-central-1, or AWS_REGION in the environment"};

static bool lacks_region(const struct config *config,
                         const struct config_sources *sources) {
    size_t key = (size_t)(config_key_find("cloud.region") - config_keys);
    return preflight_has_sink(config) && config->cloud.region[0] == '\0' &&
           !sources->keys[key].bad;
}

void preflight_region(const struct config *config,
                      const struct config_sources *sources,
                      struct config_findings *findings) {
    if (lacks_region(config, sources)) {
        config_find(sources, findings, CONFIG_WARNING, "streams[].sink",
                    (int)first_sink(config), "%s", no_region.text);
    }
}

/* How each stream's service is reached: a mistake in what several share is said
 * once. */
static void check_way(const struct look *look) {
    struct reason before = {""};
    if (look->config->cloud.region[0] == '\0') {
        return; /* said already */
    }
    for (uint32_t i = 0; i < look->config->stream_count; i++) {
        const struct config_stream *stream = &look->config->streams[i];
        char text[WAY_TEXT_MAX];
        struct reason why = {""};
        if (stream->sink != CONFIG_SINK_NONE &&
            way_describe(&look->config->cloud, stream, text, &why) != ERR_OK &&
            strcmp(why.text, before.text) != 0) {
            config_find(look->sources, look->findings, CONFIG_ERROR,
                        "streams[].sink", (int)i, "%s", why.text);
            before = why;
        }
    }
}

/* What may come right without a restart does not keep a store from selling. */
static void check_credentials(const struct look *look, int stream) {
    const struct platform platform = platform_real();
    struct reason why = {"there is not enough memory"};
    const struct credential_plan_options options =
        bridge_credential_options(&look->config->cloud, &platform);
    struct credential_plan *plan = credential_plan_new();
    err_t err =
        plan == NULL ? ERR_MEMORY : credential_plan_make(&options, plan, &why);
    if (err != ERR_OK && plan != NULL && credential_plan_may_recover(plan)) {
        config_find(look->sources, look->findings, CONFIG_WARNING,
                    "streams[].sink", stream,
                    "AWS credentials, source %s: %s; until then events wait",
                    credential_source_name(plan->source), why.text);
    } else if (err != ERR_OK) {
        not_in_environment(look, stream, "AWS credentials", &why);
    }
    credential_plan_free(plan);
}

/* Said once, at the first stream that is sent anywhere. */
static void check_cloud(const struct look *look) {
    const struct config *config = look->config;
    uint32_t i = first_sink(config);
    if (i == config->stream_count) {
        return;
    }
    struct reason why;
    if (lacks_region(config, look->sources)) {
        not_in_environment(look, (int)i, "cloud.region", &no_region);
    }
    check_credentials(look, (int)i);
    check_way(look);
    if (bridge_check_authorities(&config->cloud, &why) != ERR_OK) {
        ADD(look, CONFIG_ERROR, "cloud.ca_file", "%s", why.text);
    }
}

static void check_currency(const struct look *look) {
    const char *currency = look->config->currency;
    uint32_t decimals;
    if (money_decimals(slice_from_str(currency), &decimals) != ERR_OK) {
        ADD(look, CONFIG_WARNING, "shop.currency",
            "found %s, which is not a currency of ISO 4217; expected a code "
            "such as EUR, USD or JPY: orders that name no currency are "
            "refused",
            currency);
    }
}

void preflight(const struct config *config,
               const struct config_sources *sources, enum preflight_for what,
               struct config_findings *findings) {
    const struct look look = {
        .config = config,
        .sources = sources,
        .findings = findings,
        .what = what,
        .gateway_runs = answers(config->control_socket),
    };
    check_data(&look);
    check_owner(&look);
    preflight_broker(config, sources, what == PREFLIGHT_CHECK, findings);
    check_cloud(&look);
    check_currency(&look);
    if (what == PREFLIGHT_CHECK) {
        check_control_socket(&look);
        check_free_space(&look);
        check_ports(&look);
    }
}

static void print_level(const struct config_findings *findings,
                        enum config_level level, FILE *out) {
    bool warning = level == CONFIG_WARNING;
    for (uint32_t i = 0; i < findings->count; i++) {
        if (findings->items[i].level == level) {
            fprintf(out, "%s%s%s\n", log_prefix(warning ? LOG_WARN : LOG_ERROR),
                    warning ? "warning: " : "", findings->items[i].what.text);
        }
    }
}

/* Why a start failed is last, where a person looks for it. */
void preflight_print(const struct config_findings *findings, FILE *out) {
    print_level(findings, CONFIG_WARNING, out);
    print_level(findings, CONFIG_ERROR, out);
    if (findings->left_off > 0) {
        fprintf(out, "%s... and %u more\n", log_prefix(LOG_ERROR),
                findings->left_off);
    }
}
