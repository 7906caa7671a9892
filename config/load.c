/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: walk the document against the schema, fill in the defaults, then
 * check keys against each other. */
#include "config/config.h"

#include <assert.h>
#include <stdio.h>
#include <sys/un.h>

#include "config/schema.h"
#include "config/yaml_file.h"

enum { SEGMENTS_MIN = 4 }; /* of a journal at its capacity */
enum { SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

/* Where each key of one scope (the file, or one stream) was found: its value,
 * or NULL. */
struct found {
    const yaml_node_t *keys[CONFIG_KEY_COUNT];
};

struct loader {
    struct yaml_file file;
    struct reason *reason;
    struct config config;
    struct found found;
    struct found streams[CONFIG_STREAMS_MAX];
};

/* The part of the document that is being read. */
struct scope {
    void *base; /* struct config or struct config_stream */
    struct found *found;
};

static const yaml_node_t *node_of(const struct found *found, const char *path) {
    const struct config_key *key = config_key_find(path);
    assert(key != NULL);
    return found->keys[key - config_keys];
}

/* The number of edits (insert, delete, replace) from one word to the other, for
 * words short enough for one row. */
static size_t distance(const char *a, struct slice b) {
    size_t row[CONFIG_KEY_PATH_MAX + 1];
    assert(b.len <= CONFIG_KEY_PATH_MAX);
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t replaced = corner + ((uint8_t)a[i] != b.data[j] ? 1 : 0);
            size_t shorter = row[j] < row[j + 1] ? row[j] : row[j + 1];
            corner = row[j + 1];
            row[j + 1] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[b.len];
}

/* Names the closest key of the section, else all of them. */
static void write_known(const char *prefix, struct slice name,
                        struct writer *writer) {
    const char *nearest = NULL;
    size_t best = name.len / 3 + 2;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *known;
        if (config_key_is_child(&config_keys[i], prefix, &known) &&
            name.len <= CONFIG_KEY_PATH_MAX && distance(known, name) < best) {
            best = distance(known, name);
            nearest = known;
        }
    }
    if (nearest != NULL) {
        writer_printf(writer, "%s, the closest known key", nearest);
        return;
    }
    const char *lead = "one of ";
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *known;
        if (config_key_is_child(&config_keys[i], prefix, &known)) {
            writer_printf(writer, "%s%s", lead, known);
            lead = ", ";
        }
    }
}

static err_t unknown_key(struct loader *loader, const yaml_node_t *node,
                         const char *prefix) {
    char text[200];
    struct writer known = writer_over(text, sizeof text - 1);
    write_known(prefix, yaml_scalar(node), &known);
    text[known.len] = '\0';
    return yaml_file_error(&loader->file, node, loader->reason,
                           "found the unknown key %s; expected %s",
                           yaml_found(node).text, text);
}

static err_t wrong_value(struct loader *loader, const struct config_key *key,
                         const yaml_node_t *node) {
    char text[120];
    struct writer expected = writer_over(text, sizeof text - 1);
    config_value_expected(key, &expected);
    text[expected.len] = '\0';
    return yaml_file_error(&loader->file, node, loader->reason,
                           "found %s; expected %s: %s", yaml_found(node).text,
                           key->path, text);
}

static err_t load_scalar(struct loader *loader, const struct config_key *key,
                         const yaml_node_t *node, void *base) {
    assert(key->kind != CONFIG_SECTION && key->kind != CONFIG_LIST);
    bool plain_only = key->kind == CONFIG_BOOL || key->kind == CONFIG_UINT;
    if (node->type != YAML_SCALAR_NODE || yaml_is_nothing(node) ||
        (plain_only && !yaml_is_plain(node)) ||
        config_value_read(key, yaml_scalar(node), base) != ERR_OK) {
        return wrong_value(loader, key, node);
    }
    return ERR_OK;
}

static err_t load_section(struct loader *loader, const yaml_node_t *node,
                          const char *prefix, struct scope scope);
static err_t load_streams(struct loader *loader, const struct config_key *key,
                          const yaml_node_t *node);

