/* SPDX-License-Identifier: Apache-2.0 */
/* From the files to one configuration: read each over the ones before it, fill
 * in the defaults, check keys against each other, and note the places. */
#include "config/loader.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static size_t index_of(const char *path) {
    const struct config_key *key = config_key_find(path);
    assert(key != NULL);
    return (size_t)(key - config_keys);
}

struct spot loader_spot(const struct found *found, const char *path) {
    return found->keys[index_of(path)];
}

bool loader_is_bad(const struct found *found, const char *path) {
    return found->bad[index_of(path)];
}

PRINTF_LIKE(4, 0)
static void add(struct loader *loader, enum config_level level,
                struct spot spot, const char *format, va_list args) {
    struct reason what;
    yaml_file_error_v(&loader->files[spot.file], spot.node, &what, format,
                      args);
    config_findings_add(loader->findings, level, &what);
}

void loader_fault(struct loader *loader, struct spot spot, const char *format,
                  ...) {
    va_list args;
    va_start(args, format);
    add(loader, CONFIG_ERROR, spot, format, args);
    va_end(args);
}

void loader_warn(struct loader *loader, struct spot spot, const char *format,
                 ...) {
    va_list args;
    va_start(args, format);
    add(loader, CONFIG_WARNING, spot, format, args);
    va_end(args);
}

/* --- Required keys and defaults ----------------------------------------- */

/* The section that a key stands in, if the files have it. */
static struct spot section_of(const struct config_key *key,
                              const struct found *found) {
    char path[CONFIG_KEY_PATH_MAX];
    snprintf(path, sizeof path, "%s", key->path);
    char *dot = strrchr(path, '.');
    if (dot == NULL) {
        return found->self;
    }
    *dot = '\0';
    if (config_key_scope(key) != CONFIG_OF_GATEWAY && dot[-1] == ']') {
        return found->self;
    }
    return loader_is_bad(found, path) ? (struct spot){NULL, 0}
                                      : loader_spot(found, path);
}

static void check_required(struct loader *loader, const struct config_key *key,
                           const struct found *found, bool top) {
    struct spot section = section_of(key, found);
    if (!key->required || found->keys[key - config_keys].node != NULL ||
        (section.node == NULL && !top)) {
        return;
    }
    const char *dot = strrchr(key->path, '.');
    loader_fault(loader, section,
                 "found no key %s; expected the required key %s: %s",
                 dot == NULL ? key->path : dot + 1, key->path, key->help);
}

static void read_default(const struct config_key *key,
                         const struct found *found, void *base) {
    size_t index = (size_t)(key - config_keys);
    bool given = found->keys[index].node != NULL && !found->bad[index];
    if (key->fallback == NULL || given) {
        return;
    }
    err_t err = config_value_read(key, slice_from_str(key->fallback), base);
    assert(err == ERR_OK);
}

/* What the two default streams have that is no key's default. */
static void fill_default_streams(struct loader *loader) {
    struct config *config = &loader->config;
    if (loader_spot(&loader->streams[0], "streams[].shop").node == NULL) {
        config->streams[0].shop = true;
    }
    if (loader_spot(&loader->streams[1], "streams[].when_full").node == NULL) {
        config->streams[1].when_full = CONFIG_FULL_DROP_OLDEST;
    }
}

static void fill_stream(struct loader *loader, uint32_t index) {
    struct config_stream *stream = &loader->config.streams[index];
    const struct found *found = &loader->streams[index];
    if (stream->priority == 0) {
        stream->priority = index + 1;
    }
    /* A default limit would stop sales in a long outage although the disk
     * still has room. */
    if (stream->shop && loader_spot(found, "streams[].capacity").node == NULL) {
        stream->capacity = CONFIG_CAPACITY_MAX;
    }
}

