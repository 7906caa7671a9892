/* SPDX-License-Identifier: Apache-2.0 */
/* One file's values over those of the files before it: walks the document
 * against the schema. What is wrong is said, and the walk goes on. */
#include <assert.h>
#include <stdio.h>

#include "config/loader.h"
#include "config/nearest.h"

/* The part of a document that is being read. */
struct scope {
    void *base; /* struct config or struct config_stream */
    struct found *found;
    uint32_t file;
};

static const yaml_node_t *node_at(const struct loader *loader,
                                  const struct scope *scope, int index) {
    return yaml_file_node(&loader->files[scope->file], index);
}

/* Names the closest key of the section, else all of them. */
static void write_known(const char *prefix, struct slice name,
                        struct writer *writer) {
    const char *nearest = NULL;
    size_t best = name.len / 3 + 2;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *known;
        if (config_key_is_child(&config_keys[i], prefix, &known) &&
            name.len <= NEAREST_WORD_MAX &&
            nearest_distance(known, name) < best) {
            best = nearest_distance(known, name);
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

static void unknown_key(struct loader *loader, struct spot name,
                        const char *prefix) {
    char text[200] = "";
    struct writer known = writer_over(text, sizeof text - 1);
    if (!config_findings_full(loader->findings)) {
        write_known(prefix, yaml_scalar(name.node), &known);
    }
    text[known.len] = '\0';
    loader_fault(loader, name, "found the unknown key %s; expected %s",
                 yaml_found(name.node).text, text);
}

static void wrong_value(struct loader *loader, const struct config_key *key,
                        const struct scope *scope) {
    struct spot at = scope->found->keys[key - config_keys];
    char text[120];
    struct writer expected = writer_over(text, sizeof text - 1);
    config_value_expected(key, &expected);
    text[expected.len] = '\0';
    scope->found->bad[key - config_keys] = true;
    loader_fault(loader, at, "found %s; expected %s: %s",
                 yaml_found(at.node).text, key->path, text);
}

static bool load_scalar(const struct config_key *key, const yaml_node_t *node,
                        void *base) {
    assert(key->kind != CONFIG_SECTION && key->kind != CONFIG_LIST);
    bool plain_only = key->kind == CONFIG_BOOL || key->kind == CONFIG_UINT;
    return node->type == YAML_SCALAR_NODE && !yaml_is_nothing(node) &&
           (!plain_only || yaml_is_plain(node)) &&
           config_value_read(key, yaml_scalar(node), base) == ERR_OK;
}

static void load_section(struct loader *loader, const yaml_node_t *node,
                         const char *prefix, const struct scope *scope);
static void load_streams(struct loader *loader, const struct config_key *key,
                         const yaml_node_t *node, uint32_t file);
static void load_listeners(struct loader *loader, const struct config_key *key,
                           const yaml_node_t *node, uint32_t file);

/* A sink of a later file takes the place of an earlier one whole: merged, they
 * would be two. */
static void forget_below(const struct config_key *section,
                         struct found *found) {
    size_t len = strlen(section->path);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strncmp(config_keys[i].path, section->path, len) == 0 &&
            config_keys[i].path[len] == '.') {
            found->keys[i] = (struct spot){NULL, 0};
            found->bad[i] = false;
        }
    }
}