static err_t load_key(struct loader *loader, const struct config_key *key,
                      const yaml_node_t *node, struct scope scope) {
    scope.found->keys[key - config_keys] = node;
    if (key->kind == CONFIG_LIST) {
        return load_streams(loader, key, node);
    }
    if (key->kind != CONFIG_SECTION) {
        return load_scalar(loader, key, node, scope.base);
    }
    if (node->type != YAML_MAPPING_NODE) {
        return wrong_value(loader, key, node);
    }
    char prefix[CONFIG_KEY_PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s.", key->path);
    return load_section(loader, node, prefix, scope);
}

/* The row of a key in a section; NULL for one that is not known there. */
static const struct config_key *find_child(const char *prefix,
                                           struct slice name) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *known;
        if (config_key_is_child(&config_keys[i], prefix, &known) &&
            slice_eq_str(name, known)) {
            return &config_keys[i];
        }
    }
    return NULL;
}

static err_t check_required(struct loader *loader, const yaml_node_t *node,
                            const char *prefix, const struct found *found) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *name;
        if (config_keys[i].required && found->keys[i] == NULL &&
            config_key_is_child(&config_keys[i], prefix, &name)) {
            return yaml_file_error(
                &loader->file, node, loader->reason,
                "found no key %s; expected the required key %s: %s", name,
                config_keys[i].path, config_keys[i].help);
        }
    }
    return ERR_OK;
}

static err_t load_section(struct loader *loader, const yaml_node_t *node,
                          const char *prefix, struct scope scope) {
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_file_node(&loader->file, pair->key);
        if (name->type != YAML_SCALAR_NODE) {
            return yaml_file_error(&loader->file, name, loader->reason,
                                   "found %s as a key; expected a key's name",
                                   yaml_found(name).text);
        }
        const struct config_key *key = find_child(prefix, yaml_scalar(name));
        if (key == NULL) {
            return unknown_key(loader, name, prefix);
        }
        if (scope.found->keys[key - config_keys] != NULL) {
            return yaml_file_error(&loader->file, name, loader->reason,
                                   "found the key %s again; expected it once",
                                   yaml_found(name).text);
        }
        TRY(load_key(loader, key, yaml_file_node(&loader->file, pair->value),
                     scope));
    }
    return check_required(loader, node, prefix, scope.found);
}

static err_t load_streams(struct loader *loader, const struct config_key *key,
                          const yaml_node_t *node) {
    struct config *config = &loader->config;
    assert(key->kind == CONFIG_LIST && config->stream_count == 0);
    if (node->type != YAML_SEQUENCE_NODE ||
        node->data.sequence.items.start == node->data.sequence.items.top) {
        return wrong_value(loader, key, node);
    }
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_file_node(&loader->file, *item);
        if (config->stream_count == CONFIG_STREAMS_MAX) {
            return yaml_file_error(&loader->file, entry, loader->reason,
                                   "found one stream too many; expected at "
                                   "most %d",
                                   CONFIG_STREAMS_MAX);
        }
        if (entry->type != YAML_MAPPING_NODE) {
            return yaml_file_error(&loader->file, entry, loader->reason,
                                   "found %s; expected a stream, such as "
                                   "{name: orders, shop: true}",
                                   yaml_found(entry).text);
        }
        struct scope scope = {&config->streams[config->stream_count],
                              &loader->streams[config->stream_count]};
        TRY(load_section(loader, entry, "streams[].", scope));
        config->stream_count++;
    }
    return ERR_OK;
}

static void read_default(const struct config_key *key,
                         const struct found *found, void *base) {
    if (key->fallback == NULL || found->keys[key - config_keys] != NULL) {
        return;
    }
    err_t err = config_value_read(key, slice_from_str(key->fallback), base);
    assert(err == ERR_OK);
}

/* The two default streams, if there is no list. */
static void default_streams(struct config *config) {
    strcpy(config->streams[0].name, "orders");
    config->streams[0].shop = true;
    strcpy(config->streams[1].name, "telemetry");
    config->streams[1].when_full = CONFIG_FULL_DROP_OLDEST;
}

