/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reload.h"

#include <assert.h>
#include <stdio.h>

#include "config/schema.h"

enum { VALUE_BYTES = 8 * 1024 };

struct reload {
    void (*each)(void *context, const struct config_change *change);
    void *context;
};

static size_t write_value(const struct config_key *key, const void *base,
                          char text[VALUE_BYTES]) {
    struct writer writer = writer_over(text, VALUE_BYTES);
    config_value_write(key, base, &writer);
    assert(!writer.full);
    return writer.len;
}

static void cut(char *ret, size_t ret_size, const char *text, size_t len) {
    snprintf(ret, ret_size, "%.*s", (int)len, text);
}

/* "streams[].keep" of the stream orders is "streams[orders].keep". */
static void name_key(const struct config_key *key, const char *stream,
                     char ret[CONFIG_CHANGE_KEY_MAX]) {
    if (stream == NULL) {
        snprintf(ret, CONFIG_CHANGE_KEY_MAX, "%s", key->path);
        return;
    }
    const char *rest = strstr(key->path, "[].");
    assert(rest != NULL);
    snprintf(ret, CONFIG_CHANGE_KEY_MAX, "streams[%s]%s", stream, rest + 2);
}

static void take_value(const struct config_key *key, void *base,
                       const void *next) {
    memcpy((uint8_t *)base + key->offset, (const uint8_t *)next + key->offset,
           key->size);
}

static bool is_same_value(const struct config_key *key, const void *a,
                          const void *b) {
    char one[VALUE_BYTES];
    char other[VALUE_BYTES];
    size_t len = write_value(key, a, one);
    return len == write_value(key, b, other) && memcmp(one, other, len) == 0;
}

/* `stream` is the name of the stream that the scope is, or NULL. */
static void reload_key(const struct reload *reload,
                       const struct config_key *key, const char *stream,
                       void *base, const void *next) {
    char was[VALUE_BYTES];
    char is[VALUE_BYTES];
    size_t was_len = write_value(key, base, was);
    size_t is_len = write_value(key, next, is);
    if (was_len == is_len && memcmp(was, is, is_len) == 0) {
        return;
    }
    struct config_change change = {.reloadable = key->reloadable};
    name_key(key, stream, change.key);
    cut(change.was, sizeof change.was, was, was_len);
    cut(change.is, sizeof change.is, is, is_len);
    if (key->reloadable) {
        take_value(key, base, next);
    }
    reload->each(reload->context, &change);
}

static bool has_value(const struct config_key *key) {
    return key->kind != CONFIG_SECTION && key->kind != CONFIG_LIST;
}

static bool are_same_streams(const struct config *a, const struct config *b) {
    bool same = a->stream_count == b->stream_count;
    for (uint32_t i = 0; same && i < a->stream_count; i++) {
        same = strcmp(a->streams[i].name, b->streams[i].name) == 0;
    }
    return same;
}

/* Of what is no single key's value. */
static void name_change(const struct reload *reload, const char *stream) {
    struct config_change change = {.was = "as started", .is = "changed"};
    if (stream == NULL) {
        snprintf(change.key, sizeof change.key, "streams");
    } else {
        snprintf(change.key, sizeof change.key, "streams[%s].sink", stream);
    }
    reload->each(reload->context, &change);
}

/* Keys of another kind of sink do not count. */
static bool is_same_sink(const struct config_stream *a,
                         const struct config_stream *b) {
    const char *prefix = config_sink_prefix(a->sink);
    if (a->sink != b->sink || prefix == NULL) {
        return a->sink == b->sink;
    }
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        const char *name;
        if (config_key_is_child(key, prefix, &name) &&
            !is_same_value(key, a, b)) {
            return false;
        }
    }
    return true;
}

/* Reported as one, since its kind is no key's value. */
static bool is_of_sink(const struct config_key *key) {
    return strstr(key->path, "[].sink.") != NULL;
}

static void reload_stream(const struct reload *reload,
                          struct config_stream *stream,
                          const struct config_stream *next) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_key_scope(key) == CONFIG_OF_STREAM && has_value(key) &&
            !is_of_sink(key)) {
            reload_key(reload, key, stream->name, stream, next);
        }
    }
    if (!is_same_sink(stream, next)) {
        name_change(reload, stream->name);
    }
}

void config_reload(struct config *config, const struct config *next,
                   void (*each)(void *context,
                                const struct config_change *change),
                   void *context) {
    const struct reload reload = {each, context};
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (config_key_scope(&config_keys[i]) == CONFIG_OF_GATEWAY &&
            has_value(&config_keys[i])) {
            reload_key(&reload, &config_keys[i], NULL, config, next);
        }
    }
    if (!are_same_streams(config, next)) {
        name_change(&reload, NULL);
        return;
    }
    for (uint32_t i = 0; i < config->stream_count; i++) {
        reload_stream(&reload, &config->streams[i], &next->streams[i]);
    }
}