static void load_key(struct loader *loader, const struct config_key *key,
                     const yaml_node_t *node, const struct scope *scope) {
    size_t index = (size_t)(key - config_keys);
    scope->found->keys[index] = (struct spot){node, scope->file};
    scope->found->bad[index] = false;
    if (key->kind == CONFIG_LIST) {
        load_streams(loader, key, node, scope->file);
        return;
    }
    if (key->kind == CONFIG_LISTEN && node->type == YAML_SEQUENCE_NODE) {
        load_listeners(loader, key, node, scope->file);
        return;
    }
    if (key->kind != CONFIG_SECTION) {
        if (!load_scalar(key, node, scope->base)) {
            wrong_value(loader, key, scope);
        }
        return;
    }
    if (strcmp(key->path, "streams[].sink") == 0) {
        forget_below(key, scope->found);
    }
    if (node->type != YAML_MAPPING_NODE) {
        wrong_value(loader, key, scope);
        return;
    }
    char prefix[CONFIG_KEY_PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s.", key->path);
    load_section(loader, node, prefix, scope);
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

static bool is_given(const struct scope *scope, const struct config_key *key) {
    const struct spot *spot = &scope->found->keys[key - config_keys];
    return spot->node != NULL && spot->file == scope->file;
}

static void load_section(struct loader *loader, const yaml_node_t *node,
                         const char *prefix, const struct scope *scope) {
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct spot name = {node_at(loader, scope, pair->key), scope->file};
        if (name.node->type != YAML_SCALAR_NODE) {
            loader_fault(loader, name,
                         "found %s as a key; expected a key's name",
                         yaml_found(name.node).text);
            continue;
        }
        const struct config_key *key =
            find_child(prefix, yaml_scalar(name.node));
        if (key == NULL) {
            unknown_key(loader, name, prefix);
        } else if (is_given(scope, key)) {
            loader_fault(loader, name,
                         "found the key %s again; expected it once",
                         yaml_found(name.node).text);
        } else {
            load_key(loader, key, node_at(loader, scope, pair->value), scope);
        }
    }
}

/* --- The list of streams -------------------------------------------------- */

/* The value of the entry's `name`, if it is one; else NULL. */
static const yaml_node_t *name_in(const struct loader *loader, uint32_t file,
                                  const yaml_node_t *entry) {
    const yaml_node_pair_t *pair = entry->data.mapping.pairs.start;
    for (; pair < entry->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key =
            yaml_file_node(&loader->files[file], pair->key);
        const yaml_node_t *value =
            yaml_file_node(&loader->files[file], pair->value);
        if (key->type == YAML_SCALAR_NODE &&
            slice_eq_str(yaml_scalar(key), "name")) {
            bool word =
                value->type == YAML_SCALAR_NODE && yaml_scalar(value).len > 0;
            return word ? value : NULL;
        }
    }
    return NULL;
}

/* The index of the stream with this name, or the number of streams. */
static uint32_t find_stream(const struct config *config,
                            const yaml_node_t *name) {
    uint32_t i = 0;
    while (i < config->stream_count &&
           (name == NULL ||
            !slice_eq_str(yaml_scalar(name), config->streams[i].name))) {
        i++;
    }
    return i;
}

static void load_stream(struct loader *loader, const yaml_node_t *entry,
                        uint32_t file) {
    struct config *config = &loader->config;
    const yaml_node_t *name = name_in(loader, file, entry);
    uint32_t index = find_stream(config, name);
    if (index == CONFIG_STREAMS_MAX) {
        loader_fault(loader, (struct spot){entry, file},
                     "found one stream too many; expected at most %d",
                     CONFIG_STREAMS_MAX);
        return;
    }
    struct found *found = &loader->streams[index];
    if (index < config->stream_count && found->self.file == file) {
        loader_fault(loader, (struct spot){name, file},
                     "found a second stream called %s; expected each name "
                     "once",
                     config->streams[index].name);
        return;
    }
    found->self = (struct spot){entry, file};
    config->stream_count += index == config->stream_count ? 1 : 0;
    const struct scope scope = {&config->streams[index], found, file};
    load_section(loader, entry, "streams[].", &scope);
}

void load_default_streams(struct loader *loader) {
    struct config *config = &loader->config;
    assert(config->stream_count == 0);
    strcpy(config->streams[0].name, "orders");
    strcpy(config->streams[1].name, "telemetry");
    config->stream_count = 2;
    loader->on_defaults = true;
}

/* A first file that lists none has the default streams; one of conf.d is merged
 * with those: a store that adds a line for telemetry keeps its orders. */
static void load_streams(struct loader *loader, const struct config_key *key,
                         const yaml_node_t *node, uint32_t file) {
    assert(key->kind == CONFIG_LIST);
    const struct scope scope = {&loader->config, &loader->found, file};
    if (node->type != YAML_SEQUENCE_NODE ||
        node->data.sequence.items.start == node->data.sequence.items.top) {
        wrong_value(loader, key, &scope);
        return;
    }
    if (file > 0 && loader->config.stream_count == 0) {
        load_default_streams(loader);
    }
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = node_at(loader, &scope, *item);
        if (entry->type != YAML_MAPPING_NODE) {
            loader_fault(loader, (struct spot){entry, file},
                         "found %s; expected a stream, such as {name: orders, "
                         "shop: true}",
                         yaml_found(entry).text);
            continue;
        }
        load_stream(loader, entry, file);
    }
}

/* --- The list of listeners ------------------------------------------------ */

static void load_listener(struct loader *loader, const yaml_node_t *entry,
                          uint32_t file) {
    struct config_broker *broker = &loader->config.broker;
    struct spot at = {entry, file};
    if (entry->type != YAML_MAPPING_NODE) {
        loader_fault(loader, at,
                     "found %s; expected a listener, such as {address: "
                     "\"0.0.0.0:8884\", tls: true}",
                     yaml_found(entry).text);
        return;
    }
    if (broker->listener_count == CONFIG_LISTENERS_MAX) {
        loader_fault(loader, at,
                     "found one listener too many; expected at most %d",
                     CONFIG_LISTENERS_MAX);
        return;
    }
    uint32_t index = broker->listener_count++;
    struct found *found = &loader->listeners[index];
    found->self = at;
    const struct scope scope = {&broker->listeners[index], found, file};
    load_section(loader, entry, "broker.listen[].", &scope);
}

/* Whatever an earlier file has said of it is forgotten. */
static void load_listeners(struct loader *loader, const struct config_key *key,
                           const yaml_node_t *node, uint32_t file) {
    struct config_broker *broker = &loader->config.broker;
    const struct scope scope = {&loader->config, &loader->found, file};
    memset(broker->listeners, 0, sizeof broker->listeners);
    memset(loader->listeners, 0, sizeof loader->listeners);
    broker->listener_count = 0;
    const yaml_node_item_t *item = node->data.sequence.items.start;
    if (item == node->data.sequence.items.top) {
        wrong_value(loader, key, &scope);
        return;
    }
    for (; item < node->data.sequence.items.top; item++) {
        load_listener(loader, node_at(loader, &scope, *item), file);
    }
}

void load_file(struct loader *loader, uint32_t file) {
    assert(loader->open[file]);
    const yaml_node_t *root = loader->files[file].root;
    if (root == NULL) {
        return; /* nothing but comments */
    }
    struct spot at = {root, file};
    if (root->type != YAML_MAPPING_NODE) {
        loader_fault(loader, at,
                     "found %s; expected keys, the first of them store: NAME",
                     yaml_found(root).text);
        loader->sources->complete = false;
        return;
    }
    if (file == 0) {
        loader->found.self = at;
    }
    const struct scope scope = {&loader->config, &loader->found, file};
    load_section(loader, root, "", &scope);
}