static void fill_defaults(struct loader *loader) {
    struct config *config = &loader->config;
    bool listed = config->stream_count > 0;
    config->stream_count = listed ? config->stream_count : 2;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (!config_key_in_stream(key)) {
            read_default(key, &loader->found, config);
            continue;
        }
        for (uint32_t j = 0; j < config->stream_count; j++) {
            read_default(key, &loader->streams[j], &config->streams[j]);
        }
    }
    assert(config->stream_count >= 1);
    assert(config->stream_count <= CONFIG_STREAMS_MAX);
    if (!listed) {
        default_streams(config);
    }
    for (uint32_t j = 0; j < config->stream_count; j++) {
        struct config_stream *stream = &config->streams[j];
        if (stream->priority == 0) {
            stream->priority = j + 1;
        }
        /* A default limit would stop sales in a long outage although the disk
         * still has room. */
        if (stream->shop &&
            node_of(&loader->streams[j], "streams[].capacity") == NULL) {
            stream->capacity = CONFIG_CAPACITY_MAX;
        }
    }
}

static err_t check_stream_name(struct loader *loader, uint32_t index) {
    static const char *const reserved[] = {"receipts", "notices", "status",
                                           "events",   "gateway", "broker"};
    const struct config_stream *streams = loader->config.streams;
    const char *name = streams[index].name;
    const yaml_node_t *node =
        node_of(&loader->streams[index], "streams[].name");
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcmp(name, reserved[i]) == 0) {
            return yaml_file_error(&loader->file, node, loader->reason,
                                   "found the stream name %s, which the "
                                   "gateway uses itself; expected another",
                                   name);
        }
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(name, streams[i].name) == 0) {
            return yaml_file_error(&loader->file, node, loader->reason,
                                   "found a second stream called %s; expected "
                                   "each name once",
                                   name);
        }
    }
    return ERR_OK;
}

/* An event too large for the bus would block its key forever, and in the end
 * the stream. */
static err_t check_event_bytes(struct loader *loader,
                               const struct config_stream *stream) {
    if (stream->sink != CONFIG_SINK_EVENTBRIDGE ||
        loader->config.event_bytes_max <= CONFIG_EVENTBRIDGE_BYTES_MAX) {
        return ERR_OK;
    }
    const yaml_node_t *node = node_of(&loader->found, "event_bytes_max");
    return yaml_file_error(&loader->file, node, loader->reason,
                           "found %s and stream %s with the sink eventbridge; "
                           "expected event_bytes_max: at most %d KiB, as "
                           "EventBridge takes no more",
                           yaml_found(node).text, stream->name,
                           CONFIG_EVENTBRIDGE_BYTES_MAX / 1024);
}

static err_t check_sink(struct loader *loader, uint32_t index) {
    struct config_stream *stream = &loader->config.streams[index];
    const struct found *found = &loader->streams[index];
    const yaml_node_t *sink = node_of(found, "streams[].sink");
    const yaml_node_t *bus = node_of(found, "streams[].sink.eventbridge");
    const yaml_node_t *kinesis = node_of(found, "streams[].sink.kinesis");
    if (sink == NULL) {
        return ERR_OK;
    }
    if (bus != NULL && kinesis != NULL) {
        return yaml_file_error(&loader->file, sink, loader->reason,
                               "found two sinks for stream %s; expected "
                               "eventbridge or kinesis",
                               stream->name);
    }
    if (bus == NULL && kinesis == NULL) {
        return yaml_file_error(&loader->file, sink, loader->reason,
                               "found no sink; expected {eventbridge: {bus: "
                               "NAME}} or {kinesis: {stream: NAME}}");
    }
    stream->sink = bus != NULL ? CONFIG_SINK_EVENTBRIDGE : CONFIG_SINK_KINESIS;
    if (node_of(&loader->found, "cloud.region") == NULL) {
        return yaml_file_error(&loader->file, sink, loader->reason,
                               "found a sink and no cloud.region; expected "
                               "cloud: {region: ...}, such as eu-central-1");
    }
    return check_event_bytes(loader, stream);
}