bool loader_has_listeners(const struct loader *loader) {
    struct spot listen = loader_spot(&loader->found, "broker.listen");
    return listen.node != NULL && listen.node->type == YAML_SEQUENCE_NODE &&
           !loader_is_bad(&loader->found, "broker.listen");
}

static void fill_defaults(struct loader *loader) {
    struct config *config = &loader->config;
    if (config->stream_count == 0) {
        load_default_streams(loader);
    }
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_key_scope(key) == CONFIG_OF_GATEWAY) {
            read_default(key, &loader->found, config);
        } else if (config_key_scope(key) == CONFIG_OF_STREAM) {
            for (uint32_t j = 0; j < config->stream_count; j++) {
                read_default(key, &loader->streams[j], &config->streams[j]);
            }
        } else if (loader_has_listeners(loader)) {
            for (uint32_t j = 0; j < config->broker.listener_count; j++) {
                read_default(key, &loader->listeners[j],
                             &config->broker.listeners[j]);
            }
        }
    }
    if (loader->on_defaults) {
        fill_default_streams(loader);
    }
    for (uint32_t j = 0; j < config->stream_count; j++) {
        fill_stream(loader, j);
    }
}

static void check_all_required(struct loader *loader) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_key_scope(key) == CONFIG_OF_GATEWAY) {
            check_required(loader, key, &loader->found,
                           strchr(key->path, '.') == NULL);
        } else if (config_key_scope(key) == CONFIG_OF_STREAM) {
            for (uint32_t j = 0; j < loader->config.stream_count; j++) {
                check_required(loader, key, &loader->streams[j], false);
            }
        } else if (loader_has_listeners(loader)) {
            const struct config_broker *broker = &loader->config.broker;
            for (uint32_t j = 0; j < broker->listener_count; j++) {
                check_required(loader, key, &loader->listeners[j], false);
            }
        }
    }
}

/* --- Places -------------------------------------------------------------- */

static void note_places(const struct found *found, struct config_place *ret) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const yaml_node_t *node = found->keys[i].node;
        if (node != NULL) {
            ret[i] = (struct config_place){
                .file = found->keys[i].file,
                .line = (uint32_t)node->start_mark.line + 1,
                .column = (uint32_t)node->start_mark.column + 1,
                .bad = found->bad[i],
            };
        }
    }
}

static const struct config_place *place_of(const struct config_sources *sources,
                                           const char *path, int item) {
    size_t index = index_of(path);
    enum config_scope scope = config_key_scope(&config_keys[index]);
    if (item == CONFIG_NO_STREAM || scope == CONFIG_OF_GATEWAY) {
        return &sources->keys[index];
    }
    assert(item >= 0);
    if (scope == CONFIG_OF_STREAM) {
        assert(item < CONFIG_STREAMS_MAX);
        return &sources->streams[item][index];
    }
    assert(item < CONFIG_LISTENERS_MAX);
    return &sources->listeners[item][index];
}

void config_find(const struct config_sources *sources,
                 struct config_findings *findings, enum config_level level,
                 const char *path, int item, const char *format, ...) {
    const struct config_place *place = place_of(sources, path, item);
    if (place->bad) {
        return;
    }
    struct reason what;
    va_list args;
    va_start(args, format);
    if (place->line > 0) {
        yaml_place_error_v(sources->files[place->file], place->line - 1,
                           place->column - 1, &what, format, args);
    } else {
        struct reason text;
        vsnprintf(text.text, sizeof text.text, format, args);
        reason_set(&what, ERR_CONFIG, "%s: %s", path, text.text);
    }
    va_end(args);
    config_findings_add(findings, level, &what);
}

/* --- All files ------------------------------------------------------------ */

/* A file that cannot be read hides keys, so that much that would be said of the
 * others is not so. */
static err_t open_file(struct loader *loader, uint32_t index) {
    struct config_sources *sources = loader->sources;
    struct reason what;
    err_t err =
        yaml_file_open(sources->files[index], &loader->files[index], &what);
    loader->files[index].path = sources->files[index];
    loader->open[index] = err == ERR_OK;
    if (err != ERR_OK) {
        sources->complete = false;
        config_findings_add(loader->findings, CONFIG_ERROR, &what);
    }
    return err;
}

