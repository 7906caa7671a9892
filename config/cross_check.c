/* SPDX-License-Identifier: Apache-2.0 */
/* Keys against each other, and words that are probably mistaken. A check says
 * nothing where a value it needs was refused already. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "config/loader.h"
#include "config/region.h"

enum { SEGMENTS_MIN = 4 }; /* of a journal at its capacity */
enum { SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

/* --- Streams -------------------------------------------------------------- */

static void check_stream_name(struct loader *loader, uint32_t index) {
    /* Topics, and folders in the data directory. */
    static const char *const reserved[] = {"receipts", "notices", "status",
                                           "events",   "gateway", "broker",
                                           "identity", "pki",     "dead"};
    const char *name = loader->config.streams[index].name;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcmp(name, reserved[i]) == 0) {
            loader_fault(loader,
                         loader_spot(&loader->streams[index], "streams[].name"),
                         "found the stream name %s, which the gateway uses "
                         "itself; expected another",
                         name);
        }
    }
}

/* An event too large for the bus would block its key forever, and in the end
 * the stream. */
static void check_event_bytes(struct loader *loader,
                              const struct config_stream *stream) {
    if (stream->sink != CONFIG_SINK_EVENTBRIDGE ||
        stream->request == CONFIG_REQUEST_1MIB ||
        loader->config.event_bytes_max <= CONFIG_EVENTBRIDGE_BYTES_MAX) {
        return;
    }
    struct spot spot = loader_spot(&loader->found, "event_bytes_max");
    loader_fault(loader, spot,
                 "found %s and stream %s with the sink eventbridge; expected "
                 "event_bytes_max: at most %d KiB, as EventBridge takes no "
                 "more, or request: 1MiB there",
                 yaml_found(spot.node).text, stream->name,
                 CONFIG_EVENTBRIDGE_BYTES_MAX / 1024);
}

static void check_sink(struct loader *loader, uint32_t index) {
    struct config_stream *stream = &loader->config.streams[index];
    const struct found *found = &loader->streams[index];
    struct spot sink = loader_spot(found, "streams[].sink");
    bool bus = loader_spot(found, "streams[].sink.eventbridge").node != NULL;
    bool kinesis = loader_spot(found, "streams[].sink.kinesis").node != NULL;
    if (sink.node == NULL || loader_is_bad(found, "streams[].sink")) {
        return;
    }
    if (bus && kinesis) {
        loader_fault(loader, sink,
                     "found two sinks for stream %s; expected eventbridge or "
                     "kinesis",
                     stream->name);
        return;
    }
    if (!bus && !kinesis) {
        loader_fault(loader, sink,
                     "found no sink; expected {eventbridge: {bus: NAME}} or "
                     "{kinesis: {stream: NAME}}");
        return;
    }
    stream->sink = bus ? CONFIG_SINK_EVENTBRIDGE : CONFIG_SINK_KINESIS;
    check_event_bytes(loader, stream);
    cross_check_kinesis(loader, index);
}

/* Orders are never dropped: the till was told that its order was accepted. */
static void check_full(struct loader *loader, uint32_t index) {
    const struct config_stream *stream = &loader->config.streams[index];
    if (!stream->shop || stream->when_full == CONFIG_FULL_REJECT) {
        return;
    }
    loader_fault(loader,
                 loader_spot(&loader->streams[index], "streams[].when_full"),
                 "found when_full: drop_oldest on stream %s, which runs the "
                 "shop; expected reject",
                 stream->name);
}

/* Who asked for more before there was a limit gets no limit below that. */
static void check_keep(struct loader *loader, uint32_t index) {
    struct config_stream *stream = &loader->config.streams[index];
    const struct found *found = &loader->streams[index];
    if (stream->keep_max_ms == 0 ||
        stream->keep_for_ms <= stream->keep_max_ms ||
        loader_is_bad(found, "streams[].keep_max") ||
        loader_is_bad(found, "streams[].keep_for")) {
        return;
    }
    struct spot spot = loader_spot(found, "streams[].keep_max");
    if (spot.node == NULL) {
        stream->keep_max_ms = stream->keep_for_ms;
        return;
    }
    loader_fault(loader, spot,
                 "found a keep_max that is shorter than keep_for on stream "
                 "%s; expected one as long or longer, or 0 for no limit",
                 stream->name);
}

/* With fewer segments none could be dropped while one is being written and the
 * next one is prepared. */