/* Orders are never dropped: the till was told that its order was accepted.
 */
static err_t check_full(struct loader *loader, uint32_t index) {
    const struct config_stream *stream = &loader->config.streams[index];
    if (!stream->shop || stream->when_full == CONFIG_FULL_REJECT) {
        return ERR_OK;
    }
    const yaml_node_t *node =
        node_of(&loader->streams[index], "streams[].when_full");
    return yaml_file_error(&loader->file, node, loader->reason,
                           "found when_full: drop_oldest on stream %s, which "
                           "runs the shop; expected reject",
                           stream->name);
}

/* With fewer segments none could be dropped while one is being written and the
 * next one is prepared. */
static err_t check_capacity(struct loader *loader, uint32_t index) {
    const struct config_stream *stream = &loader->config.streams[index];
    const uint64_t mib = 1024 * 1024;
    assert(stream->segment_bytes > 0);
    if (stream->capacity >= SEGMENTS_MIN * stream->segment_bytes) {
        return ERR_OK;
    }
    const struct found *found = &loader->streams[index];
    const yaml_node_t *node = node_of(found, "streams[].capacity");
    if (node == NULL) {
        node = node_of(found, "streams[].segment");
    }
    return yaml_file_error(
        &loader->file, node, loader->reason,
        "found a capacity of %llu MiB and segments of %llu MiB on stream %s; "
        "expected capacity: %llu MiB or more (%d segments), or a smaller "
        "segment",
        (unsigned long long)(stream->capacity / mib),
        (unsigned long long)(stream->segment_bytes / mib), stream->name,
        (unsigned long long)(SEGMENTS_MIN * stream->segment_bytes / mib),
        SEGMENTS_MIN);
}

/* Who asked for more before there was a limit gets no limit below that. */
static err_t check_keep(struct loader *loader, uint32_t index) {
    struct config_stream *stream = &loader->config.streams[index];
    const yaml_node_t *node =
        node_of(&loader->streams[index], "streams[].keep_max");
    if (stream->keep_max_ms == 0 ||
        stream->keep_for_ms <= stream->keep_max_ms) {
        return ERR_OK;
    }
    if (node == NULL) {
        stream->keep_max_ms = stream->keep_for_ms;
        return ERR_OK;
    }
    return yaml_file_error(&loader->file, node, loader->reason,
                           "found a keep_max that is shorter than keep_for on "
                           "stream %s; expected one as long or longer, or 0 "
                           "for no limit",
                           stream->name);
}

static err_t check_streams(struct loader *loader) {
    const struct config *config = &loader->config;
    if (node_of(&loader->found, "streams") == NULL) {
        return ERR_OK;
    }
    const char *shop = NULL;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct config_stream *stream = &config->streams[i];
        TRY(check_stream_name(loader, i));
        TRY(check_sink(loader, i));
        TRY(check_full(loader, i));
        TRY(check_capacity(loader, i));
        TRY(check_keep(loader, i));
        if (stream->shop && shop != NULL) {
            return yaml_file_error(
                &loader->file, node_of(&loader->streams[i], "streams[].shop"),
                loader->reason,
                "found a second stream with shop: true; expected one, which "
                "is %s",
                shop);
        }
        shop = stream->shop ? stream->name : shop;
    }
    return ERR_OK;
}

static err_t check_broker(struct loader *loader) {
    bool external = loader->config.broker.mode == CONFIG_BROKER_EXTERNAL;
    const char *mode = external ? "external" : "embedded";
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (loader->found.keys[i] != NULL && key->when != CONFIG_ALWAYS &&
            external != (key->when == CONFIG_WHEN_EXTERNAL)) {
            return yaml_file_error(
                &loader->file, loader->found.keys[i], loader->reason,
                "found %s with broker.mode %s; expected it "
                "only with %s",
                key->path, mode, external ? "embedded" : "external");
        }
    }
    if (external && node_of(&loader->found, "broker.address") == NULL) {
        return yaml_file_error(
            &loader->file, node_of(&loader->found, "broker.mode"),
            loader->reason,
            "found mode external and no broker.address; expected address: "
            "HOST:PORT of the site's broker");
    }
    return ERR_OK;
}