static bool any_value(const struct loader *loader) {
    for (uint32_t i = 0; i < loader->sources->file_count; i++) {
        if (!loader->open[i] || loader->files[i].root != NULL) {
            return true;
        }
    }
    return false;
}

static void load_all(struct loader *loader) {
    struct config_sources *sources = loader->sources;
    for (uint32_t i = 0; i < sources->file_count; i++) {
        if (loader->open[i]) {
            load_file(loader, i);
        }
    }
    if (!any_value(loader)) {
        loader_fault(loader, loader->found.self,
                     "found an empty file; expected keys, the first of them "
                     "store: NAME");
        sources->complete = false; /* nor has it defaults */
        return;
    }
    if (sources->complete) {
        check_all_required(loader);
    }
    fill_defaults(loader);
    if (sources->complete) {
        cross_check(loader);
    }
    note_places(&loader->found, sources->keys);
    for (uint32_t j = 0; j < loader->config.stream_count; j++) {
        note_places(&loader->streams[j], sources->streams[j]);
    }
    for (uint32_t j = 0; j < loader->config.broker.listener_count; j++) {
        note_places(&loader->listeners[j], sources->listeners[j]);
    }
}

static void loader_free(struct loader **loader) {
    for (uint32_t i = 0; *loader != NULL && i < CONFIG_FILES_MAX; i++) {
        if ((*loader)->open[i]) {
            yaml_file_close(&(*loader)->files[i]);
        }
    }
    free(*loader);
}

static err_t read_all(struct loader *loader, const char *path) {
    struct config_sources *sources = loader->sources;
    struct reason what;
    *sources = (struct config_sources){.file_count = 1, .complete = true};
    if (slice_to_str(slice_from_str(path), sources->files[0],
                     sizeof sources->files[0]) != ERR_OK) {
        reason_set(&what, ERR_CONFIG, "--config FILE: the name is too long");
        config_findings_add(loader->findings, CONFIG_ERROR, &what);
        return ERR_CONFIG;
    }
    ENSURE(open_file(loader, 0) != ERR_NOT_FOUND, ERR_NOT_FOUND);
    conf_d_list(sources, loader->findings);
    for (uint32_t i = 1; i < sources->file_count; i++) {
        (void)open_file(loader, i);
    }
    load_all(loader);
    return loader->findings->errors > 0 ? ERR_CONFIG : ERR_OK;
}

err_t config_read(const char *path, struct config *ret,
                  struct config_sources *ret_sources,
                  struct config_findings *findings) {
    CLEANUP(loader_free) struct loader *loader = calloc(1, sizeof *loader);
    ENSURE(loader != NULL, ERR_MEMORY);
    loader->sources = ret_sources;
    loader->findings = findings;
    err_t err = read_all(loader, path);
    memcpy(ret, &loader->config, sizeof *ret);
    return err;
}

struct reading {
    struct config config;
    struct config_sources sources;
    struct config_findings findings;
};

static void reading_free(struct reading **reading) {
    free(*reading);
}

err_t config_load(const char *path, struct config *ret, struct reason *reason) {
    CLEANUP(reading_free) struct reading *reading = calloc(1, sizeof *reading);
    if (reading == NULL) {
        return reason_set(reason, ERR_MEMORY, "not enough memory");
    }
    err_t err = config_read(path, &reading->config, &reading->sources,
                            &reading->findings);
    if (err == ERR_OK) {
        memcpy(ret, &reading->config, sizeof *ret);
        return ERR_OK;
    }
    const struct config_finding *first =
        config_findings_error(&reading->findings);
    return reason_set(reason, err, "%s",
                      first == NULL ? "not enough memory" : first->what.text);
}
