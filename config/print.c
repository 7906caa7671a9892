/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the schema for people, and a configuration as YAML. */
#include "config/schema.h"

enum { INDENT = 2 };

static unsigned depth_of(const char *path) {
    unsigned depth = 0;
    for (const char *p = path; *p != '\0'; p++) {
        depth += *p == '.' ? 1 : 0;
    }
    return depth;
}

static const char *last_part(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot == NULL ? path : dot + 1;
}

void config_describe(struct writer *writer) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        writer_printf(writer, "%s: ", key->path);
        config_value_expected(key, writer);
        if (key->required) {
            writer_str(writer, "; required");
        }
        if (key->fallback != NULL) {
            writer_printf(writer, "; default %s", key->fallback);
        }
        if (key->when != CONFIG_ALWAYS) {
            writer_printf(writer, "; with mode: %s",
                          key->when == CONFIG_WHEN_EMBEDDED ? "embedded"
                                                            : "external");
        }
        if (key->reloadable) {
            writer_str(writer, "; reloadable");
        }
        writer_printf(writer, "\n    %s\n", key->help);
    }
}

/* Does this configuration use the key? */
static bool is_set(const struct config_key *key, const struct config *config,
                   const void *base) {
    if (key->kind == CONFIG_SECTION || config_value_is_empty(key, base)) {
        return false;
    }
    bool external = config->broker.mode == CONFIG_BROKER_EXTERNAL;
    return key->when == CONFIG_ALWAYS ||
           external == (key->when == CONFIG_WHEN_EXTERNAL);
}

static void print_sink(const struct config_stream *stream,
                       struct writer *writer) {
    const char *prefix = config_sink_prefix(stream->sink);
    if (prefix == NULL) {
        return;
    }
    writer_printf(writer, "    sink: {%s: {",
                  stream->sink == CONFIG_SINK_KINESIS ? "kinesis"
                                                      : "eventbridge");
    const char *lead = "";
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *name;
        if (config_key_is_child(&config_keys[i], prefix, &name)) {
            writer_printf(writer, "%s%s: ", lead, name);
            config_value_write(&config_keys[i], stream, writer);
            lead = ", ";
        }
    }
    writer_str(writer, "}}\n");
}

static void print_stream(const struct config_stream *stream,
                         struct writer *writer) {
    const char *lead = "  - ";
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_key_scope(key) == CONFIG_OF_STREAM &&
            key->kind != CONFIG_SECTION && depth_of(key->path) == 1) {
            writer_printf(writer, "%s%s: ", lead, last_part(key->path));
            config_value_write(key, stream, writer);
            writer_str(writer, "\n");
            lead = "    ";
        }
    }
    print_sink(stream, writer);
}

static size_t section_len(const char *path, unsigned depth) {
    const char *end = path;
    for (; depth > 0; depth--) {
        end = strchr(end, '.') + 1;
    }
    return (size_t)(end - path);
}

/* The lines of the sections that this key begins, as the one before it is not
 * in them. */
static void print_sections(const char *path, const char *before,
                           struct writer *writer) {
    for (unsigned depth = 1; depth <= depth_of(path); depth++) {
        size_t from = section_len(path, depth - 1);
        size_t len = section_len(path, depth);
        if (before == NULL || strncmp(before, path, len) != 0) {
            writer_fill(writer, ' ', INDENT * (size_t)(depth - 1));
            writer_printf(writer, "%.*s:\n", (int)(len - from - 1),
                          path + from);
        }
    }
}

static void print_listeners(const struct config_broker *broker,
                            struct writer *writer) {
    writer_str(writer, "\n");
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        writer_str(writer, "    - ");
        config_listener_write(&broker->listeners[i], writer);
        writer_str(writer, "\n");
    }
}

static void print_key(const struct config_key *key, const struct config *config,
                      struct writer *writer) {
    writer_fill(writer, ' ', INDENT * (size_t)depth_of(key->path));
    writer_printf(writer, "%s:", last_part(key->path));
    if (key->kind == CONFIG_LISTEN &&
        !config_listen_is_plain(&config->broker)) {
        print_listeners(&config->broker, writer);
        return;
    }
    writer_str(writer, " ");
    config_value_write(key, config, writer);
    writer_str(writer, "\n");
}

void config_print(const struct config *config, struct writer *writer) {
    const char *before = NULL;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind == CONFIG_LIST) {
            writer_printf(writer, "%s:\n", key->path);
            for (uint32_t j = 0; j < config->stream_count; j++) {
                print_stream(&config->streams[j], writer);
            }
        } else if (config_key_scope(key) == CONFIG_OF_GATEWAY &&
                   is_set(key, config, config)) {
            print_sections(key->path, before, writer);
            print_key(key, config, writer);
            before = key->path;
        }
    }
}