static err_t check_console(struct loader *loader) {
    const struct config *config = &loader->config;
    const struct config_address *listen = &config->console;
    const yaml_node_t *node = node_of(&loader->found, "console.listen");
    if (!config_host_is_loopback(listen->host)) {
        return yaml_file_error(
            &loader->file, node, loader->reason,
            "found %s; expected console.listen on 127.0.0.1, [::1] or "
            "localhost, as this version has no token to protect any other",
            yaml_found(node).text);
    }
    const struct config_address *broker = &config->broker.listen;
    if (config->console_enabled && listen->port != 0 &&
        config->broker.mode == CONFIG_BROKER_EMBEDDED &&
        listen->port == broker->port &&
        strcmp(listen->host, broker->host) == 0) {
        const yaml_node_t *other = node_of(&loader->found, "broker.listen");
        return yaml_file_error(&loader->file, node != NULL ? node : other,
                               loader->reason,
                               "found port %u for broker.listen and "
                               "console.listen; expected two different ports",
                               listen->port);
    }
    return ERR_OK;
}

/* Sets the default socket path, and checks the limit of sockaddr_un(7). */
static err_t check_control_socket(struct loader *loader) {
    struct config *config = &loader->config;
    const yaml_node_t *node = node_of(&loader->found, "control_socket");
    size_t len = strlen(config->control_socket);
    if (node == NULL) {
        node = node_of(&loader->found, "data");
        int printed =
            snprintf(config->control_socket, sizeof config->control_socket,
                     "%s/control.sock", config->data);
        len = (size_t)printed;
    }
    if (len > SOCKET_PATH_MAX) {
        return yaml_file_error(&loader->file, node, loader->reason,
                               "found a control socket path of %zu bytes; "
                               "expected at most %d: set a shorter "
                               "control_socket",
                               len, SOCKET_PATH_MAX);
    }
    return ERR_OK;
}

static err_t check_cloud(struct loader *loader) {
    /* PutEvents refuses a Source that begins like this (Amazon EventBridge API
     * reference, PutEventsRequestEntry). */
    const char *prefix = loader->config.cloud.source_prefix;
    if (strncmp(prefix, "aws.", strlen("aws.")) == 0 ||
        strcmp(prefix, "aws") == 0) {
        const yaml_node_t *node =
            node_of(&loader->found, "cloud.source_prefix");
        return yaml_file_error(&loader->file, node, loader->reason,
                               "found %s; expected a source_prefix that does "
                               "not begin with aws., which Amazon reserves",
                               yaml_found(node).text);
    }
    return ERR_OK;
}

static err_t load(struct loader *loader) {
    const yaml_node_t *root = loader->file.root;
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        return yaml_file_error(&loader->file, root, loader->reason,
                               "found %s; expected keys, the first of them "
                               "store: NAME",
                               root == NULL ? "an empty file"
                                            : yaml_found(root).text);
    }
    struct scope scope = {&loader->config, &loader->found};
    TRY(load_section(loader, root, "", scope));
    fill_defaults(loader);
    TRY(check_broker(loader));
    TRY(check_streams(loader));
    TRY(check_cloud(loader));
    TRY(check_console(loader));
    return check_control_socket(loader);
}

err_t config_load(const char *path, struct config *ret, struct reason *reason) {
    struct loader loader;
    memset(&loader, 0, sizeof loader);
    struct reason ignored;
    loader.reason = reason != NULL ? reason : &ignored;
    TRY(yaml_file_open(path, &loader.file, loader.reason));
    err_t err = load(&loader);
    yaml_file_close(&loader.file);
    TRY(err);
    memcpy(ret, &loader.config, sizeof *ret);
    return ERR_OK;
}