static void check_capacity(struct loader *loader, uint32_t index) {
    const struct config_stream *stream = &loader->config.streams[index];
    const struct found *found = &loader->streams[index];
    const uint64_t mib = 1024 * 1024;
    assert(stream->segment_bytes > 0);
    if (stream->capacity >= SEGMENTS_MIN * stream->segment_bytes ||
        loader_is_bad(found, "streams[].capacity") ||
        loader_is_bad(found, "streams[].segment")) {
        return;
    }
    struct spot spot = loader_spot(found, "streams[].capacity");
    if (spot.node == NULL) {
        spot = loader_spot(found, "streams[].segment");
    }
    loader_fault(
        loader, spot,
        "found a capacity of %llu MiB and segments of %llu MiB on stream %s; "
        "expected capacity: %llu MiB or more (%d segments), or a smaller "
        "segment",
        (unsigned long long)(stream->capacity / mib),
        (unsigned long long)(stream->segment_bytes / mib), stream->name,
        (unsigned long long)(SEGMENTS_MIN * stream->segment_bytes / mib),
        SEGMENTS_MIN);
}

static void check_shops(struct loader *loader) {
    const struct config *config = &loader->config;
    const char *shop = NULL;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (config->streams[i].shop && shop != NULL) {
            loader_fault(
                loader, loader_spot(&loader->streams[i], "streams[].shop"),
                "found a second stream with shop: true; expected one, which "
                "is %s",
                shop);
        }
        shop = config->streams[i].shop ? config->streams[i].name : shop;
    }
}

static void check_streams(struct loader *loader) {
    if (loader_spot(&loader->found, "streams").node == NULL) {
        return;
    }
    for (uint32_t i = 0; i < loader->config.stream_count; i++) {
        check_stream_name(loader, i);
        check_sink(loader, i);
        check_full(loader, i);
        check_capacity(loader, i);
        check_keep(loader, i);
    }
    check_shops(loader);
}

/* --- The other sections --------------------------------------------------- */

static bool same_port(const struct config *config, uint32_t *ret) {
    const struct config_address *console = &config->console;
    const struct config_broker *broker = &config->broker;
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        if (cross_check_same_port(console, &broker->listeners[i].address)) {
            *ret = i;
            return config->console_enabled &&
                   broker->mode == CONFIG_BROKER_EMBEDDED;
        }
    }
    return false;
}

/* The store sells without the page, so an address that it must not listen on
 * is a warning. The broker's port is an error: whoever opened it first would
 * keep it from the other, and that might be the page. */
static void check_console(struct loader *loader) {
    const struct config *config = &loader->config;
    struct spot spot = loader_spot(&loader->found, "console.listen");
    if (loader_is_bad(&loader->found, "console.listen") ||
        loader_is_bad(&loader->found, "broker.listen")) {
        return;
    }
    if (config->console_enabled &&
        !config_host_is_loopback(config->console.host)) {
        loader_warn(loader, spot,
                    "found %s; the page stays closed, since this version has "
                    "no token to protect it from other machines: write "
                    "127.0.0.1:%u for console.listen",
                    yaml_found(spot.node).text, config->console.port);
    }
    uint32_t i;
    if (same_port(config, &i)) {
        struct spot other =
            loader_has_listeners(loader)
                ? loader_spot(&loader->listeners[i], "broker.listen[].address")
                : loader_spot(&loader->found, "broker.listen");
        loader_fault(loader, spot.node != NULL ? spot : other,
                     "found port %u for broker.listen and console.listen; "
                     "expected two different ports",
                     config->console.port);
    }
}

/* Sets the default socket path, and checks the limit of sockaddr_un(7). Past it
 * the store sells without a control socket. */
static void check_control_socket(struct loader *loader) {
    struct config *config = &loader->config;
    struct spot spot = loader_spot(&loader->found, "control_socket");
    size_t len = strlen(config->control_socket);
    if (spot.node == NULL) {
        spot = loader_spot(&loader->found, "data");
        int printed =
            snprintf(config->control_socket, sizeof config->control_socket,
                     "%s/control.sock", config->data);
        len = (size_t)printed;
    }
    if (len > SOCKET_PATH_MAX) {
        loader_warn(loader, spot,
                    "found a control socket path of %zu bytes; expected at "
                    "most %d: set a shorter control_socket, without one no "
                    "command reaches the gateway",
                    len, SOCKET_PATH_MAX);
    }
}

static void check_cloud(struct loader *loader) {
    /* PutEvents refuses a Source that begins like this (Amazon EventBridge API
     * reference, PutEventsRequestEntry). */
    const char *prefix = loader->config.cloud.source_prefix;
    struct spot spot = loader_spot(&loader->found, "cloud.source_prefix");
    if (strncmp(prefix, "aws.", strlen("aws.")) == 0 ||
        strcmp(prefix, "aws") == 0) {
        loader_fault(loader, spot,
                     "found %s; expected a source_prefix that does not begin "
                     "with aws., which Amazon reserves",
                     yaml_found(spot.node).text);
    }
    const char *brace = strpbrk(prefix, "{}");
    if (brace != NULL &&
        (!slice_starts_with(slice_from_str(brace), CONFIG_STORE_PLACE) ||
         strpbrk(brace + strlen(CONFIG_STORE_PLACE), "{}") != NULL)) {
        loader_fault(loader, spot,
                     "found %s; expected braces only as " CONFIG_STORE_PLACE
                     ", once, for the store's name",
                     yaml_found(spot.node).text);
    }
}

/* A key that the chosen source does not read is a mistake, and so is a source
 * without what it needs. */
static void check_credentials(struct loader *loader) {
    static const struct {
        const char *path;
        enum config_credentials_source source;
        bool needed;
    } keys[] = {
        {"cloud.credentials.profile", CONFIG_CREDENTIALS_PROFILE, false},
        {"cloud.credentials.command", CONFIG_CREDENTIALS_PROCESS, true},
        {"cloud.credentials.iot", CONFIG_CREDENTIALS_IOT, true},
    };
    static const char *const words[] = {"profile", "process", "iot"};
    enum config_credentials_source source =
        loader->config.cloud.credentials.source;
    struct spot chosen =
        loader_spot(&loader->found, "cloud.credentials.source");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct spot spot = loader_spot(&loader->found, keys[i].path);
        bool by_default = source == CONFIG_CREDENTIALS_DEFAULT &&
                          keys[i].source == CONFIG_CREDENTIALS_PROFILE;
        if (spot.node != NULL && source != keys[i].source && !by_default) {
            loader_fault(loader, spot,
                         "found %s; expected it only with "
                         "cloud.credentials.source: %s",
                         keys[i].path, words[i]);
        }
        if (spot.node == NULL && source == keys[i].source && keys[i].needed) {
            loader_fault(loader, chosen,
                         "found source: %s and no %s; expected both", words[i],
                         keys[i].path);
        }
    }
}

/* The environment's proxy has its login in its own URL. */
static void check_proxy(struct loader *loader) {
    const struct config_cloud *cloud = &loader->config.cloud;
    struct spot login = loader_spot(&loader->found, "cloud.proxy_login_file");
    bool has_proxy =
        cloud->proxy[0] != '\0' && strcmp(cloud->proxy, CONFIG_PROXY_NONE) != 0;
    if (login.node != NULL && !has_proxy &&
        !loader_is_bad(&loader->found, "cloud.proxy")) {
        loader_fault(loader, login,
                     "found cloud.proxy_login_file and no cloud.proxy; "
                     "expected both");
    }
}

/* A region that opens tomorrow is not in the list, so this is a warning. With
 * an endpoint of its own, the region is only a word in the signature. */
static void check_region(struct loader *loader) {
    const struct config_cloud *cloud = &loader->config.cloud;
    struct spot spot = loader_spot(&loader->found, "cloud.region");
    bool own = cloud->endpoint[0] != '\0' ||
               cloud->endpoint_eventbridge[0] != '\0' ||
               cloud->endpoint_kinesis[0] != '\0';
    if (cloud->region[0] != '\0' && spot.node != NULL && !own &&
        !region_is_known(cloud->region)) {
        loader_warn(loader, spot,
                    "found %s, a region of AWS that this version does not "
                    "know; expected one such as %s",
                    yaml_found(spot.node).text, region_nearest(cloud->region));
    }
}

/* The variables of AWS's tools, where no file names a region. What is no region
 * counts as not set. */
static void take_region(struct loader *loader) {
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    const struct config_key *key = config_key_find("cloud.region");
    bool found = loader_spot(&loader->found, "cloud.region").node != NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) {
        const char *value = getenv(names[i]);
        found = value != NULL && config_value_read(key, slice_from_str(value),
                                                   &loader->config) == ERR_OK;
    }
}

void cross_check(struct loader *loader) {
    take_region(loader);
    cross_check_broker(loader);
    check_streams(loader);
    check_cloud(loader);
    check_credentials(loader);
    check_proxy(loader);
    check_console(loader);
    check_control_socket(loader);
    check_region(loader);
}
